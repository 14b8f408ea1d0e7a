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
    let turns: usize = outer.iter().map(|axis| axis.count).product();
    let mut place = [0usize; 8];
    let (mut a, mut b) = ([0i32; CHUNK], [0i32; CHUNK]);
    for _ in 0..turns {
        let mut starts = step.operands.map(|view| view.base);
        let mut to = step.dst.base;
        for (axis, &place) in outer.iter().zip(&place) {
            starts[0] += place * axis.strides[0];
            starts[1] += place * axis.strides[1];
            to += place * axis.dst;
        }
        for within in (0..inner.count).step_by(CHUNK) {
            let count = CHUNK.min(inner.count - within);
            let (a, b) = (&mut a[..count], &mut b[..count]);
            read(&step.operands[0], memory, starts[0] + within * inner.strides[0], inner.strides[0], a);
            read(&step.operands[1], memory, starts[1] + within * inner.strides[1], inner.strides[1], b);
            combine(step.function, a, b);
            stage::apply(&step.stages, a, memory, 0, 0);
            write(&step.dst, memory.flip, to + within, a, out);
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

#[inline(always)]
fn read(view: &View, memory: Memory<'_>, start: usize, stride: usize, values: &mut [i32]) {
    match stride {
        0 => values.fill(memory.get(view, start)),
        1 => super::map::read(view, memory, start, values),
        _ => values.iter_mut().enumerate().for_each(|(i, v)| *v = memory.get(view, start + i * stride)),
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
            *x = if condition == 0 { y } else { *x };
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
        let count = self.indices.count();
        let (src, inner) = (memory.buffer(&self.src), self.inner);
        let mut to = 0;
        for outer in 0..self.outer {
            for i in 0..count {
                let index = (memory.get(&self.indices, i).max(0) as usize).min(self.length - 1);
                let from = (outer * self.length + index) * inner;
                // Source and result have one range, so one width.
                match self.dst.element {
                    Element::I8 => out.bytes_mut()[to..to + inner].copy_from_slice(&src.bytes()[from..from + inner]),
                    Element::I32 => out.words_mut()[to..to + inner].copy_from_slice(&src.words()[from..from + inner]),
                }
                to += inner;
            }
        }
    }
}
