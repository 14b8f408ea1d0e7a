//! All cells, the memory they share, and the barrier between them.

use super::cell::{Cell, Served};
use super::prediction::Prediction;
use super::{CYCLES_MAX, Recording, TimingError};
use crate::memory::{Grant, MemoryModel, SharedMemory, Wish};
use crate::program::CellProgram;
use myelin_isa::Architecture;

/// From the last cell's arrival to a barrier token that can be taken.
const BARRIER: u64 = 3;

pub(super) struct Card<'p> {
    cells: Vec<Cell<'p>>,
    /// By cell: the next cycle in which something can change.
    wakes: Vec<u64>,
    memory: SharedMemory,
    /// By cell: arrivals so far; and barriers passed.
    arrivals: Vec<u64>,
    passed: u64,
    prediction: Prediction,
}

impl<'p> Card<'p> {
    pub fn new(
        architecture: &Architecture,
        memory: MemoryModel,
        programs: &'p [CellProgram],
        entry: u32,
        recording: Recording,
    ) -> Card<'p> {
        let cell = |(index, program): (u32, &'p CellProgram)| {
            Cell::new(architecture, &program.instructions, index, entry, recording)
        };
        let cells: Vec<Cell> = (0..).zip(programs).map(cell).collect();
        Card {
            memory: SharedMemory::new(memory, cells.len() as u32, architecture.lanes()),
            wakes: vec![0; cells.len()],
            arrivals: vec![0; cells.len()],
            passed: 0,
            cells,
            prediction: Prediction::default(),
        }
    }

    /// Runs until all cells have halted.
    pub fn run(mut self) -> Result<Prediction, TimingError> {
        let mut wishes = vec![Wish::default(); self.cells.len()];
        let mut grants = vec![Grant::default(); self.cells.len()];
        let mut cycle = 0;
        while !self.cells.iter().all(Cell::has_halted) {
            let mut asked = false;
            for ((cell, &wake), wish) in self.cells.iter().zip(&self.wakes).zip(&mut wishes) {
                *wish = if wake <= cycle { cell.wish(cycle) } else { Wish::default() };
                asked |= *wish != Wish::default();
            }
            if asked {
                self.memory.arbitrate(&wishes, &mut grants);
            } else {
                grants.fill(Grant::default());
            }
            for (index, &grant) in grants.iter().enumerate() {
                if self.wakes[index] <= cycle {
                    self.step(index, cycle, grant)?;
                }
            }
            self.memory.advance(1);
            for index in 0..self.cells.len() {
                if self.wakes[index] <= cycle {
                    let memory = self.memory.next_event(index).unwrap_or(u64::MAX);
                    self.wakes[index] = self.cells[index].wake(cycle).min(memory);
                }
            }
            let next = self.wakes.iter().copied().min().unwrap_or(u64::MAX);
            if next == u64::MAX && !self.cells.iter().all(Cell::has_halted) {
                return Err(self.deadlock());
            }
            if next > cycle + 1 && next != u64::MAX {
                self.memory.advance(next - cycle - 1);
            }
            cycle = next;
            if cycle > CYCLES_MAX && cycle != u64::MAX {
                return Err(TimingError::TooLong);
            }
        }
        Ok(self.finish())
    }

    fn step(&mut self, index: usize, cycle: u64, grant: Grant) -> Result<(), TimingError> {
        let acknowledged = self.memory.acknowledged(index);
        let served = Served { grant, acknowledged, response: self.memory.response(index).is_some() };
        let effects = self.cells[index].step(cycle, served)?;
        self.prediction.beats_read += u64::from(grant.read);
        self.prediction.beats_written += u64::from(grant.write);
        if effects.takes_response {
            self.memory.take(index);
        }
        if let Some(arrival) = effects.arrives {
            self.arrive(index, arrival);
        }
        Ok(())
    }

    /// A cell arrives in a later cycle; the last to do so lets all pass.
    fn arrive(&mut self, index: usize, cycle: u64) {
        self.arrivals[index] += 1;
        if self.arrivals.iter().all(|&arrivals| arrivals > self.passed) {
            self.passed += 1;
            let token = cycle + BARRIER;
            for (cell, wake) in self.cells.iter_mut().zip(&mut self.wakes) {
                cell.give_barrier(token);
                // Those that are at work in this cycle look for themselves.
                *wake = if *wake < cycle { *wake } else { (*wake).min(token) };
            }
        }
    }

    fn deadlock(&self) -> TimingError {
        let cell = self.cells.iter().position(|cell| !cell.has_halted()).unwrap_or_default();
        TimingError::Deadlock { cell: cell as u32, instruction: self.cells[cell].position() }
    }

    fn finish(mut self) -> Prediction {
        for cell in &mut self.cells {
            self.prediction.cells.push(cell.counters);
            self.prediction.intervals.append(&mut cell.intervals);
        }
        self.prediction.cycles = self.prediction.cells.iter().map(|cell| cell.cycles).max().unwrap_or_default();
        self.prediction.stamps =
            self.cells.first_mut().map(|cell| core::mem::take(&mut cell.stamps)).unwrap_or_default();
        self.prediction
    }
}
