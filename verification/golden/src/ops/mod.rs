//! Every operator as a plain function from tensors to a tensor.
//!
//! Arithmetic wraps at 32 bits wherever the official device's does. Each operator's shape rule
//! stands beside it (`*_shape`), so that a model's shapes and a direct call are judged by one text.
//!
//! **Errors** (all operators): [`crate::Error::Shape`] when a tensor is not sound,
//! [`crate::Error::OperatorShape`] or [`crate::Error::OperatorInference`] when shapes do not fit
//! the operator, [`crate::Error::AttributeValue`] when an attribute breaks its rule.
//!
//! **Source** (all operators): cvm-runtime b5a2518, CPU device.

mod conv;
mod dense;
mod elementwise;
mod pool;
mod requantise;
mod transform;

pub use conv::{Conv2d, conv2d, conv2d_shape};
pub use dense::{dense, dense_shape};
pub use elementwise::{elemwise_add, elemwise_shape, elemwise_sub, relu};
pub use pool::{MaxPool2d, PoolRounding, max_pool2d, max_pool2d_shape};
pub use requantise::{ClipRange, clip, cvm_clip, cvm_left_shift, cvm_right_shift, requantise};
pub use transform::{concatenate, concatenate_shape, flatten, flatten_shape};

use crate::Error;

/// Largest value of an ordinary integer attribute.
pub(crate) const ATTRIBUTE_MAX: i64 = 4096;

pub(crate) fn shape_error(operator: &'static str, rule: &'static str, shape: &[usize]) -> Error {
    Error::OperatorShape { operator, rule, shape: shape.to_vec() }
}

/// That an attribute lies in `range`.
pub(crate) fn check_attribute(
    operator: &'static str,
    attribute: &'static str,
    range: std::ops::RangeInclusive<i64>,
    found: i64,
) -> Result<(), Error> {
    if range.contains(&found) {
        Ok(())
    } else {
        Err(Error::AttributeValue { operator, attribute, rule: "outside its range", found })
    }
}

/// An axis counted from the end when negative, as an index below `rank`.
pub(crate) fn checked_axis(operator: &'static str, axis: i64, rank: usize) -> Result<usize, Error> {
    let rank = rank as i64;
    check_attribute(operator, "axis", -rank..=rank - 1, axis)?;
    Ok(if axis < 0 { axis + rank } else { axis } as usize)
}
