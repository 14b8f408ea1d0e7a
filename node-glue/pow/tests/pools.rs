//! The miner against pools that behave: both dialects, stale work, refreshes, failover, status.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{CortexJob, EDGE_BITS, FakeNode, FakePool, Manner, config, cpu, rules, start, until, vectors};
use myelin_cuckoo::{Cancel, Keys};
use myelin_pow::{Chain, Device, Endpoint, GraphSolver, Miner, SolveError};
use serde_json::{Value, json};

#[test]
fn the_double_accepts_the_recorded_share_and_block_and_nothing_near_them() {
    for case in vectors("cortex.json")["proofs"].as_array().unwrap() {
        let seal_hash: [u8; 32] = common::unhex(case["seal_hash"].as_str().unwrap()).try_into().unwrap();
        let job = CortexJob { seal_hash, difficulty: case["block_difficulty"].as_u64().unwrap(), height: 6_839_772 };
        let proof: Vec<u32> =
            case["proof"].as_array().unwrap().iter().map(|edge| edge.as_u64().unwrap() as u32).collect();
        let params = |nonce: u64, proof: &[u32]| {
            let words: String = proof.iter().map(|word| format!("{word:08x}")).collect();
            json!([format!("{nonce:#018x}"), format!("0x{}", common::hex(&seal_hash)), format!("0x{words}")])
        };
        let nonce = u64::from_str_radix(case["nonce"].as_str().unwrap(), 16).unwrap();
        assert!(job.accepts(&params(nonce, &proof), 30));
        assert!(!job.accepts(&params(nonce ^ 1, &proof), 30));
        let mut changed = proof.clone();
        changed[41] ^= 1;
        assert!(!job.accepts(&params(nonce, &changed), 30));
        let harder = CortexJob { difficulty: case["difficulty"].as_u64().unwrap() + 1, ..job };
        assert!(!harder.accepts(&params(nonce, &proof), 30));
    }
}

#[test]
fn a_cortex_pool_gets_share_after_share_in_its_own_words() {
    let pool = FakePool::start(Manner::Cortex);
    let miner = start(Chain::Cortex, vec![pool.endpoint()]);
    until("ten shares on one job", || pool.accepted() >= 10);
    pool.push(CortexJob::new(2, 6_839_773));
    let before = pool.accepted();
    until("ten shares on the next", || pool.accepted() >= before + 10);
    until("they are counted", || miner.report().devices[0].accepted >= 20);
    let report = miner.stop();
    let device = &report.devices[0];
    assert_eq!((pool.connections(), device.invalid, device.rejected), (1, 0, 0));
    // Shares under way when the block changed are stale; none follows the first share of the new one.
    assert_eq!(pool.refused(), 0);
    assert!(device.stale >= pool.stale(), "{device:?}, {} at the pool", pool.stale());
    assert!(device.graphs >= 20 && device.cycles >= device.shares && device.graphs_per_second > 0.0, "{device:?}");
    let requests = pool.requests();
    let login = json!({"id": 72, "jsonrpc": "2.0", "method": "ctxc_submitLogin",
        "params": ["0xa5f2c7c78e90e01b21d25dc0971b63e7a50f88a6"], "worker": "rig"});
    assert_eq!(requests[0], login);
    assert_eq!(requests[1], json!({"id": 100, "jsonrpc": "2.0", "method": "ctxc_getWork", "params": [""]}));
    assert_eq!((&requests[2]["id"], &requests[2]["worker"]), (&json!(73), &json!("rig")));
}

#[test]
fn the_share_target_is_kept_to() {
    let pool = FakePool::start(Manner::Cortex);
    pool.set_difficulty(8);
    let miner = start(Chain::Cortex, vec![pool.endpoint()]);
    until("five shares", || pool.accepted() >= 5);
    let report = miner.stop();
    let device = &report.devices[0];
    assert_eq!((pool.refused(), device.rejected), (0, 0));
    assert!(device.cycles > device.shares, "one cycle in eight is a share: {device:?}");
}

