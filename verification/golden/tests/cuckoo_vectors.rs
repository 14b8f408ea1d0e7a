//! The Cuckoo Cycle family against `verification/vectors/cuckoo.json` (computed by the author's solvers
//! and Grin's node) and `cortex.json` (a block and a share of the Cortex chain).

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::unhex;
use myelin_golden::cuckoo::{
    BLOCK_SIZE, EdgeBits, Graph, Keys, ProofSize, Rotation, Sip, State, Trimmer, Variant, Verdict, cortex, find_cycles,
    grin, siphash, siphash_block, two_core, verify,
};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_slice(&common::read("verification/vectors/cuckoo.json")).unwrap()
}

fn cortex_proofs() -> Vec<Value> {
    let vectors: Value = serde_json::from_slice(&common::read("verification/vectors/cortex.json")).unwrap();
    vectors["proofs"].as_array().unwrap().clone()
}

fn list<'a>(vectors: &'a Value, name: &str, count: usize) -> &'a [Value] {
    let list = vectors[name].as_array().unwrap();
    assert_eq!(list.len(), count, "{name}");
    list
}

fn hex(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap(), 16).unwrap()
}

fn words<const COUNT: usize>(value: &Value) -> [u64; COUNT] {
    let words: Vec<u64> = value.as_array().unwrap().iter().map(hex).collect();
    words.try_into().unwrap()
}

fn keys(case: &Value) -> Keys {
    Keys(words(&case["keys"]))
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
}

fn rotation(case: &Value) -> Rotation {
    if case["rot_e"] == 25 { Rotation::By25 } else { Rotation::By21 }
}

fn variant(case: &Value) -> Variant {
    Variant::from_name(case["variant"].as_str().unwrap()).unwrap()
}

fn edge_bits(case: &Value) -> EdgeBits {
    EdgeBits::new(case["edge_bits"].as_u64().unwrap() as u32).unwrap()
}

fn graph(case: &Value) -> Graph {
    Graph::new(variant(case), Sip::TwoFour, edge_bits(case), keys(case))
}

fn proof_size(case: &Value) -> ProofSize {
    ProofSize::new(case["proof_size"].as_u64().unwrap() as usize).unwrap()
}

#[test]
fn hashes_are_those_recorded() {
    for case in list(&vectors(), "siphash", 11) {
        let found = siphash(keys(case), hex(&case["nonce"]), Sip::TwoFour, rotation(case));
        assert_eq!(found, hex(&case["out"]), "{case}");
    }
}

#[test]
fn every_step_of_a_hash_is_as_recorded() {
    let trace = &vectors()["siphash_trace"];
    let word = hex(&trace["nonce"]);
    let mut state = State(keys(trace).0);
    let steps = trace["steps"].as_array().unwrap().iter().zip(trace["v0v1v2v3"].as_array().unwrap());
    for (step, expected) in steps {
        match step.as_str().unwrap() {
            "v3^=m" => state.0[3] ^= word,
            "v0^=m,v2^=ff" => {
                state.0[0] ^= word;
                state.0[2] ^= 0xff;
            }
            _ => state.round(Rotation::By21),
        }
        assert_eq!(state.0, words(expected), "{step}");
    }
    assert_eq!(state.digest(), hex(&trace["out"]));
}

#[test]
fn blocks_of_hashes_are_those_recorded() {
    for case in list(&vectors(), "siphash_block", 24) {
        let edge = case["edge"].as_u64().unwrap();
        let position = (edge % BLOCK_SIZE as u64) as usize;
        let block = siphash_block(keys(case), edge, Sip::TwoFour, rotation(case));
        let found = match case["xor_all"].as_bool().unwrap() {
            true => block[position..].iter().fold(0, |xor, hash| xor ^ hash),
            false if position == BLOCK_SIZE - 1 => block[position],
            false => block[position] ^ block[BLOCK_SIZE - 1],
        };
        assert_eq!(found, hex(&case["out"]), "{case}");
    }
}

