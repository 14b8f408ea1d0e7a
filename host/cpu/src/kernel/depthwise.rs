//! Depthwise convolution with AVX-512 VNNI: four taps of 64 channels to four dot products.
//!
//! Bytes of four taps are interleaved, so that a group of four bytes is one channel's. Sums then lie in
//! the order of the interleaving, and are put in that of channels at the end.

use super::avx512::scale;
use crate::stage::Scale;
use std::arch::x86_64::*;

/// Channels treated together.
const CHANNELS: usize = 64;

/// Weights in the order of the interleaved taps: `[block of 64][group of 4 taps][4][16][4]`.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    weights: Vec<i8>,
    /// For bytes read as unsigned, filled up to whole blocks.
    bias: Vec<i32>,
}

impl Packed {
    /// Packs weights `[tap][channel]`, a multiple of four taps.
    pub(crate) fn new(by_tap: &[i16], bias: &[i32], channels: usize) -> Self {
        let taps = by_tap.len() / channels;
        let blocks = channels.div_ceil(CHANNELS);
        let mut weights = vec![0; blocks * CHANNELS * taps];
        let mut padded = vec![0; blocks * CHANNELS];
        for channel in 0..channels {
            // Lane of 128 bits, interleaved vector, place in the lane.
            let (block, within) = (channel / CHANNELS, channel % CHANNELS);
            let (lane, vector, place) = (within / 16, within % 16 / 4, within % 4);
            let mut sum = 0i32;
            for tap in 0..taps {
                let weight = by_tap[tap * channels + channel];
                let group = (block * taps / 4 + tap / 4) * 4 + vector;
                weights[(group * 16 + lane * 4 + place) * 4 + tap % 4] = weight as i8;
                sum += i32::from(weight);
            }
            padded[channel] = bias[channel].wrapping_sub(sum.wrapping_mul(128));
        }
        Self { weights, bias: padded }
    }

    /// One pixel of the result: all channels, scaled to bytes.
    ///
    /// `pixel` starts at its window; stored bytes are values xored with `flip`. Only where AVX-512 VNNI
    /// was detected.
    ///
    /// **Panics.** If a tap lies outside `pixel`.
    pub(crate) fn pixel(&self, pixel: &[u8], offsets: &[u32], flip: u8, finish: &Scale, out: &mut [u8]) {
        let reach = offsets.iter().map(|&offset| offset as usize).max().unwrap_or(0);
        assert!(reach + out.len() <= pixel.len() && out.len() <= self.bias.len());
        assert!(self.weights.len() >= out.len().next_multiple_of(CHANNELS) * offsets.len());
        // SAFETY: the instructions were detected for the path; every tap has all channels, as just checked.
        unsafe { self.compute(pixel.as_ptr(), offsets, flip, finish, out) };
    }

    /// **Safety.** `out.len()` bytes at every offset from `pixel`; weights for as many channels.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn compute(&self, pixel: *const u8, offsets: &[u32], flip: u8, finish: &Scale, out: &mut [u8]) {
        let (unsigned, stored) = (_mm512_set1_epi8((flip ^ 0x80) as i8), _mm_set1_epi8(flip as i8));
        let mut weights = self.weights.as_ptr();
        for (block, out) in out.chunks_mut(CHANNELS).enumerate() {
            let mask = u64::MAX >> (CHANNELS - out.len());
            // SAFETY: masked to the channels there are.
            let load = |offset: u32| unsafe {
                let bytes = _mm512_maskz_loadu_epi8(mask, pixel.add(offset as usize + block * CHANNELS).cast());
                _mm512_xor_si512(bytes, unsigned)
            };
            let mut sums = [_mm512_setzero_si512(); 4];
            for taps in offsets.chunks_exact(4) {
                let [a, b, c, d] = [load(taps[0]), load(taps[1]), load(taps[2]), load(taps[3])];
                let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
                let (high_ab, high_cd) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
                let interleaved = [
                    _mm512_unpacklo_epi16(ab, cd),
                    _mm512_unpackhi_epi16(ab, cd),
                    _mm512_unpacklo_epi16(high_ab, high_cd),
                    _mm512_unpackhi_epi16(high_ab, high_cd),
                ];
                for (sum, x) in sums.iter_mut().zip(interleaved) {
                    // SAFETY: weights for every block and group of taps.
                    *sum = _mm512_dpbusd_epi32(*sum, x, unsafe { _mm512_loadu_si512(weights.cast()) });
                    weights = weights.wrapping_add(64);
                }
            }
            for (part, sum) in in_order(sums).into_iter().enumerate() {
                let Some(out) = out.get_mut(part * 16..).filter(|out| !out.is_empty()) else { break };
                let mask = (u32::MAX >> (32 - out.len().min(16))) as __mmask16;
                // SAFETY: the bias is filled up to whole blocks; masked to the channels there are.
                unsafe {
                    let bias = _mm512_loadu_si512(self.bias.as_ptr().add(block * CHANNELS + part * 16).cast());
                    let y = scale(_mm512_add_epi32(sum, bias), finish);
                    let bytes = _mm_xor_si128(_mm512_cvtepi32_epi8(y), stored);
                    _mm_mask_storeu_epi8(out.as_mut_ptr().cast(), mask, bytes);
                }
            }
        }
    }
}

/// Sums of interleaved vectors in the order of channels: lanes of 128 bits transposed.
#[inline]
#[target_feature(enable = "avx512f")]
fn in_order([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (low_ab, high_ab) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0xEE>(a, b));
    let (low_cd, high_cd) = (_mm512_shuffle_i32x4::<0x44>(c, d), _mm512_shuffle_i32x4::<0xEE>(c, d));
    [
        _mm512_shuffle_i32x4::<0x88>(low_ab, low_cd),
        _mm512_shuffle_i32x4::<0xDD>(low_ab, low_cd),
        _mm512_shuffle_i32x4::<0x88>(high_ab, high_cd),
        _mm512_shuffle_i32x4::<0xDD>(high_ab, high_cd),
    ]
}
