//! Operators that pick elements.

use super::rearrange::{ravel, unravel};
use super::{check_attribute, checked_axis, shape_error};
use crate::{Error, Tensor};

/// A part of every axis. Lists shorter than the rank leave the remaining axes whole; longer ones
/// are cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StridedSlice {
    /// First place taken; negative counts from the end.
    pub begin: Vec<i64>,
    /// First place not taken; negative counts from the end.
    pub end: Vec<i64>,
    /// Distance between two places; negative goes backwards.
    pub stride: Vec<i64>,
}

/// The shape of [`strided_slice`]'s result.
pub(crate) fn strided_slice_shape(x: &[usize], slice: &StridedSlice) -> Result<Vec<usize>, Error> {
    const NAME: &str = "strided_slice";
    let mut shape = Vec::new();
    for (axis, &length) in x.iter().enumerate() {
        let (begin, stride) = first_place(slice, axis, length);
        if stride == 0 {
            return Err(shape_error(NAME, "stride must not be 0", x));
        }
        let end = slice.end.get(axis).copied().unwrap_or(length as i64);
        let end = limited(end, stride, length);
        let distance = if stride < 0 { begin - end } else { end - begin };
        if distance <= 0 {
            return Err(shape_error(NAME, "a slice must not be empty", x));
        }
        // At most 2^24.
        shape.push((distance as u64).div_ceil(stride.unsigned_abs()) as usize);
    }
    Ok(shape)
}

/// Every `stride`-th element from `begin` up to `end`, on every axis.
pub fn strided_slice(x: &Tensor, slice: &StridedSlice) -> Result<Tensor, Error> {
    x.check()?;
    let mut y = Tensor::filled(&strided_slice_shape(&x.shape, slice)?, 0)?;
    for at in 0..y.data.len() {
        let mut index = unravel(at, &y.shape);
        for (axis, place) in index.iter_mut().enumerate() {
            let (begin, stride) = first_place(slice, axis, x.shape[axis]);
            // The first place needs no stride, and later ones are inside the data.
            *place = (begin + (*place as i64).wrapping_mul(stride)) as usize;
        }
        y.data[at] = x.data[ravel(&index, &x.shape)];
    }
    Ok(y)
}

fn first_place(slice: &StridedSlice, axis: usize, length: usize) -> (i64, i64) {
    let stride = slice.stride.get(axis).copied().unwrap_or(1);
    let begin = slice.begin.get(axis).copied().unwrap_or(0);
    (limited(begin, stride, length), stride)
}

/// A place counted from the end when negative, limited to where a slice of this direction can stop.
fn limited(place: i64, stride: i64, length: usize) -> i64 {
    let length = length as i64;
    let place = if place < 0 { place + length } else { place };
    if stride < 0 { place.clamp(-1, length - 1) } else { place.clamp(0, length) }
}

/// The shape of [`slice_like`]'s result: `like`'s lengths on the `axes`, or on all axes both have
/// when none are named.
pub(crate) fn slice_like_shape(x: &[usize], like: &[usize], axes: &[i64]) -> Result<Vec<usize>, Error> {
    const NAME: &str = "slice_like";
    let mut named = Vec::new();
    if axes.is_empty() {
        named.extend(0..x.len().min(like.len()));
    }
    for &axis in axes {
        let rank = x.len() as i64;
        check_attribute(NAME, "axis", -rank..=like.len() as i64 - 1, axis)?;
        named.push(if axis < 0 { axis + rank } else { axis } as usize);
    }
    let mut shape = x.to_vec();
    for axis in named {
        match (shape.get_mut(axis), like.get(axis)) {
            (Some(length), Some(&wanted)) if wanted <= *length => *length = wanted,
            _ => return Err(shape_error(NAME, "data must contain the other shape", like)),
        }
    }
    Ok(shape)
}

