//! The machine: cells that run their programs, external memory between them.

use super::cell::Cell;
use super::error::{EmulateError, Fault, Memory};
use super::external::External;
use super::sequencer::{Blocked, Sequencer};
use myelin_isa::{Architecture, Instruction, Unit};

/// What a run did, by cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunReport {
    /// Cell 0 first.
    pub cells: Vec<CellReport>,
}

/// What a cell did in a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CellReport {
    /// Addresses of the instructions that took a stamp, in order of completion.
    pub stamps: Vec<u32>,
    /// Instructions executed, SYNC and FENCE included.
    pub instructions: u32,
}

/// In which order the machine does what could happen at the same time. Results never depend on it;
/// a program in which they would is a fault, but for what [`RaceDetection::Off`] lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority {
    /// Of several units that could execute, the first does.
    pub units: [Unit; 4],
    /// Which cell goes on.
    pub cells: CellOrder,
}

/// See [`Priority::cells`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellOrder {
    /// Each until it waits for others, the first cell first.
    Ascending,
    /// Each until it waits for others, the last cell first.
    Descending,
    /// One instruction each, in turn.
    Interleaved,
}

impl Priority {
    /// Units in the order of their numbers, cells ascending.
    pub const DEFAULT: Priority = Priority { units: Unit::ALL, cells: CellOrder::Ascending };
}

/// Whether accesses are recorded and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RaceDetection {
    /// [`Fault::Race`] and [`Fault::CellRace`] are found.
    On,
    /// They are not: less memory, and faster.
    Off,
}

/// Cells with their external memory.
///
/// **Shapes and units.** External memory is beats of [`Architecture::lanes`] bytes. Memories start
/// as zero and keep their contents from run to run.
#[derive(Debug, Clone)]
pub struct Machine {
    architecture: Architecture,
    external: External,
    cells: Vec<Cell>,
    sequencers: Vec<Sequencer>,
}

impl Machine {
    /// A machine with `memory_beats` beats of external memory, all zero, that finds races.
    pub fn new(architecture: Architecture, memory_beats: u32) -> Machine {
        Machine::with_race_detection(architecture, memory_beats, RaceDetection::On)
    }

    /// [`Machine::new`] with or without race detection.
    pub fn with_race_detection(architecture: Architecture, memory_beats: u32, races: RaceDetection) -> Machine {
        let (cells, detect) = (architecture.cells(), races == RaceDetection::On);
        Machine {
            architecture,
            external: External::new(memory_beats, architecture.lanes(), cells, detect),
            cells: (0..cells as usize).map(|index| Cell::new(architecture, index, detect)).collect(),
            sequencers: vec![Sequencer::new(&architecture); cells as usize],
        }
    }

    /// The architecture it was made with.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Fills the instruction memory of every cell from address 0 with encoded instructions.
    ///
    /// # Errors
    /// [`Fault::Address`] when there are more than the memory holds; it is left unchanged.
    pub fn set_instructions(&mut self, words: &[[u32; 4]]) -> Result<(), EmulateError> {
        (0..self.architecture.cells()).try_for_each(|cell| self.set_cell_instructions(cell, words))
    }

    /// [`Machine::set_instructions`] of one cell. **Panics** when there is no such cell.
    ///
    /// # Errors
    /// As [`Machine::set_instructions`].
    pub fn set_cell_instructions(&mut self, cell: u32, words: &[[u32; 4]]) -> Result<(), EmulateError> {
        let available = u64::from(self.architecture.instruction_depth());
        if words.len() as u64 > available {
            let fault = Fault::Address { memory: Memory::Instructions, address: words.len() as u64 - 1, available };
            return Err(EmulateError { cell, instruction: available as u32, mnemonic: "", fault });
        }
        self.cells[cell as usize].set_instructions(words);
        Ok(())
    }

    /// External memory, beat 0 first.
    pub fn memory(&self) -> &[u8] {
        &self.external.bytes
    }

