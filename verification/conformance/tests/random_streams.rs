//! Random layers and networks, streamed through random cards: the functional emulator, in every order
//! of units and cells and with race detection, against golden.
//!
//! A failure names its seed; `MYELIN_SEED=<seed>` runs that case alone, `MYELIN_CASES=<n>` runs
//! that many.

#![allow(clippy::unwrap_used)]

use myelin_compile::emulate::{CellOrder, Priority, RaceDetection, Session};
use myelin_compile::memory::MemoryModel;
use myelin_compile::{CompileError, compile_streamed};
use myelin_conformance::random_layer::{Case, layer, network, random_card};
use myelin_golden::Model;
use myelin_graph::export;
use myelin_isa::{Architecture, Unit};

const CASES: u64 = 400;
/// Most cases, in percent, that have no room on their card.
const REFUSED_MAX: u64 = 20;

const UNITS: [[Unit; 4]; 4] = [
    [Unit::Load, Unit::Array, Unit::Post, Unit::Store],
    [Unit::Post, Unit::Store, Unit::Array, Unit::Load],
    [Unit::Array, Unit::Load, Unit::Store, Unit::Post],
    [Unit::Store, Unit::Post, Unit::Load, Unit::Array],
];
const CELLS: [CellOrder; 3] = [CellOrder::Ascending, CellOrder::Descending, CellOrder::Interleaved];

/// Runs a case; `false` if the card has no room for it.
fn agrees_with_golden(case: &Case) -> bool {
    let (symbol, params) = export::cvm(&case.graph);
    let golden = Model::parse(&symbol, &params).unwrap();
    let (_, memory) = MemoryModel::PRESETS[(case.seed % 4) as usize];
    let program = match compile_streamed(&case.graph, &case.architecture, &memory) {
        Ok(program) => program,
        Err(CompileError::Capacity { .. }) => return false,
        Err(error) => panic!("seed {} on {:?}: {error}", case.seed, case.architecture),
    };
    let priority = Priority { units: UNITS[(case.seed % 4) as usize], cells: CELLS[(case.seed % 3) as usize] };
    let mut session = Session::with_options(&program, priority, RaceDetection::On).unwrap();
    for picture in &case.pictures {
        let expected = golden.run_i32(picture).unwrap();
        let expected: Vec<&Vec<i32>> = expected.heads().iter().map(|head| &head.data).collect();
        let answer = session
            .infer(picture)
            .unwrap_or_else(|error| panic!("seed {} on {:?}: {error}", case.seed, case.architecture));
        assert!(answer.iter().eq(expected), "seed {} on {:?}", case.seed, case.architecture);
    }
    true
}

fn run(make: impl Fn(u64, &Architecture) -> Case) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let count = number("MYELIN_CASES").unwrap_or(CASES);
    let alone = number("MYELIN_SEED");
    let seeds = alone.map_or(0..count, |seed| seed..seed + 1);
    let refused = seeds.filter(|&seed| !agrees_with_golden(&make(seed, &random_card(seed)))).count() as u64;
    assert!(alone.is_some() || refused * 100 <= count * REFUSED_MAX, "{refused} of {count} cases have no room");
}

#[test]
fn random_layers_streamed_agree_with_golden() {
    run(layer);
}

#[test]
fn random_networks_streamed_agree_with_golden() {
    run(network);
}
