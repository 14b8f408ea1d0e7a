//! Orders work into tasks.
//!
//! A *task* computes values of one strand, for all its lanes, and carries out actions with them. A
//! value that crosses lanes or strands is stored by the task that computes it, and the tasks that
//! use it come in a later *phase*. Registers are committed in place, by the last task of their
//! strand; whatever must still see the old value after that is given a copy before. Strands with
//! few lanes go first, so that the copies are the short ones.

use std::collections::BTreeMap;

use myelin_hdl::{CheckKind, ReadKind};
use rustc_hash::{FxHashMap, FxHashSet};

use super::layout::{CellKind, State};
use super::strands::{LimbNode, Strands};
use super::values::{Context, Values};
use super::{ArrayId, CellId, MemoryId, StrandId, Value, ValueId, ValueOp, WireId};
use crate::hierarchy::Hierarchy;

/// New values in a task of one lane from which it is cut in two: code is compiled in pieces.
const TASK_VALUES_MAX: usize = 1500;

/// Registers of a delay line from which they are moved together.
const SHIFT_MIN: usize = 4;

/// Something a task does with values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Keeps a value for other tasks.
    Store { value: ValueId, array: ArrayId },
    /// Computes a value before the actions that follow.
    Keep(ValueId),
    /// A register takes its next value.
    Commit { cell: CellId, next: ValueId, enable: Option<ValueId> },
    /// Registers next to each other of a strand of one lane each take what the one before holds, as
    /// delay lines do: `bytes` move up by `by`.
    Shift { cells: Vec<CellId>, from: usize, bytes: usize, by: usize },
    /// A synchronous read port takes a word.
    TakeWord { memory: MemoryId, cells: Vec<CellId>, address: ValueId, enable: Option<ValueId> },
    /// A write port writes a word.
    WriteWord {
        memory: MemoryId,
        address: ValueId,
        enable: ValueId,
        lane_enables: Option<Vec<ValueId>>,
        data: Vec<ValueId>,
    },
    /// An assertion or assumption: `array` gets 1 where the condition does not hold.
    Check { array: ArrayId, condition: ValueId },
    /// A cover: `array` counts where the condition holds.
    Count { array: ArrayId, condition: ValueId },
}

impl Action {
    /// Calls `f` for each value used.
    pub(crate) fn for_each_operand(&self, mut f: impl FnMut(ValueId)) {
        match self {
            Action::Store { value, .. } | Action::Keep(value) => f(*value),
            Action::Shift { .. } => {}
            Action::Commit { next, enable, .. } => {
                f(*next);
                enable.iter().for_each(|&enable| f(enable));
            }
            Action::TakeWord { address, enable, .. } => {
                f(*address);
                enable.iter().for_each(|&enable| f(enable));
            }
            Action::WriteWord { address, enable, lane_enables, data, .. } => {
                f(*address);
                f(*enable);
                lane_enables.iter().flatten().for_each(|&enable| f(enable));
                data.iter().for_each(|&data| f(data));
            }
            Action::Check { condition, .. } | Action::Count { condition, .. } => f(*condition),
        }
    }
}

/// Elements copied from one place to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CopyRun {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) element_bytes: usize,
    pub(crate) count: usize,
    /// Bytes from one element to the next.
    pub(crate) from_stride: usize,
    pub(crate) to_stride: usize,
}

/// How a task reads a wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WireRead {
    /// One element for all lanes, at this byte offset.
    Element(usize),
    /// Slot `s` reads slot `s + delta` of the array.
    Window { array: ArrayId, delta: isize },
}

/// One pass over the lanes of a strand.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) strand: StrandId,
    /// Copies to make first.
    pub(crate) fills: Vec<CopyRun>,
    pub(crate) actions: Vec<Action>,
    /// Values computed, read or loaded, operands first.
    pub(crate) values: Vec<ValueId>,
    /// Values of earlier tasks, and where they were stored.
    pub(crate) loaded: FxHashMap<ValueId, ArrayId>,
    /// Whether later lanes go first, because earlier lanes are read by later ones.
    pub(crate) descending: bool,
}

