//! A small network of known answers, to find out whether a quarantined device is sound again.

use std::sync::Arc;

use myelin_compile::{Target, compile_model};
use myelin_cpu::Options;
use myelin_driver::{DriverError, Link, PreparedModel, Session};
use myelin_graph::{Conv2d, Graph, GraphBuilder, GraphError, Postprocess, Tensor};
use myelin_isa::Precision;

use super::Engine;
use crate::error::EngineError;

/// Channels and rows of the probe's picture.
const SHAPE: [usize; 4] = [1, 4, 8, 8];
/// Channels of the convolution's result.
const CHANNELS: usize = 8;
/// Pictures in a probe.
const PICTURES: u32 = 8;

/// The network compiled for a device, pictures, and the processor's answers.
pub(super) struct Probe {
    model: PreparedModel,
    cases: Vec<(Vec<i32>, Vec<i32>)>,
}

impl Probe {
    /// For a device; `None` if it cannot run the network, or the processor cannot tell.
    pub fn new(target: &Target, processor: &dyn Engine, selector: &str) -> Option<Probe> {
        let precision = target.architecture.precision();
        let graph = Arc::new(network(precision).expect("invariant: the probe obeys the chain's rules"));
        let compiled = compile_model(&graph, target).ok()?;
        let model = PreparedModel::prepare(&graph, compiled, &Options::default(), selector).ok()?;
        let law = processor.prepare(&graph).ok()?;
        let case = |seed: u32| -> Result<(Vec<i32>, Vec<i32>), EngineError> {
            let picture = pattern(SHAPE.iter().product(), precision.limit(), seed);
            let bytes: Vec<u8> = picture.iter().map(|&value| value as u8).collect();
            let answer = law.run(&bytes)?;
            Ok((picture, super::device::widened(&answer, graph.output_type_size())))
        };
        let cases: Result<Vec<_>, EngineError> = (0..PICTURES).map(case).collect();
        Some(Probe { model, cases: cases.ok()? })
    }

    /// What it runs.
    pub fn model(&self) -> &PreparedModel {
        &self.model
    }

    /// Loads the device behind `session` anew and asks it everything: whether all answers are right.
    pub fn passes<L: Link>(&mut self, session: &mut Session<L>) -> Result<bool, DriverError> {
        session.exchange(self.model.first_program());
        session.recover()?;
        for (picture, right) in &self.cases {
            let inference = self.model.run(session, picture)?;
            if !inference.outputs.iter().flat_map(|output| &output.values).eq(right) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A convolution with every sign of weight, rounding and limits, and a dense layer on all of its result.
fn network(precision: Precision) -> Result<Graph, GraphError> {
    let bits = precision.bits() as u8;
    let mut b = GraphBuilder::new();
    let param = |b: &mut GraphBuilder, name: &str, shape: &[usize], seed| {
        let values = pattern(shape.iter().product(), precision.limit(), seed);
        let values = values.into_iter().map(|value| value as i8).collect();
        b.param(name, Tensor::from_i8(shape, values).expect("invariant: as many values as the shape has"), bits)
    };
    let x = b.input(&SHAPE, bits)?;
    let weight = param(&mut b, "conv_weight", &[CHANNELS, SHAPE[1], 3, 3], 101)?;
    let x = b.conv2d("conv", x, weight, None, Conv2d::square(CHANNELS, 3).with_padding(1))?;
    let x = b.cvm_right_shift("shift", x, bits, bits + 1)?;
    let x = b.relu("relu", x)?;
    let x = b.flatten("flatten", x)?;
    let weight = param(&mut b, "dense_weight", &[10, CHANNELS * SHAPE[2] * SHAPE[3]], 202)?;
    let x = b.dense("dense", x, weight, None)?;
    b.finish(vec![x], Postprocess::None)
}

/// Values within `+-limit` that repeat nowhere near: a linear congruential generator's high bits.
fn pattern(count: usize, limit: i32, seed: u32) -> Vec<i32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i32 % (2 * limit + 1) - limit
    };
    (0..count).map(|_| next()).collect()
}
