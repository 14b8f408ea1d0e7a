//! What a simulated cell says of itself and how it fails.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_driver::{FailedCheck, Link, LinkError, MemoryAfter, Selector};
use myelin_isa::{Architecture, Precision, register};
use myelin_sim::FailureTrace;

#[test]
fn the_selector_a_cell_reports_opens_the_same_cell() {
    for (precision, name) in [(Precision::Int8, "sim:4x5"), (Precision::Int6, "sim:4x5:int6")] {
        let architecture = Architecture::new(4, 5, precision).unwrap();
        let cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
        let reported = cell.info().selector;
        assert_eq!(reported, name);
        assert_eq!(reported.parse::<Selector>().unwrap(), Selector::simulated(architecture));
    }
}

/// Breaks the first FIFO of a cell from behind and reads a register until the check of its level sees it.
fn fail(waves: Option<PathBuf>) -> (FailedCheck, u64) {
    let architecture = Architecture::new(4, 5, Precision::Int8).unwrap();
    let mut cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
    if let Some(path) = waves {
        cell.simulator().keep_failure_waves(FailureTrace::to(path).cycles(8)).unwrap();
    }
    for _ in 0..20 {
        cell.read32(register::ID).unwrap();
    }
    let (_, head) = cell.simulator().registers().into_iter().find(|(path, _)| path.ends_with(".head_q")).unwrap();
    cell.simulator().poke_register(head, head.ty().mask());
    let cycle = cell.cycle();
    match cell.read32(register::ID) {
        Err(LinkError::CheckFailed { operation: "read register", failure }) => (*failure, cycle),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failing_check_says_what_failed_and_when_and_where_its_waves_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failure.fst");
    let (failure, cycle) = fail(Some(path.clone()));
    assert!(failure.check.starts_with("tensor_cell."), "{failure:?}");
    assert!(failure.check.ends_with(".level_is_at_most_depth"), "{failure:?}");
    assert!(failure.message.contains(&failure.check) && failure.message.contains("fifo.rs"), "{failure:?}");
    assert_eq!(failure.cycle, cycle);
    assert_eq!(failure.waves, Some(path.clone()));
    // The clock of the failing cycle, and of the seven before it.
    let waves = wellen::simple::read(&path).unwrap();
    let times = waves.time_table();
    assert_eq!(times.first(), Some(&(10 * (cycle - 7))));
    assert!(times.contains(&(10 * cycle + 5)), "{times:?}");
}

#[test]
fn a_failing_check_without_waves_names_none() {
    let (failure, cycle) = fail(None);
    assert_eq!((failure.waves, failure.cycle), (None, cycle));
}

#[test]
fn a_restart_keeps_memory_and_a_reset_does_not() {
    let architecture = Architecture::new(4, 5, Precision::Int8).unwrap();
    let mut cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
    let deadline = std::time::Duration::from_secs(1);
    let mut held = [0; 3];
    cell.write_at(100, &[1, 2, 3], deadline).unwrap();
    assert_eq!(cell.restart().unwrap(), MemoryAfter::Kept);
    cell.read_at(100, &mut held, deadline).unwrap();
    assert_eq!(held, [1, 2, 3]);
    cell.reset().unwrap();
    cell.read_at(100, &mut held, deadline).unwrap();
    assert_eq!(held, [0; 3]);
}