    /// External memory, writable.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        &mut self.external.bytes
    }

    /// The memories of a cell. **Panics** when there is no such cell.
    pub fn cell(&self, cell: u32) -> &Cell {
        &self.cells[cell as usize]
    }

    /// Runs all cells from instruction `entry` until each has come to a halting SYNC.
    ///
    /// # Errors
    /// [`EmulateError`]; memories are left as the failing instruction left them.
    pub fn run(&mut self, entry: u32) -> Result<RunReport, EmulateError> {
        self.run_with_priority(entry, Priority::DEFAULT)
    }

    /// [`Machine::run`] in another order: each stands for other relative speeds, and the result must
    /// be the same.
    ///
    /// # Errors
    /// As [`Machine::run`].
    pub fn run_with_priority(&mut self, entry: u32, priority: Priority) -> Result<RunReport, EmulateError> {
        let starts = self.sequencers.iter_mut().map(|sequencer| sequencer.start(entry)).collect();
        self.external.start(starts);
        let mut order: Vec<usize> = (0..self.cells.len()).collect();
        if priority.cells == CellOrder::Descending {
            order.reverse();
        }
        let steps_max = if priority.cells == CellOrder::Interleaved { 1 } else { u64::MAX };
        loop {
            let mut progress = false;
            for &cell in &order {
                let mut steps = 0;
                while steps < steps_max && self.step(cell, priority.units)? {
                    steps += 1;
                }
                progress |= steps > 0;
            }
            if self.sequencers.iter().all(Sequencer::has_halted) {
                self.check_tokens()?;
                let cells = self.sequencers.iter_mut().map(|sequencer| core::mem::take(&mut sequencer.report));
                return Ok(RunReport { cells: cells.collect() });
            }
            if !progress {
                return Err(self.deadlock(&order, priority.units));
            }
        }
    }

    /// Lets a cell hand out or execute one instruction; false when it waits for others or has halted.
    fn step(&mut self, index: usize, priority: [Unit; 4]) -> Result<bool, EmulateError> {
        let (cell, sequencer, external) = (&mut self.cells[index], &mut self.sequencers[index], &mut self.external);
        if sequencer.has_halted() {
            return Ok(false);
        }
        let error = |instruction, mnemonic, fault| EmulateError { cell: index as u32, instruction, mnemonic, fault };
        let address = sequencer.next();
        let fetched = if sequencer.is_being_loaded(address) { Err(Fault::Unfenced) } else { cell.instruction(address) };
        if sequencer.hand_out(fetched.map_err(|fault| error(address, "", fault))?) {
            return Ok(true);
        }
        let has_met = external.has_met(index);
        let Some(unit) = priority.into_iter().find(|&unit| sequencer.ready(unit, has_met)) else {
            return Ok(false);
        };
        let (queued, now) = sequencer.begin(unit, || external.meet(index));
        let at = |fault| error(queued.index, queued.instruction.mnemonic(), fault);
        cell.execute(external, &queued.instruction, &now).map_err(at)?;
        if sequencer.complete(&queued, &now).map_err(at)? {
            external.arrive(index, &now).map_err(at)?;
        }
        Ok(true)
    }

    /// That no cell has tokens left.
    fn check_tokens(&self) -> Result<(), EmulateError> {
        for (index, sequencer) in self.sequencers.iter().enumerate() {
            let left = sequencer.check_tokens().and(if self.external.has_token_left(index) {
                Err(Fault::OtherTokenLeft { of: "the barrier" })
            } else {
                Ok(())
            });
            let (cell, mnemonic) = (index as u32, Instruction::Sync { halt: true }.mnemonic());
            left.map_err(|fault| EmulateError { cell, instruction: sequencer.last(), mnemonic, fault })?;
        }
        Ok(())
    }

    /// Why no cell goes on although not all have halted: that of the first cell, best one that
    /// waits for something of its own.
    fn deadlock(&self, order: &[usize], priority: [Unit; 4]) -> EmulateError {
        let mut found = None;
        for &index in order {
            let sequencer = &self.sequencers[index];
            if sequencer.has_halted() {
                continue;
            }
            let blocked = sequencer.blocked(priority, self.external.has_met(index));
            let (instruction, mnemonic, fault) = match blocked {
                Blocked::Fence => (sequencer.next(), Instruction::Fence.mnemonic(), Fault::Fence),
                Blocked::Tokens { queued, unit, missing } => {
                    (queued.index, queued.instruction.mnemonic(), Fault::Deadlock { unit, missing })
                }
                Blocked::Barrier { queued } => {
                    let missing = self.external.missing_at_barrier() as u32;
                    (queued.index, queued.instruction.mnemonic(), Fault::Barrier { missing })
                }
            };
            let error = EmulateError { cell: index as u32, instruction, mnemonic, fault };
            if !matches!(fault, Fault::Barrier { .. }) {
                return error;
            }
            found.get_or_insert(error);
        }
        found.expect("invariant: a cell has not halted")
    }
}
