//! Arrays whose products share multipliers, as emitted Verilog: lint-clean, and cycle for cycle what our simulator computes.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use myelin_conformance::cosim::{Engine, Trace, cosimulate};
use myelin_conformance::lint::lint;
use myelin_conformance::tools::{Tool, available};
use myelin_hdl::{Design, Module};
use myelin_isa::{Architecture, MultiplierStyle, Precision};
use myelin_rtl::tensor::{array, packed_array};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Of every style in both precisions, rows few and many enough to unpack, columns that leave a narrower last group.
fn arrays() -> Vec<(String, Arc<Module>)> {
    let mut arrays = Vec::new();
    for precision in [Precision::Int6, Precision::Int8] {
        for style in &MultiplierStyle::ALL[1..] {
            let cell = Architecture::new(8, 5, precision).unwrap().with_multiplier(*style);
            arrays.push((cell.to_string(), array::array(&cell)));
        }
    }
    let tall = Architecture::new(20, 4, Precision::Int8).unwrap().with_multiplier(MultiplierStyle::Dsp48e2);
    arrays.push((tall.to_string(), array::array(&tall)));
    let twin = Architecture::new(6, 5, Precision::Int6).unwrap();
    arrays.push((format!("twin of {twin}"), packed_array::twin_array(&twin).unwrap()));
    arrays
}

/// Any value on every input, the one outside the symmetric range among them.
fn stimulus(design: &Design, cycles: usize, seed: u64) -> Trace {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut trace = Trace::in_reset(design, 0);
    for _ in 0..cycles {
        let inputs = &design.top().inputs;
        trace.push(inputs.iter().map(|port| random.random::<u64>() & port.ty.mask()).collect());
    }
    trace
}

fn same_outputs_in_every_cycle(engine: Engine) {
    if !available("packed arrays, cycle by cycle", engine.tools()) {
        return;
    }
    for (seed, (name, top)) in (0..).zip(arrays()) {
        let design = Design::new(top).unwrap();
        let trace = stimulus(&design, 300, seed);
        cosimulate(&design, &trace, &[Engine::Compiled, engine]).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn icarus_computes_the_same_sums_in_every_cycle() {
    same_outputs_in_every_cycle(Engine::Icarus);
}

#[test]
fn our_interpreter_computes_the_same_sums_in_every_cycle() {
    same_outputs_in_every_cycle(Engine::Interpreted);
}

#[test]
fn packed_arrays_are_accepted_without_a_warning() {
    for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
        if available("lint of packed arrays", &[tool]) {
            for (name, top) in arrays() {
                lint(&Design::new(top).unwrap(), tool).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}
