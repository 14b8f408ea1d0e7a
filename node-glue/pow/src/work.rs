//! What is to be solved, and what a proof must be.

use std::sync::Arc;

use myelin_cuckoo::{Keys, Parameters, Sip, Variant};
use myelin_golden::cuckoo::{self as golden, EdgeBits, Graph, ProofSize, Verdict, cortex, grin};

/// Bytes of a Grin header before the hash of the block before it: version, height, time.
const GRIN_PARENT_AT: usize = 18;

/// Which chain's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chain {
    /// Cuckaroo with SipHash-4-8; 30 edge bits, 42 edges.
    Cortex,
    /// Cuckatoo with SipHash-2-4; 32 edge bits, 42 edges.
    Grin,
}

impl Chain {
    /// The name in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Chain::Cortex => "cortex",
            Chain::Grin => "grin",
        }
    }
}

/// How the Cortex dialect's methods are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Methods {
    /// `ctxc_getWork` and so on, as on the chain's nodes.
    #[default]
    Ctxc,
    /// `eth_getWork` and so on, as some pools want it.
    Eth,
}

/// The graphs of a chain: kind, size, and how many edges a proof has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    chain: Chain,
    parameters: Parameters,
    edge_bits: EdgeBits,
    proof_size: ProofSize,
}

impl Rules {
    /// Graphs of other sizes than the main chain's are for test chains.
    ///
    /// **Errors**: [`myelin_cuckoo::Error::EdgeBits`] and [`myelin_cuckoo::Error::ProofSize`].
    pub fn new(chain: Chain, edge_bits: u32, proof_size: usize) -> Result<Rules, myelin_cuckoo::Error> {
        let (variant, sip) = match chain {
            Chain::Cortex => (Variant::Cuckaroo, Sip::FourEight),
            Chain::Grin => (Variant::Cuckatoo, Sip::TwoFour),
        };
        let parameters = Parameters::new(variant, sip, edge_bits, proof_size)?;
        let edge_bits = EdgeBits::new(edge_bits).expect("invariant: the solver's range is within golden's");
        let proof_size = ProofSize::new(proof_size).expect("invariant: the solver's range is golden's");
        Ok(Rules { chain, parameters, edge_bits, proof_size })
    }

    /// The main chain's.
    pub fn main(chain: Chain) -> Rules {
        let edge_bits = match chain {
            Chain::Cortex => 30,
            Chain::Grin => 32,
        };
        Rules::new(chain, edge_bits, 42).expect("invariant: the main chains' sizes are within the range")
    }

    /// Which chain's.
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// What a solver is told.
    pub fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// The binary logarithm of the number of edges.
    pub fn edge_bits(&self) -> u32 {
        self.edge_bits.get()
    }

    /// Edges of a proof.
    pub fn proof_size(&self) -> usize {
        self.proof_size.get()
    }

    fn graph(&self, keys: golden::Keys) -> Graph {
        let (variant, sip) = match self.chain {
            Chain::Cortex => (golden::Variant::Cuckaroo, golden::Sip::FourEight),
            Chain::Grin => (golden::Variant::Cuckatoo, golden::Sip::TwoFour),
        };
        Graph::new(variant, sip, self.edge_bits, keys)
    }
}

/// What a pool or node wants solved, as it says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// By `getWork`, or pushed in the same form.
    Cortex {
        /// Hash of the block's header without nonce and solution.
        seal_hash: [u8; 32],
        /// Largest keccak256 of a proof that counts, big-endian.
        target: [u8; 32],
        /// The block's number, which some pools do not tell.
        height: Option<u64>,
    },
    /// By `job` or `getjobtemplate`.
    Grin {
        /// The header before its nonce.
        pre_pow: Vec<u8>,
        /// Least unscaled difficulty of a proof that counts.
        difficulty: u64,
        /// The block's number.
        height: u64,
        /// Which version of that block.
        job_id: u64,
    },
}

/// [`Work`] and who wants it. A refresh of a job is a new value; devices hold the one they began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Position of the pool in the list of endpoints.
    pub pool: usize,
    /// What it wants.
    pub work: Work,
}

/// What becomes of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It goes to the pool.
    Share,
    /// Valid, but not difficult enough.
    BelowTarget,
    /// No proof of this graph: the device has miscomputed.
    Invalid(Verdict),
}

/// A proof that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Position of the device that found it.
    pub device: usize,
    /// What it solves.
    pub job: Arc<Job>,
    /// The graph.
    pub nonce: u64,
    /// The cycle, ascending.
    pub proof: Vec<u64>,
}

impl Work {
    /// The block's number, if the pool tells it.
    pub fn height(&self) -> Option<u64> {
        match self {
            Work::Cortex { height, .. } => *height,
            Work::Grin { height, .. } => Some(*height),
        }
    }

    /// Whether both are the same graphs. Their targets may differ.
    pub fn is_same(&self, other: &Work) -> bool {
        match (self, other) {
            (Work::Cortex { seal_hash, .. }, Work::Cortex { seal_hash: other, .. }) => seal_hash == other,
            (
                Work::Grin { pre_pow, height, job_id, .. },
                Work::Grin { pre_pow: other_pow, height: other_height, job_id: other_id, .. },
            ) => (pre_pow, height, job_id) == (other_pow, other_height, other_id),
            _ => false,
        }
    }

