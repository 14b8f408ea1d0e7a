//! Values of the module under construction, and the operators that combine them.
//!
//! Arithmetic (`+ - *`, comparisons) works on the integers the operands stand for, whatever their
//! widths and signs, and its result is wide enough to hold every outcome. `& | ^` need operands of
//! one width. An integer literal stands for a constant of the narrowest type that holds it.

use std::ops::{Add, BitAnd, BitOr, BitXor, Mul, Neg, Not, Sub};
use std::panic::Location;

use crate::builder::{assert_open, checked_bits, name_node, push_check, push_node};
use crate::ir::{BinaryOp, CheckKind, NodeId, Op, UnaryOp};
use crate::ty::{MAX_WIDTH, Ty, u};

/// A value of the open module: a copyable handle.
#[derive(Clone, Copy, Debug)]
pub struct Signal {
    id: NodeId,
    ty: Ty,
    module: u32,
}

/// A signal, or an integer literal that becomes a constant.
#[derive(Clone, Copy, Debug)]
pub enum Operand {
    /// A value.
    Signal(Signal),
    /// A literal.
    Literal(i64),
}

impl From<Signal> for Operand {
    fn from(signal: Signal) -> Operand {
        Operand::Signal(signal)
    }
}

impl From<i64> for Operand {
    fn from(value: i64) -> Operand {
        Operand::Literal(value)
    }
}

impl Operand {
    /// The value, as a constant of the narrowest type for a literal.
    #[track_caller]
    pub(crate) fn signal(self) -> Signal {
        match self {
            Operand::Signal(signal) => signal,
            Operand::Literal(value) => Signal::constant(Ty::of_value(value), value),
        }
    }

    /// The value in exactly type `ty`, widened if needed.
    #[track_caller]
    pub(crate) fn widened(self, ty: Ty) -> Signal {
        match self {
            Operand::Signal(signal) => signal.extend(ty),
            Operand::Literal(value) => Signal::constant(ty, value),
        }
    }

    fn ty(self) -> Ty {
        match self {
            Operand::Signal(signal) => signal.ty,
            Operand::Literal(value) => Ty::of_value(value),
        }
    }
}

impl Signal {
    pub(crate) fn new(id: NodeId, ty: Ty, module: u32) -> Signal {
        Signal { id, ty, module }
    }

    /// A constant of a stated type.
    ///
    /// # Panics
    /// If the type does not hold the value (64-bit unsigned constants are given by their bits).
    #[track_caller]
    pub fn constant(ty: Ty, value: i64) -> Signal {
        push_node(Op::Const(checked_bits(ty, value)), ty)
    }

    /// Width and sign.
    pub fn ty(self) -> Ty {
        self.ty
    }

    /// Width in bits.
    pub fn width(self) -> u32 {
        self.ty.width()
    }

    #[track_caller]
    pub(crate) fn id(self) -> NodeId {
        assert_open(self.module, self.id);
        self.id
    }

    /// Names the value: the name appears in emitted Verilog and in waves.
    #[track_caller]
    pub fn named(self, name: &str) -> Signal {
        name_node(self.id(), name);
        self
    }

    /// The same integer in type `ty`.
    ///
    /// # Panics
    /// If `ty` does not hold every value: truncate, saturate or reinterpret explicitly instead.
    #[track_caller]
    pub fn extend(self, ty: Ty) -> Signal {
        assert!(ty.contains(self.ty), "{} does not always fit {ty}: truncate, saturate or cast explicitly", self.ty);
        if ty == self.ty { self } else { push_node(Op::Unary(UnaryOp::Extend, self.id()), ty) }
    }

    /// The low `width` bits, keeping the sign flag: wraps.
    #[track_caller]
    pub fn truncate(self, width: u32) -> Signal {
        assert!(width <= self.width(), "truncating {} to {width} bits", self.ty);
        let ty = if self.ty.is_signed() { crate::s(width) } else { u(width) };
        if width == self.width() { self } else { push_node(Op::Slice { source: self.id(), low: 0 }, ty) }
    }

    /// The same integer in `ty`, stated to fit: an assertion `name` checks it in simulation and proof.
    #[track_caller]
    pub fn fit(self, ty: Ty, name: &str) -> Signal {
        if ty.contains(self.ty) {
            return self.extend(ty);
        }
        let low = self.truncate(ty.width().min(self.width()));
        let fitted =
            if low.width() < ty.width() { low.cast_unsigned().extend(u(ty.width())).cast(ty) } else { low.cast(ty) };
        push_check(CheckKind::Assert, name, fitted.eq(self), Location::caller());
        fitted
    }