#[test]
fn a_grin_node_gets_block_after_block() {
    let pool = FakePool::start(Manner::Grin);
    pool.set_difficulty(2);
    let miner = start(Chain::Grin, vec![pool.endpoint()]);
    until("ten blocks", || pool.accepted() >= 10);
    until("they are counted", || miner.report().devices[0].blocks >= 10);
    let report = miner.stop();
    assert_eq!((report.devices[0].rejected, report.devices[0].invalid), (0, 0));
    assert!(report.pools[0].jobs >= 10, "each block brings a job: {:?}", report.pools[0]);
    assert!(report.job.is_none());
}

#[test]
fn a_node_is_polled_and_each_height_is_won_once() {
    let node = FakeNode::start();
    let miner = start(Chain::Cortex, vec![node.endpoint()]);
    until("eight blocks", || node.won().len() >= 8);
    let report = miner.stop();
    let won = node.won();
    let expected: Vec<u64> = (1..=won.len() as u64).collect();
    assert_eq!((won, node.refused()), (expected, 0));
    assert!(report.devices[0].blocks >= 7, "{:?}", report.devices[0]);
}

/// A device that works on a graph until it is cancelled or told to end it, and counts both.
#[derive(Default)]
struct Patience {
    begun: AtomicU64,
    cancelled: AtomicU64,
    /// Graphs that may end.
    may_end: AtomicU64,
}

struct PatientSolver(Arc<Patience>);

