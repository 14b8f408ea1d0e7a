//! Expressions: typed as Rust types them, computed as rust-hdl's simulator computes them.

use rust_hdl_core::ast::{VerilogExpression, VerilogOp, VerilogOpUnary};

use super::error::LowerError;
use super::follow::{Follow, Name};
use super::graph::{Form, ValueId};
use super::kind::{Class, Kind};
use super::literal;
use super::show::show;
use super::wire::ClockSource;
use crate::ir::{BinaryOp, UnaryOp};
use crate::ty::{MAX_WIDTH, Ty, s, u};

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

/// The two sides of an operator, of one type.
enum Pair {
    Integers(i128, i128),
    Bits(ValueId, ValueId, Kind),
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
                let value = self.taken(base, &kind, 1, index)?;
                Ok(Value::Bits(value, Kind::BIT))
            }
            VerilogExpression::Slice(base, width, low) => {
                let (base, kind) = self.bits(base)?;
                if !Kind::bits(*width).fits() {
                    return Err(self.too_wide(expression, *width));
                }
                let value = self.taken(base, &kind, *width, low)?;
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

    fn binary(
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

    /// `width` bits of `base` from an index on; zeros beyond the top, where rust-hdl panics.
    fn taken(
        &mut self,
        base: ValueId,
        kind: &Kind,
        width: usize,
        index: &VerilogExpression,
    ) -> Result<ValueId, LowerError> {
        let base = self.graph.cast(base, u(kind.width as u32));
        match self.index(index, kind.width)? {
            Index::Constant(low) if low > kind.width as u64 => {
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

    /// Whether a loop variable takes part.
    fn counts(&self, expression: &VerilogExpression) -> bool {
        match expression {
            VerilogExpression::Signal(name) => self.loops.iter().any(|(variable, _)| variable == name),
            VerilogExpression::Paren(inner) => self.counts(inner),
            VerilogExpression::Binary(left, _, right) => self.counts(left) || self.counts(right),
            _ => false,
        }
    }

    fn ambiguous(&self, expression: &VerilogExpression) -> LowerError {
        LowerError::AmbiguousWidth { block: self.path(), expression: show(expression) }
    }

    fn clock_as_data(&self, expression: &VerilogExpression) -> LowerError {
        LowerError::DerivedClock { block: self.path(), expression: show(expression) }
    }

    fn too_wide(&self, expression: &VerilogExpression, width: usize) -> LowerError {
        LowerError::Width { block: self.path(), expression: show(expression), width }
    }

    fn mismatch(&self, expression: &VerilogExpression, expected: &str, found: &str) -> LowerError {
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

/// Whether an index may be a sum or product, before the conversion to an index or after it, of
/// something that is not constant. A difference is the same either way where rust-hdl does not panic.
fn may_wrap(expression: &VerilogExpression) -> bool {
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
