//! Element by element: chains of unary operators and sums of equal shapes.

use super::{ByteTable, Context};
use crate::buffer::Buffer;
use crate::path::for_each_isa;
use crate::stage::{self, Stage};
use crate::view::{Element, Memory, View};

/// Elements treated at once: they stay in the first-level cache through a whole chain.
const CHUNK: usize = 1024;

/// A chain from one value to another of the same layout.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) src: View,
    pub(crate) dst: View,
    pub(crate) stages: Vec<Stage>,
    /// The chain as a lookup, from bytes to bytes.
    pub(crate) table: Option<Box<ByteTable>>,
}

impl Map {
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        let translated = self.table.as_ref().is_some_and(|table| self.translate(table, context, memory, out));
        if !translated {
            map(context.isa, self, memory, out);
        }
    }

    /// Rows of the result and their length: dense values are one long row.
    fn rows(&self) -> (usize, usize) {
        let mut operands = self.stages.iter().filter_map(Stage::operand);
        if self.src.is_dense() && self.dst.is_dense() && operands.all(View::is_dense) {
            (1, self.src.count())
        } else {
            (self.src.row_count(), self.src.row_length())
        }
    }

    /// Looks every byte up; false where that is not the faster way.
    fn translate(&self, table: &ByteTable, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) -> bool {
        let (rows, length) = self.rows();
        let (src, dst) = (memory.buffer(&self.src).bytes(), out.bytes_mut());
        (0..rows).all(|row| {
            let (from, to) = (self.src.row_start(row), self.dst.row_start(row));
            table.translate(context.isa, &src[from..from + length], &mut dst[to..to + length])
        })
    }
}

for_each_isa! {
    fn map(step: &Map, memory: Memory<'_>, out: &mut Buffer) = map_inner
}

#[inline(always)]
fn map_inner(step: &Map, memory: Memory<'_>, out: &mut Buffer) {
    let mut values = [0i32; CHUNK];
    let (rows, length) = step.rows();
    for row in 0..rows {
        for within in (0..length).step_by(CHUNK) {
            let values = &mut values[..CHUNK.min(length - within)];
            read(&step.src, memory, step.src.row_start(row) + within, values);
            stage::apply(&step.stages, values, memory, row, within);
            write(&step.dst, memory.flip, step.dst.row_start(row) + within, values, out);
        }
    }
}

/// Reads elements that lie side by side.
#[inline(always)]
pub(super) fn read(view: &View, memory: Memory<'_>, start: usize, values: &mut [i32]) {
    let buffer = memory.buffer(view);
    match view.element {
        Element::I8 => {
            let bytes = &buffer.bytes()[start..start + values.len()];
            values.iter_mut().zip(bytes).for_each(|(v, &b)| *v = i32::from((b ^ memory.flip) as i8));
        }
        Element::I32 => values.copy_from_slice(&buffer.words()[start..start + values.len()]),
    }
}

/// Writes elements that lie side by side; bytes keep the low eight bits.
#[inline(always)]
pub(super) fn write(view: &View, flip: u8, start: usize, values: &[i32], out: &mut Buffer) {
    match view.element {
        Element::I8 => {
            let bytes = &mut out.bytes_mut()[start..start + values.len()];
            bytes.iter_mut().zip(values).for_each(|(b, &v)| *b = v as u8 ^ flip);
        }
        Element::I32 => out.words_mut()[start..start + values.len()].copy_from_slice(values),
    }
}