#[test]
fn headers_give_the_recorded_keys() {
    let vectors = vectors();
    for case in list(&vectors, "keys", 8) {
        assert_eq!(Keys::of_header(&unhex(case["header_hex"].as_str().unwrap())), keys(case), "{}", case["header"]);
    }
    let with_header = list(&vectors, "proofs", 66).iter().filter(|case| !case["header_hex"].is_null());
    let mut checked = 0;
    for case in with_header {
        let header = unhex(case["header_hex"].as_str().unwrap());
        assert_eq!(Keys::of_header(&header), keys(case), "{case}");
        if let Some(pre_pow) = case["pre_pow"].as_str() {
            assert_eq!(grin::header(&unhex(pre_pow), case["nonce"].as_u64().unwrap()), header);
            assert_eq!(unhex(pre_pow).len(), grin::PRE_POW_SIZE);
        }
        checked += 1;
    }
    assert!(checked > 40, "{checked} headers");
}

#[test]
fn endpoints_are_those_recorded() {
    for case in list(&vectors(), "endpoints", 9) {
        let graph = graph(case);
        assert_eq!(u64::from(variant(case).node_bits(edge_bits(case))), case["node_bits"].as_u64().unwrap());
        let pairs = |name: &str| -> Vec<Vec<u64>> { case[name].as_array().unwrap().iter().map(numbers).collect() };
        let found = |edges: std::ops::Range<u64>| -> Vec<Vec<u64>> {
            edges.map(|edge| graph.endpoints(edge)).map(|ends| vec![ends.u, ends.v]).collect()
        };
        assert_eq!(found(0..16), pairs("edges0_15"), "{}", variant(case).name());
        let count = edge_bits(case).edge_count();
        assert_eq!(found(count - 4..count), pairs("last4"), "{}", variant(case).name());
        if edge_bits(case).get() < 20 {
            let all = graph.all_endpoints();
            assert_eq!(all.len() as u64, count);
            assert!((0..count).step_by(997).all(|edge| all[edge as usize] == graph.endpoints(edge)));
        }
    }
}

#[test]
fn every_round_leaves_as_many_edges_as_recorded() {
    for case in list(&vectors(), "trim_traces", 7) {
        let graph = graph(case);
        let mut trimmer = Trimmer::new(&graph);
        let expected = numbers(&case["alive_after_round"]);
        let found: Vec<u64> = expected.iter().map(|_| trimmer.round()).collect();
        assert_eq!(found, expected, "{}", variant(case).name());
        let core = two_core(&graph, &trimmer.survivors());
        assert_eq!(core.len() as u64, case["two_core_edges"].as_u64().unwrap(), "{}", variant(case).name());
    }
}

#[test]
fn the_recorded_proofs_are_found_among_the_survivors() {
    let vectors = vectors();
    let small = list(&vectors, "proofs", 66).iter();
    let mut found = 0;
    for case in small.filter(|case| case["verify"] == "OK" && case["edge_bits"].as_u64().unwrap() <= 15) {
        let graph = graph(case);
        let mut trimmer = Trimmer::new(&graph);
        for _ in 0..64 {
            trimmer.round();
        }
        let cycles = find_cycles(&graph, &trimmer.survivors(), proof_size(case));
        assert!(cycles.contains(&numbers(&case["proof"])), "{case}");
        assert!(cycles.iter().all(|cycle| verify(&graph, proof_size(case), cycle).is_valid()));
        found += 1;
    }
    assert!(found > 10, "{found} proofs");
}

#[test]
fn every_proof_gets_the_reference_verdict() {
    let vectors = vectors();
    let (mut valid, mut invalid) = (0, 0);
    for case in list(&vectors, "proofs", 66) {
        let verdict = verify(&graph(case), proof_size(case), &numbers(&case["proof"]));
        assert_eq!(verdict.message(), case["verify"].as_str().unwrap(), "{case}");
        if verdict.is_valid() {
            valid += 1;
        } else {
            invalid += 1;
        }
    }
    assert!(valid >= 30 && invalid >= 28, "{valid} valid, {invalid} invalid");
}

#[test]
fn one_changed_bit_makes_any_proof_invalid() {
    for case in list(&vectors(), "proofs", 66).iter().filter(|case| case["verify"] == "OK") {
        let (graph, size, proof) = (graph(case), proof_size(case), numbers(&case["proof"]));
        for bit in 0..edge_bits(case).get() {
            let mut changed = proof.clone();
            changed[bit as usize % size.get()] ^= 1 << bit;
            assert!(!verify(&graph, size, &changed).is_valid(), "bit {bit} of {case}");
        }
        assert_eq!(verify(&graph, size, &proof[1..]), Verdict::WrongLength);
    }
}

