//! Operators on two tensors whose axes of length 1 are stretched to match. Shapes are aligned at the
//! last axis; an axis of length 1, or absent, takes the other's length.

use super::rearrange::{ravel, unravel};
use super::shape_error;
use crate::{Error, Tensor};

/// The shape of a broadcast's result: aligned at the last axis, an axis of length 1 (or absent)
/// takes the other's length.
pub(crate) fn broadcast_shape(operator: &'static str, a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
    let rank = a.len().max(b.len());
    let length = |shape: &[usize], axis: usize| {
        // Axes the shorter shape lacks come first.
        (axis + shape.len()).checked_sub(rank).map_or(1, |own| shape[own])
    };
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        match (length(a, axis), length(b, axis)) {
            (a, b) if a == b => shape.push(a),
            (1, other) | (other, 1) => shape.push(other),
            _ => return Err(shape_error(operator, "lengths must agree or be 1", b)),
        }
    }
    Ok(shape)
}

/// `a + b` with axes of length 1 stretched, wrapping at 32 bits.
pub fn broadcast_add(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    broadcast("broadcast_add", a, b, i32::wrapping_add)
}

/// `a - b` with axes of length 1 stretched, wrapping at 32 bits.
pub fn broadcast_sub(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    broadcast("broadcast_sub", a, b, i32::wrapping_sub)
}

/// `a * b` with axes of length 1 stretched, wrapping at 32 bits.
pub fn broadcast_mul(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    broadcast("broadcast_mul", a, b, i32::wrapping_mul)
}

/// The greater of `a` and `b`, axes of length 1 stretched.
pub fn broadcast_max(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    broadcast("broadcast_max", a, b, i32::max)
}

/// `a / b` rounded toward zero, and 0 where `b` is 0; axes of length 1 stretched. `i32::MIN / -1`, on which a processor may
/// trap, wraps.
pub fn broadcast_div(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    broadcast("broadcast_div", a, b, |a, b| if b == 0 { 0 } else { a.wrapping_div(b) })
}

/// 1 where `a > b`, else 0; axes of length 1 stretched.
pub fn broadcast_greater(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    broadcast("broadcast_greater", a, b, |a, b| i32::from(a > b))
}

fn broadcast(operator: &'static str, a: &Tensor, b: &Tensor, f: impl Fn(i32, i32) -> i32) -> Result<Tensor, Error> {
    a.check()?;
    b.check()?;
    let mut y = Tensor::filled(&broadcast_shape(operator, &a.shape, &b.shape)?, 0)?;
    for at in 0..y.data.len() {
        let index = unravel(at, &y.shape);
        y.data[at] = f(stretched(a, &index), stretched(b, &index));
    }
    Ok(y)
}

/// The element of `x` that `index` of the result sees.
fn stretched(x: &Tensor, index: &[usize]) -> i32 {
    let own = &index[index.len() - x.shape.len()..];
    let own = own.iter().zip(&x.shape).map(|(&place, &length)| if length == 1 { 0 } else { place });
    x.data[ravel(&own.collect::<Vec<_>>(), &x.shape)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_either_side() {
        let a = Tensor::new(vec![2, 1], vec![10, 20]).unwrap();
        let b = Tensor::new(vec![3], vec![1, 2, 3]).unwrap();
        let y = broadcast_add(&a, &b).unwrap();
        assert_eq!((y.shape, y.data), (vec![2, 3], vec![11, 12, 13, 21, 22, 23]));
        assert_eq!(broadcast_sub(&b, &a).unwrap().data, [-9, -8, -7, -19, -18, -17]);
        assert_eq!(broadcast_mul(&a, &b).unwrap().data, [10, 20, 30, 20, 40, 60]);
        assert_eq!(broadcast_greater(&b, &a).unwrap().data, [0; 6]);
        assert_eq!(broadcast_max(&a, &b).unwrap().data, [10, 10, 10, 20, 20, 20]);
        assert!(broadcast_shape("x", &[2, 3], &[2]).is_err());
    }

    #[test]
    fn divides_toward_zero_and_never_traps() {
        let a = Tensor::new(vec![4], vec![-7, 7, 5, i32::MIN]).unwrap();
        let b = Tensor::new(vec![4], vec![2, -2, 0, -1]).unwrap();
        assert_eq!(broadcast_div(&a, &b).unwrap().data, [-3, -3, 0, i32::MIN]);
    }
}
