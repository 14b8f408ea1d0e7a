//! Test doubles: pools and nodes that speak the chains' dialects and accept only what golden verifies.
#![allow(dead_code, unused_imports, clippy::unwrap_used)] // Not every test needs all; Clippy sees tests only in functions marked so.

mod node;
mod pool;
mod tls;

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use myelin_cuckoo::Options;
use myelin_golden::cuckoo::{EdgeBits, Graph, Keys, ProofSize, Sip, Variant, cortex, verify};
use myelin_pow::{
    Account, Chain, CpuSolver, Device, Endpoint, GraphSolver, Methods, Miner, MinerConfig, Rules, Timing,
};
use serde_json::Value;

pub use node::FakeNode;
pub use pool::{FakePool, Manner};
pub use tls::TlsFront;

/// Edge bits of all graphs here: a graph takes well under a millisecond.
pub const EDGE_BITS: u32 = 12;

/// A recorded file of answers.
pub fn vectors(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verification/vectors").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn unhex(text: &str) -> Vec<u8> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A seal hash that no other call has given.
pub fn seal_hash(number: u64) -> [u8; 32] {
    // The hash of the recorded block, with a number in it.
    let mut hash: [u8; 32] =
        unhex(vectors("cortex.json")["proofs"][0]["seal_hash"].as_str().unwrap()).try_into().unwrap();
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash
}

/// What a double of the Cortex chain asks for.
#[derive(Clone, Debug)]
pub struct CortexJob {
    pub seal_hash: [u8; 32],
    pub difficulty: u64,
    pub height: u64,
}

impl CortexJob {
    pub fn new(number: u64, height: u64) -> CortexJob {
        CortexJob { seal_hash: seal_hash(number), difficulty: 1, height }
    }

    /// The four fields of `getWork`.
    pub fn fields(&self) -> Value {
        let target = cortex::target(self.difficulty);
        let zeros = [0; 32];
        serde_json::json!([
            format!("0x{}", hex(&self.seal_hash)),
            format!("0x{}", hex(&zeros)),
            format!("0x{}", hex(&target)),
            format!("{:#x}", self.height)
        ])
    }

    /// Whether the parameters of a submission are a proof of this; by golden alone.
    pub fn accepts(&self, params: &Value, edge_bits: u32) -> bool {
        let text = |at: usize| params[at].as_str().unwrap_or("");
        let (nonce, solution) = (text(0), unhex(text(2)));
        let proof: Vec<u64> =
            solution.chunks_exact(4).map(|word| u32::from_be_bytes(word.try_into().unwrap()).into()).collect();
        let nonce = u64::from_str_radix(nonce.strip_prefix("0x").unwrap(), 16).unwrap();
        let keys = Keys::of_header(&cortex::header(&self.seal_hash, nonce));
        let graph = Graph::new(Variant::Cuckaroo, Sip::FourEight, EdgeBits::new(edge_bits).unwrap(), keys);
        text(1) == format!("0x{}", hex(&self.seal_hash))
            && text(0).len() == 18
            && text(2).len() == 338
            && verify(&graph, ProofSize::MAIN, &proof).is_valid()
            && cortex::reaches(&proof, &cortex::target(self.difficulty))
    }
}

pub fn rules(chain: Chain) -> Rules {
    Rules::new(chain, EDGE_BITS, 42).unwrap()
}

/// This machine's processor, on one thread.
pub fn cpu(rules: Rules) -> Device {
    Device::new("cpu", move || {
        let options = Options { threads: NonZeroUsize::MIN, memory_limit: 64 << 20, ..Options::default() };
        Ok(Box::new(CpuSolver::new(rules.parameters(), &options)?) as Box<dyn GraphSolver>)
    })
}

/// Waits a hundredth or so of what a real miner would.
pub fn timing() -> Timing {
    let milliseconds = Duration::from_millis;
    Timing {
        connect: milliseconds(2000),
        first_job: milliseconds(1000),
        exchange: milliseconds(1000),
        keepalive: milliseconds(300),
        silence: milliseconds(1000),
        answer: milliseconds(1000),
        poll: milliseconds(20),
        backoff: milliseconds(10),
        backoff_max: milliseconds(100),
        good: milliseconds(10_000),
        return_to_first: milliseconds(200),
        linger: milliseconds(500),
        rejects_max: 5,
    }
}

pub fn config(chain: Chain, endpoints: Vec<Endpoint>) -> MinerConfig {
    let account = Account {
        login: "0xa5f2c7c78e90e01b21d25dc0971b63e7a50f88a6".to_owned(),
        password: None,
        worker: "rig".to_owned(),
        methods: Methods::Ctxc,
    };
    let trusted = Vec::new();
    MinerConfig { rules: rules(chain), endpoints, account, timing: timing(), trusted, listen: None, seed: Some(11) }
}

pub fn start(chain: Chain, endpoints: Vec<Endpoint>) -> Miner {
    Miner::start(config(chain, endpoints), vec![cpu(rules(chain))]).unwrap()
}

/// Waits until something is so; a minute is long enough on any machine.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
