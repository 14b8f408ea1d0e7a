//! Threads that share work, and how they are told to stop.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::Error;

/// Ends a search from another thread. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A switch that has not been thrown.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Lets every search that was given this switch end with [`Error::Cancelled`], within 50
    /// milliseconds where the machine is not busy otherwise.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was thrown.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// **Errors**: [`Error::Cancelled`] if it was thrown.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// Units of work that threads take one after the other.
pub(crate) struct Queue {
    next: AtomicUsize,
    end: usize,
}

impl Queue {
    pub(crate) fn new(units: Range<usize>) -> Queue {
        Queue { next: AtomicUsize::new(units.start), end: units.end }
    }

    /// The next unit.
    pub(crate) fn take(&self) -> Option<usize> {
        let unit = self.next.fetch_add(1, Ordering::Relaxed);
        (unit < self.end).then_some(unit)
    }
}

/// Runs `work` on as many threads, each with its number; answers what they answer, by number.
///
/// **Errors**: the first thread's that failed.
pub(crate) fn on_threads<T: Send>(
    threads: usize,
    work: impl Fn(usize) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    if threads == 1 {
        return Ok(vec![work(0)?]);
    }
    let work = &work;
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number))).collect();
        handles.into_iter().map(|handle| handle.join().expect("invariant: no worker panics")).collect()
    })
}
