//! Lane rotators: the alignment networks of an unaligned, two-bank scratchpad.
//!
//! Logarithmic: `log2(len)` levels of two-way muxes, only the lanes that can still matter.

use myelin_hdl::{Signal, mux};

/// Lanes `amount .. amount + wanted` (modulo the length) of `lanes`.
///
/// # Panics
/// If the length is not `2^amount.width()`, or `wanted` is more than half of it.
pub fn take_from(lanes: &[Signal], amount: Signal, wanted: usize) -> Vec<Signal> {
    assert_eq!(lanes.len(), 1 << amount.width(), "one position for every amount");
    assert!(wanted <= lanes.len() / 2, "at most half the lanes are taken");
    let mut current = lanes.to_vec();
    for bit in (0..amount.width()).rev() {
        // Lower bits can still move by up to 2^bit - 1: that many lanes beyond the wanted stay.
        let (shift, needed) = (1 << bit, wanted + (1 << bit) - 1);
        let move_it = amount.bit(bit);
        current =
            (0..needed).map(|lane| mux(move_it, current[(lane + shift) % current.len()], current[lane])).collect();
    }
    current
}

/// `lanes` placed at `amount ..` (modulo `2^amount.width()`) of a bundle of `2^amount.width()`; the
/// other positions are unspecified.
///
/// # Panics
/// If there are more lanes than half the positions.
pub fn place_at(lanes: &[Signal], amount: Signal) -> Vec<Signal> {
    let length = 1 << amount.width();
    assert!(lanes.len() <= length / 2, "at most half the positions are filled");
    let mut current = lanes.to_vec();
    for bit in 0..amount.width() {
        let (shift, grown) = (1usize << bit, (current.len() + (1 << bit)).min(length));
        let move_it = amount.bit(bit);
        current = (0..grown)
            .map(|lane| {
                let moved = current.get((lane + length - shift) % length).copied();
                match (moved, current.get(lane).copied()) {
                    (Some(moved), Some(stays)) => mux(move_it, moved, stays),
                    (Some(only), None) | (None, Some(only)) => only,
                    (None, None) => unreachable!("a grown lane has a source"),
                }
            })
            .collect();
    }
    current
}
