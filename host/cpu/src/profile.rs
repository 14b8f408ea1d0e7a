//! What every step of a run moves and takes, for benchmarks and for finding what is slow.

use crate::Error;
use crate::network::{Network, Workspace};
use crate::run::{Planned, Step};
use crate::view::View;
use std::time::{Duration, Instant};

/// One step of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepReport {
    /// What kind of step, as `conv`, `map`, `gather`.
    pub name: &'static str,
    /// Bytes read and written, each element counted once: without halos, with weights.
    pub bytes: u64,
    /// Time it took.
    pub time: Duration,
}

impl Network {
    /// Runs the steps on one input, and reports on each in order.
    ///
    /// **Errors.** As [`Network::run_i32`].
    pub fn profile(&self, workspace: &mut Workspace, input: &[i32]) -> Result<Vec<StepReport>, Error> {
        self.check_elements(input.len())?;
        self.load(workspace, input.iter().copied())?;
        let context = self.context(None);
        let mut reports = Vec::with_capacity(self.steps().len());
        for planned in self.steps() {
            let start = Instant::now();
            self.step(planned, &context, workspace)?;
            let time = start.elapsed();
            reports.push(StepReport { name: planned.step.name(), bytes: moved(planned), time });
        }
        Ok(reports)
    }
}

/// Bytes a step reads and writes.
fn moved(planned: &Planned) -> u64 {
    let bytes = |view: &View| (view.count() * view.element.size()) as u64;
    match &planned.step {
        // Parts of the operand may be left out, or read again.
        Step::Gathers(gathers) => gathers.iter().map(|g| g.moved_bytes()).sum(),
        Step::Take(take) => 2 * planned.written_bytes + bytes(&take.indices),
        Step::Conv(conv) => reads(planned) + planned.written_bytes + conv.packed.weights.bytes().len() as u64,
        Step::Depthwise(conv) => reads(planned) + planned.written_bytes + conv.taps.weight_bytes(),
        _ => reads(planned) + planned.written_bytes,
    }
}

fn reads(planned: &Planned) -> u64 {
    planned.step.reads().iter().map(|view| (view.count() * view.element.size()) as u64).sum()
}
