//! Functions of a stored lane: tables, and what follows them.
//!
//! A table is known when compiled, so whatever is done to what it gives (relu, clips, a shift, another
//! table) is done to its entries instead.

use super::{Form, Lowering, Pending};
use crate::error::{CompileError, Place};
use crate::network::{Combine, Source, TableId, Window};
use crate::requantise::{Interval, Requantise};
use myelin_graph::{Node, NodeId, Op, ValueId};
use myelin_isa::Precision;

/// A function of an integer: entry `i` for `low + i`, the nearest entry for what is beyond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    low: i64,
    /// At least one.
    entries: Vec<i64>,
}

/// Position of a table in [`Lowering::tables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WorkingTable(usize);

impl Table {
    /// `f` on a range.
    fn of(range: Interval, f: impl Fn(i64) -> i64) -> Table {
        Table { low: range.low, entries: (range.low..=range.high).map(f).collect() }
    }

    /// This, then `f`.
    fn then(&self, f: impl Fn(i64) -> i64) -> Table {
        Table { low: self.low, entries: self.entries.iter().map(|&entry| f(entry)).collect() }
    }

    fn range(&self) -> Interval {
        let of = |entry: i64| Interval { low: entry, high: entry };
        let first = of(self.entries[0]);
        self.entries.iter().fold(first, |range, &entry| range.union(of(entry)))
    }

    /// For every value of a lane's bits, in the order of the hardware's entries, what it gives; that must
    /// lie in lanes.
    fn lanes(&self, precision: Precision) -> Vec<i8> {
        let bits = precision.bits();
        let value = |entry: i64| if entry >> (bits - 1) == 0 { entry } else { entry - (1 << bits) };
        let last = self.entries.len() as i64 - 1;
        let entry = |bits: i64| self.entries[(value(bits) - self.low).clamp(0, last) as usize] as i8;
        (0..1 << bits).map(entry).collect()
    }
}

impl Lowering<'_> {
    /// The chain's rule: numbers outside the table count as its ends.
    pub(super) fn look_up(&mut self, node: &Node, place: Place) -> Result<Form, CompileError> {
        let table = self.constant(&place, node.inputs[1])?.to_i32();
        let ends = Interval { low: 0, high: table.len() as i64 - 1 };
        self.mapped(node, place, ends, |index| i64::from(table[index.clamp(ends.low, ends.high) as usize]))
    }

    /// `f` of a value that lies in lanes, or does when it is limited to `ends`, beyond which `f` is as at them.
    ///
    /// **Errors.** [`CompileError::Range`] for other values, and where `f` leaves the lanes for more than
    /// another function.
    pub(super) fn mapped(
        &mut self,
        node: &Node,
        place: Place,
        ends: Interval,
        f: impl Fn(i64) -> i64,
    ) -> Result<Form, CompileError> {
        let operand = node.inputs[0];
        let form = self.form(&place, operand)?;
        let pending = match form.pending {
            Some(pending) => pending,
            None => {
                let input = self.materialise(operand)?;
                let source = Source::Pool { input, window: Window::unit(form.shape), combine: Combine::Maximum };
                let root = self.new_root(place.clone(), source, form.range);
                Pending { root, window: None, requantise: Requantise::IDENTITY, table: None }
            }
        };
        let (requantise, table) = match pending.table {
            Some(table) => (pending.requantise, self.tables[table.0].then(f)),
            None => {
                let requantise = pending.requantise.then_clamp(ends.low, ends.high);
                let range = requantise.range(self.roots[pending.root.0].range);
                self.check_lanes(&place, "an index of the table", range)?;
                (requantise, Table::of(range, f))
            }
        };
        let range = table.range();
        if !self.is_mapped_further(node.output()) {
            self.check_lanes(&place, "an entry of the table", range)?;
        }
        self.tables.push(table);
        let table = Some(WorkingTable(self.tables.len() - 1));
        Ok(Form { range, pending: Some(Pending { requantise, table, ..pending }), map: None, ..form })
    }

    /// Whether only functions read a value, so that it needs no lanes.
    fn is_mapped_further(&self, value: ValueId) -> bool {
        let is_function = |&id: &NodeId| match &self.graph.node(id).op {
            Op::Flatten => self.is_mapped_further(self.graph.node(id).output()),
            Op::CvmLut { .. } => self.graph.node(id).inputs[0] == value,
            op => matches!(op, Op::Relu | Op::CvmClip { .. } | Op::Clip { .. } | Op::CvmRightShift { .. }),
        };
        !self.graph.is_head(value) && self.graph.consumers(value).iter().all(is_function)
    }

    /// The network's table for one whose entries lie in lanes; equal ones are kept once.
    pub(super) fn kept(&mut self, table: WorkingTable) -> TableId {
        let lanes = self.tables[table.0].lanes(self.precision);
        let known = self.kept_tables.iter().position(|kept| *kept == lanes);
        TableId(known.unwrap_or_else(|| {
            self.kept_tables.push(lanes);
            self.kept_tables.len() - 1
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_a_table_counts_as_its_ends_and_the_negative_lanes_come_last() {
        let table = Table::of(Interval { low: -1, high: 2 }, |value| 10 * value);
        assert_eq!(table.range(), Interval { low: -10, high: 20 });
        let lanes = table.lanes(Precision::Int6);
        assert_eq!(lanes.len(), 64);
        assert_eq!((&lanes[..5], lanes[31], lanes[32], lanes[63]), (&[0, 10, 20, 20, 20][..], 20, -10, -10));
        assert_eq!(table.then(|entry| entry / 10).lanes(Precision::Int8)[255], -1);
    }
}