    /// The nearest integer of `ty`.
    #[track_caller]
    pub fn saturate(self, ty: Ty) -> Signal {
        let limit = |limit: i128| i64::try_from(limit).expect("a bound that can be crossed is within 64 signed bits");
        let mut value = self;
        if self.ty.max() > ty.max() {
            let limit = limit(ty.max());
            value = mux(value.gt(limit), limit, value);
        }
        if self.ty.min() < ty.min() {
            let limit = limit(ty.min());
            value = mux(value.lt(limit), limit, value);
        }
        // After clamping the value is known to fit; drop the bits that are now copies.
        if ty.contains(value.ty) {
            value.extend(ty)
        } else if value.width() >= ty.width() {
            value.truncate(ty.width()).cast(ty)
        } else {
            value.cast_unsigned().extend(u(ty.width())).cast(ty)
        }
    }

    /// The same bits read as `ty`, of equal width.
    #[track_caller]
    pub fn cast(self, ty: Ty) -> Signal {
        assert!(ty.width() == self.width(), "cast of {} to {ty}: widths differ", self.ty);
        if ty == self.ty { self } else { push_node(Op::Slice { source: self.id(), low: 0 }, ty) }
    }

    /// The same bits read as signed.
    #[track_caller]
    pub fn cast_signed(self) -> Signal {
        self.cast(crate::s(self.width()))
    }

    /// The same bits read as unsigned.
    #[track_caller]
    pub fn cast_unsigned(self) -> Signal {
        self.cast(u(self.width()))
    }

    /// Bits `[low + width - 1 : low]`, unsigned.
    #[track_caller]
    pub fn slice(self, low: u32, width: u32) -> Signal {
        assert!(low + width <= self.width(), "bits [{}:{low}] of {}", low + width - 1, self.ty);
        if low == 0 && u(width) == self.ty { self } else { push_node(Op::Slice { source: self.id(), low }, u(width)) }
    }

    /// Bit `index`.
    #[track_caller]
    pub fn bit(self, index: u32) -> Signal {
        self.slice(index, 1)
    }

    /// All bits, lowest first.
    #[track_caller]
    pub fn bits(self) -> Vec<Signal> {
        let mut bits = Vec::new();
        for index in 0..self.width() {
            bits.push(self.bit(index));
        }
        bits
    }

    /// Arithmetic shift right by a constant: floor division by 2^amount, narrower by as many bits (at least one is kept).
    #[track_caller]
    pub fn shift_right(self, amount: u32) -> Signal {
        let kept = self.width().saturating_sub(amount).max(1);
        let low = self.width() - kept;
        let ty = if self.ty.is_signed() { crate::s(kept) } else { u(kept) };
        match (low == amount, self.ty.is_signed()) {
            (true, _) => {
                if amount == 0 {
                    self
                } else {
                    push_node(Op::Slice { source: self.id(), low }, ty)
                }
            }
            (false, true) => push_node(Op::Slice { source: self.id(), low: self.width() - 1 }, crate::s(1)),
            (false, false) => Signal::constant(u(1), 0),
        }
    }

    /// Shift left by a constant: multiplication by 2^amount, wider by as many bits.
    #[track_caller]
    pub fn shift_left(self, amount: u32) -> Signal {
        if amount == 0 {
            return self;
        }
        let zeros = Signal::constant(u(amount), 0);
        let joined =
            push_node(Op::Concat { high: self.id(), low: zeros.id() }, grown("shift", self.width() + amount, false));
        if self.ty.is_signed() { joined.cast_signed() } else { joined }
    }

    /// Dynamic shift left in the same type, bits above lost; amounts of width or more give 0.
    #[track_caller]
    pub fn shift_left_by(self, amount: Signal) -> Signal {
        assert!(!amount.ty.is_signed(), "a shift amount is unsigned");
        push_node(Op::Binary(BinaryOp::Shl, self.id(), amount.id()), self.ty)
    }

    /// Dynamic (arithmetic where signed) shift right in the same type.
    #[track_caller]
    pub fn shift_right_by(self, amount: Signal) -> Signal {
        assert!(!amount.ty.is_signed(), "a shift amount is unsigned");
        push_node(Op::Binary(BinaryOp::Shr, self.id(), amount.id()), self.ty)
    }

    /// Bits rotated towards the high end.
    #[track_caller]
    pub fn rotate_left(self, amount: u32) -> Signal {
        let amount = amount % self.width();
        if amount == 0 {
            return self;
        }
        let split = self.width() - amount;
        concat(&[self.slice(0, split), self.slice(split, amount)]).cast(self.ty)
    }

