//! What starting a simulated card costs, beside one of its cells.
//!
//! `cargo bench -p myelin-board --bench start` prints processor time (all threads, user and system,
//! best of several turns) from the target's name to the first cycle after reset, the memory a first
//! start adds to the process, and the time of a cycle in which nothing happens.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::time::Duration;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::Target;
use myelin_driver::Link;
use rustix::time::{ClockId, clock_gettime};

const TURNS: usize = 7;
/// Register reads, each of which is one cycle.
const CYCLES: u32 = 20_000;

/// Processor time of all threads of the process, those that have ended included.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap()
}

/// Resident memory of the process.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn main() {
    println!("{:<20} {:>6} {:>14} {:>10} {:>14}", "target", "cells", "start, ms", "MB", "us per cycle");
    for name in ["card-u50,cells=1", "card-u50,cells=4", "card-u50"] {
        let target: Target = name.parse().unwrap();
        let (mut start, mut cycle) = (Duration::MAX, Duration::MAX);
        let mut bytes = 0;
        for turn in 0..TURNS {
            let (before, resident) = (processor_time(), resident_bytes());
            let mut card = SimulatedCell::of_target(target, SimulationOptions::default()).unwrap();
            card.read32(0).unwrap();
            let started = processor_time();
            if turn == 0 {
                bytes = resident_bytes().saturating_sub(resident);
            }
            start = start.min(started.checked_sub(before).unwrap());
            for _ in 0..CYCLES {
                card.read32(0).unwrap();
            }
            cycle = cycle.min(processor_time().checked_sub(started).unwrap());
        }
        let (start, cycle) = (start.as_secs_f64() * 1e3, cycle.as_secs_f64() * 1e6 / f64::from(CYCLES));
        let (cells, bytes) = (target.architecture.cells(), bytes as f64 / 1e6);
        println!("{name:<20} {cells:>6} {start:>14.1} {bytes:>10.1} {cycle:>14.2}");
    }
}
