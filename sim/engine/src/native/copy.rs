//! Copies between places in the state buffer.

use cranelift_codegen::ir::types::{I8, I8X16, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use cranelift_frontend::FunctionBuilder;

use super::scalar::flags;
use super::{Loop, offset, scaled};
use crate::plan::schedule::CopyRun;

/// Copies written out rather than looped over.
const UNROLLED_MAX: usize = 32;

/// Emits one run of copies.
pub(super) fn emit(b: &mut FunctionBuilder<'_>, base: Value, run: &CopyRun) {
    let contiguous = run.from_stride == run.element_bytes && run.to_stride == run.element_bytes;
    if run.count == 1 || contiguous {
        return block(b, base, base, run.from, run.to, run.count * run.element_bytes);
    }
    let ty = element_type(run.element_bytes);
    if run.count <= UNROLLED_MAX {
        for index in 0..run.count {
            let value = b.ins().load(ty, flags(), base, offset(run.from + index * run.from_stride));
            b.ins().store(flags(), value, base, offset(run.to + index * run.to_stride));
        }
        return;
    }
    let each = Loop::begin(b, run.count, 1, false);
    let from = scaled(b, each.index, run.from_stride);
    let from = b.ins().iadd(base, from);
    let value = b.ins().load(ty, flags(), from, offset(run.from));
    let to = scaled(b, each.index, run.to_stride);
    let to = b.ins().iadd(base, to);
    b.ins().store(flags(), value, to, offset(run.to));
    each.end(b);
}

/// Copies `bytes` from `from_base + from` to `to_base + to`; the two do not overlap.
pub(super) fn block(
    b: &mut FunctionBuilder<'_>,
    from_base: Value,
    to_base: Value,
    from: usize,
    to: usize,
    bytes: usize,
) {
    let mut done = 0;
    let vectors = bytes / 16;
    if vectors > UNROLLED_MAX {
        let each = Loop::begin(b, vectors * 16, 16, false);
        let source = b.ins().iadd(from_base, each.index);
        let value = b.ins().load(I8X16, flags(), source, offset(from));
        let target = b.ins().iadd(to_base, each.index);
        b.ins().store(flags(), value, target, offset(to));
        each.end(b);
        done = vectors * 16;
    }
    while done < bytes {
        let piece = [16, 8, 4, 2, 1].into_iter().find(|&piece| piece <= bytes - done).unwrap_or(1);
        let ty = if piece == 16 { I8X16 } else { element_type(piece) };
        let value = b.ins().load(ty, flags(), from_base, offset(from + done));
        b.ins().store(flags(), value, to_base, offset(to + done));
        done += piece;
    }
}

/// Moves `bytes` up by `by`, from the end on, as the two places overlap.
pub(super) fn move_up(b: &mut FunctionBuilder<'_>, base: Value, from: usize, bytes: usize, by: usize) {
    let mut left = bytes;
    while left > 0 {
        let piece = [16, 8, 4, 2, 1].into_iter().find(|&piece| piece <= left).unwrap_or(1);
        let ty = if piece == 16 { I8X16 } else { element_type(piece) };
        left -= piece;
        let value = b.ins().load(ty, flags(), base, offset(from + left));
        b.ins().store(flags(), value, base, offset(from + left + by));
    }
}

fn element_type(bytes: usize) -> Type {
    match bytes {
        1 => I8,
        2 => I16,
        4 => I32,
        _ => I64,
    }
}
