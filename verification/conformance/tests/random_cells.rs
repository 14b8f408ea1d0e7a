//! Random layers and networks on the simulated cell: answers against golden, cycles against the
//! compiler's prediction.
//!
//! A failure names cell and seed; `MYELIN_SEED=<seed>` runs that case alone on every cell,
//! `MYELIN_CASES=<n>` runs that many on each.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Shared, agrees, seeds};
use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::compile;
use myelin_conformance::random_layer::{layer, network};
use myelin_isa::{Architecture, Precision};

/// Cases of each kind on each cell.
const CASES: u64 = 40;

fn run(rows: u32, columns: u32, precision: Precision, accumulators: u32) {
    let architecture = Architecture::new(rows, columns, precision).unwrap();
    let architecture = architecture.with_accumulator_depth(accumulators).unwrap();
    let architecture = architecture.with_instruction_depth(4096).unwrap();
    let cell = Shared::new(SimulatedCell::new(architecture, SimulationOptions::default()).unwrap());
    for seed in seeds(CASES) {
        for case in [layer(seed, &architecture), network(seed, &architecture)] {
            let program = compile(&case.graph, &case.architecture);
            agrees(&case, program.unwrap_or_else(|error| panic!("seed {seed} on {architecture}: {error}")), &cell);
        }
    }
}

#[test]
fn random_cases_on_the_smallest_cell() {
    run(4, 4, Precision::Int8, 16);
}

#[test]
fn random_cases_on_8x8_int8() {
    run(8, 8, Precision::Int8, 256);
}

#[test]
fn random_cases_on_8x8_int6() {
    run(8, 8, Precision::Int6, 64);
}

#[test]
fn random_cases_on_12x10_int6() {
    run(12, 10, Precision::Int6, 8);
}

#[test]
fn random_cases_on_5x19_int8() {
    run(5, 19, Precision::Int8, 32);
}

#[test]
fn random_cases_on_16x16_int8() {
    run(16, 16, Precision::Int8, 256);
}
