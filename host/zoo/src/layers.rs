//! Layers as a quantiser leaves them: weights, bias, rectifier, requantisation.

use myelin_graph::{Conv2d, Graph, GraphBuilder, GraphError, KeepDims, MaxPool2d, Postprocess, Tensor, ValueId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What follows a convolution or dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Relu,
    None,
}

type Built = Result<ValueId, GraphError>;

/// Builds a network layer by layer; names count up.
pub(crate) struct Layers {
    b: GraphBuilder,
    rng: ChaCha8Rng,
    input: ValueId,
    count: usize,
    /// Of weights and activations: 6 or 8.
    bits: u8,
}

impl Layers {
    pub(crate) fn new(seed: u64, side: usize, bits: u8) -> Result<Self, GraphError> {
        Self::with_channels(seed, 3, side, bits)
    }

    pub(crate) fn with_channels(seed: u64, channels: usize, side: usize, bits: u8) -> Result<Self, GraphError> {
        let mut b = GraphBuilder::new();
        let input = b.input(&[1, channels, side, side], bits)?;
        Ok(Self { b, rng: ChaCha8Rng::seed_from_u64(seed), input, count: 0, bits })
    }

    pub(crate) fn input(&self) -> ValueId {
        self.input
    }

    pub(crate) fn finish(self, head: ValueId) -> Result<Graph, GraphError> {
        self.b.finish(vec![head], Postprocess::None)
    }

    fn name(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}{}", self.count)
    }

    /// Channels (or features) of a value.
    pub(crate) fn channels(&self, x: ValueId) -> usize {
        self.b.shape(x).expect("invariant: values are this builder's")[1]
    }

    fn weights(&mut self, shape: &[usize]) -> Built {
        let count = shape.iter().product();
        let mut bytes = vec![0u8; count];
        self.rng.fill(&mut bytes[..]);
        // -128 is no weight, and neither is -32 of six bits.
        let narrower = 8 - self.bits;
        let most = i8::MAX >> narrower;
        let data = bytes.into_iter().map(|byte| ((byte as i8) >> narrower).max(-most)).collect();
        let name = self.name("weight");
        self.b.param(&name, Tensor::from_i8(shape, data)?, self.bits)
    }

    fn bias(&mut self, channels: usize) -> Built {
        // As products, of both of whose factors the lower bits are left out.
        let narrower = 2 * (8 - self.bits);
        let data = (0..channels).map(|_| self.rng.random_range(-9999..=9999) >> narrower).collect();
        let name = self.name("bias");
        self.b.param(&name, Tensor::from_i32(&[channels], data)?, 16)
    }

    /// Back to the bits of activations after sums of `terms` products.
    fn requantise(&mut self, x: ValueId, terms: usize) -> Built {
        let shift = self.bits - 2 + terms.ilog2().div_ceil(2) as u8;
        let name = self.name("requantise");
        self.b.cvm_right_shift(&name, x, self.bits, shift)
    }

    /// Convolution, bias, activation, requantisation.
    pub(crate) fn conv(&mut self, x: ValueId, attributes: Conv2d, activation: Activation) -> Built {
        let group = self.channels(x) / attributes.groups;
        let [kh, kw] = attributes.kernel;
        let w = self.weights(&[attributes.channels, group, kh, kw])?;
        let bias = self.bias(attributes.channels)?;
        let name = self.name("conv");
        let y = self.b.conv2d(&name, x, w, Some(bias), attributes)?;
        let y = self.activate(y, activation)?;
        self.requantise(y, group * kh * kw)
    }

    /// A `size` by `size` convolution with rectifier.
    pub(crate) fn relu_conv(
        &mut self,
        x: ValueId,
        channels: usize,
        size: usize,
        stride: usize,
        padding: usize,
    ) -> Built {
        let conv = Conv2d::square(channels, size).with_stride(stride).with_padding(padding);
        self.conv(x, conv, Activation::Relu)
    }

    fn activate(&mut self, x: ValueId, activation: Activation) -> Built {
        match activation {
            Activation::None => Ok(x),
            Activation::Relu => {
                let name = self.name("relu");
                self.b.relu(&name, x)
            }
        }
    }

    /// Dense layer on all features; the last one keeps its 32-bit sums.
    pub(crate) fn dense(&mut self, x: ValueId, units: usize, activation: Activation) -> Built {
        let name = self.name("flatten");
        let x = self.b.flatten(&name, x)?;
        let length = self.channels(x);
        let w = self.weights(&[units, length])?;
        let bias = self.bias(units)?;
        let name = self.name("dense");
        let y = self.b.dense(&name, x, w, Some(bias))?;
        if activation == Activation::None {
            return Ok(y);
        }
        let y = self.activate(y, activation)?;
        self.requantise(y, length)
    }

    pub(crate) fn max_pool(&mut self, x: ValueId, attributes: MaxPool2d) -> Built {
        let name = self.name("pool");
        self.b.max_pool2d(&name, x, attributes)
    }

    /// Average over a 3x3 window, as a depthwise convolution; 9 * 14 / 128 is nearly 1.
    pub(crate) fn average_pool(&mut self, x: ValueId) -> Built {
        let channels = self.channels(x);
        let name = self.name("weight");
        let w = self.b.param(&name, Tensor::from_i8(&[channels, 1, 3, 3], vec![14; channels * 9])?, self.bits)?;
        let conv = Conv2d::square(channels, 3).with_padding(1).with_groups(channels);
        let name = self.name("average");
        let y = self.b.conv2d(&name, x, w, None, conv)?;
        let name = self.name("requantise");
        self.b.cvm_right_shift(&name, y, self.bits, 7)
    }

    /// Average over the whole picture: a sum, requantised.
    pub(crate) fn global_average(&mut self, x: ValueId) -> Built {
        let shape = self.b.shape(x).expect("invariant: values are this builder's").clone();
        let name = self.name("sum");
        let y = self.b.sum(&name, x, &[2, 3], KeepDims::No)?;
        let name = self.name("requantise");
        self.b.cvm_right_shift(&name, y, self.bits, (shape[2] * shape[3]).ilog2() as u8)
    }

    pub(crate) fn concatenate(&mut self, inputs: &[ValueId]) -> Built {
        let name = self.name("concatenate");
        self.b.concatenate(&name, inputs, 1)
    }

    /// Sum of two branches, rectifier, back to the bits of activations.
    pub(crate) fn join(&mut self, a: ValueId, b: ValueId) -> Built {
        let name = self.name("add");
        let y = self.b.elemwise_add(&name, a, b)?;
        let y = self.activate(y, Activation::Relu)?;
        let name = self.name("requantise");
        self.b.cvm_right_shift(&name, y, self.bits, 1)
    }
}
