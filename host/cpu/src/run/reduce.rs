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

/// Results treated at once, where they lie side by side in the source.
const SIDE_BY_SIDE: usize = 512;

impl Reduce {
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        reduce(context, self, memory, out);
    }

    /// Where a fold starts that takes every element.
    fn start(&self) -> i32 {
        match self.fold {
            Fold::Max if !self.from_zero => i32::MIN,
            _ => 0,
        }
    }
}

fn reduce(context: &Context<'_>, step: &Reduce, memory: Memory<'_>, out: &mut Buffer) {
    let count = step.dst.count();
    let along = match step.kept.last() {
        Some(last) if last.stride == 1 => last.count,
        _ => 1,
    };
    // Which loop runs inside: over results side by side, or over the elements of one result.
    if along >= 8 || step.reduced.last().is_none_or(|inner| inner.stride != 1) {
        for first in (0..count).step_by(along) {
            for within in (0..along).step_by(SIDE_BY_SIDE) {
                let length = SIDE_BY_SIDE.min(along - within);
                rows(context.isa, step, memory, first + within, length, out);
            }
            if context.is_late() {
                return;
            }
        }
    } else {
        for first in (0..count).step_by(SIDE_BY_SIDE) {
            runs(context.isa, step, memory, first, SIDE_BY_SIDE.min(count - first), out);
            if context.is_late() {
                return;
            }
        }
    }
}

for_each_isa! {
    /// `length` results from `first` on, which lie side by side in the source.
    fn rows(step: &Reduce, memory: Memory<'_>, first: usize, length: usize, out: &mut Buffer) = rows_inner
}

#[inline(always)]
fn rows_inner(step: &Reduce, memory: Memory<'_>, first: usize, length: usize, out: &mut Buffer) {
    let mut totals = [0i32; SIDE_BY_SIDE];
    let totals = &mut totals[..length];
    totals.fill(step.start());
    let from = step.src.base + Odometer::at(&step.kept, first).offset;
    let (inner, outer) = step.reduced.split_last().expect("invariant: something is reduced");
    let turns: usize = outer.iter().map(|l| l.count).product();
    let mut place = Odometer::new(outer);
    for _ in 0..turns {
        let line = |i: usize| from + place.offset + i * inner.stride;
        let together = if step.src.element == Element::I8 { inner.count / LINES * LINES } else { 0 };
        for first in (0..together).step_by(LINES) {
            let bytes = &memory.buffer(&step.src).bytes()[line(first)..];
            let mut column = 0;
            strips::<64>(step.fold, bytes, inner.stride, memory.flip, &mut column, totals);
            strips::<16>(step.fold, bytes, inner.stride, memory.flip, &mut column, totals);
            strips::<8>(step.fold, bytes, inner.stride, memory.flip, &mut column, totals);
            strips::<1>(step.fold, bytes, inner.stride, memory.flip, &mut column, totals);
        }
        for i in together..inner.count {
            fold_into(step.fold, &step.src, memory, line(i), totals);
        }
        place.advance();
    }
    super::map::write(&step.dst, memory.flip, first, totals, out);
}

/// Lines of bytes that are folded together before they are widened.
const LINES: usize = 8;

/// Folds [`LINES`] lines of bytes into the totals from `column` on, `N` columns at a time, while there are
/// so many.
#[inline(always)]
fn strips<const N: usize>(fold: Fold, bytes: &[u8], stride: usize, flip: u8, column: &mut usize, totals: &mut [i32]) {
    while let Some(totals) = totals.get_mut(*column..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        let line = |i: usize| bytes[i * stride + *column..].first_chunk::<N>();
        let lines = std::array::from_fn(|i| line(i).expect("invariant: every line has all columns"));
        fold_lines::<N>(fold, lines, flip, totals);
        *column += N;
    }
}

/// Folds lines of `N` bytes into the totals.
///
/// **Numbers.** A sum of [`LINES`] bytes fits 16 bits.
#[inline(always)]
fn fold_lines<const N: usize>(fold: Fold, lines: [&[u8; N]; LINES], flip: u8, totals: &mut [i32; N]) {
    match fold {
        Fold::Sum => {
            let mut sums = [0i16; N];
            for k in 0..N {
                for line in lines {
                    sums[k] = sums[k].wrapping_add(i16::from((line[k] ^ flip) as i8));
                }
            }
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total = total.wrapping_add(i32::from(sum)));
        }
        Fold::Max => {
            // The order of stored bytes is that of signed ones, or of unsigned ones if flipped.
            let order = flip ^ 0x80;
            let mut most = [0u8; N];
            for k in 0..N {
                for line in lines {
                    most[k] = most[k].max(line[k] ^ order);
                }
            }
            totals.iter_mut().zip(most).for_each(|(total, most)| *total = (*total).max(i32::from((most ^ 0x80) as i8)));
        }
    }
}

