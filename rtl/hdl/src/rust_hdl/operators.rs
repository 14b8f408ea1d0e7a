//! Operators with two operands.

use rust_hdl_core::ast::{VerilogExpression, VerilogOp};

use super::error::LowerError;
use super::expression::Value;
use super::follow::Follow;
use super::graph::ValueId;
use super::kind::{Class, Kind};
use super::show::show;
use crate::ir::BinaryOp;
use crate::ty::{MAX_WIDTH, Ty};

/// The two sides of an operator, of one type.
enum Pair {
    Integers(i128, i128),
    Bits(ValueId, ValueId, Kind),
}

impl Follow<'_> {
    pub(super) fn binary(
        &mut self,
        left: &VerilogExpression,
        op: &VerilogOp,
        right: &VerilogExpression,
        expected: Option<&Kind>,
        whole: &VerilogExpression,
    ) -> Result<Value, LowerError> {
        let grow = match op {
            VerilogOp::Add => BinaryOp::Add,
            VerilogOp::Sub => BinaryOp::Sub,
            VerilogOp::BitAnd => BinaryOp::And,
            VerilogOp::BitOr => BinaryOp::Or,
            VerilogOp::BitXor => BinaryOp::Xor,
            VerilogOp::LogicalAnd | VerilogOp::LogicalOr => {
                let (a, b) = (self.evaluate(left, Some(&Kind::BIT))?, self.evaluate(right, Some(&Kind::BIT))?);
                let (a, b) = (self.converted(a, &Kind::BIT, left)?, self.converted(b, &Kind::BIT, right)?);
                let op = if matches!(op, VerilogOp::LogicalAnd) { BinaryOp::And } else { BinaryOp::Or };
                return Ok(Value::Bits(self.graph.binary(op, a, b, Ty::BIT), Kind::BIT));
            }
            VerilogOp::Mul => return self.product(left, right, whole),
            VerilogOp::Shl | VerilogOp::Shr => return self.shift(left, op, right, expected, whole),
            VerilogOp::Eq | VerilogOp::Ne | VerilogOp::Lt | VerilogOp::Le | VerilogOp::Gt | VerilogOp::Ge => {
                return self.comparison(left, op, right, whole);
            }
        };
        let (a, b) = (self.evaluate(left, expected)?, self.evaluate(right, expected)?);
        // `Bits<N> + bool` is the one mixed sum that Rust accepts.
        let b = match (&a, b) {
            (Value::Bits(_, wide), Value::Bits(bit, kind))
                if grow == BinaryOp::Add && kind == Kind::BIT && wide.class == Class::Unsigned =>
            {
                Value::Bits(self.graph.resize(bit, wide.width as u32), wide.clone())
            }
            (_, b) => b,
        };
        match self.pair(a, b, left, right, expected, whole)? {
            Pair::Integers(a, b) => {
                let value = match grow {
                    BinaryOp::Add => a.checked_add(b),
                    BinaryOp::Sub => a.checked_sub(b),
                    BinaryOp::And => Some(a & b),
                    BinaryOp::Or => Some(a | b),
                    _ => Some(a ^ b),
                };
                value.map(Value::Integer).ok_or_else(|| self.ambiguous(whole))
            }
            Pair::Bits(a, b, kind) => Ok(Value::Bits(self.graph.binary(grow, a, b, kind.ty()), kind)),
        }
    }

    /// `*` exists for 16 by 16 bits only and gives 32.
    fn product(
        &mut self,
        left: &VerilogExpression,
        right: &VerilogExpression,
        whole: &VerilogExpression,
    ) -> Result<Value, LowerError> {
        let (a, b) = (self.evaluate(left, None)?, self.evaluate(right, None)?);
        let signed = |value: &Value| match value {
            Value::Bits(_, kind) => Some(kind.is_signed()),
            Value::SignedCast(_) => Some(true),
            _ => None,
        };
        let (factor, product) = match (&a, &b, signed(&a).or(signed(&b))) {
            (Value::Integer(a), Value::Integer(b), _) => {
                return a.checked_mul(*b).map(Value::Integer).ok_or_else(|| self.ambiguous(whole));
            }
            (_, _, Some(true)) => (Kind::signed(16), Kind::signed(32)),
            (_, _, Some(false)) => (Kind::bits(16), Kind::bits(32)),
            (_, _, None) => return Err(self.clock_as_data(whole)),
        };
        for (value, text) in [(&a, left), (&b, right)] {
            if let Value::Bits(_, kind) = value
                && *kind != factor
            {
                return Err(self.mismatch(text, &factor.to_string(), &kind.to_string()));
            }
        }
        let (a, b) = (self.converted(a, &factor, left)?, self.converted(b, &factor, right)?);
        Ok(Value::Bits(self.graph.binary(BinaryOp::Mul, a, b, product.ty()), product))
    }

    fn shift(
        &mut self,
        left: &VerilogExpression,
        op: &VerilogOp,
        right: &VerilogExpression,
        expected: Option<&Kind>,
        whole: &VerilogExpression,
    ) -> Result<Value, LowerError> {
        let amount = self.evaluate(right, None)?;
        let is_left = matches!(op, VerilogOp::Shl);
        let (value, kind) = match (self.evaluate(left, expected)?, &amount) {
            (Value::Integer(value), &Value::Integer(amount)) => {
                let amount = u32::try_from(amount).map_err(|_| self.ambiguous(whole))?;
                let shifted = if is_left { value.checked_shl(amount) } else { value.checked_shr(amount) };
                return shifted.map(Value::Integer).ok_or_else(|| self.ambiguous(whole));
            }
            // `LiteralType << Bits<N>` is a `Bits<64>`.
            (Value::Integer(value), _) => {
                let kind = Kind::bits(MAX_WIDTH as usize);
                (self.converted(Value::Integer(value), &kind, left)?, kind)
            }
            (Value::Bits(value, kind), _) if kind.class == Class::Unsigned => (value, kind),
            (Value::Bits(_, kind), _) => return Err(self.mismatch(left, "Bits", &kind.to_string())),
            (Value::SignedCast(_), _) => return Err(self.ambiguous(whole)),
            (Value::Clock(_), _) => return Err(self.clock_as_data(whole)),
        };
        let constant = match amount {
            Value::Integer(amount) => Some(u64::try_from(amount).map_err(|_| self.ambiguous(whole))?),
            Value::Bits(amount, _) => self.graph.constant_bits(amount),
            _ => None,
        };
        let shifted = match (constant, amount) {
            (Some(amount), _) if is_left => self.graph.shift_left(value, amount),
            (Some(amount), _) => self.graph.field(value, amount, kind.width as u32),
            (None, Value::Bits(amount, by)) if by.class == Class::Unsigned => {
                let op = if is_left { BinaryOp::Shl } else { BinaryOp::Shr };
                self.graph.binary(op, value, amount, kind.ty())
            }
            _ => return Err(self.ambiguous(whole)),
        };
        Ok(Value::Bits(shifted, kind))
    }

    fn comparison(
        &mut self,
        left: &VerilogExpression,
        op: &VerilogOp,
        right: &VerilogExpression,
        whole: &VerilogExpression,
    ) -> Result<Value, LowerError> {
        let (a, b) = (self.evaluate(left, None)?, self.evaluate(right, None)?);
        // A loop variable meets an index, and a sum of indices does not wrap as one of bits does.
        if (self.counts(left) && may_wrap(right)) || (self.counts(right) && may_wrap(left)) {
            return Err(LowerError::AmbiguousIndex { block: self.path(), expression: show(whole) });
        }
        let unsigned = |value: &Value| match value {
            Value::Bits(_, kind) if kind.class == Class::Unsigned => Some(kind.width),
            _ => None,
        };
        let outside = |integer: i128, width: usize| integer < 0 || integer >> width != 0;
        let pair = match (&a, &b) {
            // Compared as integers: an index with a number beyond its reach, or indices of two widths.
            (Value::Bits(..), &Value::Integer(b)) if unsigned(&a).is_some_and(|width| outside(b, width)) => {
                Pair::Integers(0, b)
            }
            (&Value::Integer(a), Value::Bits(..)) if unsigned(&b).is_some_and(|width| outside(a, width)) => {
                Pair::Integers(a, 0)
            }
            (Value::Bits(x, kind), Value::Bits(y, _)) if unsigned(&a).is_some() && unsigned(&b).is_some() => {
                Pair::Bits(*x, *y, kind.clone())
            }
            _ => self.pair(a, b, left, right, None, whole)?,
        };
        let (op, swapped) = match op {
            VerilogOp::Eq => (BinaryOp::Eq, false),
            VerilogOp::Ne => (BinaryOp::Ne, false),
            VerilogOp::Lt => (BinaryOp::Lt, false),
            VerilogOp::Le => (BinaryOp::Le, false),
            VerilogOp::Gt => (BinaryOp::Lt, true),
            _ => (BinaryOp::Le, true),
        };
        let result = match pair {
            Pair::Integers(a, b) => {
                let (a, b) = if swapped { (b, a) } else { (a, b) };
                self.graph.bit(match op {
                    BinaryOp::Eq => a == b,
                    BinaryOp::Ne => a != b,
                    BinaryOp::Lt => a < b,
                    _ => a <= b,
                })
            }
            Pair::Bits(a, b, _) => {
                let (a, b) = if swapped { (b, a) } else { (a, b) };
                self.compared(op, a, b)
            }
        };
        Ok(Value::Bits(result, Kind::BIT))
    }

    /// Gives both sides one type.
    fn pair(
        &mut self,
        a: Value,
        b: Value,
        left: &VerilogExpression,
        right: &VerilogExpression,
        expected: Option<&Kind>,
        whole: &VerilogExpression,
    ) -> Result<Pair, LowerError> {
        let kind = match (&a, &b) {
            (Value::Clock(_), _) | (_, Value::Clock(_)) => return Err(self.clock_as_data(whole)),
            (&Value::Integer(a), &Value::Integer(b)) => return Ok(Pair::Integers(a, b)),
            (Value::Bits(_, kind), _) | (_, Value::Bits(_, kind)) => kind.clone(),
            _ => expected.filter(|kind| kind.is_signed()).cloned().ok_or_else(|| self.ambiguous(whole))?,
        };
        // Two known types are equal in Rust; a narrower one here would be an index, which may not wrap.
        if let (Value::Bits(_, x), Value::Bits(_, y)) = (&a, &b)
            && (x.width, x.is_signed()) != (y.width, y.is_signed())
        {
            return Err(self.mismatch(right, &x.to_string(), &y.to_string()));
        }
        let (a, b) = (self.converted(a, &kind, left)?, self.converted(b, &kind, right)?);
        Ok(Pair::Bits(a, b, kind))
    }

    /// Whether a loop variable takes part.
    fn counts(&self, expression: &VerilogExpression) -> bool {
        match expression {
            VerilogExpression::Signal(name) => self.loops.iter().any(|(variable, _)| variable == name),
            VerilogExpression::Paren(inner) => self.counts(inner),
            VerilogExpression::Binary(left, _, right) => self.counts(left) || self.counts(right),
            _ => false,
        }
    }
}

/// Whether an index may be a sum or product, before the conversion to an index or after it, of
/// something that is not constant. A difference is the same either way where rust-hdl does not panic.
pub(super) fn may_wrap(expression: &VerilogExpression) -> bool {
    let moves = |expression: &VerilogExpression| !matches!(expression, VerilogExpression::Literal(_));
    match expression {
        VerilogExpression::Paren(inner) => may_wrap(inner),
        VerilogExpression::Binary(left, VerilogOp::Add | VerilogOp::Mul | VerilogOp::Shl, right) => {
            moves(left) || moves(right)
        }
        VerilogExpression::Binary(left, _, right) => may_wrap(left) || may_wrap(right),
        _ => false,
    }
}
