//! Sums and maxima over axes.

use super::{check_attribute, shape_error};
use crate::{Error, Tensor};

/// What is reduced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduce {
    /// Axes named; negative ones count from the end, none at all means every axis.
    pub axes: Vec<i64>,
    /// Whether the axes named are reduced or kept.
    pub selection: AxisSelection,
    /// Whether reduced axes stay in the shape.
    pub shape: ReducedAxes,
}

/// Which axes a reduction goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisSelection {
    /// Those named (`exclude` false).
    Named,
    /// Those not named (`exclude` true).
    Others,
}

/// What becomes of reduced axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReducedAxes {
    /// They disappear (`keepdims` false).
    Dropped,
    /// They stay with length 1 (`keepdims` true).
    Kept,
}

/// The shape of [`sum`]'s and [`max`]'s result.
pub(crate) fn reduce_shape(operator: &'static str, x: &[usize], reduce: &Reduce) -> Result<Vec<usize>, Error> {
    let reduced = reduced_axes(operator, x, reduce)?;
    let kept = reduce.shape == ReducedAxes::Kept;
    if reduced.iter().all(|&reduced| reduced) {
        return Ok(vec![1; if kept { x.len() } else { 1 }]);
    }
    let axes = x.iter().zip(reduced).filter(|&(_, reduced)| kept || !reduced);
    Ok(axes.map(|(&length, reduced)| if reduced { 1 } else { length }).collect())
}

/// For every axis, whether it is reduced.
fn reduced_axes(operator: &'static str, x: &[usize], reduce: &Reduce) -> Result<Vec<bool>, Error> {
    if reduce.axes.is_empty() {
        return Ok(vec![true; x.len()]);
    }
    let rank = x.len() as i64;
    let mut named = vec![false; x.len()];
    for &axis in &reduce.axes {
        check_attribute(operator, "axis", -rank..=rank - 1, axis)?;
        let axis = if axis < 0 { axis + rank } else { axis } as usize;
        if std::mem::replace(&mut named[axis], true) {
            return Err(shape_error(operator, "an axis may be named once", x));
        }
    }
    if reduce.selection == AxisSelection::Others {
        named.iter_mut().for_each(|named| *named = !*named);
    }
    Ok(named)
}

/// The sum over axes, wrapping at 32 bits. See [`max`] for what the device does wrong.
pub fn sum(x: &Tensor, reduce: &Reduce) -> Result<Tensor, Error> {
    fold("sum", x, reduce, i32::wrapping_add)
}

/// The maximum over axes.
///
/// **Numbers**, where the official CPU device departs from what one would expect, for [`sum`] alike:
/// - no axes named (and not excluded): the fold starts from 0, so the maximum of negative numbers
///   over everything is 0;
/// - a kept axis of length 1 behind another kept axis: the device forgets it when it steps through
///   the data, and reads elements of other rows. `[2, 5, 1, 3]` over the last axis is such a case.
pub fn max(x: &Tensor, reduce: &Reduce) -> Result<Tensor, Error> {
    fold("max", x, reduce, i32::max)
}

fn fold(operator: &'static str, x: &Tensor, reduce: &Reduce, f: impl Fn(i32, i32) -> i32) -> Result<Tensor, Error> {
    x.check()?;
    let shape = reduce_shape(operator, &x.shape, reduce)?;
    let reduced = reduced_axes(operator, &x.shape, reduce)?;
    if !reduced.contains(&true) {
        return x.with_shape(shape);
    }
    let mut y = Tensor::filled(&shape, 0)?;
    if reduce.axes.is_empty() && reduce.selection == AxisSelection::Named {
        y.data[0] = x.data.iter().fold(0, |total, &value| f(total, value));
        return Ok(y);
    }
    let mut strides = vec![1; x.shape.len()];
    for axis in (1..x.shape.len()).rev() {
        strides[axis - 1] = strides[axis] * x.shape[axis];
    }
    let axes = |wanted: bool| {
        let axes = (0..x.shape.len()).filter(|&axis| reduced[axis] == wanted);
        axes.collect::<Vec<usize>>()
    };
    let reduced_lengths: Vec<usize> = axes(true).iter().map(|&axis| x.shape[axis]).collect();
    let reduced_strides: Vec<usize> = axes(true).iter().map(|&axis| strides[axis]).collect();
    let kept_strides: Vec<usize> = axes(false).iter().map(|&axis| strides[axis]).collect();
    // The device steps through the result's lengths that are not 1, and matches them from the end
    // with the kept axes of the data, which may have length 1: that is its fault. Strides can only
    // come out smaller than they should, so nothing outside the data is read.
    let lengths: Vec<usize> = shape.iter().copied().filter(|&length| length != 1).collect();
    let strides = &kept_strides[kept_strides.len() - lengths.len()..];
    for at in 0..y.data.len() {
        let start = offset(at, &lengths, strides);
        let mut total = x.data[start];
        for step in 1..reduced_lengths.iter().product() {
            total = f(total, x.data[start + offset(step, &reduced_lengths, &reduced_strides)]);
        }
        y.data[at] = total;
    }
    Ok(y)
}

