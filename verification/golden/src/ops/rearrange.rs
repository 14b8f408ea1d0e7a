//! Operators that put elements in another order, or repeat them.

use super::{ATTRIBUTE_MAX, check_attribute, checked_axis, shape_error};
use crate::{Error, Tensor};

/// The shape of [`concatenate`]'s result: the lengths along `axis` added.
pub(crate) fn concatenate_shape(inputs: &[&[usize]], axis: i64) -> Result<Vec<usize>, Error> {
    const NAME: &str = "concatenate";
    let [first, rest @ ..] = inputs else {
        return Err(Error::InputCount { operator: NAME, expected: 1, found: 0 });
    };
    let along = checked_axis(NAME, axis, first.len())?;
    let mut shape = first.to_vec();
    for other in rest {
        if other.len() != first.len() {
            return Err(shape_error(NAME, "inputs must have one rank", other));
        }
        for dimension in 0..first.len() {
            if dimension == along {
                // At most 2^24 per input, one input per few bytes of symbol: no overflow.
                shape[along] += other[along];
            } else if other[dimension] != first[dimension] {
                return Err(shape_error(NAME, "inputs may differ along the axis only", other));
            }
        }
    }
    Ok(shape)
}

/// Tensors joined one after the other along `axis` (negative counts from the end).
pub fn concatenate(inputs: &[&Tensor], axis: i64) -> Result<Tensor, Error> {
    for input in inputs {
        input.check()?;
    }
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| &input.shape[..]).collect();
    let shape = concatenate_shape(&shapes, axis)?;
    let along = checked_axis("concatenate", axis, shape.len())?;
    let outer: usize = shape[..along].iter().product();
    let mut data = Vec::with_capacity(crate::checked_element_count(&shape)?);
    for block in 0..outer {
        for input in inputs {
            let length: usize = input.shape[along..].iter().product();
            data.extend_from_slice(&input.data[block * length..(block + 1) * length]);
        }
    }
    Tensor::new(shape, data)
}

/// How often, and along which axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// Copies of every element, 1 to 2^31-1.
    pub repeats: i64,
    /// The axis; negative counts from the end.
    pub axis: i64,
}

/// The shape of [`repeat`]'s result: the length along `axis` times `repeats`.
pub(crate) fn repeat_shape(x: &[usize], repeat: &Repeat) -> Result<Vec<usize>, Error> {
    const NAME: &str = "repeat";
    check_attribute(NAME, "repeats", 1..=i64::from(i32::MAX), repeat.repeats)?;
    let axis = checked_axis(NAME, repeat.axis, x.len())?;
    let mut shape = x.to_vec();
    shape[axis] = shape[axis].saturating_mul(repeat.repeats as usize);
    Ok(shape)
}

/// Every element along an axis repeated, its copies side by side; the axis grows that many times.
pub fn repeat(x: &Tensor, repeat: &Repeat) -> Result<Tensor, Error> {
    x.check()?;
    let mut y = Tensor::filled(&repeat_shape(&x.shape, repeat)?, 0)?;
    let axis = checked_axis("repeat", repeat.axis, x.shape.len())?;
    for at in 0..y.data.len() {
        let mut index = unravel(at, &y.shape);
        index[axis] /= repeat.repeats as usize;
        y.data[at] = x.data[ravel(&index, &x.shape)];
    }
    Ok(y)
}

/// The shape of [`tile`]'s result: lengths times `reps`, both lists aligned at their ends and the
/// shorter filled up with ones.
pub(crate) fn tile_shape(x: &[usize], reps: &[i64]) -> Result<Vec<usize>, Error> {
    const NAME: &str = "tile";
    if reps.is_empty() {
        return Err(shape_error(NAME, "reps must have an item", x));
    }
    for &times in reps {
        check_attribute(NAME, "reps", 1..=ATTRIBUTE_MAX, times)?;
    }
    let rank = x.len().max(reps.len());
    let mut shape = vec![1usize; rank];
    for (length, &dimension) in shape[rank - x.len()..].iter_mut().zip(x) {
        *length = dimension;
    }
    for (length, &times) in shape[rank - reps.len()..].iter_mut().zip(reps) {
        *length = length.saturating_mul(times as usize);
    }
    Ok(shape)
}

/// The whole tensor repeated `reps` times (each 1 to 4096) along each axis, its copies one after the
/// other. Shape and `reps` are aligned at their ends, the shorter filled up with ones.
pub fn tile(x: &Tensor, reps: &[i64]) -> Result<Tensor, Error> {
    x.check()?;
    let mut y = Tensor::filled(&tile_shape(&x.shape, reps)?, 0)?;
    let added = y.shape.len() - x.shape.len();
    for at in 0..y.data.len() {
        let index = unravel(at, &y.shape);
        let wrapped: Vec<usize> = index[added..].iter().zip(&x.shape).map(|(&i, &length)| i % length).collect();
        y.data[at] = x.data[ravel(&wrapped, &x.shape)];
    }
    Ok(y)
}

