//! The newest job, and who must know of it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use myelin_cuckoo::Cancel;

use crate::work::Job;

/// Where the newest job hangs. Devices take it and are told when it is of no more use.
#[derive(Debug, Default)]
pub struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    job: Option<Arc<Job>>,
    /// Ends what works on this block.
    cancel: Cancel,
    stopped: bool,
}

/// A job to work on until `cancel` says that it is of no more use.
#[derive(Debug, Clone)]
pub struct Lease {
    /// What to solve.
    pub job: Arc<Job>,
    /// Thrown when another block is wanted.
    pub cancel: Cancel,
}

/// What a posted job is to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// The same; nothing changes but the target, if that did.
    Same,
    /// Another version of the same block: graphs under way are finished, the next ones are of this.
    Refresh,
    /// Another block: graphs under way are given up.
    NewBlock,
}

impl Board {
    /// Nothing to do yet.
    pub fn new() -> Board {
        Board::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hangs up a job.
    pub fn post(&self, job: Job) -> Posted {
        let mut state = self.lock();
        let posted = match &state.job {
            Some(before) if job.is_same(before) => Posted::Same,
            Some(before) if job.is_same_block(before) => Posted::Refresh,
            _ => Posted::NewBlock,
        };
        if posted == Posted::NewBlock {
            state.cancel.cancel();
            state.cancel = Cancel::new();
        }
        state.job = Some(Arc::new(job));
        drop(state);
        self.changed.notify_all();
        posted
    }

    /// Takes the job off: graphs under way are given up, and devices rest.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.cancel.cancel();
        state.cancel = Cancel::new();
        state.job = None;
    }

    /// Ends all work for ever.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.cancel.cancel();
        state.stopped = true;
        drop(state);
        self.changed.notify_all();
    }

    /// The newest job, as soon as there is one; `None` when stopped.
    pub fn wait(&self) -> Option<Lease> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(job) = &state.job {
                return Some(Lease { job: job.clone(), cancel: state.cancel.clone() });
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sleeps so long, or until stopped; says whether it was stopped.
    pub fn rest(&self, time: Duration) -> bool {
        let rested = self.changed.wait_timeout_while(self.lock(), time, |state| !state.stopped);
        rested.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    /// The newest job, if there is one.
    pub fn job(&self) -> Option<Arc<Job>> {
        self.lock().job.clone()
    }

    /// Whether a proof of this job is of use now.
    pub fn wants(&self, job: &Job) -> bool {
        self.lock().job.as_ref().is_some_and(|newest| job.is_same_block(newest))
    }

    /// The job with the target of now, if that has changed since it was taken.
    pub fn newest_version(&self, job: &Arc<Job>) -> Arc<Job> {
        match &self.lock().job {
            Some(newest) if newest.is_same(job) => newest.clone(),
            _ => job.clone(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;
    use crate::work::Work;

    fn job(pool: usize, hash: u8, height: u64, target: u8) -> Job {
        Job { pool, work: Work::Cortex { seal_hash: [hash; 32], target: [target; 32], height: Some(height) } }
    }

    #[test]
    fn only_another_block_or_another_pool_ends_work() {
        let board = Board::new();
        assert_eq!(board.post(job(0, 1, 7, 9)), Posted::NewBlock);
        let lease = board.wait().unwrap();
        assert_eq!(board.post(job(0, 1, 7, 9)), Posted::Same);
        assert_eq!(board.post(job(0, 1, 7, 8)), Posted::Same);
        assert_eq!(board.newest_version(&lease.job).work, job(0, 1, 7, 8).work, "the target is the newest");
        assert_eq!(board.post(job(0, 2, 7, 8)), Posted::Refresh);
        assert!(!lease.cancel.is_cancelled() && board.wants(&lease.job));
        assert_eq!(*board.newest_version(&lease.job), *lease.job, "another version keeps its own target");
        assert_eq!(*board.wait().unwrap().job, job(0, 2, 7, 8), "the next graph is of the newest");
        assert_eq!(board.post(job(0, 3, 8, 8)), Posted::NewBlock);
        assert!(lease.cancel.is_cancelled() && !board.wants(&lease.job));
        let lease = board.wait().unwrap();
        assert_eq!(board.post(job(1, 3, 8, 8)), Posted::NewBlock);
        assert!(lease.cancel.is_cancelled());
        let lease = board.wait().unwrap();
        board.clear();
        assert!(lease.cancel.is_cancelled() && !board.wants(&lease.job) && board.job().is_none());
    }

    #[test]
    fn a_waiting_device_is_woken_by_a_job_and_by_the_end() {
        let board = Arc::new(Board::new());
        let device = std::thread::spawn({
            let board = board.clone();
            move || {
                let first = board.wait().is_some();
                while board.wait().is_some() {
                    std::thread::yield_now();
                }
                first
            }
        });
        board.post(job(0, 1, 7, 9));
        std::thread::sleep(Duration::from_millis(10));
        board.stop();
        assert!(device.join().unwrap());
        assert!(board.rest(Duration::from_secs(3600)), "rest ends at once when stopped");
    }
}
