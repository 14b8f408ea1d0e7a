//! How wide each operator's outputs are.

use super::operator::Operator;
use crate::{Error, Precision};

/// Widest data and weights of a product.
const PRODUCT_INPUT_BITS_MAX: u32 = 8;

/// The precision of every output of `operator`.
///
/// **Numbers**: an upper bound for the operator's arithmetic, so nothing within 32 bits overflows.
/// **Errors**: [`Error::InputPrecision`] for conv2d and dense fed more than 8 bits,
/// [`Error::Precision`] for a result above 32 bits.
pub(super) fn infer(
    operator: &Operator,
    inputs: &[Precision],
    shapes: &[&[usize]],
    _output_shape: &[usize],
) -> Result<Vec<Precision>, Error> {
    let bits = |input: usize| i64::from(inputs[input].bits());
    let wider = || inputs.iter().map(|precision| i64::from(precision.bits())).max().unwrap_or(0);
    let result = match operator {
        Operator::Conv2d { .. } => {
            let taps: usize = shapes[1][1..].iter().product();
            product(operator, inputs, taps)?
        }
        Operator::Dense { .. } => product(operator, inputs, shapes[0][1])?,
        Operator::ElemwiseAdd | Operator::ElemwiseSub => wider() + 1,
        Operator::Concatenate { .. } => wider(),
        Operator::Clip(range) => bit_count(range.magnitude_max() as u64 + 1) + 1,
        Operator::CvmClip(precision) | Operator::CvmRightShift { precision, .. } => i64::from(precision.bits()),
        Operator::CvmLeftShift { shift, precision } => {
            let (width, shift) = (inputs[0].bits(), shift.bits());
            if width + shift > 32 {
                return Err(Error::LeftShiftWidth { precision: width, shift });
            }
            i64::from(precision.bits())
        }
        Operator::Relu | Operator::Flatten | Operator::MaxPool2d(_) => bits(0),
    };
    Ok(vec![Precision::new(result)?])
}

/// Bits of a sum of `terms` products, plus one if a bias is added to it.
fn product(operator: &Operator, inputs: &[Precision], terms: usize) -> Result<i64, Error> {
    for (index, input) in inputs[..2].iter().enumerate() {
        let (limit, bits) = (PRODUCT_INPUT_BITS_MAX, input.bits());
        if bits > limit {
            return Err(Error::InputPrecision { operator: operator.name(), index, limit, bits });
        }
    }
    let sum = i64::from(inputs[0].bits() + inputs[1].bits()) + bit_count(terms as u64);
    Ok(match inputs.get(2) {
        Some(bias) => sum.max(i64::from(bias.bits())) + 1,
        None => sum,
    })
}

/// Bits of the unsigned number `n`: `floor(log2 n) + 1`, and 0 for 0.
fn bit_count(n: u64) -> i64 {
    i64::from(u64::BITS - n.leading_zeros())
}