/// The tasks of an edge or of a settling.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) tasks: Vec<Task>,
    pub(crate) reads: FxHashMap<WireId, WireRead>,
    /// What to set once: byte offset, bytes and bits of an element.
    pub(crate) constants: Vec<(usize, usize, u64)>,
}

/// Strands of many lanes that depend on themselves within a cycle, lane by lane.
#[derive(Debug)]
pub(crate) struct LaneLoop(pub(crate) FxHashSet<StrandId>);

/// The parts that grow as programs are made.
pub(crate) struct Plan<'a> {
    pub(crate) hierarchy: &'a Hierarchy,
    pub(crate) strands: &'a Strands,
    pub(crate) state: &'a mut State,
    pub(crate) values: &'a mut Values,
}

impl Plan<'_> {
    pub(crate) fn value_of(&mut self, node: LimbNode) -> ValueId {
        let context = Context { hierarchy: self.hierarchy, strands: self.strands, state: self.state };
        self.values.of_node(context, node)
    }

    /// Everything a rising edge does, by strand.
    pub(crate) fn edge_actions(&mut self) -> Vec<(StrandId, Action)> {
        let strands = self.strands;
        let mut actions = Vec::new();
        for (index, strand) in strands.strands.iter().enumerate() {
            let id = StrandId(index as u32);
            for (limb, definition) in strand.limbs.iter().enumerate() {
                self.limb_actions(id, limb, &definition.module, &mut actions);
            }
        }
        actions
    }

    fn limb_actions(
        &mut self,
        strand: StrandId,
        limb: usize,
        module: &myelin_hdl::Module,
        actions: &mut Vec<(StrandId, Action)>,
    ) {
        let at = |node| LimbNode { strand, limb, node };
        for (index, register) in module.registers.iter().enumerate() {
            let cell = self.state.limb(strand, limb).registers[index];
            let next = self.value_of(at(register.next));
            let enable = register.enable.map(|enable| self.value_of(at(enable)));
            actions.push((strand, Action::Commit { cell, next, enable }));
        }
        for (index, memory) in module.memories.iter().enumerate() {
            let id = self.state.limb(strand, limb).memories[index].memory;
            for (port, read) in memory.reads.iter().enumerate().filter(|(_, read)| read.kind == ReadKind::Synchronous) {
                let cells = self.state.limb(strand, limb).memories[index].read_data[port].clone();
                let address = self.value_of(at(read.address));
                let enable = read.enable.map(|enable| self.value_of(at(enable)));
                actions.push((strand, Action::TakeWord { memory: id, cells, address, enable }));
            }
            for write in &memory.writes {
                let address = self.value_of(at(write.address));
                let enable = self.value_of(at(write.enable));
                let mut all = |nodes: &[myelin_hdl::NodeId]| -> Vec<ValueId> {
                    nodes.iter().map(|&node| self.value_of(at(node))).collect()
                };
                let lane_enables = write.lane_enables.as_ref().map(|enables| all(enables));
                let data = all(&write.data);
                actions.push((strand, Action::WriteWord { memory: id, address, enable, lane_enables, data }));
            }
        }
        for (index, check) in module.checks.iter().enumerate() {
            let array = self.state.limb(strand, limb).checks[index];
            let condition = self.value_of(at(check.condition));
            let action = match check.kind {
                CheckKind::Assert | CheckKind::Assume => Action::Check { array, condition },
                CheckKind::Cover => Action::Count { array, condition },
            };
            actions.push((strand, action));
        }
    }

    /// Orders the actions, and all they depend on, into tasks.
    pub(crate) fn schedule(&mut self, actions: Vec<(StrandId, Action)>) -> Result<Program, LaneLoop> {
        let context = Context { hierarchy: self.hierarchy, strands: self.strands, state: self.state };
        self.values.connect(context);
        let mut roots = Vec::new();
        actions.iter().for_each(|(_, action)| action.for_each_operand(|value| roots.push(value)));
        let order = self.order(&roots)?;
        let (drafts, exports) = self.phases(actions, &order);
        let mut scheduler = Scheduler {
            strands: self.strands,
            state: self.state,
            values: self.values,
            kept: BTreeMap::new(),
            exports,
            constants: FxHashMap::default(),
            program: Program::default(),
        };
        scheduler.make_tasks(drafts);
        scheduler.keep_cells();
        scheduler.connect_wires();
        Ok(scheduler.program)
    }

    /// Looks for lane loops among all values translated so far.
    pub(crate) fn refuse_lane_loops(&mut self) -> Result<(), LaneLoop> {
        let context = Context { hierarchy: self.hierarchy, strands: self.strands, state: self.state };
        self.values.connect(context);
        let all: Vec<ValueId> = (0..self.values.values.len()).map(|index| ValueId(index as u32)).collect();
        self.order(&all).map(|_| ())
    }

    /// The roots and every value they need, whatever its strand, after all it depends on.
    fn order(&self, roots: &[ValueId]) -> Result<Vec<ValueId>, LaneLoop> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; self.values.values.len()];
        let mut order = Vec::new();
        let mut looped = FxHashSet::default();
        let mut stack: Vec<(ValueId, bool)> = Vec::new();
        for &root in roots {
            stack.push((root, false));
            while let Some((id, expanded)) = stack.pop() {
                if expanded {
                    marks[id.index()] = Mark::Done;
                    order.push(id);
                    continue;
                }
                // Pushed twice before it was first opened.
                if marks[id.index()] != Mark::New {
                    continue;
                }
                marks[id.index()] = Mark::Open;
                stack.push((id, true));
                let mut back = Vec::new();
                for_each_dependency(self.values, id, |dependency, _| match marks[dependency.index()] {
                    Mark::New => stack.push((dependency, false)),
                    Mark::Open => back.push(dependency),
                    Mark::Done => {}
                });
                for first in back {
                    self.add_lane_loop(&stack, first, &mut looped);
                }
            }
        }
        if looped.is_empty() { Ok(order) } else { Err(LaneLoop(looped)) }
    }

    /// Adds the strands of many lanes among the open values from `first` on.
    fn add_lane_loop(&self, stack: &[(ValueId, bool)], first: ValueId, looped: &mut FxHashSet<StrandId>) {
        let open = stack.iter().filter(|(_, expanded)| *expanded).map(|&(id, _)| id);
        let strands = open.skip_while(|&id| id != first).map(|id| self.values.value(id).strand);
        let mut lanes = strands.filter(|&strand| self.strands.lanes(strand) > 1).peekable();
        assert!(lanes.peek().is_some(), "a combinational loop within one lane: the builder refuses those");
        looped.extend(lanes);
    }

    /// Gives each action its phase, and adds the stores of values that cross lanes or strands.
    fn phases(
        &mut self,
        mut actions: Vec<(StrandId, Action)>,
        order: &[ValueId],
    ) -> (BTreeMap<TaskKey, Vec<Action>>, FxHashMap<ValueId, ArrayId>) {
        actions.extend(self.reads_before_writes(&actions, order));
        let mut earliest = vec![0_u32; self.values.values.len()];
        for &id in order {
            let mut phase = 0;
            for_each_dependency(self.values, id, |dependency, crossing| {
                phase = phase.max(earliest[dependency.index()] + u32::from(crossing));
            });
            earliest[id.index()] = phase;
        }
        let mut last: FxHashMap<StrandId, u32> = FxHashMap::default();
        for (strand, action) in &actions {
            let phase = last.entry(*strand).or_default();
            action.for_each_operand(|value| *phase = (*phase).max(earliest[value.index()]));
        }
        // A value is wanted as late as its uses allow, so that it need not be stored in between.
        let mut latest = vec![u32::MAX; self.values.values.len()];
        for (strand, action) in &actions {
            action.for_each_operand(|value| latest[value.index()] = last[strand]);
        }
        let mut export_phases: BTreeMap<ValueId, u32> = BTreeMap::new();
        for &id in order.iter().rev() {
            let phase = latest[id.index()];
            for_each_dependency(self.values, id, |dependency, crossing| {
                let wanted = phase - u32::from(crossing);
                let slot = &mut latest[dependency.index()];
                *slot = (*slot).min(wanted);
                if crossing {
                    export_phases.entry(dependency).and_modify(|known| *known = (*known).min(wanted)).or_insert(wanted);
                }
            });
        }
        let mut drafts: BTreeMap<TaskKey, Vec<Action>> = BTreeMap::new();
        let mut exports = FxHashMap::default();
        for (value, phase) in export_phases {
            let Value { strand, ty, .. } = *self.values.value(value);
            let array = self.state.add_array(strand, ty);
            exports.insert(value, array);
            drafts.entry(self.key(phase, strand)).or_default().push(Action::Store { value, array });
        }
        for (strand, action) in actions {
            drafts.entry(self.key(last[&strand], strand)).or_default().push(action);
        }
        (drafts, exports)
    }

    /// Words read within the cycle from memories that are written: however late another strand wants
    /// one, it is read no later than the task that writes, which for that waits for its address.
    fn reads_before_writes(&self, actions: &[(StrandId, Action)], order: &[ValueId]) -> Vec<(StrandId, Action)> {
        let writes = actions.iter().filter_map(|(_, action)| match action {
            Action::WriteWord { memory, .. } => Some(*memory),
            _ => None,
        });
        let written: FxHashSet<MemoryId> = writes.collect();
        let is_overtaken = |id: ValueId| matches!(self.values.value(id).op, ValueOp::MemoryRead { memory, .. } if written.contains(&memory));
        let reads = order.iter().copied().filter(|&id| is_overtaken(id));
        reads.map(|id| (self.values.value(id).strand, Action::Keep(id))).collect()
    }

    fn key(&self, phase: u32, strand: StrandId) -> TaskKey {
        TaskKey { phase, lanes: self.strands.lanes(strand), strand }
    }
}

