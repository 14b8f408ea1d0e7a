//! What is known of every value's bits in every run: constants, followed through a module.
//!
//! Bits are followed one by one: each is known to be 0, known to be 1, or not known. The optimiser
//! folds by it; the emitter writes what is constant as a literal, because linters follow constants
//! too and complain where they decide something, and Verilog has no clean text for pieces of literals.

use crate::ir::{BinaryOp, Module, Node, NodeId, Op, UnaryOp};
use crate::origins::{Origin, origins};
use crate::ty::Ty;

/// What is known of a value's bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bits {
    /// Bits known to be 1.
    ones: u64,
    /// Bits that may be 1; bits above the width never are.
    possible: u64,
}

impl Bits {
    fn unknown(ty: Ty) -> Bits {
        Bits { ones: 0, possible: ty.mask() }
    }

    fn literal(bits: u64) -> Bits {
        Bits { ones: bits, possible: bits }
    }

    /// The value, where all its bits are known.
    pub(crate) fn constant(self) -> Option<u64> {
        (self.ones == self.possible).then_some(self.ones)
    }

    /// The smallest and the largest integer the value can stand for, by the bits that are known.
    pub(crate) fn limits(self, ty: Ty) -> (i128, i128) {
        if !ty.is_signed() {
            return (i128::from(self.ones), i128::from(self.possible));
        }
        // The sign counts negative: the smallest value has it where possible, the largest where it must.
        let sign = 1 << (ty.width() - 1);
        let low = self.ones | (self.possible & sign);
        let high = (self.possible & !sign) | (self.ones & sign);
        (ty.value_of(low), ty.value_of(high))
    }

    fn either(self, other: Bits) -> Bits {
        Bits { ones: self.ones & other.ones, possible: self.possible | other.possible }
    }

    /// Each bit moved by the same rule, which must keep the order of ones and possible ones.
    fn map(self, rule: impl Fn(u64) -> u64) -> Bits {
        Bits { ones: rule(self.ones), possible: rule(self.possible) }
    }
}

/// For each node, what is known of its bits.
pub(crate) fn known_bits(module: &Module) -> Vec<Bits> {
    let mut known: Vec<Bits> = module.nodes.iter().map(|node| Bits::unknown(node.ty)).collect();
    let origins = origins(module);
    for &id in &module.order {
        let node = module.node(id);
        let bits = bits_of(module, &known, &origins, node);
        debug_assert!(bits.ones & !bits.possible == 0 && bits.possible & !node.ty.mask() == 0, "{node:?}: {bits:?}");
        known[id.index()] = bits;
    }
    known
}

fn bits_of(module: &Module, known: &[Bits], origins: &[Origin], node: &Node) -> Bits {
    let mask = node.ty.mask();
    let of = |id: NodeId| known[id.index()];
    let ty_of = |id: NodeId| module.node(id).ty;
    match node.op {
        Op::Const(bits) => Bits::literal(bits),
        Op::Input(_) | Op::RegisterQ(_) | Op::MemoryRead { .. } | Op::InstanceOutput { .. } => Bits::unknown(node.ty),
        Op::Unary(op, a) => unary(op, of(a), ty_of(a), node.ty),
        Op::Slice { source, low } => of(source).map(|bits| bits >> low & mask),
        Op::Concat { high, low } => {
            let (upper, lower, width) = (of(high), of(low), ty_of(low).width());
            Bits { ones: upper.ones << width | lower.ones, possible: upper.possible << width | lower.possible }
        }
        Op::Mux { select, on_true, on_false } => match of(select).constant() {
            Some(0) => of(on_false),
            Some(_) => of(on_true),
            None => of(on_true).either(of(on_false)),
        },
        Op::Binary(op, a, b) => {
            let same_bits = origins[a.index()] == origins[b.index()];
            let same = same_bits && ty_of(a) == ty_of(b);
            match op {
                BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => {
                    let (x, y) = (constant_value(of(a), ty_of(a)), constant_value(of(b), ty_of(b)));
                    arithmetic(op, x, y, same, node.ty)
                }
                BinaryOp::And => Bits { ones: of(a).ones & of(b).ones, possible: of(a).possible & of(b).possible },
                BinaryOp::Or => Bits { ones: of(a).ones | of(b).ones, possible: of(a).possible | of(b).possible },
                BinaryOp::Xor if same_bits => Bits::literal(0),
                BinaryOp::Xor => {
                    let unsure = (of(a).ones ^ of(a).possible) | (of(b).ones ^ of(b).possible);
                    let bits = of(a).ones ^ of(b).ones;
                    Bits { ones: bits & !unsure, possible: bits | unsure }
                }
                BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le => {
                    let decided = compare(op, of(a).limits(ty_of(a)), of(b).limits(ty_of(b)), same);
                    decided.map_or(Bits::unknown(node.ty), |outcome| Bits::literal(outcome.into()))
                }
                BinaryOp::Shl | BinaryOp::Shr => shift(op, of(a), of(b), node.ty),
            }
        }
    }
}

fn unary(op: UnaryOp, a: Bits, a_ty: Ty, ty: Ty) -> Bits {
    match op {
        UnaryOp::Not => Bits { ones: !a.possible & ty.mask(), possible: !a.ones & ty.mask() },
        UnaryOp::Extend => a.map(|bits| ty.bits_of(a_ty.value_of(bits) as i64)),
        UnaryOp::ReduceOr => a.map(|bits| u64::from(bits != 0)),
        UnaryOp::ReduceAnd => a.map(|bits| u64::from(bits == a_ty.mask())),
        UnaryOp::ReduceXor => {
            a.constant().map_or(Bits::unknown(ty), |bits| Bits::literal((bits.count_ones() & 1).into()))
        }
    }
}

