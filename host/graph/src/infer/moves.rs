//! Shapes of the operators that only move elements.

use super::{ATTRIBUTE_MAX, Dims, Operand, ascending_axes, axis_in, conflict, range_usize, rule};
use crate::error::GraphFault;
use crate::op::StridedSlice;
use crate::shape::{DIMENSION_MAX, RANK_MAX, Shape};

pub(super) fn concatenate(axis: usize, inputs: &[Operand<'_>]) -> Result<Dims, GraphFault> {
    const OP: &str = "concatenate";
    let first = inputs[0].shape;
    axis_in(OP, axis, first.len())?;
    let mut dims = first.to_vec();
    for other in &inputs[1..] {
        let other = other.shape;
        let fits = |(i, (a, b)): (usize, (&usize, &usize))| i == axis || a == b;
        if other.len() != first.len() || !first.iter().zip(other.iter()).enumerate().all(fits) {
            return Err(conflict(OP, "operand", first.clone(), other));
        }
        dims[axis] = dims[axis].saturating_add(other[axis]);
    }
    Ok(dims)
}

pub(super) fn repeat(repeats: usize, axis: usize, x: &Shape) -> Result<Dims, GraphFault> {
    axis_in("repeat", axis, x.len())?;
    range_usize("repeat", "repeats", repeats, 1, i64::from(i32::MAX))?;
    let mut dims = x.to_vec();
    dims[axis] *= repeats;
    Ok(dims)
}

pub(super) fn tile(reps: &[usize], x: &Shape) -> Result<Dims, GraphFault> {
    if reps.is_empty() || reps.len() > RANK_MAX {
        return Err(rule("tile", "reps must name 1 to 6 axes", reps.len().to_string()));
    }
    for &copies in reps {
        range_usize("tile", "reps", copies, 1, ATTRIBUTE_MAX)?;
    }
    let rank = x.len().max(reps.len());
    let aligned = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |axis| s[axis]);
    Ok((0..rank).map(|i| aligned(x, i) * aligned(reps, i)).collect())
}

pub(super) fn expand_dims(axis: usize, count: usize, x: &Shape) -> Result<Dims, GraphFault> {
    const OP: &str = "expand_dims";
    range_usize(OP, "axis", axis, 0, x.len() as i64)?;
    range_usize(OP, "num_newaxis", count, 1, (RANK_MAX - x.len()) as i64)?;
    let mut dims = x.to_vec();
    dims.splice(axis..axis, std::iter::repeat_n(1, count));
    Ok(dims)
}

pub(super) fn squeeze(axes: &[usize], x: &Shape) -> Result<Dims, GraphFault> {
    const OP: &str = "squeeze";
    ascending_axes(OP, axes, x.len())?;
    // The format has no way to say "none": an empty list stands for every such axis.
    if axes.is_empty() && x.contains(&1) {
        return Err(rule(OP, "at least one axis of length 1 must be named", x.to_string()));
    }
    if let Some(&axis) = axes.iter().find(|&&axis| x[axis] != 1) {
        return Err(rule(OP, "a squeezed axis must have length 1", format!("axis {axis} of {x}")));
    }
    let kept = x.iter().enumerate().filter(|(i, _)| !axes.contains(i));
    let dims: Dims = kept.map(|(_, &dim)| dim).collect();
    Ok(if dims.is_empty() { vec![1] } else { dims })
}

pub(super) fn transpose(axes: &[usize], x: &Shape) -> Result<Dims, GraphFault> {
    const OP: &str = "transpose";
    let mut sorted = axes.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.len()) {
        let found = format!("{axes:?} for {x}");
        return Err(rule(OP, "axes must name every axis once", found));
    }
    Ok(axes.iter().map(|&axis| x[axis]).collect())
}

pub(super) fn strided_slice(a: &StridedSlice, x: &Shape) -> Result<Dims, GraphFault> {
    const OP: &str = "strided_slice";
    if [&a.begin, &a.end, &a.stride].iter().any(|list| list.len() > x.len()) {
        let found = format!("{} of {x}", a.begin.len().max(a.end.len()).max(a.stride.len()));
        return Err(rule(OP, "begin, end and stride must not name more axes than there are", found));
    }
    let axes = a.resolve(x).ok_or_else(|| {
        let found = format!("begin {:?} end {:?} stride {:?} of {x}", a.begin, a.end, a.stride);
        rule(OP, "every axis of the slice must be non-empty and every stride non-zero", found)
    })?;
    Ok(axes.iter().map(|axis| axis.count).collect())
}

