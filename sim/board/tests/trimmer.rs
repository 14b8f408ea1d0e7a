//! Simulated edge-trimming cores behind a session, against golden.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use myelin_board::{SimulatedCell, SimulatedTrimmer, SimulationOptions};
use myelin_driver::{Deadlines, DriverError, Link, LinkError, TrimmerSelector, TrimmerSession};
use myelin_golden::cuckoo as golden;
use myelin_isa::cuckoo::{Core, Sip, Variant};
use myelin_isa::{Architecture, Precision};

fn simulated(core: Core) -> SimulatedTrimmer {
    SimulatedTrimmer::new(core, SimulationOptions::default()).unwrap()
}

fn core(variant: Variant, edge_bits: u32) -> Core {
    Core::new(variant, Sip::FourEight, edge_bits, 2).unwrap()
}

#[test]
fn a_session_trims_as_golden_does_graph_after_graph() {
    for variant in Variant::ALL {
        let mut session = TrimmerSession::open(simulated(core(variant, 11)), core(variant, 11)).unwrap();
        for (seed, rounds) in [(1, 1), (2, 60), (3, 7)] {
            let keys = [seed, 20, 30, 40];
            let found = session.trim(keys, rounds).unwrap();
            let golden_variant = golden::Variant::from_name(variant.name()).unwrap();
            let bits = golden::EdgeBits::new(11).unwrap();
            let graph = golden::Graph::new(golden_variant, golden::Sip::FourEight, bits, golden::Keys(keys));
            let mut trimmer = golden::Trimmer::new(&graph);
            let expected: Vec<u32> = (0..rounds).map(|_| trimmer.round() as u32).collect();
            assert_eq!((found.alive, found.survivors), (expected, trimmer.survivors()), "{variant}, seed {seed}");
            assert!(found.round_ends.is_sorted() && found.counters.cycles > *found.round_ends.last().unwrap());
        }
    }
}

#[test]
fn the_selector_that_a_core_reports_opens_the_same_core() {
    for (lanes, name) in [(2, "sim:cuckoo-11:2"), (4, "sim:cuckoo-11")] {
        let core = Core::new(Variant::Cuckaroo, Sip::TwoFour, 11, lanes).unwrap();
        let reported = simulated(core).info().selector;
        assert_eq!(reported, name);
        let opened = reported.parse::<TrimmerSelector>().unwrap().core(Variant::Cuckaroo, Sip::TwoFour);
        assert_eq!(opened, Some(Ok(core)));
    }
}

#[test]
fn another_device_is_refused() {
    let wanted = core(Variant::Cuckaroo, 11);
    let refused = |found: Core| TrimmerSession::open(simulated(found), wanted).err();
    assert!(matches!(refused(core(Variant::Cuckarood, 11)), Some(DriverError::OtherTrimmer { .. })));
    assert!(matches!(refused(core(Variant::Cuckaroo, 12)), Some(DriverError::OtherTrimmer { .. })));
    let banks = wanted.with_banks(8).unwrap();
    assert!(matches!(refused(banks), Some(DriverError::OtherSpecification { .. })));
    let cell = Architecture::new(4, 4, Precision::Int8).unwrap();
    let cell = SimulatedCell::new(cell, SimulationOptions::default()).unwrap();
    assert!(matches!(TrimmerSession::open(cell, wanted).err(), Some(DriverError::NotATrimmer { .. })));
}

#[test]
fn a_crowded_graph_is_an_error_and_the_next_is_trimmed() {
    let small = Core::new(Variant::Cuckatoo, Sip::TwoFour, 10, 1).unwrap().with_list_entries(16).unwrap();
    let mut session = TrimmerSession::open(simulated(small), small).unwrap();
    let outcomes: Vec<_> = (0..100).map(|seed| session.trim([seed, 2, 3, 4], 30)).collect();
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(DriverError::Crowded { .. }))));
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(DriverError::Crowded { .. }))));
    assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() > 50);
}

#[test]
fn a_run_beyond_its_deadline_poisons_the_session_until_it_is_recovered() {
    let core = core(Variant::Cuckaroo, 14);
    let deadlines = Deadlines { run: Duration::ZERO, ..Deadlines::default() };
    let mut session = TrimmerSession::open_with(simulated(core), core, deadlines).unwrap();
    let late = session.trim([1, 2, 3, 4], 5);
    assert!(matches!(late, Err(DriverError::Link { source: LinkError::Timeout { .. }, .. })), "{late:?}");
    assert!(matches!(session.trim([1, 2, 3, 4], 5), Err(DriverError::Poisoned { .. })));
    session.recover().unwrap();
    assert!(session.link_mut().alive());
    assert!(
        session.link_mut().read32(1).is_err() && session.link_mut().read_at(u64::MAX, &mut [0], Duration::MAX).is_err()
    );
}
