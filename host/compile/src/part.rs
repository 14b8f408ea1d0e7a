//! What of a graph one program computes.

use crate::requantise::Interval;
use myelin_graph::{Graph, Op, ValueId, precision_limit};

/// Operators of a graph that one program runs, from values given to values asked for.
#[derive(Debug, Clone)]
pub(crate) struct Part<'g> {
    pub graph: &'g Graph,
    /// The values given and what they can be, at least one; none is a flattening.
    pub inputs: Vec<(ValueId, Interval)>,
    /// By node whether it is run; flattenings need not be.
    pub nodes: Vec<bool>,
    /// The values asked for.
    pub outputs: Vec<ValueId>,
}

impl<'g> Part<'g> {
    /// All that some head depends on.
    pub fn whole(graph: &'g Graph) -> Part<'g> {
        let live = live_values(graph, graph.heads().iter().copied());
        let nodes = graph.nodes().map(|(_, node)| !node.op.is_variable() && live[node.output().index()]).collect();
        let range = Interval::symmetric(i64::from(precision_limit(graph.input_precision())));
        Part { graph, inputs: vec![(graph.input(), range)], nodes, outputs: graph.heads().to_vec() }
    }

    /// Whether the part computes a value, or only passes it on.
    pub fn makes(&self, value: ValueId) -> bool {
        self.nodes[self.graph.value(value).producer.index()]
    }
}

/// The value itself, or what it is a flattening of: both lie in the same lanes.
pub(crate) fn base(graph: &Graph, mut value: ValueId) -> ValueId {
    while matches!(graph.producer(value).op, Op::Flatten) {
        value = graph.producer(value).inputs[0];
    }
    value
}

/// For each value whether some of the `roots` depends on it.
pub(crate) fn live_values(graph: &Graph, roots: impl Iterator<Item = ValueId>) -> Vec<bool> {
    let mut live = vec![false; graph.value_count()];
    roots.for_each(|root| live[root.index()] = true);
    for (_, node) in graph.nodes().rev() {
        if node.outputs().any(|value| live[value.index()]) {
            node.inputs.iter().for_each(|value| live[value.index()] = true);
        }
    }
    live
}
