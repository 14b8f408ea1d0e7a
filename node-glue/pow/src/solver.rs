//! What finds proofs.

use myelin_cuckoo::{Cancel, Error, Event, Keys, Options, Parameters, Solver};

use crate::error::SolveError;

/// A device that solves one graph after the other.
pub trait GraphSolver: Send {
    /// Every cycle of the wanted size, edges ascending.
    ///
    /// Ends soon after `cancel` is thrown, with [`SolveError::Cancelled`]. `on_round` is told after every
    /// round of trimming which it was, from 0, and how many edges are alive, if the device knows.
    ///
    /// **Errors**: [`SolveError`]; the device can be used again after any.
    fn solve(
        &mut self,
        keys: &Keys,
        cancel: &Cancel,
        on_round: &mut dyn FnMut(u32, Option<u64>),
    ) -> Result<Vec<Vec<u64>>, SolveError>;
}

/// This machine's processor.
#[derive(Debug)]
pub struct CpuSolver {
    solver: Solver,
}

impl CpuSolver {
    /// Takes the memory.
    ///
    /// **Errors**: [`SolveError::Device`] with the solver's error.
    pub fn new(parameters: Parameters, options: &Options) -> Result<CpuSolver, SolveError> {
        Ok(CpuSolver { solver: Solver::new(parameters, options).map_err(on_cpu)? })
    }
}

impl GraphSolver for CpuSolver {
    fn solve(
        &mut self,
        keys: &Keys,
        cancel: &Cancel,
        on_round: &mut dyn FnMut(u32, Option<u64>),
    ) -> Result<Vec<Vec<u64>>, SolveError> {
        let found = self.solver.solve(keys, cancel, &mut |event| {
            if let Event::Round { round, alive } = event {
                on_round(round, Some(alive));
            }
        });
        found.map_err(on_cpu)
    }
}

fn on_cpu(error: Error) -> SolveError {
    match error {
        Error::Cancelled => SolveError::Cancelled,
        error => device_failed("cpu", error),
    }
}

/// The failure of a device.
pub(crate) fn device_failed(device: &str, source: impl std::error::Error + Send + Sync + 'static) -> SolveError {
    SolveError::Device { device: device.to_owned(), source: Box::new(source) }
}
