//! Values that change in most cycles, many at a time: what a busy datapath costs in a wave file.
//!
//! Where a value stands in a line, the 64 samples of a batch are 64 bytes apart. The line is
//! transposed once, four bytes at a time, so that the samples of each of its 16 words lie side by
//! side; a vector then makes 16 changes at once from a value's word, drops the samples that are
//! none, and packs what is left. It needs AVX-512 (F, BW and CD), BMI2 and POPCNT; without it there are no `Words`.

use super::encode::List;
use crate::samples::Tile;

/// Bytes after the changes that may be overwritten.
const OVERRUN: usize = 80;

/// Samples that must change for vectors to be worth it.
const ONES_MIN: u32 = 6;

/// The 16 words of four bytes of a line over the 64 samples of a batch.
pub(super) struct Words {
    #[cfg(target_arch = "x86_64")]
    words: Box<x86::Square>,
}

/// A value within the words: its first byte in the line, and its bits.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) width: u32,
}

impl Words {
    /// `None` if the processor cannot.
    pub(super) fn new() -> Option<Words> {
        #[cfg(target_arch = "x86_64")]
        if x86::is_able() {
            return Some(Words { words: Box::new(x86::Square::ZERO) });
        }
        None
    }

    /// Whether [`Words::append`] takes changes of values of `width` bits in a batch whose sample 0 is
    /// cycle `first` of the block: each must follow the one before so soon that a byte says when.
    #[inline]
    pub(super) fn suit(width: u32, mask: u64, list: &List, first: u32) -> bool {
        if width > 32 || mask.count_ones() < ONES_MIN {
            return false;
        }
        let (near, cycles) =
            if width == 1 { (within(mask, [1, 2, 4, 7]), 16) } else { (within(mask, [1, 2, 4, 8, 15]), 32) };
        (mask & (mask - 1)) & !(near << 1) == 0 && list.since(first + mask.trailing_zeros()) < cycles
    }

    /// Takes the samples of a line.
    pub(super) fn fill(&mut self, tile: &Tile) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the features were found when this was made.
        unsafe {
            x86::fill(&mut self.words, tile);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = tile;
    }

    /// Appends the values at all samples of a mask.
    #[inline]
    pub(super) fn append(&self, list: &mut List, place: Place, mask: u64, first: u32) {
        let size = size(place.width);
        let distance = list.since(first + mask.trailing_zeros());
        let room = list.room(mask.count_ones() as usize * size + OVERRUN);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the features were found when this was made.
        unsafe {
            x86::encode(&self.words, place, mask, room);
        }
        // There are two entries of the time table in a cycle, and one bit is beside the distance.
        room[0] = if place.width == 1 { room[0] & 0b10 | (distance << 3) as u8 } else { (distance << 2) as u8 };
        list.advance(mask.count_ones() as usize * size, first + mask.ilog2());
    }
}

/// Ones, and the zeros that follow them by up to the sum of the distances.
fn within<const N: usize>(ones: u64, distances: [u32; N]) -> u64 {
    distances.into_iter().fold(ones, |near, distance| near | near << distance)
}

