//! A plain check of a proof, one hash after the other, that shares nothing with the search.

use crate::parameters::{Keys, Parameters, Sip, Variant};

/// Whether ascending edges form one cycle of the wanted size in the graph of these keys.
///
/// Says yes exactly where `myelin_golden::cuckoo::verify` says valid; golden also says why not.
pub fn is_proof(parameters: &Parameters, keys: &Keys, proof: &[u64]) -> bool {
    let in_order = proof.is_sorted_by(|a, b| a < b) && proof.iter().all(|&edge| edge < parameters.edge_count());
    if proof.len() != parameters.proof_size || !in_order {
        return false;
    }
    let ends: Vec<[u64; 2]> = proof.iter().map(|&edge| endpoints(parameters, keys, edge)).collect();
    // From each end to the only other end in its node.
    let mut here = (0, 0);
    for step in 1..=proof.len() {
        let meeting = |&(edge, side): &(usize, usize)| {
            let same_kind = !parameters.variant.is_bipartite() || side == here.1;
            let shift = u32::from(parameters.variant == Variant::Cuckatoo);
            (edge, side) != here && same_kind && ends[edge][side] >> shift == ends[here.0][here.1] >> shift
        };
        let all = (0..proof.len()).flat_map(|edge| [(edge, 0), (edge, 1)]);
        let others: Vec<(usize, usize)> = all.filter(meeting).collect();
        let [(edge, side)] = others[..] else { return false };
        let joined = match parameters.variant {
            Variant::Cuckatoo => ends[edge][side] != ends[here.0][here.1],
            Variant::Cuckarood => (proof[edge] ^ proof[here.0]) & 1 == 1,
            Variant::Cuckaroom => side != here.1,
            _ => true,
        };
        if !joined {
            return false;
        }
        here = (edge, 1 - side);
        if here == (0, 0) {
            return step == proof.len();
        }
    }
    false
}

/// u and v of an edge.
pub(crate) fn endpoints(parameters: &Parameters, keys: &Keys, edge: u64) -> [u64; 2] {
    let node_bits = match parameters.variant {
        Variant::Cuckarood => parameters.edge_bits - 1,
        Variant::Cuckarooz => parameters.edge_bits + 1,
        _ => parameters.edge_bits,
    };
    let mask = (1u64 << node_bits) - 1;
    if parameters.variant.has_two_hashes() {
        return [2 * edge, 2 * edge + 1].map(|word| {
            let mut state = keys.0;
            hash(&mut state, word, parameters) & mask
        });
    }
    let mut state = keys.0;
    let first = edge & !63;
    let hashes: Vec<u64> = (first..first + 64).map(|word| hash(&mut state, word, parameters)).collect();
    let at = (edge & 63) as usize;
    let hash = match parameters.variant {
        Variant::Cuckaroom | Variant::Cuckarooz => hashes[at..].iter().fold(0, |xor, hash| xor ^ hash),
        _ if at == 63 => hashes[63],
        _ => hashes[at] ^ hashes[63],
    };
    [hash & mask, hash >> 32 & mask]
}

fn hash(state: &mut [u64; 4], word: u64, parameters: &Parameters) -> u64 {
    let (before, after) = match parameters.sip {
        Sip::TwoFour => (2, 4),
        Sip::FourEight => (4, 8),
    };
    let last = if parameters.variant == Variant::Cuckarood { 25 } else { 21 };
    state[3] ^= word;
    (0..before).for_each(|_| round(state, last));
    state[0] ^= word;
    state[2] ^= 0xff;
    (0..after).for_each(|_| round(state, last));
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn round(v: &mut [u64; 4], last: u32) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(last) ^ v[0];
}