    /// Sum modulo 2^width, in this signal's type.
    #[track_caller]
    pub fn wrapping_add(self, other: impl Into<Operand>) -> Signal {
        push_node(Op::Binary(BinaryOp::Add, self.id(), other.into().signal().id()), self.ty)
    }

    /// Difference modulo 2^width, in this signal's type.
    #[track_caller]
    pub fn wrapping_sub(self, other: impl Into<Operand>) -> Signal {
        push_node(Op::Binary(BinaryOp::Sub, self.id(), other.into().signal().id()), self.ty)
    }

    /// 1 where the integers are equal.
    #[track_caller]
    pub fn eq(self, other: impl Into<Operand>) -> Signal {
        compare(BinaryOp::Eq, self.into(), other.into())
    }

    /// 1 where the integers differ.
    #[track_caller]
    pub fn ne(self, other: impl Into<Operand>) -> Signal {
        compare(BinaryOp::Ne, self.into(), other.into())
    }

    /// 1 where this is less.
    #[track_caller]
    pub fn lt(self, other: impl Into<Operand>) -> Signal {
        compare(BinaryOp::Lt, self.into(), other.into())
    }

    /// 1 where this is less or equal.
    #[track_caller]
    pub fn le(self, other: impl Into<Operand>) -> Signal {
        compare(BinaryOp::Le, self.into(), other.into())
    }

    /// 1 where this is greater.
    #[track_caller]
    pub fn gt(self, other: impl Into<Operand>) -> Signal {
        compare(BinaryOp::Lt, other.into(), self.into())
    }

    /// 1 where this is greater or equal.
    #[track_caller]
    pub fn ge(self, other: impl Into<Operand>) -> Signal {
        compare(BinaryOp::Le, other.into(), self.into())
    }

    /// 1 if any bit is set.
    #[track_caller]
    pub fn any(self) -> Signal {
        if self.ty == Ty::BIT { self } else { push_node(Op::Unary(UnaryOp::ReduceOr, self.id()), Ty::BIT) }
    }

    /// 1 if all bits are set.
    #[track_caller]
    pub fn all(self) -> Signal {
        if self.ty == Ty::BIT { self } else { push_node(Op::Unary(UnaryOp::ReduceAnd, self.id()), Ty::BIT) }
    }

    /// 1 if an odd number of bits is set.
    #[track_caller]
    pub fn parity(self) -> Signal {
        if self.ty == Ty::BIT { self } else { push_node(Op::Unary(UnaryOp::ReduceXor, self.id()), Ty::BIT) }
    }
}

/// `select` ? `on_true` : `on_false`, in the narrowest type that holds both.
///
/// # Panics
/// If `select` is not one bit.
#[track_caller]
pub fn mux(select: Signal, on_true: impl Into<Operand>, on_false: impl Into<Operand>) -> Signal {
    assert!(select.ty == Ty::BIT, "a mux is selected by one unsigned bit, not {}", select.ty);
    let (on_true, on_false) = (on_true.into(), on_false.into());
    let ty = common("mux", on_true.ty(), on_false.ty());
    let (on_true, on_false) = (on_true.widened(ty), on_false.widened(ty));
    push_node(Op::Mux { select: select.id(), on_true: on_true.id(), on_false: on_false.id() }, ty)
}

/// Item `index` of `items`; the last item for every index beyond.
///
/// # Panics
/// If there are no items.
#[track_caller]
pub fn select(index: Signal, items: &[Signal]) -> Signal {
    assert!(!index.ty.is_signed(), "an index is unsigned");
    let mut level = items.to_vec();
    for bit in 0..index.width() {
        if level.len() == 1 {
            // Higher index bits pick beyond the items: still the last one, so an index that sets
            // them must not fall back to a lower item.
            let beyond = index.slice(bit, index.width() - bit).any();
            return mux(beyond, *items.last().expect("not empty"), level[0]);
        }
        let pick = index.bit(bit);
        let mut next = Vec::new();
        for pair in level.chunks(2) {
            next.push(match *pair {
                [low, high] => mux(pick, high, low),
                [only] => only,
                _ => unreachable!("chunks of two"),
            });
        }
        level = next;
    }
    *level.first().expect("select needs at least one item")
}

/// Bits of all parts joined, the first part highest; unsigned.
///
/// # Panics
/// If there are no parts or more than 64 bits in all.
#[track_caller]
pub fn concat(parts: &[Signal]) -> Signal {
    let (&first, rest) = parts.split_first().expect("concat needs at least one part");
    let mut joined = first.cast_unsigned();
    for low in rest {
        let ty = grown("concat", joined.width() + low.width(), false);
        joined = push_node(Op::Concat { high: joined.id(), low: low.id() }, ty);
    }
    joined
}

