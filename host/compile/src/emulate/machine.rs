//! The machine: memories, sequencer and tokens.

use super::error::{EmulateError, Fault, Memory};
use super::history::{Clock, History, Moment};
use myelin_isa::{Architecture, Instruction, Unit, UnitSet, array_descriptor, post_descriptor};
use std::collections::VecDeque;

/// Most tokens outstanding from one unit to another.
pub const TOKEN_COUNT_MAX: u32 = 15;

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
    pub(super) external_history: History,
    pub(super) activation_history: History,
    pub(super) weight_history: History,
    pub(super) bias_history: History,
    pub(super) accumulator_history: History,
    instructions: Vec<[u32; 4]>,
}

/// An instruction in a unit's queue.
#[derive(Clone, Copy)]
struct Queued {
    index: u32,
    instruction: Instruction,
}

/// Queues, tokens and clocks of one run.
#[derive(Default)]
struct Sequencer {
    queues: [VecDeque<Queued>; 4],
    /// `tokens[from][to]`, each with what its giver had seen.
    tokens: [[VecDeque<Clock>; 4]; 4],
    clocks: [Clock; 4],
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
        let mut sequencer = Sequencer::default();
        let mut report = RunReport::default();
        let mut next = entry;
        loop {
            let instruction = self.fetch(next)?;
            if let Instruction::Sync { halt } = instruction
                && sequencer.queues.iter().all(VecDeque::is_empty)
            {
                sequencer.meet();
                report.instructions += 1;
                next += 1;
                if halt {
                    return Ok(report);
                }
                continue;
            }
            if let Some(unit) = instruction.unit() {
                let queue = &mut sequencer.queues[unit as usize];
                if queue.len() < Architecture::QUEUE_DEPTH as usize {
                    queue.push_back(Queued { index: next, instruction });
                    next += 1;
                    continue;
                }
            }
            let Some(unit) = priority.into_iter().find(|&unit| sequencer.ready(unit)) else {
                return Err(sequencer.deadlock(priority));
            };
            self.step(&mut sequencer, unit, &mut report)?;
        }
    }

    fn fetch(&self, index: u32) -> Result<Instruction, EmulateError> {
        let error = |fault| EmulateError { instruction: index, mnemonic: "", fault };
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
            Instruction::Convolve { half, row_address, x_start, y_start, weight_base, .. } => {
                self.convolve(now, half, row_address, x_start, y_start, weight_base)
            }
            Instruction::Drain { operands, .. } => self.drain(now, &operands),
            Instruction::Elementwise { operands, .. } => self.elementwise(now, &operands),
            Instruction::Pool { operands, .. } => self.pool(now, &operands),
            Instruction::Store { memory_beat, source, beats, .. } => self.store(now, memory_beat, source, beats),
            Instruction::Sync { .. } => Ok(()),
        }
    }

    fn configure(&mut self, unit: Unit, index: u8, values: [u32; 3]) -> Result<(), Fault> {
        let registers: &mut [u32] =
            if unit == Unit::Array { &mut self.array_registers } else { &mut self.post_registers };
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

impl Sequencer {
    fn ready(&self, unit: Unit) -> bool {
        let head = self.queues[unit as usize].front();
        head.is_some_and(|queued| self.missing(unit, queued) == UnitSet::NONE)
    }

    /// The units whose token `queued` still needs.
    fn missing(&self, unit: Unit, queued: &Queued) -> UnitSet {
        let wait = queued.instruction.header().wait;
        let lacks = |&from: &Unit| wait.contains(from) && self.tokens[from as usize][unit as usize].is_empty();
        Unit::ALL.into_iter().filter(lacks).fold(UnitSet::NONE, UnitSet::and)
    }

    /// Takes the head of a ready unit's queue with its tokens.
    fn begin(&mut self, unit: Unit) -> (Queued, Moment) {
        let queued = self.queues[unit as usize].pop_front().expect("invariant: a ready unit has an instruction");
        for from in Unit::ALL {
            if queued.instruction.header().wait.contains(from) {
                let seen = self.tokens[from as usize][unit as usize].pop_front();
                let seen = seen.expect("invariant: a ready unit has its tokens");
                let clock = &mut self.clocks[unit as usize];
                *clock = core::array::from_fn(|i| clock[i].max(seen[i]));
            }
        }
        self.clocks[unit as usize][unit as usize] += 1;
        (queued, Moment { unit, clock: self.clocks[unit as usize] })
    }

    fn complete(&mut self, instruction: &Instruction, now: &Moment) -> Result<(), Fault> {
        for to in Unit::ALL {
            if instruction.header().signal.contains(to) {
                let tokens = &mut self.tokens[now.unit as usize][to as usize];
                if tokens.len() as u32 == TOKEN_COUNT_MAX {
                    return Err(Fault::TokenOverflow { from: now.unit, to, max: TOKEN_COUNT_MAX });
                }
                tokens.push_back(now.clock);
            }
        }
        Ok(())
    }

    /// All units have seen all: what a SYNC establishes.
    fn meet(&mut self) {
        let all: Clock = core::array::from_fn(|i| self.clocks[i][i]);
        self.clocks = [all; 4];
    }

    /// The report when no unit is ready although an instruction is held back.
    fn deadlock(&self, priority: [Unit; 4]) -> EmulateError {
        let head = |unit: Unit| Some((unit, self.queues[unit as usize].front()?));
        let (unit, queued) =
            priority.into_iter().find_map(head).expect("invariant: an instruction is held back by a queued one");
        let fault = Fault::Deadlock { unit, missing: self.missing(unit, queued) };
        EmulateError { instruction: queued.index, mnemonic: queued.instruction.mnemonic(), fault }
    }
}
