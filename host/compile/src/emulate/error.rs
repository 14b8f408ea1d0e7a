//! What can go wrong in a run.

use core::fmt;
use myelin_isa::{DecodeError, Unit, UnitSet};
use thiserror::Error;

/// An instruction that cannot be executed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("cell {cell}, instruction {instruction} ({mnemonic}): {fault}")]
pub struct EmulateError {
    /// The cell.
    pub cell: u32,
    /// Its index in instruction memory.
    pub instruction: u32,
    /// Its mnemonic; empty when it has none.
    pub mnemonic: &'static str,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

/// A memory of the machine, for error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Activation scratchpad; addresses in lanes.
    Activations,
    /// Weight scratchpad; addresses in words.
    Weights,
    /// Bias memory; addresses in words.
    Biases,
    /// Tables of all columns; addresses in entries.
    Table,
    /// Accumulators of both halves; addresses `half * accumulator_depth + index`.
    Accumulators,
    /// Memory behind the port; addresses in beats.
    External,
    /// Instruction memory; addresses in instructions.
    Instructions,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Memory::Activations => "activation lane",
            Memory::Weights => "weight word",
            Memory::Biases => "bias word",
            Memory::Table => "table entry",
            Memory::Accumulators => "accumulator",
            Memory::External => "memory beat",
            Memory::Instructions => "instruction",
        })
    }
}

/// Why an instruction cannot be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// Its words are not an instruction.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// An address beyond a memory.
    #[error("{memory} {address} does not exist, there are {available}")]
    Address {
        /// Which memory.
        memory: Memory,
        /// The address.
        address: u64,
        /// Number of addresses, from 0.
        available: u64,
    },
    /// A transfer whose scratchpad address is not a multiple of the beat.
    #[error("activation lane {lane} is not a multiple of {lanes}")]
    Unaligned {
        /// The address.
        lane: u32,
        /// Lanes in a beat.
        lanes: u32,
    },
    /// An operand or descriptor field outside its range.
    #[error("{field} is {found}, expected {min} to {max}")]
    Field {
        /// Which.
        field: &'static str,
        /// Its value.
        found: u64,
        /// Least legal value.
        min: u64,
        /// Greatest legal value.
        max: u64,
    },
    /// A clamp that no lane can keep to, or a low one above the high one.
    #[error("a result is clamped at {found}, expected {min} to {max}")]
    Clamp {
        /// The clamp.
        found: i8,
        /// Least legal value.
        min: i8,
        /// Greatest legal value.
        max: i8,
    },
    /// A window all of whose elements are left out.
    #[error("the window of result row {row}, column {column} has no element inside the source map")]
    EmptyWindow {
        /// Output row.
        row: u32,
        /// Output column.
        column: u32,
    },
    /// A sum left 32 bits.
    #[error("column {column} reached {value}, beyond 32 bits")]
    Overflow {
        /// Array column.
        column: u32,
        /// The sum.
        value: i64,
    },
    /// Every unit waits and nothing is left to hand out.
    #[error("{unit:?} waits for tokens of {missing:?} that will never come")]
    Deadlock {
        /// The waiting unit.
        unit: Unit,
        /// Whose tokens are missing.
        missing: UnitSet,
    },
    /// Every cell waits or has halted, and the barrier is not complete.
    #[error("waits at a barrier that cell {missing} will never reach")]
    Barrier {
        /// A cell that has arrived least often.
        missing: u32,
    },
    /// A FENCE without a LOADW of instructions before it.
    #[error("no LOADW of instructions is left for it to wait for")]
    Fence,
    /// A token that was given and not taken when the cell halted: nobody has waited for what it stands for, and
    /// the next start forgets it.
    #[error("the cell halts with a token from {from:?} to {to:?} left over")]
    TokenLeft {
        /// Who gave it.
        from: Unit,
        /// Who has not taken it.
        to: Unit,
    },
    /// A barrier token, or one for FENCE, that was not taken when all cells had halted.
    #[error("the cell halts with a token of {of} left over")]
    OtherTokenLeft {
        /// Of what.
        of: &'static str,
    },
    /// Two cells touch a beat of external memory, at least one writes, and no barrier orders them.
    #[error("{unit:?} touches memory beat {beat} while {other:?} of cell {other_cell} may still be using it")]
    CellRace {
        /// The unit executing.
        unit: Unit,
        /// The unit of the earlier access.
        other: Unit,
        /// Its cell.
        other_cell: u32,
        /// The beat.
        beat: u64,
    },
    /// An instruction is fetched from where a LOADW that no FENCE has waited for puts others.
    #[error("a LOADW that no FENCE has waited for may still be writing it")]
    Unfenced,
    /// More barrier tokens outstanding than the hardware counts.
    #[error("more than {max} barrier tokens are outstanding")]
    BarrierOverflow {
        /// Most that are counted.
        max: u32,
    },
    /// More tokens outstanding than the hardware counts.
    #[error("more than {max} tokens from {from:?} to {to:?} are outstanding")]
    TokenOverflow {
        /// Who gave them.
        from: Unit,
        /// Who has not taken them.
        to: Unit,
        /// Most that are counted.
        max: u32,
    },
    /// Two units touch a location and no chain of tokens orders them.
    #[error("{unit:?} touches {memory} {address} while {other:?} may still be using it")]
    Race {
        /// The unit executing.
        unit: Unit,
        /// The unit of the earlier access.
        other: Unit,
        /// Which memory.
        memory: Memory,
        /// Address within it.
        address: u64,
    },
}

impl Fault {
    /// `found` must lie in `min..=max`.
    pub(super) fn field(field: &'static str, found: u64, min: u64, max: u64) -> Result<(), Fault> {
        if (min..=max).contains(&found) { Ok(()) } else { Err(Fault::Field { field, found, min, max }) }
    }
}
