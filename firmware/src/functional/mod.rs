//! A tensor cell in software: executes the programs of `myelin-isa`, exactly.
//!
//! It serves sticks whose gateware has no cell, with an array of multipliers ([`MacArray`]), and virtual sticks. Device
//! memory and traps' causes are those of the cell. **What differs:** instructions are executed one
//! after another, in an order that tokens allow, so no units meet on one accumulator half (no
//! [`register::TRAP_CONFLICT`]); counters and stamps are estimates: a cycle for each beat, each pixel of each
//! tile, each window element and two for each instruction, nothing overlapped; no counter of stalls counts.

mod array;
mod convolve;
mod mac_array;
mod post;
mod sequencer;
mod transfer;
mod trap;

pub use array::{MacArray, Run, SoftwareArray, Stream, SumOverflow};
pub use mac_array::HardwareArray;

use core::ops::Range;

use myelin_isa::framing::CoreKind;
use myelin_isa::{
    Architecture, ArrayDescriptor, Instruction, PostDescriptor, Unit, array_descriptor, post_descriptor, register,
    transfer_descriptor,
};

use crate::core::Core;
use convolve::Convolution;
use post::{Post, PostWalk, Values};
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

/// `value` times a small count, modulo 2^32: as long as the count has bits, where a soft core's library would take the other factor's.
fn times(mut value: u32, mut count: u32) -> u32 {
    let mut sum = 0_u32;
    while count > 0 {
        if count & 1 == 1 {
            sum = sum.wrapping_add(value);
        }
        (value, count) = (value << 1, count >> 1);
    }
    sum
}

/// An instruction that is being executed, and how far.
#[derive(Clone, Copy, Debug)]
struct Executing {
    unit: Unit,
    queued: Queued,
    place: Place,
}

/// How far a walk of three loops is; its steps are the parts of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    inner: u32,
    middle: u32,
    outer: u32,
}

impl Place {
    const FIRST: Place = Place { inner: 0, middle: 0, outer: 0 };

    /// What follows in loops of so many steps; `None` at the end.
    fn next(self, inner_count: u32, middle_count: u32, outer_count: u32) -> Option<Place> {
        let Place { inner, middle, outer } = self;
        if inner + 1 < inner_count {
            Some(Place { inner: inner + 1, ..self })
        } else if middle + 1 < middle_count {
            Some(Place { inner: 0, middle: middle + 1, outer })
        } else {
            (outer + 1 < outer_count).then_some(Place { inner: 0, middle: 0, outer: outer + 1 })
        }
    }
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
    /// What these registers say.
    array_descriptor: ArrayDescriptor,
    post_descriptor: PostDescriptor,
    post_walk: PostWalk,
    /// A result, and an element of its window.
    values: [Values; 2],
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
            array_descriptor: ArrayDescriptor::default(),
            post_descriptor: PostDescriptor::default(),
            post_walk: PostWalk::default(),
            values: [[0; Architecture::SIDE_MAX as usize]; 2],
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

    /// The array, for whoever built it.
    pub fn array(&self) -> &A {
        &self.array
    }

    fn start(&mut self, entry: u32) {
        self.sequencer = Sequencer::new(entry & (self.architecture.instruction_depth() - 1));
        self.executing = None;
        self.counters = [0; register::COUNTER_COUNT as usize];
        self.stamp_count = 0;
        self.state = State::Running;
    }

    /// Hands out an instruction, or executes up to `parts` parts of one; how many it did.
    fn advance(&mut self, parts: u32) -> Result<u32, (u32, Trap)> {
        if let Some(executing) = self.executing.take() {
            return self.execute(&executing, parts);
        }
        let address = self.sequencer.next;
        let instruction = self.fetch(address).map_err(|trap| (address, trap))?;
        trap::check(&self.architecture, &instruction).map_err(|trap| (address, trap))?;
        match self.sequencer.hand_out(&instruction, self.architecture.instruction_depth()) {
            Step::HandedOut => self.count_instruction(),
            Step::Halted => {
                self.count_instruction();
                self.state = State::Halted;
            }
            Step::Waits => {
                let (unit, queued) = self.sequencer.begin().ok_or((address, Trap::Deadlock))?;
                return self.execute(&Executing { unit, queued, place: Place::FIRST }, parts);
            }
        }
        Ok(1)
    }

    fn execute(&mut self, executing: &Executing, parts: u32) -> Result<u32, (u32, Trap)> {
        let Executing { unit, ref queued, mut place } = *executing;
        let at = |trap| (queued.index, trap);
        for done in 1..=parts {
            let Some(next) = self.execute_part(&queued.instruction, place).map_err(at)? else {
                if unit == Unit::Post && queued.instruction.header().stamp {
                    self.stamp();
                }
                self.sequencer.complete(unit, &queued.instruction).map_err(at)?;
                return Ok(done);
            };
            place = next;
            if self.is_over_limit() {
                break;
            }
        }
        self.executing = Some(Executing { place, ..*executing });
        Ok(parts)
    }

    fn is_over_limit(&self) -> bool {
        self.cycle_limit > 0 && self.counters[register::COUNTER_CYCLES as usize] >= self.cycle_limit
    }

    /// Executes the part of an instruction at a place; where the next one is.
    fn execute_part(&mut self, instruction: &Instruction, place: Place) -> Result<Option<Place>, Trap> {
        match *instruction {
            Instruction::Config { unit, index, values, .. } => {
                self.configure(unit, usize::from(index), values);
                Ok(None)
            }
            Instruction::Load { memory_beat, destination, beats, .. } => {
                self.load_row(memory_beat, destination, beats, place)
            }
            Instruction::Store { memory_beat, source, beats, .. } => self.store_row(memory_beat, source, beats, place),
            Instruction::LoadWeights { target, memory_beat, destination, beats, .. } => {
                self.load_weights(target, memory_beat, destination, beats).map(|()| None)
            }
            Instruction::Convolve { half, accumulate, row_address, x_start, y_start, weight_base, .. } => {
                let operands = Convolution { half, accumulate, row_address, x_start, y_start, weight_base };
                self.convolve_part(&operands, place)
            }
            Instruction::Drain { ref operands, .. } => self.post_result(Post::Drain, operands, place),
            Instruction::Elementwise { ref operands, .. } => self.post_result(Post::Elementwise, operands, place),
            Instruction::Pool { ref operands, .. } => self.post_result(Post::Pool, operands, place),
            // The sequencer's own.
            Instruction::Sync { .. } | Instruction::Fence => Ok(None),
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
        match unit {
            Unit::Array => self.array_descriptor = ArrayDescriptor::from_registers(&self.array_registers),
            Unit::Post => self.post_descriptor = PostDescriptor::from_registers(&self.post_registers),
            Unit::Load | Unit::Store => {}
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
        let mut left = PARTS_PER_STEP;
        while left > 0 && self.state == State::Running {
            let before = self.sequencer.next;
            match self.advance(left) {
                Ok(parts) => left -= parts,
                Err((index, trap)) => (self.program_counter, self.state) = (index, State::Trapped(trap)),
            }
            if self.state == State::Halted {
                self.program_counter = before;
            } else if self.state == State::Running && self.is_over_limit() {
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
        (self.array_descriptor, self.post_descriptor) = Default::default();
        self.load_registers = [0; transfer_descriptor::COUNT as usize];
        self.store_registers = [0; transfer_descriptor::COUNT as usize];
    }

    fn reset(&mut self) {
        self.restart();
        self.memories.device.fill(0);
    }
}
