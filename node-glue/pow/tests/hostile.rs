//! The miner against pools and nodes that are broken or mean it: nothing crashes, leaks or spins.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::time::Duration;

use common::{FakeNode, FakePool, Manner, config, cpu, rules, start, until};
use myelin_pow::wire::{cortex, grin};
use myelin_pow::{Chain, Endpoint, Miner};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BAD: [Manner; 10] = [
    Manner::Closes,
    Manner::GivesAndCloses,
    Manner::Silent,
    Manner::GivesAndFallsSilent,
    Manner::Garbage,
    Manner::EndlessLine,
    Manner::Flood,
    Manner::ImpossibleJobs,
    Manner::RefusesLogin,
    Manner::RejectsAll,
];

#[test]
fn behind_ten_bad_pools_and_three_bad_nodes_the_good_one_gets_its_shares() {
    let bad: Vec<FakePool> = BAD.into_iter().map(FakePool::start).collect();
    let nodes: Vec<FakeNode> = [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{\"id\":100,"[..],
        b"\x00\xff not HTTP at all\n\n\n",
        b"HTTP/1.1 500 no\r\ncontent-length: 2\r\n\r\n{}",
    ]
    .map(|bytes| FakeNode::answering(Some(bytes)))
    .into();
    let good = FakePool::start(Manner::Cortex);
    let endpoints = |good: &FakePool| -> Vec<Endpoint> {
        let bad = bad.iter().map(FakePool::endpoint);
        bad.chain(nodes.iter().map(FakeNode::endpoint)).chain([good.endpoint()]).collect()
    };
    let mut config = config(Chain::Cortex, endpoints(&good));
    config.timing.return_to_first = Duration::from_secs(3600);
    let miner = Miner::start(config, vec![cpu(rules(Chain::Cortex))]).unwrap();
    until("shares at the good one", || good.accepted() >= 5);
    let report = miner.stop();
    for pool in &report.pools[..BAD.len() + 3] {
        assert!(pool.failures >= 1, "{pool:?}");
    }
    let rejected = BAD.iter().position(|&manner| manner == Manner::RejectsAll).unwrap();
    assert_eq!(report.pools[rejected].accepted, 0);
    assert!(report.devices[0].rejected >= 5, "{:?}", report.devices[0]);
    assert!(report.pools.iter().any(|pool| pool.malformed >= 20), "garbage is counted: {report:?}");
}

#[test]
fn wrong_ids_are_never_taken_for_answers() {
    let pool = FakePool::start(Manner::WrongIds);
    let miner = start(Chain::Cortex, vec![pool.endpoint()]);
    until("shares without answers", || miner.report().devices[0].unanswered >= 3);
    let report = miner.stop();
    assert!(pool.accepted() >= 3);
    assert_eq!((report.devices[0].accepted, report.devices[0].rejected), (0, 0));
}

#[test]
fn the_end_comes_soon_whatever_the_peer_does() {
    for manner in BAD.into_iter().chain([Manner::Cortex, Manner::WrongIds]) {
        let pool = FakePool::start(manner);
        let miner = start(Chain::Cortex, vec![pool.endpoint()]);
        until("a connection", || pool.connections() >= 1);
        let end = std::thread::spawn(move || miner.stop());
        until(&format!("the end of {manner:?}"), || end.is_finished());
    }
}

/// Sound lines, from which mutants are made.
fn seeds() -> Vec<Vec<u8>> {
    let job = common::CortexJob::new(1, 7).fields();
    let mut seeds: Vec<Vec<u8>> = [
        format!("{{\"id\":0,\"jsonrpc\":\"2.0\",\"result\":{job}}}"),
        format!("{{\"method\":\"ctxc_getWork\",\"params\":{job}}}"),
        "{\"id\":73,\"result\":true}".to_owned(),
        "{\"id\":73,\"result\":null,\"error\":[21,\"Job not found\",null]}".to_owned(),
        "{\"id\":73,\"error\":{\"code\":-32503,\"message\":\"Solution submitted too late\"}}".to_owned(),
    ]
    .map(String::into_bytes)
    .into();
    let recorded = common::vectors("cuckoo.json");
    let lines = recorded["stratum"]["user_first_lines"].as_array().unwrap();
    seeds.extend(lines.iter().map(|line| line.as_str().unwrap().as_bytes()[3..].to_vec()));
    seeds
}

#[test]
fn mutants_of_sound_lines_are_read_or_refused() {
    let (seeds, mut rng) = (seeds(), ChaCha8Rng::seed_from_u64(6));
    let (mut read, mut refused) = (0u32, 0u32);
    for _ in 0..100_000 {
        let mut line = seeds[rng.random_range(0..seeds.len())].clone();
        for _ in 0..rng.random_range(1..=8) {
            let at = rng.random_range(0..line.len());
            match rng.random_range(0..5) {
                0 => line[at] = rng.random(),
                1 => line[at] ^= 1 << rng.random_range(0..8),
                2 => drop(line.drain(at..(at + rng.random_range(1..20)).min(line.len()))),
                3 => line.insert(at, b"{}[]\",:0-.eE\\"[rng.random_range(0..13)]),
                _ => line.extend_from_slice(&seeds[rng.random_range(0..seeds.len())].clone()),
            }
            if line.is_empty() {
                line.push(b' ');
            }
        }
        for result in [cortex::read(&line), grin::read(&line)] {
            *if result.is_ok() { &mut read } else { &mut refused } += 1;
        }
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
}
