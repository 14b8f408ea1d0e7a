//! The 128-bit instructions.
//!
//! ```text
//! word 0  [3:0] opcode  [7:4] wait  [11:8] signal  [12] stamp  [13] meet  [14] arrive  [15] -  [31:16] argument
//! word 1..3  operands
//! ```
//! *wait* and *signal* are sets of units (bit = [`Unit`] number): before it starts, an instruction
//! takes one token from each unit in *wait*; when it is complete it gives one to each in *signal*.
//! *arrive* and *meet* are the barrier between cells: a STORE with *arrive* gives, when all it wrote is
//! visible to every cell, one arrival; once every cell has given one, each gets a barrier token, which a
//! LOAD with *meet* takes like any other. With *stamp* the cycle counter is appended to the stamp memory at completion (post unit only).

use core::fmt;

use crate::specification::constants;

/// The four units, each with an instruction queue of [`crate::Architecture::QUEUE_DEPTH`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Unit {
    /// Memory port to scratchpads.
    Load = 0,
    /// Activation scratchpad and weights through the PEs into the accumulators.
    Array = 1,
    /// Accumulators or activation scratchpad through the drain into the activation scratchpad.
    Post = 2,
    /// Activation scratchpad to memory port.
    Store = 3,
}

impl Unit {
    /// All, by number.
    pub const ALL: [Unit; 4] = [Unit::Load, Unit::Array, Unit::Post, Unit::Store];
}

/// A set of units; bit = unit number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct UnitSet(pub u8);

impl UnitSet {
    /// No unit.
    pub const NONE: UnitSet = UnitSet(0);

    /// Just this one.
    pub const fn of(unit: Unit) -> UnitSet {
        UnitSet(1 << unit as u8)
    }

    /// This one too.
    #[must_use]
    pub const fn and(self, unit: Unit) -> UnitSet {
        UnitSet(self.0 | 1 << unit as u8)
    }

    /// Whether it is in the set.
    pub const fn contains(self, unit: Unit) -> bool {
        self.0 >> unit as u8 & 1 == 1
    }
}

impl fmt::Debug for UnitSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Unit::ALL.iter().filter(|&&unit| self.contains(unit))).finish()
    }
}

/// What every instruction carries besides its operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Header {
    /// Units from which one token each is taken before starting.
    pub wait: UnitSet,
    /// Units to which one token each is given when complete.
    pub signal: UnitSet,
    /// Append the cycle counter to the stamp memory when complete (post unit only).
    pub stamp: bool,
    /// Take a barrier token besides (load unit only).
    pub meet: bool,
    /// Arrive at the barrier when complete (store unit only).
    pub arrive: bool,
}

impl Header {
    /// No tokens, no stamp, no barrier.
    pub const NONE: Header =
        Header { wait: UnitSet::NONE, signal: UnitSet::NONE, stamp: false, meet: false, arrive: false };
}

/// Where LOADW puts its beats.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WeightTarget {
    /// Weight scratchpad: a word is [`crate::Architecture::weight_word_beats`] beats, and each beat
    /// carries [`crate::Architecture::weight_banks_per_beat`] banks, the lower ones first, of
    /// [`crate::Architecture::weight_row_lanes`] lanes each; lane = column. Bank `b` of the `k`-th word of a tile holds array row
    /// `b * weight_steps + k` (rows beyond the array are ignored).
    Weights = 0,
    /// Bias memory: [`crate::Architecture::bias_word_beats`] beats are one word of little-endian
    /// 32-bit values, of which the first `columns` are kept.
    Biases = 1,
    /// Instruction memory: [`crate::Architecture::instruction_beats`] beats are one instruction, word 0
    /// first, little-endian; what follows its 16 bytes is ignored. Addresses wrap at the end of
    /// the memory, and so does the program counter: a program of any length runs in two halves, each of
    /// which loads what follows the other. When complete it gives the sequencer a token for FENCE.
    Instructions = 2,
    /// Look-up table, of which each column has one of [`crate::Architecture::table_entries`] lanes: a beat
    /// is one entry, lane = column; what follows the `columns` is ignored. Entry `e` stands for the lane
    /// whose bits are `e` ([`crate::Precision::entry`]): those of the values from 0 on come first, then
    /// those of the negative ones, the least first. See [`PostOperands::look_up`].
    Table = 3,
}

