//! Widths of integers, as types, so that a precision is never taken for a shift.

use crate::Error;

/// Width in bits of a symmetric signed integer, 1 to 32.
///
/// **Numbers**: a value of precision `p` lies in `[-(2^(p-1)-1), 2^(p-1)-1]`; the most negative
/// two's complement value is never used. Precision 1 holds only 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Precision(u8);

impl Precision {
    /// The precision of `bits` bits.
    ///
    /// **Errors**: [`Error::Precision`] outside 1 to 32.
    pub fn new(bits: i64) -> Result<Precision, Error> {
        if (1..=32).contains(&bits) { Ok(Precision(bits as u8)) } else { Err(Error::Precision { bits }) }
    }

    /// The width in bits, 1 to 32.
    pub fn bits(self) -> u32 {
        u32::from(self.0)
    }

    /// The largest value, `2^(p-1)-1`; the smallest is its negative.
    pub fn value_max(self) -> i32 {
        ((1i64 << (self.bits() - 1)) - 1) as i32
    }

    /// `x` limited to `[-value_max, value_max]`.
    pub fn clip(self, x: i32) -> i32 {
        let max = self.value_max();
        if x > max {
            max
        } else if x < -max {
            -max
        } else {
            x
        }
    }
}

/// Distance of a shift in bits, 1 to 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShiftBits(u8);

impl ShiftBits {
    /// A shift by `bits` bits.
    ///
    /// **Errors**: [`Error::Shift`] outside 1 to 32.
    pub fn new(bits: i64) -> Result<ShiftBits, Error> {
        if (1..=32).contains(&bits) { Ok(ShiftBits(bits as u8)) } else { Err(Error::Shift { bits }) }
    }

    /// The distance in bits, 1 to 32.
    pub fn bits(self) -> u32 {
        u32::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_symmetric_at_both_ends() {
        assert_eq!(Precision::new(1).unwrap().value_max(), 0);
        assert_eq!(Precision::new(8).unwrap().value_max(), 127);
        assert_eq!(Precision::new(32).unwrap().value_max(), i32::MAX);
        assert_eq!(Precision::new(32).unwrap().clip(i32::MIN), -i32::MAX);
        assert_eq!(Precision::new(1).unwrap().clip(-5), 0);
    }

    #[test]
    fn widths_outside_1_to_32_are_refused() {
        for bits in [-1, 0, 33, i64::MIN, i64::MAX] {
            assert!(matches!(Precision::new(bits), Err(Error::Precision { .. })));
            assert!(matches!(ShiftBits::new(bits), Err(Error::Shift { .. })));
        }
    }
}
