//! Convolution and dense layers on values the kernels cannot take: data beyond a byte (behind a
//! `where`), weights that are computed, padding too wide to store.
//!
//! In the chain's order, 32-bit products of runs of elements; no model that a quantiser makes comes
//! here, but anybody may send one that does.

use super::Context;
use super::threads::for_each_chunk;
use crate::buffer::Buffer;
use crate::path::for_each_isa;
use crate::view::{Memory, View};
use myelin_graph::Conv2d;

/// A convolution by definition; all values in the chain's order, the result 32-bit.
#[derive(Debug)]
pub(crate) struct WideConv {
    pub(crate) attributes: Conv2d,
    pub(crate) x: View,
    pub(crate) x_shape: [usize; 4],
    pub(crate) weight: View,
    pub(crate) bias: Option<View>,
    pub(crate) dst_shape: [usize; 4],
}

/// Elements of a row that are computed together.
const CHUNK: usize = 512;

impl WideConv {
    /// Row by row of the result: every weight times the run of data it meets.
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        let [n, channels, h, w] = self.dst_shape;
        let words = &mut out.words_mut()[..n * channels * h * w];
        for_each_chunk(context.pool, words, w, |index, row| {
            if !context.is_late() {
                let place = [index / h / channels, index / h % channels, index % h];
                wide_row(context.isa, self, memory, place, row);
            }
        });
    }
}

for_each_isa! {
    /// Row `i` of channel `o` of an image.
    fn wide_row(step: &WideConv, memory: Memory<'_>, place: [usize; 3], out: &mut [i32]) = wide_row_inner
}

#[inline(always)]
fn wide_row_inner(step: &WideConv, memory: Memory<'_>, [image, o, i]: [usize; 3], out: &mut [i32]) {
    let a = &step.attributes;
    let [_, channels, h, w] = step.x_shape;
    let group = channels / a.groups;
    let first = o / (a.channels / a.groups) * group;
    let y0 = i * a.strides[0];
    out.fill(step.bias.as_ref().map_or(0, |bias| memory.get(bias, o)));
    let mut values = [0i32; CHUNK];
    for c in 0..group {
        for r in taps(y0, a.padding[0], a.kernel[0], a.dilation[0], h) {
            let y = y0 + r * a.dilation[0] - a.padding[0];
            let line = ((image * channels + first + c) * h + y) * w;
            for s in 0..a.kernel[1] {
                let at = ((o * group + c) * a.kernel[0] + r) * a.kernel[1] + s;
                let mut weight = memory.get(&step.weight, at);
                if a.groups == 1 {
                    // The chain's device packs both into bytes.
                    weight = i32::from(weight as i8);
                }
                let columns = columns(s * a.dilation[1], a.padding[1], a.strides[1], w, out.len());
                for start in columns.clone().step_by(CHUNK) {
                    let out = &mut out[start..columns.end.min(start + CHUNK)];
                    let values = &mut values[..out.len()];
                    let x = start * a.strides[1] + s * a.dilation[1] - a.padding[1];
                    super::binary::read(&step.x, memory, line + x, a.strides[1], values);
                    if a.groups == 1 {
                        values.iter_mut().for_each(|v| *v = i32::from(*v as i8));
                    }
                    let pairs = out.iter_mut().zip(&*values);
                    pairs.for_each(|(out, &v)| *out = out.wrapping_add(v.wrapping_mul(weight)));
                }
            }
        }
    }
}

/// The columns of a result `width` wide at which the tap `tap` from the window's start meets data of
/// `length` columns.
fn columns(tap: usize, padding: usize, stride: usize, length: usize, width: usize) -> std::ops::Range<usize> {
    let first = padding.saturating_sub(tap).div_ceil(stride).min(width);
    let last = (length + padding).saturating_sub(tap).div_ceil(stride).min(width);
    first..last.max(first)
}

/// The taps of a window that meet the data.
fn taps(start: usize, padding: usize, kernel: usize, dilation: usize, length: usize) -> std::ops::Range<usize> {
    let first = padding.saturating_sub(start).div_ceil(dilation).min(kernel);
    let last = (length + padding).saturating_sub(start).div_ceil(dilation).min(kernel);
    first..last.max(first)
}

/// A dense layer by definition; the result 32-bit.
#[derive(Debug)]
pub(crate) struct WideDense {
    pub(crate) x: View,
    pub(crate) weight: View,
    pub(crate) bias: Option<View>,
    pub(crate) rows: usize,
    pub(crate) units: usize,
    pub(crate) length: usize,
}

impl WideDense {
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        let out = &mut out.words_mut()[..self.rows * self.units];
        for_each_chunk(context.pool, out, 1, |index, out| {
            if !context.is_late() {
                out[0] = dot(context.isa, self, memory, [index / self.units, index % self.units]);
            }
        });
    }
}

for_each_isa! {
    /// One row of data times the weights of one unit.
    fn dot(step: &WideDense, memory: Memory<'_>, place: [usize; 2]) -> i32 = dot_inner
}

#[inline(always)]
fn dot_inner(step: &WideDense, memory: Memory<'_>, [row, unit]: [usize; 2]) -> i32 {
    let mut sum = step.bias.as_ref().map_or(0, |bias| memory.get(bias, unit));
    let (mut x, mut w) = ([0i32; CHUNK], [0i32; CHUNK]);
    for start in (0..step.length).step_by(CHUNK) {
        let count = CHUNK.min(step.length - start);
        let (x, w) = (&mut x[..count], &mut w[..count]);
        super::map::read(&step.x, memory, row * step.length + start, x);
        super::map::read(&step.weight, memory, unit * step.length + start, w);
        let products = x.iter().zip(&*w).map(|(&x, &w)| x.wrapping_mul(w));
        sum = products.fold(sum, i32::wrapping_add);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::{columns, taps};

    #[test]
    fn columns_are_those_whose_tap_meets_the_data() {
        for (tap, padding, stride, length, width) in
            [(0, 0, 1, 5, 5), (0, 2, 1, 5, 7), (4, 2, 1, 5, 7), (2, 3, 2, 9, 6), (0, 600, 97, 4, 13), (3, 1, 4, 2, 1)]
        {
            let met = |j: &usize| (padding..padding + length).contains(&(j * stride + tap));
            let expected: Vec<usize> = (0..width).filter(met).collect();
            let found: Vec<usize> = columns(tap, padding, stride, length, width).collect();
            assert_eq!(found, expected, "{tap} {padding} {stride} {length} {width}");
        }
    }

    #[test]
    fn taps_are_those_inside_the_data() {
        for (start, padding, kernel, dilation, length) in
            [(0, 2, 3, 1, 5), (0, 4, 3, 2, 5), (6, 1, 3, 1, 5), (0, 9, 2, 3, 2), (3, 0, 4, 3, 20), (12, 3, 3, 4, 9)]
        {
            let expected: Vec<usize> =
                (0..kernel).filter(|t| (padding..padding + length).contains(&(start + t * dilation))).collect();
            let found: Vec<usize> = taps(start, padding, kernel, dilation, length).collect();
            assert_eq!(found, expected, "{start} {padding} {kernel} {dilation} {length}");
        }
    }
}
