//! From a name and attribute text to an [`Op`].
//!
//! Two steps, as on the chain: all texts are parsed before any shape is looked at, so that a text
//! that cannot be parsed (a runtime error) is found before shapes that do not fit (a logic error).

use super::attributes::Attributes;
use super::error::{ImportError, ImportFault};
use super::symbol::shortened;
use crate::error::GraphFault;
use crate::op::{Conv2d, Dense, MaxPool2d, NonMaxSuppression, Op, Reduce, StridedSlice};
use crate::shape::Shape;

/// A parsed operator whose axes may still count from the end.
#[derive(Debug)]
pub(super) enum RawOp {
    Ready(Op),
    Concatenate { axis: i32 },
    Repeat { repeats: usize, axis: i32 },
    ExpandDims { axis: i32, num_newaxis: usize },
    Squeeze { axes: Vec<i64> },
    Transpose { axes: Vec<i64> },
    Sum(RawReduce),
    Max(RawReduce),
    SliceLike { axes: Vec<i64> },
    Take { axis: i32 },
}

#[derive(Debug)]
pub(super) struct RawReduce {
    axes: Vec<i64>,
    keepdims: bool,
    exclude: bool,
}

/// Drops a `_<digits>` suffix, which graph compilers append to make names unique.
fn registry_name(func_name: &str) -> &str {
    let stem = func_name.trim_end_matches(|c: char| c.is_ascii_digit());
    stem.strip_suffix('_').unwrap_or(func_name)
}

/// Parses an operator's attributes.
///
/// **Errors.** An unknown operator, or attributes that cannot be read.
pub(super) fn parse(func_name: &str, text: &str) -> Result<RawOp, ImportFault> {
    let name = registry_name(func_name);
    if let Some(op) = without_attributes(name) {
        read(op.name(), text)?.none()?;
        return Ok(RawOp::Ready(op));
    }
    let Some(&(op, parse)) = WITH_ATTRIBUTES.iter().find(|(n, _)| *n == name) else {
        return Err(ImportFault::UnknownOperator { name: shortened(func_name) });
    };
    let mut attributes = read(op, text)?;
    let raw = parse(&mut attributes)?;
    attributes.finish()?;
    Ok(raw)
}

/// The node says more than the place inside its attributes' text, which is dropped.
fn read(op: &'static str, text: &str) -> Result<Attributes, ImportFault> {
    Attributes::read(op, text).map_err(|e: ImportError| *e.fault)
}

fn without_attributes(name: &str) -> Option<Op> {
    Some(match name {
        "relu" => Op::Relu,
        "cvm_precision" => Op::CvmPrecision,
        "abs" => Op::Abs,
        "negative" => Op::Negative,
        "elemwise_add" => Op::ElemwiseAdd,
        "elemwise_sub" => Op::ElemwiseSub,
        "broadcast_add" => Op::BroadcastAdd,
        "broadcast_sub" => Op::BroadcastSub,
        "broadcast_mul" => Op::BroadcastMul,
        "broadcast_max" => Op::BroadcastMax,
        "broadcast_div" => Op::BroadcastDiv,
        "broadcast_greater" => Op::BroadcastGreater,
        "flatten" => Op::Flatten,
        "where" => Op::Where,
        _ => return None,
    })
}

type Parser = fn(&mut Attributes) -> Result<RawOp, ImportFault>;