impl WeightTarget {
    /// All, by number.
    pub const ALL: [WeightTarget; 4] =
        [WeightTarget::Weights, WeightTarget::Biases, WeightTarget::Instructions, WeightTarget::Table];
}

/// One instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Instruction {
    /// Writes three consecutive descriptor registers of a unit ([`crate::array_descriptor`],
    /// [`crate::post_descriptor`], [`crate::transfer_descriptor`]), in order with that unit's other instructions.
    Config {
        /// Tokens.
        header: Header,
        /// Whose registers.
        unit: Unit,
        /// First register written.
        index: u8,
        /// Values of registers `index`, `index + 1`, `index + 2`.
        values: [u32; 3],
    },
    /// Load unit: rows of `beats` beats from memory into the activation scratchpad, as many and as far
    /// apart as the load unit's [`crate::transfer_descriptor`] says.
    Load {
        /// Tokens.
        header: Header,
        /// Beat address in memory.
        memory_beat: u32,
        /// Lane address, a multiple of [`crate::Architecture::lanes`].
        destination: u32,
        /// How many in a row; at least 1.
        beats: u32,
    },
    /// Load unit: `beats` beats from memory into weight scratchpad, bias memory, instruction memory or table.
    LoadWeights {
        /// Tokens.
        header: Header,
        /// Which.
        target: WeightTarget,
        /// Beat address in memory.
        memory_beat: u32,
        /// Word address, instruction, or entry of the table.
        destination: u32,
        /// How many; at least 1.
        beats: u32,
    },
    /// Array unit: one tile of output pixels x `columns` channels over the whole reduction, as the
    /// array descriptor says, into one accumulator half. Pixel `i` of the tile, row-major,
    /// accumulates at index `i`.
    Convolve {
        /// Tokens.
        header: Header,
        /// Accumulator half, 0 or 1.
        half: u8,
        /// Add to what the half holds (a further part of the same reduction) instead of starting from zero.
        accumulate: bool,
        /// Lane address of input row `y_start` (may point outside the map; wraps).
        row_address: u32,
        /// Lane position in the input row of the first tap of the first pixel; negative in the padding.
        x_start: i32,
        /// Input row of the first tap of the first pixel; negative in the padding.
        y_start: i16,
        /// First weight word.
        weight_base: u16,
    },
    /// Post unit: accumulators, biased, combined over windows, requantised, into the scratchpad.
    Drain {
        /// Tokens.
        header: Header,
        /// Operands.
        operands: PostOperands,
    },
    /// Post unit: two lanes a result, `source` and `source + window_column_step`, added, requantised.
    Elementwise {
        /// Tokens.
        header: Header,
        /// Operands.
        operands: PostOperands,
    },
    /// Post unit: maximum over windows of the scratchpad.
    Pool {
        /// Tokens.
        header: Header,
        /// Operands.
        operands: PostOperands,
    },
    /// Store unit: rows of `beats` beats from the activation scratchpad to memory, as many and as far
    /// apart as the store unit's [`crate::transfer_descriptor`] says.
    Store {
        /// Tokens.
        header: Header,
        /// Beat address in memory.
        memory_beat: u32,
        /// Lane address, a multiple of [`crate::Architecture::lanes`].
        source: u32,
        /// How many in a row; at least 1.
        beats: u32,
    },
    /// Sequencer: waits until all queues are empty and all units idle; then goes on or halts.
    Sync {
        /// Stop and raise the interrupt.
        halt: bool,
    },
    /// Sequencer: waits until a LOADW of instructions is complete for which no FENCE has waited yet.
    Fence,
}

/// Operands of the post unit's instructions; the walk is in the post descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PostOperands {
    /// DRAIN: accumulator half, 0 or 1.
    pub half: u8,
    /// Write the combined 32-bit value in [`crate::Precision::planes`] planes, low bits first
    /// (outer loop = plane), instead of requantising.
    pub raw: bool,
    /// Replace every lane, just before it is written, by the entry of its column's table that its bits
    /// say ([`WeightTarget::Table`]): results are requantised and clamped, or cut into planes, as without
    /// it, then looked up. Column `c` of the table serves the `c`-th lane of each result. Takes no cycle
    /// more. A table that has not been loaded holds anything.
    pub look_up: bool,
    /// Lanes written per result: 1 to `columns`.
    pub lane_count: u8,
    /// DRAIN: accumulator index; else lane address, of the first window element.
    pub source: u32,
    /// Lane address of the first result; may be unaligned.
    pub destination: u32,
    /// DRAIN: bias word.
    pub bias_word: u16,
}

