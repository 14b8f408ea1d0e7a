//! The benchmark's designs under our engines and under whatever Verilator there is, small and
//! short: every output is compared, nothing is timed. So the benchmark cannot rot.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Duration;

use myelin_bench::child::Child;
use myelin_bench::measure::{Effort, measure};
use myelin_bench::rows::contest::Outcome;
use myelin_bench::rows::{array, cell, growth, irregular, trace, trimmer};
use myelin_bench::subject::{Ours, Subject};
use myelin_bench::verilator::Verilator;
use myelin_bench::{BenchError, designs};
use myelin_conformance::cosim::CxxOptimisation;
use myelin_conformance::tools::{Tool, available};
use myelin_sim::Engine;

/// A few hundred cycles.
const EFFORT: Effort = Effort { rounds: 1, turn: Duration::from_millis(1), compared_cycles: 300 };

/// The system's Verilator, unless that is missing: then nothing, visibly.
fn verilator() -> Option<Verilator> {
    available("the benchmark against Verilator, small", &[Tool::Verilator, Tool::Cxx]).then(|| {
        let mut found = Verilator::of_the_system().unwrap();
        found.optimisation = CxxOptimisation::Quick;
        found
    })
}

fn everybody_took_part(outcome: &Outcome, models: usize) {
    assert_eq!(outcome.rates.len(), 2 + models, "{outcome:?}");
    assert!(outcome.rates.iter().all(|rate| rate.cycles >= EFFORT.compared_cycles), "{outcome:?}");
}

#[test]
fn arrays_by_hand_and_emitted_compute_what_our_engines_compute() {
    let Some(verilator) = verilator() else { return };
    everybody_took_part(&array::systolic(4, &verilator, EFFORT).unwrap(), 7);
    everybody_took_part(&array::tensor(4, &verilator, EFFORT).unwrap(), 2);
}

#[test]
fn a_cell_replays_the_digits_model_with_the_same_outputs() {
    let Some(verilator) = verilator() else { return };
    everybody_took_part(&cell::one(4, &verilator, EFFORT).unwrap(), 2);
}

#[test]
fn an_edge_trimming_core_trims_with_the_same_outputs() {
    let Some(verilator) = verilator() else { return };
    everybody_took_part(&trimmer::one(10, 1, &verilator, EFFORT).unwrap(), 2);
}

#[test]
fn irregular_designs_compute_what_our_engines_compute() {
    let Some(verilator) = verilator() else { return };
    for named in irregular::DESIGNS {
        everybody_took_part(&irregular::one(named, &verilator, EFFORT).unwrap(), 2);
    }
}

#[test]
fn irregular_designs_do_something() {
    for (name, design) in irregular::DESIGNS {
        let design = design().unwrap();
        let mut ours = Ours::new(&design, Engine::Compiled, &designs::irregular::drive()).unwrap();
        let sim = ours.simulator();
        sim.steps(200_000).unwrap();
        let idle: Vec<String> = (design.top().outputs.iter())
            .filter(|port| sim.output(&port.name).map(|output| sim.peek(output)).unwrap() == 0)
            .map(|port| port.name.clone())
            .collect();
        assert!(idle.is_empty(), "{name}: signatures of nothing at {idle:?}");
    }
}

#[test]
fn a_different_answer_is_an_error_that_says_who_and_when() {
    struct Liar(Ours, u64);
    impl Subject for Liar {
        fn name(&self) -> &str {
            "liar"
        }
        fn run(&mut self, cycles: u64) -> Result<(Duration, u64), BenchError> {
            self.1 += cycles;
            self.0.run(cycles).map(|(took, digest)| (took, digest ^ u64::from(self.1 == 17)))
        }
    }
    let (design, drive) = (designs::systolic::design(4, 4).unwrap(), designs::systolic::drive(4, 4));
    let ours = || Ours::new(&design, Engine::Compiled, &drive).unwrap();
    let mut subjects: Vec<Box<dyn Subject>> = vec![Box::new(ours()), Box::new(Liar(ours(), 0))];
    match measure("array", &mut subjects, EFFORT) {
        Err(BenchError::Disagreement { cycles: 17, first, second, .. }) => {
            assert_eq!((first.as_str(), second.as_str()), ("Cranelift", "liar"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn growth_and_waves_are_measured() {
    let child = Child { program: PathBuf::from(env!("CARGO_BIN_EXE_myelin-bench")) };
    let (section, targets) = growth::run(&[4, 8], &child, EFFORT).unwrap();
    assert_eq!((section.lines.len(), targets.len()), (2, 2), "{section}");
    let (section, targets) = trace::run(4, EFFORT).unwrap();
    assert_eq!((section.lines.len(), targets.len()), (4, 2), "{section}");
}