/// The shape of [`transpose`]'s result: the lengths in the order of `axes`.
pub(crate) fn transpose_shape(x: &[usize], axes: &[i64]) -> Result<Vec<usize>, Error> {
    Ok(axis_order(x, axes)?.into_iter().map(|axis| x[axis]).collect())
}

/// The axes in another order: axis `i` of the result is axis `axes[i]` of the data. No axes at all
/// means reversed; negative ones count from the end.
pub fn transpose(x: &Tensor, axes: &[i64]) -> Result<Tensor, Error> {
    x.check()?;
    let order = axis_order(&x.shape, axes)?;
    let mut y = Tensor::filled(&transpose_shape(&x.shape, axes)?, 0)?;
    for at in 0..y.data.len() {
        let mut index = vec![0; order.len()];
        for (place, axis) in unravel(at, &y.shape).into_iter().zip(&order) {
            index[*axis] = place;
        }
        y.data[at] = x.data[ravel(&index, &x.shape)];
    }
    Ok(y)
}

fn axis_order(x: &[usize], axes: &[i64]) -> Result<Vec<usize>, Error> {
    const NAME: &str = "transpose";
    if axes.is_empty() {
        return Ok((0..x.len()).rev().collect());
    }
    if axes.len() != x.len() {
        return Err(shape_error(NAME, "axes must name every axis", x));
    }
    let mut order = Vec::new();
    for &axis in axes {
        let axis = checked_axis(NAME, axis, x.len())?;
        if order.contains(&axis) {
            return Err(shape_error(NAME, "axes must differ", x));
        }
        order.push(axis);
    }
    Ok(order)
}

/// The place along each axis of element `at` of a row-major array.
pub(super) fn unravel(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (place, &length) in index.iter_mut().zip(shape).rev() {
        *place = at % length;
        at /= length;
    }
    index
}

/// The number of the element at `index` of a row-major array.
pub(super) fn ravel(index: &[usize], shape: &[usize]) -> usize {
    index.iter().zip(shape).fold(0, |at, (&place, &length)| at * length + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_along_any_axis() {
        let a = Tensor::new(vec![2, 1], vec![1, 2]).unwrap();
        let b = Tensor::new(vec![2, 2], vec![3, 4, 5, 6]).unwrap();
        assert_eq!(concatenate(&[&a, &b], 1).unwrap().data, [1, 3, 4, 2, 5, 6]);
        assert_eq!(concatenate(&[&a, &b], -1).unwrap().shape, [2, 3]);
        assert_eq!(concatenate(&[&b, &b], 0).unwrap().shape, [4, 2]);
        assert!(concatenate(&[&a, &b], 0).is_err());
        assert!(concatenate(&[&a, &b], 2).is_err());
        assert!(concatenate(&[], 0).is_err());
    }

    #[test]
    fn repeats_elements_and_tiles_tensors() {
        let x = Tensor::new(vec![2, 2], vec![1, 2, 3, 4]).unwrap();
        let twice = |axis| repeat(&x, &Repeat { repeats: 2, axis }).unwrap().data;
        assert_eq!(twice(0), [1, 2, 1, 2, 3, 4, 3, 4]);
        assert_eq!(twice(-1), [1, 1, 2, 2, 3, 3, 4, 4]);
        let y = tile(&x, &[2, 1, 2]).unwrap();
        assert_eq!(y.shape, [2, 2, 4]);
        assert_eq!(y.data, [1, 2, 1, 2, 3, 4, 3, 4].repeat(2));
        assert_eq!(tile(&x, &[2]).unwrap().data, [1, 2, 1, 2, 3, 4, 3, 4]);
        assert!(tile(&x, &[]).is_err() && tile(&x, &[0]).is_err());
        assert!(repeat(&x, &Repeat { repeats: i64::from(i32::MAX), axis: 0 }).is_err());
    }

    #[test]
    fn transposes_by_any_order() {
        let x = Tensor::new(vec![2, 1, 3], (0..6).collect()).unwrap();
        let y = transpose(&x, &[]).unwrap();
        assert_eq!((y.shape, y.data), (vec![3, 1, 2], vec![0, 3, 1, 4, 2, 5]));
        let y = transpose(&x, &[1, 2, 0]).unwrap();
        assert_eq!((y.shape, y.data), (vec![1, 3, 2], vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(transpose(&x, &[-2, 0, -1]).unwrap().data, x.data);
        for wrong in [&[0, 1][..], &[0, 0, 1], &[0, 1, -2], &[0, 1, 3]] {
            assert!(transpose(&x, wrong).is_err(), "{wrong:?}");
        }
    }
}
