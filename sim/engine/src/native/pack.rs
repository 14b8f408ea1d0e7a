//! Operations on vectors of 128 bits that are more than one instruction.

use cranelift_codegen::ir::types::{I8, I8X16, I16, I16X8, I32, I32X4, I64, I64X2};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::FunctionBuilder;
use myelin_hdl::Ty;

pub(super) fn element_type(bytes: u32) -> Type {
    match bytes {
        1 => I8,
        2 => I16,
        4 => I32,
        _ => I64,
    }
}

pub(super) fn vector_type(bytes: u32) -> Type {
    match bytes {
        1 => I8X16,
        2 => I16X8,
        4 => I32X4,
        _ => I64X2,
    }
}

pub(super) fn splat_constant(b: &mut FunctionBuilder<'_>, bytes: u32, bits: u64) -> Value {
    let element = element_type(bytes);
    let mask = u64::MAX >> (64 - element.bits());
    let value = b.ins().iconst(element, (bits & mask) as i64);
    b.ins().splat(vector_type(bytes), value)
}

pub(super) fn shift_left(b: &mut FunctionBuilder<'_>, vector: Value, amount: i64) -> Value {
    let amount = b.ins().iconst(I32, amount);
    b.ins().ishl(vector, amount)
}

pub(super) fn shift_right(b: &mut FunctionBuilder<'_>, vector: Value, signed: bool, amount: i64) -> Value {
    let amount = b.ins().iconst(I32, amount);
    if signed { b.ins().sshr(vector, amount) } else { b.ins().ushr(vector, amount) }
}

/// The lower or upper half with elements twice as wide.
pub(super) fn widen(b: &mut FunctionBuilder<'_>, vector: Value, signed: bool, half: u32) -> Value {
    match (signed, half) {
        (true, 0) => b.ins().swiden_low(vector),
        (true, _) => b.ins().swiden_high(vector),
        (false, 0) => b.ins().uwiden_low(vector),
        (false, _) => b.ins().uwiden_high(vector),
    }
}

/// The low `bytes` of each element of two vectors whose elements are twice as wide.
pub(super) fn truncate(b: &mut FunctionBuilder<'_>, low: Value, high: Value, bytes: u32) -> Value {
    if bytes == 4 {
        return even_words(b, low, high);
    }
    let mask = splat_constant(b, bytes * 2, if bytes == 1 { 0xff } else { 0xffff });
    let (low, high) = (b.ins().band(low, mask), b.ins().band(high, mask));
    b.ins().unarrow(low, high)
}

/// The low halves of the 64-bit elements of two vectors.
pub(super) fn even_words(b: &mut FunctionBuilder<'_>, low: Value, high: Value) -> Value {
    let endian = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
    let (low, high) = (b.ins().bitcast(I8X16, endian, low), b.ins().bitcast(I8X16, endian, high));
    let lanes: Vec<u8> = [0, 8, 16, 24].into_iter().flat_map(|word| word..word + 4).collect();
    let lanes = b.func.dfg.immediates.push(lanes.into());
    let words = b.ins().shuffle(low, high, lanes);
    b.ins().bitcast(I32X4, endian, words)
}

/// Joins vectors of elements that fit into narrower ones.
pub(super) fn join(b: &mut FunctionBuilder<'_>, mut vectors: Vec<Value>, from: u32, to: u32) -> Value {
    let mut bytes = from;
    while bytes > to {
        bytes /= 2;
        vectors = vectors.chunks(2).map(|pair| truncate(b, pair[0], pair[1], bytes)).collect();
    }
    vectors[0]
}

/// As [`join`], where every element is -1 or 0.
pub(super) fn join_signed(b: &mut FunctionBuilder<'_>, mut vectors: Vec<Value>, from: u32, to: u32) -> Value {
    let mut bytes = from;
    while bytes > to {
        bytes /= 2;
        let pairs = vectors
            .chunks(2)
            .map(|pair| if bytes == 4 { even_words(b, pair[0], pair[1]) } else { b.ins().snarrow(pair[0], pair[1]) });
        vectors = pairs.collect();
    }
    vectors[0]
}

/// Makes any elements the integers that their low bits stand for in `ty`.
pub(super) fn wrap(b: &mut FunctionBuilder<'_>, vector: Value, bytes: u32, ty: Ty) -> Value {
    let unused = bytes * 8 - ty.width();
    if unused == 0 {
        return vector;
    }
    if !ty.is_signed() {
        let mask = splat_constant(b, bytes, ty.mask());
        return b.ins().band(vector, mask);
    }
    if matches!(bytes, 2 | 4) {
        let up = shift_left(b, vector, i64::from(unused));
        return shift_right(b, up, true, i64::from(unused));
    }
    // Bytes and quadwords have no cheap arithmetic shift.
    let mask = splat_constant(b, bytes, ty.mask());
    let sign = splat_constant(b, bytes, 1 << (ty.width() - 1));
    let low = b.ins().band(vector, mask);
    let flipped = b.ins().bxor(low, sign);
    b.ins().isub(flipped, sign)
}
