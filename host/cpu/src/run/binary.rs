//! Operators on two values whose axes of length 1 are stretched.

use super::Context;
use super::map::write;
use crate::buffer::Buffer;
use crate::path::for_each_isa;
use crate::stage::{self, Stage};
use crate::view::{Element, Memory, View};

/// Elements treated at once.
const CHUNK: usize = 512;

/// The element-wise function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Add,
    Sub,
    Mul,
    Max,
    /// Truncated; 0 for a divisor of 0.
    Div,
    Greater,
}

/// One axis of the result; strides in elements, 0 for a stretched operand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BinaryAxis {
    pub(crate) count: usize,
    pub(crate) strides: [usize; 2],
    pub(crate) dst: usize,
}

/// A broadcasting operator with element-wise stages behind it (none with an operand in memory).
#[derive(Debug)]
pub(crate) struct Binary {
    pub(crate) function: Function,
    pub(crate) operands: [View; 2],
    pub(crate) dst: View,
    /// Outermost first; the last is side by side in the result.
    pub(crate) axes: Vec<BinaryAxis>,
    pub(crate) stages: Vec<Stage>,
}

impl Binary {
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        binary(context.isa, self, memory, out);
    }
}

for_each_isa! {
    fn binary(step: &Binary, memory: Memory<'_>, out: &mut Buffer) = binary_inner
}

#[inline(always)]
fn binary_inner(step: &Binary, memory: Memory<'_>, out: &mut Buffer) {
    let (inner, outer) = step.axes.split_last().expect("invariant: a result has an axis");
    // Short rows that follow each other in the result are treated together.
    let one = BinaryAxis { count: 1, strides: [0; 2], dst: inner.count };
    let (rows, outer) = match outer.split_last() {
        Some((rows, outer)) if rows.dst == inner.count && inner.count <= CHUNK / 2 => (*rows, outer),
        _ => (one, outer),
    };
    let rows_max = (CHUNK / inner.count).max(1);
    let turns: usize = outer.iter().map(|axis| axis.count).product();
    let mut place = [0usize; 8];
    for _ in 0..turns {
        let mut starts = step.operands.map(|view| view.base);
        let mut to = step.dst.base;
        for (axis, &place) in outer.iter().zip(&place) {
            starts[0] += place * axis.strides[0];
            starts[1] += place * axis.strides[1];
            to += place * axis.dst;
        }
        for row in (0..rows.count).step_by(rows_max) {
            let part = BinaryAxis { count: rows_max.min(rows.count - row), ..rows };
            let starts = [0, 1].map(|i| starts[i] + row * rows.strides[i]);
            block(step, [part, *inner], starts, to + row * rows.dst, memory, out);
        }
        for (axis, place) in outer.iter().zip(&mut place).rev() {
            *place += 1;
            if *place < axis.count {
                break;
            }
            *place = 0;
        }
    }
}

/// A few rows that follow each other in the result, or one row of any length.
#[inline(always)]
fn block(
    step: &Binary,
    [rows, inner]: [BinaryAxis; 2],
    starts: [usize; 2],
    to: usize,
    memory: Memory<'_>,
    out: &mut Buffer,
) {
    let (mut a, mut b) = ([0i32; CHUNK], [0i32; CHUNK]);
    // One value against a row of bytes, the common broadcast: no need to spread the one.
    let single =
        rows.count == 1 && inner.count >= CHUNK && inner.strides == [1, 0] && step.operands[0].element == Element::I8;
    let by = if single { memory.get(&step.operands[1], starts[1]) } else { 0 };
    let quotients = if single && step.function == Function::Div { quotients(by) } else { [0; 256] };
    for within in (0..inner.count).step_by(CHUNK) {
        let length = CHUNK.min(inner.count - within);
        if single {
            let start = starts[0] + within;
            let bytes = &memory.buffer(&step.operands[0]).bytes()[start..start + length];
            let a = &mut a[..length];
            combine_bytes(step.function, bytes, memory.flip, by, &quotients, a);
            stage::apply(&step.stages, a, memory, 0, 0);
            write(&step.dst, memory.flip, to + within, a, out);
            continue;
        }
        for (i, values) in [&mut a, &mut b].into_iter().enumerate() {
            let (view, stride) = (&step.operands[i], inner.strides[i]);
            for (row, values) in values.chunks_exact_mut(length).take(rows.count).enumerate() {
                read(view, memory, starts[i] + row * rows.strides[i] + within * stride, stride, values);
            }
        }
        let (a, b) = (&mut a[..rows.count * length], &b[..rows.count * length]);
        combine(step.function, a, b);
        stage::apply(&step.stages, a, memory, 0, 0);
        write(&step.dst, memory.flip, to + within, a, out);
    }
}

/// Reads elements `stride` apart.
#[inline(always)]
pub(super) fn read(view: &View, memory: Memory<'_>, start: usize, stride: usize, values: &mut [i32]) {
    match stride {
        0 => values.fill(memory.get(view, start)),
        1 => super::map::read(view, memory, start, values),
        _ => {
            let buffer = memory.buffer(view);
            match view.element {
                Element::I8 => {
                    let bytes = buffer.bytes()[start..].iter().step_by(stride);
                    values.iter_mut().zip(bytes).for_each(|(v, &b)| *v = i32::from((b ^ memory.flip) as i8));
                }
                Element::I32 => {
                    let words = buffer.words()[start..].iter().step_by(stride);
                    values.iter_mut().zip(words).for_each(|(v, &w)| *v = w);
                }
            }
        }
    }
}

/// The quotients of all bytes, by the byte: fewer divisions than a row has elements.
fn quotients(divisor: i32) -> [i32; 256] {
    std::array::from_fn(|a| if divisor == 0 { 0 } else { i32::from(a as u8 as i8).wrapping_div(divisor) })
}

/// Stored bytes against one value, whose [`quotients`] are only looked at by a division.
#[inline(always)]
fn combine_bytes(function: Function, bytes: &[u8], flip: u8, b: i32, quotients: &[i32; 256], out: &mut [i32]) {
    let zip = out.iter_mut().zip(bytes).map(|(to, &byte)| (to, i32::from((byte ^ flip) as i8)));
    match function {
        Function::Add => zip.for_each(|(to, a)| *to = a.wrapping_add(b)),
        Function::Sub => zip.for_each(|(to, a)| *to = a.wrapping_sub(b)),
        Function::Mul => zip.for_each(|(to, a)| *to = a.wrapping_mul(b)),
        Function::Max => zip.for_each(|(to, a)| *to = a.max(b)),
        Function::Div => zip.for_each(|(to, a)| *to = quotients[usize::from(a as u8)]),
        Function::Greater => zip.for_each(|(to, a)| *to = i32::from(a > b)),
    }
}

#[inline(always)]
fn combine(function: Function, a: &mut [i32], b: &[i32]) {
    let zip = a.iter_mut().zip(b);
    match function {
        Function::Add => zip.for_each(|(a, &b)| *a = a.wrapping_add(b)),
        Function::Sub => zip.for_each(|(a, &b)| *a = a.wrapping_sub(b)),
        Function::Mul => zip.for_each(|(a, &b)| *a = a.wrapping_mul(b)),
        Function::Max => zip.for_each(|(a, &b)| *a = (*a).max(b)),
        Function::Div => zip.for_each(|(a, &b)| *a = if b == 0 { 0 } else { a.wrapping_div(b) }),
        Function::Greater => zip.for_each(|(a, &b)| *a = i32::from(*a > b)),
    }
}

/// `x` where the condition is not 0, else `y`; all of one shape.
#[derive(Debug)]
pub(crate) struct Where {
    pub(crate) condition: View,
    pub(crate) choices: [View; 2],
    pub(crate) dst: View,
}

impl Where {
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        choose(context.isa, self, memory, out);
    }
}

