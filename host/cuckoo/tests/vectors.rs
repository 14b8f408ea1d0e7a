//! Every path of this machine and both ways of trimming against `verification/vectors/cuckoo.json` and
//! `cortex.json`.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::{ALGORITHMS, numbers, options, parameters, solver, vectors};
use myelin_cuckoo::{Cancel, Event, Keys, Parameters, Path, is_proof};
use serde_json::Value;

fn keys(case: &Value) -> Keys {
    let words: Vec<u64> = case["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| u64::from_str_radix(word.as_str().unwrap(), 16).unwrap())
        .collect();
    Keys(words.try_into().unwrap())
}

#[test]
fn every_round_leaves_as_many_edges_as_recorded() {
    let vectors = vectors("cuckoo.json");
    for case in vectors["trim_traces"].as_array().unwrap() {
        let expected = numbers(&case["alive_after_round"]);
        for path in Path::available() {
            for algorithm in ALGORITHMS {
                for threads in [1, 3] {
                    let mut found = Vec::new();
                    let mut solver = solver(&parameters(case, 42), &options(algorithm, path, threads));
                    let mut note = |event| {
                        if let Event::Round { round, alive } = event {
                            assert_eq!(round as usize, found.len());
                            found.push(alive);
                        }
                    };
                    let alive = solver.trim(&keys(case), expected.len() as u32, &Cancel::new(), &mut note).unwrap();
                    let case = &case["variant"];
                    assert_eq!(found, expected, "{case} on {path}, {algorithm:?}, {threads} threads");
                    assert_eq!(Some(&alive), expected.last());
                }
            }
        }
    }
}

#[test]
fn the_recorded_proofs_are_found() {
    let vectors = vectors("cuckoo.json");
    let cases = vectors["proofs"].as_array().unwrap().iter();
    let mut found = 0;
    for case in cases.filter(|case| case["verify"] == "OK" && case["edge_bits"].as_u64().unwrap() <= 19) {
        let size = case["proof_size"].as_u64().unwrap() as usize;
        for path in Path::available() {
            for algorithm in ALGORITHMS {
                let mut solver = solver(&parameters(case, size), &options(algorithm, path, 2));
                let proofs = solver.solve(&keys(case), &Cancel::new(), &mut |_| {}).unwrap();
                assert!(proofs.contains(&numbers(&case["proof"])), "{case} on {path}, {algorithm:?}");
                found += 1;
            }
        }
    }
    assert!(found >= 40, "{found} proofs");
}

#[test]
fn the_plain_check_says_what_was_recorded() {
    let vectors = vectors("cuckoo.json");
    for case in vectors["proofs"].as_array().unwrap() {
        // Larger graphs than the solver has are golden's alone.
        if case["edge_bits"].as_u64().unwrap() <= 32 {
            let size = case["proof_size"].as_u64().unwrap() as usize;
            let found = is_proof(&parameters(case, size), &keys(case), &numbers(&case["proof"]));
            assert_eq!(found, case["verify"] == "OK", "{case}");
        }
    }
    let cortex = common::vectors("cortex.json");
    for case in cortex["proofs"].as_array().unwrap() {
        let mut proof = numbers(&case["proof"]);
        assert!(is_proof(&Parameters::CORTEX, &keys(case), &proof));
        proof[41] ^= 1;
        assert!(!is_proof(&Parameters::CORTEX, &keys(case), &proof));
    }
}

#[test]
fn headers_give_the_recorded_keys() {
    for case in vectors("cuckoo.json")["keys"].as_array().unwrap() {
        let hex = case["header_hex"].as_str().unwrap();
        let header: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        assert_eq!(Keys::of_header(&header), keys(case));
    }
}
