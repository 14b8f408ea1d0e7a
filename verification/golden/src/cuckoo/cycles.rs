//! Cycles of a wanted length among a few edges.

use super::graph::{Endpoints, Graph, ProofSize, Side, Variant};

/// An edge with its index and nodes.
#[derive(Clone, Copy)]
struct Edge {
    index: u64,
    ends: Endpoints,
}

/// Whether one can come in through `from` of edge `a` and go on through `to` of edge `b`.
fn meets(variant: Variant, a: Edge, from: Side, b: Edge, to: Side) -> bool {
    let (x, y) = (a.ends.at(from), b.ends.at(to));
    match variant {
        Variant::Cuckoo | Variant::Cuckaroo => from == to && x == y,
        Variant::Cuckatoo => from == to && x == y ^ 1,
        Variant::Cuckarood => from == to && x == y && a.index % 2 != b.index % 2,
        Variant::Cuckaroom => from == Side::V && to == Side::U && x == y,
        Variant::Cuckarooz => x == y,
    }
}

/// Whether two ends are in one node, where a cycle passes but once.
fn same_node(variant: Variant, a: Edge, from: Side, b: Edge, to: Side) -> bool {
    let (x, y) = (a.ends.at(from), b.ends.at(to));
    match variant {
        Variant::Cuckoo | Variant::Cuckaroo | Variant::Cuckarood => from == to && x == y,
        Variant::Cuckatoo => from == to && x / 2 == y / 2,
        Variant::Cuckaroom | Variant::Cuckarooz => x == y,
    }
}

fn edges_of(graph: &Graph, indices: &[u64]) -> Vec<Edge> {
    indices.iter().map(|&index| Edge { index, ends: graph.endpoints(index) }).collect()
}

/// What is left of these edges when, as long as there are any, those go of which an end meets no
/// other edge. In the order given.
///
/// Compares every edge with every other: for a few thousand edges.
pub fn two_core(graph: &Graph, indices: &[u64]) -> Vec<u64> {
    let variant = graph.variant();
    let mut edges = edges_of(graph, indices);
    loop {
        let meets_one = |a: Edge, side: Side| {
            let forwards = |b: &Edge, to: Side| meets(variant, a, side, *b, to);
            let backwards = |b: &Edge, from: Side| meets(variant, *b, from, a, side);
            let any =
                |to: Side| edges.iter().filter(|b| b.index != a.index).any(|b| forwards(b, to) || backwards(b, to));
            // An edge from a node to itself meets itself, but for that node's other edges nothing changes.
            let itself = !variant.is_bipartite() && a.ends.u == a.ends.v;
            any(Side::U) || any(Side::V) || itself
        };
        let kept: Vec<Edge> =
            edges.iter().copied().filter(|&edge| meets_one(edge, Side::U) && meets_one(edge, Side::V)).collect();
        if kept.len() == edges.len() {
            return kept.iter().map(|edge| edge.index).collect();
        }
        edges = kept;
    }
}

/// Every cycle of `size` edges among these: ascending indices, in ascending order, each once.
///
/// A cycle passes no node twice and uses no edge twice, so each is a proof that [`super::verify`]
/// accepts, and there are no others. The search walks every path; it is for edges that trimming has
/// left, not for whole graphs.
pub fn find_cycles(graph: &Graph, indices: &[u64], size: ProofSize) -> Vec<Vec<u64>> {
    let mut indices = two_core(graph, indices);
    indices.sort_unstable();
    let edges = edges_of(graph, &indices);
    let mut search =
        Search { variant: graph.variant(), edges: &edges, size: size.get(), path: Vec::new(), found: Vec::new() };
    for first in 0..edges.len() {
        // Through v first: the other direction finds the same cycles. A directed edge has only this one.
        search.path = vec![(first, Side::V)];
        search.extend();
    }
    let mut found = search.found;
    found.sort();
    found.dedup();
    found
}

struct Search<'a> {
    variant: Variant,
    edges: &'a [Edge],
    size: usize,
    /// Edges walked so far, each with the side it was left through. The first has the lowest index of
    /// all.
    path: Vec<(usize, Side)>,
    found: Vec<Vec<u64>>,
}

impl Search<'_> {
    fn extend(&mut self) {
        let first = self.edges[self.path[0].0];
        let (last, out) = self.path[self.path.len() - 1];
        let last = self.edges[last];
        if self.path.len() == self.size {
            if meets(self.variant, last, out, first, Side::U) && !self.passed(last, out, 1) {
                let mut cycle: Vec<u64> = self.path.iter().map(|&(edge, _)| self.edges[edge].index).collect();
                cycle.sort_unstable();
                self.found.push(cycle);
            }
            return;
        }
        // The node gone to must be new, the one begun in too.
        if self.passed(last, out, 0) {
            return;
        }
        for next in self.path[0].0 + 1..self.edges.len() {
            for into in [Side::U, Side::V] {
                let unused = self.path.iter().all(|&(edge, _)| edge != next);
                if unused && meets(self.variant, last, out, self.edges[next], into) {
                    self.path.push((next, into.other()));
                    self.extend();
                    self.path.pop();
                }
            }
        }
    }

    /// Whether the node at the end of the path is one that the path came through before; `skip` is how
    /// many of the first nodes may be.
    fn passed(&self, last: Edge, out: Side, skip: usize) -> bool {
        let came_through = self.path.iter().map(|&(edge, side)| (self.edges[edge], side.other()));
        // An edge's own beginning is a node passed as well, when it leads back to itself.
        came_through.skip(skip).any(|(edge, side)| same_node(self.variant, edge, side, last, out))
    }
}
