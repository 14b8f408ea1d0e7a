//! What has been done so far, by device and by pool.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::work::Work;

/// Graphs whose ends are remembered for the present speed.
const RECENT_GRAPHS: usize = 256;
/// How far back the present speed looks.
const RECENT_TIME: Duration = Duration::from_secs(60);
/// Version of [`Report`]; it changes when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// What became of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The pool took it.
    Accepted,
    /// The pool took it, and it was a block.
    Block,
    /// Too late: by the pool's word, or because its job was gone before it could be sent.
    Stale,
    /// The pool refused it.
    Rejected,
    /// The connection ended before an answer, or the answer did not come.
    Unanswered,
}

/// Counters that only grow; written by all threads at any time.
#[derive(Debug)]
pub struct Statistics {
    begun: Instant,
    devices: Vec<DeviceCounters>,
    pools: Vec<PoolCounters>,
    /// Position of the pool that is connected.
    connected: Mutex<Option<usize>>,
}

#[derive(Debug, Default)]
struct DeviceCounters {
    name: String,
    graphs: AtomicU64,
    abandoned: AtomicU64,
    busy_nanoseconds: AtomicU64,
    cycles: AtomicU64,
    invalid: AtomicU64,
    failures: AtomicU64,
    shares: AtomicU64,
    accepted: AtomicU64,
    blocks: AtomicU64,
    stale: AtomicU64,
    rejected: AtomicU64,
    unanswered: AtomicU64,
    recent: Mutex<VecDeque<Instant>>,
}

#[derive(Debug, Default)]
struct PoolCounters {
    address: String,
    connections: AtomicU64,
    failures: AtomicU64,
    jobs: AtomicU64,
    accepted: AtomicU64,
    malformed: AtomicU64,
}

/// All counters at a moment; what is written as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Version of this form.
    pub schema_version: u32,
    /// Since the start.
    pub seconds: f64,
    /// Address of the pool that is connected.
    pub connected: Option<String>,
    /// What is worked on.
    pub job: Option<JobReport>,
    /// By device, in the order given.
    pub devices: Vec<DeviceReport>,
    /// By pool, in the order given.
    pub pools: Vec<PoolReport>,
}

/// What is worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobReport {
    /// The block's number, if the pool tells it.
    pub height: Option<u64>,
    /// First bytes of what is hashed, hexadecimal.
    pub header: String,
}

/// A device's counters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceReport {
    /// Its selector.
    pub device: String,
    /// Graphs solved.
    pub graphs: u64,
    /// Graphs given up because another block was wanted.
    pub abandoned: u64,
    /// Graphs solved for each second of solving, since the start.
    pub graphs_per_second: f64,
    /// Graphs solved for each second of the last minute.
    pub recent_graphs_per_second: f64,
    /// Valid cycles found.
    pub cycles: u64,
    /// What the device called a cycle and golden did not.
    pub invalid: u64,
    /// Times the device failed.
    pub failures: u64,
    /// Cycles that reached the target.
    pub shares: u64,
    /// Shares taken, blocks included.
    pub accepted: u64,
    /// Shares that the pool called a block.
    pub blocks: u64,
    /// Shares too late.
    pub stale: u64,
    /// Shares refused.
    pub rejected: u64,
    /// Shares without an answer.
    pub unanswered: u64,
}

