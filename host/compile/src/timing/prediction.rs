//! What a run takes.

use myelin_isa::{Unit, register};

/// What a run of a program takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prediction {
    /// Cycles from start to the last cell's halt.
    pub cycles: u64,
    /// The stamps that cell 0 takes, in order; the hardware keeps the first
    /// [`myelin_isa::Architecture::STAMP_DEPTH`].
    pub stamps: Vec<u64>,
    /// The performance counters of each cell.
    pub cells: Vec<Counters>,
    /// Beats read from external memory, by all cells.
    pub beats_read: u64,
    /// Beats written to it.
    pub beats_written: u64,
    /// What each unit did when, by cell and unit in order; empty unless recorded.
    pub intervals: Vec<Interval>,
}

/// A cell's performance counters ([`myelin_isa::register`]), in cycles unless their name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is documented where it is defined, in myelin_isa::register")]
pub struct Counters {
    pub cycles: u64,
    pub array_busy: u64,
    pub stall_weights: u64,
    pub stall_data: u64,
    pub post_busy: u64,
    pub post_stall: u64,
    pub load_busy: u64,
    pub store_busy: u64,
    pub instructions: u64,
}

/// A unit at work on an instruction: from the cycle after taking it to its last busy one (the array's
/// pipeline not counted).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Which cell.
    pub cell: u32,
    /// Which unit.
    pub unit: Unit,
    /// Position of the instruction in the cell's program.
    pub instruction: u32,
    /// First cycle.
    pub start: u64,
    /// One past the last cycle.
    pub end: u64,
}

impl Counters {
    /// Name and value of each, in the order of the register map.
    pub fn named(&self) -> [(&'static str, u64); register::COUNTER_COUNT as usize] {
        [
            ("cycles", self.cycles),
            ("array_busy", self.array_busy),
            ("stall_weights", self.stall_weights),
            ("stall_data", self.stall_data),
            ("post_busy", self.post_busy),
            ("post_stall", self.post_stall),
            ("load_busy", self.load_busy),
            ("store_busy", self.store_busy),
            ("instructions", self.instructions),
        ]
    }
}

impl Prediction {
    /// The counters of all cells: cycles of the slowest, sums of all others.
    pub fn total(&self) -> Counters {
        self.cells.iter().fold(Counters::default(), |total, cell| Counters {
            cycles: total.cycles.max(cell.cycles),
            array_busy: total.array_busy + cell.array_busy,
            stall_weights: total.stall_weights + cell.stall_weights,
            stall_data: total.stall_data + cell.stall_data,
            post_busy: total.post_busy + cell.post_busy,
            post_stall: total.post_stall + cell.post_stall,
            load_busy: total.load_busy + cell.load_busy,
            store_busy: total.store_busy + cell.store_busy,
            instructions: total.instructions + cell.instructions,
        })
    }
}
