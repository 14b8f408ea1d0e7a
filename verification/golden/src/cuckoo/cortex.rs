//! The Cortex chain's header and difficulty. Its graph is Cuckaroo with SipHash-4-8 and 30 edge bits.

use sha3::{Digest, Keccak256};

use super::graph::{EdgeBits, Graph, Variant};
use super::siphash::{Keys, Sip};

/// Edge bits of the chain.
pub const EDGE_BITS: u32 = 30;

/// The bytes that are hashed to keys: the seal hash, then the nonce **little-endian**. In the block's
/// header and in JSON the same nonce is written big-endian.
pub fn header(seal_hash: &[u8; 32], nonce: u64) -> [u8; 40] {
    let mut header = [0; 40];
    header[..32].copy_from_slice(seal_hash);
    header[32..].copy_from_slice(&nonce.to_le_bytes());
    header
}

/// The graph that a seal hash and a nonce make on this chain.
pub fn graph(seal_hash: &[u8; 32], nonce: u64) -> Graph {
    let edge_bits = EdgeBits::new(EDGE_BITS).expect("invariant: 30 is within the range");
    Graph::new(Variant::Cuckaroo, Sip::FourEight, edge_bits, Keys::of_header(&header(seal_hash, nonce)))
}

/// The keccak256 of a proof: every edge as four bytes, big-endian.
///
/// Bits of an edge above 32 are left out: no valid proof has any.
pub fn proof_hash(proof: &[u64]) -> [u8; 32] {
    let mut keccak = Keccak256::new();
    for &edge in proof {
        keccak.update((edge as u32).to_be_bytes());
    }
    keccak.finalize().into()
}

/// The largest hash that reaches a difficulty: `2^256 / difficulty` rounded down, big-endian.
///
/// **Numbers**: for difficulties 0 and 1, which the chain never asks for, the largest number of 32
/// bytes.
pub fn target(difficulty: u64) -> [u8; 32] {
    let mut target = [0xff; 32];
    if difficulty < 2 {
        return target;
    }
    // Long division of 1 followed by 32 bytes of zeros.
    let mut remainder = 1u128;
    for byte in &mut target {
        remainder <<= 8;
        *byte = (remainder / u128::from(difficulty)) as u8;
        remainder %= u128::from(difficulty);
    }
    target
}

/// Whether a proof reaches a target: its hash, as a big-endian number, is at most that.
pub fn reaches(proof: &[u64], target: &[u8; 32]) -> bool {
    proof_hash(proof) <= *target
}

/// The highest difficulty that a proof reaches: `2^256 / hash` rounded down.
///
/// **Numbers**: limited to 64 bits.
pub fn difficulty(proof: &[u64]) -> u64 {
    let hash = proof_hash(proof);
    // The largest difficulty whose target is not below the hash, bit by bit from the highest.
    (0..64).rev().fold(0, |found, bit| {
        let candidate = found | 1 << bit;
        if hash <= target(candidate) { candidate } else { found }
    })
}