/// A pool's counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolReport {
    /// Its address.
    pub address: String,
    /// Times it gave work.
    pub connections: u64,
    /// Times it could not be had, or was lost.
    pub failures: u64,
    /// Jobs that were news.
    pub jobs: u64,
    /// Shares it took.
    pub accepted: u64,
    /// Messages that made no sense.
    pub malformed: u64,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Statistics {
    /// All zero.
    pub fn new(devices: impl IntoIterator<Item = String>, pools: impl IntoIterator<Item = String>) -> Statistics {
        Statistics {
            begun: Instant::now(),
            devices: devices.into_iter().map(|name| DeviceCounters { name, ..Default::default() }).collect(),
            pools: pools.into_iter().map(|address| PoolCounters { address, ..Default::default() }).collect(),
            connected: Mutex::default(),
        }
    }

    /// A graph was solved in so much time, with so many valid cycles.
    pub fn count_graph(&self, device: usize, time: Duration, cycles: u64) {
        let counters = &self.devices[device];
        add(&counters.graphs);
        counters.cycles.fetch_add(cycles, Ordering::Relaxed);
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        counters.busy_nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        let mut recent = counters.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT_GRAPHS {
            recent.pop_front();
        }
        recent.push_back(Instant::now());
    }

    /// A graph was given up.
    pub fn count_abandoned(&self, device: usize) {
        add(&self.devices[device].abandoned);
    }

    /// The device gave what is no proof.
    pub fn count_invalid(&self, device: usize) {
        add(&self.devices[device].invalid);
    }

    /// The device failed.
    pub fn count_failure(&self, device: usize) {
        add(&self.devices[device].failures);
    }

    /// A share was found.
    pub fn count_share(&self, device: usize) {
        add(&self.devices[device].shares);
    }

    /// What became of a share.
    pub fn count_outcome(&self, device: usize, pool: usize, outcome: Outcome) {
        let device = &self.devices[device];
        match outcome {
            Outcome::Accepted | Outcome::Block => {
                add(&device.accepted);
                add(&self.pools[pool].accepted);
                if outcome == Outcome::Block {
                    add(&device.blocks);
                }
            }
            Outcome::Stale => add(&device.stale),
            Outcome::Rejected => add(&device.rejected),
            Outcome::Unanswered => add(&device.unanswered),
        }
    }

    /// The pool gave work after a connection.
    pub fn count_connection(&self, pool: usize) {
        add(&self.pools[pool].connections);
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = Some(pool);
    }

    /// The pool could not be had, or was lost.
    pub fn count_pool_failure(&self, pool: usize) {
        add(&self.pools[pool].failures);
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The pool gave a job that was news.
    pub fn count_job(&self, pool: usize) {
        add(&self.pools[pool].jobs);
    }

    /// The pool sent what makes no sense.
    pub fn count_malformed(&self, pool: usize) {
        add(&self.pools[pool].malformed);
    }

    /// Shares taken so far.
    pub fn accepted(&self) -> u64 {
        self.devices.iter().map(|device| read(&device.accepted)).sum()
    }

    /// Everything now.
    pub fn report(&self, job: Option<&Work>) -> Report {
        let connected = *self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        Report {
            schema_version: SCHEMA_VERSION,
            seconds: self.begun.elapsed().as_secs_f64(),
            connected: connected.map(|pool| self.pools[pool].address.clone()),
            job: job.map(JobReport::of),
            devices: self.devices.iter().map(|device| device.report(self.begun)).collect(),
            pools: self.pools.iter().map(PoolCounters::report).collect(),
        }
    }
}

impl JobReport {
    fn of(work: &Work) -> JobReport {
        let header = match work {
            Work::Cortex { seal_hash, .. } => &seal_hash[..],
            Work::Grin { pre_pow, .. } => pre_pow,
        };
        JobReport { height: work.height(), header: crate::wire::hex::text(&header[..header.len().min(16)]) }
    }
}

impl DeviceCounters {
    fn report(&self, begun: Instant) -> DeviceReport {
        let graphs = read(&self.graphs);
        let busy = Duration::from_nanos(read(&self.busy_nanoseconds)).as_secs_f64();
        DeviceReport {
            device: self.name.clone(),
            graphs,
            abandoned: read(&self.abandoned),
            graphs_per_second: if busy > 0.0 { graphs as f64 / busy } else { 0.0 },
            recent_graphs_per_second: self.recent(begun),
            cycles: read(&self.cycles),
            invalid: read(&self.invalid),
            failures: read(&self.failures),
            shares: read(&self.shares),
            accepted: read(&self.accepted),
            blocks: read(&self.blocks),
            stale: read(&self.stale),
            rejected: read(&self.rejected),
            unanswered: read(&self.unanswered),
        }
    }

    /// Graphs of the last minute, or of the time the remembered ones take if there were more.
    fn recent(&self, begun: Instant) -> f64 {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let all_remembered = recent.len() < RECENT_GRAPHS;
        while recent.front().is_some_and(|end| end.elapsed() > RECENT_TIME) {
            recent.pop_front();
        }
        let since = match recent.front() {
            Some(first) if !all_remembered => first.elapsed(),
            _ => begun.elapsed(),
        };
        let seconds = since.min(RECENT_TIME).as_secs_f64();
        if seconds > 0.0 { recent.len() as f64 / seconds } else { 0.0 }
    }
}

impl PoolCounters {
    fn report(&self) -> PoolReport {
        PoolReport {
            address: self.address.clone(),
            connections: read(&self.connections),
            failures: read(&self.failures),
            jobs: read(&self.jobs),
            accepted: read(&self.accepted),
            malformed: read(&self.malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_is_counted_where_it_belongs() {
        let statistics = Statistics::new(["cpu".to_owned(), "other".to_owned()], ["a".to_owned(), "b".to_owned()]);
        statistics.count_connection(1);
        statistics.count_graph(1, Duration::from_millis(500), 2);
        for outcome in [Outcome::Accepted, Outcome::Block, Outcome::Stale, Outcome::Rejected, Outcome::Unanswered] {
            statistics.count_share(1);
            statistics.count_outcome(1, 1, outcome);
        }
        let report = statistics.report(None);
        assert_eq!(report.connected.as_deref(), Some("b"));
        let DeviceReport { shares, accepted, blocks, stale, rejected, unanswered, graphs, cycles, .. } =
            report.devices[1].clone();
        assert_eq!((shares, accepted, blocks, stale, rejected, unanswered), (5, 2, 1, 1, 1, 1));
        assert_eq!((graphs, cycles, report.devices[0].shares), (1, 2, 0));
        assert_eq!(report.devices[1].graphs_per_second, 2.0);
        assert_eq!((report.pools[0].accepted, report.pools[1].accepted, statistics.accepted()), (0, 2, 2));
        statistics.count_pool_failure(1);
        assert_eq!(statistics.report(None).connected, None);
    }
}
