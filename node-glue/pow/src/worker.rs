//! A device's thread: take a job, solve a graph, let golden judge what was found.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use myelin_cuckoo::Keys;
use tokio::sync::mpsc::Sender;

use crate::board::{Board, Lease};
use crate::error::SolveError;
use crate::miner::Device;
use crate::nonce::Nonces;
use crate::solver::GraphSolver;
use crate::statistics::{Outcome, Statistics};
use crate::work::{Judgement, Rules, Share};

/// First rest after a device's failure; it doubles with each further one.
const REST: Duration = Duration::from_millis(500);
/// Longest rest after failures in a row.
const REST_MAX: Duration = Duration::from_secs(60);

/// What a device's thread works with.
pub(crate) struct Worker {
    /// Position of the device.
    pub index: usize,
    /// The device.
    pub device: Device,
    /// Its part of the nonces.
    pub nonces: Nonces,
    /// The chain's rules.
    pub rules: Rules,
    /// Where jobs hang.
    pub board: Arc<Board>,
    /// Where to count.
    pub statistics: Arc<Statistics>,
    /// Where shares go.
    pub shares: Sender<Share>,
}

impl Worker {
    /// Works until the board is stopped.
    ///
    /// The device is opened when the first job comes, and opened again after it has failed. A device that
    /// fails on and on is tried about once a minute; the others are not held up by it.
    pub fn run(mut self) {
        let mut solver: Option<Box<dyn GraphSolver>> = None;
        let mut failures = 0u32;
        while let Some(lease) = self.board.wait() {
            let Some(nonce) = self.nonces.next() else { return };
            let begun = Instant::now();
            match self.solve(&mut solver, &lease.job.work.keys(nonce), &lease) {
                Ok(proofs) => {
                    failures = 0;
                    self.take(&lease, nonce, &proofs, begun.elapsed());
                }
                // A device that gives up by itself has failed; else this would spin.
                Err(SolveError::Cancelled) if lease.cancel.is_cancelled() => {
                    self.statistics.count_abandoned(self.index);
                }
                Err(error) => {
                    solver = None;
                    self.statistics.count_failure(self.index);
                    let reason = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, reason, "device failed");
                    let rest = REST.saturating_mul(1 << failures.min(20)).min(REST_MAX);
                    failures = failures.saturating_add(1);
                    if self.board.rest(rest) {
                        return;
                    }
                }
            }
        }
    }

    /// Opens the device if it is not, and solves; a panic of a device is that device's failure.
    fn solve(
        &self,
        solver: &mut Option<Box<dyn GraphSolver>>,
        keys: &Keys,
        lease: &Lease,
    ) -> Result<Vec<Vec<u64>>, SolveError> {
        let solved = catch_unwind(AssertUnwindSafe(|| {
            let open = match solver {
                Some(open) => open,
                None => solver.insert((self.device.open)()?),
            };
            open.solve(keys, &lease.cancel, &mut |round, alive| tracing::trace!(round, alive, "trimmed"))
        }));
        solved.unwrap_or_else(|_| {
            let source = "it panicked; this is a bug, please report it".into();
            Err(SolveError::Device { device: self.device.name.clone(), source })
        })
    }

    fn take(&self, lease: &Lease, nonce: u64, proofs: &[Vec<u64>], time: Duration) {
        let job = self.board.newest_version(&lease.job);
        let mut cycles = 0;
        for proof in proofs {
            match job.work.judge(&self.rules, nonce, proof) {
                Judgement::Invalid(verdict) => {
                    self.statistics.count_invalid(self.index);
                    let device = &self.device.name;
                    tracing::error!(device, nonce, %verdict, "what the device found is no proof; it is not sent");
                }
                Judgement::BelowTarget => cycles += 1,
                Judgement::Share => {
                    cycles += 1;
                    let share = Share { device: self.index, job: job.clone(), nonce, proof: proof.clone() };
                    self.statistics.count_share(self.index);
                    if self.shares.try_send(share).is_err() {
                        // No connection for so long that the queue is full, or the end has come.
                        self.statistics.count_outcome(self.index, job.pool, Outcome::Unanswered);
                    }
                }
            }
        }
        self.statistics.count_graph(self.index, time, cycles);
    }
}
