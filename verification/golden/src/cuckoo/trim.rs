//! Trimming: round after round, edges go that cannot lie on a cycle.

use super::graph::{Endpoints, Graph, Side, Variant};

/// The edges still alive, and the rounds done.
///
/// **Numbers**: what a round removes depends only on the edges alive when it begins.
/// - Cuckoo, Cuckaroo: round r looks at side r mod 2, u first; an edge stays if another has the same
///   node there.
/// - Cuckatoo: the same with the node that differs in the lowest bit.
/// - Cuckarood: the same with an edge of the other parity in the same node.
/// - Cuckaroom: in even rounds an edge stays if one begins where it ends, in odd rounds if one ends
///   where it begins.
/// - Cuckarooz: an edge stays if both its nodes are ends at least twice. An edge from a node to itself
///   counts twice there.
///
/// **Source**: the family's lean solvers, but for their node 0, which those always mark as used: their
/// counts can be one or two higher.
pub struct Trimmer {
    variant: Variant,
    node_count: usize,
    endpoints: Vec<Endpoints>,
    alive: Vec<bool>,
    round_count: u32,
}

impl Trimmer {
    /// All edges alive. Takes about `40 * 2^edge_bits` bytes.
    pub fn new(graph: &Graph) -> Trimmer {
        let endpoints = graph.all_endpoints();
        Trimmer {
            variant: graph.variant(),
            node_count: 1 << graph.variant().node_bits(graph.edge_bits()),
            alive: vec![true; endpoints.len()],
            endpoints,
            round_count: 0,
        }
    }

    /// Rounds done.
    pub fn round_count(&self) -> u32 {
        self.round_count
    }

    /// The edges alive, ascending.
    pub fn survivors(&self) -> Vec<u64> {
        (0..).zip(&self.alive).filter(|&(_, &alive)| alive).map(|(edge, _)| edge).collect()
    }

    /// Does one round; answers how many edges are alive after it.
    pub fn round(&mut self) -> u64 {
        let side = if self.round_count.is_multiple_of(2) { Side::U } else { Side::V };
        match self.variant {
            Variant::Cuckoo | Variant::Cuckaroo => {
                let degree = self.count(|_, ends, count| count(ends.at(side)));
                self.keep(|_, ends| degree[ends.at(side) as usize] >= 2);
            }
            Variant::Cuckatoo => {
                let degree = self.count(|_, ends, count| count(ends.at(side)));
                self.keep(|_, ends| degree[(ends.at(side) ^ 1) as usize] >= 1);
            }
            Variant::Cuckarood => {
                let even = self.count(|edge, ends, count| (0..1 - edge % 2).for_each(|_| count(ends.at(side))));
                let odd = self.count(|edge, ends, count| (0..edge % 2).for_each(|_| count(ends.at(side))));
                self.keep(|edge, ends| {
                    let others = if edge.is_multiple_of(2) { &odd } else { &even };
                    others[ends.at(side) as usize] >= 1
                });
            }
            Variant::Cuckaroom => {
                // Even rounds keep what can go on, odd rounds what can be come to.
                let degree = self.count(|_, ends, count| count(ends.at(side)));
                self.keep(|_, ends| degree[ends.at(side.other()) as usize] >= 1);
            }
            Variant::Cuckarooz => {
                let degree = self.count(|_, ends, count| {
                    count(ends.u);
                    count(ends.v);
                });
                self.keep(|_, ends| degree[ends.u as usize] >= 2 && degree[ends.v as usize] >= 2);
            }
        }
        self.round_count += 1;
        self.alive.iter().filter(|&&alive| alive).count() as u64
    }

    /// How often each node is named when `name` is shown every edge alive.
    fn count(&self, name: impl Fn(u64, Endpoints, &mut dyn FnMut(u64))) -> Vec<u32> {
        let mut degree = vec![0; self.node_count];
        for (edge, &ends) in (0..).zip(&self.endpoints) {
            if self.alive[edge as usize] {
                name(edge, ends, &mut |node| degree[node as usize] += 1);
            }
        }
        degree
    }

    fn keep(&mut self, stays: impl Fn(u64, Endpoints) -> bool) {
        for (edge, &ends) in (0..).zip(&self.endpoints) {
            let alive = &mut self.alive[edge as usize];
            *alive = *alive && stays(edge, ends);
        }
    }
}
