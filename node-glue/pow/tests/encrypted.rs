//! The miner against pools and nodes behind TLS: who is trusted is mined for, nobody else is even logged in to.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::{FakeNode, FakePool, Manner, TlsFront, config, cpu, rules, until};
use myelin_pow::{Chain, MineError, Miner, MinerConfig};

#[test]
fn a_pool_behind_tls_gets_share_after_share() {
    let pool = FakePool::start(Manner::Cortex);
    let front = TlsFront::start(pool.address(), &["127.0.0.1"]);
    let endpoint = format!("stratum+ssl://{}", front.address()).parse().unwrap();
    let config = MinerConfig { trusted: vec![front.authority()], ..config(Chain::Cortex, vec![endpoint]) };
    let miner = Miner::start(config, vec![cpu(rules(Chain::Cortex))]).unwrap();
    until("ten shares", || pool.accepted() >= 10);
    let report = miner.stop();
    assert_eq!((pool.connections(), pool.refused(), report.devices[0].rejected), (1, 0, 0));
    assert_eq!(report.pools[0].address, format!("stratum+ssl://{}", front.address()));
}

#[test]
fn a_node_behind_https_is_polled_and_wins_blocks() {
    let node = FakeNode::start();
    let front = TlsFront::start(node.address(), &["127.0.0.1"]);
    let endpoint = format!("https://{}/", front.address()).parse().unwrap();
    let config = MinerConfig { trusted: vec![front.authority()], ..config(Chain::Cortex, vec![endpoint]) };
    let miner = Miner::start(config, vec![cpu(rules(Chain::Cortex))]).unwrap();
    until("four blocks", || node.won().len() >= 4);
    assert!(miner.stop().devices[0].blocks >= 3);
}

#[test]
fn who_is_not_trusted_hears_nothing_and_the_next_pool_is_taken() {
    let (pool, second) = (FakePool::start(Manner::Cortex), FakePool::start(Manner::Cortex));
    let stranger = TlsFront::start(pool.address(), &["127.0.0.1"]);
    let other_name = TlsFront::start(pool.address(), &["pool.example"]);
    let endpoint = |front: &TlsFront| format!("stratum+ssl://{}", front.address()).parse().unwrap();
    let endpoints = vec![endpoint(&stranger), endpoint(&other_name), second.endpoint()];
    let config = MinerConfig { trusted: vec![other_name.authority()], ..config(Chain::Cortex, endpoints) };
    let miner = Miner::start(config, vec![cpu(rules(Chain::Cortex))]).unwrap();
    until("shares at the second", || second.accepted() >= 2);
    let report = miner.stop();
    assert!(report.pools[0].failures >= 1 && report.pools[1].failures >= 1, "{:?}", report.pools);
    assert_eq!((pool.connections(), pool.requests().len()), (0, 0));
}

#[test]
fn a_file_without_certificates_is_refused_before_anything_starts() {
    for path in ["/nowhere/at/all.pem", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
        let endpoint = "stratum+ssl://127.0.0.1:1".parse().unwrap();
        let config = MinerConfig { trusted: vec![path.into()], ..config(Chain::Cortex, vec![endpoint]) };
        let refused = Miner::start(config, vec![cpu(rules(Chain::Cortex))]).map(|_| ()).unwrap_err();
        assert!(matches!(refused, MineError::Certificates { .. }), "{refused}");
        assert!(refused.to_string().contains(path));
    }
}
