//! Which bytes of a line change when: the one look at every sample that cannot be avoided.

use crate::samples::{BATCH, Tile};

/// Times at which each byte of a line changed: bit `t` is set where sample `t` differs from the one
/// before it. `None` if none does, which is what most lines of most designs say.
pub(super) fn changes(tile: &Tile, count: usize) -> Option<[u64; 64]> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has the feature.
        return unsafe { x86::changes_avx512(tile, count) };
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the feature.
        return unsafe { x86::changes_avx2(tile, count) };
    }
    portable(tile, count)
}

fn portable(tile: &Tile, count: usize) -> Option<[u64; 64]> {
    times(tile, count, |old, new| {
        if old == new {
            return 0;
        }
        old.0.iter().zip(&new.0).rev().fold(0, |mask, (old, new)| mask << 1 | u64::from(old != new))
    })
}

/// From a mask of differing bytes for each two lines to a mask of times for each byte.
#[inline(always)]
fn times(
    tile: &Tile,
    count: usize,
    differing: impl Fn(&crate::samples::Line, &crate::samples::Line) -> u64,
) -> Option<[u64; 64]> {
    let mut rows = [0; BATCH];
    let mut any = 0;
    for (row, pair) in rows[..count].iter_mut().zip(tile.windows(2)) {
        *row = differing(&pair[0], &pair[1]);
        any |= *row;
    }
    if any == 0 {
        return None;
    }
    transpose(&mut rows);
    Some(rows)
}

/// Exchanges rows and columns of a square of bits (Hacker's Delight, 2nd edition, section 7-3).
#[inline(always)]
fn transpose(rows: &mut [u64; 64]) {
    exchange::<32>(rows, 0x0000_0000_ffff_ffff);
    exchange::<16>(rows, 0x0000_ffff_0000_ffff);
    exchange::<8>(rows, 0x00ff_00ff_00ff_00ff);
    exchange::<4>(rows, 0x0f0f_0f0f_0f0f_0f0f);
    exchange::<2>(rows, 0x3333_3333_3333_3333);
    exchange::<1>(rows, 0x5555_5555_5555_5555);
}

/// Exchanges the upper right with the lower left quarter of every square of `2 * SIZE`.
#[inline(always)]
fn exchange<const SIZE: usize>(rows: &mut [u64; 64], mask: u64) {
    for square in rows.chunks_exact_mut(2 * SIZE) {
        let (above, below) = square.split_at_mut(SIZE);
        for (above, below) in above.iter_mut().zip(below) {
            let difference = (*above >> SIZE ^ *below) & mask;
            *above ^= difference << SIZE;
            *below ^= difference;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm512_cmpneq_epi8_mask, _mm512_loadu_si512,
    };

    use super::{Tile, times};
    use crate::samples::Line;

    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn changes_avx512(tile: &Tile, count: usize) -> Option<[u64; 64]> {
        times(tile, count, |old: &Line, new: &Line| {
            // SAFETY: a line has the 64 bytes that are loaded.
            let (old, new) =
                unsafe { (_mm512_loadu_si512(old.0.as_ptr().cast()), _mm512_loadu_si512(new.0.as_ptr().cast())) };
            _mm512_cmpneq_epi8_mask(old, new)
        })
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn changes_avx2(tile: &Tile, count: usize) -> Option<[u64; 64]> {
        times(tile, count, |old: &Line, new: &Line| {
            let half = |at: usize| {
                // SAFETY: both halves of a line have the 32 bytes that are loaded.
                let (old, new) = unsafe {
                    (_mm256_loadu_si256(old.0[at..].as_ptr().cast()), _mm256_loadu_si256(new.0[at..].as_ptr().cast()))
                };
                u64::from(!_mm256_movemask_epi8(_mm256_cmpeq_epi8(old, new)).cast_unsigned())
            };
            half(0) | half(32) << 32
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;
    use crate::samples::Line;

    /// A tile in which a byte changes with a chance of one in `rarity`.
    fn random_tile(random: &mut SplitMix64, rarity: u64) -> Tile {
        let mut tile = [Line::ZERO; BATCH + 1];
        for row in 1..tile.len() {
            tile[row] = tile[row - 1];
            for byte in &mut tile[row].0 {
                if random.bits().is_multiple_of(rarity) {
                    *byte = random.bits() as u8;
                }
            }
        }
        tile
    }

    #[test]
    fn every_way_finds_the_changes_that_a_plain_loop_finds() {
        let mut random = SplitMix64::new(1);
        for (rarity, count) in [(1, 64), (2, 64), (100, 64), (3, 17), (1, 1), (100_000_000, 64)] {
            let tile = random_tile(&mut random, rarity);
            let mut expected = [0_u64; 64];
            for time in 0..count {
                for (byte, mask) in expected.iter_mut().enumerate() {
                    *mask |= u64::from(tile[time].0[byte] != tile[time + 1].0[byte]) << time;
                }
            }
            let expected = expected.iter().any(|&mask| mask != 0).then_some(expected);
            assert_eq!(changes(&tile, count), expected, "rarity {rarity}");
            assert_eq!(portable(&tile, count), expected, "rarity {rarity}");
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has the feature.
                assert_eq!(unsafe { x86::changes_avx2(&tile, count) }, expected, "rarity {rarity}");
            }
        }
    }
}
