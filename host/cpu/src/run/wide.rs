//! Convolution and dense layers on values the kernels cannot take: data beyond a byte (behind a
//! `where`), weights that are computed, padding too wide to store.
//!
//! Plain loops in the chain's order; no model that a quantiser makes comes here.

use crate::buffer::Buffer;
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

impl WideConv {
    pub(crate) fn run(&self, memory: Memory<'_>, out: &mut Buffer) {
        let [n, channels, h, w] = self.dst_shape;
        let out = out.words_mut();
        let mut next = 0;
        for image in 0..n {
            for o in 0..channels {
                let start = self.bias.as_ref().map_or(0, |bias| memory.get(bias, o));
                for i in 0..h {
                    for j in 0..w {
                        out[next] = start.wrapping_add(self.window(memory, [image, o, i, j]));
                        next += 1;
                    }
                }
            }
        }
    }

    fn window(&self, memory: Memory<'_>, [image, o, i, j]: [usize; 4]) -> i32 {
        let a = &self.attributes;
        let [_, channels, h, w] = self.x_shape;
        let group = channels / a.groups;
        let first = o / (a.channels / a.groups) * group;
        let (y0, x0) = (i * a.strides[0], j * a.strides[1]);
        let mut sum = 0i32;
        for r in taps(y0, a.padding[0], a.kernel[0], a.dilation[0], h) {
            let y = y0 + r * a.dilation[0] - a.padding[0];
            for s in taps(x0, a.padding[1], a.kernel[1], a.dilation[1], w) {
                let x = x0 + s * a.dilation[1] - a.padding[1];
                for c in 0..group {
                    let mut value = memory.get(&self.x, ((image * channels + first + c) * h + y) * w + x);
                    let at = ((o * group + c) * a.kernel[0] + r) * a.kernel[1] + s;
                    let mut weight = memory.get(&self.weight, at);
                    if a.groups == 1 {
                        // The chain's device packs both into bytes.
                        value = i32::from(value as i8);
                        weight = i32::from(weight as i8);
                    }
                    sum = sum.wrapping_add(value.wrapping_mul(weight));
                }
            }
        }
        sum
    }
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
    pub(crate) fn run(&self, memory: Memory<'_>, out: &mut Buffer) {
        let out = out.words_mut();
        for row in 0..self.rows {
            for unit in 0..self.units {
                let mut sum = self.bias.as_ref().map_or(0, |bias| memory.get(bias, unit));
                for i in 0..self.length {
                    let x = memory.get(&self.x, row * self.length + i);
                    sum = sum.wrapping_add(x.wrapping_mul(memory.get(&self.weight, unit * self.length + i)));
                }
                out[row * self.units + unit] = sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::taps;

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
