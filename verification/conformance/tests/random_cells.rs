//! Random layers and networks on the simulated cell: answers against golden, cycles against the
//! compiler's prediction.
//!
//! A failure names cell and seed; `MYELIN_SEED=<seed>` runs that case alone on every cell,
//! `MYELIN_CASES=<n>` runs that many on each.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::compile;
use myelin_conformance::random_layer::{Case, layer, network};
use myelin_driver::{Device, Link, LinkError, LinkInfo, Session};
use myelin_golden::Model;
use myelin_graph::export;
use myelin_isa::{Architecture, Precision};

/// Cases of each kind on each cell.
const CASES: u64 = 40;

/// One simulated cell for many sessions, each of which owns its link.
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

fn agrees(case: &Case, cell: &Shared) {
    let at = format!("seed {} on {}", case.seed, case.architecture);
    let (symbol, params) = export::cvm(&case.graph);
    let golden = Model::parse(&symbol, &params).unwrap();
    let program = compile(&case.graph, &case.architecture).unwrap_or_else(|error| panic!("{at}: {error}"));
    let predicted = program.prediction.clone();
    let mut session = Session::load(cell.clone(), program).unwrap_or_else(|error| panic!("{at}: {error}"));
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
}

fn run(rows: u32, columns: u32, precision: Precision, accumulators: u32) {
    let architecture = Architecture::new(rows, columns, precision).unwrap();
    let architecture = architecture.with_accumulator_depth(accumulators).unwrap();
    let architecture = architecture.with_instruction_depth(4096).unwrap();
    let simulated = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
    let cell = Shared(Arc::new(Mutex::new(simulated)));
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let count = number("MYELIN_CASES").unwrap_or(CASES);
    let seeds = number("MYELIN_SEED").map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds {
        agrees(&layer(seed, &architecture), &cell);
        agrees(&network(seed, &architecture), &cell);
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
