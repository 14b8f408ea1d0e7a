//! AVX-512 VNNI kernels: 16 output channels to a vector, pixels as unsigned bytes.

use super::{AHEAD_BYTES, Addend, Finish, Kernels, Tile, TileFn, tile_table};
use crate::stage::Scale;
use std::arch::x86_64::*;

const LANES: usize = 16;

pub(super) const KERNELS: Kernels = Kernels {
    lanes: LANES,
    vectors_max: 4,
    flip: FLIP,
    finishes: true,
    // Sums, weights and the pixels that the compiler reads ahead stay within 32 registers.
    pixels_max: &[12, 10, 8, 6],
    group_multiple: 1,
    begin: None,
    get,
    get_spread: Some(get_spread),
};

const FLIP: u8 = 0x80;

fn get(pixels: usize, vectors: usize) -> TileFn {
    tile_table!(tile, pixels, vectors,
        1: [1 2 3 4 5 6 7 8 9 10 11 12]
        2: [1 2 3 4 5 6 7 8 9 10]
        3: [1 2 3 4 5 6 7 8]
        4: [1 2 3 4 5 6])
}

fn get_spread(pixels: usize) -> TileFn {
    tile_table!(spread, pixels, 1, 1: [1 2 3 4 5 6 7 8 9 10 11 12])
}

/// **Safety.** See [`TileFn`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tile<const PIXELS: usize, const VECTORS: usize>(t: &Tile<'_>) {
    // SAFETY: the caller's.
    unsafe { tile_of::<PIXELS, VECTORS, false>(t) };
}

/// **Safety.** See [`TileFn`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn spread<const PIXELS: usize, const VECTORS: usize>(t: &Tile<'_>) {
    // SAFETY: the caller's.
    unsafe { tile_of::<PIXELS, VECTORS, true>(t) };
}

/// **Safety.** See [`TileFn`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tile_of<const PIXELS: usize, const VECTORS: usize, const SPREAD: bool>(t: &Tile<'_>) {
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; PIXELS];
    for v in 0..VECTORS {
        // SAFETY: the tile's contract: a bias for every channel.
        let bias = unsafe { _mm512_loadu_si512(t.bias.add(v * LANES).cast()) };
        for sums in &mut sums {
            sums[v] = bias;
        }
    }
    let mut pixels = [std::ptr::null(); PIXELS];
    pixels.copy_from_slice(&t.pixels[..PIXELS]);
    // SAFETY: sixteen words.
    let seen = unsafe { _mm512_loadu_si512(t.spread.as_ptr().cast()) };
    let (mut weights, mut ahead) = (t.weights, t.ahead);
    for &offset in t.offsets {
        _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
        ahead = ahead.wrapping_add(AHEAD_BYTES);
        let mut w = [_mm512_setzero_si512(); VECTORS];
        for (v, w) in w.iter_mut().enumerate() {
            // SAFETY: the tile's contract: weights for every group of four.
            *w = unsafe { _mm512_loadu_si512(weights.add(v * LANES * 4).cast()) };
        }
        for (sums, pixel) in sums.iter_mut().zip(pixels) {
            let x = if SPREAD {
                // SAFETY: the tile's contract: sixteen bytes at every offset of every pixel.
                let groups = unsafe { _mm_loadu_si128(pixel.add(offset as usize).cast()) };
                _mm512_permutexvar_epi32(seen, _mm512_castsi128_si512(groups))
            } else {
                // SAFETY: the tile's contract: four bytes at every offset of every pixel.
                _mm512_set1_epi32(unsafe { pixel.add(offset as usize).cast::<i32>().read_unaligned() })
            };
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = _mm512_dpbusd_epi32(*sum, x, w);
            }
        }
        // Stays within the block, or points one past it.
        weights = weights.wrapping_add(VECTORS * LANES * 4);
    }
    match &t.finish {
        Finish::Sums => {
            for (p, sums) in sums.iter().enumerate() {
                for (v, sum) in sums.iter().enumerate() {
                    // SAFETY: the tile's contract: room for every sum.
                    unsafe { _mm512_storeu_si512(t.sums.add((p * VECTORS + v) * LANES).cast(), *sum) };
                }
            }
        }
        Finish::Bytes { first, addend, second } => {
            #[allow(clippy::needless_range_loop, reason = "v selects a vector of every pixel")]
            for v in 0..VECTORS {
                let channels = t.channels.saturating_sub(v * LANES).min(LANES);
                let mask = ((1u32 << channels) - 1) as __mmask16;
                for (p, sums) in sums.iter().enumerate() {
                    let mut y = scale(sums[v], first);
                    match addend {
                        Addend::None => {}
                        Addend::I8(rows) => {
                            // SAFETY: the tile's contract; the mask keeps to channels that exist.
                            let bytes = unsafe { _mm_maskz_loadu_epi8(mask, rows[p].add(v * LANES).cast()) };
                            let bytes = _mm_xor_si128(bytes, _mm_set1_epi8(FLIP as i8));
                            y = scale(_mm512_add_epi32(y, _mm512_cvtepi8_epi32(bytes)), second);
                        }
                        Addend::I32(rows) => {
                            // SAFETY: as above.
                            let words = unsafe { _mm512_maskz_loadu_epi32(mask, rows[p].add(v * LANES)) };
                            y = scale(_mm512_add_epi32(y, words), second);
                        }
                    }
                    let bytes = _mm_xor_si128(_mm512_cvtepi32_epi8(y), _mm_set1_epi8(FLIP as i8));
                    // SAFETY: as above.
                    unsafe { _mm_mask_storeu_epi8(t.outputs[p].add(v * LANES).cast(), mask, bytes) };
                }
            }
        }
    }
}

/// Scales sums.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn scale(x: __m512i, s: &Scale) -> __m512i {
    let shifted = _mm512_sra_epi32(x, _mm_cvtsi32_si128(s.pre as i32));
    let rounded = _mm512_add_epi32(shifted, _mm512_set1_epi32(s.round));
    let y = _mm512_sra_epi32(rounded, _mm_cvtsi32_si128(s.post as i32));
    _mm512_min_epi32(_mm512_max_epi32(y, _mm512_set1_epi32(s.low)), _mm512_set1_epi32(s.high))
}
