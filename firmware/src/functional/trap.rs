//! Why a run stops by itself, and which instructions are refused before a unit gets them.

use myelin_isa::{
    Architecture, Instruction, PostOperands, Unit, WeightTarget, array_descriptor, post_descriptor, register,
    transfer_descriptor,
};

/// A cause in STATUS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trap {
    Opcode,
    Overflow,
    Operand,
    Address,
    Deadlock,
    Tokens,
    Cycles,
}

impl Trap {
    /// Its number in the register map.
    pub const fn cause(self) -> u32 {
        match self {
            Trap::Opcode => register::TRAP_OPCODE,
            Trap::Overflow => register::TRAP_OVERFLOW,
            Trap::Operand => register::TRAP_OPERAND,
            Trap::Address => register::TRAP_ADDRESS,
            Trap::Deadlock => register::TRAP_DEADLOCK,
            Trap::Tokens => register::TRAP_TOKENS,
            Trap::Cycles => register::TRAP_CYCLES,
        }
    }
}

/// What the sequencer sees in an instruction's words alone, as `rtl/blocks/src/tensor/checks.rs`.
pub(super) fn check(architecture: &Architecture, instruction: &Instruction) -> Result<(), Trap> {
    let inside = |address: u32, size: u32| if address < size { Ok(()) } else { Err(Trap::Address) };
    match *instruction {
        Instruction::Load { destination: lane, beats, .. } | Instruction::Store { source: lane, beats, .. } => {
            some(beats)?;
            if !lane.is_multiple_of(architecture.lanes()) {
                return Err(Trap::Address);
            }
            inside(lane, architecture.activation_lanes())
        }
        Instruction::LoadWeights { target, destination, beats, .. } => {
            some(beats)?;
            inside(
                destination,
                match target {
                    WeightTarget::Weights => architecture.weight_words(),
                    WeightTarget::Biases => architecture.bias_words(),
                    WeightTarget::Instructions => architecture.instruction_depth(),
                    WeightTarget::Table => architecture.table_entries(),
                },
            )
        }
        Instruction::Convolve { weight_base, .. } => inside(u32::from(weight_base), architecture.weight_words()),
        Instruction::Drain { operands, .. } => {
            lanes(architecture, &operands)?;
            inside(u32::from(operands.bias_word), architecture.bias_words())
        }
        Instruction::Elementwise { operands, .. } | Instruction::Pool { operands, .. } => {
            lanes(architecture, &operands)
        }
        Instruction::Config { unit, index, values, .. } => config(architecture, unit, index, values),
        Instruction::Sync { .. } | Instruction::Fence => Ok(()),
    }
}

const _: () = assert!(post_descriptor::REQUANTISE % 3 == 1, "the second word of its CONFIG");

/// A count must not be 0.
pub(super) fn some(count: u32) -> Result<(), Trap> {
    if count == 0 { Err(Trap::Operand) } else { Ok(()) }
}

fn lanes(architecture: &Architecture, operands: &PostOperands) -> Result<(), Trap> {
    let is_legal = (1..=architecture.columns()).contains(&u32::from(operands.lane_count));
    if is_legal { Ok(()) } else { Err(Trap::Operand) }
}

fn config(architecture: &Architecture, unit: Unit, index: u8, [a, b, _]: [u32; 3]) -> Result<(), Trap> {
    let count = match unit {
        Unit::Load | Unit::Store => transfer_descriptor::COUNT,
        Unit::Array => array_descriptor::COUNT,
        Unit::Post => post_descriptor::COUNT,
    };
    if index >= count || !index.is_multiple_of(3) {
        return Err(Trap::Operand);
    }
    if unit == Unit::Post && index == post_descriptor::REQUANTISE - 1 {
        let [low, high] = [8, 16].map(|at| (b >> at) as u8 as i8);
        let unused = 8 - architecture.precision().bits();
        let is_lane = |clamp: i8| clamp << unused >> unused == clamp;
        return if low <= high && is_lane(low) && is_lane(high) { Ok(()) } else { Err(Trap::Operand) };
    }
    if index > 0 {
        return Ok(());
    }
    match unit {
        Unit::Load | Unit::Store => Ok(()),
        Unit::Array => [a & 0xffff, a >> 16, b & 0xffff, b >> 16 & 0xff, b >> 24].into_iter().try_for_each(some),
        Unit::Post => [a & 0xff, a >> 8 & 0xff, a >> 16, b & 0xffff, b >> 16].into_iter().try_for_each(some),
    }
}
