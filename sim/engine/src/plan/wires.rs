//! Decides how each wire is read, and places the copies that this takes.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::layout::CellKind;
use super::schedule::{CopyRun, Fill, Source, WireRead};
use super::tasks::Scheduler;
use super::{ArrayId, CellId, StrandId, Value, ValueId, ValueOp, WireId};

impl Scheduler<'_> {
    /// Decides how each wire is read, and places the copies that this takes.
    pub(super) fn connect_wires(&mut self) {
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
                Some(read) if self.fill_borders(wire, &uses[&wire], &sources, &read, &commits, &mut borders) => {
                    self.program.reads.insert(wire, read.read);
                }
                _ => self.gather(wire, value, first, &sources, &commits),
            }
        }
    }

    /// Puts what border lanes read where their neighbour would be; false if something else is there.
    fn fill_borders(
        &mut self,
        wire: WireId,
        wanted: &Use,
        sources: &[Location],
        read: &DirectRead,
        commits: &FxHashMap<CellId, usize>,
        taken: &mut FxHashMap<(ArrayId, usize), (ArrayId, usize)>,
    ) -> bool {
        let WireRead::Window { array, delta } = read.read else { return true };
        let Use { value, first, last } = *wanted;
        let strand = self.values.value(value).strand;
        let slot = |lane: usize| self.state.slot(strand, lane).wrapping_add_signed(delta);
        let claims: Vec<_> =
            read.borders.iter().map(|&lane| ((array, slot(lane)), (sources[lane].array, sources[lane].lane))).collect();
        if claims.iter().any(|(at, source)| taken.get(at).is_some_and(|other| other != source)) {
            return false;
        }
        let element_bytes = self.state.array(array).element_bytes();
        let copies = read.borders.iter().map(|&lane| {
            let to = self.state.array(array).offset + slot(lane) * element_bytes;
            // Slots before the first lane's are not overwritten when lanes are computed.
            let stays = slot(lane) < self.state.slots(strand).first();
            (sources[lane], to, stays)
        });
        let mut copies: Vec<(Location, usize, bool)> = copies.collect();
        if self.gated && copies.iter().any(|&(_, _, stays)| !stays) {
            // Whoever reads overwritten slots must fill them itself, whenever it runs.
            if first != last {
                return false;
            }
            self.stage(wire, first, element_bytes, &mut copies, commits);
        }
        taken.extend(claims);
        self.fill(wire, first, element_bytes, &copies, commits);
        true
    }

    /// Copies that earlier tasks would make into slots that are overwritten since go by way of other
    /// slots: the earlier task fills those, and the reader fills its own from them.
    fn stage(
        &mut self,
        wire: WireId,
        first: usize,
        element_bytes: usize,
        copies: &mut Vec<(Location, usize, bool)>,
        commits: &FxHashMap<CellId, usize>,
    ) {
        let early = |source: &Location| source.commit(commits).is_some_and(|commit| commit < first);
        let (staged, direct): (Vec<_>, Vec<_>) =
            copies.drain(..).partition(|(source, _, stays)| !stays && early(source));
        *copies = direct;
        if staged.is_empty() {
            return;
        }
        let start = self.state.reserve(staged.len() * element_bytes);
        let between = |index: usize| start + index * element_bytes;
        copies.extend(staged.iter().enumerate().map(|(index, &(source, _, _))| (source, between(index), true)));
        let hops: Vec<(usize, usize)> =
            staged.iter().enumerate().map(|(index, &(_, to, _))| (between(index), to)).collect();
        let sources = vec![Source::Filled(wire)];
        self.program.tasks[first].fills.push(Fill { wire, runs: runs(&hops, element_bytes), sources });
    }

    /// Where each lane's source is.
    pub(super) fn locations(&mut self, wire: WireId) -> Vec<Location> {
        let values = self.values;
        let locate = |&(source, lane): &(ValueId, usize)| match &values.value(source).op {
            ValueOp::Cell(cell) => {
                let array = self.state.cell(*cell).array;
                let kind = match self.state.cell(*cell).kind {
                    CellKind::Input => SourceKind::Input(*cell),
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
            _ => Location { array: self.exports[&source].array, lane, kind: SourceKind::Export },
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
        self.fill(wire, first, element_bytes, &copies, commits);
        let read =
            if is_one { WireRead::Element(self.state.address(array, 0)) } else { WireRead::Window { array, delta: 0 } };
        self.program.reads.insert(wire, read);
    }

    /// Places copies, `(source, to, stays)`, before the task `first` and before the sources change;
    /// constants are set once where nothing overwrites them.
    fn fill(
        &mut self,
        wire: WireId,
        first: usize,
        element_bytes: usize,
        copies: &[(Location, usize, bool)],
        commits: &FxHashMap<CellId, usize>,
    ) {
        let mut by_task: BTreeMap<usize, Copies> = BTreeMap::new();
        for &(source, to, stays) in copies {
            let from = self.state.address(source.array, source.lane);
            let (at, read) = match source.kind {
                SourceKind::Constant(bits) if stays => {
                    self.program.constants.push((to, element_bytes, bits));
                    continue;
                }
                SourceKind::Constant(_) => (first, None),
                SourceKind::Input(cell) => (first, Some(Source::Cell(cell))),
                SourceKind::Export => (first, Some(Source::Stored(source.array))),
                SourceKind::Cell(cell) => {
                    (commits.get(&cell).map_or(first, |&commit| commit.min(first)), Some(Source::Cell(cell)))
                }
            };
            let (pairs, sources) = by_task.entry(at).or_default();
            pairs.push((from, to));
            sources.extend(read);
        }
        for (task, (pairs, sources)) in by_task {
            let fill = Fill { wire, runs: runs(&pairs, element_bytes), sources: sources.into_iter().collect() };
            self.program.tasks[task].fills.push(fill);
        }
    }
}

/// Elements to copy, `(from, to)`, and what they are read from.
type Copies = (Vec<(usize, usize)>, BTreeSet<Source>);

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

/// Where the source of a lane is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location {
    array: ArrayId,
    lane: usize,
    kind: SourceKind,
}

#[derive(Clone, Copy, Debug)]
enum SourceKind {
    Input(CellId),
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
            SourceKind::Input(_) | SourceKind::Constant(_) | SourceKind::Export => None,
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