const WITH_ATTRIBUTES: &[(&str, Parser)] = &[
    ("conv2d", conv2d),
    ("dense", dense),
    ("max_pool2d", max_pool2d),
    ("upsampling", upsampling),
    ("cvm_right_shift", |a| {
        let (precision, shift_bit) = shift(a)?;
        Ok(RawOp::Ready(Op::CvmRightShift { precision, shift_bit }))
    }),
    ("cvm_left_shift", |a| {
        let (precision, shift_bit) = shift(a)?;
        Ok(RawOp::Ready(Op::CvmLeftShift { precision, shift_bit }))
    }),
    ("cvm_clip", |a| {
        a.bool_or("is_sign", true)?;
        Ok(RawOp::Ready(Op::CvmClip { precision: a.bits("precision")? }))
    }),
    ("clip", |a| Ok(RawOp::Ready(Op::Clip { a_min: a.int("a_min")?, a_max: a.int("a_max")? }))),
    ("cvm_lut", |a| Ok(RawOp::Ready(Op::CvmLut { in_dim: a.natural_int("in_dim")? }))),
    ("sum", |a| reduce(a).map(RawOp::Sum)),
    ("max", |a| reduce(a).map(RawOp::Max)),
    ("concatenate", |a| Ok(RawOp::Concatenate { axis: a.int_or("axis", 1)? })),
    ("repeat", |a| {
        let axis = a.int_or("axis", 0)?;
        Ok(RawOp::Repeat { repeats: a.natural_int("repeats")?, axis })
    }),
    ("tile", |a| {
        let reps = a.tuple_or("reps", &[0])?;
        let reps = reps.into_iter().map(|r| a.natural("reps", r)).collect();
        Ok(RawOp::Ready(Op::Tile { reps }))
    }),
    ("reshape", |a| Ok(RawOp::Ready(Op::Reshape { shape: a.tuple("shape")? }))),
    ("expand_dims", |a| {
        let axis = a.int("axis")?;
        let found = a.int_or("num_newaxis", 1)?;
        match usize::try_from(found) {
            Ok(num_newaxis) if num_newaxis > 0 => Ok(RawOp::ExpandDims { axis, num_newaxis }),
            // A bound of the attribute's type, so a text error rather than a range error.
            _ => Err(ImportFault::AttributeText {
                op: "expand_dims",
                key: "num_newaxis",
                expected: "at least 1",
                found: found.to_string(),
            }),
        }
    }),
    ("squeeze", |a| Ok(RawOp::Squeeze { axes: a.tuple_or("axis", &[])? })),
    ("transpose", |a| Ok(RawOp::Transpose { axes: a.tuple_or("axes", &[])? })),
    ("strided_slice", |a| {
        let begin = a.tuple_or("begin", &[0])?;
        let end = a.tuple_or("end", &[1])?;
        let stride = a.tuple_or("stride", &[])?;
        Ok(RawOp::Ready(Op::StridedSlice(StridedSlice { begin, end, stride })))
    }),
    ("slice_like", |a| Ok(RawOp::SliceLike { axes: a.tuple_or("axis", &[])? })),
    ("take", |a| {
        Ok(match a.optional_int("axis")? {
            None => RawOp::Ready(Op::Take { axis: None }),
            Some(axis) => RawOp::Take { axis },
        })
    }),
    ("get_valid_counts", |a| {
        let score_threshold = a.int_or("score_threshold", 0)?;
        Ok(RawOp::Ready(Op::GetValidCounts { score_threshold }))
    }),
    ("non_max_suppression", non_max_suppression),
];

fn conv2d(a: &mut Attributes) -> Result<RawOp, ImportFault> {
    let attributes = Conv2d {
        channels: a.natural_int("channels")?,
        kernel: a.pair("kernel_size", None)?,
        strides: a.pair("strides", Some([1, 1]))?,
        padding: a.pair("padding", Some([0, 0]))?,
        dilation: a.pair("dilation", Some([1, 1]))?,
        groups: {
            let groups = a.int_or("groups", 1)?;
            a.natural("groups", i64::from(groups))
        },
        use_bias: a.bool_or("use_bias", true)?,
    };
    a.result_type("out_dtype")?;
    a.fixed("layout", "NCHW");
    a.fixed("kernel_layout", "OIHW");
    a.fixed_or("out_layout", "NCHW", "__undef__");
    Ok(RawOp::Ready(Op::Conv2d(attributes)))
}

fn dense(a: &mut Attributes) -> Result<RawOp, ImportFault> {
    let use_bias = a.bool_or("use_bias", true)?;
    let found = a.int("units")?;
    match usize::try_from(found) {
        Ok(units) if units > 0 => Ok(RawOp::Ready(Op::Dense(Dense { units, use_bias }))),
        // A bound of the attribute's type, so a text error rather than a range error.
        _ => Err(ImportFault::AttributeText {
            op: "dense",
            key: "units",
            expected: "at least 1",
            found: found.to_string(),
        }),
    }
}