/// The part of `x` from its origin that has the lengths of `like` on the `axes` (negative counts
/// from the end), or on all axes both have when none are named.
pub fn slice_like(x: &Tensor, like: &Tensor, axes: &[i64]) -> Result<Tensor, Error> {
    x.check()?;
    like.check()?;
    let mut y = Tensor::filled(&slice_like_shape(&x.shape, &like.shape, axes)?, 0)?;
    for at in 0..y.data.len() {
        y.data[at] = x.data[ravel(&unravel(at, &y.shape), &x.shape)];
    }
    Ok(y)
}

/// The shape of [`take`]'s result: `indices`' shape in place of the axis, or of everything.
pub(crate) fn take_shape(x: &[usize], indices: &[usize], axis: Option<i64>) -> Result<Vec<usize>, Error> {
    let Some(axis) = axis else { return Ok(indices.to_vec()) };
    let axis = checked_axis("take", axis, x.len())?;
    let mut shape = x.to_vec();
    shape.splice(axis..=axis, indices.iter().copied());
    Ok(shape)
}

/// The elements `indices` name along `axis` (negative counts from the end), or in the flat data when
/// there is no axis.
///
/// **Shapes and units**: the shape of `indices` stands in place of the axis, or of everything.
/// **Numbers**: an index outside the data is limited to its first or last place.
pub fn take(x: &Tensor, indices: &Tensor, axis: Option<i64>) -> Result<Tensor, Error> {
    x.check()?;
    indices.check()?;
    let mut y = Tensor::filled(&take_shape(&x.shape, &indices.shape, axis)?, 0)?;
    let Some(axis) = axis else {
        for (value, &index) in y.data.iter_mut().zip(&indices.data) {
            *value = x.data[within(index, x.data.len())];
        }
        return Ok(y);
    };
    let axis = checked_axis("take", axis, x.shape.len())?;
    let taken = indices.shape.len();
    for at in 0..y.data.len() {
        let mut index = unravel(at, &y.shape);
        let which = indices.data[ravel(&index[axis..axis + taken], &indices.shape)];
        index.splice(axis..axis + taken, [within(which, x.shape[axis])]);
        y.data[at] = x.data[ravel(&index, &x.shape)];
    }
    Ok(y)
}

fn within(index: i32, length: usize) -> usize {
    (index.max(0) as usize).min(length - 1)
}

/// Every element replaced by the table's entry of that number.
///
/// **Numbers**: a number outside the table is limited to its first or last place; the table is
/// taken flat, whatever its shape.
pub fn cvm_lut(x: &Tensor, table: &Tensor) -> Result<Tensor, Error> {
    take(table, x, None)
}

/// The shape of [`where_`]'s result: that of `x`, which `y` must share.
pub(crate) fn where_shape(condition: &[usize], x: &[usize], y: &[usize]) -> Result<Vec<usize>, Error> {
    if x != y {
        return Err(shape_error("where", "both choices must have one shape", y));
    }
    if condition != x && condition.len() != 1 {
        return Err(shape_error("where", "condition must have the choices' shape or one axis", condition));
    }
    Ok(x.to_vec())
}

