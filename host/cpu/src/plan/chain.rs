//! Fusion: which operators are done while their operand is still in cache.

use super::layers::is_narrow;
use super::place::{Layout, Place};
use super::{Part, Planner};
use crate::kernel::Kernels;
use crate::run::{ByteTable, Map, Step};
use crate::stage::{self, Scale, Stage};
use crate::view::Element;
use myelin_graph::{Graph, Node, NodeId, Op, Range, ValueId, precision_limit};

/// Whether an operator may start a chain.
pub(super) fn is_chainable(op: &Op) -> bool {
    matches!(op, Op::Conv2d(_) | Op::Dense(_)) || is_broadcast(op) || is_element_wise(op)
}

fn is_broadcast(op: &Op) -> bool {
    matches!(
        op,
        Op::BroadcastAdd
            | Op::BroadcastSub
            | Op::BroadcastMul
            | Op::BroadcastMax
            | Op::BroadcastDiv
            | Op::BroadcastGreater
    )
}

/// Whether an operator is a [`Stage`].
fn is_element_wise(op: &Op) -> bool {
    matches!(
        op,
        Op::Relu
            | Op::CvmRightShift { .. }
            | Op::CvmClip { .. }
            | Op::Clip { .. }
            | Op::Abs
            | Op::Negative
            | Op::CvmPrecision
            | Op::CvmLut { .. }
            | Op::ElemwiseAdd
            | Op::ElemwiseSub
    )
}

fn is_sum(op: &Op) -> bool {
    matches!(op, Op::ElemwiseAdd | Op::ElemwiseSub)
}

/// For each node the chain that ends with it.
pub(super) fn chains(
    graph: &Graph,
    part: &Part,
    ranges: &[Range],
    halos: &[[usize; 2]],
    kernels: &Kernels,
) -> Vec<Option<Vec<NodeId>>> {
    let mut chains = vec![None; graph.node_count()];
    let mut absorbed = vec![false; graph.node_count()];
    // `Graph::is_head` walks the list of heads, which may be long.
    let mut is_head = vec![false; graph.value_count()];
    graph.heads().iter().chain(&part.outputs).for_each(|head| is_head[head.index()] = true);
    let fuse = !overwrites_visibly(graph, &is_head);
    for (id, node) in graph.operators() {
        let narrow = match node.op {
            Op::Conv2d(_) | Op::Dense(_) => is_narrow(graph, ranges, halos, kernels, node),
            Op::CvmLut { .. } => graph.param(node.inputs[1]).is_some(),
            _ => is_chainable(&node.op),
        };
        if absorbed[id.index()] || !narrow || !part.nodes[id.index()] {
            continue;
        }
        let (mut chain, mut last) = (vec![id], node);
        while let Some(next) = next_of(graph, &is_head, node, last)
            .filter(|next| fuse && part.nodes[next.index()] && !absorbed[next.index()])
        {
            absorbed[next.index()] = true;
            chain.push(next);
            last = graph.node(next);
        }
        let end = chain.last().expect("invariant: a chain has a node").index();
        chains[end] = Some(chain);
    }
    chains
}

/// The node that continues a chain from `first` to `last`, if one can.
fn next_of(graph: &Graph, is_head: &[bool], first: &Node, last: &Node) -> Option<NodeId> {
    let value = last.output();
    let &[next] = graph.consumers(value) else { return None };
    let node = graph.node(next);
    let table =
        !matches!(node.op, Op::CvmLut { .. }) || (node.inputs[0] == value && graph.param(node.inputs[1]).is_some());
    let sum = !is_sum(&node.op) || !is_broadcast(&first.op);
    (is_element_wise(&node.op) && table && sum && !is_head[value.index()]).then_some(next)
}

/// Whether a suppression overwrites data that others see; then every operator runs in its place.
fn overwrites_visibly(graph: &Graph, is_head: &[bool]) -> bool {
    graph.operators().any(|(_, node)| match &node.op {
        Op::NonMaxSuppression(a) => {
            let data = node.inputs[0];
            a.top_k > 0 && (graph.consumers(data).len() > 1 || is_head[data.index()])
        }
        _ => false,
    })
}

