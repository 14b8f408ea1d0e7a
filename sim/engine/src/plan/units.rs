//! Divides what exists once into units: parts that are likely to be busy or idle together.
//!
//! A unit is a connected piece of logic within one instance. Pieces are cut at the ports of
//! instances, and at bits that many read: a `start` or `valid` is computed by its own unit, and
//! those that read it are woken by its changes. Registers and memories connect nothing: what is read
//! from one wakes its readers when it changes. Small pieces of one instance are one unit.

use rustc_hash::FxHashMap;

use super::layout::State;
use super::schedule::{Action, Job};
use super::values::Values;
use super::{CellId, StrandId, ValueId, ValueOp};
use myelin_hdl::Ty;

/// Values that exist once from which they are divided. Asking what must run pays where much is idle
/// most of the time, as in a design of several units; a few busy queues or state machines (up to 700
/// values were measured) ran at a quarter to three quarters of their speed when divided. With debug
/// assertions, as in tests, nearly all designs are divided.
const DIVIDED_MIN: usize = if cfg!(debug_assertions) { 40 } else { 1000 };

/// Readers from which a bit is a control that connects nothing.
const CONTROL_READERS: u32 = 6;

/// Values and actions below which a piece is not a unit of its own.
const UNIT_MIN: usize = if cfg!(debug_assertions) { 4 } else { 48 };

/// The strand of what exists once.
const ONCE: StrandId = StrandId(0);

/// The unit of everything. Strands of many lanes are one unit each, numbered as the strand.
#[derive(Debug)]
pub(crate) struct Units {
    /// For values and then for jobs; empty if the first strand is one unit as well.
    of_node: Vec<u32>,
    values: usize,
}

impl Units {
    /// Every strand is one unit.
    pub(crate) fn one_each() -> Units {
        Units { of_node: Vec::new(), values: 0 }
    }

    /// Divides the values in `order`, and the jobs.
    pub(crate) fn new(values: &Values, state: &State, strands: usize, jobs: &[Job], order: &[ValueId]) -> Units {
        let once: Vec<ValueId> =
            order.iter().copied().filter(|&id| values.value(id).strand == ONCE && is_computed(values, id)).collect();
        if once.len() < DIVIDED_MIN {
            return Units::one_each();
        }
        let mut readers = vec![0_u32; values.values.len()];
        for &id in &once {
            values.value(id).op.for_each_operand(|operand| readers[operand.index()] += 1);
        }
        for job in jobs.iter().filter(|job| job.strand == ONCE) {
            job.action.for_each_operand(|operand| readers[operand.index()] += 1);
        }
        let is_control = |id: ValueId| values.ty(id) == Ty::BIT && readers[id.index()] >= CONTROL_READERS;
        let mut pieces = Pieces::new(values.values.len() + jobs.len());
        for &id in &once {
            values.value(id).op.for_each_operand(|operand| {
                if is_computed(values, operand) && values.limb(operand) == values.limb(id) && !is_control(operand) {
                    pieces.join(id.index(), operand.index());
                }
            });
        }
        let job_node = |index: usize| values.values.len() + index;
        let once_jobs = || jobs.iter().enumerate().filter(|(_, job)| job.strand == ONCE);
        for (index, job) in once_jobs().filter(|(_, job)| !matches!(job.action, Action::WriteWord { .. })) {
            job.action.for_each_operand(|operand| {
                if is_computed(values, operand) && values.limb(operand) as usize == job.limb && !is_control(operand) {
                    pieces.join(job_node(index), operand.index());
                }
            });
        }
        // Delay lines that move together, and what they begin with.
        let mut changes: FxHashMap<CellId, usize> = FxHashMap::default();
        for (index, job) in once_jobs() {
            match &job.action {
                Action::Commit { cell, .. } => drop(changes.insert(*cell, index)),
                Action::TakeWord { cells, .. } => changes.extend(cells.iter().map(|&cell| (cell, index))),
                _ => {}
            }
        }
        for block in &state.blocks {
            let cells = block.heads.iter().chain(block.links.iter().map(|(cell, _)| cell));
            let members: Vec<usize> = cells.filter_map(|cell| changes.get(cell).copied()).collect();
            members.windows(2).for_each(|pair| pieces.join(job_node(pair[0]), job_node(pair[1])));
        }
        let nodes: Vec<(usize, usize)> = (once.iter().map(|&id| (id.index(), values.limb(id) as usize)))
            .chain(once_jobs().map(|(index, job)| (job_node(index), job.limb)))
            .collect();
        let mut of_node = pieces.number(&nodes, strands as u32);
        // The writes of a memory come after all that reads it: a unit for each.
        let mut next = of_node.iter().copied().filter(|&unit| unit != u32::MAX).max().map_or(0, |last| last + 1);
        let mut writers = FxHashMap::default();
        for (index, job) in once_jobs() {
            if let Action::WriteWord { memory, .. } = job.action {
                of_node[job_node(index)] = *writers.entry(memory).or_insert_with(|| {
                    next += 1;
                    next - 1
                });
            }
        }
        Units { of_node, values: values.values.len() }
    }