    /// Whether a proof of this is still of use where `other` is wanted now: both are versions of one
    /// block, with other transactions or another time. Where the pool tells no height, only the same
    /// graphs are.
    pub fn is_same_block(&self, other: &Work) -> bool {
        match (self, other) {
            (Work::Cortex { height: Some(height), .. }, Work::Cortex { height: Some(other), .. }) => height == other,
            (Work::Grin { pre_pow, height, .. }, Work::Grin { pre_pow: other, height: other_height, .. }) => {
                height == other_height && grin_parent(pre_pow) == grin_parent(other)
            }
            _ => self.is_same(other),
        }
    }

    fn golden_keys(&self, nonce: u64) -> golden::Keys {
        match self {
            Work::Cortex { seal_hash, .. } => golden::Keys::of_header(&cortex::header(seal_hash, nonce)),
            Work::Grin { pre_pow, .. } => golden::Keys::of_header(&grin::header(pre_pow, nonce)),
        }
    }

    /// The words that make a nonce's graph.
    pub fn keys(&self, nonce: u64) -> Keys {
        Keys(self.golden_keys(nonce).0)
    }

    /// What golden says of a proof.
    pub fn judge(&self, rules: &Rules, nonce: u64, proof: &[u64]) -> Judgement {
        let verdict = golden::verify(&rules.graph(self.golden_keys(nonce)), rules.proof_size, proof);
        if !verdict.is_valid() {
            return Judgement::Invalid(verdict);
        }
        let reaches = match self {
            Work::Cortex { target, .. } => cortex::reaches(proof, target),
            Work::Grin { difficulty, .. } => grin::difficulty(rules.edge_bits, proof, 1) >= *difficulty,
        };
        if reaches { Judgement::Share } else { Judgement::BelowTarget }
    }
}

/// The part of a header that names the block before; the whole header if it is shorter than any real one.
fn grin_parent(pre_pow: &[u8]) -> &[u8] {
    pre_pow.get(GRIN_PARENT_AT..GRIN_PARENT_AT + 32).unwrap_or(pre_pow)
}

impl Job {
    /// Whether both are the same graphs for the same pool.
    pub fn is_same(&self, other: &Job) -> bool {
        self.pool == other.pool && self.work.is_same(&other.work)
    }

    /// Whether a proof of this is still of use where `other` is wanted now.
    pub fn is_same_block(&self, other: &Job) -> bool {
        self.pool == other.pool && self.work.is_same_block(&other.work)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;

    fn cortex(hash: u8, height: Option<u64>) -> Work {
        Work::Cortex { seal_hash: [hash; 32], target: [0xff; 32], height }
    }

    fn grin(parent: u8, rest: u8, height: u64, job_id: u64) -> Work {
        let mut pre_pow = vec![rest; 238];
        pre_pow[GRIN_PARENT_AT..GRIN_PARENT_AT + 32].fill(parent);
        Work::Grin { pre_pow, difficulty: 1, height, job_id }
    }

    #[test]
    fn versions_of_one_block_are_told_from_another_block() {
        assert!(cortex(1, Some(7)).is_same_block(&cortex(2, Some(7))));
        assert!(!cortex(1, Some(7)).is_same(&cortex(2, Some(7))));
        assert!(!cortex(1, Some(7)).is_same_block(&cortex(2, Some(8))));
        assert!(!cortex(1, None).is_same_block(&cortex(2, None)), "without a height only the hash tells");
        assert!(cortex(1, None).is_same_block(&cortex(1, None)));
        assert!(cortex(1, Some(7)).is_same_block(&cortex(1, None)));
        assert!(grin(1, 2, 7, 0).is_same_block(&grin(1, 3, 7, 1)));
        assert!(!grin(1, 2, 7, 0).is_same(&grin(1, 3, 7, 1)));
        assert!(!grin(1, 2, 7, 0).is_same_block(&grin(9, 2, 7, 0)), "a reorganisation changes the parent");
        assert!(!grin(1, 2, 7, 0).is_same_block(&grin(1, 2, 8, 0)), "job numbers begin again at each height");
        assert!(!cortex(1, Some(7)).is_same_block(&grin(1, 2, 7, 0)));
        let [here, there] = [0, 1].map(|pool| Job { pool, work: cortex(1, Some(7)) });
        assert!(!here.is_same_block(&there), "another pool's job is another job");
    }

    #[test]
    fn recorded_blocks_are_shares_at_their_difficulty_and_not_above() {
        let text = include_str!("../../../verification/vectors/cortex.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let rules = Rules::main(Chain::Cortex);
        for case in vectors["proofs"].as_array().unwrap() {
            let seal_hash = crate::wire::hex::bytes(case["seal_hash"].as_str().unwrap()).unwrap().try_into().unwrap();
            let nonce = u64::from_str_radix(case["nonce"].as_str().unwrap(), 16).unwrap();
            let proof: Vec<u64> = case["proof"].as_array().unwrap().iter().map(|edge| edge.as_u64().unwrap()).collect();
            let difficulty = case["difficulty"].as_u64().unwrap();
            let judge = |difficulty, proof: &[u64]| {
                let target = myelin_golden::cuckoo::cortex::target(difficulty);
                Work::Cortex { seal_hash, target, height: None }.judge(&rules, nonce, proof)
            };
            assert_eq!(judge(difficulty, &proof), Judgement::Share);
            assert_eq!(judge(difficulty + 1, &proof), Judgement::BelowTarget);
            let mut changed = proof.clone();
            changed[41] ^= 1;
            assert_eq!(judge(1, &changed), Judgement::Invalid(Verdict::NonMatching));
        }
    }
}
