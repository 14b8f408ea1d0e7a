//! Requantisation and clipping: the consensus rounding rule, stated once.

use crate::{Error, Precision, ShiftBits, Tensor};

/// One value brought from an accumulator back to `precision` bits: the chain's rounding rule.
///
/// **Numbers**: `t = ((x >> (shift-1)) + 1) >> 1`, arithmetic, that is `x / 2^shift` rounded to
/// nearest with halves toward +infinity; then limited to `[-(2^(p-1)-1), 2^(p-1)-1]`. The official
/// CPU device departs from that rule in three corners, and the law follows it there:
/// - precision 1 holds only 0, whatever the shift;
/// - `shift >= 31`: the answer is `x >> 31`, so -1 for negative values and 0 otherwise;
/// - `precision + shift >= 32`: the value is **not** limited, so `requantise(i32::MAX, 16, 16)` is
///   32768, one above the 16-bit range. With shift 1 the `+ 1` wraps at 32 bits here.
///
/// **Source**: cvm-runtime b5a2518, `cvm_right_shift` on the CPU device.
pub fn requantise(x: i32, shift: ShiftBits, precision: Precision) -> i32 {
    let distance = shift.bits();
    if precision.bits() == 1 {
        return 0;
    }
    if distance >= 31 {
        return x >> 31;
    }
    if precision.bits() + distance >= 32 {
        return (x >> (distance - 1)).wrapping_add(1) >> 1;
    }
    let rounded = ((i64::from(x) >> (distance - 1)) + 1) >> 1;
    let max = i64::from(precision.value_max());
    rounded.clamp(-max, max) as i32
}

/// [`requantise`] of every element.
pub fn cvm_right_shift(x: &Tensor, shift: ShiftBits, precision: Precision) -> Result<Tensor, Error> {
    map(x, |value| requantise(value, shift, precision))
}

/// Always fails: the official CPU device mistakes this operator's attributes for a string and
/// throws, so no chain has ever run it.
///
/// **Errors**: [`Error::NotOnCpu`], always.
pub fn cvm_left_shift(x: &Tensor, _shift: ShiftBits, _precision: Precision) -> Result<Tensor, Error> {
    x.check()?;
    Err(Error::NotOnCpu { operator: "cvm_left_shift" })
}

/// Every element limited to `[-(2^(p-1)-1), 2^(p-1)-1]`.
pub fn cvm_clip(x: &Tensor, precision: Precision) -> Result<Tensor, Error> {
    map(x, |value| precision.clip(value))
}

/// The range of [`clip`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipRange {
    min: i32,
    max: i32,
}

impl ClipRange {
    /// The range from `a_min` to `a_max`, both inclusive.
    ///
    /// **Errors**: [`Error::AttributeValue`] unless `a_min < a_max` and neither is `i32::MIN`.
    pub fn new(a_min: i32, a_max: i32) -> Result<ClipRange, Error> {
        let limit = i64::from(i32::MAX);
        super::check_attribute("clip", "a_max", -limit..=limit, i64::from(a_max))?;
        super::check_attribute("clip", "a_min", -limit..=limit, i64::from(a_min))?;
        if a_min < a_max {
            return Ok(ClipRange { min: a_min, max: a_max });
        }
        Err(Error::AttributeValue {
            operator: "clip",
            attribute: "a_min",
            rule: "must be less than a_max",
            found: i64::from(a_min),
        })
    }

    /// The greater of the two ends' magnitudes.
    pub fn magnitude_max(self) -> i64 {
        i64::from(self.min).abs().max(i64::from(self.max).abs())
    }
}

/// Every element limited to `range`.
pub fn clip(x: &Tensor, range: ClipRange) -> Result<Tensor, Error> {
    map(x, |value| value.min(range.max).max(range.min))
}

