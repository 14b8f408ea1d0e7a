//! Shape and precision inference: what an operator makes of its operands.

mod moves;
mod nn;
mod precision;
mod reduce;

use crate::error::GraphFault;
use crate::op::Op;
use crate::shape::Shape;

/// An operand as inference sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operand<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) precision: u8,
}

/// Largest value of most integer attributes.
pub(crate) const ATTRIBUTE_MAX: i64 = 4096;

/// Infers shape and precision of every result, checking all of the chain's rules.
///
/// **Errors.** The first broken rule.
pub(crate) fn infer(op: &Op, inputs: &[Operand<'_>]) -> Result<Vec<(Shape, u8)>, GraphFault> {
    let expected = op.operand_count().unwrap_or(inputs.len().max(1));
    if inputs.len() != expected {
        return Err(GraphFault::InputCount { op: op.name(), expected, found: inputs.len() });
    }
    let dims = shapes(op, inputs)?;
    let mut results = Vec::with_capacity(dims.len());
    for (index, dims) in dims.iter().enumerate() {
        let shape = Shape::checked(dims)?;
        results.push((shape, precision::infer(op, inputs, index, dims)?));
    }
    Ok(results)
}

type Dims = Vec<usize>;

fn shapes(op: &Op, inputs: &[Operand<'_>]) -> Result<Vec<Dims>, GraphFault> {
    let x = inputs[0].shape;
    let one = |dims: Dims| Ok(vec![dims]);
    match op {
        Op::Input | Op::Param(_) => unreachable!("invariant: variables are added with a shape"),
        Op::Conv2d(a) => one(nn::conv2d(a, inputs)?),
        Op::Dense(a) => one(nn::dense(a, inputs)?),
        Op::MaxPool2d(a) => one(nn::max_pool2d(a, x)?),
        Op::Upsampling { scale } => one(nn::upsampling(*scale, x)?),
        Op::GetValidCounts { .. } => nn::get_valid_counts(x),
        Op::NonMaxSuppression(a) => one(nn::non_max_suppression(a, inputs)?),
        Op::CvmRightShift { precision, shift_bit } | Op::CvmLeftShift { precision, shift_bit } => {
            range(op.name(), "precision", i64::from(*precision), 1, 32)?;
            range(op.name(), "shift_bit", i64::from(*shift_bit), 1, 32)?;
            one(x.to_vec())
        }
        Op::CvmClip { precision } => {
            range(op.name(), "precision", i64::from(*precision), 1, 32)?;
            one(x.to_vec())
        }
        Op::Clip { a_min, a_max } => {
            clip_rule(*a_min, *a_max)?;
            one(x.to_vec())
        }
        Op::CvmLut { in_dim } => {
            let table = inputs[1].shape;
            if table.elements() != *in_dim {
                let expected = Shape::new(&[*in_dim]);
                return Err(conflict(op.name(), "table", expected, table));
            }
            one(x.to_vec())
        }
        Op::Relu | Op::CvmPrecision | Op::Abs | Op::Negative => one(x.to_vec()),
        Op::ElemwiseAdd | Op::ElemwiseSub => {
            same(op.name(), "second operand", x, inputs[1].shape)?;
            one(x.to_vec())
        }
        Op::BroadcastAdd
        | Op::BroadcastSub
        | Op::BroadcastMul
        | Op::BroadcastMax
        | Op::BroadcastDiv
        | Op::BroadcastGreater => one(reduce::broadcast(op.name(), x, inputs[1].shape)?),
        Op::Sum(a) | Op::Max(a) => one(reduce::reduce(op.name(), a, x)?),
        Op::Concatenate { axis } => one(moves::concatenate(*axis, inputs)?),
        Op::Repeat { repeats, axis } => one(moves::repeat(*repeats, *axis, x)?),
        Op::Tile { reps } => one(moves::tile(reps, x)?),
        Op::Flatten => one(vec![x[0], x[1..].iter().product()]),
        Op::Reshape { shape } => one(moves::reshape(shape, x)?),
        Op::ExpandDims { axis, num_newaxis } => one(moves::expand_dims(*axis, *num_newaxis, x)?),
        Op::Squeeze { axes } => one(moves::squeeze(axes, x)?),
        Op::Transpose { axes } => one(moves::transpose(axes, x)?),
        Op::StridedSlice(a) => one(moves::strided_slice(a, x)?),
        Op::SliceLike { axes } => one(moves::slice_like(axes, x, inputs[1].shape)?),
        Op::Take { axis } => one(moves::take(*axis, x, inputs[1].shape)?),
        Op::Where => {
            same(op.name(), "y", x_of_where(inputs), inputs[2].shape)?;
            where_condition(x, x_of_where(inputs))?;
            one(x_of_where(inputs).to_vec())
        }
    }
}

fn x_of_where<'a>(inputs: &[Operand<'a>]) -> &'a Shape {
    inputs[1].shape
}

