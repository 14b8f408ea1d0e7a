//! What values can occur, from the operators alone.
//!
//! The graph's precisions do not always bound the values: `where` has its condition's precision,
//! shifts from 31 and wide requantisations are not clipped, detection fills with -1. Storage, kernels
//! and what may leave the processor are chosen by these ranges, never by precisions.

use crate::graph::{Graph, Node, ValueId};
use crate::op::Op;
use crate::tensor::precision_limit;

/// An interval of 32-bit integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Least.
    pub low: i64,
    /// Greatest.
    pub high: i64,
}

impl Range {
    /// Every 32-bit integer.
    pub const FULL: Range = Range { low: i32::MIN as i64, high: i32::MAX as i64 };

    /// `low..=high`, or everything if 32 bits could wrap.
    pub fn new(low: i64, high: i64) -> Self {
        if low < Self::FULL.low || high > Self::FULL.high { Self::FULL } else { Self { low, high } }
    }

    fn symmetric(limit: i64) -> Self {
        Self::new(-limit, limit)
    }

    fn union(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Whether every value is a signed byte.
    pub fn fits_i8(self) -> bool {
        self.low >= -128 && self.high <= 127
    }

    fn magnitude(self) -> i64 {
        self.low.abs().max(self.high.abs())
    }
}

/// What every value of a graph can be, by [`ValueId`], for every input.
pub fn ranges(graph: &Graph) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::with_capacity(graph.value_count());
    for (_, node) in graph.nodes() {
        for (index, output) in node.outputs().enumerate() {
            debug_assert_eq!(output.index(), ranges.len());
            let range = infer(graph, node, index, &ranges);
            ranges.push(range);
        }
        if let Op::NonMaxSuppression(nms) = &node.op
            && nms.top_k > 0
        {
            // Rows past the limit are overwritten in the data itself.
            let data = &mut ranges[node.inputs[0].index()];
            *data = data.union(Range::symmetric(1));
        }
    }
    ranges
}

fn infer(graph: &Graph, node: &Node, index: usize, ranges: &[Range]) -> Range {
    let of = |i: usize| ranges[node.inputs[i].index()];
    let elements = |v: ValueId| graph.shape(v).elements() as i64;
    match &node.op {
        Op::Input => Range::symmetric(i64::from(precision_limit(graph.precision(node.output())))),
        Op::Param(id) => {
            let (low, high) = graph.tensor(*id).range();
            Range::new(i64::from(low), i64::from(high))
        }
        Op::Conv2d(conv) => {
            let weights = graph.shape(node.inputs[1])[1..].iter().product::<usize>() as i64;
            let (mut x, mut w) = (of(0), of(1));
            if conv.groups == 1 {
                (x, w) = (truncated(x), truncated(w));
            }
            products(x, w, weights, conv.use_bias.then(|| of(2)))
        }
        Op::Dense(dense) => {
            let length = graph.shape(node.inputs[0])[1] as i64;
            products(of(0), of(1), length, dense.use_bias.then(|| of(2)))
        }
        Op::Relu => Range::new(of(0).low.max(0), of(0).high.max(0)),
        Op::CvmRightShift { precision, shift_bit } => requantised(of(0), *precision, *shift_bit),
        Op::CvmClip { precision } => {
            let limit = precision_limit(*precision);
            clamped(of(0), -limit, limit)
        }
        Op::Clip { a_min, a_max } => clamped(of(0), *a_min, *a_max),
        Op::CvmLeftShift { .. } => Range::FULL,
        Op::CvmPrecision => Range::new(1, 32),
        Op::CvmLut { .. } => of(1),
        Op::Abs => {
            let wraps = of(0).low == Range::FULL.low;
            if wraps { Range::FULL } else { Range::new(0, of(0).magnitude()) }
        }
        Op::Negative => Range::new(-of(0).high, -of(0).low),
        Op::ElemwiseAdd | Op::BroadcastAdd => Range::new(of(0).low + of(1).low, of(0).high + of(1).high),
        Op::ElemwiseSub | Op::BroadcastSub => Range::new(of(0).low - of(1).high, of(0).high - of(1).low),
        Op::BroadcastMul => product(of(0), of(1)),
        Op::BroadcastMax => Range::new(of(0).low.max(of(1).low), of(0).high.max(of(1).high)),
        // The only quotient beyond the dividend's magnitude, -2^31 by -1, wraps.
        Op::BroadcastDiv => Range::symmetric(of(0).magnitude()),
        Op::BroadcastGreater => Range::new(0, 1),
        Op::Sum(_) => {
            let count = elements(node.inputs[0]) / elements(node.output());
            // From one element (a plain copy) to all of them, and 0 where the fold starts from it.
            let sum = Range::new(of(0).low * count, of(0).high * count);
            sum.union(of(0)).union(Range::new(0, 0))
        }
        Op::Max(_) => of(0).union(Range::new(0, 0)),
        Op::Concatenate { .. } => {
            let all = node.inputs.iter().map(|v| ranges[v.index()]);
            all.reduce(Range::union).expect("invariant: a concatenation has an operand")
        }
        Op::Where => of(1).union(of(2)),
        Op::GetValidCounts { .. } if index == 0 => Range::new(0, graph.shape(node.inputs[0])[1] as i64),
        Op::GetValidCounts { .. } | Op::NonMaxSuppression(_) => of(0).union(Range::new(-1, -1)),
        Op::MaxPool2d(_)
        | Op::Upsampling { .. }
        | Op::Repeat { .. }
        | Op::Tile { .. }
        | Op::Flatten
        | Op::Reshape { .. }
        | Op::ExpandDims { .. }
        | Op::Squeeze { .. }
        | Op::Transpose { .. }
        | Op::StridedSlice(_)
        | Op::SliceLike { .. }
        | Op::Take { .. } => of(0),
    }
}

