//! Operators on single values.
//!
//! One unsigned bit is an `i8` of 0 or 1; every other value is an `i64`, extended by its sign.
//! Machine instructions cost the same at any width, so there is nothing to convert.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::FunctionBuilder;
use myelin_hdl::{BinaryOp, Ty};

use crate::plan::values::may_wrap;
use crate::plan::{ValueId, ValueOp, container_bytes};

/// The machine type that holds a value.
pub(super) fn machine_type(ty: Ty) -> Type {
    if ty == Ty::BIT { I8 } else { I64 }
}

/// Accesses to the state buffer never trap; vectors in it need not be aligned.
pub(super) fn flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap()
}

/// The integer as 64 bits.
pub(super) fn as_i64(b: &mut FunctionBuilder<'_>, value: Value, ty: Ty) -> Value {
    if machine_type(ty) == I8 { b.ins().uextend(I64, value) } else { value }
}

/// An integer of 64 bits, known to be of type `ty`, as that type is held.
pub(super) fn from_i64(b: &mut FunctionBuilder<'_>, value: Value, ty: Ty) -> Value {
    if machine_type(ty) == I8 { b.ins().ireduce(I8, value) } else { value }
}

/// Loads an element of an array.
pub(super) fn load(b: &mut FunctionBuilder<'_>, ty: Ty, base: Value, offset: i32) -> Value {
    let flags = flags();
    match (container_bytes(ty), ty.is_signed()) {
        _ if ty == Ty::BIT => b.ins().load(I8, flags, base, offset),
        (1, false) => b.ins().uload8(I64, flags, base, offset),
        (1, true) => b.ins().sload8(I64, flags, base, offset),
        (2, false) => b.ins().uload16(I64, flags, base, offset),
        (2, true) => b.ins().sload16(I64, flags, base, offset),
        (4, false) => b.ins().uload32(flags, base, offset),
        (4, true) => b.ins().sload32(flags, base, offset),
        _ => b.ins().load(I64, flags, base, offset),
    }
}

/// Stores an element of an array.
pub(super) fn store(b: &mut FunctionBuilder<'_>, ty: Ty, value: Value, base: Value, offset: i32) {
    let flags = flags();
    match container_bytes(ty) {
        _ if ty == Ty::BIT => b.ins().store(flags, value, base, offset),
        1 => b.ins().istore8(flags, value, base, offset),
        2 => b.ins().istore16(flags, value, base, offset),
        4 => b.ins().istore32(flags, value, base, offset),
        _ => b.ins().store(flags, value, base, offset),
    };
}

/// Makes any 64 bits the integer that their low bits stand for in `ty`.
fn wrap(b: &mut FunctionBuilder<'_>, value: Value, ty: Ty) -> Value {
    let width = ty.width();
    let narrow = match width {
        8 => Some(I8),
        16 => Some(I16),
        32 => Some(I32),
        _ => None,
    };
    match narrow {
        _ if width == 64 => value,
        Some(narrow) => {
            let low = b.ins().ireduce(narrow, value);
            if ty.is_signed() { b.ins().sextend(I64, low) } else { b.ins().uextend(I64, low) }
        }
        None if ty.is_signed() => {
            let up = b.ins().ishl_imm_u(value, i64::from(64 - width));
            b.ins().sshr_imm_u(up, i64::from(64 - width))
        }
        None => b.ins().band_imm_s(value, ty.mask() as i64),
    }
}