fn max_pool2d(a: &mut Attributes) -> Result<RawOp, ImportFault> {
    let padding = match a.tuple_or("padding", &[0, 0])?[..] {
        [both] => [both; 2],
        [h, w] => [h, w],
        ref other => {
            a.break_rule("padding must have one or two elements", other);
            [0; 2]
        }
    };
    let attributes = MaxPool2d {
        pool_size: a.pair("pool_size", None)?,
        strides: a.pair("strides", Some([1, 1]))?,
        padding: [a.natural("padding", padding[0]), a.natural("padding", padding[1])],
        ceil_mode: a.bool_or("ceil_mode", false)?,
    };
    a.fixed("layout", "NCHW");
    Ok(RawOp::Ready(Op::MaxPool2d(attributes)))
}

fn upsampling(a: &mut Attributes) -> Result<RawOp, ImportFault> {
    let scale = a.natural_int("scale")?;
    a.fixed("layout", "NCHW");
    a.fixed("method", "NEAREST_NEIGHBOR");
    Ok(RawOp::Ready(Op::Upsampling { scale }))
}

fn shift(a: &mut Attributes) -> Result<(u8, u8), ImportFault> {
    a.bool_or("is_sign", true)?;
    Ok((a.bits("precision")?, a.bits("shift_bit")?))
}

fn reduce(a: &mut Attributes) -> Result<RawReduce, ImportFault> {
    a.ignored_type("dtype")?;
    Ok(RawReduce {
        axes: a.tuple_or("axis", &[])?,
        keepdims: a.bool_or("keepdims", false)?,
        exclude: a.bool_or("exclude", false)?,
    })
}

fn non_max_suppression(a: &mut Attributes) -> Result<RawOp, ImportFault> {
    let attributes = NonMaxSuppression {
        iou_threshold: a.int_or("iou_threshold", 50)?,
        force_suppress: a.bool_or("force_suppress", false)?,
        top_k: a.int_or("top_k", -1)?,
        max_output_size: a.int_or("max_output_size", -1)?,
    };
    let columns = [
        i64::from(a.int_or("id_index", 0)?),
        i64::from(a.int_or("score_index", 1)?),
        i64::from(a.int_or("coord_start", 2)?),
    ];
    if columns != [0, 1, 2] {
        a.break_rule("id_index, score_index and coord_start must be 0, 1 and 2", &columns);
    }
    // The defaults are the opposite of what is allowed.
    let return_indices = a.bool_or("return_indices", true)?;
    let invalid_to_bottom = a.bool_or("invalid_to_bottom", false)?;
    if return_indices || !invalid_to_bottom {
        a.break_rule("return_indices must be False and invalid_to_bottom True", &[]);
    }
    Ok(RawOp::Ready(Op::NonMaxSuppression(attributes)))
}

