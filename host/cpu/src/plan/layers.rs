//! Convolutions and dense layers.

use super::Planner;
use super::place::{Layout, Place};
use crate::kernel::Kernels;
use crate::pack::{Geometry, Packed, pack, packed_bytes};
use crate::run::{Conv, Depthwise, Step, Taps, WideConv, WideDense};
use crate::view::{Element, View};
use myelin_graph::{Conv2d, Graph, Node, NodeId, Op, Range, Tensor, TensorData, ValueId};
use std::borrow::Cow;

/// Largest padded picture the kernels address, in bytes.
const PADDED_BYTES_MAX: usize = 1 << 31;
/// A padded picture may always be this large, and above that four times the picture itself.
const PADDED_BYTES_FREE: usize = 1 << 20;

/// Packed weights, and what packing needs, may take this many times the weights, and these bytes more.
const PACKED_MULTIPLE_MAX: u64 = 16;
const PACKED_BYTES_FREE: u64 = 8 << 10;
/// Channels from which a depthwise convolution is worth kernels of its own.
const DEPTHWISE_CHANNELS_MIN: usize = 8;

/// Whether a convolution or dense layer is one for the kernels: constant weights, none of them -128,
/// and data of bytes.
///
/// One group takes data and weights as bytes whatever they are; several groups and dense layers take
/// them whole.
pub(super) fn is_narrow(graph: &Graph, ranges: &[Range], halos: &[[usize; 2]], kernels: &Kernels, node: &Node) -> bool {
    let constant = |value: ValueId| graph.param(value).is_some();
    let (x, weight) = (node.inputs[0], node.inputs[1]);
    let weights = ranges[weight.index()];
    let data = match &node.op {
        Op::Conv2d(a) => {
            let halo = halos[x.index()];
            let stored = graph.shape(x).elements() <= PADDED_BYTES_MAX;
            let padded = stored && a.padding[0] <= halo[0] && a.padding[1] <= halo[1];
            padded && (a.groups == 1 || ranges[x.index()].fits_i8())
        }
        _ => ranges[x.index()].fits_i8(),
    };
    let weighed = node.inputs[1..].iter().copied().all(constant) && weights.low >= -127 && weights.high <= 127;
    data && weighed && packs_well(graph, kernels, node)
}

/// Whether packed weights take a bounded multiple of the weights: a model that fills one lane of each
/// vector would otherwise take many times its files' length.
fn packs_well(graph: &Graph, kernels: &Kernels, node: &Node) -> bool {
    let (x, weight) = (graph.shape(node.inputs[0]), graph.shape(node.inputs[1]));
    let dense = Geometry { channels_in: x[1], channels_out: weight[0], ..DENSE };
    let geometry = match &node.op {
        Op::Conv2d(a) if is_depthwise(a, x[1]) => return true,
        Op::Conv2d(a) => Geometry { kernel: a.kernel, dilation: a.dilation, groups: a.groups, ..dense },
        _ => dense,
    };
    packed_bytes(&geometry, kernels) <= PACKED_MULTIPLE_MAX * weight.elements() as u64 + PACKED_BYTES_FREE
}

/// A convolution of one tap.
const DENSE: Geometry =
    Geometry { channels_in: 1, channels_out: 1, kernel: [1, 1], dilation: [1, 1], groups: 1, row: 0 };

fn is_depthwise(a: &Conv2d, channels: usize) -> bool {
    a.groups == channels && a.channels == channels && channels >= DEPTHWISE_CHANNELS_MIN
}

/// For each value the widest padding of the convolutions that read it; none where a picture with it
/// would be too large to store, so that those convolutions are not for the kernels.
pub(super) fn halos(graph: &Graph) -> Vec<[usize; 2]> {
    let mut halos = vec![[0, 0]; graph.value_count()];
    for (_, node) in graph.operators() {
        if let Op::Conv2d(a) = &node.op {
            let halo: &mut [usize; 2] = &mut halos[node.inputs[0].index()];
            *halo = [halo[0].max(a.padding[0]), halo[1].max(a.padding[1])];
        }
    }
    for (value, halo) in halos.iter_mut().enumerate().filter(|(_, halo)| **halo != [0, 0]) {
        let id = ValueId(value as u32);
        // Every constant would keep its own.
        if graph.param(id).is_some() {
            *halo = [0, 0];
            continue;
        }
        let shape = graph.shape(id).nchw();
        let [n, c, h, w] = shape.expect("invariant: a convolution's data has four axes");
        let bytes = |h: usize, w: usize| [n, c, h, w].iter().fold(1usize, |bytes, &d| bytes.saturating_mul(d));
        let allowed = bytes(h, w).saturating_mul(4).clamp(PADDED_BYTES_FREE, PADDED_BYTES_MAX);
        if bytes(h + 2 * halo[0], w + 2 * halo[1]) > allowed {
            *halo = [0, 0];
        }
    }
    halos
}

