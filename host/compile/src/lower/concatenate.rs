//! Concatenation of channels without copies: operands are written where the result lies.

use super::values::{map_shape, place};
use super::{At, Form, Lowering, Refused};
use crate::error::{CompileError, Place, Refusal};
use crate::network::Slice;
use crate::part::{Part, base};
use myelin_graph::{Graph, Node, Op, ValueId};
use std::collections::BTreeMap;

/// Which values are written straight into a concatenation, decided before lowering.
pub(super) struct Placements {
    /// Value to concatenation and first channel in it.
    targets: BTreeMap<ValueId, (ValueId, usize)>,
    /// Slices of the concatenations met so far.
    slices: BTreeMap<ValueId, Slice>,
}

impl Placements {
    /// Later concatenations choose first, so that one within another finds its place taken.
    pub fn of(part: &Part) -> Result<Placements, Refused> {
        let graph = part.graph;
        let mut targets = BTreeMap::new();
        for (id, node) in graph.operators().rev() {
            let Op::Concatenate { axis } = node.op else { continue };
            if !part.nodes[id.index()] {
                continue;
            }
            check_axis(graph, node, axis).map_err(|error| Refused { at: At::Node(id), error })?;
            let mut offset = 0;
            for &operand in &node.inputs {
                let value = base(graph, operand);
                if part.makes(value) {
                    targets.entry(value).or_insert((node.output(), offset));
                }
                offset += map_shape(graph, value).channels;
            }
        }
        Ok(Placements { targets, slices: BTreeMap::new() })
    }

    /// The concatenation a value is written into, and at which channel.
    pub fn of_value(&self, value: ValueId) -> Option<(ValueId, usize)> {
        self.targets.get(&value).copied()
    }
}

/// That channels are joined, pixel by pixel.
fn check_axis(graph: &Graph, node: &Node, axis: usize) -> Result<(), CompileError> {
    let mut flattened = node.inputs.iter().filter(|&&operand| {
        let value = base(graph, operand);
        value != operand && map_shape(graph, value).pixels() != 1
    });
    let axes = graph.shape(node.output()).len();
    if axis == 1 && (axes == 2 || axes == 4) && flattened.next().is_none() {
        return Ok(());
    }
    let place = place(graph, node.output());
    Err(CompileError::Unsupported { place, refusal: Refusal::JoinedAxis })
}

impl Lowering<'_> {
    /// The slice of a concatenation, within an outer one where it has a place there.
    pub(super) fn concatenation(&mut self, value: ValueId) -> Slice {
        if let Some(&slice) = self.placements.slices.get(&value) {
            return slice;
        }
        let shape = map_shape(self.graph, value);
        let slice = match self.placements.of_value(value) {
            Some((joined, offset)) => {
                let outer = self.concatenation(joined);
                Slice { offset: outer.offset + offset, shape, ..outer }
            }
            None => self.new_buffer(shape, 1, place(self.graph, value)),
        };
        self.placements.slices.insert(value, slice);
        slice
    }

    pub(super) fn concatenate(&mut self, node: &Node, place: Place) -> Result<Form, CompileError> {
        let map = self.concatenation(node.output());
        let mut range = None;
        let mut offset = map.offset;
        for &operand in &node.inputs {
            let form = self.form(&place, operand)?;
            let target = Slice { offset, shape: form.shape, ..map };
            let slice = self.materialise(operand)?;
            match form.pending {
                _ if slice == target => {}
                Some(pending) => self.add_sink(pending, target),
                None => self.copy(slice, target, &place, form.range),
            }
            range = Some(range.map_or(form.range, |so_far| form.range.union(so_far)));
            offset += form.shape.channels;
        }
        let range = range.expect("invariant: a concatenation has an operand");
        Ok(Form { shape: map_shape(self.graph, node.output()), range, pending: None, map: Some(map) })
    }
}
