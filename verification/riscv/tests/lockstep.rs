//! The core does what the model does, on random instructions, waits and interrupts.
//!
//! A short run for every commit; `cargo run --release -p myelin-riscv -- --programs 2000` is a long one.

#![allow(clippy::unwrap_used)]

use myelin_riscv::lockstep::{Case, Summary, run};
use myelin_rtl::cpu::{CpuParameters, Decision, Multiply, Shift};

fn agrees(parameters: CpuParameters) {
    let mut total = Summary::default();
    for seed in 0..40 {
        let case = Case { parameters, seed, retirements: 1000 };
        total = total.plus(run(&case).unwrap_or_else(|error| panic!("{case:?}: {error}")));
    }
    // A run without any of these would show little.
    assert!(total.exceptions > 500 && total.interrupts > 50 && total.accesses > 1000, "{total:?}");
}

#[test]
fn the_small_core_does_what_the_model_does() {
    agrees(CpuParameters::small(0).unwrap());
}

#[test]
fn the_fast_core_does_what_the_model_does() {
    agrees(CpuParameters::fast(0x100).unwrap());
}

#[test]
fn the_small_core_that_decides_ahead_agrees_with_the_model() {
    agrees(CpuParameters::small(0).unwrap().with_multiply(Multiply::Serial).with_decision(Decision::Ahead));
}

#[test]
fn the_fast_core_that_decides_while_it_executes_agrees_with_the_model() {
    agrees(CpuParameters::fast(0x100).unwrap().with_decision(Decision::Executing));
}

#[test]
fn a_small_core_with_serial_products_and_counters_does_what_the_model_does() {
    agrees(CpuParameters::small(0xffff_fffc).unwrap().with_multiply(Multiply::Serial).with_counters());
}

#[test]
fn a_core_with_a_barrel_shifter_does_what_the_model_does() {
    agrees(CpuParameters::small(0).unwrap().with_shift(Shift::Barrel));
}
