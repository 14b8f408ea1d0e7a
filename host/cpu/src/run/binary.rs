//! Operators on two values whose axes of length 1 are stretched.

use super::map::write;
use super::{ByteTable, Context};
use crate::buffer::Buffer;
use crate::path::for_each_isa;
use crate::stage::{self, Scale, Stage};
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

    /// The scale behind the function, if that is all and the result is bytes.
    fn scale(&self) -> Option<Scale> {
        match (self.dst.element, self.stages.as_slice()) {
            (Element::I8, [Stage::Scale(scale)]) => Some(*scale),
            _ => None,
        }
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
    let mut lines = Lines { a: [0; CHUNK], b: [0; CHUNK], held: None };
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
            block(step, [part, *inner], starts, to + row * rows.dst, memory, &mut lines, out);
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

/// Operands of a few rows, widened.
struct Lines {
    a: [i32; CHUNK],
    b: [i32; CHUNK],
    /// Where the second operand's row begins that `b` holds so many times.
    held: Option<(usize, usize)>,
}

/// A few rows that follow each other in the result, or one row of any length.
#[inline(always)]
fn block(
    step: &Binary,
    [rows, inner]: [BinaryAxis; 2],
    starts: [usize; 2],
    to: usize,
    memory: Memory<'_>,
    lines: &mut Lines,
    out: &mut Buffer,
) {
    let Lines { a, b, held } = lines;
    // One value against a row of bytes, the common broadcast: no need to spread the one.
    let bytes = step.operands[0].element == Element::I8;
    let single = rows.count == 1 && inner.count >= CHUNK && inner.strides == [1, 0] && bytes;
    let by = if single { memory.get(&step.operands[1], starts[1]) } else { 0 };
    for within in (0..inner.count).step_by(CHUNK) {
        let length = CHUNK.min(inner.count - within);
        if single {
            let start = starts[0] + within;
            let bytes = &memory.buffer(&step.operands[0]).bytes()[start..start + length];
            let a = &mut a[..length];
            let to = to + within;
            if let Some(scale) = step.scale() {
                let out = &mut out.bytes_mut()[to..to + length];
                combine_bytes(step.function, bytes, memory.flip, by, out, |v| scale.apply(v) as u8 ^ memory.flip);
                continue;
            }
            combine_bytes(step.function, bytes, memory.flip, by, a, |v| v);
            stage::apply(&step.stages, a, memory, 0, 0);
            write(&step.dst, memory.flip, to, a, out);
            continue;
        }
        for (i, values) in [&mut *a, &mut *b].into_iter().enumerate() {
            let (view, stride) = (&step.operands[i], inner.strides[i]);
            if rows.strides[i] == inner.count && stride == 1 {
                // The operand's rows follow each other, too.
                read(view, memory, starts[i], 1, &mut values[..rows.count * length]);
                continue;
            }
            if i == 1 && rows.strides[i] == 0 && length == inner.count {
                // The same row under every row of the other operand, often for many blocks.
                if held.is_some_and(|(start, count)| start == starts[i] && count >= rows.count) {
                    continue;
                }
                *held = Some((starts[i], rows.count));
            }
            for (row, values) in values.chunks_exact_mut(length).take(rows.count).enumerate() {
                read(view, memory, starts[i] + row * rows.strides[i] + within * stride, stride, values);
            }
        }
        let (a, b) = (&mut a[..rows.count * length], &b[..rows.count * length]);
        if let Some(scale) = step.scale() {
            let to = to + within;
            let out = &mut out.bytes_mut()[to..to + a.len()];
            combine(step.function, a, b, out, |v| scale.apply(v) as u8 ^ memory.flip);
            continue;
        }
        combine_in_place(step.function, a, b);
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

/// `2^16 / |divisor|`, rounded up: what [`quotient`] multiplies with.
///
/// **Numbers.** For `|a| <= 128` and `0 < |divisor| <= 128` it exceeds `2^16 / |divisor|` by less than 1,
/// so that `|a| * reciprocal` exceeds `2^16 * |a| / |divisor|` by less than 128, and what is missing to the
/// next integer is at least `2^16 / 128`: the quotient is exact. Beyond 128, and for 0, it is 0.
fn reciprocal(divisor: i32) -> i32 {
    match divisor.unsigned_abs() {
        magnitude @ 1..=128 => (1u32 << 16).div_ceil(magnitude) as i32,
        _ => 0,
    }
}

/// `a / divisor`, truncated, for a byte `a`; `sign` is -1 for a negative divisor, else 0.
#[inline(always)]
fn quotient(a: i32, reciprocal: i32, sign: i32) -> i32 {
    let sign = sign ^ (a >> 31);
    ((a.wrapping_abs().wrapping_mul(reciprocal) >> 16) ^ sign).wrapping_sub(sign)
}

/// Stored bytes against one value; `f` of each result.
#[inline(always)]
fn combine_bytes<T>(function: Function, bytes: &[u8], flip: u8, b: i32, out: &mut [T], f: impl Fn(i32) -> T) {
    let zip = out.iter_mut().zip(bytes).map(|(to, &byte)| (to, i32::from((byte ^ flip) as i8)));
    match function {
        Function::Add => zip.for_each(|(to, a)| *to = f(a.wrapping_add(b))),
        Function::Sub => zip.for_each(|(to, a)| *to = f(a.wrapping_sub(b))),
        Function::Mul => zip.for_each(|(to, a)| *to = f(a.wrapping_mul(b))),
        Function::Max => zip.for_each(|(to, a)| *to = f(a.max(b))),
        Function::Div => {
            let (reciprocal, sign) = (reciprocal(b), b >> 31);
            zip.for_each(|(to, a)| *to = f(quotient(a, reciprocal, sign)));
        }
        Function::Greater => zip.for_each(|(to, a)| *to = f(i32::from(a > b))),
    }
}

/// `f` of each result.
#[inline(always)]
fn combine<T>(function: Function, a: &[i32], b: &[i32], out: &mut [T], f: impl Fn(i32) -> T) {
    let zip = out.iter_mut().zip(a.iter().zip(b)).map(|(to, (&a, &b))| (to, a, b));
    match function {
        Function::Add => zip.for_each(|(to, a, b)| *to = f(a.wrapping_add(b))),
        Function::Sub => zip.for_each(|(to, a, b)| *to = f(a.wrapping_sub(b))),
        Function::Mul => zip.for_each(|(to, a, b)| *to = f(a.wrapping_mul(b))),
        Function::Max => zip.for_each(|(to, a, b)| *to = f(a.max(b))),
        Function::Div => zip.for_each(|(to, a, b)| *to = f(divide(a, b))),
        Function::Greater => zip.for_each(|(to, a, b)| *to = f(i32::from(a > b))),
    }
}

/// Results in the place of the first operand.
#[inline(always)]
fn combine_in_place(function: Function, a: &mut [i32], b: &[i32]) {
    let zip = a.iter_mut().zip(b);
    match function {
        Function::Add => zip.for_each(|(a, &b)| *a = a.wrapping_add(b)),
        Function::Sub => zip.for_each(|(a, &b)| *a = a.wrapping_sub(b)),
        Function::Mul => zip.for_each(|(a, &b)| *a = a.wrapping_mul(b)),
        Function::Max => zip.for_each(|(a, &b)| *a = (*a).max(b)),
        Function::Div => zip.for_each(|(a, &b)| *a = divide(*a, b)),
        Function::Greater => zip.for_each(|(a, &b)| *a = i32::from(*a > b)),
    }
}

/// Truncated; 0 for a divisor of 0.
#[inline(always)]
fn divide(a: i32, b: i32) -> i32 {
    if b == 0 { 0 } else { a.wrapping_div(b) }
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
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        let src = memory.buffer(&self.src);
        if self.is_lookup() {
            // A byte can only name 256 elements: a table for all of them, then nothing is limited.
            let table = ByteTable::of(|stored| {
                let index = i32::from((stored ^ memory.flip) as i8).max(0) as usize;
                src.bytes()[self.src.base + index.min(self.length - 1)]
            });
            let count = self.indices.count();
            let indices = &memory.buffer(&self.indices).bytes()[self.indices.base..][..count];
            table.translate(context.isa, indices, &mut out.bytes_mut()[self.dst.base..][..count]);
            return;
        }
        // Source and result have one range, so one width.
        match self.dst.element {
            Element::I8 => self.pick(memory, src.bytes(), out.bytes_mut()),
            Element::I32 => self.pick(memory, src.words(), out.words_mut()),
        }
    }

    /// Whether indices and elements are bytes, and enough to pay for a table.
    fn is_lookup(&self) -> bool {
        let bytes = [self.indices.element, self.dst.element] == [Element::I8; 2];
        bytes && self.outer == 1 && self.inner == 1 && self.indices.count() >= CHUNK
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

#[cfg(test)]
mod tests {
    use super::{quotient, reciprocal};

    #[test]
    fn bytes_are_divided_by_every_divisor_as_the_processor_does() {
        let far = [i32::MIN, i32::MIN + 1, -65536, 65536, i32::MAX];
        for divisor in (-300..=300).chain(far) {
            let (factor, sign) = (reciprocal(divisor), divisor >> 31);
            for a in -128..=127 {
                let expected = if divisor == 0 { 0 } else { a / divisor };
                assert_eq!(quotient(a, factor, sign), expected, "{a} / {divisor}");
            }
        }
    }
}
