//! Nested counters and following addresses against nested Rust loops.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, Ty, module, s, u};
use myelin_rtl::prim::loop_nest::{Step, by, follow, loop_nest};
use rand::RngExt;

use crate::bench::{Bench, chance, random};

const LEVELS: [&str; 4] = ["a", "b", "c", "d"];
const COUNT_WIDTH: u32 = 3;

/// A nest of four levels; an address with a step of each level, one that skips levels b and d.
fn walker(address: Ty) -> Arc<Module> {
    module("walker", |m| {
        let go = m.input("step_i", u(1));
        let load = m.input("load_i", u(1));
        let start = m.input("start_i", address);
        let counts: Vec<Signal> = LEVELS.map(|level| m.input(&format!("count_{level}_i"), u(COUNT_WIDTH))).to_vec();
        let steps = LEVELS.map(|level| m.input(&format!("step_{level}_i"), address));
        let levels: Vec<(&str, Signal)> = LEVELS.into_iter().zip(counts).collect();
        let nest = loop_nest(m, "walk", &levels, go);
        let all = follow(m, "all", address, (load, start), &nest, &steps.map(by));
        let some_steps = [by(steps[0]), Step::None, by(-2), Step::None];
        let some = follow(m, "some", address, (load, start), &nest, &some_steps);
        m.output("all_o", all);
        m.output("some_o", some);
        m.output("all_last_o", nest.all_last);
        for (level, name) in LEVELS.into_iter().enumerate() {
            m.output(&format!("first_{name}_o"), nest.first[level]);
            m.output(&format!("last_{name}_o"), nest.last[level]);
            m.output(&format!("advance_{name}_o"), nest.advance[level]);
            m.output(&format!("index_{name}_o"), nest.index[level]);
        }
    })
}

/// The indices of every iteration, innermost level first.
fn iterations(counts: [i64; 4]) -> Vec<[i64; 4]> {
    let mut all = Vec::new();
    for d in 0..counts[3] {
        for c in 0..counts[2] {
            for b in 0..counts[1] {
                for a in 0..counts[0] {
                    all.push([a, b, c, d]);
                }
            }
        }
    }
    all
}

#[test]
fn a_nest_and_its_addresses_do_as_nested_loops_do() {
    for (seed, address) in (0..).zip([u(8), s(11), u(64), s(5)]) {
        let mut random = random(seed);
        let mut bench = Bench::new(&walker(address));
        let value = |value: i128| address.value_of(address.bits_of(value as i64));
        for walk in 0..12 {
            let counts = [(); 4].map(|()| random.random_range(1..1i64 << COUNT_WIDTH));
            let steps = [(); 4].map(|()| value(random.random::<i64>().into()));
            let start = value(random.random::<i64>().into());
            for (level, name) in LEVELS.into_iter().enumerate() {
                bench.set(&format!("count_{name}_i"), counts[level]);
                bench.set(&format!("step_{name}_i"), steps[level]);
            }
            // The cycle of the load; the nest is where the walk before left it: at its start.
            bench.set("load_i", 1);
            bench.set("start_i", start);
            bench.set("step_i", 0);
            bench.step();
            bench.set("load_i", 0);
            let iterations = iterations(counts);
            for (position, index) in iterations.iter().enumerate() {
                let context = format!("seed {seed} walk {walk} counts {counts:?} index {index:?}");
                while chance(&mut random, 20) {
                    bench.set("step_i", 0);
                    assert_eq!(LEVELS.map(|name| bench.get(&format!("advance_{name}_o"))), [0; 4], "{context}");
                    bench.step();
                }
                bench.set("step_i", 1);
                let moved = |steps: [i128; 4]| {
                    let offsets = steps.iter().zip(index).map(|(&step, &index)| step.wrapping_mul(index.into()));
                    value(offsets.fold(start, i128::wrapping_add)) as i64
                };
                assert_eq!(bench.get("all_o"), moved(steps), "{context}");
                assert_eq!(bench.get("some_o"), moved([steps[0], 0, -2, 0]), "{context}");
                assert_eq!(bench.get("all_last_o") != 0, position + 1 == iterations.len(), "{context}");
                // Unsigned outputs of three bits: by their integers.
                assert_eq!(LEVELS.map(|name| bench.get(&format!("index_{name}_o"))), *index, "{context}");
                let is = |bench: &mut Bench, what: &str| LEVELS.map(|name| bench.get(&format!("{what}_{name}_o")) != 0);
                assert_eq!(is(&mut bench, "first"), index.map(|index| index == 0), "{context}");
                let last: [bool; 4] = std::array::from_fn(|level| index[level] + 1 == counts[level]);
                assert_eq!(is(&mut bench, "last"), last, "{context}");
                // The innermost level that is not in its last iteration moves.
                let moving = last.iter().position(|&last| !last);
                let advance = std::array::from_fn(|level| moving == Some(level));
                assert_eq!(is(&mut bench, "advance"), advance, "{context}");
                bench.step();
            }
        }
    }
}

#[test]
fn a_reset_at_any_cycle_returns_the_nest_to_its_start() {
    let block = walker(u(8));
    let counts = [2, 3, 1, 2];
    for cycles in 0..=12 {
        let mut bench = Bench::powered_up(&block, cycles);
        for (name, count) in LEVELS.into_iter().zip(counts) {
            bench.set(&format!("count_{name}_i"), count);
            bench.set(&format!("step_{name}_i"), 1);
        }
        bench.set("step_i", 1);
        (0..cycles).for_each(|_| bench.step());
        bench.reset();
        assert_eq!(LEVELS.map(|name| bench.get(&format!("index_{name}_o"))), [0; 4], "after {cycles}");
    }
}
