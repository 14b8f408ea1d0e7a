//! How sessions and devices fail.

use myelin_isa::{Architecture, MultiplierStyle, register};

use crate::inference::DeviceShape;
use crate::link::LinkError;

/// Why a program cannot be loaded or an inference not be made.
///
/// An error means that this device could not tell; it says nothing about the model or its input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The link failed.
    #[error("{step} on {selector}")]
    Link {
        /// What the session was doing.
        step: &'static str,
        /// Which device.
        selector: String,
        /// What the link says.
        #[source]
        source: LinkError,
    },
    /// What answers is not a Myelin cell.
    #[error("identify {selector}: ID register is {found:#010x}, expected {expected:#010x}", expected = register::ID_VALUE)]
    NotACell {
        /// Which device.
        selector: String,
        /// What the register holds.
        found: u32,
    },
    /// What answers says of itself what no cell can be.
    #[error("identify {selector}: SHAPE register is {found:#010x}, which is no cell's")]
    BadShape {
        /// Which device.
        selector: String,
        /// What the register holds.
        found: u32,
    },
    /// The program is for another cell.
    #[error("load program on {selector}: the device is {found}, the program is for {expected}")]
    OtherShape {
        /// Which device.
        selector: String,
        /// What the device says of itself.
        found: DeviceShape,
        /// What the program was compiled for.
        expected: DeviceShape,
    },
    /// The program is for a cell whose PEs are written for another multiplier.
    #[error("load program on {selector}: the device's multipliers are {found}, the program is for {expected}")]
    OtherMultiplier {
        /// Which device.
        selector: String,
        /// The device's.
        found: MultiplierStyle,
        /// The program's.
        expected: MultiplierStyle,
    },
    /// The program is for a cell of the same shape with other memories.
    #[error(
        "load program on {selector}: the device's memories are {}, the program is for {}",
        memories(found),
        memories(expected)
    )]
    OtherMemories {
        /// Which device.
        selector: String,
        /// The device's parameters.
        found: Box<Architecture>,
        /// The program's.
        expected: Box<Architecture>,
    },
    /// The program and the device do not follow the same instruction set and register map.
    #[error("load program on {selector}: the device's specification is {found:016x}, the program's is {expected:016x}")]
    OtherSpecification {
        /// Which device.
        selector: String,
        /// The device's specification hash.
        found: u64,
        /// The program's.
        expected: u64,
    },
    /// The program needs more memory than the device has.
    #[error("load program on {selector}: it needs {needed} bytes of memory, the device has {available}")]
    MemoryTooSmall {
        /// Which device.
        selector: String,
        /// Bytes the program uses.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
    /// The program contradicts itself; it did not come from this version's compiler.
    #[error("load program on {selector}: {what}")]
    BadProgram {
        /// Which device.
        selector: String,
        /// What is wrong.
        what: &'static str,
    },
    /// What answers is not an edge-trimming core.
    #[error("identify {selector}: ID register is {found:#010x}, expected {expected:#010x}", expected = myelin_isa::cuckoo::register::ID_VALUE)]
    NotATrimmer {
        /// Which device.
        selector: String,
        /// What the register holds.
        found: u32,
    },
    /// The core is for other graphs.
    #[error("identify {selector}: SHAPE register is {found:#010x}, expected {expected:#010x}")]
    OtherTrimmer {
        /// Which device.
        selector: String,
        /// What the register holds.
        found: u32,
        /// What it would hold for the graphs wanted.
        expected: u32,
    },
    /// So many edges came to one bank of an edge-trimming core that its list did not hold them.
    #[error("trim on {selector}: the edges alive after round {round} are too unevenly spread for its lists")]
    Crowded {
        /// Which device.
        selector: String,
        /// The last round that was complete.
        round: u32,
    },
    /// The device contradicts itself.
    #[error("trim on {selector}: {found} edges stored, {expected} counted")]
    Survivors {
        /// Which device.
        selector: String,
        /// Different edges found in memory.
        found: u64,
        /// What the device counted.
        expected: u64,
    },
    /// The input has the wrong number of elements.
    #[error("run on {selector}: the input has {found} elements, the model takes {expected}")]
    InputLength {
        /// Which device.
        selector: String,
        /// Elements given.
        found: usize,
        /// Elements the model takes.
        expected: usize,
    },
    /// The device stopped by itself.
    #[error("{step} on {selector}: trap in cell {cell} at instruction {program_counter}: {cause}")]
    Trap {
        /// What the session was doing.
        step: &'static str,
        /// Which device.
        selector: String,
        /// Which of its cells, from 0.
        cell: u32,
        /// Why.
        cause: TrapCause,
        /// The instruction that caused it, as the device says: its place in instruction memory.
        program_counter: u32,
    },
    /// The interrupt came, but the device has not halted.
    #[error("{step} on {selector}: interrupt with status {status:#010x}, expected halted and not busy")]
    NotHalted {
        /// What the session was doing.
        step: &'static str,
        /// Which device.
        selector: String,
        /// What the STATUS register holds.
        status: u32,
    },
    /// The device took another number of cycle stamps than the program has.
    #[error("run on {selector}: {found} cycle stamps, the program takes {expected}")]
    Stamps {
        /// Which device.
        selector: String,
        /// Stamps the device took.
        found: u32,
        /// Stamps the program takes.
        expected: usize,
    },
    /// An earlier operation failed and left the device in an unknown state.
    #[error("run on {selector}: the device failed before and was not recovered")]
    Poisoned {
        /// Which device.
        selector: String,
    },
    /// The processor could not prepare or answer.
    #[error("{step} on {selector}")]
    Cpu {
        /// What it was to do.
        step: &'static str,
        /// Which device.
        selector: String,
        /// Why not.
        #[source]
        source: myelin_cpu::Error,
    },
    /// A device that is no hardware could not answer.
    #[error("run on {selector}")]
    Reference {
        /// Which device.
        selector: String,
        /// What it says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl DriverError {
    /// Whether the same operation may succeed when tried again, after [`crate::Session::recover`].
    pub fn is_transient(&self) -> bool {
        match self {
            DriverError::Link { source, .. } => source.is_transient(),
            DriverError::Cpu { source, .. } => source.is_transient(),
            DriverError::Poisoned { .. } => true,
            _ => false,
        }
    }

    /// Whether the device does not answer any more and no retry will change that.
    pub fn is_gone(&self) -> bool {
        matches!(self, DriverError::Link { source: LinkError::Gone { .. }, .. })
    }

    /// Whether the device did not answer in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, DriverError::Link { source: LinkError::Timeout { .. }, .. })
    }

    /// Whether this machine has no such device, whatever the model.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, DriverError::Cpu { source: myelin_cpu::Error::PathUnavailable { .. }, .. })
    }

    /// Whether the cause is the caller's input rather than the device.
    pub fn is_input(&self) -> bool {
        matches!(self, DriverError::InputLength { .. })
    }
}

