//! Depthwise convolutions: every channel by itself.
//!
//! The kernels of [`super::Conv`] sum over channels and would multiply mostly zeros here. Channels lie
//! side by side, so a tap is a vector of channels times a vector of weights.
//!
//! **Numbers.** Weights are -127 to 127 and data are bytes, so a product is at most 16256 and two of
//! them fit 16 bits; pairs of taps are added there, pairs in 32 bits, wrapping.

use super::Context;
use super::conv::finish_pixel;
use super::threads::for_each_chunk;
use crate::buffer::Buffer;
use crate::path::for_each_isa;
use crate::stage::Stage;
use crate::view::{Memory, View};
#[cfg(target_arch = "x86_64")]
use crate::{path::Isa, stage::Scale, view::Element};

/// Sums that are finished together.
const SUMS: usize = 1024;
/// Channels whose sums are kept in registers.
const LANES: usize = 32;
/// Elements of a result's band of rows, a thread's share.
const BAND_ELEMENTS: usize = 1 << 15;

/// A convolution with as many groups as channels, in and out.
#[derive(Debug)]
pub(crate) struct Depthwise {
    /// 8-bit data inside a halo of at least the padding.
    pub(crate) src: View,
    pub(crate) dst: View,
    pub(crate) strides: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) taps: Taps,
    pub(crate) stages: Vec<Stage>,
}

/// The window's taps and their weights.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    /// Byte offset of every tap from the window's first pixel, filled up to a multiple of 4 with taps of
    /// weight 0.
    pub(crate) offsets: Vec<u32>,
    /// `[tap][channel]`.
    weights: Vec<i16>,
    bias: Vec<i32>,
    #[cfg(target_arch = "x86_64")]
    packed: crate::kernel::depthwise::Packed,
}

impl Taps {
    /// Packs weights `[channel][kh][kw]`, none of them -128; `bias` may be empty. `row` is the bytes from
    /// one row of the padded data to the next.
    pub(crate) fn pack(kernel: [usize; 2], dilation: [usize; 2], row: usize, weights: &[i8], bias: &[i32]) -> Self {
        let count = kernel[0] * kernel[1];
        let channels = weights.len() / count;
        let mut offsets: Vec<u32> = (0..kernel[0])
            .flat_map(|r| (0..kernel[1]).map(move |s| r * dilation[0] * row + s * dilation[1] * channels))
            .map(|offset| offset as u32)
            .collect();
        let last = *offsets.last().expect("invariant: a window has a tap");
        offsets.resize(count.next_multiple_of(4), last);
        let mut by_tap = vec![0i16; offsets.len() * channels];
        for (tap, by_channel) in by_tap.chunks_exact_mut(channels).take(count).enumerate() {
            by_channel.iter_mut().enumerate().for_each(|(c, w)| *w = i16::from(weights[c * count + tap]));
        }
        let bias = if bias.is_empty() { vec![0; channels] } else { bias.to_vec() };
        #[cfg(target_arch = "x86_64")]
        let packed = crate::kernel::depthwise::Packed::new(&by_tap, &bias, channels);
        Self {
            offsets,
            weights: by_tap,
            bias,
            #[cfg(target_arch = "x86_64")]
            packed,
        }
    }

    /// Bytes that packing for a window and a number of channels takes, at most.
    pub(crate) fn bytes(kernel: [usize; 2], channels: usize) -> u64 {
        let taps = (kernel[0] * kernel[1]).next_multiple_of(4) as u64;
        // Plain 16-bit weights, packed bytes and biases, both in whole blocks, and offsets.
        2 * taps * channels as u64 + (taps + 8) * (channels.next_multiple_of(64) as u64) + 4 * taps
    }

    /// Bytes of the weights as they are read.
    pub(crate) fn weight_bytes(&self) -> u64 {
        self.weights.len() as u64
    }
}

impl Depthwise {
    /// Computes the layer into `out`.
    pub(crate) fn run(&self, context: &Context<'_>, memory: Memory<'_>, out: &mut Buffer) {
        let size = self.dst.element.size();
        let rows = (BAND_ELEMENTS / self.dst.row.max(1)).max(1);
        for n in 0..self.dst.n {
            let start = (self.dst.base + n * self.dst.image) * size;
            let length = ((self.dst.h - 1) * self.dst.row + self.dst.row_length()) * size;
            let image = &mut out.bytes_mut()[start..start + length];
            for_each_chunk(context.pool, image, rows * self.dst.row * size, |index, band| {
                for (y, row) in band.chunks_mut(self.dst.row * size).enumerate() {
                    if !context.is_late() {
                        self.row(context, memory, [n, index * rows + y], &mut row[..self.dst.row_length() * size]);
                    }
                }
            });
        }
    }

