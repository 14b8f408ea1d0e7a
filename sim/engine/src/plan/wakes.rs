//! Finds out which tasks must run because of what another changed.
//!
//! A task whose sources are what they were when it ran last would compute what it computed then, so
//! it is skipped. Every task has a bit, set when it must run: by tasks that change what it reads, by
//! whoever sets an input, and for all tasks when anything else is set from outside. A bit set for a
//! task that comes later counts in the same edge, as that reads what was stored before it; one set
//! for an earlier task, or for the task itself, counts in the next edge.
//!
//! What happens again though nothing changes wakes its own task: a cover that is met, a check that
//! fails, a write to a memory (another port may have written since).
//!
//! What an action uses only where it is enabled wakes nobody: the task runs when the enable changes,
//! and in every edge for as long as it is 1.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::schedule::{Action, Source, Task};
use super::tasks::Scheduler;
use super::{ValueId, ValueOp, WireId};

/// Positions of tasks, ascending.
pub(crate) type TaskSet = Vec<usize>;

/// For each fill and each action of a task, the tasks that a change by it wakes.
#[derive(Clone, Default, Debug)]
pub(crate) struct Wakes {
    pub(crate) fills: Vec<TaskSet>,
    pub(crate) actions: Vec<TaskSet>,
    /// For each action, the own task where it must run again for as long as the action is enabled.
    pub(crate) again: Vec<TaskSet>,
}

/// Sets of tasks kept apart where changes are noted in memory.
pub(crate) const GROUPS_MAX: usize = 16;

impl Wakes {
    /// The tasks that a change by an action wakes.
    pub(crate) fn action(&self, index: usize) -> &[usize] {
        self.actions.get(index).map_or(&[], Vec::as_slice)
    }

    /// The own task, if it must run again while an action is enabled.
    pub(crate) fn again(&self, index: usize) -> &[usize] {
        self.again.get(index).map_or(&[], Vec::as_slice)
    }

    /// All different sets that actions wake, or one of all tasks if they are too many.
    pub(crate) fn groups(&self) -> Vec<TaskSet> {
        let all: BTreeSet<&TaskSet> =
            self.actions.iter().chain(&self.again).filter(|tasks| !tasks.is_empty()).collect();
        if all.len() <= GROUPS_MAX {
            return all.into_iter().cloned().collect();
        }
        let union: BTreeSet<usize> = all.into_iter().flatten().copied().collect();
        vec![union.into_iter().collect()]
    }
}

/// The group in which the changes that wake these tasks are noted; `None` if they wake nobody.
pub(crate) fn group_of(groups: &[TaskSet], tasks: &[usize]) -> Option<usize> {
    if tasks.is_empty() {
        return None;
    }
    // One group of all has every set.
    Some(groups.iter().position(|group| group == tasks).unwrap_or(0))
}

/// Where the bits are.
#[derive(Debug)]
pub(crate) struct Gates {
    /// Byte offset of the first word of 64 bits; task `i` has bit `i % 64` of word `i / 64`.
    pub(crate) at: usize,
    pub(crate) tasks: usize,
    /// For each input of the top, the [`masks`] of the tasks that read it.
    pub(crate) inputs: Vec<Vec<(usize, u64)>>,
}

impl Gates {
    /// Words of bits.
    pub(crate) fn words(&self) -> usize {
        self.tasks.div_ceil(64)
    }

    /// The bits of a word that are tasks.
    pub(crate) fn all(&self, word: usize) -> u64 {
        match self.tasks - word * 64 {
            64.. => u64::MAX,
            tasks => (1 << tasks) - 1,
        }
    }
}

/// The words in which tasks have their bits, and these bits.
pub(crate) fn masks(tasks: &[usize]) -> Vec<(usize, u64)> {
    let mut masks: Vec<(usize, u64)> = Vec::new();
    for task in tasks {
        match masks.last_mut() {
            Some((word, mask)) if *word == task / 64 => *mask |= 1 << (task % 64),
            _ => masks.push((task / 64, 1 << (task % 64))),
        }
    }
    masks
}

/// The bit without which an action does nothing. Vectors of registers are not asked.
fn waits_for(action: &Action, once: bool) -> Option<ValueId> {
    match action {
        Action::Commit { enable, .. } if once => *enable,
        Action::TakeWord { enable, .. } => *enable,
        Action::WriteWord { enable, .. } => Some(*enable),
        _ => None,
    }
}

