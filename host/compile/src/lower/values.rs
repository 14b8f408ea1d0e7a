//! Small questions about a graph's values.

use crate::error::Place;
use crate::network::MapShape;
use myelin_graph::{Graph, Op, ValueId};

/// The value itself, or what it is a flattening of: both lie in the same lanes.
pub(super) fn base(graph: &Graph, mut value: ValueId) -> ValueId {
    while matches!(graph.producer(value).op, Op::Flatten) {
        value = graph.producer(value).inputs[0];
    }
    value
}

/// For each value whether some head depends on it.
pub(super) fn live_values(graph: &Graph) -> Vec<bool> {
    let mut live = vec![false; graph.value_count()];
    for head in graph.heads() {
        live[head.index()] = true;
    }
    for (_, node) in graph.nodes().rev() {
        if node.outputs().any(|value| live[value.index()]) {
            node.inputs.iter().for_each(|value| live[value.index()] = true);
        }
    }
    live
}

/// The map a value of two or four axes (not a flattening) is stored as; values of other ranks have
/// no operator here and count as one row.
pub(super) fn map_shape(graph: &Graph, value: ValueId) -> MapShape {
    let shape = graph.shape(value);
    match shape.nchw() {
        Some([_, channels, height, width]) => MapShape { channels, height, width },
        None => MapShape { channels: shape.elements() / shape[0], height: 1, width: 1 },
    }
}

/// The node that defines a value.
pub(super) fn place(graph: &Graph, value: ValueId) -> Place {
    let node = graph.producer(value);
    Place { layer: node.name.clone(), operator: node.op.name() }
}
