//! From an operator's name and attribute text to the operator.
//!
//! Every reader first takes all texts (a fault there is a runtime error), then checks values (a
//! fault there is a logic error), as the runtime does in two passes.

use super::attributes::Attributes;
use super::operator::Operator;
use crate::ops::{ATTRIBUTE_MAX, ClipRange, Conv2d, MaxPool2d, PoolRounding, check_attribute};
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
        match name {
            "conv2d" => read_conv2d(Attributes::read("conv2d", text)?),
            "dense" => read_dense(Attributes::read("dense", text)?),
            "max_pool2d" => read_max_pool2d(Attributes::read("max_pool2d", text)?),
            "concatenate" => {
                let mut attributes = Attributes::read("concatenate", text)?;
                let axis = i64::from(attributes.integer("axis", Some(1))?);
                attributes.finish()?;
                Ok(Operator::Concatenate { axis })
            }
            "clip" => {
                let mut attributes = Attributes::read("clip", text)?;
                let a_min = attributes.integer("a_min", None)?;
                let a_max = attributes.integer("a_max", None)?;
                attributes.finish()?;
                Ok(Operator::Clip(ClipRange::new(a_min, a_max)?))
            }
            "cvm_clip" => {
                let mut attributes = Attributes::read("cvm_clip", text)?;
                let precision = attributes.integer("precision", None)?;
                attributes.boolean("is_sign", true)?;
                attributes.finish()?;
                Ok(Operator::CvmClip(Precision::new(i64::from(precision))?))
            }
            "cvm_left_shift" => {
                let (shift, precision) = read_shift(Attributes::read("cvm_left_shift", text)?)?;
                Ok(Operator::CvmLeftShift { shift, precision })
            }
            "cvm_right_shift" => {
                let (shift, precision) = read_shift(Attributes::read("cvm_right_shift", text)?)?;
                Ok(Operator::CvmRightShift { shift, precision })
            }
            _ => Err(Error::UnknownOperator { name: name.to_owned() }),
        }
    }
}

fn without_attributes(name: &str) -> Option<Operator> {
    Some(match name {
        "relu" => Operator::Relu,
        "flatten" => Operator::Flatten,
        "elemwise_add" => Operator::ElemwiseAdd,
        "elemwise_sub" => Operator::ElemwiseSub,
        _ => return None,
    })
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
