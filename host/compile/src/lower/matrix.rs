//! Convolution and dense layers, with the proof that no accumulator can overflow.

use super::{Form, Lowering, Pending};
use crate::error::{CompileError, Place, Refusal};
use crate::network::{MapShape, Matrix, Source};
use crate::requantise::{INT32, Interval};
use myelin_graph::{Conv2d, Dense, Node, Tensor, ValueId};

impl Lowering<'_> {
    pub(super) fn convolution(&mut self, node: &Node, place: Place, attributes: &Conv2d) -> Result<Form, CompileError> {
        let output = super::map_shape(self.graph, node.output());
        let Conv2d { kernel, strides, padding, dilation, groups, .. } = *attributes;
        self.matrix(node, place, |matrix| Matrix { output, kernel, strides, padding, dilation, groups, ..matrix })
    }

    /// A convolution whose kernel covers the whole map: a flattened map's elements are counted by
    /// channel, row, column, which is the order of such a kernel's weights.
    pub(super) fn dense(&mut self, node: &Node, place: Place, attributes: &Dense) -> Result<Form, CompileError> {
        let output = MapShape { channels: attributes.units, height: 1, width: 1 };
        self.matrix(node, place, |matrix| Matrix { output, ..matrix })
    }

    /// A root of the array; `shaped` is given a kernel of the whole map, stride 1, one group.
    fn matrix(&mut self, node: &Node, place: Place, shaped: impl Fn(Matrix) -> Matrix) -> Result<Form, CompileError> {
        let operand = self.form(&place, node.inputs[0])?;
        let input = self.materialise(node.inputs[0])?;
        let weights = self.weights(&place, node.inputs[1])?;
        let matrix = shaped(Matrix {
            input,
            output: MapShape { channels: 0, height: 1, width: 1 },
            kernel: [input.shape.height, input.shape.width],
            strides: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
            weights,
            biases: Vec::new(),
        });
        let biases = match node.inputs.get(2) {
            Some(&bias) => self.constant(&place, bias)?.to_i32(),
            None => vec![0; matrix.output.channels],
        };
        let matrix = Matrix { biases, ..matrix };
        let range = reach(&matrix, operand.range, &place)?;
        let shape = matrix.output;
        let root = self.new_root(place, Source::Matrix(matrix), range);
        Ok(Form { shape, range, pending: Some(Pending::of(root)), map: None })
    }

    pub(super) fn constant(&self, place: &Place, value: ValueId) -> Result<&Tensor, CompileError> {
        let refusal = Refusal::ComputedParameter;
        let tensor = self.graph.param(value).map(AsRef::as_ref);
        tensor.ok_or_else(|| CompileError::Unsupported { place: place.clone(), refusal })
    }

    fn weights(&self, place: &Place, value: ValueId) -> Result<Vec<i8>, CompileError> {
        let tensor = self.constant(place, value)?;
        let (low, high) = tensor.range();
        self.check_lanes(place, "a weight", Interval { low: i64::from(low), high: i64::from(high) })?;
        Ok(tensor.iter().map(|weight| weight as i8).collect())
    }
}

/// What the results can reach when inputs lie in `input`; proves that no sum leaves 32 bits.
///
/// A tap may see zero padding and sums are taken over any part of the taps so far, so each product
/// counts only where it widens the range: the bounds hold for every partial sum in any order.
fn reach(matrix: &Matrix, input: Interval, place: &Place) -> Result<Interval, CompileError> {
    let taps = matrix.group_inputs() * matrix.kernel[0] * matrix.kernel[1];
    let mut all: Option<Interval> = None;
    for (channel, (weights, &bias)) in matrix.weights.chunks_exact(taps).zip(&matrix.biases).enumerate() {
        let mut reach = Interval { low: 0, high: 0 };
        for &weight in weights {
            let (a, b) = (i64::from(weight) * input.low, i64::from(weight) * input.high);
            reach.low += a.min(b).min(0);
            reach.high += a.max(b).max(0);
        }
        let biased = Interval { low: reach.low + i64::from(bias), high: reach.high + i64::from(bias) };
        if !reach.within(INT32) || !biased.within(INT32) {
            return Err(CompileError::Overflow { place: place.clone(), channel, reach, biased });
        }
        all = Some(all.map_or(biased, |so_far| so_far.union(biased)));
    }
    Ok(all.expect("invariant: a layer has an output channel"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{BufferId, Slice};

    fn dense(weights: Vec<i8>, bias: i32) -> Matrix {
        let shape = MapShape { channels: weights.len(), height: 1, width: 1 };
        Matrix {
            input: Slice { buffer: BufferId(0), offset: 0, shape, pitch: shape.channels },
            output: MapShape { channels: 1, ..shape },
            kernel: [1; 2],
            strides: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
            weights,
            biases: vec![bias],
        }
    }

    fn place() -> Place {
        Place { layer: "fc".to_owned(), operator: "dense" }
    }

    #[test]
    fn reach_counts_partial_sums_and_the_bias() {
        let input = Interval { low: 0, high: 10 };
        let range = reach(&dense(vec![3, -2, 5], 7), input, &place()).unwrap();
        assert_eq!(range, Interval { low: -20 + 7, high: 80 + 7 });
    }

    #[test]
    fn the_last_value_that_fits_is_accepted_and_the_next_refused() {
        let input = Interval::symmetric(127);
        let limit = i32::MAX - 127 * 127 * 3;
        assert!(reach(&dense(vec![127; 3], limit), input, &place()).is_ok());
        let error = reach(&dense(vec![127; 3], limit + 1), input, &place()).unwrap_err();
        assert!(matches!(error, CompileError::Overflow { channel: 0, .. }), "{error}");
    }
}
