//! Shapes of convolution, dense, pooling, upsampling and detection.

use super::{ATTRIBUTE_MAX, Dims, Operand, conflict, range, range_usize, rank, rule};
use crate::error::GraphFault;
use crate::op::{Conv2d, Dense, MaxPool2d, NonMaxSuppression};
use crate::shape::{DIMENSION_MAX, Shape};

pub(super) fn conv2d(a: &Conv2d, inputs: &[Operand<'_>]) -> Result<Dims, GraphFault> {
    const OP: &str = "conv2d";
    let (x, w) = (inputs[0].shape, inputs[1].shape);
    rank(OP, "data", 4, x)?;
    rank(OP, "weight", 4, w)?;
    for i in 0..2 {
        range_usize(OP, "padding", a.padding[i], 0, ATTRIBUTE_MAX)?;
        range_usize(OP, "strides", a.strides[i], 1, ATTRIBUTE_MAX)?;
        range_usize(OP, "dilation", a.dilation[i], 1, ATTRIBUTE_MAX)?;
        range_usize(OP, "kernel_size", a.kernel[i], 1, DIMENSION_MAX as i64)?;
    }
    if a.groups == 0 || !x[1].is_multiple_of(a.groups) || !a.channels.is_multiple_of(a.groups) {
        let found = format!("{} groups of {} -> {} channels", a.groups, x[1], a.channels);
        return Err(rule(OP, "groups must divide input and output channels", found));
    }
    if a.use_bias {
        operand_shape(OP, "bias", &[a.channels], inputs[2].shape)?;
    }
    // The chain does not check the weight's shape and would read out of bounds.
    let expected = Shape::new(&[a.channels, x[1] / a.groups, a.kernel[0], a.kernel[1]]);
    if *w != expected {
        return Err(conflict(OP, "weight", expected, w));
    }
    let mut dims = vec![x[0], a.channels];
    for i in 0..2 {
        // At most 2^24 * 4096.
        let window = 1 + (a.kernel[i] - 1) * a.dilation[i];
        let padded = x[2 + i] + 2 * a.padding[i];
        if window > padded {
            let found = format!("a window of {window} over {padded}");
            return Err(rule(OP, "the dilated kernel must fit the padded input", found));
        }
        dims.push((padded - window) / a.strides[i] + 1);
    }
    Ok(dims)
}

pub(super) fn dense(a: &Dense, inputs: &[Operand<'_>]) -> Result<Dims, GraphFault> {
    const OP: &str = "dense";
    let (x, w) = (inputs[0].shape, inputs[1].shape);
    rank(OP, "data", 2, x)?;
    rank(OP, "weight", 2, w)?;
    operand_shape(OP, "weight", &[a.units, x[1]], w)?;
    if a.use_bias {
        operand_shape(OP, "bias", &[a.units], inputs[2].shape)?;
    }
    Ok(vec![x[0], a.units])
}

fn operand_shape(op: &'static str, what: &'static str, expected: &[usize], found: &Shape) -> Result<(), GraphFault> {
    if *found == *expected {
        return Ok(());
    }
    let expected = Shape::new(expected);
    Err(GraphFault::OperandShape { op, what, expected, found: found.clone() })
}

pub(super) fn max_pool2d(a: &MaxPool2d, x: &Shape) -> Result<Dims, GraphFault> {
    const OP: &str = "max_pool2d";
    rank(OP, "data", 4, x)?;
    let mut dims = vec![x[0], x[1]];
    for i in 0..2 {
        let (pool, stride, padding) = (a.pool_size[i], a.strides[i], a.padding[i]);
        range_usize(OP, "padding", padding, 0, ATTRIBUTE_MAX)?;
        range_usize(OP, "strides", stride, 1, ATTRIBUTE_MAX)?;
        let padded = x[2 + i] + 2 * padding;
        range_usize(OP, "pool_size", pool, 1, padded as i64)?;
        if padding >= pool {
            let found = format!("{padding} for a pool of {pool}");
            return Err(rule(OP, "padding must be below pool_size", found));
        }
        let slack = padded - pool;
        if !a.ceil_mode {
            dims.push(slack / stride + 1);
            continue;
        }
        let count = slack.div_ceil(stride) + 1;
        // The last window must start inside the input, or it would see padding only.
        if (count - 1) * stride >= x[2 + i] + padding {
            let found = format!("{count} windows over {}", x[2 + i]);
            return Err(rule(OP, "the last window of ceil_mode must touch the input", found));
        }
        dims.push(count);
    }
    Ok(dims)
}

pub(super) fn upsampling(scale: usize, x: &Shape) -> Result<Dims, GraphFault> {
    rank("upsampling", "data", 4, x)?;
    range_usize("upsampling", "scale", scale, 1, ATTRIBUTE_MAX)?;
    Ok(vec![x[0], x[1], x[2] * scale, x[3] * scale])
}

pub(super) fn get_valid_counts(x: &Shape) -> Result<Vec<Dims>, GraphFault> {
    const OP: &str = "get_valid_counts";
    rank(OP, "data", 3, x)?;
    if !(2..=31).contains(&x[2]) {
        return Err(rule(OP, "rows must have 2 to 31 entries", x.to_string()));
    }
    Ok(vec![vec![x[0]], x.to_vec()])
}

pub(super) fn non_max_suppression(a: &NonMaxSuppression, inputs: &[Operand<'_>]) -> Result<Dims, GraphFault> {
    const OP: &str = "non_max_suppression";
    let (x, counts) = (inputs[0].shape, inputs[1].shape);
    rank(OP, "data", 3, x)?;
    rank(OP, "valid_count", 1, counts)?;
    if x[2] != 6 {
        return Err(conflict(OP, "data", Shape::new(&[x[0], x[1], 6]), x));
    }
    if counts[0] != x[0] {
        return Err(conflict(OP, "valid_count", Shape::new(&[x[0]]), counts));
    }
    range(OP, "iou_threshold", i64::from(a.iou_threshold), 1, i64::from(i32::MAX))?;
    Ok(x.to_vec())
}
