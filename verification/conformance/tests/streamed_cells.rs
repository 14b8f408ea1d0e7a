//! Random layers and networks streamed through simulated cards: answers against golden, stamps and
//! every counter against the compiler's prediction.
//!
//! A failure names card and seed; `MYELIN_SEED=<seed>` runs that case alone on every card,
//! `MYELIN_CASES=<n>` runs that many on each.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::{CompileError, Target, compile_streamed};
use myelin_conformance::random_layer::{Case, layer, network};
use myelin_driver::{Device, Link, LinkError, LinkInfo, Session};
use myelin_golden::Model;
use myelin_graph::export;

/// Cases of each kind on each card.
const CASES: u64 = 12;

/// One simulated card for many sessions, each of which owns its link.
#[derive(Clone)]
struct Shared(Arc<Mutex<SimulatedCell>>);

impl Link for Shared {
    fn info(&self) -> LinkInfo {
        self.0.lock().unwrap().info()
    }

    fn read32(&mut self, address: u32) -> Result<u32, LinkError> {
        self.0.lock().unwrap().read32(address)
    }

    fn write32(&mut self, address: u32, value: u32) -> Result<(), LinkError> {
        self.0.lock().unwrap().write32(address, value)
    }

    fn read_at(&mut self, address: u64, buffer: &mut [u8], deadline: Duration) -> Result<(), LinkError> {
        self.0.lock().unwrap().read_at(address, buffer, deadline)
    }

    fn write_at(&mut self, address: u64, data: &[u8], deadline: Duration) -> Result<(), LinkError> {
        self.0.lock().unwrap().write_at(address, data, deadline)
    }

    fn wait_interrupt(&mut self, deadline: Duration) -> Result<(), LinkError> {
        self.0.lock().unwrap().wait_interrupt(deadline)
    }

    fn reset(&mut self) -> Result<(), LinkError> {
        self.0.lock().unwrap().reset()
    }

    fn alive(&mut self) -> bool {
        self.0.lock().unwrap().alive()
    }
}

/// Runs a case; `false` if the card has no room for it.
fn agrees(case: &Case, target: &Target, card: &Shared) -> bool {
    let at = format!("seed {} on {target}", case.seed);
    let (symbol, params) = export::cvm(&case.graph);
    let golden = Model::parse(&symbol, &params).unwrap();
    let program = match compile_streamed(&case.graph, &target.architecture, &target.memory) {
        Ok(program) => program,
        Err(CompileError::Capacity { .. }) => return false,
        Err(error) => panic!("{at}: {error}"),
    };
    let predicted = program.prediction.clone();
    let mut session = Session::load(card.clone(), program).unwrap_or_else(|error| panic!("{at}: {error}"));
    for picture in &case.pictures {
        let expected = golden.run_i32(picture).unwrap();
        let answer = session.run(picture).unwrap_or_else(|error| panic!("{at}: {error}"));
        for (output, expected) in answer.outputs.iter().zip(expected.heads()) {
            assert_eq!(output.values, expected.data, "{at}, head {}", output.name);
        }
        let report = answer.report.unwrap();
        let stamps: Vec<u64> = report.stamps.iter().map(|&stamp| u64::from(stamp)).collect();
        assert_eq!(stamps, predicted.stamps, "{at}");
        let counted = report.counters.named().map(|(_, value)| u64::from(value));
        assert_eq!(counted, predicted.total().named().map(|(_, value)| value), "{at}");
    }
    true
}

fn run(target: &str) {
    let target: Target = target.parse().unwrap();
    let simulated = SimulatedCell::of_target(target, SimulationOptions::default()).unwrap();
    let card = Shared(Arc::new(Mutex::new(simulated)));
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let count = number("MYELIN_CASES").unwrap_or(CASES);
    let seeds = number("MYELIN_SEED").map_or(0..count, |seed| seed..seed + 1);
    let cases = |seed: u64| [layer(seed, &target.architecture), network(seed, &target.architecture)];
    let ran = seeds.flat_map(cases).filter(|case| agrees(case, &target, &card)).count() as u64;
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
