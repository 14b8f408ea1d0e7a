//! Hundreds of failures in a row; alone in its process, whose files and time are counted.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::time::Duration;

use common::{FakePool, Manner, config, until};
use myelin_pow::{Chain, Device, Endpoint, Miner, SolveError};

/// CPU time of this process.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    // Linux tells hundredths of a second.
    Duration::from_millis(ticks * 10)
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn hundreds_of_failures_neither_leak_nor_spin() {
    // No device works here, so that the time is the connection's alone.
    let gone = Device::new("gone", || Err(SolveError::Device { device: "gone".to_owned(), source: "gone".into() }));
    let quits = Device::new("quits", || Err(SolveError::Cancelled));
    let manners = [Manner::Closes, Manner::RefusesLogin, Manner::GivesAndCloses, Manner::ImpossibleJobs];
    let pools = manners.map(FakePool::start);
    let nobody: Endpoint = "stratum+tcp://127.0.0.1:1".parse().unwrap();
    let endpoints: Vec<Endpoint> = pools.iter().map(FakePool::endpoint).chain([nobody]).collect();
    let mut config = config(Chain::Cortex, endpoints);
    config.timing.backoff_max = Duration::from_millis(20);
    let files = open_files();
    let miner = Miner::start(config, vec![gone, quits]).unwrap();
    until("hundreds of connections", || pools.iter().map(FakePool::connections).sum::<u64>() >= 400);
    let report = miner.stop();
    assert!(report.pools.iter().all(|pool| pool.failures >= 50), "{report:?}");
    assert!(report.devices.iter().all(|device| device.failures >= 1), "{report:?}");

    // With waits as they are by default the same takes no time to speak of.
    let mut config = common::config(Chain::Cortex, pools.iter().map(FakePool::endpoint).collect());
    config.timing = myelin_pow::Timing::default();
    let miner = Miner::start(config, vec![Device::new("quits", || Err(SolveError::Cancelled))]).unwrap();
    until("every pool has failed", || miner.report().pools.iter().all(|pool| pool.failures >= 1));
    let busy = cpu_time();
    std::thread::sleep(Duration::from_secs(2));
    let busy = cpu_time() - busy;
    assert!(busy < Duration::from_millis(500), "{busy:?} in two seconds");
    miner.stop();
    drop(pools);
    until("files are closed", || open_files() <= files + 8);
}
