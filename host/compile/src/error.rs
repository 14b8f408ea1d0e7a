//! Why a graph cannot be compiled for a cell.

use crate::requantise::Interval;
use core::fmt;
use myelin_isa::Precision;
use thiserror::Error;

/// A layer of the graph, for error messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the graph's node.
    pub layer: String,
    /// Its operator, as the chain calls it.
    pub operator: &'static str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer {:?} ({})", self.layer, self.operator)
    }
}

/// A graph that a cell cannot run, and why. Deterministic: a retry does not help.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CompileError {
    /// Something the cell has no means for.
    #[error("{place}: {refusal}")]
    Unsupported {
        /// Where.
        place: Place,
        /// What.
        refusal: Refusal,
    },
    /// More than one picture at a time.
    #[error("{place}: batch is {found}, the cell runs one picture at a time")]
    Batch {
        /// Where.
        place: Place,
        /// Pictures in the batch.
        found: usize,
    },
    /// Values beyond the lanes.
    #[error("{place}: {what} reaches {range}, an {precision} lane holds +-{}", precision.limit())]
    Range {
        /// Where.
        place: Place,
        /// Which values.
        what: &'static str,
        /// What they reach.
        range: Interval,
        /// Width of the cell's lanes.
        precision: Precision,
    },
    /// An accumulator could overflow.
    #[error(
        "{place}: output channel {channel} can reach {reach} before its bias and {biased} after it, \
         an accumulator holds 32 bits"
    )]
    Overflow {
        /// Where.
        place: Place,
        /// Output channel, the first that could.
        channel: usize,
        /// What sums of any part of the products can reach.
        reach: Interval,
        /// The same with the bias.
        biased: Interval,
    },
    /// A size beyond a field of an instruction or descriptor.
    #[error("{place}: {what} is {found}, at most {max} fits the instruction")]
    Limit {
        /// Where.
        place: Place,
        /// Which size.
        what: &'static str,
        /// Its value.
        found: u64,
        /// Largest value of the field.
        max: u64,
    },
    /// A memory of the cell is too small.
    #[error("{place}: {memory} needs {needed} {unit}, {available} are available")]
    Capacity {
        /// The layer at which it was exceeded.
        place: Place,
        /// Which memory.
        memory: &'static str,
        /// Unit of the two numbers.
        unit: &'static str,
        /// Needed up to and with this layer.
        needed: u64,
        /// Held by the cell.
        available: u64,
    },
}

/// What the cell has no means for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The operator is not one of those the compiler lowers.
    #[error("the cell has no such operator")]
    Operator,
    /// An activation operand is a constant of the model.
    #[error("an activation operand is a constant")]
    ConstantOperand,
    /// Weights, bias or table come from another operator.
    #[error("weights, bias or table are computed, expected constants")]
    ComputedParameter,
    /// The input has neither two nor four axes.
    #[error("the input has {axes} axes, expected 2 or 4")]
    InputRank {
        /// Found.
        axes: usize,
    },
    /// Operands of a sum lie in different orders (one is a flattened map).
    #[error("the operands lie in different orders: {a:?} and {b:?} (channels, rows, columns)")]
    Order {
        /// First operand: channels, rows, columns.
        a: [usize; 3],
        /// Second operand.
        b: [usize; 3],
    },
    /// A sum or maximum over other axes than rows and columns.
    #[error("only whole rows and columns can be reduced (axes 2 and 3)")]
    ReducedAxes,
    /// Joined along another axis than the channels, or flattened maps of several pixels.
    #[error("only channels can be joined (axis 1, no flattened maps)")]
    JoinedAxis,
    /// Rounding twice is not rounding once.
    #[error("a second right shift of a value too wide to be stored between the two")]
    SecondShift,
    /// The chain's device wraps or does not clip here, and the range does not rule that out.
    #[error("the chain's device rounds {range} with wrap-around here")]
    WrappingShift {
        /// What the operand can reach.
        range: Interval,
    },
    /// A pool of 32-bit values whose windows do not fit one tile.
    #[error("a pool of 32-bit values needs its windows whole in one tile of {accumulators} accumulators")]
    WidePool {
        /// Accumulators in a half.
        accumulators: u32,
    },
}

impl CompileError {
    /// The layer it is about.
    pub fn place(&self) -> &Place {
        match self {
            CompileError::Unsupported { place, .. }
            | CompileError::Batch { place, .. }
            | CompileError::Range { place, .. }
            | CompileError::Overflow { place, .. }
            | CompileError::Limit { place, .. }
            | CompileError::Capacity { place, .. } => place,
        }
    }

    /// Advice, if there is any.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            CompileError::Unsupported { refusal: Refusal::Operator, .. } => {
                "run the model on the golden device or the CPU"
            }
            CompileError::Unsupported { refusal: Refusal::SecondShift, .. } => "merge the two shifts in the model",
            CompileError::Unsupported { refusal: Refusal::WidePool { .. }, .. } => {
                "requantise before the pool, or use a cell with more accumulators"
            }
            CompileError::Batch { .. } => "export the model with batch 1",
            CompileError::Range { precision: Precision::Int6, .. } => "use an int8 cell",
            CompileError::Range { .. } => "requantise the value to 8 bits before this layer",
            CompileError::Overflow { .. } => "smaller weights or fewer input channels are needed",
            CompileError::Capacity { .. } => "use a cell with a larger memory",
            CompileError::Unsupported { .. } | CompileError::Limit { .. } => return None,
        })
    }
}
