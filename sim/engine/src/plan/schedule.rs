//! Orders work into tasks: the types, and what an edge does.
//!
//! A *task* computes values of one strand, for all its lanes, and carries out actions with them. A
//! value that crosses lanes or strands is stored by the task that computes it, and the tasks that
//! use it come in a later *phase*. Registers are committed in place, by the last task of their
//! strand; whatever must still see the old value after that is given a copy before. Strands with
//! few lanes go first, so that the copies are the short ones.
//!
//! Where enough exists once, it is divided into [`super::units`], each with tasks of its own, and a
//! task runs only when something it reads has changed since it ran last ([`super::wakes`]).

use myelin_hdl::{CheckKind, ReadKind};
use rustc_hash::{FxHashMap, FxHashSet};

use super::layout::State;
use super::strands::{LimbNode, Strands};
use super::tasks::Scheduler;
use super::units::Units;
use super::values::{Context, Values};
use super::wakes::{Gates, Wakes};
use super::{ArrayId, CellId, MemoryId, StrandId, ValueId, WireId};
use crate::hierarchy::Hierarchy;

/// Something a task does with values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Keeps a value for other tasks.
    Store { value: ValueId, array: ArrayId },
    /// Computes a value before the actions that follow.
    Keep(ValueId),
    /// A register takes its next value.
    Commit { cell: CellId, next: ValueId, enable: Option<ValueId> },
    /// The registers of a [`super::lines::Block`] each take what the one before holds: `bytes` move
    /// up by `by`, the first from the heads.
    Shift { heads: Vec<CellId>, cells: Vec<CellId>, from: usize, bytes: usize, by: usize },
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

/// Copies that a task makes before anything else.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) wire: WireId,
    pub(crate) runs: Vec<CopyRun>,
    /// Cells and stored values copied.
    pub(crate) sources: Vec<Source>,
}

/// Something that tasks read, and that another may change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Source {
    Cell(CellId),
    /// Values stored by a task.
    Stored(ArrayId),
    /// What was copied for a wire.
    Filled(WireId),
    Memory(MemoryId),
}

/// One pass over the lanes of a strand.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) strand: StrandId,
    /// Copies to make first.
    pub(crate) fills: Vec<Fill>,
    pub(crate) actions: Vec<Action>,
    /// Values computed, read or loaded, operands first.
    pub(crate) values: Vec<ValueId>,
    /// Values of earlier tasks, and where they were stored.
    pub(crate) loaded: FxHashMap<ValueId, ArrayId>,
    /// Whether later lanes go first, because earlier lanes are read by later ones.
    pub(crate) descending: bool,
    /// Which tasks must run because of what this one changes.
    pub(crate) wakes: Wakes,
}

/// The tasks of an edge or of a settling.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) tasks: Vec<Task>,
    pub(crate) reads: FxHashMap<WireId, WireRead>,
    /// What to set once: byte offset, bytes and bits of an element.
    pub(crate) constants: Vec<(usize, usize, u64)>,
    /// Tells which tasks must run; `None`: all, always.
    pub(crate) gates: Option<Gates>,
}

/// Strands of many lanes that depend on themselves within a cycle, lane by lane.
#[derive(Debug)]
pub(crate) struct LaneLoop(pub(crate) FxHashSet<StrandId>);

/// An action and where it comes from.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) strand: StrandId,
    pub(crate) limb: usize,
    pub(crate) action: Action,
}

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

    /// Everything a rising edge does.
    pub(crate) fn edge_jobs(&mut self) -> Vec<Job> {
        let strands = self.strands;
        let mut jobs = Vec::new();
        for (index, strand) in strands.strands.iter().enumerate() {
            let id = StrandId(index as u32);
            for (limb, definition) in strand.limbs.iter().enumerate() {
                let mut actions = Vec::new();
                self.limb_actions(id, limb, &definition.module, &mut actions);
                jobs.extend(actions.into_iter().map(|action| Job { strand: id, limb, action }));
            }
        }
        jobs
    }

    fn limb_actions(&mut self, strand: StrandId, limb: usize, module: &myelin_hdl::Module, actions: &mut Vec<Action>) {
        let at = |node| LimbNode { strand, limb, node };
        for (index, register) in module.registers.iter().enumerate() {
            let cell = self.state.limb(strand, limb).registers[index];
            let next = self.value_of(at(register.next));
            let enable = register.enable.map(|enable| self.value_of(at(enable)));
            actions.push(Action::Commit { cell, next, enable });
        }
        for (index, memory) in module.memories.iter().enumerate() {
            let id = self.state.limb(strand, limb).memories[index].memory;
            for (port, read) in memory.reads.iter().enumerate().filter(|(_, read)| read.kind == ReadKind::Synchronous) {
                let cells = self.state.limb(strand, limb).memories[index].read_data[port].clone();
                let address = self.value_of(at(read.address));
                let enable = read.enable.map(|enable| self.value_of(at(enable)));
                actions.push(Action::TakeWord { memory: id, cells, address, enable });
            }
            for write in &memory.writes {
                let address = self.value_of(at(write.address));
                let enable = self.value_of(at(write.enable));
                let mut all = |nodes: &[myelin_hdl::NodeId]| -> Vec<ValueId> {
                    nodes.iter().map(|&node| self.value_of(at(node))).collect()
                };
                let lane_enables = write.lane_enables.as_ref().map(|enables| all(enables));
                let data = all(&write.data);
                actions.push(Action::WriteWord { memory: id, address, enable, lane_enables, data });
            }
        }
        for (index, check) in module.checks.iter().enumerate() {
            let array = self.state.limb(strand, limb).checks[index];
            let condition = self.value_of(at(check.condition));
            let action = match check.kind {
                CheckKind::Assert | CheckKind::Assume => Action::Check { array, condition },
                CheckKind::Cover => Action::Count { array, condition },
            };
            actions.push(action);
        }
    }

    /// Orders the jobs, and all they depend on, into tasks. `gated` allows that tasks with nothing to do are skipped.
    pub(crate) fn schedule(&mut self, jobs: Vec<Job>, gated: bool) -> Result<Program, LaneLoop> {
        let context = Context { hierarchy: self.hierarchy, strands: self.strands, state: self.state };
        self.values.connect(context);
        let mut roots = Vec::new();
        jobs.iter().for_each(|job| job.action.for_each_operand(|value| roots.push(value)));
        let order = self.order(&roots)?;
        let units = if gated {
            Units::new(self.values, self.state, self.strands.strands.len(), &jobs, &order)
        } else {
            Units::one_each()
        };
        let (drafts, exports) = self.phases(jobs, &order, &units);
        let gated = units.are_many();
        let drafts = if gated { self.arrange(drafts, &units, &exports) } else { drafts };
        let mut scheduler = Scheduler::new(self.strands, self.state, self.values, exports, gated);
        scheduler.make_tasks(drafts);
        scheduler.keep_cells();
        scheduler.connect_wires();
        if gated {
            scheduler.connect_wakes();
        }
        Ok(scheduler.program)
    }
}