/// Folds elements that lie side by side from `start` on into as many totals.
#[inline(always)]
fn fold_into(fold: Fold, src: &View, memory: Memory<'_>, start: usize, totals: &mut [i32]) {
    let buffer = memory.buffer(src);
    let flip = memory.flip;
    let run = start..start + totals.len();
    match (src.element, fold) {
        (Element::I8, Fold::Sum) => {
            let bytes = totals.iter_mut().zip(&buffer.bytes()[run]);
            bytes.for_each(|(t, &b)| *t = t.wrapping_add(i32::from((b ^ flip) as i8)));
        }
        (Element::I8, Fold::Max) => {
            let bytes = totals.iter_mut().zip(&buffer.bytes()[run]);
            bytes.for_each(|(t, &b)| *t = (*t).max(i32::from((b ^ flip) as i8)));
        }
        (Element::I32, Fold::Sum) => {
            totals.iter_mut().zip(&buffer.words()[run]).for_each(|(t, &v)| *t = t.wrapping_add(v));
        }
        (Element::I32, Fold::Max) => {
            totals.iter_mut().zip(&buffer.words()[run]).for_each(|(t, &v)| *t = (*t).max(v));
        }
    }
}

for_each_isa! {
    /// `length` results from `first` on, each over elements of which runs lie side by side.
    fn runs(step: &Reduce, memory: Memory<'_>, first: usize, length: usize, out: &mut Buffer) = runs_inner
}

#[inline(always)]
fn runs_inner(step: &Reduce, memory: Memory<'_>, first: usize, length: usize, out: &mut Buffer) {
    let (inner, outer) = step.reduced.split_last().expect("invariant: something is reduced");
    let turns: usize = outer.iter().map(|l| l.count).product();
    let mut totals = [0i32; SIDE_BY_SIDE];
    let buffer = memory.buffer(&step.src);
    let mut kept = Odometer::at(&step.kept, first);
    for total in &mut totals[..length] {
        let from = step.src.base + kept.offset;
        kept.advance();
        let mut place = Odometer::new(outer);
        *total = step.start();
        for _ in 0..turns {
            let start = from + place.offset;
            let run = start..start + inner.count;
            let part = match (step.src.element, step.fold) {
                (Element::I8, Fold::Sum) => sum_bytes(&buffer.bytes()[run], memory.flip),
                (Element::I8, Fold::Max) => {
                    // The order of stored bytes is that of signed ones, or of unsigned ones if flipped.
                    let order = memory.flip ^ 0x80;
                    let most = buffer.bytes()[run].iter().fold(0, |most: u8, &b| most.max(b ^ order));
                    i32::from((most ^ 0x80) as i8)
                }
                (Element::I32, Fold::Sum) => buffer.words()[run].iter().fold(0, |sum: i32, &v| sum.wrapping_add(v)),
                (Element::I32, Fold::Max) => buffer.words()[run].iter().fold(i32::MIN, |most, &v| most.max(v)),
            };
            *total = step.fold.apply(*total, part);
            place.advance();
        }
    }
    super::map::write(&step.dst, memory.flip, first, &totals[..length], out);
}

/// The sum of stored bytes.
#[inline(always)]
fn sum_bytes(bytes: &[u8], flip: u8) -> i32 {
    const LANES: u64 = 0x00FF_00FF_00FF_00FF;
    // Eight bytes a word, each stored as `q + 128`; 64 words of two bytes fit a lane of 16 bits.
    let shift = u64::from_ne_bytes([flip ^ 0x80; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut sum = rest.iter().fold(0i32, |sum, &b| sum.wrapping_add(i32::from((b ^ flip) as i8)));
    for words in words.chunks(64) {
        let lanes = words.iter().fold(0u64, |lanes, &word| {
            let word = u64::from_ne_bytes(word) ^ shift;
            lanes.wrapping_add(word & LANES).wrapping_add((word >> 8) & LANES)
        });
        let total = (0..4).map(|i| (lanes >> (16 * i)) as i32 & 0xFFFF).sum::<i32>();
        sum = sum.wrapping_add(total - 128 * 8 * words.len() as i32);
    }
    sum
}

/// Steps through nested loops, the last one fastest.
struct Odometer<'a> {
    loops: &'a [Loop],
    place: [usize; 6],
    /// Where it stands, in elements.
    offset: usize,
}

impl<'a> Odometer<'a> {
    #[inline(always)]
    fn new(loops: &'a [Loop]) -> Self {
        Self { loops, place: [0; 6], offset: 0 }
    }

    /// Where element `at` of the loops lies.
    fn at(loops: &'a [Loop], mut at: usize) -> Self {
        let mut odometer = Self::new(loops);
        for (l, place) in loops.iter().zip(&mut odometer.place).rev() {
            *place = at % l.count;
            odometer.offset += *place * l.stride;
            at /= l.count;
        }
        odometer
    }

    #[inline(always)]
    fn advance(&mut self) {
        for (l, place) in self.loops.iter().zip(&mut self.place).rev() {
            *place += 1;
            self.offset += l.stride;
            if *place < l.count {
                return;
            }
            *place = 0;
            self.offset -= l.stride * l.count;
        }
    }
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
    let mut totals = [0i32; CHANNELS];
    for n in 0..src.n {
        for channel in (0..src.c).step_by(CHANNELS) {
            let count = CHANNELS.min(src.c - channel);
            let totals = &mut totals[..count];
            for y in 0..src.h {
                for x in 0..src.w {
                    let start = src.row_start(n * src.h + y) + x * src.c + channel;
                    if (y, x) == (0, 0) {
                        super::map::read(src, memory, start, totals);
                        continue;
                    }
                    fold_into(step.fold, src, memory, start, totals);
                }
            }
            super::map::write(&step.dst, memory.flip, n * src.c + channel, totals, out);
        }
    }
}
