//! Orders of work that random designs have found wrong once.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use myelin_hdl::{Design, Module, Signal, module, u};
use myelin_sim::{Engine, Simulator};

/// A body with one input, one output and no state; bodies of different `amount` are different bodies.
fn adder(amount: i64) -> Arc<Module> {
    module(format!("adder_{amount}"), |m| {
        m.output("y_o", m.input("x_i", u(8)).wrapping_add(amount));
    })
}

/// What the top register holds after each of some edges.
fn sums(engine: Engine, design: &Design) -> Vec<u64> {
    let mut sim = Simulator::builder(design).engine(engine).build().unwrap();
    let sum = sim.register("top.sum_q").unwrap();
    let edge = |_| {
        sim.step().unwrap();
        sim.peek_register(sum)
    };
    (0..6).map(edge).collect()
}

/// Four lanes each write to a memory that they also read within the cycle. The register that takes
/// what they read waits for two more groups of lanes, so it is computed long after the memories'
/// own group could be done.
#[test]
fn a_word_read_within_the_cycle_is_the_old_one_however_late_it_is_used() {
    let counter = module("counter", |m| {
        let one = m.constant(u(1), 1);
        let words = m.memory("words", 2, 1, u(8));
        let address = m.constant(u(1), 0);
        let old = words.read_asynchronous(address)[0];
        let count = m.register("count_q", u(8));
        count.next(count.q.wrapping_add(1));
        words.write(address, one, &[count.q.wrapping_add(1)]);
        m.output("old_o", old);
    });
    let (first, second) = (adder(1), adder(2));
    let top = module("top", |m| {
        let place = |child: &Arc<Module>, inputs: &[Signal], output: &str| -> Vec<Signal> {
            let lanes = (0..4).map(|lane| {
                let instance = m.instance(&format!("{}_lane_{lane}", child.name), child);
                inputs.get(lane).iter().for_each(|&&input| _ = instance.input("x_i", input));
                instance.output(output)
            });
            lanes.collect()
        };
        let sum = m.register("sum_q", u(8));
        let counted = place(&counter, &[], "old_o");
        let once = place(&first, &[sum.q; 4], "y_o");
        let twice = place(&second, &once, "y_o");
        sum.next(counted[3] ^ twice[0].wrapping_sub(sum.q).slice(2, 6).extend(u(8)));
    });
    let design = Design::new(top).unwrap();
    // Words count up from 0; `twice` less the sum is 3, and its upper bits are 0.
    let expected: Vec<u64> = (0..6).collect();
    for engine in [Engine::Interpreted, Engine::Compiled, Engine::AheadOfTime] {
        assert_eq!(sums(engine, &design), expected, "{engine:?}");
    }
}