    /// Whether the first strand is divided.
    pub(crate) fn are_many(&self) -> bool {
        !self.of_node.is_empty()
    }

    /// Whether a strand is more than one unit.
    pub(crate) fn is_divided(&self, strand: StrandId) -> bool {
        strand == ONCE && self.are_many()
    }

    pub(crate) fn of_job(&self, index: usize, strand: StrandId) -> u32 {
        if self.is_divided(strand) { self.of_node[self.values + index] } else { strand.0 }
    }

    /// The unit that computes a value.
    pub(crate) fn of_value(&self, values: &Values, id: ValueId) -> u32 {
        let strand = values.value(id).strand;
        if self.is_divided(strand) { self.of_node[id.index()] } else { strand.0 }
    }

    /// Whether a unit takes a value from another one of the same strand.
    pub(crate) fn is_entering(&self, values: &Values, id: ValueId, unit: u32) -> bool {
        self.are_many()
            && values.value(id).strand == ONCE
            && is_computed(values, id)
            && self.of_value(values, id) != unit
    }

    /// Whether `user` takes the value from another unit of the same strand.
    pub(crate) fn is_crossing(&self, values: &Values, id: ValueId, user: ValueId) -> bool {
        self.are_many()
            && values.value(user).strand == ONCE
            && is_computed(values, user)
            && self.is_entering(values, id, self.of_value(values, user))
    }
}

/// Whether a value is more than read from the state or another strand.
pub(crate) fn is_computed(values: &Values, id: ValueId) -> bool {
    !matches!(values.value(id).op, ValueOp::Cell(_) | ValueOp::Const(_) | ValueOp::Wire(_))
}

/// Sets of connected nodes.
struct Pieces(Vec<u32>);

impl Pieces {
    fn new(nodes: usize) -> Pieces {
        Pieces((0..nodes as u32).collect())
    }

    fn root(&mut self, node: usize) -> usize {
        let mut at = node;
        while self.0[at] as usize != at {
            let above = self.0[self.0[at] as usize];
            self.0[at] = above;
            at = above as usize;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b) as u32;
    }

    /// Numbers units from `first` on; nodes come with their limb.
    fn number(&mut self, nodes: &[(usize, usize)], first: u32) -> Vec<u32> {
        let mut sizes: FxHashMap<usize, usize> = FxHashMap::default();
        let mut limbs: FxHashMap<usize, usize> = FxHashMap::default();
        for &(node, limb) in nodes {
            let root = self.root(node);
            *sizes.entry(root).or_default() += 1;
            limbs.entry(root).or_insert(limb);
        }
        let mut units: FxHashMap<(bool, usize), u32> = FxHashMap::default();
        let mut of_node = vec![u32::MAX; self.0.len()];
        for &(node, _) in nodes {
            let root = self.root(node);
            let key = if sizes[&root] < UNIT_MIN { (false, limbs[&root]) } else { (true, root) };
            let next = first + units.len() as u32;
            of_node[node] = *units.entry(key).or_insert(next);
        }
        of_node
    }
}
