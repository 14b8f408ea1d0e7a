//! Every recorded proof's graph on the simulated core: after each round as many edges as golden leaves, the same
//! survivors, and among those the same cycles as the solver on the CPU finds.
//!
//! Graphs up to 15 edge bits, or as large as `MYELIN_CUCKOO_BITS` says; from 20 on, one of 20 bits of each variant,
//! too:
//! ```sh
//! MYELIN_CUCKOO_BITS=20 cargo test --release -p myelin-board --test trimmer_vectors -- --nocapture
//! ```

#![allow(clippy::unwrap_used)]

use myelin_board::{SimulatedTrimmer, SimulationOptions};
use myelin_cuckoo::{Cancel, Options, Parameters, Solver, find_proofs};
use myelin_driver::TrimmerSession;
use myelin_golden::cuckoo as golden;
use myelin_isa::cuckoo::{Core, Sip, Variant};
use serde_json::Value;

/// Rounds on the core; its list has room for what they leave.
const ROUNDS: u16 = 90;

/// A graph, and a proof that it is known to have.
struct Case {
    variant: Variant,
    sip: Sip,
    edge_bits: u32,
    proof_size: usize,
    keys: [u64; 4],
    proof: Option<Vec<u64>>,
}

/// The recorded proofs that are valid, of variants that the core has.
fn recorded(largest: u32) -> Vec<Case> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verification/vectors/cuckoo.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut cases = Vec::new();
    for case in vectors["proofs"].as_array().unwrap().iter().filter(|case| case["verify"] == "OK") {
        let variant = Variant::ALL.into_iter().find(|variant| case["variant"] == variant.name());
        let edge_bits = case["edge_bits"].as_u64().unwrap() as u32;
        let (Some(variant), true) = (variant, edge_bits <= largest) else { continue };
        let word = |value: &Value| u64::from_str_radix(value.as_str().unwrap(), 16).unwrap();
        let keys: Vec<u64> = case["keys"].as_array().unwrap().iter().map(word).collect();
        let proof = case["proof"].as_array().unwrap().iter().map(|edge| edge.as_u64().unwrap()).collect();
        cases.push(Case {
            variant,
            sip: Sip::TwoFour,
            edge_bits,
            proof_size: case["proof_size"].as_u64().unwrap() as usize,
            keys: keys.try_into().unwrap(),
            proof: Some(proof),
        });
    }
    cases
}

/// Holds the core against golden and the solver; answers the core's cycles.
fn check(case: &Case) -> u32 {
    let core = Core::new(case.variant, case.sip, case.edge_bits, 4).unwrap();
    let name = format!("{core}, keys {:x?}", case.keys);
    let trimmer = SimulatedTrimmer::new(core, SimulationOptions::default()).unwrap();
    let found = TrimmerSession::open(trimmer, core).unwrap().trim(case.keys, ROUNDS).unwrap();

    let variant = golden::Variant::from_name(case.variant.name()).unwrap();
    let (golden_sip, cpu_sip) = match case.sip {
        Sip::TwoFour => (golden::Sip::TwoFour, myelin_cuckoo::Sip::TwoFour),
        Sip::FourEight => (golden::Sip::FourEight, myelin_cuckoo::Sip::FourEight),
    };
    let bits = golden::EdgeBits::new(case.edge_bits).unwrap();
    let graph = golden::Graph::new(variant, golden_sip, bits, golden::Keys(case.keys));
    let mut trimmer = golden::Trimmer::new(&graph);
    let expected: Vec<u32> = (0..ROUNDS).map(|_| trimmer.round() as u32).collect();
    assert_eq!(found.alive, expected, "{name}");
    assert_eq!(found.survivors, trimmer.survivors(), "{name}");

    let variant = myelin_cuckoo::Variant::from_name(case.variant.name()).unwrap();
    let parameters = Parameters::new(variant, cpu_sip, case.edge_bits, case.proof_size).unwrap();
    let keys = myelin_cuckoo::Keys(case.keys);
    let proofs = find_proofs(&parameters, &keys, &found.survivors, &Cancel::new()).unwrap();
    let mut solver = Solver::new(parameters, &Options::default()).unwrap();
    assert_eq!(proofs, solver.solve(&keys, &Cancel::new(), &mut |_| {}).unwrap(), "{name}");
    if let Some(proof) = &case.proof {
        assert!(proofs.contains(proof), "{name}: the recorded proof is not among {proofs:?}");
    }
    found.counters.cycles
}

#[test]
fn recorded_graphs_are_trimmed_as_golden_does_and_their_proofs_found() {
    let largest = std::env::var("MYELIN_CUCKOO_BITS").map_or(15, |bits| bits.parse().unwrap());
    let mut cases = recorded(largest);
    assert!(cases.len() >= 4, "{} recorded graphs", cases.len());
    if largest >= 20 {
        for variant in Variant::ALL {
            for sip in [Sip::TwoFour, Sip::FourEight] {
                let keys = [20, 30, 40, 50];
                cases.push(Case { variant, sip, edge_bits: 20, proof_size: 42, keys, proof: None });
            }
        }
    }
    for case in cases {
        let cycles = check(&case);
        println!("{} {:?}, {} edge bits: {cycles} cycles", case.variant, case.sip, case.edge_bits);
    }
}
