//! Who touched what, and whether tokens order it: a happens-before check with vector clocks.
//!
//! Each unit counts its instructions. A token carries what its giver had seen; taking it merges
//! that into the taker's clock. An access races with an earlier one of another unit unless the
//! clock of the accessing unit covers it.

use super::error::{Fault, Memory};
use myelin_isa::Unit;

/// For each unit, the last of its instructions known to be complete.
pub(super) type Clock = [u32; 4];

/// The instruction now executing: its unit and everything that surely happened before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub unit: Unit,
    pub clock: Clock,
}

/// Last accesses to one address; time 0 is never.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    write_unit: u8,
    write_time: u32,
    read_times: [u32; 4],
}

/// Last accesses to every address of one memory.
#[derive(Debug, Clone)]
pub(super) struct History {
    memory: Memory,
    cells: Vec<Cell>,
}

impl History {
    pub fn new(memory: Memory, size: usize) -> History {
        History { memory, cells: vec![Cell::default(); size] }
    }

    /// Forgets everything, as at a start.
    pub fn clear(&mut self) {
        self.cells.fill(Cell::default());
    }

    /// Records a read of an existing `address`.
    pub fn read(&mut self, address: usize, now: &Moment) -> Result<(), Fault> {
        let cell = &mut self.cells[address];
        let written = cell.write_time > now.clock[cell.write_unit as usize];
        cell.read_times[now.unit as usize] = now.clock[now.unit as usize];
        let other = Unit::ALL[cell.write_unit as usize];
        if written { Err(self.race(address, now, other)) } else { Ok(()) }
    }

    /// Records a write to an existing `address`.
    pub fn write(&mut self, address: usize, now: &Moment) -> Result<(), Fault> {
        let cell = &mut self.cells[address];
        if cell.write_time > now.clock[cell.write_unit as usize] {
            let other = Unit::ALL[cell.write_unit as usize];
            return Err(self.race(address, now, other));
        }
        let reader = Unit::ALL.into_iter().find(|&unit| cell.read_times[unit as usize] > now.clock[unit as usize]);
        if let Some(other) = reader {
            return Err(self.race(address, now, other));
        }
        cell.write_unit = now.unit as u8;
        cell.write_time = now.clock[now.unit as usize];
        Ok(())
    }

    fn race(&self, address: usize, now: &Moment, other: Unit) -> Fault {
        Fault::Race { unit: now.unit, other, memory: self.memory, address: address as u64 }
    }
}