/// Computes an operator without state. `arg` gives each operand as it is held.
pub(super) fn operator(
    b: &mut FunctionBuilder<'_>,
    op: &ValueOp,
    ty: Ty,
    mut arg: impl FnMut(&mut FunctionBuilder<'_>, ValueId) -> (Value, Ty),
) -> Value {
    match *op {
        ValueOp::Const(bits) => b.ins().iconst(machine_type(ty), ty.value_of(bits) as i64),
        ValueOp::Wrap(a) => {
            let (value, from) = arg(b, a);
            let value = as_i64(b, value, from);
            let value = if ty.contains(from) { value } else { wrap(b, value, ty) };
            from_i64(b, value, ty)
        }
        ValueOp::ShiftRight(a, amount) => {
            let (value, from) = arg(b, a);
            let value = as_i64(b, value, from);
            let amount = i64::from(amount);
            let value =
                if from.is_signed() { b.ins().sshr_imm_u(value, amount) } else { b.ins().ushr_imm_u(value, amount) };
            from_i64(b, value, ty)
        }
        ValueOp::Concat { high, low } => {
            let ((high, high_ty), (low, low_ty)) = (arg(b, high), arg(b, low));
            let (high, low) = (as_i64(b, high, high_ty), as_i64(b, low, low_ty));
            let high = b.ins().ishl_imm_u(high, i64::from(low_ty.width()));
            b.ins().bor(high, low)
        }
        ValueOp::Not(a) => {
            let (value, _) = arg(b, a);
            if ty.is_signed() { b.ins().bnot(value) } else { b.ins().bxor_imm_s(value, ty.mask() as i64) }
        }
        ValueOp::ReduceOr(a) => {
            let (value, _) = arg(b, a);
            b.ins().icmp_imm_s(IntCC::NotEqual, value, 0)
        }
        ValueOp::ReduceAnd(a) => {
            let (value, from) = arg(b, a);
            b.ins().icmp_imm_s(IntCC::Equal, value, from.value_of(from.mask()) as i64)
        }
        ValueOp::ReduceXor(a) => {
            let (value, from) = arg(b, a);
            let value = as_i64(b, value, from);
            let bits = if from.is_signed() { b.ins().band_imm_s(value, from.mask() as i64) } else { value };
            let count = b.ins().popcnt(bits);
            let odd = b.ins().band_imm_s(count, 1);
            b.ins().ireduce(I8, odd)
        }
        ValueOp::Binary(op, x, y) => {
            let (x, y) = (arg(b, x), arg(b, y));
            binary(b, op, ty, x, y)
        }
        ValueOp::Mux { select, on_true, on_false } => {
            let (select, _) = arg(b, select);
            let ((on_true, _), (on_false, _)) = (arg(b, on_true), arg(b, on_false));
            b.ins().select(select, on_true, on_false)
        }
        ValueOp::Cell(_) | ValueOp::Wire(_) | ValueOp::MemoryRead { .. } => {
            unreachable!("not an operator: the caller reads the state")
        }
    }
}

fn binary(b: &mut FunctionBuilder<'_>, op: BinaryOp, ty: Ty, x: (Value, Ty), y: (Value, Ty)) -> Value {
    match op {
        BinaryOp::And => b.ins().band(x.0, y.0),
        BinaryOp::Or => b.ins().bor(x.0, y.0),
        BinaryOp::Xor => b.ins().bxor(x.0, y.0),
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => {
            let (u, v) = (as_i64(b, x.0, x.1), as_i64(b, y.0, y.1));
            let exact = match op {
                BinaryOp::Add => b.ins().iadd(u, v),
                BinaryOp::Sub => b.ins().isub(u, v),
                _ => b.ins().imul(u, v),
            };
            let value = if may_wrap(op, x.1, y.1, ty) { wrap(b, exact, ty) } else { exact };
            from_i64(b, value, ty)
        }
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le => compare(b, op, x, y),
        BinaryOp::Shl => {
            let (value, amount) = (as_i64(b, x.0, x.1), as_i64(b, y.0, y.1));
            let mut shifted = b.ins().ishl(value, amount);
            if y.1.max() > 63 {
                let zero = b.ins().iconst(I64, 0);
                let within = b.ins().icmp_imm_s(IntCC::UnsignedLessThan, amount, 64);
                shifted = b.ins().select(within, shifted, zero);
            }
            let value = wrap(b, shifted, ty);
            from_i64(b, value, ty)
        }
        BinaryOp::Shr => {
            let (value, mut amount) = (as_i64(b, x.0, x.1), as_i64(b, y.0, y.1));
            let beyond = y.1.max() > 63;
            let value = if x.1.is_signed() {
                if beyond {
                    let most = b.ins().iconst(I64, 63);
                    let within = b.ins().icmp_imm_s(IntCC::UnsignedLessThan, amount, 64);
                    amount = b.ins().select(within, amount, most);
                }
                b.ins().sshr(value, amount)
            } else {
                let shifted = b.ins().ushr(value, amount);
                if beyond {
                    let zero = b.ins().iconst(I64, 0);
                    let within = b.ins().icmp_imm_s(IntCC::UnsignedLessThan, amount, 64);
                    b.ins().select(within, shifted, zero)
                } else {
                    shifted
                }
            };
            from_i64(b, value, ty)
        }
    }
}

/// The condition on integers of one sign.
pub(super) fn condition(op: BinaryOp, signed: bool) -> IntCC {
    match (op, signed) {
        (BinaryOp::Eq, _) => IntCC::Equal,
        (BinaryOp::Ne, _) => IntCC::NotEqual,
        (BinaryOp::Lt, true) => IntCC::SignedLessThan,
        (BinaryOp::Lt, false) => IntCC::UnsignedLessThan,
        (_, true) => IntCC::SignedLessThanOrEqual,
        (_, false) => IntCC::UnsignedLessThanOrEqual,
    }
}

fn compare(b: &mut FunctionBuilder<'_>, op: BinaryOp, x: (Value, Ty), y: (Value, Ty)) -> Value {
    if x.1 == Ty::BIT && y.1 == Ty::BIT {
        return b.ins().icmp(condition(op, false), x.0, y.0);
    }
    let (u, v) = (as_i64(b, x.0, x.1), as_i64(b, y.0, y.1));
    let full = |ty: Ty| ty.width() == 64 && !ty.is_signed();
    if !full(x.1) && !full(y.1) {
        return b.ins().icmp(condition(op, true), u, v);
    }
    let as_unsigned = b.ins().icmp(condition(op, false), u, v);
    if !x.1.is_signed() && !y.1.is_signed() {
        return as_unsigned;
    }
    // 64 unsigned bits against a signed integer: a negative one is less than all, else both are unsigned.
    let (signed, when_negative) = match (op, x.1.is_signed()) {
        (BinaryOp::Eq, true) => (u, 0),
        (BinaryOp::Eq, false) => (v, 0),
        (BinaryOp::Ne, true) => (u, 1),
        (BinaryOp::Ne, false) => (v, 1),
        (_, true) => (u, 1),
        (_, false) => (v, 0),
    };
    let negative = b.ins().icmp_imm_s(IntCC::SignedLessThan, signed, 0);
    let outcome = b.ins().iconst(I8, when_negative);
    b.ins().select(negative, outcome, as_unsigned)
}
