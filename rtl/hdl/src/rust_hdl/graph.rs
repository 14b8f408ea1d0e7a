//! The values of one block as a graph without duplicates; [`super::build`] turns it into a module.

use std::collections::HashMap;

use crate::ir::{BinaryOp, UnaryOp};
use crate::ty::{Ty, s, u};

/// A value in the graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct ValueId(u32);

impl ValueId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a value comes about. Operators mean what they mean in [`crate::Op`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Form {
    /// Input of the block, by position among its atoms.
    Input(usize),
    /// Bits, zero above the width.
    Const(u64),
    /// Output of a child, by position among the child's atoms.
    ChildOutput {
        child: usize,
        atom: usize,
    },
    /// What a wire of the block settles to; the wire may be assigned later.
    Settled(usize),
    Unary(UnaryOp, ValueId),
    Binary(BinaryOp, ValueId, ValueId),
    Mux {
        select: ValueId,
        on_true: ValueId,
        on_false: ValueId,
    },
    Slice {
        source: ValueId,
        low: u32,
    },
    Concat {
        high: ValueId,
        low: ValueId,
    },
}

/// The values of one block.
#[derive(Default)]
pub(super) struct Graph {
    values: Vec<(Form, Ty)>,
    known: HashMap<(Form, Ty), ValueId>,
}

impl Graph {
    pub(super) fn form(&self, id: ValueId) -> Form {
        self.values[id.index()].0
    }

    pub(super) fn ty(&self, id: ValueId) -> Ty {
        self.values[id.index()].1
    }

    pub(super) fn width(&self, id: ValueId) -> u32 {
        self.ty(id).width()
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The bits of a constant.
    pub(super) fn constant_bits(&self, id: ValueId) -> Option<u64> {
        if let Form::Const(bits) = self.form(id) { Some(bits) } else { None }
    }

    pub(super) fn push(&mut self, form: Form, ty: Ty) -> ValueId {
        let next = ValueId(u32::try_from(self.values.len()).expect("a block has fewer than 2^32 values"));
        let id = *self.known.entry((form, ty)).or_insert(next);
        if id == next {
            self.values.push((form, ty));
        }
        id
    }

    pub(super) fn constant(&mut self, ty: Ty, bits: u64) -> ValueId {
        self.push(Form::Const(bits & ty.mask()), ty)
    }

    pub(super) fn bit(&mut self, value: bool) -> ValueId {
        self.constant(Ty::BIT, u64::from(value))
    }

    pub(super) fn unary(&mut self, op: UnaryOp, a: ValueId, ty: Ty) -> ValueId {
        match (op, self.constant_bits(a)) {
            (UnaryOp::Not, Some(bits)) => self.constant(ty, !bits),
            _ => self.push(Form::Unary(op, a), ty),
        }
    }

    /// An operator on operands; sums, differences and bitwise ones need operands as wide as the result.
    pub(super) fn binary(&mut self, op: BinaryOp, a: ValueId, b: ValueId, ty: Ty) -> ValueId {
        let folded = match (op, self.constant_bits(a), self.constant_bits(b)) {
            (BinaryOp::Add, Some(a), Some(b)) => a.wrapping_add(b),
            (BinaryOp::Sub, Some(a), Some(b)) => a.wrapping_sub(b),
            (BinaryOp::And, Some(a), Some(b)) => a & b,
            (BinaryOp::Or, Some(a), Some(b)) => a | b,
            (BinaryOp::Xor, Some(a), Some(b)) => a ^ b,
            _ => return self.push(Form::Binary(op, a, b), ty),
        };
        self.constant(ty, folded)
    }

    pub(super) fn mux(&mut self, select: ValueId, on_true: ValueId, on_false: ValueId) -> ValueId {
        match self.constant_bits(select) {
            _ if on_true == on_false => on_true,
            Some(0) => on_false,
            Some(_) => on_true,
            None => self.push(Form::Mux { select, on_true, on_false }, self.ty(on_true)),
        }
    }

    /// The same bits read as `ty`, of equal width.
    pub(super) fn cast(&mut self, a: ValueId, ty: Ty) -> ValueId {
        self.slice(a, 0, ty)
    }

    /// Bits from `low` on, as many as `ty` has.
    pub(super) fn slice(&mut self, a: ValueId, low: u32, ty: Ty) -> ValueId {
        match self.form(a) {
            _ if low == 0 && self.ty(a) == ty => a,
            Form::Const(bits) => self.constant(ty, bits >> low),
            Form::Slice { source, low: inner } => self.slice(source, inner + low, ty),
            _ => self.push(Form::Slice { source: a, low }, ty),
        }
    }

    /// The value in another width and the sign it has: its low bits, or extended by its sign.
    pub(super) fn resize(&mut self, a: ValueId, width: u32) -> ValueId {
        let from = self.ty(a);
        let ty = if from.is_signed() { s(width) } else { u(width) };
        if width <= from.width() {
            return self.slice(a, 0, ty);
        }
        match self.constant_bits(a) {
            Some(bits) => self.constant(ty, from.value_of(bits) as u64),
            None => self.push(Form::Unary(UnaryOp::Extend, a), ty),
        }
    }

    /// `high` above `low`, unsigned.
    pub(super) fn concat(&mut self, high: ValueId, low: ValueId) -> ValueId {
        let width = self.width(low);
        let ty = u(self.width(high) + width);
        match (self.constant_bits(high), self.constant_bits(low)) {
            (Some(high), Some(low)) => self.constant(ty, high << width | low),
            _ => self.push(Form::Concat { high, low }, ty),
        }
    }

    /// Unsigned `a` shifted left by a constant, in its type.
    pub(super) fn shift_left(&mut self, a: ValueId, amount: u64) -> ValueId {
        let ty = self.ty(a);
        match u32::try_from(amount) {
            Ok(0) => a,
            Ok(amount) if amount < ty.width() => {
                let kept = self.slice(a, 0, u(ty.width() - amount));
                let zeros = self.constant(u(amount), 0);
                self.concat(kept, zeros)
            }
            _ => self.constant(ty, 0),
        }
    }

    /// Bits from `low` on of unsigned `a`, `width` of them, zeros beyond its top.
    pub(super) fn field(&mut self, a: ValueId, low: u64, width: u32) -> ValueId {
        let top = self.width(a);
        match u32::try_from(low) {
            Ok(low) if low < top => {
                let kept = self.slice(a, low, u(width.min(top - low)));
                self.resize(kept, width)
            }
            _ => self.constant(u(width), 0),
        }
    }
}
