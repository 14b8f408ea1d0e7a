//! Operators that treat every element by itself.

use super::requantise::map;
use super::shape_error;
use crate::{Error, Tensor};

/// Every element, negative ones replaced by 0.
pub fn relu(x: &Tensor) -> Result<Tensor, Error> {
    map(x, |value| value.max(0))
}

/// The magnitude of every element; that of `i32::MIN` wraps to itself.
pub fn abs(x: &Tensor) -> Result<Tensor, Error> {
    map(x, i32::wrapping_abs)
}

/// The negative of every element; that of `i32::MIN` wraps to itself.
pub fn negative(x: &Tensor) -> Result<Tensor, Error> {
    map(x, i32::wrapping_neg)
}

/// The bits of every element's magnitude, at least 1 and at most 32.
pub fn cvm_precision(x: &Tensor) -> Result<Tensor, Error> {
    map(x, |value| (u32::BITS - value.unsigned_abs().leading_zeros()).max(1) as i32)
}

/// The common shape of two tensors that must agree.
pub(crate) fn elemwise_shape(operator: &'static str, a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
    if a == b { Ok(a.to_vec()) } else { Err(shape_error(operator, "inputs must have one shape", b)) }
}

/// The sum of two tensors of one shape, wrapping at 32 bits.
pub fn elemwise_add(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    zip("elemwise_add", a, b, i32::wrapping_add)
}

/// The difference of two tensors of one shape, wrapping at 32 bits.
pub fn elemwise_sub(a: &Tensor, b: &Tensor) -> Result<Tensor, Error> {
    zip("elemwise_sub", a, b, i32::wrapping_sub)
}

fn zip(operator: &'static str, a: &Tensor, b: &Tensor, f: impl Fn(i32, i32) -> i32) -> Result<Tensor, Error> {
    a.check()?;
    b.check()?;
    let shape = elemwise_shape(operator, &a.shape, &b.shape)?;
    let data = a.data.iter().zip(&b.data).map(|(&a, &b)| f(a, b)).collect();
    Ok(Tensor { shape, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_differences_wrap() {
        let a = Tensor::new(vec![2], vec![i32::MAX, i32::MIN]).unwrap();
        let b = Tensor::new(vec![2], vec![1, 1]).unwrap();
        assert_eq!(elemwise_add(&a, &b).unwrap().data, [i32::MIN, i32::MIN + 1]);
        assert_eq!(elemwise_sub(&a, &b).unwrap().data, [i32::MAX - 1, i32::MAX]);
        assert!(elemwise_add(&a, &a.with_shape(vec![1, 2]).unwrap()).is_err());
    }

    #[test]
    fn magnitudes_and_negatives_wrap_at_the_end() {
        let x = Tensor::new(vec![4], vec![i32::MIN, -1, 0, i32::MAX]).unwrap();
        assert_eq!(abs(&x).unwrap().data, [i32::MIN, 1, 0, i32::MAX]);
        assert_eq!(negative(&x).unwrap().data, [i32::MIN, 1, 0, -i32::MAX]);
        assert_eq!(cvm_precision(&x).unwrap().data, [32, 1, 1, 31]);
        let x = Tensor::new(vec![4], vec![2, -3, 4, 128]).unwrap();
        assert_eq!(cvm_precision(&x).unwrap().data, [2, 2, 3, 8]);
    }

    #[test]
    fn relu_keeps_only_what_is_positive() {
        let x = Tensor::new(vec![3], vec![i32::MIN, 0, i32::MAX]).unwrap();
        assert_eq!(relu(&x).unwrap().data, [0, 0, i32::MAX]);
    }
}