/// `x` where `condition` is not 0, else `y`.
///
/// **Errors**: [`Error::Undefined`] unless `condition` has the shape of `x`. With one axis the
/// official CPU device copies a quarter of each row and leaves what was in memory in the rest.
pub fn where_(condition: &Tensor, x: &Tensor, y: &Tensor) -> Result<Tensor, Error> {
    for tensor in [condition, x, y] {
        tensor.check()?;
    }
    let shape = where_shape(&condition.shape, &x.shape, &y.shape)?;
    if condition.shape != shape {
        let reason = "a one-axis condition copies a quarter of each row";
        return Err(Error::Undefined { operator: "where", reason });
    }
    let choices = x.data.iter().zip(&y.data).zip(&condition.data);
    let data = choices.map(|((&x, &y), &condition)| if condition == 0 { y } else { x }).collect();
    Ok(Tensor { shape, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], data: &[i32]) -> Tensor {
        Tensor::new(shape.to_vec(), data.to_vec()).unwrap()
    }

    fn slice(begin: &[i64], end: &[i64], stride: &[i64]) -> StridedSlice {
        StridedSlice { begin: begin.to_vec(), end: end.to_vec(), stride: stride.to_vec() }
    }

    #[test]
    fn slices_forwards_and_backwards() {
        let x = tensor(&[2, 4], &[0, 1, 2, 3, 4, 5, 6, 7]);
        let picked =
            |begin: &[i64], end: &[i64], stride: &[i64]| strided_slice(&x, &slice(begin, end, stride)).map(|y| y.data);
        assert_eq!(picked(&[1], &[2], &[]).unwrap(), [4, 5, 6, 7]);
        assert_eq!(picked(&[0, 0], &[2, 4], &[1, 3]).unwrap(), [0, 3, 4, 7]);
        assert_eq!(picked(&[0, -1], &[1, -4], &[1, -2]).unwrap(), [3, 1]);
        assert_eq!(picked(&[0, 3], &[1, -99], &[1, -1]).unwrap(), [3, 2, 1, 0]);
        assert_eq!(picked(&[0, 0, 9], &[1, 1, 9], &[1, i64::MIN]).ok(), None);
        assert_eq!(picked(&[0, 3], &[1, -99], &[1, i64::MIN]).unwrap(), [3]);
        assert_eq!(picked(&[0, 0], &[1, i64::MAX], &[1, i64::MAX]).unwrap(), [0]);
        for (begin, end, stride) in [([1, 0], [1, 4], [1, 1]), ([0, 0], [2, 4], [0, 1])] {
            assert!(picked(&begin, &end, &stride).is_err());
        }
    }

    #[test]
    fn slices_like_another_shape() {
        let x = tensor(&[2, 3], &[0, 1, 2, 3, 4, 5]);
        let like = Tensor::filled(&[1, 2], 0).unwrap();
        assert_eq!(slice_like(&x, &like, &[]).unwrap(), tensor(&[1, 2], &[0, 1]));
        assert_eq!(slice_like(&x, &like, &[-1]).unwrap(), tensor(&[2, 2], &[0, 1, 3, 4]));
        assert!(slice_like_shape(&[2, 3], &[3, 3], &[]).is_err());
        assert!(slice_like_shape(&[2], &[1, 1], &[1]).is_err());
        assert!(slice_like_shape(&[2, 2], &[1], &[-1]).is_err());
    }

    #[test]
    fn takes_along_an_axis_or_from_everything() {
        let x = tensor(&[2, 3], &[0, 1, 2, 3, 4, 5]);
        let indices = tensor(&[3], &[2, -7, 99]);
        assert_eq!(take(&x, &indices, None).unwrap().data, [2, 0, 5]);
        let y = take(&x, &indices, Some(-1)).unwrap();
        assert_eq!((y.shape, y.data), (vec![2, 3], vec![2, 0, 2, 5, 3, 5]));
        let pairs = tensor(&[1, 2], &[1, 0]);
        let y = take(&x, &pairs, Some(0)).unwrap();
        assert_eq!((y.shape, y.data), (vec![1, 2, 3], vec![3, 4, 5, 0, 1, 2]));
        assert!(take(&x, &indices, Some(2)).is_err());
        assert_eq!(cvm_lut(&indices, &x).unwrap().data, [2, 0, 5]);
    }

    #[test]
    fn chooses_by_condition_of_one_shape_only() {
        let (x, y) = (tensor(&[2, 2], &[1, 2, 3, 4]), tensor(&[2, 2], &[5, 6, 7, 8]));
        let condition = tensor(&[2, 2], &[0, -1, 9, 0]);
        assert_eq!(where_(&condition, &x, &y).unwrap().data, [5, 2, 3, 8]);
        let rows = tensor(&[2], &[0, 1]);
        assert!(matches!(where_(&rows, &x, &y), Err(Error::Undefined { .. })));
        assert!(where_(&tensor(&[1, 2], &[0, 1]), &x, &y).is_err());
    }
}