/// Where element `at` of an array of these lengths lies under these strides.
fn offset(mut at: usize, lengths: &[usize], strides: &[usize]) -> usize {
    let mut offset = 0;
    for (length, stride) in lengths.iter().zip(strides).rev() {
        offset += at % length * stride;
        at /= length;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(axes: &[i64]) -> Reduce {
        let (selection, shape) = (AxisSelection::Named, ReducedAxes::Dropped);
        Reduce { axes: axes.to_vec(), selection, shape }
    }

    fn ramp(shape: &[usize]) -> Tensor {
        let count = shape.iter().product::<usize>() as i32;
        Tensor::new(shape.to_vec(), (0..count).collect()).unwrap()
    }

    #[test]
    fn sums_over_named_and_over_other_axes() {
        let x = ramp(&[2, 3, 2]);
        let y = sum(&x, &over(&[1])).unwrap();
        assert_eq!((y.shape, y.data), (vec![2, 2], vec![6, 9, 24, 27]));
        let others = Reduce { selection: AxisSelection::Others, ..over(&[1]) };
        let y = sum(&x, &others).unwrap();
        assert_eq!((y.shape, y.data), (vec![3], vec![14, 22, 30]));
        let kept = Reduce { shape: ReducedAxes::Kept, ..over(&[0, -1]) };
        let y = sum(&x, &kept).unwrap();
        assert_eq!((y.shape, y.data), (vec![1, 3, 1], vec![14, 22, 30]));
    }

    #[test]
    fn maximum_over_everything_is_never_negative() {
        let x = Tensor::new(vec![1, 3], vec![-3, -2, -5]).unwrap();
        assert_eq!(max(&x, &over(&[])).unwrap(), Tensor::new(vec![1], vec![0]).unwrap());
        assert_eq!(max(&x, &over(&[0, 1])).unwrap().data, [-2]);
        let others = Reduce { selection: AxisSelection::Others, ..over(&[]) };
        assert_eq!(max(&x, &others).unwrap().data, [-2]);
        let kept = Reduce { shape: ReducedAxes::Kept, ..over(&[]) };
        assert_eq!(max(&x, &kept).unwrap().shape, [1, 1]);
    }

    #[test]
    fn excluding_every_axis_copies() {
        let x = ramp(&[2, 2]);
        let none = Reduce { selection: AxisSelection::Others, ..over(&[0, 1]) };
        assert_eq!(sum(&x, &none).unwrap(), x);
    }

    #[test]
    fn kept_axes_of_length_one_mislead_the_device() {
        // Right would be 3, 12, 21, 30 in rows of three.
        let y = sum(&ramp(&[2, 2, 1, 3]), &over(&[3])).unwrap();
        assert_eq!((y.shape, y.data), (vec![2, 2, 1], vec![3, 12, 12, 21]));
    }

    #[test]
    fn refuses_axes_out_of_range_or_named_twice() {
        for axes in [&[3][..], &[-4], &[0, 0], &[0, -3]] {
            assert!(reduce_shape("sum", &[2, 2, 2], &over(axes)).is_err(), "{axes:?}");
        }
    }
}