/// A constant's elements as bytes.
fn bytes(tensor: &Tensor) -> Cow<'_, [i8]> {
    match tensor.data() {
        TensorData::I8(data) => Cow::Borrowed(data),
        TensorData::I32(data) => data.iter().map(|&v| v as i8).collect(),
    }
}

impl Planner<'_> {
    fn constant(&self, value: ValueId) -> &Tensor {
        self.graph.param(value).expect("invariant: the kernels' weights are constant")
    }

    fn bias(&self, node: &Node) -> Vec<i32> {
        node.inputs.get(2).map_or_else(Vec::new, |&bias| self.constant(bias).to_i32())
    }

    fn packed(&mut self, geometry: &Geometry, node: &Node) -> Packed {
        let weights = self.constant(node.inputs[1]);
        let narrowed = match weights.data() {
            TensorData::I8(_) => 0,
            TensorData::I32(data) => data.len() as u64,
        };
        if !self.hold(packed_bytes(geometry, self.kernels) + narrowed) {
            return Packed::default();
        }
        pack(geometry, &bytes(self.constant(node.inputs[1])), &self.bias(node), self.kernels)
    }

    pub(super) fn conv(&mut self, chain: &[NodeId], a: &Conv2d) {
        let node = self.graph.node(chain[0]);
        let src = self.picture(node.inputs[0], Some(Element::I8), a.padding);
        let stages = self.stages(&chain[1..], node.output(), Layout::Picture);
        let dst = self.new_result(chain, Layout::Picture).view;
        if is_depthwise(a, src.c) {
            let taps = if self.hold(Taps::bytes(a.kernel, src.c)) {
                let weights = bytes(self.constant(node.inputs[1]));
                Taps::pack(a.kernel, a.dilation, src.row, &weights, &self.bias(node))
            } else {
                Taps::default()
            };
            let (strides, padding) = (a.strides, a.padding);
            let depthwise = Depthwise { src, dst, strides, padding, taps, stages };
            return self.emit(Step::Depthwise(depthwise), &[dst]);
        }
        let geometry = Geometry {
            channels_in: src.c,
            channels_out: a.channels,
            kernel: a.kernel,
            dilation: a.dilation,
            groups: a.groups,
            row: src.row,
        };
        let packed = self.packed(&geometry, node);
        let conv = Conv { src, dst, strides: a.strides, padding: a.padding, packed, stages };
        self.emit(Step::Conv(conv), &[dst]);
    }

    pub(super) fn dense(&mut self, chain: &[NodeId]) {
        let node = self.graph.node(chain[0]);
        let (shape, units) = (self.graph.shape(node.inputs[0]), self.graph.shape(node.output())[1]);
        let (rows, length) = (shape[0], shape[1]);
        let src = self.plain(node.inputs[0], Some(Element::I8));
        let stages = self.stages(&chain[1..], node.output(), Layout::Plain);
        let dst = self.new_result(chain, Layout::Plain).view;
        let geometry = Geometry { channels_in: length, channels_out: units, row: rows * length, ..DENSE };
        let packed = self.packed(&geometry, node);
        // A row of data is a pixel.
        let pixels = |view: View, c: usize| View { w: rows, c, ..view };
        let (src, dst) = (pixels(src, length), pixels(dst, units));
        let conv = Conv { src, dst, strides: [1, 1], padding: [0, 0], packed, stages };
        self.emit(Step::Conv(conv), &[dst]);
    }

    pub(super) fn wide_conv(&mut self, node: &Node, a: &Conv2d) {
        let shape = |value: ValueId| self.graph.shape(value).nchw().expect("invariant: a convolution has four axes");
        let (x_shape, dst_shape) = (shape(node.inputs[0]), shape(node.output()));
        let x = self.plain(node.inputs[0], None);
        let weight = self.plain(node.inputs[1], None);
        let bias = node.inputs.get(2).map(|&bias| self.plain(bias, None));
        let dst = self.new_plain(Element::I32, dst_shape.iter().product());
        let attributes = *a;
        self.emit(Step::WideConv(WideConv { attributes, x, x_shape, weight, bias, dst_shape }), &[dst]);
        self.places[node.output().index()].push(Place::plain(dst));
    }

    pub(super) fn wide_dense(&mut self, node: &Node) {
        let shape = self.graph.shape(node.inputs[0]);
        let (rows, length) = (shape[0], shape[1]);
        let units = self.graph.shape(node.output())[1];
        let x = self.plain(node.inputs[0], None);
        let weight = self.plain(node.inputs[1], None);
        let bias = node.inputs.get(2).map(|&bias| self.plain(bias, None));
        let dst = self.new_plain(Element::I32, rows * units);
        self.emit(Step::WideDense(WideDense { x, weight, bias, rows, units, length }), &[dst]);
        self.places[node.output().index()].push(Place::plain(dst));
    }
}