/// Combines items pairwise in a balanced tree.
///
/// # Panics
/// If there are no items.
#[track_caller]
pub fn tree_reduce(items: &[Signal], combine: impl Fn(Signal, Signal) -> Signal + Copy) -> Signal {
    match *items {
        [] => panic!("tree_reduce needs at least one item"),
        [only] => only,
        _ => {
            let (left, right) = items.split_at(items.len().div_ceil(2));
            combine(tree_reduce(left, combine), tree_reduce(right, combine))
        }
    }
}

/// A priority choice: the first condition that holds wins, else the default.
pub struct Choice {
    default: Operand,
    arms: Vec<(Signal, Operand)>,
}

/// Starts a priority choice with what holds when no condition does.
pub fn choose(default: impl Into<Operand>) -> Choice {
    Choice { default: default.into(), arms: Vec::new() }
}

impl Choice {
    /// Adds an arm, of lower priority than all before.
    pub fn when(mut self, condition: Signal, value: impl Into<Operand>) -> Choice {
        self.arms.push((condition, value.into()));
        self
    }

    /// The chosen value.
    #[track_caller]
    pub fn end(self) -> Signal {
        let mut value = self.default;
        for (condition, arm) in self.arms.into_iter().rev() {
            value = mux(condition, arm, value).into();
        }
        value.signal()
    }
}

#[track_caller]
fn compare(op: BinaryOp, a: Operand, b: Operand) -> Signal {
    push_node(Op::Binary(op, a.signal().id(), b.signal().id()), Ty::BIT)
}

#[track_caller]
fn grown(what: &str, width: u32, signed: bool) -> Ty {
    assert!(width <= MAX_WIDTH, "{what} would need {width} bits, more than {MAX_WIDTH}");
    if signed { crate::s(width) } else { u(width) }
}

#[track_caller]
fn common(what: &str, a: Ty, b: Ty) -> Ty {
    a.common(b).unwrap_or_else(|| panic!("{what} of {a} and {b} needs more than {MAX_WIDTH} bits"))
}

#[track_caller]
fn arithmetic(op: BinaryOp, a: Operand, b: Operand) -> Signal {
    let (x, y) = (a.ty(), b.ty());
    let (low, high) = match op {
        BinaryOp::Add => (x.min() + y.min(), x.max() + y.max()),
        BinaryOp::Sub => (x.min() - y.max(), x.max() - y.min()),
        BinaryOp::Mul => {
            let corners = [x.min() * y.min(), x.min() * y.max(), x.max() * y.min(), x.max().saturating_mul(y.max())];
            (corners.into_iter().min().expect("four corners"), corners.into_iter().max().expect("four corners"))
        }
        _ => unreachable!("not an arithmetic operator"),
    };
    let ty = Ty::of_range(low, high).unwrap_or_else(|| {
        panic!("{op:?} of {x} and {y} needs more than {MAX_WIDTH} bits: truncate first or use wrapping_")
    });
    push_node(Op::Binary(op, a.signal().id(), b.signal().id()), ty)
}

#[track_caller]
fn bitwise(op: BinaryOp, a: Signal, b: Signal) -> Signal {
    assert!(a.ty == b.ty, "{op:?} of {} and {}: types differ", a.ty, b.ty);
    push_node(Op::Binary(op, a.id(), b.id()), a.ty)
}

macro_rules! arithmetic_operator {
    ($trait:ident, $method:ident) => {
        impl<T: Into<Operand>> $trait<T> for Signal {
            type Output = Signal;
            #[track_caller]
            fn $method(self, other: T) -> Signal {
                arithmetic(BinaryOp::$trait, self.into(), other.into())
            }
        }
    };
}

arithmetic_operator!(Add, add);
arithmetic_operator!(Sub, sub);
arithmetic_operator!(Mul, mul);

macro_rules! bitwise_operator {
    ($trait:ident, $method:ident, $op:ident) => {
        impl $trait for Signal {
            type Output = Signal;
            #[track_caller]
            fn $method(self, other: Signal) -> Signal {
                bitwise(BinaryOp::$op, self, other)
            }
        }
    };
}

bitwise_operator!(BitAnd, bitand, And);
bitwise_operator!(BitOr, bitor, Or);
bitwise_operator!(BitXor, bitxor, Xor);

impl Not for Signal {
    type Output = Signal;
    #[track_caller]
    fn not(self) -> Signal {
        push_node(Op::Unary(UnaryOp::Not, self.id()), self.ty)
    }
}

impl Neg for Signal {
    type Output = Signal;
    #[track_caller]
    fn neg(self) -> Signal {
        arithmetic(BinaryOp::Sub, Operand::Literal(0), self.into())
    }
}
