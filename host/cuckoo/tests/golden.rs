//! Random graphs: what the solver leaves and finds is what golden leaves and finds.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::{ALGORITHMS, options, solver};
use myelin_cuckoo::{Algorithm, Cancel, Event, Keys, Parameters, Path, Sip, Variant, find_proofs, is_proof};
use myelin_golden::cuckoo as golden;

/// Steele, Lea and Flood's generator.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

struct Case {
    parameters: Parameters,
    keys: Keys,
    graph: golden::Graph,
    size: golden::ProofSize,
    name: String,
}

fn case(variant: Variant, sip: Sip, edge_bits: u32, size: usize, seed: u64) -> Case {
    let mut random = SplitMix64(seed);
    let keys = [(); 4].map(|()| random.next());
    let golden_variant = golden::Variant::from_name(variant.name()).unwrap();
    let golden_sip = match sip {
        Sip::TwoFour => golden::Sip::TwoFour,
        Sip::FourEight => golden::Sip::FourEight,
    };
    let bits = golden::EdgeBits::new(edge_bits).unwrap();
    Case {
        parameters: Parameters::new(variant, sip, edge_bits, size).unwrap(),
        keys: Keys(keys),
        graph: golden::Graph::new(golden_variant, golden_sip, bits, golden::Keys(keys)),
        size: golden::ProofSize::new(size).unwrap(),
        name: format!("{} {sip:?} {edge_bits} bits, size {size}, seed {seed}", variant.name()),
    }
}

/// Keys, sizes and hashes of every kind; `per_variant` of each variant.
fn cases(per_variant: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for variant in Variant::ALL {
        for seed in 0..per_variant {
            let sip = if seed.is_multiple_of(2) { Sip::TwoFour } else { Sip::FourEight };
            let edge_bits = 10 + (seed / 2 % 7) as u32;
            let size = [2, 4, 6, 8, 10, 12, 42][(seed % 7) as usize];
            cases.push(case(variant, sip, edge_bits, size, seed));
        }
    }
    cases
}

#[test]
fn survivors_of_every_round_are_golden_s() {
    for case in cases(7) {
        let mut trimmer = golden::Trimmer::new(&case.graph);
        for rounds in 1..=9 {
            trimmer.round();
            if ![1, 2, 5, 8, 9].contains(&rounds) {
                continue;
            }
            for algorithm in ALGORITHMS {
                for path in Path::available() {
                    let mut solver = solver(&case.parameters, &options(algorithm, path, 1 + rounds as usize % 2));
                    let survivors = solver.survivors(&case.keys, rounds, &Cancel::new()).unwrap();
                    assert_eq!(survivors, trimmer.survivors(), "{}: {rounds}, {algorithm:?}, {path}", case.name);
                }
            }
        }
    }
}

#[test]
fn cycles_found_are_golden_s() {
    let mut found = 0;
    for case in cases(42) {
        let mut trimmer = golden::Trimmer::new(&case.graph);
        for _ in 0..60 {
            trimmer.round();
        }
        let expected = golden::find_cycles(&case.graph, &trimmer.survivors(), case.size);
        let among = find_proofs(&case.parameters, &case.keys, &trimmer.survivors(), &Cancel::new());
        assert_eq!(among.as_ref(), Ok(&expected), "{}", case.name);
        for (algorithm, path, threads) in [
            (Algorithm::Auto, Path::fastest(), 1),
            (Algorithm::Mean, Path::Portable, 2),
            (Algorithm::Lean, Path::fastest(), 3),
        ] {
            let mut solver = solver(&case.parameters, &options(algorithm, path, threads));
            let mut core = None;
            let mut note = |event| {
                if let Event::Core { edges } = event {
                    core = Some(edges as usize);
                }
            };
            let proofs = solver.solve(&case.keys, &Cancel::new(), &mut note).unwrap();
            assert_eq!(proofs, expected, "{}: {algorithm:?}, {path}", case.name);
            let two_core = golden::two_core(&case.graph, &trimmer.survivors());
            assert_eq!(core, Some(two_core.len()), "{}: {algorithm:?}, {path}", case.name);
            // The same solver finds the same again.
            assert_eq!(solver.solve(&case.keys, &Cancel::new(), &mut |_| {}).unwrap(), proofs);
        }
        found += expected.len();
    }
    assert!(found > 50, "{found} cycles");
}

#[test]
fn the_plain_check_agrees_with_golden() {
    for case in cases(21) {
        let all: Vec<u64> = (0..case.parameters.edge_count()).collect();
        let mut trimmer = golden::Trimmer::new(&case.graph);
        for _ in 0..60 {
            trimmer.round();
        }
        let mut random = SplitMix64(case.keys.0[0]);
        let proofs = golden::find_cycles(&case.graph, &trimmer.survivors(), case.size);
        for proof in &proofs {
            assert!(is_proof(&case.parameters, &case.keys, proof), "{}", case.name);
        }
        // Mutations, and choices among survivors.
        let survivors = trimmer.survivors();
        for attempt in 0..60 {
            let mut proof: Vec<u64> = match proofs.first() {
                Some(proof) if attempt % 2 == 0 => proof.clone(),
                _ => (0..case.size.get()).map(|_| *pick(&survivors, &all, &mut random)).collect(),
            };
            let at = random.next() as usize % proof.len();
            proof[at] = *pick(&survivors, &all, &mut random);
            if attempt % 5 != 0 {
                proof.sort_unstable();
            }
            let expected = golden::verify(&case.graph, case.size, &proof).is_valid();
            assert_eq!(is_proof(&case.parameters, &case.keys, &proof), expected, "{}: {proof:?}", case.name);
        }
    }
}

fn pick<'a>(survivors: &'a [u64], all: &'a [u64], random: &mut SplitMix64) -> &'a u64 {
    let from = if survivors.is_empty() || random.next().is_multiple_of(8) { all } else { survivors };
    &from[random.next() as usize % from.len()]
}
