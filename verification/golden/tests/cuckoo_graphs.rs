//! The Cuckoo Cycle family on random small graphs: finding and verifying agree with each other.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::SplitMix64;
use myelin_golden::cuckoo::{
    EdgeBits, Graph, Keys, ProofSize, RangeError, Sip, Trimmer, Variant, Verdict, find_cycles, two_core, verify,
};

fn random_graph(variant: Variant, bits: u32, seed: u64) -> Graph {
    let mut random = SplitMix64(seed);
    let keys = Keys([(); 4].map(|()| random.next()));
    let sip = if seed.is_multiple_of(2) { Sip::TwoFour } else { Sip::FourEight };
    Graph::new(variant, sip, EdgeBits::new(bits).unwrap(), keys)
}

fn trimmed(graph: &Graph, rounds: u32) -> Vec<u64> {
    let mut trimmer = Trimmer::new(graph);
    for _ in 0..rounds {
        trimmer.round();
    }
    trimmer.survivors()
}

#[test]
fn every_cycle_found_is_a_valid_proof() {
    for variant in Variant::ALL {
        let mut found = 0;
        for seed in 0..60 {
            let graph = random_graph(variant, 8, seed);
            let survivors = trimmed(&graph, 30);
            for edges in [2, 4, 6, 8, 10, 12, 14] {
                let size = ProofSize::new(edges).unwrap();
                for cycle in find_cycles(&graph, &survivors, size) {
                    assert_eq!(verify(&graph, size, &cycle), Verdict::Valid, "{} seed {seed}", variant.name());
                    found += 1;
                }
            }
        }
        assert!(found > 20, "{}: {found} cycles", variant.name());
    }
}

/// All ascending choices of `count` of these edges.
fn choices(edges: &[u64], count: usize) -> Vec<Vec<u64>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let with_first = |(position, &first): (usize, &u64)| {
        let rest = choices(&edges[position + 1..], count - 1);
        rest.into_iter().map(move |rest| [vec![first], rest].concat()).collect::<Vec<_>>()
    };
    edges.iter().enumerate().flat_map(with_first).collect()
}

#[test]
fn every_valid_proof_of_four_edges_is_found() {
    for variant in Variant::ALL {
        let mut found = 0;
        for seed in 0..200 {
            let graph = random_graph(variant, 5, seed);
            let size = ProofSize::new(4).unwrap();
            let all: Vec<u64> = (0..32).collect();
            let cycles = find_cycles(&graph, &all, size);
            // Trimming finds the same, so only a core's choices need judging; and it is no shorter.
            let core = two_core(&graph, &all);
            let mut expected = choices(&core, 4);
            expected.retain(|proof| verify(&graph, size, proof).is_valid());
            assert_eq!(cycles, expected, "{} seed {seed}", variant.name());
            found += cycles.len();
        }
        assert!(found > 3, "{}: {found} cycles", variant.name());
    }
}

#[test]
fn trimming_never_removes_an_edge_of_a_cycle_and_ends_at_the_two_core() {
    for variant in Variant::ALL {
        for seed in 0..8 {
            let graph = random_graph(variant, 9, seed);
            let all: Vec<u64> = (0..512).collect();
            // Two rounds without change are the end for every variant.
            let mut trimmer = Trimmer::new(&graph);
            let mut last = [u64::MAX, u64::MAX - 1];
            loop {
                let count = trimmer.round();
                if last == [count, count] {
                    break;
                }
                last = [last[1], count];
            }
            assert_eq!(trimmer.survivors(), two_core(&graph, &all), "{} seed {seed}", variant.name());
        }
    }
}

#[test]
fn verdicts_on_random_choices_are_those_of_no_cycle() {
    for variant in Variant::ALL {
        for seed in 0..300 {
            let graph = random_graph(variant, 6, seed);
            let mut random = SplitMix64(seed ^ 0xabcd);
            let mut proof: Vec<u64> = (0..6).map(|_| random.next() % 66).collect();
            if !seed.is_multiple_of(3) {
                proof.sort_unstable();
            }
            let size = ProofSize::new(6).unwrap();
            let verdict = verify(&graph, size, &proof);
            let all: Vec<u64> = (0..64).collect();
            assert_eq!(verdict.is_valid(), find_cycles(&graph, &all, size).contains(&proof), "seed {seed}");
            let ascending = proof.is_sorted_by(|a, b| a < b);
            if !ascending {
                assert!(matches!(verdict, Verdict::NotAscending | Verdict::TooBig | Verdict::Unbalanced), "{verdict}");
            } else if proof[5] >= 64 {
                assert!(matches!(verdict, Verdict::TooBig | Verdict::Unbalanced), "{verdict}");
            }
        }
    }
}

#[test]
fn every_walk_ends_though_cuckarood_can_lead_past_its_beginning() {
    // Cuckarood only: two even edges of a node lead to one odd edge, of which only one leads back.
    let mut branches = 0;
    for seed in 0..400 {
        let graph = random_graph(Variant::Cuckarood, 4, seed);
        let all: Vec<u64> = (0..16).collect();
        for proof in choices(&all, 4) {
            branches += usize::from(verify(&graph, ProofSize::new(4).unwrap(), &proof) == Verdict::Branch);
        }
    }
    assert!(branches > 0);
}

#[test]
fn numbers_that_name_no_graph_are_refused() {
    assert_eq!(EdgeBits::new(3), Err(RangeError::EdgeBits { found: 3 }));
    assert_eq!(EdgeBits::new(41), Err(RangeError::EdgeBits { found: 41 }));
    for found in [0, 1, 3, 41, 258] {
        assert_eq!(ProofSize::new(found), Err(RangeError::ProofSize { found }));
    }
    for variant in Variant::ALL {
        assert_eq!(Variant::from_name(variant.name()), Some(variant));
    }
    assert_eq!(Variant::from_name("cuckoos"), None);
}