/// Why the device stopped by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrapCause {
    /// The sequencer met what is no instruction.
    #[error("opcode that is not an instruction")]
    Opcode,
    /// An accumulator left 32 bits: the compiler's proof does not hold on this device.
    #[error("an accumulator left 32 bits")]
    Overflow,
    /// An operand that no unit could execute.
    #[error("an operand is not legal")]
    Operand,
    /// An address beyond its memory.
    #[error("an address lies outside its memory")]
    Address,
    /// Nothing can go on.
    #[error("every unit waits for a token that nobody will give")]
    Deadlock,
    /// Tokens were lost.
    #[error("more tokens are outstanding than are counted")]
    Tokens,
    /// It took longer than allowed.
    #[error("the limit of cycles is reached")]
    Cycles,
    /// Two units used one accumulator half.
    #[error("array and post unit used one accumulator half at the same time")]
    Conflict,
    /// A cause this version does not know.
    #[error("unknown cause {0}")]
    Unknown(u32),
}

impl TrapCause {
    /// From the STATUS register.
    pub fn from_status(status: u32) -> TrapCause {
        match status >> 4 & 0xf {
            register::TRAP_OPCODE => TrapCause::Opcode,
            register::TRAP_OVERFLOW => TrapCause::Overflow,
            register::TRAP_OPERAND => TrapCause::Operand,
            register::TRAP_ADDRESS => TrapCause::Address,
            register::TRAP_DEADLOCK => TrapCause::Deadlock,
            register::TRAP_TOKENS => TrapCause::Tokens,
            register::TRAP_CYCLES => TrapCause::Cycles,
            register::TRAP_CONFLICT => TrapCause::Conflict,
            other => TrapCause::Unknown(other),
        }
    }
}

fn memories(cell: &Architecture) -> String {
    format!(
        "{} activation lanes, {} weight words, {} bias words, {} accumulators a half, {} instructions",
        cell.activation_lanes(),
        cell.weight_words(),
        cell.bias_words(),
        cell.accumulator_depth(),
        cell.instruction_depth()
    )
}
