//! What a wave file is to the tracer.

use std::io;

use crate::samples::Tile;

/// Says who wrote a file.
pub(super) const VERSION: &str = "myelin-sim";

/// Time units in a cycle.
pub(super) const CYCLE_TIME: u64 = 10;

/// Positions of the clock and the reset among the signals; the watched values follow.
pub(super) const CLOCK: usize = 0;
pub(super) const RESET: usize = 1;
pub(super) const VALUES: usize = 2;

/// What a level of the hierarchy stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// An instance.
    Instance,
    /// An array of instances: no level of the design, only of the file.
    Array,
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Variable {
    /// Input of its instance.
    Input,
    /// Output of its instance.
    Output,
    /// Held by a register.
    Register,
    /// Named by the source.
    Wire,
}

/// A wave file being written: first the hierarchy, then cycles in rising order without gaps.
pub(super) trait Format: Send {
    /// Opens a level of the hierarchy.
    fn scope(&mut self, name: &str, scope: Scope) -> io::Result<()>;
    /// Closes the level opened last.
    fn up(&mut self) -> io::Result<()>;
    /// Names the signal `signal`: the next new one (they count from 0), or one that has a name already.
    fn variable(&mut self, name: &str, width: u32, variable: Variable, signal: usize) -> io::Result<()>;
    /// Ends the hierarchy.
    fn begin(&mut self) -> io::Result<()>;
    /// Shows cycles: the clock rises where one begins and falls in its middle.
    fn cycles(&mut self, batch: &Batch<'_>) -> io::Result<()>;
    /// Ends the file where cycle `cycle` would begin, and flushes it.
    fn end(&mut self, cycle: u64) -> io::Result<()>;
}

/// Cycles to be shown.
pub(super) struct Batch<'a> {
    /// The first of them.
    pub(super) first_cycle: u64,
    /// How many, at most [`crate::samples::BATCH`].
    pub(super) count: usize,
    /// Nothing has been shown before: everything is new in the first cycle.
    pub(super) initial: bool,
    /// Levels of `rst_ni`, the first cycle in bit 0, and of the cycle before.
    pub(super) reset_levels: u64,
    pub(super) reset_before: bool,
    /// What the watched lines hold.
    pub(super) tiles: &'a [Tile],
    /// The signals in them.
    pub(super) groups: &'a [Group],
}

impl Batch<'_> {
    /// Times at which the reset changes, as a mask of samples.
    pub(super) fn reset_changes(&self) -> u64 {
        let before = self.reset_levels << 1 | u64::from(self.reset_before);
        ((self.reset_levels ^ before) | u64::from(self.initial)) & self.all()
    }

    /// A mask of all samples.
    pub(super) fn all(&self) -> u64 {
        u64::MAX >> (64 - self.count)
    }
}

/// The signals of a line.
pub(super) struct Group {
    /// Which line of a sample.
    pub(super) line: usize,
    pub(super) members: Vec<Member>,
}

/// A signal in a line.
pub(super) struct Member {
    /// Byte within the line.
    pub(super) at: usize,
    /// Bytes: 1, 2, 4 or 8.
    pub(super) bytes: usize,
    /// Bits.
    pub(super) width: u32,
    pub(super) signal: usize,
}