fn where_condition(condition: &Shape, x: &Shape) -> Result<(), GraphFault> {
    if condition == x {
        Ok(())
    } else if condition.len() == 1 {
        Err(GraphFault::RowCondition)
    } else {
        Err(conflict("where", "condition", x.clone(), condition))
    }
}

fn clip_rule(a_min: i32, a_max: i32) -> Result<(), GraphFault> {
    let (low, high) = (i64::from(-i32::MAX), i64::from(i32::MAX));
    range("clip", "a_max", i64::from(a_max), low, high)?;
    range("clip", "a_min", i64::from(a_min), low, high)?;
    if a_min >= a_max {
        return Err(rule("clip", "a_min must be below a_max", format!("{a_min} and {a_max}")));
    }
    Ok(())
}

/// Checks an attribute against an inclusive range.
fn range(op: &'static str, attribute: &'static str, found: i64, min: i64, max: i64) -> Result<(), GraphFault> {
    if (min..=max).contains(&found) { Ok(()) } else { Err(GraphFault::Attribute { op, attribute, found, min, max }) }
}

/// Checks an unsigned attribute against an inclusive range.
fn range_usize(op: &'static str, attribute: &'static str, found: usize, min: i64, max: i64) -> Result<(), GraphFault> {
    range(op, attribute, i64::try_from(found).unwrap_or(i64::MAX), min, max)
}

/// Checks that an axis names one of `rank` axes.
fn axis_in(op: &'static str, axis: usize, rank: usize) -> Result<(), GraphFault> {
    range_usize(op, "axis", axis, 0, rank as i64 - 1)
}

/// Checks that axes are in range and strictly ascending, so none is named twice.
fn ascending_axes(op: &'static str, axes: &[usize], rank: usize) -> Result<(), GraphFault> {
    for &axis in axes {
        axis_in(op, axis, rank)?;
    }
    if axes.windows(2).any(|w| w[0] >= w[1]) {
        return Err(rule(op, "axes must ascend without repetition", format!("{axes:?}")));
    }
    Ok(())
}

fn rule(op: &'static str, rule: &'static str, found: impl Into<String>) -> GraphFault {
    GraphFault::Rule { op, rule, found: found.into() }
}

fn conflict(op: &'static str, what: &'static str, expected: Shape, found: &Shape) -> GraphFault {
    GraphFault::ShapeConflict { op, what, expected, found: found.clone() }
}

fn same(op: &'static str, what: &'static str, expected: &Shape, found: &Shape) -> Result<(), GraphFault> {
    if expected == found { Ok(()) } else { Err(conflict(op, what, expected.clone(), found)) }
}

fn rank(op: &'static str, operand: &'static str, expected: usize, found: &Shape) -> Result<(), GraphFault> {
    if found.len() == expected { Ok(()) } else { Err(GraphFault::Rank { op, operand, expected, found: found.clone() }) }
}