impl GraphSolver for PatientSolver {
    fn solve(
        &mut self,
        _: &Keys,
        cancel: &Cancel,
        on_round: &mut dyn FnMut(u32, Option<u64>),
    ) -> Result<Vec<Vec<u64>>, SolveError> {
        let number = self.0.begun.fetch_add(1, Ordering::SeqCst) - self.0.cancelled.load(Ordering::SeqCst);
        on_round(0, None);
        while number >= self.0.may_end.load(Ordering::SeqCst) {
            if cancel.is_cancelled() {
                self.0.cancelled.fetch_add(1, Ordering::SeqCst);
                return Err(SolveError::Cancelled);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Vec::new())
    }
}

#[test]
fn a_refresh_lets_graphs_end_and_another_block_does_not() {
    let pool = FakePool::start(Manner::Cortex);
    let patience = Arc::new(Patience::default());
    let device = Device::new("patient", {
        let patience = patience.clone();
        move || Ok(Box::new(PatientSolver(patience.clone())) as Box<dyn GraphSolver>)
    });
    let miner = Miner::start(config(Chain::Cortex, vec![pool.endpoint()]), vec![device]).unwrap();
    let (begun, cancelled) = (|| patience.begun.load(Ordering::SeqCst), || patience.cancelled.load(Ordering::SeqCst));
    until("a graph", || begun() == 1);
    // The same block with other transactions, twice, and the same again with another target.
    for (number, difficulty) in [(2, 1), (3, 1), (3, 5)] {
        pool.push(CortexJob { difficulty, ..CortexJob::new(number, 6_839_772) });
    }
    until("both refreshes are taken", || miner.report().pools[0].jobs == 3);
    assert_eq!((begun(), cancelled()), (1, 0), "the graph goes on");
    patience.may_end.store(1, Ordering::SeqCst);
    until("the next graph", || begun() == 2);
    pool.push(CortexJob::new(4, 6_839_773));
    until("the graph is given up for another block", || cancelled() == 1 && begun() == 3);
    let report = miner.stop();
    assert_eq!((report.devices[0].graphs, cancelled()), (1, 2), "the end cancels, too: {report:?}");
}

#[test]
fn work_goes_to_the_next_pool_and_comes_back_to_the_first() {
    let (first, second) = (FakePool::start(Manner::Cortex), FakePool::start(Manner::Cortex));
    let address = first.address();
    let miner = start(Chain::Cortex, vec![first.endpoint(), second.endpoint()]);
    until("the first gets shares", || first.accepted() >= 3);
    drop(first);
    until("the second gets shares", || second.accepted() >= 3);
    let first = FakePool::on(Manner::Cortex, EDGE_BITS, address);
    until("the first gets shares again", || first.accepted() >= 3);
    let report = miner.report();
    assert_eq!(report.connected.as_deref(), Some(first.endpoint().to_string().as_str()));
    assert!(report.pools[0].failures >= 1 && report.pools[1].connections >= 1, "{report:?}");
    miner.stop();
}

#[test]
fn a_lost_connection_is_resumed_with_the_same_pool() {
    let (pool, other) = (FakePool::start(Manner::Cortex), FakePool::start(Manner::Cortex));
    let miner = start(Chain::Cortex, vec![pool.endpoint(), other.endpoint()]);
    for round in 1..=3 {
        let before = pool.accepted();
        until("shares", || pool.accepted() > before + 3);
        until("the miner has heard of it", || miner.report().pools[0].accepted > before);
        pool.hang_up();
        until("it connects again", || pool.connections() > round);
    }
    miner.stop();
    assert_eq!(other.connections(), 0, "a pool that had served well is tried again first");
}

#[test]
fn devices_that_lie_or_break_harm_nobody() {
    struct Liar;
    impl GraphSolver for Liar {
        fn solve(
            &mut self,
            _: &Keys,
            _: &Cancel,
            _: &mut dyn FnMut(u32, Option<u64>),
        ) -> Result<Vec<Vec<u64>>, SolveError> {
            std::thread::sleep(Duration::from_millis(5));
            Ok(vec![(1..=42).collect(), Vec::new(), vec![u64::MAX; 42]])
        }
    }
    struct Breaks;
    impl GraphSolver for Breaks {
        fn solve(
            &mut self,
            _: &Keys,
            _: &Cancel,
            _: &mut dyn FnMut(u32, Option<u64>),
        ) -> Result<Vec<Vec<u64>>, SolveError> {
            panic!("on purpose")
        }
    }
    let pool = FakePool::start(Manner::Cortex);
    let devices = vec![
        Device::new("liar", || Ok(Box::new(Liar) as Box<dyn GraphSolver>)),
        Device::new("breaks", || Ok(Box::new(Breaks) as Box<dyn GraphSolver>)),
        Device::new("gone", || Err(SolveError::Device { device: "gone".to_owned(), source: "unplugged".into() })),
        cpu(rules(Chain::Cortex)),
    ];
    let miner = Miner::start(config(Chain::Cortex, vec![pool.endpoint()]), devices).unwrap();
    until("the sound device's shares", || pool.accepted() >= 10);
    until("the others are seen through", || {
        let devices = miner.report().devices;
        devices[0].invalid >= 3 && devices[1].failures >= 1 && devices[2].failures >= 1
    });
    let report = miner.stop();
    assert_eq!((pool.refused(), report.devices[0].shares, report.devices[0].cycles), (0, 0, 0));
}

fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: miner\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn status_is_served_in_json_and_for_prometheus() {
    let nobody: Endpoint = "stratum+tcp://127.0.0.1:1".parse().unwrap();
    let pool = FakePool::start(Manner::Cortex);
    for (endpoint, is_healthy) in [(nobody, false), (pool.endpoint(), true)] {
        let mut config = config(Chain::Cortex, vec![endpoint]);
        config.listen = Some("127.0.0.1:0".parse().unwrap());
        let miner = Miner::start(config, vec![cpu(rules(Chain::Cortex))]).unwrap();
        let address = miner.address().unwrap();
        if is_healthy {
            until("a share", || miner.report().devices[0].accepted > 0);
        }
        assert!(get(address, "/healthz").starts_with(if is_healthy { "HTTP/1.1 200" } else { "HTTP/1.1 503" }));
        let metrics = get(address, "/metrics");
        assert!(
            metrics.contains("myelin_pow_shares_total{index=\"0\",device=\"cpu\",outcome=\"accepted\"}"),
            "{metrics}"
        );
        let answer = get(address, "/");
        let report: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(report["schema_version"], 1);
        assert_eq!(report["job"]["height"].is_u64(), is_healthy, "{report}");
        assert!(get(address, "/nothing").starts_with("HTTP/1.1 404"));
    }
}