constants! {
    /// Bit positions, shared with the RTL's decoder. Each pair is (lowest bit within its word, width).
    pub mod encoding: (u32, u32) {
        /// Word 0: opcode.
        OPCODE = (0, 4);
        /// Word 0: wait set.
        WAIT = (4, 4);
        /// Word 0: signal set.
        SIGNAL = (8, 4);
        /// Word 0: stamp.
        STAMP = (12, 1);
        /// Word 0: take a barrier token (load unit).
        MEET = (13, 1);
        /// Word 0: arrive at the barrier (store unit).
        ARRIVE = (14, 1);
        /// Word 0 of CONFIG: unit.
        CONFIG_UNIT = (16, 2);
        /// Word 0 of CONFIG: first register.
        CONFIG_INDEX = (24, 5);
        /// Word 0 of LOADW: target.
        TARGET = (16, 2);
        /// Word 0 of CONV and the post unit's: accumulator half.
        HALF = (16, 1);
        /// Word 0 of CONV: accumulate.
        ACCUMULATE = (17, 1);
        /// Word 0 of the post unit's: raw.
        RAW = (17, 1);
        /// Word 0 of the post unit's: lane count.
        LANE_COUNT = (18, 6);
        /// Word 0 of the post unit's: look up.
        LOOK_UP = (24, 1);
        /// Word 0 of SYNC: halt.
        HALT = (16, 1);
        /// Word 3 of CONV: first input row, signed.
        Y_START = (0, 16);
        /// Word 3 of CONV: first weight word.
        WEIGHT_BASE = (16, 16);
        /// Word 3 of the post unit's: bias word.
        BIAS_WORD = (0, 16);
    }
}

constants! {
    /// Opcodes. 0 is not an instruction, so empty memory traps.
    pub mod opcode: u32 {
        /// LOAD.
        LOAD = 1;
        /// LOADW.
        LOADW = 2;
        /// CONV.
        CONV = 3;
        /// DRAIN.
        DRAIN = 4;
        /// ELTW.
        ELTW = 5;
        /// POOL.
        POOL = 6;
        /// STORE.
        STORE = 7;
        /// SYNC.
        SYNC = 8;
        /// CONFIG.
        CONFIG = 9;
        /// FENCE.
        FENCE = 10;
    }
}

/// Words that are not an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// No instruction has this opcode.
    Opcode(u32),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Opcode(opcode) => write!(f, "opcode {opcode} is not an instruction, expected 1 to 10"),
        }
    }
}

impl core::error::Error for DecodeError {}

impl Instruction {
    /// The unit that executes it; `None` for SYNC and FENCE, which the sequencer executes itself.
    pub const fn unit(&self) -> Option<Unit> {
        match self {
            Instruction::Config { unit, .. } => Some(*unit),
            Instruction::Load { .. } | Instruction::LoadWeights { .. } => Some(Unit::Load),
            Instruction::Convolve { .. } => Some(Unit::Array),
            Instruction::Drain { .. } | Instruction::Elementwise { .. } | Instruction::Pool { .. } => Some(Unit::Post),
            Instruction::Store { .. } => Some(Unit::Store),
            Instruction::Sync { .. } | Instruction::Fence => None,
        }
    }

    /// Its tokens (none for SYNC and FENCE).
    pub const fn header(mut self) -> Header {
        match self.header_mut() {
            Some(header) => *header,
            None => Header::NONE,
        }
    }

    /// The same with other tokens (SYNC and FENCE have none).
    pub const fn with_header(mut self, new: Header) -> Instruction {
        if let Some(header) = self.header_mut() {
            *header = new;
        }
        self
    }

    const fn header_mut(&mut self) -> Option<&mut Header> {
        match self {
            Instruction::Config { header, .. }
            | Instruction::Load { header, .. }
            | Instruction::LoadWeights { header, .. }
            | Instruction::Convolve { header, .. }
            | Instruction::Drain { header, .. }
            | Instruction::Elementwise { header, .. }
            | Instruction::Pool { header, .. }
            | Instruction::Store { header, .. } => Some(header),
            Instruction::Sync { .. } | Instruction::Fence => None,
        }
    }