impl Planner<'_> {
    /// Plans a chain at its end.
    pub(super) fn chain(&mut self, chain: &[NodeId]) {
        let graph = self.graph;
        let first = graph.node(chain[0]);
        match &first.op {
            Op::Conv2d(attributes) => self.conv(chain, attributes),
            Op::Dense(_) => self.dense(chain),
            op if is_broadcast(op) => self.broadcast(chain),
            _ => self.map(chain),
        }
    }

    /// The value at the end of a chain.
    pub(super) fn result(&self, chain: &[NodeId]) -> ValueId {
        self.graph.node(*chain.last().expect("invariant: a chain has a node")).output()
    }

    /// A new place for the value at the end of a chain.
    pub(super) fn new_result(&mut self, chain: &[NodeId], layout: Layout) -> Place {
        let value = self.result(chain);
        let element = self.element(value);
        let place = match layout {
            Layout::Plain => Place::plain(self.new_plain(element, self.graph.shape(value).elements())),
            Layout::Picture => self.new_picture(element, value),
        };
        self.places[value.index()].push(place);
        place
    }

    fn map(&mut self, chain: &[NodeId]) {
        let first = self.graph.node(chain[0]);
        let operands = &first.inputs[..if is_sum(&first.op) { 2 } else { 1 }];
        let picture = operands.iter().any(|&value| self.home(value).layout == Layout::Picture);
        let layout = if picture { Layout::Picture } else { Layout::Plain };
        let src = self.operand(operands[0], layout);
        let stages = self.stages(chain, operands[0], layout);
        let dst = self.new_result(chain, layout).view;
        let bytes = (src.element, dst.element) == (Element::I8, Element::I8);
        let table = if bytes { ByteTable::new(&stages, self.kernels.flip).map(Box::new) } else { None };
        self.emit(Step::Map(Map { src, dst, stages, table }), &[dst]);
    }

    fn operand(&mut self, value: ValueId, layout: Layout) -> crate::view::View {
        match layout {
            Layout::Plain => self.plain(value, None),
            Layout::Picture => self.picture(value, None, [0, 0]),
        }
    }

    /// The stages of element-wise nodes, the first of which works on `current`.
    pub(super) fn stages(&mut self, nodes: &[NodeId], mut current: ValueId, layout: Layout) -> Vec<Stage> {
        let graph = self.graph;
        let mut stages = Vec::new();
        // Of the elements that reach the last stage.
        let mut below_max = false;
        for &id in nodes {
            let node = graph.node(id);
            for stage in self.stages_of(node, current, layout) {
                let joined = stage::push(&mut stages, stage, below_max);
                below_max = if joined { below_max } else { self.ranges[current.index()].high < i64::from(i32::MAX) };
            }
            current = node.output();
        }
        stages
    }

    fn stages_of(&mut self, node: &Node, current: ValueId, layout: Layout) -> Vec<Stage> {
        let limit = |precision: &u8| precision_limit(*precision);
        let one = match &node.op {
            Op::Relu => Stage::Scale(Scale::clamp(0, i32::MAX)),
            Op::CvmClip { precision } => Stage::Scale(Scale::clamp(-limit(precision), limit(precision))),
            Op::Clip { a_min, a_max } => Stage::Scale(Scale::clamp(*a_min, *a_max)),
            Op::CvmRightShift { precision, shift_bit } => {
                let scale = Scale::requantise(*precision, *shift_bit);
                let high = self.ranges[current.index()].high;
                if scale.may_wrap() && scale.high != i32::MAX && high == i64::from(i32::MAX) {
                    // One less clips to the same, and the rounding bit does not wrap.
                    let guard = Scale::clamp(i32::MIN, i32::MAX - 1);
                    return vec![Stage::Scale(guard), Stage::Scale(scale)];
                }
                Stage::Scale(scale)
            }
            Op::Abs => Stage::Abs,
            Op::Negative => Stage::Negative,
            Op::CvmPrecision => Stage::Bits,
            Op::CvmLut { .. } => {
                let table = self.graph.param(node.inputs[1]).expect("invariant: chained tables are constant");
                // While measured a short one stands for it.
                let length = if self.hold(4 * table.elements() as u64) { table.elements() } else { 1 };
                Stage::Table(table.iter().take(length).collect())
            }
            Op::ElemwiseAdd | Op::ElemwiseSub => {
                let (a, b) = (node.inputs[0], node.inputs[1]);
                let other = self.operand(if a == current { b } else { a }, layout);
                match (&node.op, a == current) {
                    (Op::ElemwiseAdd, _) => Stage::Add(other),
                    (_, true) => Stage::Subtract(other),
                    (_, false) => Stage::SubtractFrom(other),
                }
            }
            op => unreachable!("invariant: {} is not element-wise", op.name()),
        };
        vec![one]
    }
}
