//! How wide each operator's outputs are.

use super::operator::Operator;
use crate::{Error, Precision};

/// Widest data and weights of a product.
const PRODUCT_INPUT_BITS_MAX: u32 = 8;

/// Bits of `cvm_precision`'s answer: a value within its precision has 31 bits at most, besides sign.
const CVM_PRECISION_BITS: i64 = 6;

/// The precision of every output of `operator`.
///
/// **Numbers**: a bound for the operator's arithmetic, with one gap of the runtime's: `where` has
/// the precision of its condition, whatever it chooses from.
/// **Errors**: [`Error::InputPrecision`] for conv2d and dense fed more than 8 bits,
/// [`Error::LeftShiftWidth`], and [`Error::Precision`] for a result above 32 bits.
pub(super) fn infer(
    operator: &Operator,
    inputs: &[Precision],
    shapes: &[&[usize]],
    output_shape: &[usize],
) -> Result<Vec<Precision>, Error> {
    let bits = |input: usize| i64::from(inputs[input].bits());
    let widest = || inputs.iter().map(|precision| i64::from(precision.bits())).max().unwrap_or(0);
    let count = |shape: &[usize]| shape.iter().product::<usize>() as u64;
    let result = match operator {
        Operator::Conv2d { .. } => product(operator, inputs, count(&shapes[1][1..]))?,
        Operator::Dense { .. } => product(operator, inputs, shapes[0][1] as u64)?,
        Operator::ElemwiseAdd | Operator::ElemwiseSub | Operator::BroadcastAdd | Operator::BroadcastSub => widest() + 1,
        Operator::BroadcastMul => bits(0) + bits(1),
        Operator::BroadcastMax | Operator::Concatenate { .. } => widest(),
        Operator::Sum(_) => bits(0) + bit_count(count(shapes[0]) / count(output_shape)),
        Operator::Clip(range) => number_bits(range.magnitude_max() as u64),
        Operator::CvmClip(precision) | Operator::CvmRightShift { precision, .. } => i64::from(precision.bits()),
        Operator::CvmLeftShift { shift, precision } => {
            let (width, shift) = (inputs[0].bits(), shift.bits());
            if width + shift > 32 {
                return Err(Error::LeftShiftWidth { precision: width, shift });
            }
            i64::from(precision.bits())
        }
        Operator::CvmLut { .. } => bits(1),
        Operator::CvmPrecision => CVM_PRECISION_BITS,
        Operator::GetValidCounts { .. } => {
            let counts = number_bits(count(&shapes[0][1..]));
            return Ok(vec![Precision::new(counts)?, inputs[0]]);
        }
        _ => bits(0),
    };
    Ok(vec![Precision::new(result)?])
}

/// Bits of a sum of `terms` products, plus one if a bias is added to it.
fn product(operator: &Operator, inputs: &[Precision], terms: u64) -> Result<i64, Error> {
    for (index, input) in inputs[..2].iter().enumerate() {
        let (limit, bits) = (PRODUCT_INPUT_BITS_MAX, input.bits());
        if bits > limit {
            return Err(Error::InputPrecision { operator: operator.name(), index, limit, bits });
        }
    }
    let sum = i64::from(inputs[0].bits() + inputs[1].bits()) + bit_count(terms);
    Ok(match inputs.get(2) {
        Some(bias) => sum.max(i64::from(bias.bits())) + 1,
        None => sum,
    })
}

/// Bits of the unsigned number `n`: `floor(log2 n) + 1`, and 0 for 0.
fn bit_count(n: u64) -> i64 {
    i64::from(u64::BITS - n.leading_zeros())
}

/// Bits of a signed number of magnitude up to `n`, one more than would do: the runtime counts the
/// bits of `n + 1`.
fn number_bits(n: u64) -> i64 {
    bit_count(n + 1) + 1
}
