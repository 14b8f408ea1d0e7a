//! Precision inference: how many bits a result can need.

use super::Operand;
use crate::error::GraphFault;
use crate::op::Op;
use crate::tensor::PRECISION_MAX;

/// Widest operand of a convolution or dense layer.
const MAC_PRECISION_MAX: u8 = 8;

/// Bits of `n`: `floor(log2 n) + 1`, 0 for 0.
fn bits(n: u64) -> u32 {
    u64::BITS - n.leading_zeros()
}

/// Precision of result `index`, of shape `dims`.
///
/// **Errors.** An operand too wide for the operator, or a result beyond 32 bits.
pub(super) fn infer(op: &Op, inputs: &[Operand<'_>], index: usize, dims: &[usize]) -> Result<u8, GraphFault> {
    let of = |i: usize| u32::from(inputs[i].precision);
    let widest = || inputs.iter().map(|x| u32::from(x.precision)).max().unwrap_or(0);
    let elements = |dims: &[usize]| dims.iter().map(|&d| d as u64).product::<u64>();
    let found = match op {
        Op::Conv2d(a) => mac(op.name(), inputs, elements(&inputs[1].shape[1..]), a.use_bias)?,
        Op::Dense(a) => mac(op.name(), inputs, inputs[0].shape[1] as u64, a.use_bias)?,
        Op::CvmRightShift { precision, .. } | Op::CvmClip { precision } => u32::from(*precision),
        Op::CvmLeftShift { precision, shift_bit } => {
            if of(0) + u32::from(*shift_bit) > u32::from(PRECISION_MAX) {
                let (precision, shift_bit) = (inputs[0].precision, *shift_bit);
                return Err(GraphFault::LeftShift { precision, shift_bit });
            }
            u32::from(*precision)
        }
        Op::Clip { a_min, a_max } => {
            let magnitude = a_min.unsigned_abs().max(a_max.unsigned_abs());
            bits(u64::from(magnitude) + 1) + 1
        }
        Op::CvmPrecision => 6,
        Op::CvmLut { .. } => of(1),
        Op::ElemwiseAdd | Op::ElemwiseSub | Op::BroadcastAdd | Op::BroadcastSub => widest() + 1,
        Op::BroadcastMul => of(0) + of(1),
        Op::BroadcastMax | Op::Concatenate { .. } => widest(),
        Op::Sum(_) => of(0) + bits(elements(inputs[0].shape) / elements(dims)),
        Op::GetValidCounts { .. } if index == 0 => bits(elements(&inputs[0].shape[1..]) + 1) + 1,
        // The condition's precision for `where`: x and y may hold wider numbers than that.
        _ => of(0),
    };
    match u8::try_from(found) {
        Ok(precision) if (1..=PRECISION_MAX).contains(&precision) => Ok(precision),
        _ => Err(GraphFault::OutputPrecision { op: op.name(), found }),
    }
}

/// A sum of `length` products, plus a bias.
fn mac(op: &'static str, inputs: &[Operand<'_>], length: u64, use_bias: bool) -> Result<u32, GraphFault> {
    for (operand, x) in ["data", "weight"].into_iter().zip(inputs) {
        if x.precision > MAC_PRECISION_MAX {
            let (max, found) = (MAC_PRECISION_MAX, x.precision);
            return Err(GraphFault::InputPrecision { op, operand, max, found });
        }
    }
    let sum = u32::from(inputs[0].precision) + u32::from(inputs[1].precision) + bits(length);
    Ok(if use_bias { sum.max(u32::from(inputs[2].precision)) + 1 } else { sum })
}
