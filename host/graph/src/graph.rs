//! The finished graph and its accessors.

use crate::op::Op;
use crate::shape::Shape;
use crate::tensor::Tensor;
use std::sync::Arc;

/// A node's position in topological order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A value: one output of one node. Dense from 0 in topological order, so it can index an array of
/// [`Graph::value_count`] entries; the chain calls it an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

/// A constant tensor's position, in the order of the parameter nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorId(pub u32);

impl NodeId {
    /// The position as an array index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ValueId {
    /// The position as an array index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl TensorId {
    /// The position as an array index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An operator in place: its operands and results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Name, unique among inputs and parameters; other nodes may share names.
    pub name: String,
    /// The operator with its attributes.
    pub op: Op,
    /// Operands, all defined by earlier nodes.
    pub inputs: Vec<ValueId>,
    /// The first result; a node's results are consecutive values.
    pub first_output: ValueId,
}

impl Node {
    /// The results, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = ValueId> + use<> {
        let first = self.first_output.0;
        (first..first + self.op.output_count() as u32).map(ValueId)
    }

    /// The only result of most operators, and the first of [`Op::GetValidCounts`].
    pub fn output(&self) -> ValueId {
        self.first_output
    }
}

/// What is known of a value before running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The node that defines it.
    pub producer: NodeId,
    /// Axis lengths.
    pub shape: Shape,
    /// Bits: `|v| <= 2^(precision-1) - 1`.
    pub precision: u8,
    /// Pool entry the chain's runtime keeps it in; only [`Graph::storage_size`] depends on it.
    pub storage: u32,
}

/// What the chain's runtime does with the heads after a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Postprocess {
    /// One head is returned as it is; several are interleaved row by row.
    #[default]
    None,
    /// Indices of row maxima, as 32-bit integers.
    Argmax,
    /// Heads interleaved row by row, as 32-bit integers; fails at run time with a single head.
    Detection,
    /// A word the runtime does not know and treats as [`Postprocess::None`].
    Other(String),
}

impl Postprocess {
    /// The word in the file.
    pub fn as_str(&self) -> &str {
        match self {
            Self::None => "",
            Self::Argmax => "argmax",
            Self::Detection => "detection",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for Postprocess {
    fn from(word: &str) -> Self {
        match word {
            "" => Self::None,
            "argmax" => Self::Argmax,
            "detection" => Self::Detection,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Version of the model format a graph was read from and is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FormatVersion {
    /// `cvm_1.0.0`: redundant lists are checked.
    V1_0,
    /// `cvm_1.1.0`: redundant lists are recomputed.
    #[default]
    V1_1,
}

impl FormatVersion {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "cvm_1.0.0",
            Self::V1_1 => "cvm_1.1.0",
        }
    }
}

/// A validated graph: every shape and precision inferred, every limit of the chain kept, every
/// parameter present and in range.
///
/// Made by [`crate::GraphBuilder`] or [`crate::import::cvm`]; immutable. Cloning shares the tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) values: Vec<Value>,
    pub(crate) tensors: Vec<Arc<Tensor>>,
    pub(crate) input: ValueId,
    pub(crate) heads: Vec<ValueId>,
    pub(crate) postprocess: Postprocess,
    pub(crate) version: FormatVersion,
    pub(crate) uses: Uses,
}

impl Graph {
    /// All nodes in topological order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (NodeId, &Node)> + DoubleEndedIterator {
        self.nodes.iter().enumerate().map(|(i, n)| (NodeId(i as u32), n))
    }

    /// The nodes that compute something, in topological order.
    pub fn operators(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.nodes().filter(|(_, n)| !n.op.is_variable())
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Number of values.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// A node. **Panics** on an id of another graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// A value. **Panics** on an id of another graph.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// Shape of a value. **Panics** on an id of another graph.
    pub fn shape(&self, id: ValueId) -> &Shape {
        &self.value(id).shape
    }

    /// Precision of a value in bits. **Panics** on an id of another graph.
    pub fn precision(&self, id: ValueId) -> u8 {
        self.value(id).precision
    }

    /// The node that defines a value. **Panics** on an id of another graph.
    pub fn producer(&self, id: ValueId) -> &Node {
        self.node(self.value(id).producer)
    }

    /// The nodes that read a value, ascending, once for each operand it is.
    /// **Panics** on an id of another graph.
    pub fn consumers(&self, id: ValueId) -> &[NodeId] {
        self.uses.of(id)
    }

    /// Whether a value is one of the heads.
    pub fn is_head(&self, id: ValueId) -> bool {
        self.heads.contains(&id)
    }

    /// The first node of this name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes().find(|(_, n)| n.name == name).map(|(id, _)| id)
    }

    /// The input named `data`.
    pub fn input(&self) -> ValueId {
        self.input
    }

    /// Shape of the input.
    pub fn input_shape(&self) -> &Shape {
        self.shape(self.input)
    }

    /// Precision of the input in bits; callers' values are clamped to it.
    pub fn input_precision(&self) -> u8 {
        self.precision(self.input)
    }

    /// The outputs, at least one, in order; a value may appear more than once.
    pub fn heads(&self) -> &[ValueId] {
        &self.heads
    }

    /// What the chain does with the heads after a run.
    pub fn postprocess(&self) -> &Postprocess {
        &self.postprocess
    }

    /// Version of the model format.
    pub fn version(&self) -> FormatVersion {
        self.version
    }

    /// A constant tensor. **Panics** on an id of another graph.
    pub fn tensor(&self, id: TensorId) -> &Arc<Tensor> {
        &self.tensors[id.index()]
    }

    /// The constant behind a value, if it is a parameter. **Panics** on an id of another graph.
    pub fn param(&self, id: ValueId) -> Option<&Arc<Tensor>> {
        match self.producer(id).op {
            Op::Param(tensor) => Some(self.tensor(tensor)),
            _ => None,
        }
    }

    /// All parameters with their names, in node order.
    pub fn params(&self) -> impl Iterator<Item = (&str, &Arc<Tensor>)> {
        self.nodes.iter().filter_map(|n| match n.op {
            Op::Param(tensor) => Some((n.name.as_str(), self.tensor(tensor))),
            _ => None,
        })
    }

    /// The first node the chain's CPU device cannot run. Such a model loads and has a gas price, but
    /// every run of it must be answered with a runtime error.
    pub fn unrunnable_on_chain(&self) -> Option<NodeId> {
        self.nodes().find(|(_, n)| !n.op.runs_on_chain()).map(|(id, _)| id)
    }
}

/// For each value the nodes that read it, as one list with bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uses {
    /// `starts[v]..starts[v + 1]` are value `v`'s readers.
    starts: Vec<u32>,
    readers: Vec<NodeId>,
}

impl Uses {
    pub(crate) fn new(nodes: &[Node], value_count: usize) -> Self {
        let mut starts = vec![0u32; value_count + 1];
        for operand in nodes.iter().flat_map(|n| &n.inputs) {
            starts[operand.index() + 1] += 1;
        }
        for v in 0..value_count {
            starts[v + 1] += starts[v];
        }
        let mut next = starts.clone();
        let mut readers = vec![NodeId(0); starts[value_count] as usize];
        for (i, node) in nodes.iter().enumerate() {
            for operand in &node.inputs {
                let slot = &mut next[operand.index()];
                readers[*slot as usize] = NodeId(i as u32);
                *slot += 1;
            }
        }
        Self { starts, readers }
    }

    pub(crate) fn of(&self, id: ValueId) -> &[NodeId] {
        let (from, to) = (self.starts[id.index()], self.starts[id.index() + 1]);
        &self.readers[from as usize..to as usize]
    }
}