#[test]
fn packing_and_hashes_are_those_recorded() {
    let vectors = vectors();
    for case in list(&vectors, "packing", 4) {
        let proof = numbers(&case["proof"]);
        assert_eq!(grin::pack(edge_bits(case), &proof), unhex(case["packed_hex"].as_str().unwrap()));
        assert_eq!(grin::proof_hash(edge_bits(case), &proof)[..], unhex(case["blake2b256"].as_str().unwrap()));
    }
    for case in list(&vectors, "proofs", 66).iter().filter(|case| case["verify"] == "OK") {
        let proof = numbers(&case["proof"]);
        if let Some(hash) = case["grin_proof_hash"].as_str() {
            assert_eq!(grin::proof_hash(edge_bits(case), &proof)[..], unhex(hash), "{case}");
        }
        let expected = case["grin_unscaled_difficulty"].as_u64().unwrap();
        assert_eq!(grin::difficulty(edge_bits(case), &proof, 1), expected, "{case}");
    }
}

#[test]
fn grin_weighs_graphs_by_their_size() {
    let bits = |bits| EdgeBits::new(bits).unwrap();
    assert_eq!(grin::graph_weight(bits(31), bits(24)), 7936);
    assert_eq!(grin::graph_weight(bits(32), bits(24)), 16384);
    assert_eq!(grin::graph_weight(bits(10), bits(10)), 20);
    assert_eq!(grin::graph_weight(bits(9), bits(10)), 0);
}

#[test]
fn the_cortex_chain_s_proofs_are_accepted_and_weighed() {
    for case in &cortex_proofs() {
        let seal_hash: [u8; 32] = unhex(case["seal_hash"].as_str().unwrap()).try_into().unwrap();
        let nonce = hex(&case["nonce"]);
        if let Some(header) = case["header_hex"].as_str() {
            assert_eq!(cortex::header(&seal_hash, nonce)[..], unhex(header));
        }
        assert_eq!(Keys::of_header(&cortex::header(&seal_hash, nonce)), keys(case));
        let block = siphash_block(keys(case), 0, Sip::FourEight, Rotation::By21);
        for (position, expected) in case["buf"].as_object().unwrap() {
            let position: usize = position.parse().unwrap();
            let found = if position == 63 { block[63] } else { block[position] ^ block[63] };
            assert_eq!(found, hex(expected), "entry {position}");
        }
        let graph = cortex::graph(&seal_hash, nonce);
        for expected in case["endpoints"].as_array().unwrap() {
            let [edge, u, v] = numbers(expected)[..] else { panic!("{expected}") };
            let ends = graph.endpoints(edge);
            assert_eq!((ends.u, ends.v), (u, v), "edge {edge}");
        }
        let proof = numbers(&case["proof"]);
        assert_eq!(verify(&graph, ProofSize::MAIN, &proof), Verdict::Valid);
        assert_eq!(cortex::proof_hash(&proof)[..], unhex(case["keccak256"].as_str().unwrap()));
        let difficulty = case["difficulty"].as_u64().unwrap();
        assert_eq!(cortex::difficulty(&proof), difficulty);
        assert!(cortex::reaches(&proof, &cortex::target(case["block_difficulty"].as_u64().unwrap())));
        assert!(cortex::reaches(&proof, &cortex::target(difficulty)));
        assert!(!cortex::reaches(&proof, &cortex::target(difficulty + 1)));
        let mut changed = proof.clone();
        changed[41] ^= 1;
        assert_eq!(verify(&graph, ProofSize::MAIN, &changed), Verdict::NonMatching);
    }
}

#[test]
fn the_two_sip_hashes_do_not_accept_each_other_s_proofs() {
    for case in &cortex_proofs() {
        let graph = Graph::new(Variant::Cuckaroo, Sip::TwoFour, EdgeBits::new(30).unwrap(), keys(case));
        assert_eq!(verify(&graph, ProofSize::MAIN, &numbers(&case["proof"])), Verdict::NonMatching);
    }
}

#[test]
fn targets_are_quotients_of_two_to_the_256() {
    assert_eq!(cortex::target(2)[..2], [0x80, 0]);
    assert_eq!(cortex::target(3), [0x55; 32]);
    assert_eq!(cortex::target(256)[..3], [1, 0, 0]);
    assert_eq!(cortex::target(1), [0xff; 32]);
}
