//! NEON kernels: 4 output channels to a vector, widening multiplies and pairwise accumulation.
//!
//! **Numbers.** Products of signed bytes fit 16 bits; pairs are added into 32 bits. Dot product
//! instructions would be faster, but their intrinsics are not stable.

use super::{Kernels, Tile, TileFn, tile_table};
use std::arch::aarch64::*;

const LANES: usize = 4;

pub(super) const KERNELS: Kernels = Kernels {
    lanes: LANES,
    vectors_max: 2,
    flip: 0,
    finishes: false,
    pixels_max: &[8, 6],
    group_multiple: 1,
    begin: None,
    get,
    get_spread: None,
};

fn get(pixels: usize, vectors: usize) -> TileFn {
    tile_table!(tile, pixels, vectors,
        1: [1 2 3 4 5 6 7 8]
        2: [1 2 3 4 5 6])
}

/// **Safety.** See [`TileFn`].
#[target_feature(enable = "neon")]
unsafe fn tile<const PIXELS: usize, const VECTORS: usize>(t: &Tile<'_>) {
    let mut sums = [[vdupq_n_s32(0); VECTORS]; PIXELS];
    for v in 0..VECTORS {
        // SAFETY: the tile's contract: a bias for every channel.
        let bias = unsafe { vld1q_s32(t.bias.add(v * LANES)) };
        for sums in &mut sums {
            sums[v] = bias;
        }
    }
    let mut weights = t.weights;
    for &offset in t.offsets {
        let mut w = [vdupq_n_s8(0); VECTORS];
        for (v, w) in w.iter_mut().enumerate() {
            // SAFETY: the tile's contract: weights for every group of four.
            *w = unsafe { vld1q_s8(weights.add(v * LANES * 4)) };
        }
        for (sums, pixel) in sums.iter_mut().zip(t.pixels) {
            // SAFETY: the tile's contract: four bytes at every offset of every pixel.
            let x = unsafe { pixel.add(offset as usize).cast::<i32>().read_unaligned() };
            let x = vreinterpretq_s8_s32(vdupq_n_s32(x));
            for (sum, w) in sums.iter_mut().zip(w) {
                // Halves of a channel's four products lie side by side; add neighbours twice.
                let low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(w)));
                let high = vpaddlq_s16(vmull_high_s8(x, w));
                *sum = vaddq_s32(*sum, vpaddq_s32(low, high));
            }
        }
        // Stays within the block, or points one past it.
        weights = weights.wrapping_add(VECTORS * LANES * 4);
    }
    for (p, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            // SAFETY: the tile's contract: room for every sum.
            unsafe { vst1q_s32(t.sums.add((p * VECTORS + v) * LANES), *sum) };
        }
    }
}
