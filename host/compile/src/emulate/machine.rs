//! The machine: memories, sequencer and tokens.

use super::error::{EmulateError, Fault, Memory};
use super::history::{History, Moment};
use super::sequencer::Sequencer;
use myelin_isa::{Architecture, Instruction, Unit, array_descriptor, post_descriptor, transfer_descriptor};

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunReport {
    /// Instructions that took a stamp, in order of completion.
    pub stamps: Vec<u32>,
    /// Instructions executed, SYNC included.
    pub instructions: u32,
}

/// One cell with its external memory.
///
/// **Shapes and units.** External memory is beats of [`Architecture::lanes`] bytes. Memories start
/// as zero and keep their contents from run to run.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(super) architecture: Architecture,
    pub(super) external: Vec<u8>,
    pub(super) activations: Vec<i8>,
    /// `[word][bank][column]`.
    pub(super) weights: Vec<i8>,
    /// `[word][column]`.
    pub(super) biases: Vec<i32>,
    /// `[half][index][column]`.
    pub(super) accumulators: Vec<i32>,
    pub(super) array_registers: [u32; array_descriptor::COUNT as usize],
    pub(super) post_registers: [u32; post_descriptor::COUNT as usize],
    pub(super) load_registers: [u32; transfer_descriptor::COUNT as usize],
    pub(super) store_registers: [u32; transfer_descriptor::COUNT as usize],
    pub(super) external_history: History,
    pub(super) activation_history: History,
    pub(super) weight_history: History,
    pub(super) bias_history: History,
    pub(super) accumulator_history: History,
    pub(super) instructions: Vec<[u32; 4]>,
}

impl Machine {
    /// A machine with `memory_beats` beats of external memory, all zero.
    pub fn new(architecture: Architecture, memory_beats: u32) -> Machine {
        let lanes = architecture.lanes() as usize;
        let activations = architecture.activation_lanes() as usize;
        let columns = architecture.columns() as usize;
        let (weight_words, bias_words) = (architecture.weight_words() as usize, architecture.bias_words() as usize);
        let accumulators = 2 * architecture.accumulator_depth() as usize;
        Machine {
            architecture,
            external: vec![0; memory_beats as usize * lanes],
            activations: vec![0; activations],
            weights: vec![0; weight_words * architecture.weight_ports() as usize * columns],
            biases: vec![0; bias_words * columns],
            accumulators: vec![0; accumulators * columns],
            array_registers: [0; array_descriptor::COUNT as usize],
            post_registers: [0; post_descriptor::COUNT as usize],
            load_registers: [0; transfer_descriptor::COUNT as usize],
            store_registers: [0; transfer_descriptor::COUNT as usize],
            external_history: History::new(Memory::External, memory_beats as usize),
            activation_history: History::new(Memory::Activations, activations),
            weight_history: History::new(Memory::Weights, weight_words),
            bias_history: History::new(Memory::Biases, bias_words),
            accumulator_history: History::new(Memory::Accumulators, accumulators),
            instructions: Vec::new(),
        }
    }

    /// The architecture it was made with.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Fills instruction memory from address 0 with encoded instructions.
    ///
    /// # Errors
    /// [`Fault::Address`] when there are more than the memory holds; it is left unchanged.
    pub fn set_instructions(&mut self, words: &[[u32; 4]]) -> Result<(), EmulateError> {
        let available = u64::from(self.architecture.instruction_depth());
        if words.len() as u64 > available {
            let fault = Fault::Address { memory: Memory::Instructions, address: words.len() as u64 - 1, available };
            return Err(EmulateError { instruction: available as u32, mnemonic: "", fault });
        }
        self.instructions = words.to_vec();
        Ok(())
    }

    /// External memory, beat 0 first.
    pub fn memory(&self) -> &[u8] {
        &self.external
    }