pub(super) fn slice_like(axes: &[usize], x: &Shape, like: &Shape) -> Result<Dims, GraphFault> {
    const OP: &str = "slice_like";
    ascending_axes(OP, axes, x.len().min(like.len()))?;
    // The format has no way to say "none": an empty list stands for every axis.
    if axes.is_empty() {
        return Err(rule(OP, "at least one axis must be named", "none"));
    }
    let mut dims = x.to_vec();
    for &axis in axes {
        if like[axis] > x[axis] {
            return Err(conflict(OP, "second operand", x.clone(), like));
        }
        dims[axis] = like[axis];
    }
    Ok(dims)
}

pub(super) fn take(axis: Option<usize>, x: &Shape, indices: &Shape) -> Result<Dims, GraphFault> {
    let Some(axis) = axis else { return Ok(indices.to_vec()) };
    axis_in("take", axis, x.len())?;
    let mut dims = x.to_vec();
    dims.splice(axis..=axis, indices.iter().copied());
    Ok(dims)
}

/// MXNet's reshape codes: 0 keep, -1 infer, -2 the rest, -3 merge two, -4 split in two. Codes below
/// are passed over, and what is inferred goes where the -1 stands in the target, which after a -2 or
/// -4 is not where it stands in the result: both as the chain has it.
pub(super) fn reshape(target: &[i64], x: &Shape) -> Result<Dims, GraphFault> {
    let broken = |what| rule("reshape", what, format!("{target:?} for {x}"));
    let mut source = x.iter().copied();
    let mut dims: Dims = Vec::new();
    let mut inferred = None;
    let mut codes = target.iter().copied().enumerate();
    while let Some((place, code)) = codes.next() {
        match code {
            1.. => {
                source.next();
                dims.push(usize::try_from(code).unwrap_or(usize::MAX));
            }
            0 => dims.push(source.next().ok_or_else(|| broken("0 must match an axis"))?),
            -1 => {
                if inferred.replace(place).is_some() {
                    return Err(broken("only one axis can be inferred"));
                }
                source.next();
                dims.push(1);
            }
            -2 => dims.extend(source.by_ref()),
            -3 => {
                let (a, b) = (source.next(), source.next());
                let (a, b) = a.zip(b).ok_or_else(|| broken("-3 must match two axes"))?;
                dims.push(a.saturating_mul(b));
            }
            -4 => {
                let whole = source.next().ok_or_else(|| broken("-4 must match an axis"))?;
                let pair = codes.next().zip(codes.next());
                let pair = pair.and_then(|((_, a), (_, b))| split(whole, a, b));
                let (a, b) = pair.ok_or_else(|| broken("-4 must split an axis exactly"))?;
                dims.extend([a, b]);
            }
            _ => (),
        }
        // Keeps the list, and the products over it, short.
        if dims.len() > RANK_MAX || dims.iter().any(|&d| d > DIMENSION_MAX) {
            return Err(broken("the result exceeds 6 axes or 2^24 on one of them"));
        }
    }
    let product = |dims: &Dims| dims.iter().map(|&d| d as u128).product::<u128>();
    let total = x.elements() as u128;
    if let Some(place) = inferred {
        let inferred = total.checked_div(product(&dims)).and_then(|d| usize::try_from(d).ok());
        match (dims.get_mut(place), inferred) {
            (Some(dim), Some(inferred)) => *dim = inferred,
            _ => return Err(broken("there must be an axis to infer")),
        }
    }
    if dims.is_empty() || product(&dims) != total {
        return Err(broken("the element count must not change"));
    }
    Ok(dims)
}

/// Splits an axis in two; one of the lengths may be -1.
fn split(whole: usize, a: i64, b: i64) -> Option<(usize, usize)> {
    let part = |x: i64| usize::try_from(x).ok().filter(|&x| x > 0);
    let (a, b) = match (a, b) {
        (-1, b) => (whole / part(b)?, part(b)?),
        (a, -1) => (part(a)?, whole / part(a)?),
        (a, b) => (part(a)?, part(b)?),
    };
    (a.checked_mul(b)? == whole).then_some((a, b))
}
