//! What is done to a result while it is in cache: a chain of operations on single elements.

use crate::view::{Element, Memory, View};
use std::sync::Arc;

/// Shift, round and clamp: `clamp(((x >> pre) + round) >> post, low, high)`.
///
/// **Numbers.** 32 bits; the addition wraps. Requantisation, rectifier and clips are all of this
/// form, and chains of them with a single shift are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    pub(crate) pre: u32,
    pub(crate) round: i32,
    pub(crate) post: u32,
    pub(crate) low: i32,
    pub(crate) high: i32,
}

impl Scale {
    /// Changes nothing.
    pub(crate) const IDENTITY: Scale = Scale::clamp(i32::MIN, i32::MAX);

    /// Limits to `low..=high`.
    pub(crate) const fn clamp(low: i32, high: i32) -> Self {
        Self { pre: 0, round: 0, post: 0, low, high }
    }

    /// The chain's requantisation, with the corners of its CPU device: precision 1 gives 0, shifts
    /// from 31 give the sign, and `precision + shift >= 32` is not clipped.
    pub(crate) fn requantise(precision: u8, shift: u8) -> Self {
        let (precision, shift) = (u32::from(precision), u32::from(shift));
        if precision == 1 {
            return Self::clamp(0, 0);
        }
        if shift >= 31 {
            return Self { pre: 31, ..Self::IDENTITY };
        }
        let rounded = Self { pre: shift - 1, round: 1, post: 1, ..Self::IDENTITY };
        if precision + shift >= 32 {
            return rounded;
        }
        let limit = myelin_graph::precision_limit(precision as u8);
        Self { low: -limit, high: limit, ..rounded }
    }

    /// Whether it only clamps.
    fn is_clamp(self) -> bool {
        (self.pre, self.round, self.post) == (0, 0, 0)
    }

    /// Whether adding the rounding bit can wrap, for some input.
    pub(crate) fn may_wrap(self) -> bool {
        self.pre == 0 && self.round != 0
    }

    fn shifted(self, x: i32) -> i32 {
        (x >> self.pre).wrapping_add(self.round) >> self.post
    }

    /// The result for one element.
    #[inline(always)]
    pub(crate) fn apply(self, x: i32) -> i32 {
        ((x >> self.pre).wrapping_add(self.round) >> self.post).max(self.low).min(self.high)
    }

    /// This and then `next` as one, if one can do it.
    pub(crate) fn then(self, next: Self) -> Option<Self> {
        let within = |x: i32| x.max(next.low).min(next.high);
        if next.is_clamp() {
            return Some(Self { low: within(self.low), high: within(self.high), ..self });
        }
        // A shift keeps the order, so a clamp before it is a clamp behind it; not if it may wrap.
        if self.is_clamp() && !next.may_wrap() {
            let (low, high) = (within(next.shifted(self.low)), within(next.shifted(self.high)));
            return Some(Self { low, high, ..next });
        }
        None
    }

    /// As [`Scale::then`], for elements below `i32::MAX`: then a rounding bit never wraps.
    pub(crate) fn then_below_max(self, next: Self) -> Option<Self> {
        if let Some(joined) = self.then(next) {
            return Some(joined);
        }
        let within = |x: i32| x.max(next.low).min(next.high);
        let last = self.high.min(i32::MAX - 1);
        let (low, high) = (self.low.min(last), last);
        let joined = Self { low: within(next.shifted(low)), high: within(next.shifted(high)), ..next };
        self.is_clamp().then_some(joined)
    }
}

/// One operation of a chain. Operands have the layout of the result.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    Scale(Scale),
    Add(View),
    /// The element less the operand.
    Subtract(View),
    /// The operand less the element.
    SubtractFrom(View),
    Abs,
    Negative,
    /// Bits of the magnitude, at least 1.
    Bits,
    /// Lookup with a clamped index.
    Table(Arc<[i32]>),
}

impl Stage {
    /// The operand in memory, if it has one.
    pub(crate) fn operand(&self) -> Option<&View> {
        match self {
            Self::Add(view) | Self::Subtract(view) | Self::SubtractFrom(view) => Some(view),
            _ => None,
        }
    }
}

/// Adds a stage to a chain, joined with the last one where that is the same; answers whether it was.
///
/// `below_max` says that no element that reaches the last stage is `i32::MAX`.
pub(crate) fn push(stages: &mut Vec<Stage>, stage: Stage, below_max: bool) -> bool {
    if let (Some(Stage::Scale(last)), Stage::Scale(next)) = (stages.last_mut(), &stage) {
        let joined = if below_max { last.then_below_max(*next) } else { last.then(*next) };
        if let Some(joined) = joined {
            *last = joined;
            return true;
        }
    }
    stages.push(stage);
    false
}

