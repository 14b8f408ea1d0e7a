//! The digits models on the simulated cell, against what the chain's official runtime answered.
//!
//! `MYELIN_DIGITS=899` runs every picture instead of 25 for each size and precision.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::{LayerKind, Target, compile, compile_streamed};
use myelin_driver::{Device, Session};
use myelin_golden::npy;
use myelin_graph::import;
use myelin_isa::{Architecture, MultiplierStyle, Precision};

const CLASSES: usize = 10;
const PIXELS: usize = 64;
/// The convolutions with 16 or more channels must keep an 8x8 cell at least this busy.
const UTILISATION_MIN: f64 = 0.60;

fn folder(precision: Precision) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../models/digits_{precision}"))
}

fn array(folder: &Path, name: &str) -> Vec<i32> {
    npy::read(&std::fs::read(folder.join(name)).unwrap()).unwrap().data
}

/// Pictures to run, spread over all of them.
fn pictures(count: usize) -> impl Iterator<Item = usize> {
    let wanted = std::env::var("MYELIN_DIGITS").map_or(25, |text| text.parse().unwrap()).clamp(1, count);
    (0..wanted).map(move |index| index * count / wanted)
}

fn answers_as_the_official_runtime(rows: u32, columns: u32, precision: Precision) {
    let architecture = Architecture::new(rows, columns, precision).unwrap();
    cell_answers_as_the_official_runtime(architecture, usize::MAX);
}

/// At most so many pictures.
fn cell_answers_as_the_official_runtime(architecture: Architecture, at_most: usize) {
    let (rows, columns, precision) = (architecture.rows(), architecture.columns(), architecture.precision());
    let folder = folder(precision);
    let graph = import::import_dir(&folder, &import::Limits::default()).unwrap();
    let program = compile(&graph, &architecture).unwrap();
    let cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
    let mut session = Session::load(cell, program).unwrap();
    let (inputs, logits) = (array(&folder, "input.npy"), array(&folder, "official_logits.npy"));
    let count = inputs.len() / PIXELS;
    for index in pictures(count).take(at_most) {
        let answer = session.run(&inputs[index * PIXELS..][..PIXELS]).unwrap();
        let expected = &logits[index * CLASSES..][..CLASSES];
        assert_eq!(answer.outputs[0].values, expected, "picture {index} on {architecture}");
        let report = answer.report.unwrap();
        let predicted = session.program().layers.iter().map(|layer| layer.name.as_str());
        assert!(predicted.eq(report.layers.iter().map(|layer| layer.name.as_str())));
        if (rows, columns) == (8, 8) {
            let wide = report.layers.iter().filter(|layer| layer.kind == LayerKind::Convolution).skip(1);
            for layer in wide {
                let utilisation = layer.utilisation.unwrap();
                assert!(utilisation >= UTILISATION_MIN, "{} is busy {utilisation} of the time", layer.name);
            }
        }
    }
}

#[test]
fn int8_8x8_answers_as_the_official_runtime() {
    answers_as_the_official_runtime(8, 8, Precision::Int8);
}

#[test]
fn int8_16x16_answers_as_the_official_runtime() {
    answers_as_the_official_runtime(16, 16, Precision::Int8);
}

#[test]
fn int8_12x10_answers_as_the_official_runtime() {
    answers_as_the_official_runtime(12, 10, Precision::Int8);
}

#[test]
fn int6_8x8_answers_as_the_official_runtime() {
    answers_as_the_official_runtime(8, 8, Precision::Int6);
}

#[test]
fn int6_16x16_answers_as_the_official_runtime() {
    answers_as_the_official_runtime(16, 16, Precision::Int6);
}

#[test]
fn int6_12x10_answers_as_the_official_runtime() {
    answers_as_the_official_runtime(12, 10, Precision::Int6);
}

#[test]
fn cells_whose_products_share_multipliers_answer_as_the_official_runtime() {
    for style in &MultiplierStyle::ALL[1..] {
        for precision in [Precision::Int6, Precision::Int8] {
            // Columns that leave a narrower last group; rows whose sums stay packed, and more.
            let cell = Architecture::new(12, 11, precision).unwrap().with_multiplier(*style);
            cell_answers_as_the_official_runtime(cell, 4);
        }
    }
    let large = Architecture::new(16, 16, Precision::Int8).unwrap().with_multiplier(MultiplierStyle::Dsp48e2);
    cell_answers_as_the_official_runtime(large, 25);
}

#[test]
fn sharing_multipliers_costs_no_cycle_and_a_program_for_others_is_refused() {
    let folder = folder(Precision::Int8);
    let graph = import::import_dir(&folder, &import::Limits::default()).unwrap();
    let plain = Architecture::new(8, 8, Precision::Int8).unwrap();
    let packed = plain.with_multiplier(MultiplierStyle::Dsp48e2);
    let inputs = array(&folder, "input.npy");
    let cycles = [plain, packed].map(|architecture| {
        let program = compile(&graph, &architecture).unwrap();
        let cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
        let mut session = Session::load(cell, program).unwrap();
        session.run(&inputs[..PIXELS]).unwrap().report.unwrap().counters.cycles
    });
    assert_eq!(cycles[0], cycles[1]);
    let cell = SimulatedCell::new(packed, SimulationOptions::default()).unwrap();
    let refused =
        Session::load(cell, compile(&graph, &plain).unwrap()).err().expect("a program for other PEs").to_string();
    assert!(refused.contains("multipliers are dsp48e2, the program is for plain"), "{refused}");
}

/// Maps, weights and instructions stream, and cells share memory and meet at barriers.
fn streamed_answers_as_the_official_runtime(target: &str) {
    let target: Target = target.parse().unwrap();
    let folder = folder(target.architecture.precision());
    let graph = import::import_dir(&folder, &import::Limits::default()).unwrap();
    let program = compile_streamed(&graph, &target.architecture, &target.memory).unwrap();
    let card = SimulatedCell::of_target(target, SimulationOptions::default()).unwrap();
    let mut session = Session::load(card, program).unwrap();
    let (inputs, logits) = (array(&folder, "input.npy"), array(&folder, "official_logits.npy"));
    for index in pictures(inputs.len() / PIXELS).step_by(5) {
        let answer = session.run(&inputs[index * PIXELS..][..PIXELS]).unwrap();
        assert_eq!(answer.outputs[0].values, &logits[index * CLASSES..][..CLASSES], "picture {index} on {target}");
        let report = answer.report.unwrap();
        assert_eq!(report.cells.len(), target.architecture.cells() as usize);
        assert_eq!(report.counters.cycles, report.cells.iter().map(|cell| cell.cycles).max().unwrap());
    }
}

#[test]
fn one_cell_that_streams_answers_as_the_official_runtime() {
    streamed_answers_as_the_official_runtime("custom,rows=8,columns=8,memory=ddr3");
}

#[test]
fn cards_answer_as_the_official_runtime_whatever_their_memory() {
    for target in [
        "custom,cells=2,rows=8,columns=8,precision=int6",
        "custom,cells=4,rows=4,columns=4,lanes=16,memory=ddr4",
        "custom,cells=8,rows=8,columns=8,lanes=16,instructions=64,memory=hbm",
        "card-a10,cells=4",
        "custom,cells=2,rows=8,columns=8,lanes=16,pack=dsp48e2,memory=hbm",
    ] {
        streamed_answers_as_the_official_runtime(target);
    }
}
