//! Which arrays a task of many lanes reads, and at what distances.

use rustc_hash::FxHashMap;

use super::Source;
use crate::plan::schedule::{Task, WireRead};
use crate::plan::{ArrayId, ValueId, ValueOp};

/// A value read from an array, `delta` slots away.
#[derive(Clone, Copy)]
pub(super) struct Read {
    pub(super) value: ValueId,
    pub(super) delta: isize,
}

/// The values that the task reads from each array, other than one element for all lanes.
pub(super) fn loads(source: Source<'_>, task: &Task) -> FxHashMap<ArrayId, Vec<Read>> {
    let mut loads: FxHashMap<ArrayId, Vec<Read>> = FxHashMap::default();
    for &value in &task.values {
        if let Some((array, delta)) = place(source, task, value) {
            loads.entry(array).or_default().push(Read { value, delta });
        }
    }
    loads
}

/// The array and distance at which a value is read, if it is read lane by lane.
pub(super) fn place(source: Source<'_>, task: &Task, value: ValueId) -> Option<(ArrayId, isize)> {
    if let Some(&array) = task.loaded.get(&value) {
        return Some((array, 0));
    }
    match source.values.value(value).op {
        ValueOp::Cell(cell) => Some((source.state.cell(cell).array, 0)),
        ValueOp::Wire(wire) => match source.program.reads[&wire] {
            WireRead::Window { array, delta } => Some((array, delta)),
            WireRead::Element(_) => None,
        },
        _ => None,
    }
}
