//! Memory limits, cancelling, and refusals.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::num::NonZeroUsize;

use myelin_cuckoo::{Algorithm, Cancel, Error, Event, Keys, Options, Parameters, Sip, Solver, Variant};

const GIB: u64 = 1 << 30;

fn parameters(variant: Variant, edge_bits: u32) -> Parameters {
    Parameters::new(variant, Sip::TwoFour, edge_bits, 42).unwrap()
}

fn options(algorithm: Algorithm, memory_limit: u64) -> Options {
    Options { threads: NonZeroUsize::new(2).unwrap(), memory_limit, algorithm, path: None }
}

fn solver(parameters: Parameters, algorithm: Algorithm, memory_limit: u64) -> Solver {
    Solver::new(parameters, &options(algorithm, memory_limit)).unwrap()
}

#[test]
fn thirty_bits_fit_8_gigabytes_and_2_gigabytes() {
    let eight = Solver::plan(&Parameters::CORTEX, &options(Algorithm::Auto, 8 * GIB)).unwrap();
    assert!(eight.bytes <= 8 * GIB && !eight.begins_lean);
    let two = Solver::plan(&Parameters::CORTEX, &options(Algorithm::Auto, 2 * GIB)).unwrap();
    assert!(two.bytes <= 2 * GIB && two.begins_lean);
}

#[test]
fn every_graph_is_refused_or_planned_within_the_limit() {
    for variant in Variant::ALL {
        for edge_bits in 10..=32 {
            let parameters = parameters(variant, edge_bits);
            for algorithm in [Algorithm::Auto, Algorithm::Mean, Algorithm::Lean] {
                for limit in [16, 20, 24, 28, 30, 33].map(|shift| 1 << shift) {
                    match Solver::plan(&parameters, &options(algorithm, limit)) {
                        Ok(plan) => assert!(plan.bytes <= limit, "{plan:?}"),
                        Err(Error::Memory { needed, limit: given, .. }) => {
                            assert!(needed > limit && given == limit);
                            // What is said to be needed is enough.
                            assert!(Solver::plan(&parameters, &options(algorithm, needed)).is_ok());
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
    }
}

#[test]
fn a_refusal_says_what_would_do() {
    let error = Solver::new(Parameters::CORTEX, &options(Algorithm::Mean, GIB)).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("cuckaroo with 30 edge bits") && message.contains("limit is 1073741824"), "{message}");
    assert!(!error.is_transient());
}

#[test]
fn what_is_found_does_not_depend_on_the_memory() {
    let parameters = Parameters::new(Variant::Cuckatoo, Sip::TwoFour, 15, 42).unwrap();
    let header = {
        let mut header = [0u8; 80];
        header[76] = 4;
        header
    };
    let keys = Keys::of_header(&header);
    let mut sizes = Vec::new();
    let mut proofs = Vec::new();
    for limit in [300 << 10, 400 << 10, 500 << 10, 8 << 20] {
        if let Ok(mut solver) = Solver::new(parameters, &Options { memory_limit: limit, ..Options::default() }) {
            sizes.push(solver.memory().bytes);
            proofs.push(solver.solve(&keys, &Cancel::new(), &mut |_| {}).unwrap());
        }
    }
    assert!(sizes.len() >= 2 && sizes.first() < sizes.last(), "{sizes:?}");
    assert_eq!(proofs[0].len(), 1);
    assert!(proofs.iter().all(|found| *found == proofs[0]));
}

#[test]
fn a_search_ends_when_it_is_cancelled_and_the_solver_works_on() {
    for (variant, algorithm) in [(Variant::Cuckatoo, Algorithm::Mean), (Variant::Cuckarooz, Algorithm::Lean)] {
        let mut solver = solver(parameters(variant, 16), algorithm, GIB);
        let keys = Keys([1, 2, 3, 4]);
        let expected = solver.solve(&keys, &Cancel::new(), &mut |_| {}).unwrap();
        for at in [0, 1, 5] {
            let cancel = Cancel::new();
            let mut rounds = 0;
            let mut stop = |event| {
                if let Event::Round { round, .. } = event {
                    rounds += 1;
                    if round == at {
                        cancel.cancel();
                    }
                }
            };
            assert_eq!(solver.solve(&keys, &cancel, &mut stop), Err(Error::Cancelled));
            assert_eq!(rounds, at + 1, "no round ends after the one that was cancelled");
        }
        let cancelled = Cancel::new();
        cancelled.clone().cancel();
        assert_eq!(solver.solve(&keys, &cancelled, &mut |_| panic!("no event")), Err(Error::Cancelled));
        assert_eq!(solver.solve(&keys, &Cancel::new(), &mut |_| {}).unwrap(), expected);
    }
}

#[test]
fn a_search_of_a_large_graph_is_cancelled_from_another_thread() {
    for algorithm in [Algorithm::Mean, Algorithm::Lean] {
        let mut solver = solver(parameters(Variant::Cuckaroo, 26), algorithm, 2 * GIB);
        let cancel = Cancel::new();
        let switch = cancel.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            switch.cancel();
        });
        let mut rounds = 0;
        let ended = solver.solve(&Keys([1, 2, 3, 4]), &cancel, &mut |_| rounds += 1);
        thread.join().unwrap();
        // The first round alone takes many times as long as the pause.
        assert_eq!((ended, rounds), (Err(Error::Cancelled), 0));
    }
}

#[test]
fn sizes_that_are_none_are_refused() {
    let new = |edge_bits, size| Parameters::new(Variant::Cuckoo, Sip::TwoFour, edge_bits, size);
    assert_eq!(new(9, 42), Err(Error::EdgeBits { found: 9 }));
    assert_eq!(new(33, 42), Err(Error::EdgeBits { found: 33 }));
    assert_eq!(new(20, 41), Err(Error::ProofSize { found: 41 }));
    assert_eq!(new(20, 0), Err(Error::ProofSize { found: 0 }));
    let threads = NonZeroUsize::new(1025).unwrap();
    let refused = Solver::new(parameters(Variant::Cuckoo, 10), &Options { threads, ..Options::default() });
    assert_eq!(refused.unwrap_err(), Error::Threads { found: 1025 });
}
