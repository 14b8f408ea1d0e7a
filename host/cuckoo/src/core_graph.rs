//! The last step: the few edges left, trimmed to the end, and every cycle among them.

use crate::error::Error;
use crate::marks::Rule;
use crate::parameters::{Parameters, Variant};
use crate::rounds::Side;
use crate::work::Cancel;

/// Ends of edges tried between two looks at the switch.
const STEPS_PER_CHECK: u32 = 1 << 14;

/// Records numbered, and keys sorted, between two looks at the switch.
const RECORDS_PER_CHECK: usize = 1 << 14;

/// Sorts in parts, then merges those.
fn sort(keys: &mut Vec<u64>, cancel: &Cancel) -> Result<(), Error> {
    let mut size = RECORDS_PER_CHECK;
    for part in keys.chunks_mut(size) {
        cancel.check()?;
        part.sort_unstable();
    }
    while size < keys.len() {
        let mut merged = Vec::with_capacity(keys.len());
        for pair in keys.chunks(2 * size) {
            cancel.check()?;
            let (mut left, mut right) = pair.split_at(size.min(pair.len()));
            while let ([first, ..], [second, ..]) = (left, right) {
                let from = if second < first { &mut right } else { &mut left };
                merged.push(from[0]);
                *from = &from[1..];
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        *keys = merged;
        size *= 2;
    }
    Ok(())
}

/// Edges with their nodes numbered from 0 without gaps. Under [`Rule::Partner`] two nodes that meet
/// have numbers that differ in the lowest bit only.
struct Numbered {
    rule: Rule,
    directed: bool,
    bipartite: bool,
    /// u and v of each edge.
    ends: Vec<[u32; 2]>,
    node_count: usize,
}

impl Numbered {
    fn new(parameters: &Parameters, records: &[u64], cancel: &Cancel) -> Result<Numbered, Error> {
        let rule = Rule::of(parameters.variant);
        let bipartite = parameters.variant.is_bipartite();
        let mask = (1u64 << parameters.node_bits()) - 1;
        let pair = u32::from(rule == Rule::Partner);
        let node = |record: u64, side: Side| (record >> side.shift()) & mask;
        // Nodes of v are other nodes than those of u, if the graph is bipartite.
        let of_v = if bipartite { 1u64 << 40 } else { 0 };
        let key = |record: u64, side: Side| (node(record, side) >> pair) + if side == Side::V { of_v } else { 0 };
        let mut keys: Vec<u64> =
            records.iter().flat_map(|&record| [key(record, Side::U), key(record, Side::V)]).collect();
        sort(&mut keys, cancel)?;
        keys.dedup();
        let number = |record: u64, side: Side| {
            let index = keys.binary_search(&key(record, side)).expect("invariant: every key is in the list");
            (index as u32) << pair | (node(record, side) & u64::from(pair)) as u32
        };
        let mut ends = Vec::with_capacity(records.len());
        for records in records.chunks(RECORDS_PER_CHECK) {
            cancel.check()?;
            ends.extend(records.iter().map(|&record| [number(record, Side::U), number(record, Side::V)]));
        }
        let directed = parameters.variant == Variant::Cuckaroom;
        Ok(Numbered { rule, directed, bipartite, ends, node_count: keys.len() << pair })
    }

    /// Removes edges that cannot be on a cycle until there are none; answers which are left.
    fn trim(&self, cancel: &Cancel) -> Result<Vec<usize>, Error> {
        let mut left: Vec<usize> = (0..self.ends.len()).collect();
        loop {
            let count = left.len();
            for side in 0..2 {
                cancel.check()?;
                // How often a node is used: by one side where only that counts.
                let mut used = vec![0u8; self.node_count];
                for &edge in &left {
                    for (of, &end) in self.ends[edge].iter().enumerate() {
                        if !(self.directed || self.bipartite) || of == side {
                            used[end as usize] = used[end as usize].saturating_add(1);
                        }
                    }
                }
                left.retain(|&edge| {
                    let ends = self.ends[edge];
                    match self.rule {
                        Rule::Twice => used[ends[side] as usize] >= 2,
                        Rule::Partner => used[(ends[side] ^ 1) as usize] >= 1,
                        Rule::Same => used[ends[1 - side] as usize] >= 1,
                    }
                });
            }
            if left.len() == count {
                return Ok(left);
            }
        }
    }
}

/// The records that are left when all are removed that cannot be on a cycle.
pub(crate) fn trim_to_core(parameters: &Parameters, records: &[u64], cancel: &Cancel) -> Result<Vec<u64>, Error> {
    let left = Numbered::new(parameters, records, cancel)?.trim(cancel)?;
    Ok(left.into_iter().map(|edge| records[edge]).collect())
}

/// Every cycle of the wanted size among these records: positions in `records`, ascending.
pub(crate) fn find_cycles(parameters: &Parameters, records: &[u64], cancel: &Cancel) -> Result<Vec<Vec<u32>>, Error> {
    let numbered = Numbered::new(parameters, records, cancel)?;
    let mut search = Search {
        users: Users::new(&numbered),
        visited: vec![false; numbered.node_count],
        numbered: &numbered,
        size: parameters.proof_size,
        path: Vec::with_capacity(parameters.proof_size),
        found: Vec::new(),
        steps: 0,
        cancel,
    };
    for first in 0..records.len() as u32 {
        let start = search.node(first, 0);
        search.visited[start] = true;
        search.path.push(first);
        search.extend(first, 1)?;
        search.path.pop();
        search.visited[start] = false;
    }
    let mut found = search.found;
    found.sort();
    found.dedup();
    Ok(found)
}

/// Which ends are in each node.
struct Users {
    first: Vec<u32>,
    /// Edge and side.
    ends: Vec<(u32, u8)>,
}

impl Users {
    fn new(numbered: &Numbered) -> Users {
        let mut first = vec![0u32; numbered.node_count + 1];
        for &end in numbered.ends.iter().flatten() {
            first[end as usize + 1] += 1;
        }
        for node in 0..numbered.node_count {
            first[node + 1] += first[node];
        }
        let mut next = first.clone();
        let mut ends = vec![(0, 0); 2 * numbered.ends.len()];
        for (edge, of_edge) in numbered.ends.iter().enumerate() {
            for (side, &end) in of_edge.iter().enumerate() {
                ends[next[end as usize] as usize] = (edge as u32, side as u8);
                next[end as usize] += 1;
            }
        }
        Users { first, ends }
    }

    fn range(&self, node: u32) -> std::ops::Range<usize> {
        self.first[node as usize] as usize..self.first[node as usize + 1] as usize
    }
}

struct Search<'a> {
    numbered: &'a Numbered,
    users: Users,
    /// Nodes that the path has come through; by the lower of two that meet.
    visited: Vec<bool>,
    size: usize,
    /// Edges walked so far; the first is the lowest.
    path: Vec<u32>,
    found: Vec<Vec<u32>>,
    steps: u32,
    cancel: &'a Cancel,
}

impl Search<'_> {
    /// Where a node's visit is noted.
    fn node(&self, edge: u32, side: usize) -> usize {
        let end = self.numbered.ends[edge as usize][side] as usize;
        if self.numbered.rule == Rule::Partner { end & !1 } else { end }
    }

    /// Walks on from this side of the last edge. Recursion is as deep as a cycle is long.
    fn extend(&mut self, last: u32, out: usize) -> Result<(), Error> {
        self.steps += 1;
        if self.steps == STEPS_PER_CHECK {
            self.steps = 0;
            self.cancel.check()?;
        }
        let first = self.path[0];
        let partner = u32::from(self.numbered.rule == Rule::Partner);
        let here = self.numbered.ends[last as usize][out];
        if self.path.len() == self.size {
            if here ^ partner == self.numbered.ends[first as usize][0] {
                let mut cycle = self.path.clone();
                cycle.sort_unstable();
                self.found.push(cycle);
            }
            return Ok(());
        }
        let node = self.node(last, out);
        if self.visited[node] {
            return Ok(());
        }
        self.visited[node] = true;
        for at in self.users.range(here ^ partner) {
            let (next, into) = self.users.ends[at];
            // The lowest edge is the first; a directed edge is entered where it comes from.
            if next > first && next != last && !(self.numbered.directed && into == 1) {
                self.path.push(next);
                self.extend(next, 1 - usize::from(into))?;
                self.path.pop();
            }
        }
        self.visited[node] = false;
        Ok(())
    }
}
