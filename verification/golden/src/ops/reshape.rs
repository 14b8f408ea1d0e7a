//! Operators that change a shape and leave the elements in order.

use super::{ATTRIBUTE_MAX, check_attribute, checked_axis, shape_error};
use crate::{Error, Tensor};

/// The shape of [`flatten`]'s result: `[n, everything else]`.
pub(crate) fn flatten_shape(x: &[usize]) -> Result<Vec<usize>, Error> {
    match x {
        [] => Err(shape_error("flatten", "data must have a dimension", x)),
        [n, rest @ ..] => Ok(vec![*n, rest.iter().product()]),
    }
}

/// All axes but the first joined into one: `[n, ..]` becomes `[n, everything else]`.
pub fn flatten(x: &Tensor) -> Result<Tensor, Error> {
    x.check()?;
    x.with_shape(flatten_shape(&x.shape)?)
}

/// The shape of [`reshape`]'s result.
pub(crate) fn reshape_shape(x: &[usize], target: &[i64]) -> Result<Vec<usize>, Error> {
    let error = |rule| Err(shape_error("reshape", rule, x));
    let mut shape: Vec<i64> = Vec::new();
    let mut source = x.iter().map(|&length| length as i64);
    let mut inferred = None;
    let mut codes = target.iter().copied().enumerate();
    while let Some((place, code)) = codes.next() {
        match code {
            1.. => {
                shape.push(code);
                source.next();
            }
            0 => match source.next() {
                Some(length) => shape.push(length),
                None => return error("no length left to copy"),
            },
            -1 => {
                if inferred.replace(place).is_some() {
                    return error("only one length can be inferred");
                }
                shape.push(1);
                source.next();
            }
            -2 => shape.extend(source.by_ref()),
            -3 => match (source.next(), source.next()) {
                (Some(first), Some(second)) => shape.push(first * second),
                _ => return error("no two lengths left to join"),
            },
            -4 => {
                let (Some((_, first)), Some((_, second))) = (codes.next(), codes.next()) else {
                    return error("a split must name two lengths");
                };
                let Some(whole) = source.next() else {
                    return error("no length left to split");
                };
                let Some((first, second)) = split(whole, first, second) else {
                    return error("a split must divide the length");
                };
                shape.extend([first, second]);
            }
            // Other codes are passed over.
            _ => {}
        }
    }
    let count = |shape: &[i64]| shape.iter().try_fold(1i64, |n, &length| n.checked_mul(length));
    let present: i64 = x.iter().map(|&length| length as i64).product();
    if let Some(place) = inferred {
        match (count(&shape), shape.get_mut(place)) {
            (Some(rest), Some(length)) if rest != 0 => *length = present / rest,
            _ => return error("nothing remains to infer"),
        }
    }
    if target.is_empty() || count(&shape) != Some(present) {
        return error("element count must stay");
    }
    match shape.into_iter().map(usize::try_from).collect() {
        Ok(shape) => Ok(shape),
        Err(_) => error("lengths must be positive"),
    }
}

/// The two lengths `whole` is split into; one of them may be -1.
fn split(whole: i64, first: i64, second: i64) -> Option<(i64, i64)> {
    let (first, second) = match (first, second) {
        (-1, -1) => return None,
        (-1, second) => (whole.checked_div(second)?, second),
        (first, -1) => (first, whole.checked_div(first)?),
        both => both,
    };
    (first.checked_mul(second)? == whole).then_some((first, second))
}

/// The same elements under another shape.
///
/// **Numbers**: `target` holds lengths and MXNet's codes: 0 copies a length of the data, -1 takes
/// what remains (once), -2 copies all remaining lengths, -3 joins two, -4 splits one into the two
/// that follow (one of which may be -1). A positive length and -1 skip one length of the data.
/// The runtime puts what -1 stands for at -1's place in `target`, so behind a -2, -3 or -4, which
/// change the count, it lands on another axis; that is kept.
pub fn reshape(x: &Tensor, target: &[i64]) -> Result<Tensor, Error> {
    x.check()?;
    x.with_shape(reshape_shape(&x.shape, target)?)
}

/// The shape of [`squeeze`]'s result: without the `axes`, or without every axis of length 1 when
/// none are named; `[1]` when nothing remains.
pub(crate) fn squeeze_shape(x: &[usize], axes: &[i64]) -> Result<Vec<usize>, Error> {
    const NAME: &str = "squeeze";
    let mut dropped: Vec<bool> = x.iter().map(|&length| axes.is_empty() && length == 1).collect();
    for &axis in axes {
        let axis = checked_axis(NAME, axis, x.len())?;
        if x[axis] != 1 {
            return Err(shape_error(NAME, "a dropped axis must have length 1", x));
        }
        dropped[axis] = true;
    }
    let kept = x.iter().zip(dropped).filter(|(_, dropped)| !dropped);
    let shape: Vec<usize> = kept.map(|(&length, _)| length).collect();
    Ok(if shape.is_empty() { vec![1] } else { shape })
}