/// The order of tasks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct TaskKey {
    phase: u32,
    lanes: usize,
    strand: StrandId,
}

/// Calls `f` for all that a value depends on within the cycle, and whether it crosses lanes or strands.
fn for_each_dependency(values: &Values, id: ValueId, mut f: impl FnMut(ValueId, bool)) {
    match values.value(id).op {
        ValueOp::Wire(wire) => {
            let mut previous = None;
            for &(source, _) in &values.wire(wire).sources {
                if previous != Some(source) && !is_state(values, source) {
                    f(source, true);
                }
                previous = Some(source);
            }
        }
        ref op => op.for_each_operand(|operand| f(operand, false)),
    }
}

/// Whether a value is in the state buffer anyway.
fn is_state(values: &Values, id: ValueId) -> bool {
    matches!(values.value(id).op, ValueOp::Cell(_) | ValueOp::Const(_))
}

struct Scheduler<'a> {
    strands: &'a Strands,
    state: &'a mut State,
    values: &'a Values,
    /// Where values of earlier tasks are kept.
    kept: BTreeMap<ValueId, ArrayId>,
    /// Where values that cross lanes or strands are stored.
    exports: FxHashMap<ValueId, ArrayId>,
    constants: FxHashMap<Value, ArrayId>,
    program: Program,
}

