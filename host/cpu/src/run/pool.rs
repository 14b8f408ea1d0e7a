//! Maximum pools of pictures with the channel last.

use super::Context;
use super::threads::for_each_chunk;
use crate::buffer::Buffer;
use crate::path::for_each_isa;
use crate::view::{Element, Memory, View};

/// A maximum over windows; places outside the data never win.
#[derive(Debug)]
pub(crate) struct MaxPool {
    pub(crate) src: View,
    pub(crate) dst: View,
    pub(crate) window: [usize; 2],
    pub(crate) strides: [usize; 2],
    pub(crate) padding: [usize; 2],
}

impl MaxPool {
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        let buffer = memory.buffer(&self.src);
        for n in 0..self.dst.n {
            let start = self.dst.base + n * self.dst.image;
            let end = start + (self.dst.h - 1) * self.dst.row + self.dst.row_length();
            match self.dst.element {
                Element::I8 => {
                    let image = &mut out.bytes_mut()[start..end];
                    for_each_chunk(context.pool, image, self.dst.row, |y, row| {
                        let signed = memory.flip == 0;
                        if !context.is_late() {
                            pool_bytes(context.isa, self, buffer.bytes(), n, y, signed, row);
                        }
                    });
                }
                Element::I32 => {
                    let image = &mut out.words_mut()[start..end];
                    for_each_chunk(context.pool, image, self.dst.row, |y, row| {
                        if !context.is_late() {
                            pool_words(context.isa, self, buffer.words(), n, y, row);
                        }
                    });
                }
            }
        }
    }
}

for_each_isa! {
    fn pool_bytes(step: &MaxPool, src: &[u8], n: usize, y: usize, signed: bool, out: &mut [u8]) = pool_bytes_inner
}

#[inline(always)]
fn pool_bytes_inner(step: &MaxPool, src: &[u8], n: usize, y: usize, signed: bool, out: &mut [u8]) {
    if signed {
        row(step, src, n, y, out, |a, b| (a as i8).max(b as i8) as u8);
    } else {
        // Flipped bytes have the order of unsigned ones.
        row(step, src, n, y, out, u8::max);
    }
}

for_each_isa! {
    fn pool_words(step: &MaxPool, src: &[i32], n: usize, y: usize, out: &mut [i32]) = pool_words_inner
}

#[inline(always)]
fn pool_words_inner(step: &MaxPool, src: &[i32], n: usize, y: usize, out: &mut [i32]) {
    row(step, src, n, y, out, i32::max);
}

/// Channels whose maxima are kept in registers, and fewer for what is left.
const LANES: usize = 64;
const FEW: usize = 16;

/// One row of the result. Every window touches the data: padding is below the window, and a window
/// that hangs over the end starts inside.
#[inline(always)]
fn row<T: Copy>(step: &MaxPool, src: &[T], n: usize, y: usize, out: &mut [T], max: impl Fn(T, T) -> T + Copy) {
    let (view, c) = (&step.src, step.src.c);
    let rows = inside(y * step.strides[0], step.padding[0], step.window[0], view.h);
    for (x, out) in out[..step.dst.row_length()].chunks_exact_mut(c).enumerate() {
        let columns = inside(x * step.strides[1], step.padding[1], step.window[1], view.w);
        let at = view.base + n * view.image + rows.start * view.row + columns.start * c;
        let taps = Taps { rows: rows.len(), columns: columns.len(), row: view.row, column: c };
        let left = taps.maxima::<T, LANES>(&src[at..], out, 0, max);
        let left = taps.maxima::<T, FEW>(&src[at..], out, left, max);
        taps.maxima::<T, 1>(&src[at..], out, left, max);
    }
}

/// The part of a window inside the data; strides in elements.
struct Taps {
    rows: usize,
    columns: usize,
    row: usize,
    column: usize,
}

impl Taps {
    /// Maxima of the channels from `channel` on, `N` at a time; the first channel left.
    #[inline(always)]
    fn maxima<T: Copy, const N: usize>(
        &self,
        src: &[T],
        out: &mut [T],
        mut channel: usize,
        max: impl Fn(T, T) -> T + Copy,
    ) -> usize {
        for part in out[channel..].chunks_exact_mut(N) {
            part.copy_from_slice(&self.most::<T, N>(&src[channel..], max));
            channel += N;
        }
        channel
    }

    /// The maxima of `N` channels from the start of `src` on.
    #[inline(always)]
    fn most<T: Copy, const N: usize>(&self, src: &[T], max: impl Fn(T, T) -> T) -> [T; N] {
        let first = |at: usize| src[at..].first_chunk::<N>().expect("invariant: the window lies in the data");
        let mut most = *first(0);
        for r in 0..self.rows {
            for s in 0..self.columns {
                let tap = first(r * self.row + s * self.column);
                for i in 0..N {
                    most[i] = max(most[i], tap[i]);
                }
            }
        }
        most
    }
}

/// The part of a window inside `length`.
fn inside(start: usize, padding: usize, window: usize, length: usize) -> std::ops::Range<usize> {
    start.saturating_sub(padding)..(start + window - padding).min(length)
}
