//! Sums and maxima over axes.

use super::Context;
use crate::buffer::Buffer;
use crate::path::for_each_isa;
use crate::view::{Element, Memory, View};

/// How two elements become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    Sum,
    Max,
}

impl Fold {
    #[inline(always)]
    fn apply(self, a: i32, b: i32) -> i32 {
        match self {
            Self::Sum => a.wrapping_add(b),
            Self::Max => a.max(b),
        }
    }
}

/// A loop of a reduction; the stride in elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loop {
    pub(crate) count: usize,
    pub(crate) stride: usize,
}

/// A reduction of a value in the chain's order.
///
/// **Numbers.** The loops over kept axes are those of the chain's CPU device, which loses kept axes of
/// length 1: see `myelin_golden::ops::max`.
#[derive(Debug)]
pub(crate) struct Reduce {
    pub(crate) fold: Fold,
    pub(crate) src: View,
    pub(crate) dst: View,
    pub(crate) kept: Vec<Loop>,
    pub(crate) reduced: Vec<Loop>,
    /// The fold starts from 0 rather than from the first element.
    pub(crate) from_zero: bool,
}

impl Reduce {
    pub(crate) fn run(&self, memory: Memory<'_>, out: &mut Buffer) {
        for at in 0..self.dst.count() {
            let start = self.src.base + offset(at, &self.kept);
            let total = self.total(memory, start);
            match self.dst.element {
                Element::I8 => out.bytes_mut()[at] = total as u8 ^ memory.flip,
                Element::I32 => out.words_mut()[at] = total,
            }
        }
    }

    fn total(&self, memory: Memory<'_>, start: usize) -> i32 {
        let whole = Loop { count: 1, stride: 0 };
        let (inner, outer) = self.reduced.split_last().unwrap_or((&whole, &[]));
        let mut total = if self.from_zero { 0 } else { memory.get(&self.src, start) };
        // The first element counts once.
        let mut skip = usize::from(!self.from_zero);
        let turns: usize = outer.iter().map(|l| l.count).product();
        for turn in 0..turns {
            let from = start + offset(turn, outer);
            for i in skip..inner.count {
                total = self.fold.apply(total, memory.get(&self.src, from + i * inner.stride));
            }
            skip = 0;
        }
        total
    }
}

/// Where element `at` of nested loops lies.
fn offset(mut at: usize, loops: &[Loop]) -> usize {
    let mut offset = 0;
    for l in loops.iter().rev() {
        offset += at % l.count * l.stride;
        at /= l.count;
    }
    offset
}

/// A reduction over the rows and columns of a picture with the channel last.
#[derive(Debug)]
pub(crate) struct Spatial {
    pub(crate) fold: Fold,
    pub(crate) src: View,
    /// 32-bit or 8-bit `[n, c]`.
    pub(crate) dst: View,
}

/// Channels summed at once.
const CHANNELS: usize = 256;

impl Spatial {
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        spatial(context.isa, self, memory, out);
    }
}

for_each_isa! {
    fn spatial(step: &Spatial, memory: Memory<'_>, out: &mut Buffer) = spatial_inner
}

#[inline(always)]
fn spatial_inner(step: &Spatial, memory: Memory<'_>, out: &mut Buffer) {
    let src = &step.src;
    let (mut totals, mut values) = ([0i32; CHANNELS], [0i32; CHANNELS]);
    for n in 0..src.n {
        for channel in (0..src.c).step_by(CHANNELS) {
            let count = CHANNELS.min(src.c - channel);
            let (totals, values) = (&mut totals[..count], &mut values[..count]);
            for y in 0..src.h {
                for x in 0..src.w {
                    let start = src.row_start(n * src.h + y) + x * src.c + channel;
                    if (y, x) == (0, 0) {
                        super::map::read(src, memory, start, totals);
                        continue;
                    }
                    super::map::read(src, memory, start, values);
                    match step.fold {
                        Fold::Sum => totals.iter_mut().zip(&*values).for_each(|(t, &v)| *t = t.wrapping_add(v)),
                        Fold::Max => totals.iter_mut().zip(&*values).for_each(|(t, &v)| *t = (*t).max(v)),
                    }
                }
            }
            super::map::write(&step.dst, memory.flip, n * src.c + channel, totals, out);
        }
    }
}
