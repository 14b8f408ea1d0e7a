//! Orders drafts so that registers are read before they change.
//!
//! What a draft computes comes before its users, and what reads a memory before what writes it. Among
//! the orders that keep this, one is sought in which few registers change before all their readers
//! have run: for each of the others its old value must be kept.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::phases::{Draft, DraftKey, Export};
use super::schedule::{Action, Plan};
use super::units::{Units, is_computed};
use super::{CellId, MemoryId, ValueId, ValueOp};

/// What a draft needs and does.
#[derive(Default)]
struct Needs {
    /// Drafts that come first.
    after: BTreeSet<usize>,
    /// Cells read, and how much it would be to copy them.
    reads: BTreeMap<CellId, u32>,
    changes: Vec<CellId>,
    memories_read: BTreeSet<MemoryId>,
    memories_written: BTreeSet<MemoryId>,
}

impl Plan<'_> {
    /// Orders drafts that come in the order of their keys.
    pub(super) fn arrange(
        &self,
        drafts: Vec<Draft>,
        units: &Units,
        exports: &FxHashMap<ValueId, Export>,
    ) -> Vec<Draft> {
        let needs = self.needs(&drafts, units, exports);
        let mut waits: Vec<usize> = vec![0; drafts.len()];
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
        let mut readers: FxHashMap<CellId, Vec<(usize, u32)>> = FxHashMap::default();
        for (index, need) in needs.iter().enumerate() {
            for &before in &need.after {
                followers[before].push(index);
                waits[index] += 1;
            }
            need.reads.iter().for_each(|(&cell, &cost)| readers.entry(cell).or_default().push((index, cost)));
        }
        // What running a draft now would cost in copies for those that read what it changes.
        let mut costs: Vec<u64> = vec![0; drafts.len()];
        // The drafts whose cost sinks when one has run.
        let mut spared: Vec<Vec<(usize, u32)>> = vec![Vec::new(); drafts.len()];
        for (index, need) in needs.iter().enumerate() {
            for &(reader, cost) in need.changes.iter().filter_map(|cell| readers.get(cell)).flatten() {
                if reader != index {
                    costs[index] += u64::from(cost);
                    spared[reader].push((index, cost));
                }
            }
        }
        let mut ready: BTreeSet<(u64, usize)> =
            (0..drafts.len()).filter(|&index| waits[index] == 0).map(|index| (costs[index], index)).collect();
        let mut order = Vec::with_capacity(drafts.len());
        while let Some((_, index)) = ready.pop_first() {
            order.push(index);
            for &(other, cost) in &spared[index] {
                let was_ready = ready.remove(&(costs[other], other));
                costs[other] -= u64::from(cost);
                if was_ready {
                    ready.insert((costs[other], other));
                }
            }
            for &follower in &followers[index] {
                waits[follower] -= 1;
                if waits[follower] == 0 {
                    ready.insert((costs[follower], follower));
                }
            }
        }
        assert_eq!(order.len(), drafts.len(), "phases leave no loops among drafts");
        let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
        order.into_iter().filter_map(|index| drafts[index].take()).collect()
    }

    fn needs(&self, drafts: &[Draft], units: &Units, exports: &FxHashMap<ValueId, Export>) -> Vec<Needs> {
        let at: FxHashMap<DraftKey, usize> =
            drafts.iter().enumerate().map(|(index, draft)| (draft.key, index)).collect();
        let exporter = |value: ValueId| {
            let strand = self.values.value(value).strand;
            at[&self.key(exports[&value].phase, strand, units.of_value(self.values, value))]
        };
        let mut previous: FxHashMap<u32, usize> = FxHashMap::default();
        let mut computed: FxHashSet<ValueId> = FxHashSet::default();
        let mut all: Vec<Needs> = Vec::with_capacity(drafts.len());
        for (index, Draft { key, actions }) in drafts.iter().enumerate() {
            let mut need = Needs::default();
            need.after.extend(previous.insert(key.unit, index));
            let mut stack: Vec<ValueId> = Vec::new();
            for action in actions {
                action.for_each_operand(|value| stack.push(value));
                match action {
                    Action::Commit { cell, .. } => need.changes.push(*cell),
                    Action::TakeWord { memory, cells, .. } => {
                        need.changes.extend(cells);
                        need.memories_read.insert(*memory);
                    }
                    Action::WriteWord { memory, .. } => {
                        need.memories_written.insert(*memory);
                    }
                    _ => {}
                }
            }
            let mut read: FxHashSet<ValueId> = FxHashSet::default();
            while let Some(id) = stack.pop() {
                if units.is_entering(self.values, id, key.unit) {
                    need.after.insert(exporter(id));
                    continue;
                }
                let is_new = if is_computed(self.values, id) { computed.insert(id) } else { read.insert(id) };
                if !is_new {
                    continue;
                }
                let op = &self.values.value(id).op;
                match *op {
                    ValueOp::Cell(cell) => *need.reads.entry(cell).or_default() += key.lanes as u32,
                    ValueOp::Wire(wire) => {
                        for &(source, _) in &self.values.wire(wire).sources {
                            match self.values.value(source).op {
                                ValueOp::Cell(cell) => *need.reads.entry(cell).or_default() += 1,
                                ValueOp::Const(_) => {}
                                _ => {
                                    need.after.insert(exporter(source));
                                }
                            }
                        }
                    }
                    ValueOp::MemoryRead { memory, .. } => {
                        need.memories_read.insert(memory);
                    }
                    _ => {}
                }
                op.for_each_operand(|operand| stack.push(operand));
            }
            need.after.remove(&index);
            all.push(need);
        }
        let mut readers: BTreeMap<MemoryId, Vec<usize>> = BTreeMap::new();
        for (index, need) in all.iter().enumerate() {
            need.memories_read.iter().for_each(|&memory| readers.entry(memory).or_default().push(index));
        }
        for (index, need) in all.iter_mut().enumerate() {
            let written = std::mem::take(&mut need.memories_written);
            let before = written.iter().filter_map(|memory| readers.get(memory)).flatten();
            need.after.extend(before.copied().filter(|&reader| reader != index));
        }
        all
    }
}
