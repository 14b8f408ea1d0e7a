//! Grin's header, proof packing and difficulty.

use blake2::{Blake2b, Digest, digest::consts::U32};

use super::graph::EdgeBits;

/// Bytes of a header before its nonce, on every version of the chain that mines Cuckatoo.
pub const PRE_POW_SIZE: usize = 238;

/// The bytes that are hashed to keys: the header before its nonce, then the nonce big-endian. 246
/// bytes for a whole [`PRE_POW_SIZE`].
pub fn header(pre_pow: &[u8], nonce: u64) -> Vec<u8> {
    [pre_pow, &nonce.to_be_bytes()].concat()
}

/// The edges of a proof as a string of bits, `edge_bits` for each, lowest bit first; the last byte
/// is filled with zeros.
///
/// Bits of an edge above `edge_bits` are left out.
pub fn pack(edge_bits: EdgeBits, proof: &[u64]) -> Vec<u8> {
    let bits = edge_bits.get() as usize;
    let mut bytes = vec![0u8; (proof.len() * bits).div_ceil(8)];
    for (position, &edge) in proof.iter().enumerate() {
        for bit in 0..bits {
            let at = position * bits + bit;
            bytes[at / 8] |= ((edge >> bit & 1) as u8) << (at % 8);
        }
    }
    bytes
}

/// The blake2b of the packed proof, 32 bytes.
pub fn proof_hash(edge_bits: EdgeBits, proof: &[u64]) -> [u8; 32] {
    Blake2b::<U32>::digest(pack(edge_bits, proof)).into()
}

/// How much a graph of this size counts: `2^(edge_bits - base + 1) * edge_bits`, where `base` is the
/// chain's smallest graph's: 24 on the main chain, 15 for user testing, 10 for automated testing.
///
/// **Numbers**: saturates at 0 below the base, where no chain allows a proof.
pub fn graph_weight(edge_bits: EdgeBits, base_edge_bits: EdgeBits) -> u64 {
    match edge_bits.get().checked_sub(base_edge_bits.get()) {
        Some(above) => (2 << above) * u64::from(edge_bits.get()),
        None => 0,
    }
}

/// The difficulty that a proof has reached: `weight * 2^64 / hash`, where the hash is the first eight
/// bytes of [`proof_hash`], big-endian, at least 1. Weight 1 gives the unscaled difficulty.
///
/// **Numbers**: rounds down; limited to 64 bits.
pub fn difficulty(edge_bits: EdgeBits, proof: &[u64], weight: u64) -> u64 {
    let hash = proof_hash(edge_bits, proof);
    let hash = hash[..8].iter().fold(0, |hash, &byte| hash << 8 | u128::from(byte));
    let difficulty = (u128::from(weight) << 64) / hash.max(1);
    difficulty.min(u128::from(u64::MAX)) as u64
}
