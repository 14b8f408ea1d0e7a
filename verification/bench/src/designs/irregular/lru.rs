//! A table of the keys used last: fully associative, the one not used for longest is replaced.
//!
//! `hit_o` and `place_o` answer `key_i` in the same cycle, where `valid_i` is 1.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, concat, module, mux, tree_reduce, u};

/// Builds a table of `entries` (a power of two) keys of `key_bits` bits.
pub fn lru(entries: usize, key_bits: u32) -> Arc<Module> {
    module(format!("lru_{entries}x{key_bits}"), |m| {
        let index = entries.trailing_zeros();
        let valid = m.input("valid_i", u(1));
        let key = m.input("key_i", u(key_bits));
        let keys: Vec<_> = (0..entries).map(|at| m.register(&format!("key_{at}_q"), u(key_bits)).reset(0)).collect();
        let held: Vec<_> = (0..entries).map(|at| m.register(&format!("held_{at}_q"), u(1)).reset(0)).collect();
        // Ages are a permutation: 0 was used last.
        let ages: Vec<_> =
            (0..entries).map(|at| m.register(&format!("age_{at}_q"), u(index)).reset(at as i64)).collect();
        let hits: Vec<Signal> = keys.iter().zip(&held).map(|(entry, held)| held.q & entry.q.eq(key)).collect();
        let hit = tree_reduce(&hits, |a, b| a | b).named("hit");
        let oldest: Vec<Signal> = ages.iter().map(|age| age.q.eq(entries as i64 - 1)).collect();
        let chosen: Vec<Signal> = hits.iter().zip(&oldest).map(|(&hits, &oldest)| mux(hit, hits, oldest)).collect();
        let zero = m.constant(u(index), 0);
        let gather = |values: &dyn Fn(usize) -> Signal| {
            let masked: Vec<Signal> = (0..entries).map(|at| mux(chosen[at], values(at), zero)).collect();
            tree_reduce(&masked, |a, b| a | b)
        };
        let age = gather(&|at| ages[at].q).named("age_of_chosen");
        let place = gather(&|at| m.constant(u(index), at as i64)).named("place");
        for at in 0..entries {
            let younger = ages[at].q.lt(age);
            let older = mux(younger, ages[at].q.wrapping_add(1), ages[at].q);
            ages[at].next_when(valid, mux(chosen[at], 0, older));
            keys[at].next_when(valid & chosen[at], key);
            held[at].next(held[at].q | valid & chosen[at]);
        }
        m.output("hit_o", hit & valid);
        m.output("place_o", place);
        let sum =
            tree_reduce(&ages.iter().map(|age| age.q.extend(u(16))).collect::<Vec<_>>(), |a, b| (a + b).truncate(16));
        m.assert("ages_are_a_permutation", sum.eq((entries * (entries - 1) / 2) as i64));
        m.assert("one_entry_at_most_hits", {
            let hits = concat(&hits);
            (hits & hits.wrapping_sub(1)).eq(0)
        });
    })
}
