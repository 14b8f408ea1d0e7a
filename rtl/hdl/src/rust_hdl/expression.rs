//! Expressions: typed as Rust types them, computed as rust-hdl's simulator computes them.

use rust_hdl_core::ast::{VerilogExpression, VerilogOpUnary};

use super::error::LowerError;
use super::follow::{Follow, Name};
use super::graph::{Form, ValueId};
use super::kind::{Class, Kind};
use super::literal;
use super::operators::may_wrap;
use super::show::show;
use super::wire::ClockSource;
use crate::ir::{BinaryOp, UnaryOp};
use crate::ty::{Ty, s, u};

/// What an expression is.
#[derive(Clone)]
pub(super) enum Value {
    /// Bits of a known type.
    Bits(ValueId, Kind),
    /// An integer that takes the type of what it meets.
    Integer(i128),
    /// A `Signed` cast to a width that what it meets decides.
    SignedCast(ValueId),
    /// A clock.
    Clock(Option<ClockSource>),
}

impl Follow<'_> {
    /// Computes an expression. `expected` is the type its place asks for, where the place has one.
    pub(super) fn evaluate(
        &mut self,
        expression: &VerilogExpression,
        expected: Option<&Kind>,
    ) -> Result<Value, LowerError> {
        match expression {
            VerilogExpression::Signal(name) => self.name(name),
            VerilogExpression::Literal(value) => {
                let unreadable =
                    || LowerError::UnreadableLiteral { block: self.scope.path.clone(), literal: value.to_string() };
                let number = literal::value_of(value).ok_or_else(unreadable)?;
                if literal::is_bool(value) {
                    return Ok(Value::Bits(self.graph.bit(number == 1), Kind::BIT));
                }
                Ok(Value::Integer(number))
            }
            VerilogExpression::Paren(inner) => self.evaluate(inner, expected),
            VerilogExpression::Cast(inner, width) => self.bit_cast(inner, *width, expression),
            VerilogExpression::Signed(inner) => self.signed(inner, expected, expression),
            VerilogExpression::Unsigned(inner) => self.unsigned(inner, expected, expression),
            VerilogExpression::Unary(op, inner) => self.unary(op, inner, expected, expression),
            VerilogExpression::Binary(left, op, right) => self.binary(left, op, right, expected, expression),
            VerilogExpression::Index(base, index) => {
                let (base, kind) = self.bits(base)?;
                let value = self.taken(base, &kind, 1, index, kind.width - 1)?;
                Ok(Value::Bits(value, Kind::BIT))
            }
            VerilogExpression::Slice(base, width, low) => {
                let (base, kind) = self.bits(base)?;
                if !Kind::bits(*width).fits() {
                    return Err(self.too_wide(expression, *width));
                }
                let value = self.taken(base, &kind, *width, low, kind.width)?;
                let field = match &**low {
                    VerilogExpression::Literal(low) => literal::value_of(low).and_then(|low| usize::try_from(low).ok()),
                    _ => None,
                };
                let field = field.and_then(|low| kind.field(low, *width)).cloned();
                let kind = match field {
                    Some(field) => field,
                    None if kind.is_signed() => Kind::signed(*width),
                    None => Kind::bits(*width),
                };
                Ok(Value::Bits(self.graph.cast(value, kind.ty()), kind))
            }
            VerilogExpression::IndexReplace(base, index, value) => {
                let (base, kind) = self.bits(base)?;
                let bit = self.evaluate(value, Some(&Kind::BIT))?;
                let bit = self.converted(bit, &Kind::BIT, value)?;
                self.bit_replaced(base, kind, bit, index)
            }
        }
    }

    fn name(&mut self, name: &str) -> Result<Value, LowerError> {
        if let Some(&(_, value)) = self.loops.iter().rev().find(|(variable, _)| variable == name) {
            return Ok(Value::Integer(value));
        }
        match self.lookup(name)? {
            Name::Input(index) => {
                let atom = &self.scope.atoms[index];
                if atom.kind.is_clock() {
                    return Ok(Value::Clock(Some(ClockSource::Own(atom.name.clone()))));
                }
                Ok(Value::Bits(self.graph.push(Form::Input(index), atom.kind.ty()), atom.kind.clone()))
            }
            Name::ChildOutput { child, atom } => {
                let info = &self.scope.children[child].atoms[atom];
                if info.kind.is_clock() {
                    return Ok(Value::Clock(Some(ClockSource::Child { child, output: info.name.clone() })));
                }
                let value = self.graph.push(Form::ChildOutput { child, atom }, info.kind.ty());
                Ok(Value::Bits(value, info.kind.clone()))
            }
            Name::Constant(kind, bits) | Name::EnumValue(Some((kind, bits))) => {
                Ok(Value::Bits(self.graph.constant(kind.ty(), bits), kind))
            }
            Name::EnumValue(None) => {
                Err(LowerError::UnknownName { block: self.path(), name: super::show::show_name(name) })
            }
            Name::Wire(wire) => self.read(wire),
        }
    }

    /// `bit_cast` and `bits`: the low bits, or zeros above.
    fn bit_cast(
        &mut self,
        inner: &VerilogExpression,
        width: usize,
        whole: &VerilogExpression,
    ) -> Result<Value, LowerError> {
        let kind = Kind::bits(width);
        if !kind.fits() {
            return Err(self.too_wide(whole, width));
        }
        // What is inside has a type of its own, which the cast does not decide: a sum wraps in it.
        let value = match self.evaluate(inner, None)? {
            Value::Bits(value, from) if !from.is_signed() => self.graph.resize(value, width as u32),
            other => self.converted(other, &kind, inner)?,
        };
        Ok(Value::Bits(value, kind))
    }

    /// `signed_cast`, `signed_bit_cast` and `to_signed_bits`, which rust-hdl's tree does not tell apart.
    fn signed(
        &mut self,
        inner: &VerilogExpression,
        expected: Option<&Kind>,
        whole: &VerilogExpression,
    ) -> Result<Value, LowerError> {
        match self.evaluate(inner, None)? {
            Value::Bits(value, kind) if kind.is_signed() => match expected {
                Some(to) if to.is_signed() => Ok(Value::Bits(self.graph.resize(value, to.width as u32), to.clone())),
                _ => Ok(Value::SignedCast(value)),
            },
            Value::Bits(value, kind) => {
                Ok(Value::Bits(self.graph.cast(value, s(kind.width as u32)), Kind::signed(kind.width)))
            }
            Value::Integer(value) => Ok(Value::Integer(value)),
            Value::SignedCast(_) => Err(self.ambiguous(whole)),
            Value::Clock(_) => Err(self.clock_as_data(whole)),
        }
    }

    fn unsigned(
        &mut self,
        inner: &VerilogExpression,
        expected: Option<&Kind>,
        whole: &VerilogExpression,
    ) -> Result<Value, LowerError> {
        let inside = expected.map(|kind| Kind::signed(kind.width));
        match self.evaluate(inner, inside.as_ref())? {
            Value::Bits(value, kind) => {
                Ok(Value::Bits(self.graph.cast(value, u(kind.width as u32)), Kind::bits(kind.width)))
            }
            Value::Clock(_) => Err(self.clock_as_data(whole)),
            Value::Integer(_) | Value::SignedCast(_) => Err(self.ambiguous(whole)),
        }
    }

    fn unary(
        &mut self,
        op: &VerilogOpUnary,
        inner: &VerilogExpression,
        expected: Option<&Kind>,
        whole: &VerilogExpression,
    ) -> Result<Value, LowerError> {
        let reduce = match op {
            VerilogOpUnary::All => UnaryOp::ReduceAnd,
            VerilogOpUnary::Any => UnaryOp::ReduceOr,
            VerilogOpUnary::Xor => UnaryOp::ReduceXor,
            VerilogOpUnary::Not | VerilogOpUnary::Neg => {
                return match (op, self.evaluate(inner, expected)?) {
                    (VerilogOpUnary::Neg, Value::Integer(value)) => Ok(Value::Integer(-value)),
                    (VerilogOpUnary::Neg, Value::Bits(value, kind)) if kind.is_signed() => {
                        let zero = self.graph.constant(kind.ty(), 0);
                        Ok(Value::Bits(self.graph.binary(BinaryOp::Sub, zero, value, kind.ty()), kind))
                    }
                    (VerilogOpUnary::Not, Value::Bits(value, kind)) => {
                        Ok(Value::Bits(self.graph.unary(UnaryOp::Not, value, kind.ty()), kind))
                    }
                    (_, Value::Clock(_)) => Err(self.clock_as_data(whole)),
                    (_, Value::Bits(_, kind)) => Err(self.mismatch(inner, "Signed", &kind.to_string())),
                    (_, Value::Integer(_) | Value::SignedCast(_)) => Err(self.ambiguous(whole)),
                };
            }
        };
        let (value, kind) = self.bits(inner)?;
        let reduced = if kind.width == 1 { value } else { self.graph.unary(reduce, value, Ty::BIT) };
        Ok(Value::Bits(reduced, Kind::BIT))
    }

    /// A value in the type its place has.
    pub(super) fn converted(
        &mut self,
        value: Value,
        kind: &Kind,
        text: &VerilogExpression,
    ) -> Result<ValueId, LowerError> {
        match value {
            Value::Integer(value) => {
                // `Signed::from` takes the bits of the magnitude and negates them, so that it accepts all this.
                let low = if kind.is_signed() { -kind.unsigned_max() } else { 0 };
                let holds_integers = matches!(kind.class, Class::Unsigned | Class::Signed);
                if !holds_integers || !(low..=kind.unsigned_max()).contains(&value) {
                    return Err(self.mismatch(text, &kind.to_string(), "an integer outside it"));
                }
                Ok(self.graph.constant(kind.ty(), value as u64))
            }
            Value::SignedCast(value) if kind.is_signed() => Ok(self.graph.resize(value, kind.width as u32)),
            Value::SignedCast(_) => Err(self.mismatch(text, &kind.to_string(), "Signed")),
            // `index().to_bits()` into a wider type; a narrower one panics in rust-hdl where bits are lost.
            Value::Bits(value, from) if from.is_signed() == kind.is_signed() => {
                let widens = from.width < kind.width && kind.class == Class::Unsigned && !from.is_clock();
                if from.width != kind.width && !widens {
                    return Err(self.mismatch(text, &kind.to_string(), &from.to_string()));
                }
                Ok(self.graph.resize(value, kind.width as u32))
            }
            Value::Bits(_, from) => Err(self.mismatch(text, &kind.to_string(), &from.to_string())),
            Value::Clock(_) => Err(self.clock_as_data(text)),
        }
    }

    /// `width` bits of `base` from an index on, which is at most `index_max`; zeros beyond the top.
    fn taken(
        &mut self,
        base: ValueId,
        kind: &Kind,
        width: usize,
        index: &VerilogExpression,
        index_max: usize,
    ) -> Result<ValueId, LowerError> {
        let base = self.graph.cast(base, u(kind.width as u32));
        match self.index(index, kind.width)? {
            Index::Constant(low) if low > index_max as u64 => {
                Err(self.mismatch(index, &format!("an index into {kind}"), &low.to_string()))
            }
            Index::Constant(low) => Ok(self.graph.field(base, low, width as u32)),
            Index::Value(low) => {
                let ty = self.graph.ty(base);
                let shifted = self.graph.binary(BinaryOp::Shr, base, low, ty);
                Ok(self.graph.resize(shifted, width as u32))
            }
        }
    }

    fn bit_replaced(
        &mut self,
        base: ValueId,
        kind: Kind,
        bit: ValueId,
        index: &VerilogExpression,
    ) -> Result<Value, LowerError> {
        let ty = kind.ty();
        let one = self.graph.constant(ty, 1);
        let bit = self.graph.resize(bit, ty.width());
        let (mask, bit) = match self.index(index, kind.width)? {
            Index::Constant(at) if at >= kind.width as u64 => {
                return Err(self.mismatch(index, &format!("an index into {kind}"), &at.to_string()));
            }
            Index::Constant(at) => (self.graph.shift_left(one, at), self.graph.shift_left(bit, at)),
            Index::Value(at) => {
                let mask = self.graph.binary(BinaryOp::Shl, one, at, ty);
                (mask, self.graph.binary(BinaryOp::Shl, bit, at, ty))
            }
        };
        let others = self.graph.unary(UnaryOp::Not, mask, ty);
        let kept = self.graph.binary(BinaryOp::And, base, others, ty);
        Ok(Value::Bits(self.graph.binary(BinaryOp::Or, kept, bit, ty), kind))
    }

    /// An index into `reach` bits.
    fn index(&mut self, index: &VerilogExpression, reach: usize) -> Result<Index, LowerError> {
        match self.evaluate(index, None)? {
            Value::Integer(value) => match u64::try_from(value) {
                Ok(value) => Ok(Index::Constant(value)),
                Err(_) => Err(self.mismatch(index, "an index", &value.to_string())),
            },
            Value::Bits(value, kind) if kind.class == Class::Unsigned => {
                // As bits a sum wraps, as an index it does not: both are the same only where the
                // index that bits cannot hold is outside (rust-hdl panics there).
                if may_wrap(index) && reach as u128 > 1 << kind.width {
                    return Err(LowerError::AmbiguousIndex { block: self.path(), expression: show(index) });
                }
                let constant = self.graph.constant_bits(value).map(Index::Constant);
                Ok(constant.unwrap_or(Index::Value(value)))
            }
            Value::Bits(_, kind) => Err(self.mismatch(index, "an index", &kind.to_string())),
            Value::SignedCast(_) => Err(self.ambiguous(index)),
            Value::Clock(_) => Err(self.clock_as_data(index)),
        }
    }

    /// An expression that must have a type of its own.
    fn bits(&mut self, expression: &VerilogExpression) -> Result<(ValueId, Kind), LowerError> {
        match self.evaluate(expression, None)? {
            Value::Bits(value, kind) => Ok((value, kind)),
            Value::Integer(_) | Value::SignedCast(_) => Err(self.ambiguous(expression)),
            Value::Clock(_) => Err(self.clock_as_data(expression)),
        }
    }

    pub(super) fn ambiguous(&self, expression: &VerilogExpression) -> LowerError {
        LowerError::AmbiguousWidth { block: self.path(), expression: show(expression) }
    }

    pub(super) fn clock_as_data(&self, expression: &VerilogExpression) -> LowerError {
        LowerError::DerivedClock { block: self.path(), expression: show(expression) }
    }

    pub(super) fn too_wide(&self, expression: &VerilogExpression, width: usize) -> LowerError {
        LowerError::Width { block: self.path(), expression: show(expression), width }
    }

    pub(super) fn mismatch(&self, expression: &VerilogExpression, expected: &str, found: &str) -> LowerError {
        LowerError::TypeMismatch {
            block: self.path(),
            expression: show(expression),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

enum Index {
    Constant(u64),
    Value(ValueId),
}
