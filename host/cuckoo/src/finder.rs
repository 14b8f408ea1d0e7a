//! Cycles among edges that somebody else has trimmed.

use crate::core_graph::{find_cycles, trim_to_core};
use crate::error::Error;
use crate::parameters::{Keys, Parameters, Variant};
use crate::rounds::Side;
use crate::verify::{endpoints, is_proof};
use crate::work::Cancel;

/// Every cycle of the wanted size among these edges of the graph: its edges ascending; cycles in
/// ascending order. Each has been checked by [`is_proof`].
///
/// For what a device leaves of a graph: edges are hashed one by one.
///
/// **Errors**: [`Error::Cancelled`]; [`Error::Miscomputed`].
pub fn find_proofs(
    parameters: &Parameters,
    keys: &Keys,
    edges: &[u64],
    cancel: &Cancel,
) -> Result<Vec<Vec<u64>>, Error> {
    let mut edges: Vec<(u64, u64)> = edges.iter().map(|&edge| (record(parameters, keys, edge), edge)).collect();
    edges.sort_unstable();
    let all: Vec<u64> = edges.iter().map(|&(record, _)| record).collect();
    let mut core = trim_to_core(parameters, &all, cancel)?;
    core.sort_unstable();
    core.dedup();
    // Ascending indices, so that cycles are found in the order promised.
    let mut left: Vec<(u64, u64)> =
        edges.into_iter().filter(|(record, _)| core.binary_search(record).is_ok()).collect();
    left.sort_unstable_by_key(|&(_, edge)| edge);
    let records: Vec<u64> = left.iter().map(|&(record, _)| record).collect();
    let cycles = find_cycles(parameters, &records, cancel)?;
    let proof = |cycle: Vec<u32>| -> Vec<u64> { cycle.into_iter().map(|at| left[at as usize].1).collect() };
    let mut proofs: Vec<Vec<u64>> = cycles.into_iter().map(proof).collect();
    proofs.sort();
    if proofs.iter().all(|proof| is_proof(parameters, keys, proof)) { Ok(proofs) } else { Err(Error::Miscomputed) }
}

/// Both nodes as trimming has them: Cuckarood's with the edge's parity below.
fn record(parameters: &Parameters, keys: &Keys, edge: u64) -> u64 {
    let parity = |node: u64| if parameters.variant == Variant::Cuckarood { node << 1 | edge & 1 } else { node };
    let [u, v] = endpoints(parameters, keys, edge).map(parity);
    u << Side::U.shift() | v << Side::V.shift()
}
