//! AVX-VNNI kernels: 8 output channels to a vector, pixels as unsigned bytes.

use super::{Kernels, Tile, TileFn, tile_table};
use std::arch::x86_64::*;

const LANES: usize = 8;

pub(super) const KERNELS: Kernels = Kernels {
    lanes: LANES,
    vectors_max: 2,
    flip: 0x80,
    finishes: false,
    pixels_max: &[8, 6],
    group_multiple: 1,
    begin: None,
    get,
    get_spread: Some(get_spread),
};

fn get(pixels: usize, vectors: usize) -> TileFn {
    tile_table!(tile, pixels, vectors,
        1: [1 2 3 4 5 6 7 8]
        2: [1 2 3 4 5 6])
}

fn get_spread(pixels: usize) -> TileFn {
    tile_table!(spread, pixels, 1, 1: [1 2 3 4 5 6 7 8])
}

/// **Safety.** See [`TileFn`].
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn tile<const PIXELS: usize, const VECTORS: usize>(t: &Tile<'_>) {
    // SAFETY: the caller's.
    unsafe { tile_of::<PIXELS, VECTORS, false>(t) };
}

/// **Safety.** See [`TileFn`].
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn spread<const PIXELS: usize, const VECTORS: usize>(t: &Tile<'_>) {
    // SAFETY: the caller's.
    unsafe { tile_of::<PIXELS, VECTORS, true>(t) };
}

/// **Safety.** See [`TileFn`].
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn tile_of<const PIXELS: usize, const VECTORS: usize, const SPREAD: bool>(t: &Tile<'_>) {
    let mut sums = [[_mm256_setzero_si256(); VECTORS]; PIXELS];
    for v in 0..VECTORS {
        // SAFETY: the tile's contract: a bias for every channel.
        let bias = unsafe { _mm256_loadu_si256(t.bias.add(v * LANES).cast()) };
        for sums in &mut sums {
            sums[v] = bias;
        }
    }
    let mut pixels = [std::ptr::null(); PIXELS];
    pixels.copy_from_slice(&t.pixels[..PIXELS]);
    // SAFETY: eight words of sixteen.
    let seen = unsafe { _mm256_loadu_si256(t.spread.as_ptr().cast()) };
    let mut weights = t.weights;
    for &offset in t.offsets {
        let mut w = [_mm256_setzero_si256(); VECTORS];
        for (v, w) in w.iter_mut().enumerate() {
            // SAFETY: the tile's contract: weights for every group of four.
            *w = unsafe { _mm256_loadu_si256(weights.add(v * LANES * 4).cast()) };
        }
        for (sums, pixel) in sums.iter_mut().zip(pixels) {
            let x = if SPREAD {
                // SAFETY: the tile's contract: sixteen bytes at every offset of every pixel.
                let groups = unsafe { _mm_loadu_si128(pixel.add(offset as usize).cast()) };
                _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(groups), seen)
            } else {
                // SAFETY: the tile's contract: four bytes at every offset of every pixel.
                _mm256_set1_epi32(unsafe { pixel.add(offset as usize).cast::<i32>().read_unaligned() })
            };
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = _mm256_dpbusd_avx_epi32(*sum, x, w);
            }
        }
        // Stays within the block, or points one past it.
        weights = weights.wrapping_add(VECTORS * LANES * 4);
    }
    for (p, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            // SAFETY: the tile's contract: room for every sum.
            unsafe { _mm256_storeu_si256(t.sums.add((p * VECTORS + v) * LANES).cast(), *sum) };
        }
    }
}
