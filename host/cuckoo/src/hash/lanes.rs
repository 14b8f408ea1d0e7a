//! Vectors of 64-bit words.

/// A vector of words on which a hash is computed.
///
/// **Safety** of every method: the instructions of the vector's path were detected, and the caller is
/// compiled for them, so that all is inlined into it.
pub(super) trait Lanes: Copy {
    /// Words in a vector.
    const COUNT: usize;
    /// The word in every lane.
    unsafe fn splat(word: u64) -> Self;
    /// The words from here on; also **safety**: there are as many.
    unsafe fn load(from: *const u64) -> Self;
    /// Writes the words; also **safety**: there is room.
    unsafe fn store(self, to: *mut u64);
    /// Wrapping sum.
    unsafe fn add(self, other: Self) -> Self;
    /// Exclusive or.
    unsafe fn xor(self, other: Self) -> Self;
    /// And.
    unsafe fn and(self, other: Self) -> Self;
    /// Or.
    unsafe fn or(self, other: Self) -> Self;
    /// Rotation to the left by LEFT bits; RIGHT is 64 - LEFT.
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> Self;
    /// Shift to the left.
    unsafe fn shift_left<const BITS: i32>(self) -> Self;
}

impl Lanes for u64 {
    const COUNT: usize = 1;
    #[inline(always)]
    unsafe fn splat(word: u64) -> u64 {
        word
    }
    #[inline(always)]
    unsafe fn load(from: *const u64) -> u64 {
        // SAFETY: the trait's contract.
        unsafe { *from }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut u64) {
        // SAFETY: the trait's contract.
        unsafe { *to = self }
    }
    #[inline(always)]
    unsafe fn add(self, other: u64) -> u64 {
        self.wrapping_add(other)
    }
    #[inline(always)]
    unsafe fn xor(self, other: u64) -> u64 {
        self ^ other
    }
    #[inline(always)]
    unsafe fn and(self, other: u64) -> u64 {
        self & other
    }
    #[inline(always)]
    unsafe fn or(self, other: u64) -> u64 {
        self | other
    }
    #[inline(always)]
    unsafe fn rotate<const LEFT: i32, const RIGHT: i32>(self) -> u64 {
        self.rotate_left(LEFT as u32)
    }
    #[inline(always)]
    unsafe fn shift_left<const BITS: i32>(self) -> u64 {
        self << BITS
    }
}

/// Implements [`Lanes`] by intrinsics.
#[cfg(target_arch = "x86_64")]
macro_rules! lanes_of_intrinsics {
    ($vector:ty, $count:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $xor:ident, $and:ident, $or:ident,
     $shift:ident, |$x:ident, $left:ident, $right:ident| $rotate:expr) => {
        impl Lanes for $vector {
            const COUNT: usize = $count;
            #[inline(always)]
            unsafe fn splat(word: u64) -> Self {
                // SAFETY: the trait's contract.
                unsafe { $splat(word as i64) }
            }
            #[inline(always)]
            unsafe fn load(from: *const u64) -> Self {
                // SAFETY: the trait's contract.
                unsafe { $load(from.cast()) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut u64) {
                // SAFETY: the trait's contract.
                unsafe { $store(to.cast(), self) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: the trait's contract.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn xor(self, other: Self) -> Self {
                // SAFETY: the trait's contract.
                unsafe { $xor(self, other) }
            }
            #[inline(always)]
            unsafe fn and(self, other: Self) -> Self {
                // SAFETY: the trait's contract.
                unsafe { $and(self, other) }
            }
            #[inline(always)]
            unsafe fn or(self, other: Self) -> Self {
                // SAFETY: the trait's contract.
                unsafe { $or(self, other) }
            }
            #[inline(always)]
            unsafe fn rotate<const $left: i32, const $right: i32>(self) -> Self {
                let $x = self;
                // SAFETY: the trait's contract.
                unsafe { $rotate }
            }
            #[inline(always)]
            unsafe fn shift_left<const BITS: i32>(self) -> Self {
                // SAFETY: the trait's contract.
                unsafe { $shift::<BITS>(self) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    lanes_of_intrinsics!(
        __m512i,
        8,
        _mm512_set1_epi64,
        _mm512_loadu_si512,
        _mm512_storeu_si512,
        _mm512_add_epi64,
        _mm512_xor_si512,
        _mm512_and_si512,
        _mm512_or_si512,
        shift512,
        |x, LEFT, RIGHT| _mm512_rol_epi64::<LEFT>(x)
    );
    lanes_of_intrinsics!(
        __m256i,
        4,
        _mm256_set1_epi64x,
        _mm256_loadu_si256,
        _mm256_storeu_si256,
        _mm256_add_epi64,
        _mm256_xor_si256,
        _mm256_and_si256,
        _mm256_or_si256,
        _mm256_slli_epi64,
        |x, LEFT, RIGHT| rotate256::<LEFT, RIGHT>(x)
    );

    #[inline(always)]
    unsafe fn shift512<const BITS: i32>(x: __m512i) -> __m512i {
        // SAFETY: the trait's contract.
        unsafe { _mm512_sll_epi64(x, _mm_cvtsi32_si128(BITS)) }
    }

    #[inline(always)]
    unsafe fn rotate256<const LEFT: i32, const RIGHT: i32>(x: __m256i) -> __m256i {
        // SAFETY: the trait's contract.
        unsafe {
            match LEFT {
                // Whole bytes are moved in one instruction.
                32 => _mm256_shuffle_epi32::<0b10_11_00_01>(x),
                16 => {
                    let half = _mm_setr_epi8(6, 7, 0, 1, 2, 3, 4, 5, 14, 15, 8, 9, 10, 11, 12, 13);
                    _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(half))
                }
                _ => _mm256_or_si256(_mm256_slli_epi64::<LEFT>(x), _mm256_srli_epi64::<RIGHT>(x)),
            }
        }
    }
}
