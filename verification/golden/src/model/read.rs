//! From an operator's name and attribute text to the operator.
//!
//! Every reader first takes all texts (a fault there is a runtime error), then checks values (a
//! fault there is a logic error), as the runtime does in two passes.

use super::attributes::Attributes;
use super::operator::Operator;
use crate::ops::{
    ATTRIBUTE_MAX, AxisSelection, ClipRange, Conv2d, ExpandDims, MaxPool2d, NonMaxSuppression, PoolRounding, Reduce,
    ReducedAxes, Repeat, StridedSlice, Suppression, check_attribute,
};
use crate::{Error, Precision, ShiftBits};

/// Names of the runtime's types, for attributes nothing depends on.
const TYPES: [&str; 11] =
    ["float16", "float32", "float64", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"];

impl Operator {
    /// The operator called `name`, with the attributes of a JSON object of strings.
    pub(super) fn read(name: &str, text: &str) -> Result<Operator, Error> {
        if let Some(operator) = without_attributes(name) {
            Attributes::read(operator.name(), text)?.finish_empty()?;
            return Ok(operator);
        }
        let read = |operator| Attributes::read(operator, text);
        match name {
            "clip" => read_clip(read("clip")?),
            "concatenate" => {
                let axis = read_one(read("concatenate")?, |a| a.integer("axis", Some(1)))?;
                Ok(Operator::Concatenate { axis: i64::from(axis) })
            }
            "conv2d" => read_conv2d(read("conv2d")?),
            "cvm_clip" => read_cvm_clip(read("cvm_clip")?),
            "cvm_left_shift" => {
                let (shift, precision) = read_shift(read("cvm_left_shift")?)?;
                Ok(Operator::CvmLeftShift { shift, precision })
            }
            "cvm_lut" => {
                let size = read_one(read("cvm_lut")?, |a| a.integer("in_dim", None))?;
                Ok(Operator::CvmLut { table_size: i64::from(size) })
            }
            "cvm_right_shift" => {
                let (shift, precision) = read_shift(read("cvm_right_shift")?)?;
                Ok(Operator::CvmRightShift { shift, precision })
            }
            "dense" => read_dense(read("dense")?),
            "expand_dims" => read_expand_dims(read("expand_dims")?),
            "get_valid_counts" => {
                let attributes = read("get_valid_counts")?;
                let score_threshold = read_one(attributes, |a| a.integer("score_threshold", Some(0)))?;
                Ok(Operator::GetValidCounts { score_threshold })
            }
            "max" => read_reduce(read("max")?).map(Operator::Max),
            "max_pool2d" => read_max_pool2d(read("max_pool2d")?),
            "non_max_suppression" => read_non_max_suppression(read("non_max_suppression")?),
            "repeat" => read_repeat(read("repeat")?),
            "reshape" => {
                let target = read_one(read("reshape")?, |a| a.tuple("shape", None))?;
                Ok(Operator::Reshape { target })
            }
            "slice_like" => {
                let axes = read_one(read("slice_like")?, |a| a.tuple("axis", Some(&[])))?;
                Ok(Operator::SliceLike { axes })
            }
            "squeeze" => {
                let axes = read_one(read("squeeze")?, |a| a.tuple("axis", Some(&[])))?;
                Ok(Operator::Squeeze { axes })
            }
            "strided_slice" => read_strided_slice(read("strided_slice")?),
            "sum" => read_reduce(read("sum")?).map(Operator::Sum),
            "take" => {
                let axis = read_one(read("take")?, |a| a.integer_or_none("axis"))?;
                Ok(Operator::Take { axis: axis.map(i64::from) })
            }
            "tile" => {
                let reps = read_one(read("tile")?, |a| a.tuple("reps", Some(&[0])))?;
                Ok(Operator::Tile { reps })
            }
            "transpose" => {
                let axes = read_one(read("transpose")?, |a| a.tuple("axes", Some(&[])))?;
                Ok(Operator::Transpose { axes })
            }
            "upsampling" => read_upsampling(read("upsampling")?),
            _ => Err(Error::UnknownOperator { name: name.to_owned() }),
        }
    }
}

fn without_attributes(name: &str) -> Option<Operator> {
    Some(match name {
        "abs" => Operator::Abs,
        "broadcast_add" => Operator::BroadcastAdd,
        "broadcast_div" => Operator::BroadcastDiv,
        "broadcast_greater" => Operator::BroadcastGreater,
        "broadcast_max" => Operator::BroadcastMax,
        "broadcast_mul" => Operator::BroadcastMul,
        "broadcast_sub" => Operator::BroadcastSub,
        "cvm_precision" => Operator::CvmPrecision,
        "elemwise_add" => Operator::ElemwiseAdd,
        "elemwise_sub" => Operator::ElemwiseSub,
        "flatten" => Operator::Flatten,
        "negative" => Operator::Negative,
        "relu" => Operator::Relu,
        "where" => Operator::Where,
        _ => return None,
    })
}

/// The only attribute of an operator.
fn read_one<T>(mut attributes: Attributes, read: impl Fn(&mut Attributes) -> Result<T, Error>) -> Result<T, Error> {
    let value = read(&mut attributes)?;
    attributes.finish()?;
    Ok(value)
}

fn read_clip(mut attributes: Attributes) -> Result<Operator, Error> {
    let a_min = attributes.integer("a_min", None)?;
    let a_max = attributes.integer("a_max", None)?;
    attributes.finish()?;
    Ok(Operator::Clip(ClipRange::new(a_min, a_max)?))
}

/// `is_sign` is read and forgotten: the range is always symmetric.
fn read_cvm_clip(mut attributes: Attributes) -> Result<Operator, Error> {
    let precision = attributes.integer("precision", None)?;
    attributes.boolean("is_sign", true)?;
    attributes.finish()?;
    Ok(Operator::CvmClip(Precision::new(i64::from(precision))?))
}

fn read_shift(mut attributes: Attributes) -> Result<(ShiftBits, Precision), Error> {
    let precision = attributes.integer("precision", None)?;
    attributes.boolean("is_sign", true)?;
    let shift = attributes.integer("shift_bit", None)?;
    attributes.finish()?;
    Ok((ShiftBits::new(i64::from(shift))?, Precision::new(i64::from(precision))?))
}

fn read_conv2d(mut attributes: Attributes) -> Result<Operator, Error> {
    const NAME: &str = "conv2d";
    let channels = i64::from(attributes.integer("channels", None)?);
    let kernel = attributes.tuple("kernel_size", None)?;
    let strides = attributes.tuple("strides", Some(&[1, 1]))?;
    let padding = attributes.tuple("padding", Some(&[0, 0]))?;
    let dilation = attributes.tuple("dilation", Some(&[1, 1]))?;
    let groups = i64::from(attributes.integer("groups", Some(1))?);
    let layout = attributes.text("layout", "NCHW")?;
    let kernel_layout = attributes.text("kernel_layout", "OIHW")?;
    let out_layout = attributes.text("out_layout", "__undef__")?;
    let out_dtype = attributes.one_of("out_dtype", &["same"], &TYPES, "same")?;
    let has_bias = attributes.boolean("use_bias", true)?;
    attributes.finish()?;

    check_choice(NAME, "layout", &["NCHW"], layout)?;
    check_choice(NAME, "kernel_layout", &["OIHW"], kernel_layout)?;
    check_choice(NAME, "out_layout", &["__undef__", "NCHW"], out_layout)?;
    check_choice(NAME, "out_dtype", &["same", "int32"], out_dtype)?;
    let conv = Conv2d {
        strides: sizes(NAME, "strides", pair(NAME, "strides", &strides)?, 1)?,
        padding: sizes(NAME, "padding", pair(NAME, "padding", &padding)?, 0)?,
        dilation: sizes(NAME, "dilation", pair(NAME, "dilation", &dilation)?, 1)?,
        groups: {
            check_attribute(NAME, "groups", 1..=i64::MAX, groups)?;
            groups as usize
        },
    };
    let kernel = pair(NAME, "kernel_size", &kernel)?;
    Ok(Operator::Conv2d { conv, channels, kernel, has_bias })
}

fn read_dense(mut attributes: Attributes) -> Result<Operator, Error> {
    let units = attributes.integer_at_least("units", 1, None)?;
    let has_bias = attributes.boolean("use_bias", true)?;
    attributes.finish()?;
    Ok(Operator::Dense { units: i64::from(units), has_bias })
}

fn read_max_pool2d(mut attributes: Attributes) -> Result<Operator, Error> {
    const NAME: &str = "max_pool2d";
    let pool_size = attributes.tuple("pool_size", None)?;
    let strides = attributes.tuple("strides", Some(&[1, 1]))?;
    let mut padding = attributes.tuple("padding", Some(&[0, 0]))?;
    let layout = attributes.text("layout", "NCHW")?;
    let ceil_mode = attributes.boolean("ceil_mode", false)?;
    attributes.finish()?;

    check_choice(NAME, "layout", &["NCHW"], layout)?;
    if let [both] = padding[..] {
        padding = vec![both, both];
    }
    let pool_size = pair(NAME, "pool_size", &pool_size)?;
    for size in pool_size {
        check_attribute(NAME, "pool_size", 1..=i64::MAX, size)?;
    }
    Ok(Operator::MaxPool2d(MaxPool2d {
        pool_size: pool_size.map(|size| size as usize),
        strides: sizes(NAME, "strides", pair(NAME, "strides", &strides)?, 1)?,
        padding: sizes(NAME, "padding", pair(NAME, "padding", &padding)?, 0)?,
        rounding: if ceil_mode { PoolRounding::Ceil } else { PoolRounding::Floor },
    }))
}

fn read_upsampling(mut attributes: Attributes) -> Result<Operator, Error> {
    const NAME: &str = "upsampling";
    let scale = i64::from(attributes.integer("scale", None)?);
    let layout = attributes.text("layout", "NCHW")?;
    let method = attributes.text("method", "NEAREST_NEIGHBOR")?;
    attributes.finish()?;
    check_choice(NAME, "layout", &["NCHW"], layout)?;
    check_choice(NAME, "method", &["NEAREST_NEIGHBOR"], method)?;
    Ok(Operator::Upsampling { scale })
}

fn read_expand_dims(mut attributes: Attributes) -> Result<Operator, Error> {
    let axis = i64::from(attributes.integer("axis", None)?);
    let count = i64::from(attributes.integer_at_least("num_newaxis", 1, Some(1))?);
    attributes.finish()?;
    Ok(Operator::ExpandDims(ExpandDims { axis, count }))
}

fn read_repeat(mut attributes: Attributes) -> Result<Operator, Error> {
    let repeats = i64::from(attributes.integer("repeats", None)?);
    let axis = i64::from(attributes.integer("axis", Some(0))?);
    attributes.finish()?;
    Ok(Operator::Repeat(Repeat { repeats, axis }))
}

fn read_strided_slice(mut attributes: Attributes) -> Result<Operator, Error> {
    let begin = attributes.tuple("begin", Some(&[0]))?;
    let end = attributes.tuple("end", Some(&[1]))?;
    let stride = attributes.tuple("stride", Some(&[]))?;
    attributes.finish()?;
    Ok(Operator::StridedSlice(StridedSlice { begin, end, stride }))
}

fn read_reduce(mut attributes: Attributes) -> Result<Reduce, Error> {
    let axes = attributes.tuple("axis", Some(&[]))?;
    let keep = attributes.boolean("keepdims", false)?;
    let exclude = attributes.boolean("exclude", false)?;
    attributes.one_of("dtype", &[], &TYPES, "int32")?;
    attributes.finish()?;
    let selection = if exclude { AxisSelection::Others } else { AxisSelection::Named };
    let shape = if keep { ReducedAxes::Kept } else { ReducedAxes::Dropped };
    Ok(Reduce { axes, selection, shape })
}

fn read_non_max_suppression(mut attributes: Attributes) -> Result<Operator, Error> {
    const NAME: &str = "non_max_suppression";
    let nms = NonMaxSuppression {
        iou_threshold: attributes.integer("iou_threshold", Some(50))?,
        top_k: attributes.integer("top_k", Some(-1))?,
        max_output_size: attributes.integer("max_output_size", Some(-1))?,
        suppression: match attributes.boolean("force_suppress", false)? {
            true => Suppression::Every,
            false => Suppression::SameId,
        },
    };
    // The rest may be given, but only with the one value the runtime knows.
    let fixed = [("id_index", 0), ("score_index", 1), ("coord_start", 2)];
    let mut found = Vec::new();
    for (attribute, only) in fixed {
        found.push(i64::from(attributes.integer(attribute, Some(only))?));
    }
    let return_indices = attributes.boolean("return_indices", false)?;
    let invalid_to_bottom = attributes.boolean("invalid_to_bottom", true)?;
    attributes.finish()?;

    for ((attribute, only), found) in fixed.into_iter().zip(found) {
        let only = i64::from(only);
        check_attribute(NAME, attribute, only..=only, found)?;
    }
    check_attribute(NAME, "return_indices", 0..=0, i64::from(return_indices))?;
    check_attribute(NAME, "invalid_to_bottom", 1..=1, i64::from(invalid_to_bottom))?;
    check_attribute(NAME, "iou_threshold", 1..=i64::MAX, i64::from(nms.iou_threshold))?;
    Ok(Operator::NonMaxSuppression(nms))
}

fn check_choice(
    operator: &'static str,
    attribute: &'static str,
    allowed: &'static [&'static str],
    found: String,
) -> Result<(), Error> {
    if allowed.contains(&found.as_str()) {
        Ok(())
    } else {
        Err(Error::AttributeChoice { operator, attribute, allowed, found })
    }
}

/// The two items of a tuple.
fn pair(operator: &'static str, attribute: &'static str, items: &[i64]) -> Result<[i64; 2], Error> {
    items.try_into().map_err(|_| Error::AttributeValue {
        operator,
        attribute,
        rule: "must have two items",
        found: items.len() as i64,
    })
}

/// Two ordinary attributes, each `min` to 4096.
fn sizes(operator: &'static str, attribute: &'static str, items: [i64; 2], min: i64) -> Result<[usize; 2], Error> {
    for item in items {
        check_attribute(operator, attribute, min..=ATTRIBUTE_MAX, item)?;
    }
    Ok(items.map(|item| item as usize))
}
