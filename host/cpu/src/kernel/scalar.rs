//! Portable kernels.

use super::{Kernels, Tile, TileFn, tile_table};

const LANES: usize = 16;

pub(super) const KERNELS: Kernels = Kernels {
    lanes: LANES,
    vectors_max: 1,
    flip: 0,
    finishes: false,
    pixels_max: &[4],
    group_multiple: 1,
    begin: None,
    get,
    get_spread: None,
};

fn get(pixels: usize, vectors: usize) -> TileFn {
    tile_table!(tile, pixels, vectors, 1: [1 2 3 4])
}

/// **Safety.** See [`TileFn`].
unsafe fn tile<const PIXELS: usize, const VECTORS: usize>(t: &Tile<'_>) {
    // SAFETY: the tile's contract: `LANES` biases.
    let bias: [i32; LANES] = unsafe { t.bias.cast::<[i32; LANES]>().read_unaligned() };
    let mut sums = [bias; PIXELS];
    for (q, &offset) in t.offsets.iter().enumerate() {
        // SAFETY: the tile's contract: `offsets.len()` groups of `LANES * 4` weights.
        let weights: &[[i8; 4]; LANES] = unsafe { &*t.weights.add(q * LANES * 4).cast() };
        for (sums, pixel) in sums.iter_mut().zip(t.pixels) {
            // SAFETY: the tile's contract: four bytes at every offset of every pixel.
            let x: [i8; 4] = unsafe { pixel.add(offset as usize).cast::<[i8; 4]>().read_unaligned() };
            let x = x.map(i32::from);
            for (sum, w) in sums.iter_mut().zip(weights) {
                // At most 4 * 128 * 127: only the sum over groups can wrap.
                let dot =
                    x[0] * i32::from(w[0]) + x[1] * i32::from(w[1]) + x[2] * i32::from(w[2]) + x[3] * i32::from(w[3]);
                *sum = sum.wrapping_add(dot);
            }
        }
    }
    for (p, sums) in sums.iter().enumerate() {
        // SAFETY: the tile's contract: room for `LANES` sums of every pixel.
        unsafe { t.sums.add(p * LANES).cast::<[i32; LANES]>().write_unaligned(*sums) };
    }
}
