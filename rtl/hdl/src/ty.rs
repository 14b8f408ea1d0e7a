//! The type of a value: its width and its sign.

use std::fmt;

/// The widest value, in bits: one machine word of the simulator.
pub const MAX_WIDTH: u32 = 64;

/// Width (1 to [`MAX_WIDTH`] bits) and sign (two's complement when signed) of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ty {
    width: u8,
    signed: bool,
}

/// An unsigned value of `width` bits.
///
/// # Panics
/// If `width` is not in 1..=64.
#[track_caller]
pub const fn u(width: u32) -> Ty {
    Ty::new(width, false)
}

/// A signed (two's complement) value of `width` bits.
///
/// # Panics
/// If `width` is not in 1..=64.
#[track_caller]
pub const fn s(width: u32) -> Ty {
    Ty::new(width, true)
}

impl Ty {
    /// One bit: control signals and conditions.
    pub const BIT: Ty = u(1);

    #[track_caller]
    const fn new(width: u32, signed: bool) -> Ty {
        assert!(width >= 1 && width <= MAX_WIDTH, "a value is 1 to 64 bits wide");
        Ty { width: width as u8, signed }
    }

    /// The narrowest type that holds `value`.
    pub fn of_value(value: i64) -> Ty {
        if value >= 0 { u((64 - value.leading_zeros()).max(1)) } else { s(65 - value.leading_ones()) }
    }

    /// The narrowest type that holds every integer from `low` to `high`, or `None` above 64 bits.
    pub fn of_range(low: i128, high: i128) -> Option<Ty> {
        let bits_of = |value: i128| 128 - (if value < 0 { !value } else { value }).leading_zeros();
        let magnitude = bits_of(low).max(bits_of(high));
        let width = if low < 0 { magnitude + 1 } else { magnitude.max(1) };
        (width <= MAX_WIDTH).then(|| Ty::new(width, low < 0))
    }

    /// The narrowest type that holds every value of both.
    pub fn common(self, other: Ty) -> Option<Ty> {
        Ty::of_range(self.min().min(other.min()), self.max().max(other.max())).map(|ty| {
            // An all-unsigned pair stays at its own width even where the range would fit less.
            Ty { width: ty.width.max(self.width).max(other.width), signed: ty.signed }
        })
    }

    /// Width in bits, 1 to 64.
    pub const fn width(self) -> u32 {
        self.width as u32
    }

    /// Whether bit `width - 1` is a sign.
    pub const fn is_signed(self) -> bool {
        self.signed
    }

    /// The smallest value.
    pub const fn min(self) -> i128 {
        if self.signed { -(1 << (self.width - 1)) } else { 0 }
    }

    /// The largest value.
    pub const fn max(self) -> i128 {
        if self.signed { (1 << (self.width - 1)) - 1 } else { (1 << self.width) - 1 }
    }

    /// Whether every value of `other` is a value of `self`.
    pub const fn contains(self, other: Ty) -> bool {
        self.min() <= other.min() && other.max() <= self.max()
    }

    /// The `width` low bits set.
    pub const fn mask(self) -> u64 {
        u64::MAX >> (MAX_WIDTH - self.width())
    }

    /// The bit pattern of `value`: its low `width` bits, zero above.
    pub const fn bits_of(self, value: i64) -> u64 {
        value as u64 & self.mask()
    }

    /// The integer that the low `width` bits of `bits` stand for.
    pub const fn value_of(self, bits: u64) -> i128 {
        let bits = bits & self.mask();
        if self.signed && bits >> (self.width - 1) == 1 { bits as i128 - (1 << self.width) } else { bits as i128 }
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.signed { "s" } else { "u" }, self.width)
    }
}

impl fmt::Debug for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_get_the_narrowest_type() {
        for (value, ty) in
            [(0, u(1)), (1, u(1)), (2, u(2)), (255, u(8)), (-1, s(1)), (-2, s(2)), (-128, s(8)), (-129, s(9))]
        {
            assert_eq!(Ty::of_value(value), ty, "{value}");
        }
        assert_eq!(Ty::of_value(i64::MIN), s(64));
    }

    #[test]
    fn the_common_type_holds_both() {
        assert_eq!(u(8).common(s(8)), Some(s(9)));
        assert_eq!(u(3).common(u(5)), Some(u(5)));
        assert_eq!(s(3).common(u(1)), Some(s(3)));
        assert_eq!(u(64).common(s(1)), None);
    }

    #[test]
    fn bits_and_values_are_inverse() {
        for ty in [u(1), s(1), u(7), s(7), u(64), s(64)] {
            for value in [ty.min(), ty.max(), 0] {
                assert_eq!(ty.value_of(ty.bits_of(value as i64)), value, "{ty} {value}");
            }
        }
    }
}
