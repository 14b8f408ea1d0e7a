//! The plan: what both native backends compile.
//!
//! 1. [`strands`] divides the instances into *strands*: one lane for everything that exists once,
//!    and many lanes for a body that exists many times. Each array of state has one element per
//!    lane (structure of arrays).
//! 2. [`values`] translates the nodes of each strand once, whatever its lanes, into [`Value`]s:
//!    folded, shared, and with every wire that crosses lanes or strands made explicit.
//! 3. [`schedule`] orders the work of one edge (or of one settling) into tasks: a strand's values
//!    and commits that are computed in one pass over its lanes. What exists once is divided into
//!    [`units`], and [`arrange`] orders all so that registers are read before they change; [`lines`]
//!    keeps delay lines so that they move in blocks.
//! 4. [`wakes`] finds out which tasks must run because of what another changed; the others are skipped.

mod arrange;
pub(crate) mod lattice;
pub(crate) mod layout;
pub(crate) mod lines;
mod phases;
pub(crate) mod schedule;
pub(crate) mod strands;
mod tasks;
mod units;
pub(crate) mod values;
pub(crate) mod wakes;
mod wires;

use myelin_hdl::Ty;

macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub(crate) struct $name(pub(crate) u32);

        impl $name {
            pub(crate) fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index_type!(
    /// A strand: position in [`strands::Strands::strands`].
    StrandId
);
index_type!(
    /// A value: position in [`values::Values::values`].
    ValueId
);
index_type!(
    /// A wire across lanes or strands: position in [`values::Values::wires`].
    WireId
);
index_type!(
    /// An element of state that each lane of a strand has: position in [`layout::State::cells`].
    CellId
);
index_type!(
    /// A memory that each lane of a strand has: position in [`layout::State::memories`].
    MemoryId
);
index_type!(
    /// An array in the state buffer: position in [`layout::State::arrays`].
    ArrayId
);

/// How a value is computed from values of the same strand and lane.
///
/// A value is held as the integer it stands for, sign- or zero-extended to its container, so
/// widening is free and only what may leave its type is wrapped.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum ValueOp {
    /// A bit pattern, zero above the width.
    Const(u64),
    /// This lane's element of a cell.
    Cell(CellId),
    /// From another lane or strand.
    Wire(WireId),
    /// A lane of an asynchronous read.
    MemoryRead { memory: MemoryId, lane: u32, address: ValueId },
    /// The operand's integer modulo 2^width, read by the value's own sign.
    Wrap(ValueId),
    /// The operand's integer shifted right by a constant (arithmetic where signed); the value has the remaining width and the operand's sign.
    ShiftRight(ValueId, u32),
    /// Upper bits above lower bits; both operands and the value are unsigned.
    Concat { high: ValueId, low: ValueId },
    /// Bitwise complement.
    Not(ValueId),
    /// 1 where the operand is not 0.
    ReduceOr(ValueId),
    /// 1 where all bits are set.
    ReduceAnd(ValueId),
    /// 1 where an odd number of bits is set.
    ReduceXor(ValueId),
    /// Two operands.
    Binary(myelin_hdl::BinaryOp, ValueId, ValueId),
    /// `select ? on_true : on_false`; the arms have the value's type.
    Mux { select: ValueId, on_true: ValueId, on_false: ValueId },
}

impl ValueOp {
    /// Calls `f` for each operand of the same strand.
    pub(crate) fn for_each_operand(&self, mut f: impl FnMut(ValueId)) {
        match *self {
            ValueOp::Const(_) | ValueOp::Cell(_) | ValueOp::Wire(_) => {}
            ValueOp::MemoryRead { address: a, .. }
            | ValueOp::Wrap(a)
            | ValueOp::ShiftRight(a, _)
            | ValueOp::Not(a)
            | ValueOp::ReduceOr(a)
            | ValueOp::ReduceAnd(a)
            | ValueOp::ReduceXor(a) => f(a),
            ValueOp::Concat { high: a, low: b } | ValueOp::Binary(_, a, b) => {
                f(a);
                f(b);
            }
            ValueOp::Mux { select, on_true, on_false } => {
                f(select);
                f(on_true);
                f(on_false);
            }
        }
    }
}

/// A value that every lane of a strand has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Value {
    pub(crate) strand: StrandId,
    pub(crate) op: ValueOp,
    pub(crate) ty: Ty,
}

/// Bytes of the smallest integer that holds the type.
pub(crate) fn container_bytes(ty: Ty) -> u32 {
    ty.width().div_ceil(8).next_power_of_two()
}