impl RawOp {
    /// The name in the registry.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ready(op) => op.name(),
            Self::Concatenate { .. } => "concatenate",
            Self::Repeat { .. } => "repeat",
            Self::ExpandDims { .. } => "expand_dims",
            Self::Squeeze { .. } => "squeeze",
            Self::Transpose { .. } => "transpose",
            Self::Sum(_) => "sum",
            Self::Max(_) => "max",
            Self::SliceLike { .. } => "slice_like",
            Self::Take { .. } => "take",
        }
    }

    /// Number of operands; `None` for one or more.
    pub(super) fn operand_count(&self) -> Option<usize> {
        match self {
            Self::Ready(op) => op.operand_count(),
            Self::Concatenate { .. } => None,
            Self::SliceLike { .. } | Self::Take { .. } => Some(2),
            _ => Some(1),
        }
    }

    /// Number of results, which no attribute changes.
    pub(super) fn output_count(&self) -> u32 {
        match self {
            Self::Ready(op) => op.output_count() as u32,
            _ => 1,
        }
    }

    /// Resolves axes that count from the end, and lists of axes left empty.
    ///
    /// **Errors.** An axis out of range.
    pub(super) fn resolve(self, shapes: &[&Shape]) -> Result<Op, GraphFault> {
        let rank = shapes.first().map_or(0, |s| s.len());
        let one = |op, axis: i32, rank| resolve_axis(op, i64::from(axis), rank);
        Ok(match self {
            Self::Ready(op) => op,
            Self::Concatenate { axis } => Op::Concatenate { axis: one("concatenate", axis, rank)? },
            Self::Repeat { repeats, axis } => Op::Repeat { repeats, axis: one("repeat", axis, rank)? },
            Self::ExpandDims { axis, num_newaxis } => {
                // One place more than there are axes: behind the last.
                Op::ExpandDims { axis: one("expand_dims", axis, rank + 1)?, num_newaxis }
            }
            Self::Take { axis } => Op::Take { axis: Some(one("take", axis, rank)?) },
            Self::Sum(raw) => Op::Sum(raw.resolve("sum", rank)?),
            Self::Max(raw) => Op::Max(raw.resolve("max", rank)?),
            Self::Transpose { axes } if axes.is_empty() => Op::Transpose { axes: (0..rank).rev().collect() },
            Self::Transpose { axes } => {
                check_count("transpose", axes.len(), rank)?;
                let axes = axes.into_iter().map(|axis| resolve_axis("transpose", axis, rank));
                Op::Transpose { axes: axes.collect::<Result<_, _>>()? }
            }
            Self::Squeeze { axes } if axes.is_empty() => {
                let dims = shapes.first().map_or(&[][..], |s| s);
                let ones = (0..rank).filter(|&axis| dims[axis] == 1);
                Op::Squeeze { axes: ones.collect() }
            }
            Self::Squeeze { axes } => {
                // The chain takes a set: naming an axis twice is the same as once.
                let mut axes = resolve_axes("squeeze", &axes, rank)?;
                axes.dedup();
                Op::Squeeze { axes }
            }
            Self::SliceLike { axes } => {
                let like = shapes.get(1).map_or(0, |s| s.len());
                if axes.is_empty() {
                    return Ok(Op::SliceLike { axes: (0..rank.min(like)).collect() });
                }
                let mut axes = resolve_axes("slice_like", &axes, rank)?;
                axes.dedup();
                Op::SliceLike { axes }
            }
        })
    }
}

impl RawReduce {
    fn resolve(self, op: &'static str, rank: usize) -> Result<Reduce, GraphFault> {
        let Self { axes, keepdims, exclude } = self;
        check_count(op, axes.len(), rank)?;
        Ok(Reduce { axes: resolve_axes(op, &axes, rank)?, keepdims, exclude })
    }
}

/// Refuses more axes than there are, of which one would be named twice.
fn check_count(op: &'static str, found: usize, max: usize) -> Result<(), GraphFault> {
    if found <= max {
        return Ok(());
    }
    let found = found.to_string();
    Err(GraphFault::Rule { op, rule: "there are more axes named than there are", found })
}

/// Resolves and sorts.
fn resolve_axes(op: &'static str, axes: &[i64], rank: usize) -> Result<Vec<usize>, GraphFault> {
    let axes = axes.iter().map(|&axis| resolve_axis(op, axis, rank));
    let mut axes = axes.collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    Ok(axes)
}

fn resolve_axis(op: &'static str, found: i64, rank: usize) -> Result<usize, GraphFault> {
    let rank = rank as i64;
    if (-rank..rank).contains(&found) {
        return Ok(found.rem_euclid(rank) as usize);
    }
    let (attribute, min, max) = ("axis", -rank, rank - 1);
    Err(GraphFault::Attribute { op, attribute, found, min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_a_numeric_suffix_from_operator_names() {
        for (name, stem) in [
            ("relu", "relu"),
            ("relu_12", "relu"),
            ("max_pool2d", "max_pool2d"),
            ("max_pool2d_3", "max_pool2d"),
            ("relu_", "relu"),
            ("_7", ""),
            ("conv2d7", "conv2d7"),
        ] {
            assert_eq!(registry_name(name), stem, "{name:?}");
        }
    }
}
