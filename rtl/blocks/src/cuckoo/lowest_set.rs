//! The lowest bit set of a word.

use myelin_hdl::{ModuleBuilder, Signal, concat};

/// Position of the lowest bit set (0 if there is none), and the word without it.
pub fn lowest_set(m: &ModuleBuilder, word: Signal) -> (Signal, Signal) {
    let ty = word.ty();
    let rest = word & word.wrapping_sub(1);
    let lowest = word ^ rest;
    // Bit k of the position: the bit set is one of those whose position has bit k.
    let bits: Vec<Signal> = (0..ty.width().ilog2())
        .rev()
        .map(|k| {
            let positions = (0..ty.width()).filter(|position| position >> k & 1 == 1);
            let mask = positions.fold(0u64, |mask, position| mask | 1 << position);
            (lowest & m.constant(ty, mask as i64)).any()
        })
        .collect();
    (concat(&bits), rest)
}