fn clamped(range: Range, low: i32, high: i32) -> Range {
    let (low, high) = (i64::from(low), i64::from(high));
    Range::new(range.low.max(low).min(high), range.high.max(low).min(high))
}

/// The chain's requantisation, with the corners of its CPU device: precision 1 gives 0, shifts from 31
/// give the sign, `precision + shift >= 32` is not clipped, and the rounding bit may wrap.
fn requantised(range: Range, precision: u8, shift: u8) -> Range {
    if precision == 1 {
        return Range::new(0, 0);
    }
    if shift >= 31 {
        return Range::new(range.low >> 31, range.high >> 31);
    }
    let clips = u32::from(precision) + u32::from(shift) < 32;
    let limit = if clips { i64::from(precision_limit(precision)) } else { Range::FULL.high };
    if shift == 1 && range.high == Range::FULL.high {
        return if clips { Range::symmetric(limit) } else { Range::FULL };
    }
    let rounded = |x: i64| (((x >> (shift - 1)) + 1) >> 1).max(-limit).min(limit);
    Range::new(rounded(range.low), rounded(range.high))
}

/// What is left of a value taken as a signed byte.
fn truncated(range: Range) -> Range {
    if range.fits_i8() { range } else { Range { low: -128, high: 127 } }
}

fn product(a: Range, b: Range) -> Range {
    let ends = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
    let (low, high) = ends.iter().fold((i64::MAX, i64::MIN), |(l, h), &e| (l.min(e), h.max(e)));
    Range::new(low, high)
}

fn products(x: Range, w: Range, length: i64, bias: Option<Range>) -> Range {
    let one = product(x, w);
    let (low, high) = (one.low.saturating_mul(length), one.high.saturating_mul(length));
    let (low, high) = (low.min(0), high.max(0));
    match bias {
        Some(bias) => Range::new(low.saturating_add(bias.low), high.saturating_add(bias.high)),
        None => Range::new(low, high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GraphBuilder, Postprocess};

    #[test]
    fn ranges_follow_the_numbers_not_the_precisions() {
        let mut b = GraphBuilder::new();
        let x = b.input(&[1, 4], 20).unwrap();
        let zero = b.cvm_clip("zero", x, 1).unwrap();
        let chosen = b.op("where", Op::Where, &[zero, x, x]).unwrap();
        let sign = b.cvm_right_shift("sign", x, 8, 31).unwrap();
        let graph = b.finish(vec![chosen, sign], Postprocess::None).unwrap();
        let ranges = ranges(&graph);
        assert_eq!(graph.precision(chosen), 1);
        assert_eq!(ranges[chosen.index()], Range::symmetric((1 << 19) - 1));
        assert_eq!(ranges[sign.index()], Range::new(-1, 0));
        assert!(ranges[zero.index()].fits_i8());
    }
}
