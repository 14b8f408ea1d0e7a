//! Whether a device is used: what it has done wrong, and when it is asked again.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failed inputs in a row after which a device is quarantined.
const FAILURES_MAX: u32 = 3;

/// Right answers in a row after which the next quarantine starts with short intervals again.
const RIGHT_ANSWERS_MIN: u32 = 100;

/// Why a device is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuarantineReason {
    /// Nothing answers any more.
    Gone,
    /// It has failed for several inputs in a row.
    Failing,
    /// It has not answered in time for several inputs in a row.
    Slow,
    /// A checked answer was not the processor's.
    Wrong,
    /// Its driver panicked, so that nobody can vouch for the link: it is never asked again.
    Panicked,
}

impl fmt::Display for QuarantineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QuarantineReason::Gone => "the device is gone",
            QuarantineReason::Failing => "it has failed too often",
            QuarantineReason::Slow => "it has been late too often",
            QuarantineReason::Wrong => "it has answered wrongly",
            QuarantineReason::Panicked => "its driver panicked",
        })
    }
}

/// How often a quarantined device is probed: after the first interval, then after twice the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeIntervals {
    /// From quarantine to the first probe.
    pub first: Duration,
    /// The longest between two.
    pub longest: Duration,
}

/// What is known of a device; shared between its engine and whoever reports on it.
#[derive(Debug)]
pub struct DeviceHealth {
    name: String,
    faults: AtomicU64,
    faults_of_all: Arc<AtomicU64>,
    record: Mutex<Record>,
}

impl DeviceHealth {
    /// Of a device that has done nothing yet; `faults_of_all` counts this one's with others'.
    pub(super) fn new(name: String, intervals: ProbeIntervals, faults_of_all: Arc<AtomicU64>) -> DeviceHealth {
        DeviceHealth { name, faults: AtomicU64::new(0), faults_of_all, record: Mutex::new(Record::new(intervals)) }
    }

    /// The device's selector.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How often it has failed or answered wrongly.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Why it is not used; `None` if it is.
    pub fn quarantine(&self) -> Option<QuarantineReason> {
        self.record().quarantine.map(|quarantine| quarantine.reason)
    }

    /// How often it has been quarantined.
    pub fn quarantines(&self) -> u64 {
        self.record().quarantines
    }

    /// Whether it has ever answered wrongly: then each of its answers is checked for good.
    pub(super) fn has_lied(&self) -> bool {
        self.record().has_lied
    }

