//! Every kernel against the plain definition of a tile.

use super::*;
use crate::buffer::Buffer;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The kernels of every path this machine has, or of the one that the environment names, and AMX on modelled
/// registers.
fn all() -> Vec<(&'static str, Kernels)> {
    let only = Path::from_environment().unwrap().map(|path| vec![path.checked().unwrap()]);
    let paths = only.unwrap_or_else(Path::available);
    #[allow(unused_mut, reason = "only x86-64 adds to it")]
    let mut all: Vec<_> = paths.into_iter().map(|path| (path.name(), Kernels::of(path))).collect();
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    all.push(("amx, modelled", amx::SOFTWARE_KERNELS));
    all
}

#[test]
fn tiles_are_sums_of_products_for_every_shape_and_for_extremes() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for (name, kernels) in all() {
        if let Some(begin) = kernels.begin {
            // SAFETY: the path is available.
            unsafe { begin() };
        }
        for vectors in 1..=kernels.vectors_max {
            for pixels in 1..=kernels.pixels_max[vectors - 1] {
                for extreme in [false, true] {
                    check(name, &kernels, [pixels, vectors], extreme, &mut rng);
                }
            }
        }
    }
}

fn check(name: &str, kernels: &Kernels, [pixels, vectors]: [usize; 2], extreme: bool, rng: &mut ChaCha8Rng) {
    let channels = vectors * kernels.lanes;
    // Evenly spaced pixels and groups side by side, or neither.
    let even: bool = rng.random();
    let groups = 5usize.next_multiple_of(kernels.group_multiple);
    let offsets: Vec<u32> = (0..groups as u32).map(|q| 4 * q + if even { 0 } else { q % 3 }).collect();
    let mut data = Buffer::zeroed(4096);
    for byte in data.bytes_mut() {
        let value: i8 = if extreme { *[-128, 127, -127].choose(rng).unwrap() } else { rng.random() };
        *byte = value as u8 ^ kernels.flip;
    }
    let weights: Vec<i8> = (0..groups * channels * 4)
        .map(|_| if extreme { *[-127, 127].choose(rng).unwrap() } else { rng.random_range(-127..=127) })
        .collect();
    let bias: Vec<i32> = (0..channels).map(|_| rng.random()).collect();
    let mut starts = [std::ptr::null(); PIXELS_MAX];
    for (p, start) in starts.iter_mut().enumerate().take(pixels) {
        *start = data.bytes()[p * 24 + if even { 0 } else { p * p % 7 }..].as_ptr();
    }
    let mut sums = [0i32; PIXELS_MAX * CHANNELS_MAX];
    let tile = Tile {
        pixels: starts,
        offsets: &offsets,
        weights: weights.as_ptr(),
        ahead: weights.as_ptr(),
        bias: bias.as_ptr(),
        finish: Finish::Sums,
        channels,
        outputs: [std::ptr::null_mut(); PIXELS_MAX],
        sums: sums.as_mut_ptr(),
        spread: [0; LANES_MAX],
    };
    // SAFETY: the path is available; all addresses lie in the buffers above.
    unsafe { kernels.tile(pixels, vectors)(&tile) };
    for (p, start) in starts.iter().enumerate().take(pixels) {
        for channel in 0..channels {
            let mut expected = bias[channel];
            for (q, &offset) in offsets.iter().enumerate() {
                for i in 0..4 {
                    // SAFETY: within `data`.
                    let x = unsafe { *start.add(offset as usize + i) };
                    // Flipped pixels are read as unsigned bytes; the bias corrects that elsewhere.
                    let x = if kernels.flip == 0 { i32::from(x as i8) } else { i32::from(x) };
                    expected = expected.wrapping_add(x * i32::from(weights[(q * channels + channel) * 4 + i]));
                }
            }
            let found = sums[p * channels + channel];
            assert_eq!(found, expected, "{name}: {pixels} pixels, {vectors} vectors, pixel {p}, channel {channel}");
        }
    }
}

#[test]
fn every_path_has_kernels_within_the_tile_limits() {
    for (name, kernels) in all() {
        assert_eq!(kernels.pixels_max.len(), kernels.vectors_max, "{name}");
        assert!(kernels.vectors_max * kernels.lanes <= CHANNELS_MAX, "{name}");
        assert!(kernels.pixels_max.iter().all(|&pixels| pixels <= PIXELS_MAX), "{name}");
    }
}
