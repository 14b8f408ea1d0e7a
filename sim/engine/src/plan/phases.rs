//! Gives everything a phase: what crosses lanes, strands or units is computed in an earlier one than its uses.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::schedule::{Action, Job, LaneLoop, Plan};
use super::units::Units;
use super::values::{Context, Values};
use super::{ArrayId, MemoryId, StrandId, Value, ValueId, ValueOp};

/// What one task is to do.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) key: DraftKey,
    pub(crate) actions: Vec<Action>,
}

/// The order of drafts, as long as nothing better is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct DraftKey {
    pub(crate) phase: u32,
    pub(crate) lanes: usize,
    pub(crate) strand: StrandId,
    pub(crate) unit: u32,
}

/// Where values that cross lanes, strands or units are stored, and in which phase they are computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Export {
    pub(crate) array: ArrayId,
    pub(crate) phase: u32,
}

impl Plan<'_> {
    /// Looks for lane loops among all values translated so far.
    pub(crate) fn refuse_lane_loops(&mut self) -> Result<(), LaneLoop> {
        let context = Context { hierarchy: self.hierarchy, strands: self.strands, state: self.state };
        self.values.connect(context);
        let all: Vec<ValueId> = (0..self.values.values.len()).map(|index| ValueId(index as u32)).collect();
        self.order(&all).map(|_| ())
    }

    /// The roots and every value they need, whatever its strand, after all it depends on.
    pub(super) fn order(&self, roots: &[ValueId]) -> Result<Vec<ValueId>, LaneLoop> {
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

    /// Gives each action its phase, and adds the stores of values that cross lanes, strands or units.
    pub(super) fn phases(
        &mut self,
        jobs: Vec<Job>,
        order: &[ValueId],
        units: &Units,
    ) -> (Vec<Draft>, FxHashMap<ValueId, Export>) {
        let mut jobs: Vec<(u32, StrandId, Action)> = (jobs.into_iter().enumerate())
            .map(|(index, job)| (units.of_job(index, job.strand), job.strand, job.action))
            .collect();
        jobs.extend(self.reads_before_writes(&jobs, order, units));
        let mut earliest = vec![0_u32; self.values.values.len()];
        for &id in order {
            let mut phase = 0;
            for_each_dependency(self.values, id, |dependency, wired| {
                let crossing = wired || units.is_crossing(self.values, dependency, id);
                phase = phase.max(earliest[dependency.index()] + u32::from(crossing));
            });
            earliest[id.index()] = phase;
        }
        let mut last: FxHashMap<u32, u32> = FxHashMap::default();
        for (unit, _, action) in &jobs {
            let phase = last.entry(*unit).or_default();
            action.for_each_operand(|value| {
                let crossing = units.is_entering(self.values, value, *unit);
                *phase = (*phase).max(earliest[value.index()] + u32::from(crossing));
            });
        }
        // A value is wanted as late as its uses allow, so that it need not be stored in between.
        let mut latest = vec![u32::MAX; self.values.values.len()];
        let mut export_phases: BTreeMap<ValueId, u32> = BTreeMap::new();
        let mut want = |latest: &mut Vec<u32>, value: ValueId, phase: u32, crossing: bool| {
            let wanted = phase - u32::from(crossing);
            let slot = &mut latest[value.index()];
            *slot = (*slot).min(wanted);
            if crossing {
                export_phases.entry(value).and_modify(|known| *known = (*known).min(wanted)).or_insert(wanted);
            }
        };
        for (unit, _, action) in &jobs {
            action.for_each_operand(|value| {
                want(&mut latest, value, last[unit], units.is_entering(self.values, value, *unit));
            });
        }
        for &id in order.iter().rev() {
            let phase = latest[id.index()];
            for_each_dependency(self.values, id, |dependency, wired| {
                let crossing = wired || units.is_crossing(self.values, dependency, id);
                want(&mut latest, dependency, phase, crossing);
            });
        }
        let mut drafts: BTreeMap<DraftKey, Vec<Action>> = BTreeMap::new();
        let mut exports = FxHashMap::default();
        for (value, phase) in export_phases {
            let Value { strand, ty, .. } = *self.values.value(value);
            let array = self.state.add_array(strand, ty);
            exports.insert(value, Export { array, phase });
            let key = self.key(phase, strand, units.of_value(self.values, value));
            drafts.entry(key).or_default().push(Action::Store { value, array });
        }
        for (unit, strand, action) in jobs {
            drafts.entry(self.key(last[&unit], strand, unit)).or_default().push(action);
        }
        (drafts.into_iter().map(|(key, actions)| Draft { key, actions }).collect(), exports)
    }

    /// Words read within the cycle from memories that are written: however late another strand wants
    /// one, it is read no later than the task that writes, which for that waits for its address.
    /// Where the writes are a unit of their own, they come after all that reads anyway.
    fn reads_before_writes(
        &self,
        jobs: &[(u32, StrandId, Action)],
        order: &[ValueId],
        units: &Units,
    ) -> Vec<(u32, StrandId, Action)> {
        let writes = jobs.iter().filter_map(|(_, strand, action)| match action {
            Action::WriteWord { memory, .. } if !units.is_divided(*strand) => Some(*memory),
            _ => None,
        });
        let written: FxHashSet<MemoryId> = writes.collect();
        let is_overtaken = |id: ValueId| matches!(self.values.value(id).op, ValueOp::MemoryRead { memory, .. } if written.contains(&memory));
        let reads = order.iter().copied().filter(|&id| is_overtaken(id));
        let keep = |id: ValueId| (units.of_value(self.values, id), self.values.value(id).strand, Action::Keep(id));
        reads.map(keep).collect()
    }

    pub(super) fn key(&self, phase: u32, strand: StrandId, unit: u32) -> DraftKey {
        DraftKey { phase, lanes: self.strands.lanes(strand), strand, unit }
    }
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
pub(super) fn is_state(values: &Values, id: ValueId) -> bool {
    matches!(values.value(id).op, ValueOp::Cell(_) | ValueOp::Const(_))
}
