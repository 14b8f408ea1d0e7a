//! How core and model can differ.

use std::fmt;

use myelin_sim::{CheckFailure, SimError};

/// What is compared of a retirement, and what each has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// What is compared.
    pub what: &'static str,
    /// The model's.
    pub expected: u64,
    /// The core's.
    pub found: u64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:#x}, expected {:#x}", self.what, self.found, self.expected)
    }
}

/// Why a run ends before its time.
#[derive(Debug, thiserror::Error)]
pub enum Divergence {
    /// Core and model do not do the same.
    #[error("retirement {retirement} at {pc:#010x}, cycle {cycle}, instruction {instruction:#010x}: {mismatch}")]
    Retirement {
        /// How many retired before.
        retirement: u64,
        /// Cycles since reset.
        cycle: u64,
        /// Where the model is.
        pc: u32,
        /// What the core says it executed.
        instruction: u32,
        /// What differs.
        mismatch: Mismatch,
    },
    /// The state at the end differs.
    #[error("at the end, after {retirements} retirements: {mismatch}")]
    End {
        /// How many retired.
        retirements: u64,
        /// What differs.
        mismatch: Mismatch,
    },
    /// A request changed, or ended, before it was answered.
    #[error("cycle {cycle}: a request changed before it was answered")]
    Protocol {
        /// Cycles since reset.
        cycle: u64,
    },
    /// Nothing retires any more.
    #[error("cycle {cycle}: nothing retired for {waited} cycles at {pc:#010x}")]
    Stuck {
        /// Cycles since reset.
        cycle: u64,
        /// For so long.
        waited: u64,
        /// Where the model is.
        pc: u32,
    },
    /// A property in the core failed.
    #[error("a check failed in the core")]
    Check(#[from] Box<CheckFailure>),
    /// The simulator could not be made or asked.
    #[error("simulate the core")]
    Simulator(#[from] SimError),
}
