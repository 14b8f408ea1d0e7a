//! A tensor cell in software: executes the programs of `myelin-isa`, exactly.
//!
//! It serves sticks whose gateware has no cell, with an array of multipliers ([`MacArray`]), and virtual sticks. Device
//! memory and traps' causes are those of the cell. **What differs:** instructions are executed one
//! after another, in an order that tokens allow, so no units meet on one accumulator half (no
//! [`register::TRAP_CONFLICT`]); counters and stamps are estimates: a cycle for each beat, each pixel of each
//! tile, each window element and two for each instruction, nothing overlapped; no counter of stalls counts.

mod array;
mod convolve;
mod post;
mod sequencer;
mod transfer;
mod trap;

pub use array::{MacArray, SoftwareArray, Stream, SumOverflow};

use core::ops::Range;

use myelin_isa::framing::CoreKind;
use myelin_isa::{Architecture, Instruction, Unit, array_descriptor, post_descriptor, register, transfer_descriptor};

use crate::core::Core;
use convolve::Convolution;
use post::Post;
use sequencer::{Queued, Sequencer, Step};
use trap::Trap;

/// Parts of instructions (rows, tiles, results) that one [`Core::step`] executes.
const PARTS_PER_STEP: u32 = 64;

/// The memories of a cell, which somebody else owns.
#[derive(Debug)]
pub struct Memories<'m> {
    /// Device memory.
    pub device: &'m mut [u8],
    /// Activation scratchpad.
    pub activations: &'m mut [i8],
    /// Weight scratchpad, `[word][bank][column]`.
    pub weights: &'m mut [i8],
    /// Bias memory, `[word][column]`.
    pub biases: &'m mut [i32],
    /// Tables of all columns, `[entry][column]`.
    pub table: &'m mut [i8],
    /// Instruction memory.
    pub instructions: &'m mut [[u32; 4]],
    /// Cycle stamps.
    pub stamps: &'m mut [u32],
}

/// How many elements each of the [`Memories`] needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemorySizes {
    /// Of `activations`.
    pub activations: usize,
    /// Of `weights`.
    pub weights: usize,
    /// Of `biases`.
    pub biases: usize,
    /// Of `table`.
    pub table: usize,
    /// Of `instructions`.
    pub instructions: usize,
    /// Of `stamps`; fewer will do, and fewer are kept.
    pub stamps: usize,
}

impl MemorySizes {
    /// Those of an architecture.
    pub const fn of(architecture: &Architecture) -> MemorySizes {
        let columns = architecture.columns() as usize;
        MemorySizes {
            activations: architecture.activation_lanes() as usize,
            weights: architecture.weight_words() as usize * architecture.weight_ports() as usize * columns,
            biases: architecture.bias_words() as usize * columns,
            table: architecture.table_entries() as usize * columns,
            instructions: architecture.instruction_depth() as usize,
            stamps: Architecture::STAMP_DEPTH as usize,
        }
    }
}

/// An instruction that is being executed, and how far.
#[derive(Clone, Copy, Debug)]
struct Executing {
    unit: Unit,
    queued: Queued,
    position: u64,
}

/// Whether a cell runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Running,
    Halted,
    Trapped(Trap),
}

/// Which counter a unit's time is counted in.
#[derive(Clone, Copy)]
enum Busy {
    Load = register::COUNTER_LOAD_BUSY as isize,
    Array = register::COUNTER_ARRAY_BUSY as isize,
    Post = register::COUNTER_POST_BUSY as isize,
    Store = register::COUNTER_STORE_BUSY as isize,
}

/// See the [module](self).
#[derive(Debug)]
pub struct FunctionalCore<'m, A> {
    architecture: Architecture,
    specification: u64,
    kind: CoreKind,
    memories: Memories<'m>,
    array: A,
    array_registers: [u32; array_descriptor::COUNT as usize],
    post_registers: [u32; post_descriptor::COUNT as usize],
    load_registers: [u32; transfer_descriptor::COUNT as usize],
    store_registers: [u32; transfer_descriptor::COUNT as usize],
    sequencer: Sequencer,
    executing: Option<Executing>,
    state: State,
    program_counter: u32,
    cycle_limit: u32,
    memory_beats: u32,
    counters: [u32; register::COUNTER_COUNT as usize],
    stamp_count: u32,
}