    /// When it is to be probed; `None` if it is in use, or never again.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        self.record().quarantine?.next_probe
    }

    pub(super) fn succeeded(&self) {
        self.record().succeeded();
    }

    /// Counts a fault; the caller says what follows.
    pub(super) fn fault(&self, reason: &dyn fmt::Display) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        self.faults_of_all.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(device = self.name, %reason, "device fault");
    }

    /// An input without an answer; `reason` is what many of them in a row mean.
    pub(super) fn failed(&self, reason: QuarantineReason) {
        let quarantined = self.record().failed(reason, Instant::now());
        self.tell(quarantined);
    }

    pub(super) fn set_quarantine(&self, reason: QuarantineReason) {
        let quarantined = self.record().quarantine(reason, Instant::now());
        self.tell(quarantined);
    }

    /// After a probe.
    pub(super) fn probed(&self, passed: bool) {
        let back = self.record().probed(passed, Instant::now());
        if back {
            tracing::info!(device = self.name, "the device answers the probe rightly: it is used again");
        }
    }

    fn tell(&self, quarantined: Option<Quarantine>) {
        let Some(Quarantine { reason, next_probe, .. }) = quarantined else { return };
        let probe = next_probe.map_or("never".to_owned(), |at| {
            format!("in {} ms", at.saturating_duration_since(Instant::now()).as_millis())
        });
        tracing::error!(device = self.name, %reason, probe, "the device is quarantined: others compute");
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Every change is a plain assignment, so a panic elsewhere leaves nothing half done.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quarantine {
    reason: QuarantineReason,
    next_probe: Option<Instant>,
    /// From this probe to the one after.
    interval: Duration,
}

/// The rules, without a clock.
#[derive(Debug)]
struct Record {
    intervals: ProbeIntervals,
    quarantine: Option<Quarantine>,
    /// The first interval of the next quarantine: a device that is in and out waits longer and longer.
    interval: Duration,
    failures_in_row: u32,
    right_in_row: u32,
    quarantines: u64,
    has_lied: bool,
}

impl Record {
    fn new(intervals: ProbeIntervals) -> Record {
        Record {
            intervals,
            quarantine: None,
            interval: intervals.first,
            failures_in_row: 0,
            right_in_row: 0,
            quarantines: 0,
            has_lied: false,
        }
    }

    fn succeeded(&mut self) {
        self.failures_in_row = 0;
        self.right_in_row = self.right_in_row.saturating_add(1);
        if self.right_in_row >= RIGHT_ANSWERS_MIN {
            self.interval = self.intervals.first;
        }
    }

    /// The quarantine if this failure leads to one.
    fn failed(&mut self, reason: QuarantineReason, now: Instant) -> Option<Quarantine> {
        self.right_in_row = 0;
        self.failures_in_row += 1;
        if self.failures_in_row < FAILURES_MAX { None } else { self.quarantine(reason, now) }
    }

    /// The quarantine if it is new.
    fn quarantine(&mut self, reason: QuarantineReason, now: Instant) -> Option<Quarantine> {
        self.has_lied |= reason == QuarantineReason::Wrong;
        let for_good = reason == QuarantineReason::Panicked;
        if self.quarantine.is_some() && !for_good {
            return None;
        }
        let next_probe = (!for_good).then(|| now + self.interval);
        let quarantine = Quarantine { reason, next_probe, interval: self.doubled(self.interval) };
        self.interval = quarantine.interval;
        self.quarantine = Some(quarantine);
        self.quarantines += 1;
        self.right_in_row = 0;
        self.quarantine
    }

    /// Whether the device is taken back.
    fn probed(&mut self, passed: bool, now: Instant) -> bool {
        let Some(quarantine) = self.quarantine.filter(|quarantine| quarantine.next_probe.is_some()) else {
            return false;
        };
        if passed {
            self.quarantine = None;
            self.failures_in_row = 0;
        } else {
            let (next_probe, interval) = (Some(now + quarantine.interval), self.doubled(quarantine.interval));
            self.quarantine = Some(Quarantine { next_probe, interval, ..quarantine });
        }
        passed
    }

    fn doubled(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.intervals.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVALS: ProbeIntervals =
        ProbeIntervals { first: Duration::from_secs(1), longest: Duration::from_secs(10) };

    fn seconds_to_probe(record: &Record, now: Instant) -> Option<u64> {
        Some((record.quarantine?.next_probe? - now).as_secs())
    }

    #[test]
    fn only_failures_in_a_row_lead_to_quarantine() {
        let (mut record, now) = (Record::new(INTERVALS), Instant::now());
        for _ in 0..10 {
            assert_eq!(record.failed(QuarantineReason::Slow, now), None);
            assert_eq!(record.failed(QuarantineReason::Failing, now), None);
            record.succeeded();
        }
        record.failed(QuarantineReason::Slow, now);
        record.failed(QuarantineReason::Slow, now);
        let quarantine = record.failed(QuarantineReason::Slow, now).unwrap();
        assert_eq!(quarantine.reason, QuarantineReason::Slow);
        assert_eq!(record.failed(QuarantineReason::Failing, now), None, "it is quarantined already");
    }

    #[test]
    fn probes_come_at_doubled_intervals_up_to_the_longest() {
        let (mut record, now) = (Record::new(INTERVALS), Instant::now());
        record.quarantine(QuarantineReason::Gone, now);
        let mut intervals = vec![seconds_to_probe(&record, now).unwrap()];
        for _ in 0..5 {
            assert!(!record.probed(false, now));
            intervals.push(seconds_to_probe(&record, now).unwrap());
        }
        assert_eq!(intervals, [1, 2, 4, 8, 10, 10]);
        assert!(record.probed(true, now));
        assert_eq!(record.quarantine, None);
    }

    #[test]
    fn a_device_that_is_in_and_out_is_probed_less_and_less_until_it_has_proved_itself() {
        let (mut record, now) = (Record::new(INTERVALS), Instant::now());
        for expected in [1, 2, 4] {
            record.quarantine(QuarantineReason::Gone, now);
            assert_eq!(seconds_to_probe(&record, now), Some(expected));
            record.probed(true, now);
        }
        (0..RIGHT_ANSWERS_MIN).for_each(|_| record.succeeded());
        record.quarantine(QuarantineReason::Gone, now);
        assert_eq!(seconds_to_probe(&record, now), Some(1));
    }

    #[test]
    fn a_lie_is_remembered_and_a_panic_is_for_good() {
        let (mut record, now) = (Record::new(INTERVALS), Instant::now());
        record.quarantine(QuarantineReason::Wrong, now);
        assert!(record.probed(true, now) && record.has_lied);
        record.quarantine(QuarantineReason::Gone, now);
        assert!(record.quarantine(QuarantineReason::Panicked, now).is_some(), "also when quarantined already");
        assert_eq!(seconds_to_probe(&record, now), None);
        assert!(!record.probed(true, now));
        assert_eq!(record.quarantine.unwrap().reason, QuarantineReason::Panicked);
    }
}
