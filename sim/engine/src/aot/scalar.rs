//! Rust expressions of operators on single values: every value is an `i64`, extended by its sign.

use myelin_hdl::{BinaryOp, Ty};

use crate::plan::values::may_wrap;
use crate::plan::{ValueId, ValueOp, container_bytes};

/// The Rust integer in which an element of an array is kept.
pub(super) fn element(ty: Ty) -> String {
    format!("{}{}", if ty.is_signed() { 'i' } else { 'u' }, container_bytes(ty) * 8)
}

/// A literal of the integer that a bit pattern stands for.
pub(super) fn literal(ty: Ty, bits: u64) -> String {
    format!("{}i64", ty.value_of(bits) as i64).replace("-9223372036854775808i64", "i64::MIN")
}

/// The integer that the low bits of any 64 stand for.
fn wrap(text: &str, ty: Ty) -> String {
    let unused = 64 - ty.width();
    match (unused, ty.is_signed()) {
        (0, _) => text.to_owned(),
        (_, true) => format!("((({text}) << {unused}) >> {unused})"),
        (_, false) => format!("(({text}) & {:#x})", ty.mask()),
    }
}

/// An operator without state as an expression; `name` names an operand's `i64`.
pub(super) fn operator(
    op: &ValueOp,
    ty: Ty,
    type_of: impl Fn(ValueId) -> Ty,
    name: impl Fn(ValueId) -> String,
) -> String {
    match *op {
        ValueOp::Const(bits) => literal(ty, bits),
        ValueOp::Wrap(a) if ty.contains(type_of(a)) => name(a),
        ValueOp::Wrap(a) => wrap(&name(a), ty),
        ValueOp::ShiftRight(a, amount) if type_of(a).is_signed() => format!("({} >> {amount})", name(a)),
        ValueOp::ShiftRight(a, amount) => format!("((({} as u64) >> {amount}) as i64)", name(a)),
        ValueOp::Concat { high, low } => format!("(({} << {}) | {})", name(high), type_of(low).width(), name(low)),
        ValueOp::Not(a) if ty.is_signed() => format!("(!{})", name(a)),
        ValueOp::Not(a) => format!("({} ^ ({:#x}_u64 as i64))", name(a), ty.mask()),
        ValueOp::ReduceOr(a) => format!("(({} != 0) as i64)", name(a)),
        ValueOp::ReduceAnd(a) => format!("(({} == {}) as i64)", name(a), literal(type_of(a), type_of(a).mask())),
        ValueOp::ReduceXor(a) => {
            format!("(((({} as u64) & {:#x}).count_ones() & 1) as i64)", name(a), type_of(a).mask())
        }
        ValueOp::Mux { select, on_true, on_false } => {
            format!("(if {} != 0 {{ {} }} else {{ {} }})", name(select), name(on_true), name(on_false))
        }
        ValueOp::Binary(op, x, y) => binary(op, ty, (&name(x), type_of(x)), (&name(y), type_of(y))),
        ValueOp::Cell(_) | ValueOp::Wire(_) | ValueOp::MemoryRead { .. } => {
            unreachable!("not an operator: the caller reads the state")
        }
    }
}

fn binary(op: BinaryOp, ty: Ty, (x, x_ty): (&str, Ty), (y, y_ty): (&str, Ty)) -> String {
    match op {
        BinaryOp::And => format!("({x} & {y})"),
        BinaryOp::Or => format!("({x} | {y})"),
        BinaryOp::Xor => format!("({x} ^ {y})"),
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => {
            let method = match op {
                BinaryOp::Add => "wrapping_add",
                BinaryOp::Sub => "wrapping_sub",
                _ => "wrapping_mul",
            };
            let exact = format!("({x}).{method}({y})");
            if may_wrap(op, x_ty, y_ty, ty) { wrap(&exact, ty) } else { exact }
        }
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le => {
            let sign = match op {
                BinaryOp::Eq => "==",
                BinaryOp::Ne => "!=",
                BinaryOp::Lt => "<",
                _ => "<=",
            };
            let full = |ty: Ty| ty.width() == 64 && !ty.is_signed();
            if !full(x_ty) && !full(y_ty) {
                return format!("(({x} {sign} {y}) as i64)");
            }
            // Only 128 bits hold 64 unsigned bits and a signed integer.
            let wide = |text: &str, ty: Ty| {
                if full(ty) { format!("({text} as u64 as i128)") } else { format!("({text} as i128)") }
            };
            format!("(({} {sign} {}) as i64)", wide(x, x_ty), wide(y, y_ty))
        }
        BinaryOp::Shl => {
            let shifted = format!("(if ({y} as u64) < 64 {{ {x} << {y} }} else {{ 0 }})");
            wrap(&shifted, ty)
        }
        BinaryOp::Shr if x_ty.is_signed() => format!("({x} >> (({y} as u64).min(63)))"),
        BinaryOp::Shr => format!("(if ({y} as u64) < 64 {{ (({x} as u64) >> {y}) as i64 }} else {{ 0 }})"),
    }
}