impl<'m, A: MacArray> FunctionalCore<'m, A> {
    /// A cell at power-up, its memories as they are. `None` if the architecture has several cells or a memory is too small.
    /// `specification` is the architecture's, for [`Architecture::specification`] formats text, which a stick has no room for.
    pub fn new(
        architecture: Architecture,
        specification: u64,
        kind: CoreKind,
        memories: Memories<'m>,
        array: A,
    ) -> Option<FunctionalCore<'m, A>> {
        let sizes = MemorySizes::of(&architecture);
        let Memories { device, activations, weights, biases, table, instructions, stamps } = memories;
        let memories = Memories {
            device,
            activations: activations.get_mut(..sizes.activations)?,
            weights: weights.get_mut(..sizes.weights)?,
            biases: biases.get_mut(..sizes.biases)?,
            table: table.get_mut(..sizes.table)?,
            instructions: instructions.get_mut(..sizes.instructions)?,
            stamps,
        };
        (architecture.cells() == 1).then_some(FunctionalCore {
            architecture,
            specification,
            kind,
            memories,
            array,
            array_registers: [0; array_descriptor::COUNT as usize],
            post_registers: [0; post_descriptor::COUNT as usize],
            load_registers: [0; transfer_descriptor::COUNT as usize],
            store_registers: [0; transfer_descriptor::COUNT as usize],
            sequencer: Sequencer::new(0),
            executing: None,
            state: State::Idle,
            program_counter: 0,
            cycle_limit: 0,
            memory_beats: 0,
            counters: [0; register::COUNTER_COUNT as usize],
            stamp_count: 0,
        })
    }

    fn start(&mut self, entry: u32) {
        self.sequencer = Sequencer::new(entry & (self.architecture.instruction_depth() - 1));
        self.executing = None;
        self.counters = [0; register::COUNTER_COUNT as usize];
        self.stamp_count = 0;
        self.state = State::Running;
    }

    /// Hands out an instruction or executes a part of one.
    fn advance(&mut self) -> Result<(), (u32, Trap)> {
        if let Some(executing) = self.executing {
            return self.execute(executing);
        }
        let address = self.sequencer.next;
        let instruction = self.fetch(address).map_err(|trap| (address, trap))?;
        trap::check(&self.architecture, &instruction).map_err(|trap| (address, trap))?;
        match self.sequencer.hand_out(instruction, self.architecture.instruction_depth()) {
            Step::HandedOut => self.count_instruction(),
            Step::Halted => {
                self.count_instruction();
                self.state = State::Halted;
            }
            Step::Waits => {
                let (unit, queued) = self.sequencer.begin().ok_or((address, Trap::Deadlock))?;
                self.executing = Some(Executing { unit, queued, position: 0 });
            }
        }
        Ok(())
    }

    fn execute(&mut self, executing: Executing) -> Result<(), (u32, Trap)> {
        let Executing { unit, queued, position } = executing;
        let at = |trap| (queued.index, trap);
        if self.execute_part(&queued.instruction, position).map_err(at)? {
            self.executing = Some(Executing { position: position + 1, ..executing });
            return Ok(());
        }
        self.executing = None;
        if unit == Unit::Post && queued.instruction.header().stamp {
            self.stamp();
        }
        self.sequencer.complete(unit, &queued.instruction).map_err(at)
    }

    /// Executes part `position` of an instruction; whether there are more.
    fn execute_part(&mut self, instruction: &Instruction, position: u64) -> Result<bool, Trap> {
        match *instruction {
            Instruction::Config { unit, index, values, .. } => {
                self.configure(unit, usize::from(index), values);
                Ok(false)
            }
            Instruction::Load { memory_beat, destination, beats, .. } => {
                self.load_row(memory_beat, destination, beats, position)
            }
            Instruction::Store { memory_beat, source, beats, .. } => {
                self.store_row(memory_beat, source, beats, position)
            }
            Instruction::LoadWeights { target, memory_beat, destination, beats, .. } => {
                self.load_weights(target, memory_beat, destination, beats).map(|()| false)
            }
            Instruction::Convolve { half, accumulate, row_address, x_start, y_start, weight_base, .. } => {
                let operands = Convolution { half, accumulate, row_address, x_start, y_start, weight_base };
                self.convolve_tile(&operands, position)
            }
            Instruction::Drain { ref operands, .. } => self.post_result(Post::Drain, operands, position),
            Instruction::Elementwise { ref operands, .. } => self.post_result(Post::Elementwise, operands, position),
            Instruction::Pool { ref operands, .. } => self.post_result(Post::Pool, operands, position),
            // The sequencer's own.
            Instruction::Sync { .. } | Instruction::Fence => Ok(false),
        }
    }

    fn configure(&mut self, unit: Unit, index: usize, values: [u32; 3]) {
        let registers: &mut [u32] = match unit {
            Unit::Load => &mut self.load_registers,
            Unit::Array => &mut self.array_registers,
            Unit::Post => &mut self.post_registers,
            Unit::Store => &mut self.store_registers,
        };
        if let Some(registers) = registers.get_mut(index..index + values.len()) {
            registers.copy_from_slice(&values);
        }
    }

    fn stamp(&mut self) {
        if let Some(stamp) = self.memories.stamps.get_mut(self.stamp_count as usize) {
            *stamp = self.counters[register::COUNTER_CYCLES as usize];
            self.stamp_count += 1;
        }
    }

    fn count_instruction(&mut self) {
        let [cycles, instructions] =
            [register::COUNTER_CYCLES, register::COUNTER_INSTRUCTIONS].map(|index| index as usize);
        self.counters[instructions] = self.counters[instructions].wrapping_add(1);
        self.counters[cycles] = self.counters[cycles].wrapping_add(2);
    }

    fn spend(&mut self, unit: Busy, cycles: u32) {
        for index in [unit as usize, register::COUNTER_CYCLES as usize] {
            self.counters[index] = self.counters[index].wrapping_add(cycles);
        }
    }

    fn status(&self) -> u32 {
        let flags = match self.state {
            State::Idle => 0,
            State::Running => register::STATUS_BUSY,
            State::Halted => register::STATUS_HALTED,
            State::Trapped(trap) => register::STATUS_TRAPPED | trap.cause() << 4,
        };
        let counter = if self.state == State::Running { self.sequencer.next } else { self.program_counter };
        flags | counter << 16
    }

    fn shape(&self) -> u32 {
        let a = &self.architecture;
        a.rows() | a.columns() << 8 | a.precision().bits() << 16 | a.lanes().trailing_zeros() << 24
    }

    /// A write to the instruction window.
    fn write_instruction(&mut self, offset: u32, value: u32) {
        let (index, word) = ((offset / 16) as usize, (offset / 4 % 4) as usize);
        if let Some(instruction) = self.memories.instructions.get_mut(index) {
            instruction[word] = value;
        }
    }

    fn range(&self, address: u32, length: usize) -> Option<Range<usize>> {
        let end = (address as usize).checked_add(length)?;
        (end <= self.memories.device.len()).then_some(address as usize..end)
    }
}