pub(super) fn map(x: &Tensor, f: impl Fn(i32) -> i32) -> Result<Tensor, Error> {
    x.check()?;
    Ok(Tensor { shape: x.shape.clone(), data: x.data.iter().map(|&value| f(value)).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(x: i32, shift: i64, precision: i64) -> i32 {
        requantise(x, ShiftBits::new(shift).unwrap(), Precision::new(precision).unwrap())
    }

    #[test]
    fn rounds_halves_toward_plus_infinity() {
        let cases = [(3, 2), (1, 1), (-1, 0), (-3, -1), (-5, -2), (5, 3), (2, 1), (-2, -1)];
        for (x, expected) in cases {
            assert_eq!(rule(x, 1, 8), expected, "{x} / 2");
        }
        assert_eq!((rule(4, 3, 8), rule(-4, 3, 8), rule(-5, 3, 8)), (1, 0, -1));
    }

    #[test]
    fn limits_symmetrically() {
        assert_eq!((rule(i32::MAX, 7, 8), rule(i32::MIN, 7, 8)), (127, -127));
        assert_eq!((rule(i32::MAX, 1, 8), rule(i32::MIN, 1, 8)), (127, -127));
        assert_eq!((rule(i32::MAX - 1, 1, 30), rule(i32::MIN, 1, 30)), (536870911, -536870911));
        assert_eq!(rule(i32::MAX, 1, 30), 536870911);
        // 255 / 2 rounds to 128, which is above the range; -255 / 2 rounds to -127.
        assert_eq!((rule(255, 1, 8), rule(-255, 1, 8), rule(-257, 1, 8)), (127, -127, -127));
    }

    #[test]
    fn precision_one_gives_zero() {
        for shift in [1, 15, 30, 31, 32] {
            assert_eq!((rule(i32::MIN, shift, 1), rule(i32::MAX, shift, 1)), (0, 0));
        }
    }

    #[test]
    fn shifts_of_31_and_32_keep_only_the_sign() {
        for shift in [31, 32] {
            for precision in [2, 8, 32] {
                assert_eq!(rule(i32::MIN, shift, precision), -1);
                assert_eq!(rule(-1, shift, precision), -1);
                assert_eq!(rule(i32::MAX, shift, precision), 0);
            }
        }
    }

    #[test]
    fn wide_results_are_not_limited() {
        assert_eq!(rule(i32::MAX, 16, 16), 32768);
        assert_eq!(rule(i32::MAX, 24, 8), 128);
        assert_eq!(rule(i32::MIN, 24, 8), -128);
        assert_eq!((rule(i32::MAX, 30, 2), rule(i32::MIN, 30, 2)), (2, -2));
        // One less, and the limit holds again.
        assert_eq!((rule(i32::MAX, 15, 16), rule(i32::MIN, 23, 8)), (32767, -127));
        // Shift 1 into 31 or 32 bits: the added one wraps.
        assert_eq!((rule(i32::MAX, 1, 31), rule(i32::MAX, 1, 32)), (-(1 << 30), -(1 << 30)));
    }

    #[test]
    fn follows_the_device_s_compare_before_shift_everywhere() {
        // An independent statement of the limited branch: thresholds on x before any shift.
        for precision in 2..=30i64 {
            for shift in 1..=(31 - precision) {
                let max = (1i64 << (precision - 1)) - 1;
                let (low, high) = ((-2 * max - 1) << (shift - 1), (2 * max - 1) << (shift - 1));
                let edges = [low, high, 0, i64::from(i32::MIN), i64::from(i32::MAX)];
                for x in edges.iter().flat_map(|edge| edge - 2..=edge + 2) {
                    let Ok(x) = i32::try_from(x) else { continue };
                    let wide = i64::from(x);
                    let expected = if wide < low {
                        -max
                    } else if wide > high {
                        max
                    } else {
                        ((wide >> (shift - 1)) + 1) >> 1
                    };
                    assert_eq!(i64::from(rule(x, shift, precision)), expected, "{x} {shift} {precision}");
                }
            }
        }
    }

    #[test]
    fn left_shift_always_fails() {
        let x = Tensor::filled(&[1], 1).unwrap();
        let (shift, precision) = (ShiftBits::new(1).unwrap(), Precision::new(8).unwrap());
        assert!(matches!(cvm_left_shift(&x, shift, precision), Err(Error::NotOnCpu { .. })));
    }

    #[test]
    fn clips_to_either_kind_of_range() {
        let x = Tensor::new(vec![4], vec![i32::MIN, -5, 5, i32::MAX]).unwrap();
        let range = ClipRange::new(-3, 7).unwrap();
        assert_eq!(clip(&x, range).unwrap().data, [-3, -3, 5, 7]);
        assert_eq!(cvm_clip(&x, Precision::new(3).unwrap()).unwrap().data, [-3, -3, 3, 3]);
        for (a_min, a_max) in [(1, 1), (2, 1), (i32::MIN, 0)] {
            assert!(ClipRange::new(a_min, a_max).is_err());
        }
    }
}
