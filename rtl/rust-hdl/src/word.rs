//! rust-hdl values as machine words.

use rust_hdl_core::prelude::{Bits, Signed, Synth, signed_cast, unsigned_cast};

/// A rust-hdl type of at most 64 bits as a word: its bits, zero above.
pub trait Word: Synth {
    /// The value with the low bits of `word`.
    fn from_word(word: u64) -> Self;
    /// The bits of the value.
    fn to_word(self) -> u64;
}

impl Word for bool {
    fn from_word(word: u64) -> bool {
        word & 1 == 1
    }
    fn to_word(self) -> u64 {
        u64::from(self)
    }
}

impl<const N: usize> Word for Bits<N> {
    fn from_word(word: u64) -> Bits<N> {
        Bits::from(if N < 64 { word & ((1 << N) - 1) } else { word })
    }
    fn to_word(self) -> u64 {
        self.to_u64()
    }
}

impl<const N: usize> Word for Signed<N> {
    fn from_word(word: u64) -> Signed<N> {
        signed_cast(Bits::from_word(word))
    }
    fn to_word(self) -> u64 {
        unsigned_cast(self).to_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_are_inverse() {
        for word in [0, 1, 0x7f, 0x80, 0xff] {
            assert_eq!(Bits::<8>::from_word(word).to_word(), word);
            assert_eq!(Signed::<8>::from_word(word).to_word(), word);
        }
        assert_eq!(Bits::<64>::from_word(u64::MAX).to_word(), u64::MAX);
        assert_eq!(Signed::<48>::from_word(u64::MAX).to_word(), (1 << 48) - 1);
        assert!(bool::from_word(3));
    }
}
