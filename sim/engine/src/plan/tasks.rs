//! Makes tasks of drafts: which values each computes, and what is kept for later ones.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::lattice::LANES_MIN;
use super::layout::State;
use super::phases::{Draft, DraftKey, Export};
use super::schedule::{Action, Program, Task};
use super::strands::Strands;
use super::units::is_computed;
use super::values::Values;
use super::wakes::Wakes;
use super::{ArrayId, CellId, StrandId, Value, ValueId, ValueOp};

/// New values in a task of one lane from which it is cut in two: code is compiled in pieces.
const TASK_VALUES_MAX: usize = 1500;

pub(super) struct Scheduler<'a> {
    pub(super) strands: &'a Strands,
    pub(super) state: &'a mut State,
    pub(super) values: &'a Values,
    /// Where values of earlier tasks are kept.
    kept: BTreeMap<ValueId, ArrayId>,
    /// Where values that cross lanes, strands or units are stored.
    pub(super) exports: FxHashMap<ValueId, Export>,
    pub(super) constants: FxHashMap<Value, ArrayId>,
    /// Whether tasks with nothing to do are skipped.
    pub(super) gated: bool,
    pub(super) program: Program,
}

impl<'a> Scheduler<'a> {
    pub(super) fn new(
        strands: &'a Strands,
        state: &'a mut State,
        values: &'a Values,
        exports: FxHashMap<ValueId, Export>,
        gated: bool,
    ) -> Scheduler<'a> {
        let kept = exports.iter().map(|(&value, export)| (value, export.array)).collect();
        let (constants, program) = (FxHashMap::default(), Program::default());
        Scheduler { strands, state, values, kept, exports, constants, gated, program }
    }

    pub(super) fn make_tasks(&mut self, drafts: Vec<Draft>) {
        let mut computed: FxHashMap<ValueId, usize> = FxHashMap::default();
        let drafts = drafts.into_iter().flat_map(|draft| self.with_memories_apart(draft)).collect::<Vec<_>>();
        for Draft { key: DraftKey { strand, lanes, .. }, actions } in drafts {
            let mut actions = self.with_writes_last(actions);
            if lanes == 1 {
                actions = self.with_shifts(actions);
            }
            let mut task = new_task(strand);
            let mut present = FxHashSet::default();
            let mut fresh = 0;
            for action in actions {
                let index = self.program.tasks.len();
                action.for_each_operand(|value| {
                    fresh += self.demand(value, index, &mut computed, &mut present, &mut task);
                });
                task.actions.push(action);
                if fresh > TASK_VALUES_MAX && self.strands.lanes(strand) == 1 {
                    self.program.tasks.push(std::mem::replace(&mut task, new_task(strand)));
                    present.clear();
                    fresh = 0;
                }
            }
            if !task.actions.is_empty() {
                self.program.tasks.push(task);
            }
        }
        // A value is stored by the task that computes it, if another loads it.
        for task in &mut self.program.tasks {
            let loaded = &task.loaded;
            // An export computed earlier was stored there.
            task.actions
                .retain(|action| !matches!(action, Action::Store { value, array } if loaded.get(value) == Some(array)));
        }
        for (&value, &array) in &self.kept {
            // What is read rather than computed is stored where it is exported.
            let Some(&task) = computed.get(&value) else { continue };
            let task = &mut self.program.tasks[task];
            let store = Action::Store { value, array };
            if !task.actions.contains(&store) {
                task.actions.insert(0, store);
            }
        }
    }

    /// Joins the commits of delay lines. They come first: what else wants the old values reads them before.
    fn with_shifts(&self, actions: Vec<Action>) -> Vec<Action> {
        let mut sources: FxHashMap<CellId, CellId> = FxHashMap::default();
        let mut changed: FxHashSet<CellId> = FxHashSet::default();
        for action in &actions {
            match action {
                Action::Commit { cell, next, enable } => {
                    changed.insert(*cell);
                    if let (ValueOp::Cell(source), None) = (&self.values.value(*next).op, enable) {
                        sources.insert(*cell, *source);
                    }
                }
                Action::TakeWord { cells, .. } => changed.extend(cells),
                _ => {}
            }
        }
        let mut all: Vec<Action> = Vec::new();
        let mut joined: FxHashSet<CellId> = FxHashSet::default();
        for block in &self.state.blocks {
            // The heads must not have changed before.
            let is_here = block.heads.iter().all(|head| changed.contains(head))
                && block.links.iter().all(|(cell, source)| sources.get(cell) == Some(source));
            if is_here {
                let cells: Vec<CellId> = block.links.iter().map(|&(cell, _)| cell).collect();
                joined.extend(&cells);
                let (from, bytes, by) = (block.from, block.rows * block.pitch, block.pitch);
                all.push(Action::Shift { heads: block.heads.clone(), cells, from, bytes, by });
            }
        }
        let is_joined = |action: &Action| matches!(action, Action::Commit { cell, .. } if joined.contains(cell));
        all.extend(actions.into_iter().filter(|action| !is_joined(action)));
        all
    }

    /// Many lanes with memories become two tasks: vectors compute, then words are taken and written
    /// lane by lane.
    fn with_memories_apart(&self, draft: Draft) -> Vec<Draft> {
        let Draft { key, actions } = draft;
        let has_memory = |action: &Action| matches!(action, Action::TakeWord { .. } | Action::WriteWord { .. });
        if key.lanes < LANES_MIN || !actions.iter().any(has_memory) || self.reads_memory(&actions) {
            return vec![Draft { key, actions }];
        }
        let (memories, mut others): (Vec<Action>, Vec<Action>) = actions.into_iter().partition(has_memory);
        // All that the second task needs is computed by the first.
        let mut wanted = BTreeSet::new();
        memories.iter().for_each(|action| action.for_each_operand(|value| wanted.extend([value])));
        others.extend(wanted.into_iter().filter(|&value| is_computed(self.values, value)).map(Action::Keep));
        if others.is_empty() {
            return vec![Draft { key, actions: memories }];
        }
        vec![Draft { key, actions: others }, Draft { key, actions: memories }]
    }

    /// Whether memories are read within the cycle.
    fn reads_memory(&self, actions: &[Action]) -> bool {
        let mut stack = Vec::new();
        actions.iter().for_each(|action| action.for_each_operand(|value| stack.push(value)));
        let mut seen = FxHashSet::default();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                let op = &self.values.value(id).op;
                if matches!(op, ValueOp::MemoryRead { .. }) {
                    return true;
                }
                op.for_each_operand(|operand| stack.push(operand));
            }
        }
        false
    }

    /// Moves memory writes behind everything that may read, and the reads their data needs before them.
    fn with_writes_last(&self, actions: Vec<Action>) -> Vec<Action> {
        let (writes, mut actions): (Vec<Action>, Vec<Action>) =
            actions.into_iter().partition(|action| matches!(action, Action::WriteWord { .. }));
        let mut stack = Vec::new();
        writes.iter().for_each(|write| write.for_each_operand(|value| stack.push(value)));
        let mut seen = FxHashSet::default();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                let op = &self.values.value(id).op;
                if matches!(op, ValueOp::MemoryRead { .. }) {
                    actions.push(Action::Keep(id));
                }
                op.for_each_operand(|operand| stack.push(operand));
            }
        }
        actions.extend(writes);
        actions
    }

    /// Adds a value and what it needs to a task; how many are computed there.
    fn demand(
        &mut self,
        root: ValueId,
        index: usize,
        computed: &mut FxHashMap<ValueId, usize>,
        present: &mut FxHashSet<ValueId>,
        task: &mut Task,
    ) -> usize {
        let mut fresh = 0;
        let mut stack = vec![(root, false)];
        while let Some((id, expanded)) = stack.pop() {
            if expanded {
                task.values.push(id);
                continue;
            }
            if !present.insert(id) {
                continue;
            }
            let value = self.values.value(id);
            let is_source = matches!(value.op, ValueOp::Cell(_) | ValueOp::Const(_) | ValueOp::Wire(_));
            if !is_source {
                let first = *computed.entry(id).or_insert(index);
                if first < index {
                    let array = *self.kept.entry(id).or_insert_with(|| self.state.add_array(value.strand, value.ty));
                    task.loaded.insert(id, array);
                    task.values.push(id);
                    continue;
                }
                fresh += 1;
            }
            stack.push((id, true));
            value.op.for_each_operand(|operand| stack.push((operand, false)));
        }
        fresh
    }

    /// The task that changes each cell.
    pub(super) fn commits(&self) -> FxHashMap<CellId, usize> {
        let mut commits = FxHashMap::default();
        for (index, task) in self.program.tasks.iter().enumerate() {
            for action in &task.actions {
                match action {
                    Action::Commit { cell, .. } => {
                        commits.insert(*cell, index);
                    }
                    Action::TakeWord { cells, .. } | Action::Shift { cells, .. } => {
                        commits.extend(cells.iter().map(|&cell| (cell, index)))
                    }
                    _ => {}
                }
            }
        }
        commits
    }

    /// Keeps the old value of cells that tasks of the same strand read after the one that changes them.
    pub(super) fn keep_cells(&mut self) {
        let commits = self.commits();
        let mut copies: BTreeMap<ValueId, (usize, ArrayId)> = BTreeMap::new();
        for index in 0..self.program.tasks.len() {
            for position in 0..self.program.tasks[index].values.len() {
                let id = self.program.tasks[index].values[position];
                let Value { op: ValueOp::Cell(cell), strand, ty } = *self.values.value(id) else { continue };
                let Some(&commit) = commits.get(&cell).filter(|&&commit| commit < index) else { continue };
                let (_, array) = *copies.entry(id).or_insert_with(|| (commit, self.state.add_array(strand, ty)));
                self.program.tasks[index].loaded.insert(id, array);
            }
        }
        for (value, (commit, array)) in copies {
            let task = &mut self.program.tasks[commit];
            task.actions.insert(0, Action::Store { value, array });
            if !task.values.contains(&value) {
                task.values.push(value);
            }
        }
    }
}

fn new_task(strand: StrandId) -> Task {
    Task {
        strand,
        fills: Vec::new(),
        actions: Vec::new(),
        values: Vec::new(),
        loaded: FxHashMap::default(),
        descending: false,
        wakes: Wakes::default(),
    }
}
