//! Every operator as a plain function from tensors to a tensor.
//!
//! Arithmetic wraps at 32 bits wherever the official device's does. Each operator's shape rule
//! stands beside it (`*_shape`, not public), so that a model's shapes and a direct call are judged by one text.
//!
//! **Errors** (all operators): [`crate::Error::Shape`] when a tensor is not sound,
//! [`crate::Error::OperatorShape`] or [`crate::Error::OperatorInference`] when shapes do not fit
//! the operator, [`crate::Error::AttributeValue`] when an attribute breaks its rule.
//!
//! **Source** (all operators): cvm-runtime b5a2518, CPU device.

mod broadcast;
mod conv;
mod dense;
mod detect;
mod elementwise;
mod index;
mod pool;
mod rearrange;
mod reduce;
mod requantise;
mod reshape;

pub(crate) use broadcast::broadcast_shape;
pub use broadcast::{broadcast_add, broadcast_div, broadcast_greater, broadcast_max, broadcast_mul, broadcast_sub};
pub(crate) use conv::conv2d_shape;
pub use conv::{Conv2d, conv2d};
pub use dense::dense;
pub(crate) use dense::dense_shape;
pub use detect::{NonMaxSuppression, Suppression, get_valid_counts, non_max_suppression};
pub(crate) use detect::{get_valid_counts_shape, non_max_suppression_shape};
pub(crate) use elementwise::elemwise_shape;
pub use elementwise::{abs, cvm_precision, elemwise_add, elemwise_sub, negative, relu};
pub use index::{StridedSlice, cvm_lut, slice_like, strided_slice, take, where_};
pub(crate) use index::{slice_like_shape, strided_slice_shape, take_shape, where_shape};
pub use pool::{MaxPool2d, PoolRounding, max_pool2d, upsampling};
pub(crate) use pool::{max_pool2d_shape, upsampling_shape};
pub use rearrange::{Repeat, concatenate, repeat, tile, transpose};
pub(crate) use rearrange::{concatenate_shape, repeat_shape, tile_shape, transpose_shape};
pub(crate) use reduce::reduce_shape;
pub use reduce::{AxisSelection, Reduce, ReducedAxes, max, sum};
pub use requantise::{ClipRange, clip, cvm_clip, cvm_left_shift, cvm_right_shift, requantise};
pub use reshape::{ExpandDims, expand_dims, flatten, reshape, squeeze};
pub(crate) use reshape::{expand_dims_shape, flatten_shape, reshape_shape, squeeze_shape};

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