    /// A single scale behind the sums, or none, if the result is bytes.
    #[cfg(target_arch = "x86_64")]
    fn scale(&self) -> Option<Scale> {
        match (self.dst.element, self.stages.as_slice()) {
            (Element::I8, []) => Some(Scale::IDENTITY),
            (Element::I8, [Stage::Scale(scale)]) => Some(*scale),
            _ => None,
        }
    }

    fn row(&self, context: &Context<'_>, memory: Memory<'_>, [n, y]: [usize; 2], out: &mut [u8]) {
        let (src, c) = (&self.src, self.src.c);
        let origin = src.base + n * src.image - self.padding[0] * src.row - self.padding[1] * c;
        let first = origin + y * self.strides[0] * src.row;
        let step = self.strides[1] * c;
        let source = memory.buffer(src).bytes();
        #[cfg(target_arch = "x86_64")]
        if context.isa == Isa::Avx512
            && let Some(scale) = self.scale()
        {
            for (x, out) in out.chunks_exact_mut(c).enumerate() {
                self.taps.packed.pixel(&source[first + x * step..], &self.taps.offsets, memory.flip, &scale, out);
            }
            return;
        }
        let size = self.dst.element.size();
        let mut sums = [0i32; SUMS];
        let together = (SUMS / c).max(1);
        for x in (0..self.dst.w).step_by(together) {
            for channel in (0..c).step_by(SUMS) {
                let channels = channel..c.min(channel + SUMS);
                let pixels = if channels.len() == c { together.min(self.dst.w - x) } else { 1 };
                let count = pixels * channels.len();
                for (p, sums) in sums[..count].chunks_exact_mut(channels.len()).enumerate() {
                    let pixel = &source[first + (x + p) * step..];
                    pixel_sums(context.isa, &self.taps, pixel, memory.flip, channels.clone(), sums);
                }
                let within = x * c + channel;
                let out = &mut out[within * size..(within + count) * size];
                let (row, element) = (n * self.dst.h + y, self.dst.element);
                finish_pixel(context.isa, &self.stages, &mut sums[..count], memory, row, within, element, out);
            }
        }
    }
}

for_each_isa! {
    /// The sums of some channels of one pixel of the result; `pixel` starts at its window.
    fn pixel_sums(taps: &Taps, pixel: &[u8], flip: u8, channels: std::ops::Range<usize>, sums: &mut [i32])
        = pixel_sums_inner
}

#[inline(always)]
fn pixel_sums_inner(taps: &Taps, pixel: &[u8], flip: u8, channels: std::ops::Range<usize>, sums: &mut [i32]) {
    let mut parts = sums.chunks_exact_mut(LANES);
    let mut channel = channels.start;
    for part in &mut parts {
        part.copy_from_slice(&lanes::<LANES>(taps, pixel, flip, channel));
        channel += LANES;
    }
    for sum in parts.into_remainder() {
        [*sum] = lanes::<1>(taps, pixel, flip, channel);
        channel += 1;
    }
}

/// The sums of `N` channels from `channel` on.
#[inline(always)]
fn lanes<const N: usize>(taps: &Taps, pixel: &[u8], flip: u8, channel: usize) -> [i32; N] {
    const FITS: &str = "invariant: every tap of a window has all channels";
    let channels = taps.bias.len();
    let mut sums = *taps.bias[channel..].first_chunk::<N>().expect(FITS);
    for (pair, offsets) in taps.offsets.chunks_exact(2).enumerate() {
        let data = |i: usize| pixel[offsets[i] as usize + channel..].first_chunk::<N>().expect(FITS);
        let weights = |i: usize| taps.weights[(2 * pair + i) * channels + channel..].first_chunk::<N>().expect(FITS);
        let ([a, b], [v, w]) = ([data(0), data(1)], [weights(0), weights(1)]);
        for i in 0..N {
            let value = |byte: u8| i16::from((byte ^ flip) as i8);
            let two = value(a[i]).wrapping_mul(v[i]).wrapping_add(value(b[i]).wrapping_mul(w[i]));
            sums[i] = sums[i].wrapping_add(i32::from(two));
        }
    }
    sums
}
