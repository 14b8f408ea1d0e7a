//! Who touched what within a cell, and whether tokens order it: a happens-before check with vector clocks.
//!
//! Each unit counts its instructions. A token carries what its giver had seen; taking it merges
//! that into the taker's clock. An access races with an earlier one of another unit unless the
//! clock of the accessing unit covers it. Times go on from run to run, so nothing is ever cleared.

use super::error::{Fault, Memory};
use myelin_isa::Unit;
use std::ops::Range;

/// For each unit, the last of its instructions known to be complete; then how many barriers are known
/// to have been passed in this run.
pub(super) type Clock = [u32; 5];

/// Where a [`Clock`] counts barriers.
pub(super) const BARRIERS: usize = 4;

/// The instruction now executing: its unit and everything that surely happened before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub unit: Unit,
    pub clock: Clock,
}

impl Moment {
    /// The time of the instruction itself, for its unit.
    pub fn time(&self) -> u32 {
        self.clock[self.unit as usize]
    }
}

/// Last accesses to every address of one memory, by unit; time 0 is never. Empty: nothing is recorded.
#[derive(Debug, Clone)]
pub(super) struct History {
    memory: Memory,
    writes: [Vec<u32>; 4],
    reads: [Vec<u32>; 4],
}

impl History {
    /// For addresses `0..size`, used by these units.
    pub fn new(memory: Memory, size: usize, readers: &[Unit], writers: &[Unit]) -> History {
        let of = |units: &[Unit]| Unit::ALL.map(|unit| if units.contains(&unit) { vec![0; size] } else { Vec::new() });
        History { memory, writes: of(writers), reads: of(readers) }
    }

    /// A history that records nothing and finds no races.
    pub fn none(memory: Memory) -> History {
        History::new(memory, 0, &[], &[])
    }

    /// Records a read of existing addresses.
    pub fn read(&mut self, addresses: Range<usize>, now: &Moment) -> Result<(), Fault> {
        check(self.memory, &self.writes, &addresses, now)?;
        record(&mut self.reads[now.unit as usize], addresses, now);
        Ok(())
    }

    /// Records a write to existing addresses.
    pub fn write(&mut self, addresses: Range<usize>, now: &Moment) -> Result<(), Fault> {
        check(self.memory, &self.writes, &addresses, now)?;
        check(self.memory, &self.reads, &addresses, now)?;
        record(&mut self.writes[now.unit as usize], addresses, now);
        Ok(())
    }
}

/// That every access recorded for `addresses` is known to be complete.
fn check(memory: Memory, accesses: &[Vec<u32>; 4], addresses: &Range<usize>, now: &Moment) -> Result<(), Fault> {
    for other in Unit::ALL {
        let times = &accesses[other as usize];
        if other == now.unit || times.is_empty() {
            continue;
        }
        let seen = now.clock[other as usize];
        let times = &times[addresses.clone()];
        // The common case first, without a branch for each address.
        if times.iter().fold(0, |latest, &time| latest.max(time)) > seen {
            let at = times.iter().position(|&time| time > seen).unwrap_or_default();
            let address = (addresses.start + at) as u64;
            return Err(Fault::Race { unit: now.unit, other, memory, address });
        }
    }
    Ok(())
}

fn record(times: &mut [u32], addresses: Range<usize>, now: &Moment) {
    if !times.is_empty() {
        times[addresses].fill(now.time());
    }
}