/// Axes of length 1 dropped: the `axes` named (negative counts from the end), or all such when none
/// are; `[1]` when nothing remains.
pub fn squeeze(x: &Tensor, axes: &[i64]) -> Result<Tensor, Error> {
    x.check()?;
    x.with_shape(squeeze_shape(&x.shape, axes)?)
}

/// Which axes to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpandDims {
    /// Where, before this axis of the data; negative counts from behind the end.
    pub axis: i64,
    /// How many, 1 to 4096 (at most six axes result).
    pub count: i64,
}

/// The shape of [`expand_dims`]'s result.
pub(crate) fn expand_dims_shape(x: &[usize], expand: &ExpandDims) -> Result<Vec<usize>, Error> {
    const NAME: &str = "expand_dims";
    let rank = x.len() as i64;
    check_attribute(NAME, "axis", -rank - 1..=rank, expand.axis)?;
    check_attribute(NAME, "num_newaxis", 1..=ATTRIBUTE_MAX, expand.count)?;
    let axis = if expand.axis < 0 { expand.axis + rank + 1 } else { expand.axis };
    let mut shape = x.to_vec();
    let added = std::iter::repeat_n(1, expand.count as usize);
    shape.splice(axis as usize..axis as usize, added);
    Ok(shape)
}

/// Axes of length 1 added.
pub fn expand_dims(x: &Tensor, expand: &ExpandDims) -> Result<Tensor, Error> {
    x.check()?;
    x.with_shape(expand_dims_shape(&x.shape, expand)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flattens_all_axes_but_the_first() {
        let x = Tensor::new(vec![2, 3, 1, 2], (0..12).collect()).unwrap();
        let y = flatten(&x).unwrap();
        assert_eq!((y.shape, y.data), (vec![2, 6], x.data));
        assert_eq!(flatten_shape(&[5]).unwrap(), [5, 1]);
    }

    #[test]
    fn reshapes_by_every_code() {
        for (target, expected) in [
            (&[4, 0, 2][..], Some(vec![4, 3, 2])),
            (&[2, 0, 0], Some(vec![2, 3, 4])),
            (&[6, 1, -1], Some(vec![6, 1, 4])),
            (&[3, -1, 8], Some(vec![3, 1, 8])),
            (&[-1], Some(vec![24])),
            (&[-2], Some(vec![2, 3, 4])),
            (&[-2, 1, 1], Some(vec![2, 3, 4, 1, 1])),
            (&[-3, 4], Some(vec![6, 4])),
            (&[0, -3], Some(vec![2, 12])),
            (&[-4, 1, 2, -2], Some(vec![1, 2, 3, 4])),
            (&[2, -4, -1, 3, -2], Some(vec![2, 1, 3, 4])),
            // What -1 stands for lands on another axis behind -2, as in the runtime.
            (&[0, -2, -1], None),
            (&[], None),
            (&[5, 5], None),
            (&[-1, -1], None),
            (&[0, 0, 0, 0], None),
            (&[-3, -3], None),
            (&[-4, -1, -1, 0], None),
            (&[-4, -1, 0, 0], None),
            (&[-4, 2], None),
            (&[-2, -2, i64::MAX, i64::MAX], None),
        ] {
            assert_eq!(reshape_shape(&[2, 3, 4], target).ok(), expected, "{target:?}");
        }
        assert_eq!(reshape_shape(&[2, 1], &[-2, -1]).ok(), Some(vec![2, 1, 1]));
    }

    #[test]
    fn squeezes_and_expands() {
        assert_eq!(squeeze_shape(&[1, 3, 1], &[]).unwrap(), [3]);
        assert_eq!(squeeze_shape(&[1, 3, 1], &[-1]).unwrap(), [1, 3]);
        assert_eq!(squeeze_shape(&[1, 1], &[]).unwrap(), [1]);
        assert!(squeeze_shape(&[1, 3], &[1]).is_err());
        let expand = |axis, count| expand_dims_shape(&[2, 3], &ExpandDims { axis, count });
        assert_eq!(expand(1, 2).unwrap(), [2, 1, 1, 3]);
        assert_eq!(expand(-1, 1).unwrap(), [2, 3, 1]);
        assert_eq!(expand(-3, 1).unwrap(), [1, 2, 3]);
        assert!(expand(3, 1).is_err() && expand(-4, 1).is_err() && expand(0, 0).is_err());
        let x = Tensor::filled(&[2, 3], 0).unwrap();
        assert!(expand_dims(&x, &ExpandDims { axis: 0, count: 5 }).is_err());
    }
}
