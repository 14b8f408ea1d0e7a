//! Copies between places in the state buffer.

use cranelift_codegen::ir::types::{I8, I8X16, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use cranelift_frontend::FunctionBuilder;

use super::changes::{Changes, difference};
use super::scalar::flags;
use super::{Loop, offset, scaled};
use crate::plan::schedule::CopyRun;

/// Where changes are noted, and whom they wake.
pub(super) type Note<'a> = (&'a mut Changes, &'a [usize]);

/// Copies written out rather than looped over.
const UNROLLED_MAX: usize = 32;

/// Emits one run of copies.
pub(super) fn emit(b: &mut FunctionBuilder<'_>, base: Value, run: &CopyRun, note: Note<'_>) {
    let contiguous = run.from_stride == run.element_bytes && run.to_stride == run.element_bytes;
    if run.count == 1 || contiguous {
        return block(b, (base, run.from), (base, run.to), run.count * run.element_bytes, Some(note));
    }
    let ty = element_type(run.element_bytes);
    if run.count <= UNROLLED_MAX {
        for index in 0..run.count {
            let from = (base, run.from + index * run.from_stride);
            piece(b, ty, from, (base, run.to + index * run.to_stride), Some((&mut *note.0, note.1)));
        }
        return;
    }
    let each = Loop::begin(b, run.count, 1, false);
    let from = scaled(b, each.index, run.from_stride);
    let from = b.ins().iadd(base, from);
    let to = scaled(b, each.index, run.to_stride);
    let to = b.ins().iadd(base, to);
    piece(b, ty, (from, run.from), (to, run.to), None);
    each.end(b);
    always(b, note);
}

/// Copies `bytes` between two places, base and distance, that do not overlap.
pub(super) fn block(
    b: &mut FunctionBuilder<'_>,
    from: (Value, usize),
    to: (Value, usize),
    bytes: usize,
    mut note: Option<Note<'_>>,
) {
    let mut done = 0;
    let vectors = bytes / 16;
    if vectors > UNROLLED_MAX {
        let each = Loop::begin(b, vectors * 16, 16, false);
        let source = b.ins().iadd(from.0, each.index);
        let target = b.ins().iadd(to.0, each.index);
        piece(b, I8X16, (source, from.1), (target, to.1), None);
        each.end(b);
        done = vectors * 16;
        if let Some((changes, tasks)) = &mut note {
            always(b, (&mut **changes, *tasks));
        }
    }
    while done < bytes {
        let size = [16, 8, 4, 2, 1].into_iter().find(|&size| size <= bytes - done).unwrap_or(1);
        let note = note.as_mut().map(|(changes, tasks)| (&mut **changes, *tasks));
        piece(b, piece_type(size), (from.0, from.1 + done), (to.0, to.1 + done), note);
        done += size;
    }
}

/// Moves `bytes` up by `by`, from the end on, as the two places overlap.
pub(super) fn move_up(b: &mut FunctionBuilder<'_>, base: Value, from: usize, bytes: usize, by: usize, note: Note<'_>) {
    let mut left = bytes;
    while left > 0 {
        let size = [16, 8, 4, 2, 1].into_iter().find(|&size| size <= left).unwrap_or(1);
        left -= size;
        piece(b, piece_type(size), (base, from + left), (base, from + left + by), Some((&mut *note.0, note.1)));
    }
}

fn piece(b: &mut FunctionBuilder<'_>, ty: Type, from: (Value, usize), to: (Value, usize), note: Option<Note<'_>>) {
    let value = b.ins().load(ty, flags(), from.0, offset(from.1));
    if let Some((changes, tasks)) = note.filter(|(_, tasks)| !tasks.is_empty()) {
        let before = b.ins().load(ty, flags(), to.0, offset(to.1));
        let bits = difference(b, before, value);
        changes.note(b, tasks, bits);
    }
    b.ins().store(flags(), value, to.0, offset(to.1));
}

/// Counts as a change whatever was there.
fn always(b: &mut FunctionBuilder<'_>, (changes, tasks): Note<'_>) {
    let one = b.ins().iconst(I8, 1);
    changes.note(b, tasks, one);
}

fn piece_type(bytes: usize) -> Type {
    if bytes == 16 { I8X16 } else { element_type(bytes) }
}

fn element_type(bytes: usize) -> Type {
    match bytes {
        1 => I8,
        2 => I16,
        4 => I32,
        _ => I64,
    }
}