for_each_isa! {
    fn choose(step: &Where, memory: Memory<'_>, out: &mut Buffer) = choose_inner
}

#[inline(always)]
fn choose_inner(step: &Where, memory: Memory<'_>, out: &mut Buffer) {
    let (mut condition, mut x, mut y) = ([0i32; CHUNK], [0i32; CHUNK], [0i32; CHUNK]);
    let total = step.dst.count();
    for start in (0..total).step_by(CHUNK) {
        let count = CHUNK.min(total - start);
        let (condition, x, y) = (&mut condition[..count], &mut x[..count], &mut y[..count]);
        super::map::read(&step.condition, memory, start, condition);
        super::map::read(&step.choices[0], memory, start, x);
        super::map::read(&step.choices[1], memory, start, y);
        for ((x, &y), &condition) in x.iter_mut().zip(y.iter()).zip(condition.iter()) {
            // Without a branch, so that it becomes vectors.
            let mask = i32::from(condition != 0).wrapping_neg();
            *x = (*x & mask) | (y & !mask);
        }
        write(&step.dst, memory.flip, start, x, out);
    }
}

/// Elements named by indices along one axis; an index outside is limited to the first or last.
#[derive(Debug)]
pub(crate) struct Take {
    pub(crate) src: View,
    pub(crate) indices: View,
    pub(crate) dst: View,
    /// Elements before the axis, along it, and behind it.
    pub(crate) outer: usize,
    pub(crate) length: usize,
    pub(crate) inner: usize,
}

impl Take {
    pub(crate) fn run(&self, memory: Memory<'_>, out: &mut Buffer) {
        let src = memory.buffer(&self.src);
        // Source and result have one range, so one width.
        match self.dst.element {
            Element::I8 => self.pick(memory, src.bytes(), out.bytes_mut()),
            Element::I32 => self.pick(memory, src.words(), out.words_mut()),
        }
    }

    fn pick<T: Copy>(&self, memory: Memory<'_>, src: &[T], out: &mut [T]) {
        let (count, inner) = (self.indices.count(), self.inner);
        let mut indices = [0i32; CHUNK];
        for outer in 0..self.outer {
            let src = &src[outer * self.length * inner..][..self.length * inner];
            let out = &mut out[outer * count * inner..][..count * inner];
            for start in (0..count).step_by(CHUNK) {
                let indices = &mut indices[..CHUNK.min(count - start)];
                super::map::read(&self.indices, memory, start, indices);
                let last = self.length - 1;
                let limited = indices.iter().map(|&index| (index.max(0) as usize).min(last));
                let out = &mut out[start * inner..][..indices.len() * inner];
                match inner {
                    1 => out.iter_mut().zip(limited).for_each(|(to, index)| *to = src[index]),
                    _ => out
                        .chunks_exact_mut(inner)
                        .zip(limited)
                        .for_each(|(to, index)| to.copy_from_slice(&src[index * inner..][..inner])),
                }
            }
        }
    }
}
