//! Functions of one value that the drain can do in one go, and the ranges they leave.

use core::fmt;

/// All integers from `low` to `high`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Least.
    pub low: i64,
    /// Greatest; at least `low`.
    pub high: i64,
}

impl Interval {
    /// From `-limit` to `limit`.
    pub const fn symmetric(limit: i64) -> Interval {
        Interval { low: -limit, high: limit }
    }

    /// Whether every value of `self` is in `other`.
    pub const fn within(self, other: Interval) -> bool {
        other.low <= self.low && self.high <= other.high
    }

    /// The least interval with both.
    pub const fn union(self, other: Interval) -> Interval {
        let low = if self.low < other.low { self.low } else { other.low };
        let high = if self.high > other.high { self.high } else { other.high };
        Interval { low, high }
    }

    /// Fewest bits of a two's complement number that hold it.
    pub const fn bits(self) -> u32 {
        let magnitude = (self.low ^ (self.low >> 63)) | (self.high ^ (self.high >> 63));
        65 - magnitude.leading_zeros()
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.low, self.high)
    }
}

/// All 32-bit values.
pub const INT32: Interval = Interval { low: i32::MIN as i64, high: i32::MAX as i64 };

/// `clamp(round(v / 2^shift), low, high)`, halves rounded toward +infinity: all that relu, clips
/// and one right shift in any order come to, because each is monotone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requantise {
    /// Bits shifted right, 0 to 30.
    pub shift: u8,
    /// Least result.
    pub low: i64,
    /// Greatest result.
    pub high: i64,
}

/// Why a right shift cannot join a [`Requantise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShiftFault {
    /// There already is one, and rounding twice is not rounding once.
    Second,
    /// The chain's device wraps at 32 bits for some value in range.
    Wraps,
}

impl Requantise {
    /// Changes no 32-bit value.
    pub const IDENTITY: Requantise = Requantise { shift: 0, low: INT32.low, high: INT32.high };

    /// The result for `value`.
    pub fn apply(&self, value: i64) -> i64 {
        round_shift(value, self.shift).clamp(self.low, self.high)
    }

    /// The least interval with all results for values in `range`.
    pub fn range(&self, range: Interval) -> Interval {
        Interval { low: self.apply(range.low), high: self.apply(range.high) }
    }

    /// This, then a clamp to `low..=high`.
    pub(crate) fn then_clamp(self, low: i64, high: i64) -> Requantise {
        Requantise { shift: self.shift, low: self.low.clamp(low, high), high: self.high.clamp(low, high) }
    }

    /// This on values in `range`, then the chain's `cvm_right_shift`, as its CPU device does it:
    /// precision 1 gives 0; from shift 31 it is `v >> 31`; when precision + shift is 32 or more
    /// there is no clip.
    pub(crate) fn then_right_shift(self, precision: u8, shift: u8, range: Interval) -> Result<Requantise, ShiftFault> {
        if precision == 1 {
            return Ok(self.then_clamp(0, 0));
        }
        if shift >= 31 {
            // -1 for the negative, 0 for the others.
            return Ok(self.then_clamp(-1, 0));
        }
        if self.shift != 0 {
            return Err(ShiftFault::Second);
        }
        let shifted = Requantise { shift, low: round_shift(self.low, shift), high: round_shift(self.high, shift) };
        if u32::from(precision) + u32::from(shift) >= 32 {
            // Only shift 1 can wrap: the sum with 1 is below 2^31 from shift 2.
            let wraps = shift == 1 && self.range(range).high == INT32.high;
            return if wraps { Err(ShiftFault::Wraps) } else { Ok(shifted) };
        }
        let limit = (1i64 << (precision - 1)) - 1;
        Ok(shifted.then_clamp(-limit, limit))
    }
}

fn round_shift(value: i64, shift: u8) -> i64 {
    if shift == 0 { value } else { ((value >> (shift - 1)) + 1) >> 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_twos_complement() {
        let bits = |low, high| Interval { low, high }.bits();
        assert_eq!([bits(0, 0), bits(-1, 0), bits(0, 1), bits(-128, 127), bits(-129, 0)], [1, 1, 2, 8, 9]);
        assert_eq!(INT32.bits(), 32);
    }

    #[test]
    fn a_clip_before_a_shift_is_a_clip_after_it() {
        let joined = Requantise::IDENTITY.then_clamp(-100, 77).then_right_shift(8, 3, INT32).unwrap();
        let later = joined.then_clamp(0, 8);
        for value in -300i64..300 {
            let expected = ((value.clamp(-100, 77) >> 2) + 1) >> 1;
            assert_eq!(joined.apply(value), expected);
            assert_eq!(later.apply(value), expected.clamp(0, 8));
        }
    }

    #[test]
    fn the_devices_corners_are_followed() {
        let id = Requantise::IDENTITY;
        assert_eq!(id.then_right_shift(1, 5, INT32).unwrap().apply(1 << 20), 0);
        let sign = id.then_right_shift(8, 31, INT32).unwrap();
        assert_eq!([-5, 0, 7].map(|v| sign.apply(v)), [-1, 0, 0]);
        // Not clipped: one beyond the 16-bit range.
        assert_eq!(id.then_right_shift(16, 16, INT32).unwrap().apply(i64::from(i32::MAX)), 32768);
        assert_eq!(id.then_right_shift(31, 1, INT32), Err(ShiftFault::Wraps));
        assert!(id.then_right_shift(31, 1, Interval { low: -9, high: 9 }).is_ok());
        let shifted = id.then_right_shift(8, 3, INT32).unwrap();
        assert_eq!(shifted.then_right_shift(8, 3, INT32), Err(ShiftFault::Second));
    }
}
