//! Small questions about a graph's values.

use crate::error::Place;
use crate::network::MapShape;
use myelin_graph::{Graph, ValueId};

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
