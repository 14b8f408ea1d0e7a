//! Verification: whether edges are one cycle, and if not, what is first found wrong.

use std::fmt;

use super::graph::{Endpoints, Graph, ProofSize, Variant};

/// What a proof is, in the words of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// One cycle of the wanted size.
    Valid,
    /// Not as many edges as a proof has.
    WrongLength,
    /// Cuckarood: more than half of the edges are even, or odd.
    Unbalanced,
    /// An edge beyond the last.
    TooBig,
    /// An edge that is not above the one before it.
    NotAscending,
    /// The nodes of one side do not cancel out, as in a cycle they must.
    NonMatching,
    /// More than two edges in a node.
    Branch,
    /// An edge that no other continues.
    DeadEnd,
    /// A cycle that leaves edges over.
    ShortCycle,
}

impl Verdict {
    /// All, in the order in which the reference looks for them.
    pub const ALL: [Verdict; 9] = [
        Verdict::Valid,
        Verdict::WrongLength,
        Verdict::Unbalanced,
        Verdict::TooBig,
        Verdict::NotAscending,
        Verdict::NonMatching,
        Verdict::Branch,
        Verdict::DeadEnd,
        Verdict::ShortCycle,
    ];

    /// Whether the proof is good.
    pub fn is_valid(self) -> bool {
        self == Verdict::Valid
    }

    /// The words the reference's verifiers print.
    pub fn message(self) -> &'static str {
        match self {
            Verdict::Valid => "OK",
            Verdict::WrongLength => "wrong cycle length",
            Verdict::Unbalanced => "edges not balanced",
            Verdict::TooBig => "edge too big",
            Verdict::NotAscending => "edges not ascending",
            Verdict::NonMatching => "endpoints don't match up",
            Verdict::Branch => "branch in cycle",
            Verdict::DeadEnd => "cycle dead ends",
            Verdict::ShortCycle => "cycle too short",
        }
    }

    /// One word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Valid => "valid",
            Verdict::WrongLength => "wrong-length",
            Verdict::Unbalanced => "unbalanced",
            Verdict::TooBig => "too-big",
            Verdict::NotAscending => "not-ascending",
            Verdict::NonMatching => "non-matching",
            Verdict::Branch => "branch",
            Verdict::DeadEnd => "dead-end",
            Verdict::ShortCycle => "short-cycle",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// Judges a proof: edges in ascending order that must form one cycle of `size` edges.
///
/// The first thing found wrong is the verdict, in the reference's order: the length; then edge by
/// edge balance, range and order; then that nodes cancel out; then what walking along the cycle from
/// the first edge shows. In two places references differ, and only in the word, never in accepting:
/// - Cuckaroom with two edges from one node: the author's verifier goes on with the lower index, Grin's
///   with the higher. Here as the author's.
/// - Cuckarood with a walk that never comes back to the first edge: both references walk for ever; here
///   the verdict is [`Verdict::Branch`] after `size` steps.
///
/// **Source**: the family's verifiers at commit 86c77bc; the Cortex chain's `CuckooVerifyProof`.
pub fn verify(graph: &Graph, size: ProofSize, proof: &[u64]) -> Verdict {
    if proof.len() != size.get() {
        return Verdict::WrongLength;
    }
    if let Some(verdict) = first_bad_edge(graph, proof) {
        return verdict;
    }
    let ends: Vec<Endpoints> = proof.iter().map(|&edge| graph.endpoints(edge)).collect();
    let xor_u = ends.iter().fold(0, |xor, ends| xor ^ ends.u);
    let xor_v = ends.iter().fold(0, |xor, ends| xor ^ ends.v);
    let cancels = match graph.variant() {
        // The lowest bits of two nodes that meet differ: half as many ones as edges.
        Variant::Cuckatoo => {
            let ones = proof.len() as u64 / 2 % 2;
            xor_u == ones && xor_v == ones
        }
        Variant::Cuckaroom | Variant::Cuckarooz => xor_u == xor_v,
        _ => xor_u == 0 && xor_v == 0,
    };
    if !cancels {
        return Verdict::NonMatching;
    }
    match graph.variant() {
        Variant::Cuckaroom => walk_directed(&ends),
        Variant::Cuckarood => walk(&in_order_of_parity(proof, &ends), |i, k| (i % 4) ^ 2 == k % 4, Joint::Equal),
        Variant::Cuckatoo => walk(&in_order(&ends), |i, k| i % 2 == k % 2, Joint::LowestBitDiffers),
        Variant::Cuckarooz => walk(&in_order(&ends), |_, _| true, Joint::Equal),
        Variant::Cuckoo | Variant::Cuckaroo => walk(&in_order(&ends), |i, k| i % 2 == k % 2, Joint::Equal),
    }
}