impl Scheduler<'_> {
    /// Finds who wakes whom.
    pub(super) fn connect_wakes(&mut self) {
        let readers = self.readers();
        let woken = |sources: &[Source]| -> TaskSet {
            let tasks: BTreeSet<usize> =
                sources.iter().filter_map(|source| readers.get(source)).flatten().copied().collect();
            tasks.into_iter().collect()
        };
        let wakes: Vec<Wakes> = self
            .program
            .tasks
            .iter()
            .enumerate()
            .map(|(index, task)| {
                let fills = task.fills.iter().map(|fill| {
                    let mut tasks = woken(&[Source::Filled(fill.wire)]);
                    // What is filled now is read now.
                    tasks.retain(|&task| task != index);
                    tasks
                });
                let actions = task.actions.iter().map(|action| match action {
                    Action::Store { array, .. } => woken(&[Source::Stored(*array)]),
                    Action::Keep(_) => Vec::new(),
                    Action::Commit { cell, .. } => woken(&[Source::Cell(*cell)]),
                    Action::Shift { cells, .. } | Action::TakeWord { cells, .. } => {
                        woken(&cells.iter().map(|&cell| Source::Cell(cell)).collect::<Vec<_>>())
                    }
                    Action::WriteWord { memory, .. } => woken(&[Source::Memory(*memory)]),
                    Action::Check { .. } | Action::Count { .. } => vec![index],
                });
                let once = self.strands.lanes(task.strand) == 1;
                let again = task.actions.iter().map(|action| match waits_for(action, once) {
                    Some(_) => vec![index],
                    None => Vec::new(),
                });
                Wakes { fills: fills.collect(), actions: actions.collect(), again: again.collect() }
            })
            .collect();
        for (task, wakes) in self.program.tasks.iter_mut().zip(wakes) {
            task.wakes = wakes;
        }
        let tasks = self.program.tasks.len();
        let inputs = self.state.input_cells.iter().map(|&cell| masks(&woken(&[Source::Cell(cell)]))).collect();
        let at = self.state.reserve(tasks.div_ceil(64) * 8);
        self.program.gates = Some(Gates { at, tasks, inputs });
    }

    /// The tasks that read each source.
    fn readers(&self) -> FxHashMap<Source, BTreeSet<usize>> {
        let fills = || self.program.tasks.iter().flat_map(|task| &task.fills);
        let copied: FxHashSet<(WireId, Source)> =
            fills().flat_map(|fill| fill.sources.iter().map(|&source| (fill.wire, source))).collect();
        let mut readers: FxHashMap<Source, BTreeSet<usize>> = FxHashMap::default();
        for (index, task) in self.program.tasks.iter().enumerate() {
            let mut read = |source: Source| {
                readers.entry(source).or_default().insert(index);
            };
            task.fills.iter().flat_map(|fill| &fill.sources).for_each(|&source| read(source));
            for id in self.watched(task) {
                if let Some(&array) = task.loaded.get(&id) {
                    read(Source::Stored(array));
                    continue;
                }
                match self.values.value(id).op {
                    ValueOp::Cell(cell) => read(Source::Cell(cell)),
                    ValueOp::MemoryRead { memory, .. } => read(Source::Memory(memory)),
                    ValueOp::Wire(wire) => {
                        read(Source::Filled(wire));
                        let sources =
                            self.values.wire(wire).sources.iter().filter_map(|&(source, _)| self.source(source));
                        sources.filter(|&source| !copied.contains(&(wire, source))).for_each(&mut read);
                    }
                    _ => {}
                }
            }
            for action in &task.actions {
                match action {
                    Action::TakeWord { memory, enable: None, .. } => read(Source::Memory(*memory)),
                    Action::Shift { heads, cells, .. } => {
                        heads.iter().chain(cells).for_each(|&cell| read(Source::Cell(cell)));
                    }
                    _ => {}
                }
            }
        }
        readers
    }

    /// The values of a task but for those that matter only where an action is enabled.
    fn watched(&self, task: &Task) -> Vec<ValueId> {
        let once = self.strands.lanes(task.strand) == 1;
        let mut stack = Vec::new();
        for action in &task.actions {
            match waits_for(action, once) {
                Some(enable) => stack.push(enable),
                None => action.for_each_operand(|value| stack.push(value)),
            }
        }
        let mut seen: FxHashSet<ValueId> = FxHashSet::default();
        while let Some(id) = stack.pop() {
            if seen.insert(id) && !task.loaded.contains_key(&id) {
                self.values.value(id).op.for_each_operand(|operand| stack.push(operand));
            }
        }
        task.values.iter().copied().filter(|id| seen.contains(id)).collect()
    }

    /// What changes when a value that a wire takes does; `None` for constants.
    pub(super) fn source(&self, id: ValueId) -> Option<Source> {
        match self.values.value(id).op {
            ValueOp::Cell(cell) => Some(Source::Cell(cell)),
            ValueOp::Const(_) => None,
            _ => Some(Source::Stored(self.exports[&id].array)),
        }
    }
}
