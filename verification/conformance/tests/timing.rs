//! The cycles that the compiler predicts are the cycles that the simulated cell counts.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::compile;
use myelin_driver::{Device, Session};
use myelin_graph::import;
use myelin_isa::{Architecture, Precision};

fn digits_take_the_predicted_cycles(rows: u32, columns: u32, precision: Precision) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../models/digits_{precision}"));
    let graph = import::import_dir(&folder, &import::Limits::default()).unwrap();
    let architecture = Architecture::new(rows, columns, precision).unwrap();
    let program = compile(&graph, &architecture).unwrap();
    let predicted = program.prediction.clone();
    let cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
    let mut session = Session::load(cell, program).unwrap();
    // The second run meets the descriptors that the first left.
    for _ in 0..2 {
        let report = session.run(&[7; 64]).unwrap().report.unwrap();
        let stamps: Vec<u64> = report.stamps.iter().map(|&stamp| u64::from(stamp)).collect();
        assert_eq!(stamps, predicted.stamps, "{architecture}");
        let counted = report.counters.named().map(|(_, value)| u64::from(value));
        assert_eq!(counted, predicted.total().named().map(|(_, value)| value), "{architecture}");
    }
}

#[test]
fn digits_on_8x8_take_the_predicted_cycles() {
    digits_take_the_predicted_cycles(8, 8, Precision::Int8);
}

#[test]
fn digits_on_16x16_take_the_predicted_cycles() {
    digits_take_the_predicted_cycles(16, 16, Precision::Int6);
}

#[test]
fn digits_on_odd_cells_take_the_predicted_cycles() {
    digits_take_the_predicted_cycles(12, 10, Precision::Int8);
    digits_take_the_predicted_cycles(5, 9, Precision::Int6);
}