    /// External memory, writable.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        &mut self.external
    }

    /// The activation scratchpad, lane 0 first.
    pub fn activations(&self) -> &[i8] {
        &self.activations
    }

    /// Accumulators of one pixel, one for each column. **Panics** when there is no such half or index.
    pub fn accumulators(&self, half: u8, index: u32) -> &[i32] {
        assert!(half < 2 && index < self.architecture.accumulator_depth(), "accumulator exists");
        let columns = self.architecture.columns() as usize;
        let at = (usize::from(half) * self.architecture.accumulator_depth() as usize + index as usize) * columns;
        &self.accumulators[at..at + columns]
    }

    /// Runs from instruction `entry` until a halting SYNC.
    ///
    /// # Errors
    /// [`EmulateError`]; memories are left as the failing instruction left them.
    pub fn run(&mut self, entry: u32) -> Result<RunReport, EmulateError> {
        self.run_with_priority(entry, Unit::ALL)
    }

    /// [`Machine::run`] where, of several units that could execute, the first in `priority` does:
    /// each order stands for other relative speeds, and the result must be the same.
    ///
    /// # Errors
    /// As [`Machine::run`].
    pub fn run_with_priority(&mut self, entry: u32, priority: [Unit; 4]) -> Result<RunReport, EmulateError> {
        for history in [
            &mut self.external_history,
            &mut self.activation_history,
            &mut self.weight_history,
            &mut self.bias_history,
            &mut self.accumulator_history,
        ] {
            history.clear();
        }
        let mut sequencer = Sequencer::new(&self.architecture);
        let mut report = RunReport::default();
        let mut next = entry;
        loop {
            let instruction = self.fetch(next, &sequencer)?;
            if sequencer.hand_out(self.address(next), instruction) {
                next = self.address(next.wrapping_add(1));
                // The others count when their unit executes them.
                report.instructions += u32::from(instruction.unit().is_none());
                if instruction == (Instruction::Sync { halt: true }) {
                    return Ok(report);
                }
                continue;
            }
            let Some(unit) = priority.into_iter().find(|&unit| sequencer.ready(unit)) else {
                return Err(sequencer.deadlock(priority, next, instruction));
            };
            self.step(&mut sequencer, unit, &mut report)?;
        }
    }

    /// The place in instruction memory, which wraps, of an instruction.
    fn address(&self, index: u32) -> u32 {
        index & (self.architecture.instruction_depth() - 1)
    }

    fn fetch(&self, index: u32, sequencer: &Sequencer) -> Result<Instruction, EmulateError> {
        let index = self.address(index);
        let error = |fault| EmulateError { instruction: index, mnemonic: "", fault };
        if sequencer.is_being_loaded(index) {
            return Err(error(Fault::Unfenced));
        }
        let words = self.instructions.get(index as usize).ok_or_else(|| {
            let available = self.instructions.len() as u64;
            error(Fault::Address { memory: Memory::Instructions, address: u64::from(index), available })
        })?;
        Instruction::decode(*words).map_err(|e| error(e.into()))
    }

    /// Executes the head of `unit`'s queue, whose tokens are there.
    fn step(&mut self, sequencer: &mut Sequencer, unit: Unit, report: &mut RunReport) -> Result<(), EmulateError> {
        let (queued, now) = sequencer.begin(unit);
        let at = |fault| EmulateError { instruction: queued.index, mnemonic: queued.instruction.mnemonic(), fault };
        self.execute(&queued.instruction, &now).map_err(at)?;
        report.instructions += 1;
        if queued.instruction.header().stamp {
            report.stamps.push(queued.index);
        }
        sequencer.complete(&queued.instruction, &now).map_err(at)
    }

    fn execute(&mut self, instruction: &Instruction, now: &Moment) -> Result<(), Fault> {
        match *instruction {
            Instruction::Config { unit, index, values, .. } => self.configure(unit, index, values),
            Instruction::Load { memory_beat, destination, beats, .. } => {
                self.load(now, memory_beat, destination, beats)
            }
            Instruction::LoadWeights { target, memory_beat, destination, beats, .. } => {
                self.load_weights(now, target, memory_beat, destination, beats)
            }
            Instruction::Convolve { half, accumulate, row_address, x_start, y_start, weight_base, .. } => {
                self.convolve(now, (half, accumulate), row_address, x_start, y_start, weight_base)
            }
            Instruction::Drain { operands, .. } => self.drain(now, &operands),
            Instruction::Elementwise { operands, .. } => self.elementwise(now, &operands),
            Instruction::Pool { operands, .. } => self.pool(now, &operands),
            Instruction::Store { memory_beat, source, beats, .. } => self.store(now, memory_beat, source, beats),
            Instruction::Sync { .. } | Instruction::Fence => Ok(()),
        }
    }

    fn configure(&mut self, unit: Unit, index: u8, values: [u32; 3]) -> Result<(), Fault> {
        let registers: &mut [u32] = match unit {
            Unit::Load => &mut self.load_registers,
            Unit::Array => &mut self.array_registers,
            Unit::Post => &mut self.post_registers,
            Unit::Store => &mut self.store_registers,
        };
        let index = usize::from(index);
        let last = registers.len() - values.len();
        Fault::field("register index", index as u64, 0, last as u64)?;
        registers[index..index + values.len()].copy_from_slice(&values);
        Ok(())
    }

    /// A value as a lane keeps it: the low bits, sign-extended.
    pub(super) fn lane(&self, value: i32) -> i8 {
        let unused = 32 - self.architecture.precision().bits();
        (value << unused >> unused) as i8
    }
}