fn first_bad_edge(graph: &Graph, proof: &[u64]) -> Option<Verdict> {
    let mut parities = [0, 0];
    for (position, &edge) in proof.iter().enumerate() {
        let of_its_parity = &mut parities[(edge % 2) as usize];
        if graph.variant() == Variant::Cuckarood && *of_its_parity >= proof.len() / 2 {
            return Some(Verdict::Unbalanced);
        }
        *of_its_parity += 1;
        if edge >= graph.edge_bits().edge_count() {
            return Some(Verdict::TooBig);
        }
        if position > 0 && edge <= proof[position - 1] {
            return Some(Verdict::NotAscending);
        }
    }
    None
}

/// u and v of every edge: an edge's other end has the position with the lowest bit flipped.
fn in_order(ends: &[Endpoints]) -> Vec<u64> {
    ends.iter().flat_map(|ends| [ends.u, ends.v]).collect()
}

/// The same with even and odd edges in turn, each kind in its order.
fn in_order_of_parity(proof: &[u64], ends: &[Endpoints]) -> Vec<u64> {
    let of_parity = |parity| proof.iter().zip(ends).filter(move |&(edge, _)| edge % 2 == parity);
    of_parity(0).zip(of_parity(1)).flat_map(|((_, even), (_, odd))| [even.u, even.v, odd.u, odd.v]).collect()
}

/// When two ends in one node continue each other.
#[derive(Clone, Copy)]
enum Joint {
    /// Always; nodes are equal numbers.
    Equal,
    /// If their lowest bits differ; nodes are pairs of numbers.
    LowestBitDiffers,
}

/// Walks from edge to edge, beginning with the u of the first, until it comes back there.
fn walk(nodes: &[u64], comparable: fn(usize, usize) -> bool, joint: Joint) -> Verdict {
    let shift = match joint {
        Joint::Equal => 0,
        Joint::LowestBitDiffers => 1,
    };
    let edge_count = nodes.len() / 2;
    let mut here = 0;
    for steps in 1..=edge_count {
        let same =
            |&other: &usize| other != here && comparable(here, other) && nodes[other] >> shift == nodes[here] >> shift;
        let others: Vec<usize> = (0..nodes.len()).filter(same).collect();
        here = match others[..] {
            [] => return Verdict::DeadEnd,
            [other] if shift == 1 && nodes[other] == nodes[here] => return Verdict::DeadEnd,
            [other] => other ^ 1,
            _ => return Verdict::Branch,
        };
        if here == 0 {
            return if steps == edge_count { Verdict::Valid } else { Verdict::ShortCycle };
        }
    }
    // Where meeting is mutual the walk cannot come here: every end has one predecessor.
    Verdict::Branch
}

/// Walks along directed edges, always on with the lowest edge that begins where the last one ended.
fn walk_directed(ends: &[Endpoints]) -> Verdict {
    let mut visited = vec![false; ends.len()];
    let mut here = 0;
    for steps in 1.. {
        if visited[here] {
            return Verdict::Branch;
        }
        visited[here] = true;
        here = match ends.iter().position(|next| next.u == ends[here].v) {
            None => return Verdict::DeadEnd,
            Some(next) => next,
        };
        if here == 0 {
            return if steps == ends.len() { Verdict::Valid } else { Verdict::ShortCycle };
        }
    }
    unreachable!("invariant: some edge is visited twice after as many steps as there are edges")
}
