//! Sizes and prices: multiply-accumulates, gas operations, lengths at the node's interface.

use crate::error::{GraphError, GraphFault, NodePlace};
use crate::graph::{Graph, Node, NodeId, Postprocess, Value};
use crate::op::Op;
use crate::storage;

/// Most operations for each element of an output, in all operators together, and memory cost.
const BASE_OPERATIONS_MAX: u64 = 1 << 30;
const OPERATIONS_MAX: u64 = 1 << 40;
const MEMORY_COST_MAX: u64 = 1 << 40;

impl Graph {
    /// Multiply-accumulates of one node: convolutions and dense layers, padding counted as work.
    pub fn macs(&self, id: NodeId) -> u64 {
        macs(&self.values, self.node(id))
    }

    /// Multiply-accumulates of the whole graph.
    pub fn total_macs(&self) -> u64 {
        self.nodes.iter().map(|n| macs(&self.values, n)).sum()
    }

    /// The chain's operation count, from which it derives gas (20000 operations to a unit).
    pub fn operation_count(&self) -> u64 {
        operation_count(&self.nodes, &self.values).expect("invariant: the builder checked the operation count")
    }

    /// Bytes of the chain's storage pool: for each entry its largest value, 4 bytes an element.
    pub fn storage_size(&self) -> u64 {
        storage::pool_bytes(&self.values)
    }

    /// Bytes of one input element at the node's interface: 1 up to 8 bits, else 4.
    pub fn input_type_size(&self) -> u64 {
        type_size(self.input_precision())
    }

    /// Bytes of the input at the node's interface.
    pub fn input_length(&self) -> u64 {
        self.input_shape().elements() as u64 * self.input_type_size()
    }

    /// Bytes of one output element at the node's interface: 1 if no head has more than 8 bits and
    /// nothing is postprocessed, else 4.
    pub fn output_type_size(&self) -> u64 {
        match self.postprocess {
            Postprocess::Argmax | Postprocess::Detection => 4,
            Postprocess::None | Postprocess::Other(_) => {
                let widest = self.heads.iter().map(|&h| self.precision(h)).max();
                type_size(widest.expect("invariant: a graph has a head"))
            }
        }
    }

    /// Bytes of the output at the node's interface, after postprocessing.
    pub fn output_length(&self) -> u64 {
        let shapes = || self.heads.iter().map(|&h| self.shape(h));
        let last = |dims: &[usize]| *dims.last().expect("invariant: a shape has an axis") as u64;
        let elements = match self.postprocess {
            Postprocess::Argmax => shapes().map(|s| s.elements() as u64 / last(s)).sum(),
            Postprocess::Detection => {
                let first = self.shape(self.heads[0]);
                let rows = first.len().checked_sub(2).map_or(0, |axis| first[axis] as u64);
                rows * shapes().map(|s| last(s)).sum::<u64>()
            }
            Postprocess::None | Postprocess::Other(_) => shapes().map(|s| s.elements() as u64).sum(),
        };
        elements * self.output_type_size()
    }
}

fn type_size(precision: u8) -> u64 {
    if precision <= 8 { 1 } else { 4 }
}

fn elements(values: &[Value], id: crate::ValueId) -> u64 {
    values[id.index()].shape.elements() as u64
}

fn macs(values: &[Value], node: &Node) -> u64 {
    let out = elements(values, node.output());
    match node.op {
        // Weights for each output: all but the first axis.
        Op::Conv2d(_) | Op::Dense(_) => out * reduction_length(values, node),
        _ => 0,
    }
}

fn reduction_length(values: &[Value], node: &Node) -> u64 {
    values[node.inputs[1].index()].shape[1..].iter().map(|&d| d as u64).product()
}

/// Operations to one element of the first output, as the chain counts them.
fn base_operations(values: &[Value], node: &Node) -> u64 {
    match &node.op {
        Op::Conv2d(a) => 3 * reduction_length(values, node) + u64::from(a.use_bias),
        Op::Dense(a) => 3 * reduction_length(values, node) + u64::from(a.use_bias),
        Op::MaxPool2d(a) => a.pool_size.iter().map(|&d| d as u64).product(),
        Op::Sum(_) => elements(values, node.inputs[0]) / elements(values, node.output()),
        // The batch size, not the number of boxes: the chain reads axis 0.
        Op::NonMaxSuppression(_) => 20 * values[node.inputs[0].index()].shape[0] as u64,
        _ => 1,
    }
}

/// The chain's operation count: computation plus 5 for each element of every value.
///
/// **Errors.** [`GraphFault::OperationCount`] beyond the chain's limits.
pub(crate) fn operation_count(nodes: &[Node], values: &[Value]) -> Result<u64, GraphError> {
    let (mut operations, mut memory) = (0u64, 0u64);
    for (index, node) in nodes.iter().enumerate() {
        let check = |what, found, max| {
            if found <= max {
                return Ok(());
            }
            let node = Some(NodePlace { index, name: node.name.clone() });
            Err(GraphError { node, fault: GraphFault::OperationCount { what, found, max } })
        };
        if !node.op.is_variable() {
            let base = base_operations(values, node);
            check("operations for one element", base, BASE_OPERATIONS_MAX)?;
            // At most 2^30 * 2^30 on top of 2^40.
            operations += base * elements(values, node.output());
            check("operation count so far", operations, OPERATIONS_MAX)?;
        }
        memory += node.outputs().map(|v| 5 * elements(values, v)).sum::<u64>();
        check("memory cost so far", memory, MEMORY_COST_MAX)?;
    }
    Ok(operations + memory)
}
