//! Threads that share work, and how they are told to stop.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::Error;

/// Ends a search from another thread. Clones are the same switch.
///
/// Searches look at it after every few thousand edges, and end with the first look that finds it thrown.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    thrown: AtomicBool,
    /// Looks so far, and the one that throws it.
    #[cfg(test)]
    looks: std::sync::atomic::AtomicU64,
    #[cfg(test)]
    thrown_by: u64,
}

impl Cancel {
    /// A switch that has not been thrown.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Lets every search that was given this switch end with [`Error::Cancelled`], within 50
    /// milliseconds where the machine is not busy otherwise.
    pub fn cancel(&self) {
        self.0.thrown.store(true, Ordering::Relaxed);
    }

    /// Whether it was thrown.
    pub fn is_cancelled(&self) -> bool {
        self.0.thrown.load(Ordering::Relaxed)
    }

    /// **Errors**: [`Error::Cancelled`] if it was thrown.
    pub(crate) fn check(&self) -> Result<(), Error> {
        #[cfg(test)]
        if self.0.looks.fetch_add(1, Ordering::Relaxed) + 1 == self.0.thrown_by {
            self.cancel();
        }
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
impl Cancel {
    /// A switch that the look of this number, from 1, throws.
    pub(crate) fn after(looks: u64) -> Cancel {
        Cancel(Arc::new(Switch { thrown_by: looks, ..Switch::default() }))
    }

    /// Looks so far.
    pub(crate) fn looks(&self) -> u64 {
        self.0.looks.load(Ordering::Relaxed)
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
