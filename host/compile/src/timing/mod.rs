//! When everything happens in a run, cycle by cycle as the hardware does it.
//!
//! Cells are stepped like the RTL's registers: sequencer, queues, tokens, barrier, the walks of
//! array and post unit, the requests and beats of load and store unit, the scratchpad ports that the
//! post unit takes before them, and the memory they share ([`crate::memory`]). Nothing depends on data, so
//! none is moved; stretches in which nothing can change are skipped. The latencies are those of the
//! blocks in `rtl/blocks/src/tensor`, whose files state them; `verification/conformance` holds the two
//! together, counter by counter.
//!
//! ```text
//!  program -> sequencer -> queues -> load  ---+--> tokens, barrier
//!                                    array ---|
//!                                    post  ---|--> scratchpad ports
//!                                    store ---+--> memory
//! ```
//!
//! **Timing.** Cycles count from the first in which the sequencers run, as the hardware's counters do.

mod card;
mod cell;
mod estimate;
mod prediction;
mod transfer;
mod walks;

pub(crate) use estimate::estimate;
pub use prediction::{Counters, Interval, Prediction};

use crate::memory::MemoryModel;
use crate::program::CellProgram;
use myelin_isa::Architecture;
use thiserror::Error;

/// Cycles after which a run is given up: the hardware counts no further.
pub const CYCLES_MAX: u64 = 1 << 32;

/// Whether to keep what each unit did when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recording {
    /// Counters and stamps only.
    #[default]
    None,
    /// [`Prediction::intervals`] too: one for each instruction.
    Intervals,
}

/// A program that does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TimingError {
    /// There is no halting SYNC after the entry.
    #[error("cell {cell}: there is no halt after instruction {entry}")]
    NoHalt {
        /// Which cell.
        cell: u32,
        /// Where it started.
        entry: u32,
    },
    /// Nothing moves any more.
    #[error("cell {cell} waits for ever, before instruction {instruction} is handed out")]
    Deadlock {
        /// A cell that has not halted.
        cell: u32,
        /// What its sequencer holds.
        instruction: u32,
    },
    /// Not ended after [`CYCLES_MAX`].
    #[error("more than {CYCLES_MAX} cycles")]
    TooLong,
}

/// The cycles of a run of all cells from `entry` until each has halted; `cells` are as many as the
/// architecture has.
///
/// # Errors
/// [`TimingError`].
pub fn predict(
    architecture: &Architecture,
    memory: MemoryModel,
    cells: &[CellProgram],
    entry: u32,
) -> Result<Prediction, TimingError> {
    predict_recorded(architecture, memory, cells, entry, Recording::None)
}

/// [`predict`], keeping what was asked for.
///
/// # Errors
/// [`TimingError`].
pub fn predict_recorded(
    architecture: &Architecture,
    memory: MemoryModel,
    cells: &[CellProgram],
    entry: u32,
    recording: Recording,
) -> Result<Prediction, TimingError> {
    card::Card::new(architecture, memory, cells, entry, recording).run()
}
