//! Random layers and networks streamed through simulated cards: answers against golden, stamps and
//! every counter against the compiler's prediction.
//!
//! A failure names card and seed; `MYELIN_SEED=<seed>` runs that case alone on every card,
//! `MYELIN_CASES=<n>` runs that many on each.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Shared, agrees, seeds};
use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::{CompileError, Target, compile_for, compile_streamed};
use myelin_conformance::random_layer::{Case, layer, network};

/// Cases of each kind on each card.
const CASES: u64 = 12;

/// Runs a case; `false` if the card has no room for it.
fn has_room_and_agrees(case: &Case, target: &Target, card: &Shared) -> bool {
    match compile_streamed(&case.graph, &target.architecture, &target.memory) {
        Ok(program) => agrees(case, program, card),
        Err(CompileError::Capacity { .. }) => return false,
        Err(error) => panic!("seed {} on {target}: {error}", case.seed),
    }
    true
}

fn run(target: &str) {
    let target: Target = target.parse().unwrap();
    let card = Shared::new(SimulatedCell::of_target(target, SimulationOptions::default()).unwrap());
    let seeds = seeds(CASES);
    let count = seeds.end - seeds.start;
    let cases = |seed: u64| [layer(seed, &target.architecture), network(seed, &target.architecture)];
    let ran = seeds.flat_map(cases).filter(|case| has_room_and_agrees(case, &target, &card)).count() as u64;
    assert!(2 * ran >= count, "only {ran} of {} cases have room", 2 * count);
}

#[test]
fn random_cases_stream_through_one_cell_with_little_memory() {
    run("custom,rows=8,columns=8,activations=4096,weights=64,biases=16,accumulators=32,instructions=64");
}

#[test]
fn random_cases_stream_through_one_cell_behind_slow_memory() {
    run("custom,rows=4,columns=4,activations=4096,weights=32,biases=8,accumulators=16,instructions=32,memory=spi");
}

#[test]
fn random_cases_stream_through_two_cells_with_wide_beats() {
    run(
        "custom,cells=2,rows=8,columns=6,lanes=32,activations=16384,weights=64,accumulators=64,instructions=128,memory=hbm",
    );
}

#[test]
fn random_cases_stream_through_four_int6_cells() {
    run(
        "custom,cells=4,rows=6,columns=5,precision=int6,lanes=16,activations=8192,weights=128,accumulators=32,instructions=64,memory=ddr4",
    );
}

#[test]
fn random_cases_stream_through_eight_cells_that_share_little_bandwidth() {
    run("custom,cells=8,rows=4,columns=4,activations=8192,weights=64,accumulators=64,instructions=64,memory=3:30:20");
}

#[test]
fn programs_that_stay_on_chip_and_programs_that_stream_follow_each_other_on_one_cell() {
    let target: Target = "custom,rows=8,columns=8".parse().unwrap();
    let cell = Shared::new(SimulatedCell::of_target(target, SimulationOptions::default()).unwrap());
    for seed in seeds(4) {
        let case = network(seed, &target.architecture);
        assert!(has_room_and_agrees(&case, &target, &cell));
        agrees(&case, compile_for(&case.graph, &target).unwrap(), &cell);
    }
}
