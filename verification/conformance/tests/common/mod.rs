//! Random cases on a simulated device: one device for many sessions, and what must agree.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use myelin_board::SimulatedCell;
use myelin_compile::Program;
use myelin_conformance::random_layer::Case;
use myelin_driver::{Device, Link, LinkError, LinkInfo, MemoryAfter, Session};
use myelin_golden::Model;
use myelin_graph::export;

/// One simulated device for many sessions, each of which owns its link.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<SimulatedCell>>);

impl Shared {
    pub fn new(device: SimulatedCell) -> Shared {
        Shared(Arc::new(Mutex::new(device)))
    }

    #[allow(dead_code, reason = "not every test looks inside")]
    /// The device itself.
    pub fn lock(&self) -> MutexGuard<'_, SimulatedCell> {
        self.0.lock().unwrap()
    }
}

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

    fn restart(&mut self) -> Result<MemoryAfter, LinkError> {
        self.0.lock().unwrap().restart()
    }

    fn alive(&mut self) -> bool {
        self.0.lock().unwrap().alive()
    }
}

#[allow(dead_code, reason = "not every test has random cases")]
/// The seeds to run: `cases` of them, unless the environment names one or another number.
pub fn seeds(cases: u64) -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let count = number("MYELIN_CASES").unwrap_or(cases);
    number("MYELIN_SEED").map_or(0..count, |seed| seed..seed + 1)
}

/// Holds a case's answers against golden, and the stamps and counters against the prediction.
pub fn agrees(case: &Case, program: Program, device: &Shared) {
    let at = format!("seed {} on {}", case.seed, device.info().selector);
    let (symbol, params) = export::cvm(&case.graph);
    let golden = Model::parse(&symbol, &params).unwrap();
    let predicted = program.prediction.clone();
    let mut session = Session::load(device.clone(), program).unwrap_or_else(|error| panic!("{at}: {error}"));
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