/// Bytes of a change of a value of `width` bits.
fn size(width: u32) -> usize {
    if width == 1 { 1 } else { 1 + width.div_ceil(8) as usize }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Place, size};
    use crate::samples::{BATCH, Tile};

    /// Words by position in the line, then by sample.
    #[repr(align(64))]
    pub(super) struct Square([[u32; BATCH]; 16]);

    impl Square {
        pub(super) const ZERO: Square = Square([[0; BATCH]; 16]);
    }

    pub(super) fn is_able() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
    }

    /// Exchanges samples and words, 16 samples at a time: pairs of rows, pairs of those, then quarters.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,bmi2,popcnt")]
    pub(super) fn fill(square: &mut Square, tile: &Tile) {
        for quarter in 0..4 {
            let row = |sample: usize| {
                // SAFETY: a line has the 64 bytes that are loaded.
                unsafe { _mm512_loadu_si512(tile[1 + quarter * 16 + sample].0.as_ptr().cast()) }
            };
            let zero = _mm512_setzero_si512();
            let (mut pairs, mut fours) = ([zero; 16], [zero; 16]);
            for index in 0..8 {
                let (one, other) = (row(2 * index), row(2 * index + 1));
                pairs[2 * index] = _mm512_unpacklo_epi32(one, other);
                pairs[2 * index + 1] = _mm512_unpackhi_epi32(one, other);
            }
            for index in 0..4 {
                for half in 0..2 {
                    let (one, other) = (pairs[4 * index + half], pairs[4 * index + half + 2]);
                    fours[4 * index + 2 * half] = _mm512_unpacklo_epi64(one, other);
                    fours[4 * index + 2 * half + 1] = _mm512_unpackhi_epi64(one, other);
                }
            }
            // A vector of fours has, in each of its quarters, four samples of one word.
            for word in 0..4 {
                let even = |one, other| _mm512_shuffle_i32x4::<0x88>(one, other);
                let odd = |one, other| _mm512_shuffle_i32x4::<0xdd>(one, other);
                let [a, b, c, d] = [fours[word], fours[4 + word], fours[8 + word], fours[12 + word]];
                let (even_ab, even_cd, odd_ab, odd_cd) = (even(a, b), even(c, d), odd(a, b), odd(c, d));
                let words = [even(even_ab, even_cd), even(odd_ab, odd_cd), odd(even_ab, even_cd), odd(odd_ab, odd_cd)];
                for (line, samples) in words.into_iter().enumerate() {
                    let to = &mut square.0[4 * line + word][16 * quarter..][..16];
                    // SAFETY: 16 words of four bytes are the 64 that are stored.
                    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), samples) };
                }
            }
        }
    }

    /// Writes the changes of a value at all samples of a mask. Each takes a byte for the distance, which
    /// the first has to be told, and those of the value; one bit is in the byte of the distance. Up to `OVERRUN` bytes more are overwritten.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,bmi2,popcnt")]
    pub(super) fn encode(square: &Square, place: Place, mask: u64, room: &mut [u8]) {
        let size = size(place.width);
        let samples = &square.0[place.at / 4];
        let down = _mm_cvtsi32_si128(place.at as i32 % 4 * 8);
        let up = _mm_cvtsi32_si128(32 - place.width as i32);
        // In each word: a byte for the distance, then the bytes of the value, the highest first.
        let order = _mm512_broadcast_i32x4(_mm_set_epi32(0x0d0e_0f80, 0x090a_0b80, 0x0506_0780, 0x0102_0380));
        let mut end = 0;
        for quarter in 0..4 {
            let chosen = (mask >> (16 * quarter)) as u16;
            if chosen == 0 {
                continue;
            }
            // SAFETY: 16 words of four bytes are the 64 that are loaded.
            let held = unsafe { _mm512_loadu_si512(samples[16 * quarter..][..16].as_ptr().cast()) };
            let value = _mm512_sll_epi32(_mm512_srl_epi32(held, down), up);
            let distances = if mask == u64::MAX { _mm512_set1_epi32(1 << 2) } else { distances(mask, quarter) };
            let chosen_of = |words| {
                if chosen == u16::MAX { words } else { _mm512_maskz_compress_epi32(chosen, words) }
            };
            let changes = chosen.count_ones() as usize;
            if size == 5 {
                five_bytes(chosen_of(value), chosen_of(distances), &mut room[end..][..80]);
            } else {
                let words = if size == 1 {
                    _mm512_or_si512(_mm512_srli_epi32::<30>(value), _mm512_slli_epi32::<1>(distances))
                } else {
                    _mm512_or_si512(_mm512_shuffle_epi8(value, order), distances)
                };
                let words = chosen_of(words);
                let to = &mut room[end..][..64];
                // SAFETY: 64 bytes are there.
                unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), packed(words, size)) };
            }
            end += changes * size;
        }
    }

    /// The lowest byte of each distance, then the value, the highest byte first.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,bmi2,popcnt")]
    fn five_bytes(values: __m512i, distances: __m512i, to: &mut [u8]) {
        // Of each four changes, 20 bytes, all but the last four.
        let value_order = _mm_set_epi8(-128, 8, 9, 10, 11, -128, 4, 5, 6, 7, -128, 0, 1, 2, 3, -128);
        let distance_order = _mm_set_epi8(12, -1, -1, -1, -1, 8, -1, -1, -1, -1, 4, -1, -1, -1, -1, 0);
        let first = _mm512_or_si512(
            _mm512_shuffle_epi8(values, _mm512_broadcast_i32x4(value_order)),
            _mm512_shuffle_epi8(distances, _mm512_broadcast_i32x4(distance_order)),
        );
        let (mut firsts, mut lasts) = ([0_u8; 64], [0_u32; 16]);
        // SAFETY: both have 64 bytes.
        unsafe {
            _mm512_storeu_si512(firsts.as_mut_ptr().cast(), first);
            _mm512_storeu_si512(lasts.as_mut_ptr().cast(), values);
        }
        for (four, to) in to.chunks_exact_mut(20).enumerate() {
            to[..16].copy_from_slice(&firsts[16 * four..][..16]);
            to[16..].copy_from_slice(&lasts[4 * four + 3].to_be_bytes());
        }
    }

    /// For each of 16 samples, the entries of the time table since the last one in the mask, doubled;
    /// any byte for the first.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,bmi2,popcnt")]
    fn distances(mask: u64, quarter: usize) -> __m512i {
        let half = |first: usize| {
            let first = (16 * quarter + first) as i64;
            let sample = _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
            let before =
                _mm512_sllv_epi64(_mm512_set1_epi64(mask as i64), _mm512_sub_epi64(_mm512_set1_epi64(64), sample));
            // There are two entries of the time table in a cycle.
            let cycles = _mm512_add_epi64(_mm512_lzcnt_epi64(before), _mm512_set1_epi64(1));
            _mm512_cvtepi64_epi32(_mm512_slli_epi64::<2>(cycles))
        };
        let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half(0)), half(8));
        _mm512_and_si512(both, _mm512_set1_epi32(0xff))
    }

    /// The lowest `size` bytes of each word, one after another.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,bmi2,popcnt")]
    fn packed(words: __m512i, size: usize) -> __m512i {
        match size {
            1 => _mm512_zextsi128_si512(_mm512_cvtepi32_epi8(words)),
            2 => _mm512_zextsi256_si512(_mm512_cvtepi32_epi16(words)),
            3 => {
                // Three words of each four first, then together.
                let order = _mm512_broadcast_i32x4(_mm_set_epi32(-1, 0x0e0d_0c0a, 0x0908_0605, 0x0402_0100));
                let together = _mm512_set_epi32(15, 15, 15, 15, 14, 13, 12, 10, 9, 8, 6, 5, 4, 2, 1, 0);
                _mm512_permutexvar_epi32(together, _mm512_shuffle_epi8(words, order))
            }
            _ => words,
        }
    }
}
