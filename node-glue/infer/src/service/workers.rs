//! A fixed number of threads behind a queue of fixed length.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::{io, mem};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. They end when this is dropped and the queue is empty.
pub struct Workers {
    queue: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Workers {
    /// Starts `count` threads, at least one, for a queue of `length` jobs.
    ///
    /// **Errors.** If the system starts no thread.
    pub fn start(count: usize, length: usize) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(length);
        let jobs = Arc::new(Mutex::new(jobs));
        let waiting = Arc::new(AtomicUsize::new(0));
        for index in 0..count.max(1) {
            let (jobs, waiting) = (jobs.clone(), waiting.clone());
            Builder::new().name(format!("infer-{index}")).spawn(move || work(&jobs, &waiting))?;
        }
        Ok(Self { queue, waiting })
    }

    /// Queues a job; its answer comes through the receiver, or never if the job panics.
    ///
    /// **Errors.** [`Full`].
    pub fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Full> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Whoever asked may have given up.
            mem::drop(sender.send(job()));
        });
        self.waiting.fetch_add(1, Ordering::Relaxed);
        match self.queue.try_send(job) {
            Ok(()) => Ok(receiver),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                Err(Full)
            }
        }
    }

    /// Jobs waiting for a thread.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, waiting: &AtomicUsize) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        waiting.fetch_sub(1, Ordering::Relaxed);
        // A job's panic is that job's; its channel closes, and the thread goes on.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a request panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_and_a_panic_harms_only_its_job() {
        let workers = Workers::start(1, 1).unwrap();
        let panicked = workers.submit(|| -> u8 { panic!("on purpose") }).unwrap();
        assert!(panicked.blocking_recv().is_err());

        let (release, held) = std::sync::mpsc::channel::<()>();
        let (started, running) = std::sync::mpsc::channel();
        let first = workers
            .submit(move || {
                started.send(()).unwrap();
                held.recv().is_ok()
            })
            .unwrap();
        running.recv().unwrap();
        let second = workers.submit(|| 2).unwrap();
        assert_eq!(workers.waiting(), 1);
        assert_eq!(workers.submit(|| 3).unwrap_err(), Full);
        release.send(()).unwrap();
        assert_eq!(first.blocking_recv(), Ok(true));
        assert_eq!(second.blocking_recv(), Ok(2));
        assert_eq!(workers.waiting(), 0);
    }
}