fn constant_value(bits: Bits, ty: Ty) -> Option<i64> {
    bits.constant().map(|bits| ty.value_of(bits) as i64)
}

/// Modulo 2^64 is enough: every node is narrower, and `as i64` keeps a value modulo 2^64.
fn arithmetic(op: BinaryOp, a: Option<i64>, b: Option<i64>, same: bool, ty: Ty) -> Bits {
    let value = match (op, a, b) {
        (BinaryOp::Add, Some(a), Some(b)) => a.wrapping_add(b),
        (BinaryOp::Sub, Some(a), Some(b)) => a.wrapping_sub(b),
        (BinaryOp::Sub, ..) if same => 0,
        (BinaryOp::Mul, Some(a), Some(b)) => a.wrapping_mul(b),
        (BinaryOp::Mul, Some(0), _) | (BinaryOp::Mul, _, Some(0)) => 0,
        _ => return Bits::unknown(ty),
    };
    Bits::literal(ty.bits_of(value))
}

fn shift(op: BinaryOp, a: Bits, amount: Bits, ty: Ty) -> Bits {
    let by = |amount: u64| {
        a.map(|bits| match op {
            BinaryOp::Shl => bits.checked_shl(u32::try_from(amount).unwrap_or(u32::MAX)).unwrap_or(0) & ty.mask(),
            _ => ty.bits_of((ty.value_of(bits) >> amount.min(64)) as i64),
        })
    };
    match (amount.constant(), a.constant()) {
        (Some(amount), _) => by(amount),
        (None, Some(0)) => Bits::literal(0),
        (None, Some(bits)) if op == BinaryOp::Shr && ty.value_of(bits) == -1 => a,
        (None, _) => Bits::unknown(ty),
    }
}

/// The outcome of a comparison where the limits, or one origin of both sides, decide it.
fn compare(op: BinaryOp, a: (i128, i128), b: (i128, i128), same: bool) -> Option<bool> {
    let disjoint = a.1 < b.0 || b.1 < a.0;
    let same = same || (a.0 == a.1 && a == b);
    let decide = |yes: bool, no: bool| if yes { Some(true) } else { no.then_some(false) };
    match op {
        BinaryOp::Eq => decide(same, disjoint),
        BinaryOp::Ne => decide(disjoint, same),
        BinaryOp::Lt => decide(a.1 < b.0, same || a.0 >= b.1),
        _ => decide(same || a.1 <= b.0, a.0 > b.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Signal, module, mux, s, u};

    /// What is known of the last output of a module with an input of type u8.
    fn known(build: impl FnOnce(Signal) -> Signal) -> (Option<u64>, (i128, i128)) {
        let built = module("folded", |m| {
            let input = m.input("a_i", u(8));
            m.output("y_o", build(input));
        });
        let output = &built.outputs[0];
        let bits = known_bits(&built)[output.node.index()];
        (bits.constant(), bits.limits(output.ty))
    }

    #[test]
    fn constants_are_followed_through_every_operation() {
        let c = |value| Signal::constant(s(8), value);
        for (value, expected) in [
            (known(|_| c(-3) + c(5)), 2),
            (known(|_| c(-3) * c(5)), 0xfff1),
            (known(|_| -c(-128)), 128),
            (known(|_| !c(1)), 0xfe),
            (known(|_| c(-1).all()), 1),
            (known(|_| c(7).parity()), 1),
            (known(|_| c(-8).shift_right_by(Signal::constant(u(7), 100))), 0xff),
            (known(|_| c(-8).shift_left_by(Signal::constant(u(7), 100))), 0),
            (known(|_| c(-8).shift_left_by(Signal::constant(u(7), 4))), 0x80),
            (known(|_| c(-8).lt(u64_constant(3))), 1),
            (known(|_| mux(c(1).eq(1), 5, 9)), 5),
            (known(|a| a.wrapping_sub(a)), 0),
            (known(|a| a.extend(u(12)) ^ a.extend(u(12))), 0),
            (known(|a| (a + 1).lt(a + 1)), 0),
            (known(|a| a.slice(2, 3).eq(a.truncate(6).slice(2, 3))), 1),
            (known(|a| a.extend(s(9)).lt(-1)), 0),
            (known(|a| (a.extend(u(16)) & Signal::constant(u(16), 0xff00)).any()), 0),
        ] {
            assert_eq!(value.0, Some(expected));
        }
    }

    fn u64_constant(value: i64) -> Signal {
        Signal::constant(u(64), value)
    }

    #[test]
    fn what_depends_on_an_input_is_not_folded() {
        assert_eq!(known(|a| a), (None, (0, 255)));
        assert_eq!(known(|a| a.cast_signed()), (None, (-128, 127)));
        assert_eq!(known(|a| a.cast_signed() | Signal::constant(s(8), -128)), (None, (-128, -1)));
        assert_eq!(known(|a| a.eq(a.cast_signed())).0, None, "equal bits of other sign differ from 128 on");
        assert_eq!(known(|a| a - a.cast_signed()).0, None);
        assert_eq!(known(|a| a.lt(255)).0, None);
        assert_eq!(known(|a| mux(a.bit(0), 5, 4)), (None, (4, 5)));
    }
}
