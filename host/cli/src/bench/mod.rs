//! Designs with their own benches, for `myelin sim`.

mod cell;
mod design;
mod stream;

use myelin_sim::{CheckFailure, Simulator};

pub use cell::CellBench;
pub use design::BenchDesign;
pub use stream::StreamBench;

use crate::failure::Failure;
use crate::terminal::Progress;

/// A design being driven and judged.
pub trait Bench {
    /// The simulation, for waves and coverage.
    fn simulator(&mut self) -> &mut Simulator;

    /// Goes on until at least `cycles` are simulated, an answer is wrong, or a check fails.
    fn run(&mut self, cycles: u64, progress: &mut Progress) -> Result<Outcome, Failure>;
}

/// What a bench has seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What answers are counted in, plural.
    pub what: &'static str,
    /// Answers compared and found right.
    pub right: u64,
    /// The wrong answer that ended the run.
    pub wrong: Option<String>,
    /// The assertion that ended the run.
    pub failure: Option<CheckFailure>,
}

impl Outcome {
    /// Whether all was as it should be.
    pub fn is_clean(&self) -> bool {
        self.wrong.is_none() && self.failure.is_none()
    }
}