    /// What the post unit's instructions have in common: `None` for all others, CONFIG among them.
    pub const fn post_operands(&self) -> Option<&PostOperands> {
        match self {
            Instruction::Drain { operands, .. }
            | Instruction::Elementwise { operands, .. }
            | Instruction::Pool { operands, .. } => Some(operands),
            _ => None,
        }
    }

    /// Mnemonic, as in disassembly and waves.
    pub const fn mnemonic(&self) -> &'static str {
        match self {
            Instruction::Config { .. } => "CONFIG",
            Instruction::Load { .. } => "LOAD",
            Instruction::LoadWeights { .. } => "LOADW",
            Instruction::Convolve { .. } => "CONV",
            Instruction::Drain { .. } => "DRAIN",
            Instruction::Elementwise { .. } => "ELTW",
            Instruction::Pool { .. } => "POOL",
            Instruction::Store { .. } => "STORE",
            Instruction::Sync { .. } => "SYNC",
            Instruction::Fence => "FENCE",
        }
    }

    /// The four words, word 0 first.
    pub const fn encode(&self) -> [u32; 4] {
        match *self {
            Instruction::Config { header, unit, index, values: [a, b, c] } => {
                let argument = put(encoding::CONFIG_UNIT, unit as u32) | put(encoding::CONFIG_INDEX, index as u32);
                [word0(opcode::CONFIG, header, argument), a, b, c]
            }
            Instruction::Load { header, memory_beat, destination, beats } => {
                [word0(opcode::LOAD, header, 0), memory_beat, destination, beats]
            }
            Instruction::LoadWeights { header, target, memory_beat, destination, beats } => {
                [word0(opcode::LOADW, header, put(encoding::TARGET, target as u32)), memory_beat, destination, beats]
            }
            Instruction::Convolve { header, half, accumulate, row_address, x_start, y_start, weight_base } => {
                let argument = put(encoding::HALF, half as u32) | put(encoding::ACCUMULATE, accumulate as u32);
                let word3 =
                    put(encoding::Y_START, y_start as u16 as u32) | put(encoding::WEIGHT_BASE, weight_base as u32);
                [word0(opcode::CONV, header, argument), row_address, x_start as u32, word3]
            }
            Instruction::Drain { header, operands } => operands.encode(opcode::DRAIN, header),
            Instruction::Elementwise { header, operands } => operands.encode(opcode::ELTW, header),
            Instruction::Pool { header, operands } => operands.encode(opcode::POOL, header),
            Instruction::Store { header, memory_beat, source, beats } => {
                [word0(opcode::STORE, header, 0), memory_beat, source, beats]
            }
            Instruction::Sync { halt } => {
                [word0(opcode::SYNC, Header::NONE, put(encoding::HALT, halt as u32)), 0, 0, 0]
            }
            Instruction::Fence => [word0(opcode::FENCE, Header::NONE, 0), 0, 0, 0],
        }
    }

    /// The instruction that four words stand for. Unused bits are ignored, as the hardware does.
    ///
    /// # Errors
    /// On an unknown opcode.
    pub const fn decode(words: [u32; 4]) -> Result<Instruction, DecodeError> {
        let [word0, a, b, c] = words;
        let header = Header {
            wait: UnitSet(get(encoding::WAIT, word0) as u8),
            signal: UnitSet(get(encoding::SIGNAL, word0) as u8),
            stamp: get(encoding::STAMP, word0) == 1,
            meet: get(encoding::MEET, word0) == 1,
            arrive: get(encoding::ARRIVE, word0) == 1,
        };
        Ok(match get(encoding::OPCODE, word0) {
            opcode::LOAD => Instruction::Load { header, memory_beat: a, destination: b, beats: c },
            opcode::LOADW => {
                let target = WeightTarget::ALL[get(encoding::TARGET, word0) as usize];
                Instruction::LoadWeights { header, target, memory_beat: a, destination: b, beats: c }
            }
            opcode::CONV => Instruction::Convolve {
                header,
                half: get(encoding::HALF, word0) as u8,
                accumulate: get(encoding::ACCUMULATE, word0) == 1,
                row_address: a,
                x_start: b as i32,
                y_start: get(encoding::Y_START, c) as u16 as i16,
                weight_base: get(encoding::WEIGHT_BASE, c) as u16,
            },
            opcode::DRAIN => Instruction::Drain { header, operands: PostOperands::decode(words) },
            opcode::ELTW => Instruction::Elementwise { header, operands: PostOperands::decode(words) },
            opcode::POOL => Instruction::Pool { header, operands: PostOperands::decode(words) },
            opcode::STORE => Instruction::Store { header, memory_beat: a, source: b, beats: c },
            opcode::SYNC => Instruction::Sync { halt: get(encoding::HALT, word0) == 1 },
            opcode::FENCE => Instruction::Fence,
            opcode::CONFIG => {
                let unit = Unit::ALL[get(encoding::CONFIG_UNIT, word0) as usize];
                let index = get(encoding::CONFIG_INDEX, word0) as u8;
                Instruction::Config { header, unit, index, values: [a, b, c] }
            }
            other => return Err(DecodeError::Opcode(other)),
        })
    }
}