/// Applies a chain to elements that lie in row `row` of the result from element `within` on.
#[inline(always)]
pub(crate) fn apply(stages: &[Stage], values: &mut [i32], memory: Memory<'_>, row: usize, within: usize) {
    for stage in stages {
        match stage {
            Stage::Scale(scale) => {
                let scale = *scale;
                values.iter_mut().for_each(|v| *v = scale.apply(*v));
            }
            Stage::Add(view) => zip(values, view, memory, view.row_start(row) + within, i32::wrapping_add),
            Stage::Subtract(view) => zip(values, view, memory, view.row_start(row) + within, i32::wrapping_sub),
            Stage::SubtractFrom(view) => {
                zip(values, view, memory, view.row_start(row) + within, |v, other| other.wrapping_sub(v));
            }
            Stage::Abs => values.iter_mut().for_each(|v| *v = v.wrapping_abs()),
            Stage::Negative => values.iter_mut().for_each(|v| *v = v.wrapping_neg()),
            Stage::Bits => {
                values.iter_mut().for_each(|v| *v = (u32::BITS - v.unsigned_abs().leading_zeros()).max(1) as i32);
            }
            Stage::Table(table) => {
                let last = table.len() - 1;
                values.iter_mut().for_each(|v| *v = table[((*v).max(0) as usize).min(last)]);
            }
        }
    }
}

#[inline(always)]
fn zip(values: &mut [i32], view: &View, memory: Memory<'_>, start: usize, f: impl Fn(i32, i32) -> i32) {
    let buffer = memory.buffer(view);
    match view.element {
        Element::I8 => {
            let other = &buffer.bytes()[start..start + values.len()];
            let flip = memory.flip;
            values.iter_mut().zip(other).for_each(|(v, &b)| *v = f(*v, i32::from((b ^ flip) as i8)));
        }
        Element::I32 => {
            let other = &buffer.words()[start..start + values.len()];
            values.iter_mut().zip(other).for_each(|(v, &b)| *v = f(*v, b));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myelin_golden::{Precision, ShiftBits, ops};

    fn corners() -> Vec<i32> {
        let near = |x: i32| (-2..3).map(move |d| x.wrapping_add(d));
        let powers = (0..32).flat_map(|s| near(1i32.wrapping_shl(s)).chain(near((-1i32).wrapping_shl(s))));
        powers.chain(near(0)).collect()
    }

    #[test]
    fn requantisation_is_goldens_for_every_shift_and_precision() {
        for shift in 1..=32u8 {
            for precision in 1..=32u8 {
                let mut chain = Vec::new();
                let scale = Scale::requantise(precision, shift);
                if scale.may_wrap() && scale.high != i32::MAX {
                    push(&mut chain, Stage::Scale(Scale::clamp(i32::MIN, i32::MAX - 1)), false);
                }
                push(&mut chain, Stage::Scale(scale), false);
                let mut values = corners();
                apply(&chain, &mut values, Memory { work: &[], slots: &[], constants: &[], flip: 0 }, 0, 0);
                let s = ShiftBits::new(i64::from(shift)).unwrap();
                let p = Precision::new(i64::from(precision)).unwrap();
                for (x, y) in corners().into_iter().zip(values) {
                    assert_eq!(y, ops::requantise(x, s, p), "{x} >> {shift} to {precision}");
                }
            }
        }
    }

    #[test]
    fn joined_chains_give_what_the_parts_give() {
        let parts = [
            Scale::clamp(0, i32::MAX),
            Scale::clamp(-5, 9),
            Scale::clamp(20, 30),
            Scale::requantise(8, 5),
            Scale::requantise(8, 1),
            Scale::requantise(16, 20),
            Scale::requantise(4, 31),
        ];
        let mut joined_count = 0;
        for a in parts {
            for b in parts {
                let Some(joined) = a.then(b) else { continue };
                joined_count += 1;
                for x in corners() {
                    assert_eq!(joined.apply(x), b.apply(a.apply(x)), "{a:?} then {b:?} of {x}");
                }
            }
        }
        assert!(joined_count > 20);
        let mut more = 0;
        for a in parts {
            for b in parts {
                let Some(joined) = a.then_below_max(b) else { continue };
                more += 1;
                for x in corners().into_iter().filter(|&x| x < i32::MAX) {
                    assert_eq!(joined.apply(x), b.apply(a.apply(x)), "{a:?} then {b:?} of {x}");
                }
            }
        }
        assert!(more > joined_count, "a rectifier and a shift by one are joined");
    }
}
