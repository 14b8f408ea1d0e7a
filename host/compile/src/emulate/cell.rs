//! One cell: its memories, and what each instruction does to them.

use super::error::{Fault, Memory};
use super::external::External;
use super::history::{History, Moment};
use myelin_isa::{
    Architecture, DecodeError, Instruction, Unit, array_descriptor, post_descriptor, transfer_descriptor,
};

/// The memories of one cell.
///
/// They start as zero and keep their contents from run to run.
#[derive(Debug, Clone)]
pub struct Cell {
    pub(super) architecture: Architecture,
    /// Its number.
    pub(super) index: usize,
    pub(super) activations: Vec<i8>,
    /// `[word][bank][column]`.
    pub(super) weights: Vec<i8>,
    /// `[word][column]`.
    pub(super) biases: Vec<i32>,
    /// `[entry][column]`.
    pub(super) table: Vec<i8>,
    /// `[half][index][column]`.
    pub(super) accumulators: Vec<i32>,
    pub(super) array_registers: [u32; array_descriptor::COUNT as usize],
    pub(super) post_registers: [u32; post_descriptor::COUNT as usize],
    pub(super) load_registers: [u32; transfer_descriptor::COUNT as usize],
    pub(super) store_registers: [u32; transfer_descriptor::COUNT as usize],
    pub(super) activation_history: History,
    pub(super) weight_history: History,
    pub(super) bias_history: History,
    pub(super) table_history: History,
    pub(super) accumulator_history: History,
    /// From address 0; no further than written.
    pub(super) instructions: Vec<Result<Instruction, DecodeError>>,
}

impl Cell {
    pub(super) fn new(architecture: Architecture, index: usize, detect_races: bool) -> Cell {
        let activations = architecture.activation_lanes() as usize;
        let columns = architecture.columns() as usize;
        let (weight_words, bias_words) = (architecture.weight_words() as usize, architecture.bias_words() as usize);
        let entries = architecture.table_entries() as usize;
        let accumulators = 2 * architecture.accumulator_depth() as usize;
        let history = |memory, size, readers: &[Unit], writers: &[Unit]| {
            if detect_races { History::new(memory, size, readers, writers) } else { History::none(memory) }
        };
        use Unit::{Array, Load, Post, Store};
        Cell {
            architecture,
            index,
            activations: vec![0; activations],
            weights: vec![0; weight_words * architecture.weight_ports() as usize * columns],
            biases: vec![0; bias_words * columns],
            table: vec![0; entries * columns],
            accumulators: vec![0; accumulators * columns],
            array_registers: [0; array_descriptor::COUNT as usize],
            post_registers: [0; post_descriptor::COUNT as usize],
            load_registers: [0; transfer_descriptor::COUNT as usize],
            store_registers: [0; transfer_descriptor::COUNT as usize],
            activation_history: history(Memory::Activations, activations, &[Array, Post, Store], &[Load, Post]),
            weight_history: history(Memory::Weights, weight_words, &[Array], &[Load]),
            bias_history: history(Memory::Biases, bias_words, &[Post], &[Load]),
            table_history: history(Memory::Table, entries, &[Post], &[Load]),
            accumulator_history: history(Memory::Accumulators, accumulators, &[Post], &[Array]),
            instructions: Vec::new(),
        }
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

    pub(super) fn set_instructions(&mut self, words: &[[u32; 4]]) {
        self.instructions = words.iter().map(|&words| Instruction::decode(words)).collect();
    }

    /// The instruction at an address of instruction memory.
    pub(super) fn instruction(&self, address: u32) -> Result<Instruction, Fault> {
        let Some(&decoded) = self.instructions.get(address as usize) else {
            let available = self.instructions.len() as u64;
            return Err(Fault::Address { memory: Memory::Instructions, address: u64::from(address), available });
        };
        Ok(decoded?)
    }

    pub(super) fn execute(
        &mut self,
        external: &mut External,
        instruction: &Instruction,
        now: &Moment,
    ) -> Result<(), Fault> {
        match *instruction {
            Instruction::Config { unit, index, values, .. } => self.configure(unit, index, values),
            Instruction::Load { memory_beat, destination, beats, .. } => {
                self.load(external, now, memory_beat, destination, beats)
            }
            Instruction::LoadWeights { target, memory_beat, destination, beats, .. } => {
                self.load_weights(external, now, target, memory_beat, destination, beats)
            }
            Instruction::Convolve { half, accumulate, row_address, x_start, y_start, weight_base, .. } => {
                self.convolve(now, (half, accumulate), row_address, x_start, y_start, weight_base)
            }
            Instruction::Drain { operands, .. } => self.drain(now, &operands),
            Instruction::Elementwise { operands, .. } => self.elementwise(now, &operands),
            Instruction::Pool { operands, .. } => self.pool(now, &operands),
            Instruction::Store { memory_beat, source, beats, .. } => {
                self.store(external, now, memory_beat, source, beats)
            }
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
        if unit == Unit::Post && (index..index + values.len()).contains(&usize::from(post_descriptor::REQUANTISE)) {
            check_clamps(&self.architecture, values[usize::from(post_descriptor::REQUANTISE) - index])?;
        }
        registers[index..index + values.len()].copy_from_slice(&values);
        Ok(())
    }

    /// A value as a lane keeps it: the low bits, sign-extended.
    pub(super) fn lane(&self, value: i32) -> i8 {
        let unused = 32 - self.architecture.precision().bits();
        (value << unused >> unused) as i8
    }
}

/// That the clamps of a REQUANTISE are values of a lane, in order.
fn check_clamps(architecture: &Architecture, requantise: u32) -> Result<(), Fault> {
    let [low, high] = [8, 16].map(|at| (requantise >> at) as u8 as i8);
    let max = 1i64 << (architecture.precision().bits() - 1);
    let wide = [low, high].into_iter().find(|&clamp| !(-max..max).contains(&i64::from(clamp)));
    match wide {
        Some(clamp) => Err(Fault::Clamp { found: clamp, min: (-max) as i8, max: (max - 1) as i8 }),
        None if low > high => Err(Fault::Clamp { found: low, min: (-max) as i8, max: high }),
        None => Ok(()),
    }
}