impl PostOperands {
    const fn encode(self, opcode: u32, header: Header) -> [u32; 4] {
        let argument = put(encoding::HALF, self.half as u32)
            | put(encoding::RAW, self.raw as u32)
            | put(encoding::LANE_COUNT, self.lane_count as u32)
            | put(encoding::LOOK_UP, self.look_up as u32);
        [
            word0(opcode, header, argument),
            self.source,
            self.destination,
            put(encoding::BIAS_WORD, self.bias_word as u32),
        ]
    }

    const fn decode([word0, source, destination, word3]: [u32; 4]) -> PostOperands {
        PostOperands {
            half: get(encoding::HALF, word0) as u8,
            raw: get(encoding::RAW, word0) == 1,
            look_up: get(encoding::LOOK_UP, word0) == 1,
            lane_count: get(encoding::LANE_COUNT, word0) as u8,
            source,
            destination,
            bias_word: get(encoding::BIAS_WORD, word3) as u16,
        }
    }
}

const fn word0(opcode: u32, header: Header, argument: u32) -> u32 {
    put(encoding::OPCODE, opcode)
        | put(encoding::WAIT, header.wait.0 as u32)
        | put(encoding::SIGNAL, header.signal.0 as u32)
        | put(encoding::STAMP, header.stamp as u32)
        | put(encoding::MEET, header.meet as u32)
        | put(encoding::ARRIVE, header.arrive as u32)
        | argument
}

const fn put((low, width): (u32, u32), value: u32) -> u32 {
    assert!(value >> (width - 1) <= 1, "field value fits its width");
    value << low
}

const fn get((low, width): (u32, u32), word: u32) -> u32 {
    word >> low & (u32::MAX >> (32 - width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_survives_encoding() {
        let (wait, signal) = (UnitSet::of(Unit::Load).and(Unit::Post), UnitSet::of(Unit::Store));
        let header = Header { wait, signal, stamp: true, meet: true, arrive: true };
        let operands = PostOperands {
            half: 1,
            raw: true,
            look_up: false,
            lane_count: 32,
            source: 77,
            destination: 0xfffff,
            bias_word: 0xffff,
        };
        let looked_up = PostOperands { look_up: true, raw: false, ..operands };
        let all = [
            Instruction::Config { header, unit: Unit::Post, index: 12, values: [1, 2, u32::MAX] },
            Instruction::Load { header, memory_beat: 1 << 31, destination: 64, beats: 9 },
            Instruction::LoadWeights { header, target: WeightTarget::Biases, memory_beat: 3, destination: 4, beats: 5 },
            Instruction::LoadWeights {
                header,
                target: WeightTarget::Instructions,
                memory_beat: 3,
                destination: 4,
                beats: 5,
            },
            Instruction::Convolve {
                header,
                half: 1,
                accumulate: true,
                row_address: 5,
                x_start: -7,
                y_start: -3,
                weight_base: 0xffff,
            },
            Instruction::LoadWeights { header, target: WeightTarget::Table, memory_beat: 3, destination: 4, beats: 5 },
            Instruction::Drain { header, operands },
            Instruction::Drain { header, operands: looked_up },
            Instruction::Elementwise { header, operands },
            Instruction::Elementwise { header, operands: looked_up },
            Instruction::Pool { header, operands },
            Instruction::Pool { header, operands: looked_up },
            Instruction::Store { header, memory_beat: 3, source: 8, beats: 1 },
            Instruction::Sync { halt: true },
            Instruction::Fence,
        ];
        for instruction in all {
            assert_eq!(Instruction::decode(instruction.encode()), Ok(instruction));
        }
    }

    #[test]
    fn empty_memory_is_not_an_instruction() {
        assert_eq!(Instruction::decode([0; 4]), Err(DecodeError::Opcode(0)));
    }
}