impl<A: MacArray> Core for FunctionalCore<'_, A> {
    fn kind(&self) -> CoreKind {
        self.kind
    }

    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn specification(&self) -> u64 {
        self.specification
    }

    fn read_register(&mut self, address: u32) -> u32 {
        const COUNTERS_END: u32 = register::COUNTERS + 4 * register::COUNTER_COUNT;
        const STAMPS_END: u32 = register::STAMPS + 4 * Architecture::STAMP_DEPTH;
        match address {
            register::ID => register::ID_VALUE,
            register::SHAPE => self.shape(),
            register::SPECIFICATION_LOW => self.specification as u32,
            register::SPECIFICATION_HIGH => (self.specification >> 32) as u32,
            register::STATUS => self.status(),
            register::CYCLE_LIMIT => self.cycle_limit,
            register::MEMORY_BEATS => self.memory_beats,
            register::STAMP_COUNT => self.stamp_count,
            register::COUNTERS..COUNTERS_END if address.is_multiple_of(4) => {
                self.counters[((address - register::COUNTERS) / 4) as usize]
            }
            register::STAMPS..STAMPS_END if address.is_multiple_of(4) => {
                let index = ((address - register::STAMPS) / 4) as usize;
                self.memories.stamps.get(index).copied().unwrap_or(0)
            }
            _ => 0,
        }
    }

    fn write_register(&mut self, address: u32, value: u32) {
        if self.state == State::Running {
            return;
        }
        match address {
            register::START => self.start(value),
            register::CYCLE_LIMIT => self.cycle_limit = value,
            register::MEMORY_BEATS => self.memory_beats = value,
            register::INSTRUCTIONS..register::END => self.write_instruction(address - register::INSTRUCTIONS, value),
            _ => {}
        }
    }

    fn memory_bytes(&self) -> u32 {
        self.memories.device.len() as u32
    }

    fn read_memory(&mut self, address: u32, out: &mut [u8]) -> bool {
        let Some(range) = self.range(address, out.len()) else { return false };
        out.copy_from_slice(&self.memories.device[range]);
        true
    }

    fn write_memory(&mut self, address: u32, data: &[u8]) -> bool {
        let Some(range) = self.range(address, data.len()) else { return false };
        self.memories.device[range].copy_from_slice(data);
        true
    }

    fn interrupt(&mut self) -> bool {
        matches!(self.state, State::Halted | State::Trapped(_))
    }

    fn step(&mut self) {
        for _ in 0..PARTS_PER_STEP {
            if self.state != State::Running {
                return;
            }
            let before = self.sequencer.next;
            let done = self.advance();
            let cycles = self.counters[register::COUNTER_CYCLES as usize];
            if let Err((index, trap)) = done {
                (self.program_counter, self.state) = (index, State::Trapped(trap));
            } else if self.state == State::Halted {
                self.program_counter = before;
            } else if self.cycle_limit > 0 && cycles >= self.cycle_limit {
                (self.program_counter, self.state) = (before, State::Trapped(Trap::Cycles));
            }
        }
    }

    fn restart(&mut self) {
        self.state = State::Idle;
        self.executing = None;
        self.sequencer = Sequencer::new(0);
        self.program_counter = 0;
        (self.cycle_limit, self.memory_beats, self.stamp_count) = (0, 0, 0);
        self.counters = [0; register::COUNTER_COUNT as usize];
        self.array_registers = [0; array_descriptor::COUNT as usize];
        self.post_registers = [0; post_descriptor::COUNT as usize];
        self.load_registers = [0; transfer_descriptor::COUNT as usize];
        self.store_registers = [0; transfer_descriptor::COUNT as usize];
    }

    fn reset(&mut self) {
        self.restart();
        self.memories.device.fill(0);
    }
}