impl Scheduler<'_> {
    fn make_tasks(&mut self, drafts: BTreeMap<TaskKey, Vec<Action>>) {
        self.kept.extend(&self.exports);
        let mut computed: FxHashMap<ValueId, usize> = FxHashMap::default();
        for (TaskKey { strand, lanes, .. }, actions) in drafts {
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
        // Target offset of each register that takes what the one right before it holds.
        let mut links: BTreeMap<usize, CellId> = BTreeMap::new();
        for action in &actions {
            if let Action::Commit { cell, next, enable: None } = *action
                && let ValueOp::Cell(source) = self.values.value(next).op
            {
                let (to, from) = (self.cell_array(cell), self.cell_array(source));
                if to.ty == from.ty && from.offset + from.element_bytes() == to.offset {
                    links.insert(to.offset, cell);
                }
            }
        }
        let mut lines: Vec<Vec<CellId>> = Vec::new();
        for &cell in links.values() {
            let array = self.cell_array(cell);
            let follows = |last: &CellId| {
                let last = self.cell_array(*last);
                last.offset + last.element_bytes() == array.offset && last.element_bytes() == array.element_bytes()
            };
            match lines.last_mut() {
                Some(line) if line.last().is_some_and(follows) => line.push(cell),
                _ => lines.push(vec![cell]),
            }
        }
        lines.retain(|line| line.len() >= SHIFT_MIN);
        let joined: FxHashSet<CellId> = lines.iter().flatten().copied().collect();
        let shifts = lines.into_iter().map(|cells| {
            let first = self.cell_array(cells[0]);
            let by = first.element_bytes();
            Action::Shift { from: first.offset - by, bytes: cells.len() * by, by, cells }
        });
        let mut all: Vec<Action> = shifts.collect();
        let is_joined = |action: &Action| matches!(action, Action::Commit { cell, .. } if joined.contains(cell));
        all.extend(actions.into_iter().filter(|action| !is_joined(action)));
        all
    }

    fn cell_array(&self, cell: CellId) -> &super::layout::Array {
        self.state.array(self.state.cell(cell).array)
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
    fn commits(&self) -> FxHashMap<CellId, usize> {
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
    fn keep_cells(&mut self) {
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

    /// Decides how each wire is read, and places the copies that this takes.
    fn connect_wires(&mut self) {
        let commits = self.commits();
        let mut uses: BTreeMap<WireId, Use> = BTreeMap::new();
        for (index, task) in self.program.tasks.iter().enumerate() {
            for &value in &task.values {
                if let ValueOp::Wire(wire) = self.values.value(value).op {
                    let new = Use { value, first: index, last: index };
                    uses.entry(wire).and_modify(|known| known.last = index).or_insert(new);
                }
            }
        }
        let mut plans: BTreeMap<WireId, (Vec<Location>, Option<DirectRead>)> = BTreeMap::new();
        // Distances at which a task reads what it changes itself.
        let mut own_windows: BTreeMap<usize, Vec<(WireId, isize)>> = BTreeMap::new();
        for (&wire, wanted) in &uses {
            let sources = self.locations(wire);
            let strand = self.values.value(wanted.value).strand;
            let read = self.direct_read(strand, &sources).filter(|read| {
                let read_sources = || sources.iter().enumerate().filter(|(lane, _)| !read.borders.contains(lane));
                // What changes before the last use must be copied.
                let overtaken = |source: &Location| source.commit(&commits).is_some_and(|commit| commit < wanted.last);
                let changed_here = |source: &Location| source.commit(&commits) == Some(wanted.last);
                if read_sources().any(|(_, source)| overtaken(source)) {
                    return false;
                }
                match read.read {
                    // One element of an array that the loop over the lanes changes.
                    WireRead::Element(_) => self.strands.lanes(strand) == 1 || !changed_here(&sources[0]),
                    WireRead::Window { delta, .. } => {
                        if delta != 0 && read_sources().any(|(_, source)| changed_here(source)) {
                            own_windows.entry(wanted.last).or_default().push((wire, delta));
                        }
                        true
                    }
                }
            });
            plans.insert(wire, (sources, read));
        }
        for (task, windows) in own_windows {
            // The direction that leaves the fewer to be copied.
            let backward = windows.iter().filter(|(_, delta)| *delta < 0).count();
            let descending = backward * 2 >= windows.len();
            self.program.tasks[task].descending = descending;
            for (wire, _) in windows.into_iter().filter(|(_, delta)| (*delta < 0) != descending) {
                plans.entry(wire).and_modify(|(_, read)| *read = None);
            }
        }
        let mut borders = FxHashMap::default();
        for (wire, (sources, read)) in plans {
            let Use { value, first, .. } = uses[&wire];
            match read {
                Some(read) if self.fill_borders(value, first, &sources, &read, &commits, &mut borders) => {
                    self.program.reads.insert(wire, read.read);
                }
                _ => self.gather(wire, value, first, &sources, &commits),
            }
        }
    }

    /// Puts what border lanes read where their neighbour would be; false if something else is there.
    fn fill_borders(
        &mut self,
        value: ValueId,
        first: usize,
        sources: &[Location],
        read: &DirectRead,
        commits: &FxHashMap<CellId, usize>,
        taken: &mut FxHashMap<(ArrayId, usize), (ArrayId, usize)>,
    ) -> bool {
        let WireRead::Window { array, delta } = read.read else { return true };
        let strand = self.values.value(value).strand;
        let slot = |lane: usize| self.state.slot(strand, lane).wrapping_add_signed(delta);
        let claims: Vec<_> =
            read.borders.iter().map(|&lane| ((array, slot(lane)), (sources[lane].array, sources[lane].lane))).collect();
        if claims.iter().any(|(at, source)| taken.get(at).is_some_and(|other| other != source)) {
            return false;
        }
        taken.extend(claims);
        let element_bytes = self.state.array(array).element_bytes();
        let copies = read.borders.iter().map(|&lane| {
            let to = self.state.array(array).offset + slot(lane) * element_bytes;
            // Slots before the first lane's are not overwritten when lanes are computed.
            let stays = slot(lane) < self.state.slots(strand).first();
            (sources[lane], to, stays)
        });
        let copies: Vec<(Location, usize, bool)> = copies.collect();
        self.fill(first, element_bytes, &copies, commits);
        true
    }

    /// Where each lane's source is.
    fn locations(&mut self, wire: WireId) -> Vec<Location> {
        let values = self.values;
        let locate = |&(source, lane): &(ValueId, usize)| match &values.value(source).op {
            ValueOp::Cell(cell) => {
                let array = self.state.cell(*cell).array;
                let kind = match self.state.cell(*cell).kind {
                    CellKind::Input => SourceKind::Input,
                    CellKind::Register { .. } | CellKind::ReadData => SourceKind::Cell(*cell),
                };
                Location { array, lane, kind }
            }
            ValueOp::Const(bits) => {
                let key = Value { strand: StrandId(0), ..values.value(source).clone() };
                let ty = key.ty;
                let array = *self.constants.entry(key).or_insert_with(|| self.state.add_array(StrandId(0), ty));
                let element = self.state.array(array).element_bytes();
                // Held as all values are: extended by the sign to the container.
                let held = ty.value_of(*bits) as u64;
                self.program.constants.push((self.state.address(array, 0), element, held));
                Location { array, lane: 0, kind: SourceKind::Constant(held) }
            }
            _ => Location { array: self.exports[&source], lane, kind: SourceKind::Export },
        };
        values.wire(wire).sources.iter().map(locate).collect()
    }

    /// How the sources can be read where they are, if they can.
    fn direct_read(&self, strand: StrandId, sources: &[Location]) -> Option<DirectRead> {
        let first = sources[0];
        if sources.iter().all(|source| (source.array, source.lane) == (first.array, first.lane)) {
            let read = WireRead::Element(self.state.address(first.array, first.lane));
            return Some(DirectRead { read, borders: Vec::new() });
        }
        let delta = |lane: usize, source: &Location| {
            let slot = self.state.slot(self.state.array(source.array).strand, source.lane);
            (source.array, slot as isize - self.state.slot(strand, lane) as isize)
        };
        let mut counts: BTreeMap<(ArrayId, isize), usize> = BTreeMap::new();
        for (lane, source) in sources.iter().enumerate() {
            *counts.entry(delta(lane, source)).or_default() += 1;
        }
        let (&(array, distance), &count) = counts.iter().max_by_key(|&(_, &count)| count)?;
        let read = WireRead::Window { array, delta: distance };
        if count == sources.len() {
            return Some(DirectRead { read, borders: Vec::new() });
        }
        // Borders have slots only among the strand's own cells.
        let own = self.state.array(array).strand == strand && self.state.is_cell(array);
        let borders: Vec<usize> =
            (0..sources.len()).filter(|&lane| delta(lane, &sources[lane]) != (array, distance)).collect();
        let free = |&lane: &usize| {
            let slot = self.state.slot(strand, lane).checked_add_signed(distance);
            slot.is_some_and(|slot| slot < self.state.slot_count(strand) && !self.state.slots(strand).is_lane(slot))
        };
        (own && count * 2 >= sources.len() && borders.iter().all(free)).then_some(DirectRead { read, borders })
    }

    /// Copies the sources of a wire into an array of its own before they change.
    fn gather(
        &mut self,
        wire: WireId,
        value: ValueId,
        first: usize,
        sources: &[Location],
        commits: &FxHashMap<CellId, usize>,
    ) {
        let Value { strand, ty, .. } = *self.values.value(value);
        let is_one = sources.iter().all(|source| (source.array, source.lane) == (sources[0].array, sources[0].lane));
        let (target, sources) = if is_one { (StrandId(0), &sources[..1]) } else { (strand, sources) };
        let array = self.state.add_array(target, ty);
        let element_bytes = self.state.array(array).element_bytes();
        let copies = sources.iter().enumerate().map(|(lane, &source)| (source, self.state.address(array, lane), true));
        let copies: Vec<(Location, usize, bool)> = copies.collect();
        self.fill(first, element_bytes, &copies, commits);
        let read =
            if is_one { WireRead::Element(self.state.address(array, 0)) } else { WireRead::Window { array, delta: 0 } };
        self.program.reads.insert(wire, read);
    }

    /// Places copies, `(source, to, stays)`, before the task `first` and before the sources change;
    /// constants are set once where nothing overwrites them.
    fn fill(
        &mut self,
        first: usize,
        element_bytes: usize,
        copies: &[(Location, usize, bool)],
        commits: &FxHashMap<CellId, usize>,
    ) {
        let mut by_task: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for &(source, to, stays) in copies {
            let from = self.state.address(source.array, source.lane);
            match source.kind {
                SourceKind::Constant(bits) if stays => self.program.constants.push((to, element_bytes, bits)),
                SourceKind::Constant(_) | SourceKind::Input | SourceKind::Export => {
                    by_task.entry(first).or_default().push((from, to));
                }
                SourceKind::Cell(cell) => {
                    let at = commits.get(&cell).map_or(first, |&commit| commit.min(first));
                    by_task.entry(at).or_default().push((from, to));
                }
            }
        }
        for (task, copies) in by_task {
            self.program.tasks[task].fills.extend(runs(&copies, element_bytes));
        }
    }
}

/// Which tasks use a wire.
#[derive(Clone, Copy, Debug)]
struct Use {
    value: ValueId,
    first: usize,
    last: usize,
}

/// A wire read where its sources are, but for the lanes at the border.
#[derive(Debug)]
struct DirectRead {
    read: WireRead,
    borders: Vec<usize>,
}

fn new_task(strand: StrandId) -> Task {
    Task {
        strand,
        fills: Vec::new(),
        actions: Vec::new(),
        values: Vec::new(),
        loaded: FxHashMap::default(),
        descending: false,
    }
}

/// Where the source of a lane is.
#[derive(Clone, Copy, Debug)]
struct Location {
    array: ArrayId,
    lane: usize,
    kind: SourceKind,
}

#[derive(Clone, Copy, Debug)]
enum SourceKind {
    Input,
    Constant(u64),
    /// Stored by a task of an earlier phase.
    Export,
    /// Changed by the task that commits it.
    Cell(CellId),
}

impl Location {
    fn commit(&self, commits: &FxHashMap<CellId, usize>) -> Option<usize> {
        match self.kind {
            SourceKind::Cell(cell) => commits.get(&cell).copied(),
            SourceKind::Input | SourceKind::Constant(_) | SourceKind::Export => None,
        }
    }
}

/// Joins copies of one element, `(from, to)`, that follow each other at constant distances.
fn runs(copies: &[(usize, usize)], element_bytes: usize) -> Vec<CopyRun> {
    let mut runs: Vec<CopyRun> = Vec::new();
    for &(from, to) in copies {
        if let Some(run) = runs.last_mut() {
            let last_from = run.from + (run.count - 1) * run.from_stride;
            let last_to = run.to + (run.count - 1) * run.to_stride;
            let strides = (from.wrapping_sub(last_from), to.wrapping_sub(last_to));
            // Only forward: a wrapped difference is larger than any buffer.
            let fits = run.count == 1 && strides.0 < 1 << 31 && strides.1 < 1 << 31
                || run.count > 1 && strides == (run.from_stride, run.to_stride);
            if fits {
                (run.from_stride, run.to_stride) = strides;
                run.count += 1;
                continue;
            }
        }
        runs.push(CopyRun { from, to, element_bytes, count: 1, from_stride: 0, to_stride: 0 });
    }
    runs
}
