//! Operators that move, pick or fold elements.

use super::Planner;
use super::place::{Layout, Place};
use crate::run::{Axis, Binary, BinaryAxis, Fold, Function, Gather, Loop, MaxPool, Nms, Reduce, Spatial, Step};
use crate::run::{Take, ValidCounts, Where};
use crate::view::{Element, View};
use myelin_graph::{MaxPool2d, Node, NodeId, NonMaxSuppression, Op, Reduce as ReduceAttributes, ValueId};

impl Planner<'_> {
    /// Plans an operator that no chain holds.
    pub(super) fn move_or_pick(&mut self, node: &Node) {
        match &node.op {
            Op::MaxPool2d(a) => self.max_pool(node, a),
            Op::Upsampling { scale } => self.upsampling(node, *scale),
            Op::Concatenate { axis } => self.concatenate(node, *axis),
            Op::Sum(a) => self.reduce(node, a, Fold::Sum),
            Op::Max(a) => self.reduce(node, a, Fold::Max),
            Op::Take { axis } => self.take(node, node.inputs[0], node.inputs[1], *axis),
            Op::CvmLut { .. } => self.take(node, node.inputs[1], node.inputs[0], None),
            Op::Where => self.choose(node),
            Op::GetValidCounts { score_threshold } => self.valid_counts(node, *score_threshold),
            Op::NonMaxSuppression(a) => self.suppress(node, a),
            Op::Flatten | Op::Reshape { .. } | Op::ExpandDims { .. } | Op::Squeeze { .. } => {
                // The same elements in the same order.
                let view = self.plain(node.inputs[0], None);
                self.places[node.output().index()].push(Place::plain(view));
            }
            op => {
                let (start, axes) = self.gather_axes(op, node);
                self.plain_gather(node, start, &axes);
            }
        }
    }

    /// The loops of an operator that copies elements of its first operand.
    fn gather_axes(&self, op: &Op, node: &Node) -> (usize, Vec<Axis>) {
        let x = &self.graph.shape(node.inputs[0])[..];
        let y = &self.graph.shape(node.output())[..];
        let (from, to) = (row_major(x), row_major(y));
        let axis = |count, src: usize, dst| Axis { count, src: src as isize, dst: dst as isize };
        let mut start = 0;
        let axes = match op {
            Op::Transpose { axes } => (0..y.len()).map(|i| axis(y[i], from[axes[i]], to[i])).collect(),
            Op::StridedSlice(slice) => {
                let picked = slice.resolve(x).expect("invariant: the graph checked the slice");
                start = picked.iter().zip(&from).map(|(p, stride)| p.begin * stride).sum();
                let one = |i: usize| Axis {
                    src: picked[i].step.wrapping_mul(from[i] as i64) as isize,
                    ..axis(y[i], 0, to[i])
                };
                (0..y.len()).map(one).collect()
            }
            Op::SliceLike { .. } => (0..y.len()).map(|i| axis(y[i], from[i], to[i])).collect(),
            Op::Repeat { repeats, axis: along } => {
                let mut axes = Vec::new();
                for i in 0..x.len() {
                    let repeats = if i == *along { *repeats } else { 1 };
                    axes.push(axis(x[i], from[i], to[i] * repeats));
                    axes.push(axis(repeats, 0, to[i]));
                }
                axes
            }
            Op::Tile { .. } => {
                let added = y.len() - x.len();
                let mut axes = Vec::new();
                for i in 0..y.len() {
                    let (length, stride) = if i < added { (1, 0) } else { (x[i - added], from[i - added]) };
                    axes.push(axis(y[i] / length, 0, to[i] * length));
                    axes.push(axis(length, stride, to[i]));
                }
                axes
            }
            op => unreachable!("invariant: {} does not copy", op.name()),
        };
        (start, axes)
    }

    fn plain_gather(&mut self, node: &Node, start: usize, axes: &[Axis]) {
        let src = self.plain(node.inputs[0], None);
        let dst = self.new_output(node);
        self.emit(Step::Gathers(vec![Gather::new(src, start, dst, 0, axes)]), &[dst]);
    }

    /// A new place in the chain's order for a node's result.
    fn new_output(&mut self, node: &Node) -> View {
        let value = node.output();
        let view = self.new_plain(self.element(value), self.graph.shape(value).elements());
        self.places[value.index()].push(Place::plain(view));
        view
    }

    /// A new picture for a node's result, of a given width.
    fn new_picture_output(&mut self, node: &Node, element: Element) -> View {
        let place = self.new_picture(element, node.output());
        self.places[node.output().index()].push(place);
        place.view
    }

    fn max_pool(&mut self, node: &Node, a: &MaxPool2d) {
        let src = self.picture(node.inputs[0], None, [0, 0]);
        let dst = self.new_picture_output(node, src.element);
        let (window, strides, padding) = (a.pool_size, a.strides, a.padding);
        self.emit(Step::MaxPool(MaxPool { src, dst, window, strides, padding }), &[dst]);
    }

    fn upsampling(&mut self, node: &Node, scale: usize) {
        let src = self.picture(node.inputs[0], None, [0, 0]);
        let dst = self.new_picture_output(node, src.element);
        let axis = |count, src: usize, dst: usize| Axis { count, src: src as isize, dst: dst as isize };
        let axes = [
            axis(src.n, src.image, dst.image),
            axis(src.h, src.row, dst.row * scale),
            axis(scale, 0, dst.row),
            axis(src.w, src.c, src.c * scale),
            axis(scale, 0, src.c),
            axis(src.c, 1, 1),
        ];
        self.emit(Step::Gathers(vec![Gather::new(src, src.base, dst, dst.base, &axes)]), &[dst]);
    }

    fn concatenate(&mut self, node: &Node, along: usize) {
        let shape = self.graph.shape(node.output()).clone();
        let picture =
            along == 1 && shape.len() == 4 && node.inputs.iter().any(|&v| self.home(v).layout == Layout::Picture);
        let mut gathers = Vec::new();
        if picture {
            let sources: Vec<View> = node.inputs.iter().map(|&v| self.picture(v, None, [0, 0])).collect();
            let dst = self.new_picture_output(node, self.element(node.output()));
            let mut channel = 0;
            for src in sources {
                let axis = |count, src: usize, dst: usize| Axis { count, src: src as isize, dst: dst as isize };
                let axes = [
                    axis(src.n, src.image, dst.image),
                    axis(src.h, src.row, dst.row),
                    axis(src.w, src.c, dst.c),
                    axis(src.c, 1, 1),
                ];
                gathers.push(Gather::new(src, src.base, dst, dst.base + channel, &axes));
                channel += src.c;
            }
            return self.emit(Step::Gathers(gathers), &[dst]);
        }
        let sources: Vec<View> = node.inputs.iter().map(|&v| self.plain(v, None)).collect();
        let dst = self.new_output(node);
        let outer: usize = shape[..along].iter().product();
        let total: usize = shape[along..].iter().product();
        let mut start = 0;
        for src in sources {
            let length = src.count() / outer;
            let axes = [
                Axis { count: outer, src: length as isize, dst: total as isize },
                Axis { count: length, src: 1, dst: 1 },
            ];
            gathers.push(Gather::new(src, 0, dst, start, &axes));
            start += length;
        }
        self.emit(Step::Gathers(gathers), &[dst]);
    }

    fn reduce(&mut self, node: &Node, a: &ReduceAttributes, fold: Fold) {
        let x = node.inputs[0];
        let shape = self.graph.shape(x).clone();
        let reduced = a.reduced(shape.len());
        if reduced.is_empty() {
            let view = self.plain(x, None);
            return self.places[node.output().index()].push(Place::plain(view));
        }
        let from_zero = a.axes.is_empty() && !a.exclude;
        let picture = self.home(x).layout == Layout::Picture;
        // One channel of several images is a case where the chain's device loses an axis.
        if picture && reduced == [2, 3] && (shape[1] > 1 || shape[0] == 1) {
            let src = self.picture(x, None, [0, 0]);
            let dst = self.new_output(node);
            return self.emit(Step::Spatial(Spatial { fold, src, dst }), &[dst]);
        }
        let strides = row_major(&shape);
        let axis = |i: &usize| Loop { count: shape[*i], stride: strides[*i] };
        let loops: Vec<Loop> = reduced.iter().map(axis).collect();
        let kept: Vec<usize> = (0..shape.len()).filter(|i| !reduced.contains(i)).collect();
        // The device steps through the lengths that are not 1 by the last of the kept strides.
        let lengths: Vec<usize> = kept.iter().map(|&i| shape[i]).filter(|&length| length != 1).collect();
        let kept = kept[kept.len() - lengths.len()..].iter().zip(lengths);
        let kept = kept.map(|(&i, count)| Loop { count, stride: strides[i] }).collect();
        let src = self.plain(x, None);
        let dst = self.new_output(node);
        self.emit(Step::Reduce(Reduce { fold, src, dst, kept, reduced: joined(loops), from_zero }), &[dst]);
    }

    fn take(&mut self, node: &Node, data: ValueId, indices: ValueId, axis: Option<usize>) {
        let shape = self.graph.shape(data).clone();
        let (outer, length, inner) = match axis {
            None => (1, shape.elements(), 1),
            Some(axis) => (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product()),
        };
        let element = self.element(node.output());
        let src = self.plain(data, Some(element));
        let indices = self.plain(indices, None);
        let dst = self.new_output(node);
        self.emit(Step::Take(Take { src, indices, dst, outer, length, inner }), &[dst]);
    }

    fn choose(&mut self, node: &Node) {
        let condition = self.plain(node.inputs[0], None);
        let choices = [self.plain(node.inputs[1], None), self.plain(node.inputs[2], None)];
        let dst = self.new_output(node);
        self.emit(Step::Where(Where { condition, choices, dst }), &[dst]);
    }

    fn valid_counts(&mut self, node: &Node, threshold: i32) {
        let shape = self.graph.shape(node.inputs[0]).clone();
        let src = self.plain(node.inputs[0], Some(Element::I32));
        let counts = self.new_plain(Element::I32, shape[0]);
        let rows = self.new_plain(Element::I32, shape.elements());
        let (batch, row_count, row_length) = (shape[0], shape[1], shape[2]);
        self.emit(Step::ValidCounts(ValidCounts { src, threshold, batch, row_count, row_length }), &[counts, rows]);
        for (output, view) in node.outputs().zip([counts, rows]) {
            self.places[output.index()].push(Place::plain(view));
        }
    }

    fn suppress(&mut self, node: &Node, a: &NonMaxSuppression) {
        let data = node.inputs[0];
        let shape = self.graph.shape(data).clone();
        let src = self.plain(data, Some(Element::I32));
        let counts = self.plain(node.inputs[1], Some(Element::I32));
        let dst = self.new_plain(Element::I32, shape.elements());
        let overwritten = self.new_plain(Element::I32, shape.elements());
        let (batch, row_count) = (shape[0], shape[1]);
        self.boxes_max = self.boxes_max.max(row_count);
        let step = Nms { attributes: *a, src, counts, batch, row_count };
        self.emit(Step::Nms(step), &[dst, overwritten]);
        if a.top_k > 0 {
            // Later operators see what the device overwrote.
            self.places[data.index()] = vec![Place::plain(overwritten)];
        }
        self.places[node.output().index()].push(Place::plain(dst));
    }

    /// Plans a broadcast with the unary operators behind it.
    pub(super) fn broadcast(&mut self, chain: &[NodeId]) {
        let node = self.graph.node(chain[0]);
        let function = match node.op {
            Op::BroadcastAdd => Function::Add,
            Op::BroadcastSub => Function::Sub,
            Op::BroadcastMul => Function::Mul,
            Op::BroadcastMax => Function::Max,
            Op::BroadcastDiv => Function::Div,
            _ => Function::Greater,
        };
        let shape = self.graph.shape(node.output()).clone();
        let picture = shape.len() == 4 && node.inputs.iter().any(|&v| self.home(v).layout == Layout::Picture);
        let layout = if picture { Layout::Picture } else { Layout::Plain };
        let (a, a_strides) = self.stretched(node.inputs[0], &shape, layout);
        let (b, b_strides) = self.stretched(node.inputs[1], &shape, layout);
        let stages = self.stages(&chain[1..], node.output(), layout);
        let dst = self.new_result(chain, layout).view;
        let (lengths, strides) = match layout {
            Layout::Plain => (shape.to_vec(), row_major(&shape)),
            Layout::Picture => (vec![dst.n, dst.h, dst.w, dst.c], vec![dst.image, dst.row, dst.c, 1]),
        };
        let axis = |i: usize| BinaryAxis { count: lengths[i], strides: [a_strides[i], b_strides[i]], dst: strides[i] };
        let axes = continued((0..lengths.len()).map(axis));
        self.emit(Step::Binary(Binary { function, operands: [a, b], dst, axes, stages }), &[dst]);
    }

    /// An operand and its strides along the result's axes, 0 where it is stretched; for a picture in
    /// the order image, row, column, channel.
    fn stretched(&mut self, value: ValueId, shape: &[usize], layout: Layout) -> (View, Vec<usize>) {
        let own = self.graph.shape(value).clone();
        if layout == Layout::Picture && self.home(value).layout == Layout::Picture {
            let view = self.picture(value, None, [0, 0]);
            let stride = |length: usize, stride: usize| if length == 1 { 0 } else { stride };
            let strides = [(view.n, view.image), (view.h, view.row), (view.w, view.c), (view.c, 1)];
            return (view, strides.map(|(n, s)| stride(n, s)).to_vec());
        }
        let view = self.plain(value, None);
        let mut strides = vec![0; shape.len() - own.len()];
        strides.extend(own.iter().zip(row_major(&own)).map(|(&n, stride)| if n == 1 { 0 } else { stride }));
        if layout == Layout::Picture {
            strides = vec![strides[0], strides[2], strides[3], strides[1]];
        }
        (view, strides)
    }
}

/// Strides of a dense array, last axis fastest.
fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Joins loops that continue each other.
fn joined(loops: Vec<Loop>) -> Vec<Loop> {
    let mut joined: Vec<Loop> = Vec::new();
    for l in loops {
        match joined.last_mut() {
            Some(last) if last.stride == l.stride * l.count => *last = Loop { count: last.count * l.count, ..l },
            _ => joined.push(l),
        }
    }
    joined
}

/// Joins axes that continue each other in the result and both operands.
fn continued(axes: impl Iterator<Item = BinaryAxis>) -> Vec<BinaryAxis> {
    let mut joined: Vec<BinaryAxis> = Vec::new();
    for axis in axes {
        match joined.last_mut() {
            Some(last)
                if last.dst == axis.dst * axis.count
                    && (0..2).all(|i| last.strides[i] == axis.strides[i] * axis.count) =>
            {
                *last = BinaryAxis { count: last.count * axis.count, ..axis };
            }
            Some(last) if last.count == 1 => *last = axis,
            _ => joined.push(axis),
        }
    }
    joined
}
