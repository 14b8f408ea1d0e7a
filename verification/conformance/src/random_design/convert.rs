//! Random types, literals, and ways to bring a value to a type.

use myelin_hdl::{Signal, Ty, mux, s, u};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A type of up to `widest` bits; small, byte-wide and machine-wide ones are frequent.
pub(super) fn random_ty(random: &mut ChaCha8Rng, widest: u32) -> Ty {
    let width = match random.random_range(0..8) {
        0 => 1,
        1 => 8,
        2 => *pick(random, &[16, 31, 32, 33, 63, 64]),
        3 => random.random_range(1..=64),
        _ => random.random_range(1..=12),
    };
    let width = width.min(widest);
    if random.random_bool(0.5) { s(width) } else { u(width) }
}

/// Bits of a value of a type, zero above the width: its extremes and small values are frequent.
pub fn random_bits(random: &mut ChaCha8Rng, ty: Ty) -> u64 {
    let bits = match random.random_range(0..8) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => 1 << (ty.width() - 1),
        4 => (1 << (ty.width() - 1)) - 1,
        _ => random.random(),
    };
    bits & ty.mask()
}

/// An integer that `ty` holds; for u64 the `i64` of the same bits, as the builder wants it.
pub(super) fn random_value(random: &mut ChaCha8Rng, ty: Ty) -> i64 {
    ty.value_of(random_bits(random, ty)) as i64
}

/// One of the items.
pub(super) fn pick<'a, T>(random: &mut ChaCha8Rng, items: &'a [T]) -> &'a T {
    &items[random.random_range(0..items.len())]
}

/// `value` brought to exactly `ty`, by one of the ways the builder offers.
pub(super) fn convert(random: &mut ChaCha8Rng, value: Signal, ty: Ty) -> Signal {
    if ty.contains(value.ty()) && random.random_bool(0.8) {
        return value.extend(ty);
    }
    if random.random_bool(0.3) {
        return value.saturate(ty);
    }
    if value.width() >= ty.width() {
        let low = random.random_range(0..=value.width() - ty.width());
        return if low == 0 { value.truncate(ty.width()).cast(ty) } else { value.slice(low, ty.width()).cast(ty) };
    }
    // Wider, but of a sign that cannot hold the value: extend the bits by either rule.
    if value.ty().is_signed() && random.random_bool(0.5) {
        value.extend(s(ty.width())).cast(ty)
    } else {
        value.cast_unsigned().extend(u(ty.width())).cast(ty)
    }
}

/// `value` as a condition.
pub(super) fn condition(random: &mut ChaCha8Rng, value: Signal) -> Signal {
    match random.random_range(0..4) {
        _ if value.ty() == Ty::BIT => value,
        0 => value.any(),
        1 => value.bit(random.random_range(0..value.width())),
        2 => value.ne(random_value(random, narrowed(value.ty()))),
        _ => value.parity(),
    }
}

/// A type of which every value is written as a literal of the same value.
pub(super) fn narrowed(ty: Ty) -> Ty {
    if ty == u(64) { u(63) } else { ty }
}

/// All of the values folded into one word, so that each can be seen outside.
pub(super) fn folded(values: &[Signal]) -> Option<Signal> {
    let words = values.iter().map(|value| match value.ty().is_signed() {
        true => value.extend(s(64)).cast_unsigned(),
        false => value.extend(u(64)),
    });
    words.reduce(|sum, word| mux(sum.bit(5), sum.rotate_left(7), sum.rotate_left(13)).wrapping_add(word))
}
