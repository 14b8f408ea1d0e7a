//! The fully connected layer.

use super::shape_error;
use crate::{Error, Tensor};

const NAME: &str = "dense";

/// The shape of [`dense`]'s result: `[m, units]`.
pub(crate) fn dense_shape(x: &[usize], weight: &[usize], bias: Option<&[usize]>) -> Result<Vec<usize>, Error> {
    let &[m, k] = x else {
        return Err(shape_error(NAME, "data must have two dimensions", x));
    };
    let &[units, k_weight] = weight else {
        return Err(shape_error(NAME, "weight must have two dimensions", weight));
    };
    let mismatch =
        |rule, shape: &[usize]| Err(Error::OperatorInference { operator: NAME, rule, shape: shape.to_vec() });
    if k != k_weight {
        return mismatch("weight must have the data's row length", weight);
    }
    match bias {
        Some(bias) if bias != [units] => mismatch("bias must have one value per unit", bias),
        _ => Ok(vec![m, units]),
    }
}

/// `y = x * weight^T + bias`.
///
/// **Shapes and units**: data `[m, k]`, weight `[units, k]`, bias `[units]`, result `[m, units]`.
/// **Numbers**: products and sums wrap at 32 bits.
pub fn dense(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, Error> {
    x.check()?;
    weight.check()?;
    bias.map_or(Ok(()), Tensor::check)?;
    let shape = dense_shape(&x.shape, &weight.shape, bias.map(|bias| &bias.shape[..]))?;
    let mut y = Tensor::filled(&shape, 0)?;
    let (units, k) = (weight.shape[0], weight.shape[1]);
    for row in 0..shape[0] {
        for unit in 0..units {
            let mut sum = bias.map_or(0, |bias| bias.data[unit]);
            for i in 0..k {
                let product = x.data[row * k + i].wrapping_mul(weight.data[unit * k + i]);
                sum = sum.wrapping_add(product);
            }
            y.data[row * units + unit] = sum;
        }
    }
    Ok(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplies_rows_by_rows_and_adds_bias() {
        let x = Tensor::new(vec![2, 2], vec![1, 2, 3, 4]).unwrap();
        let weight = Tensor::new(vec![3, 2], vec![1, 0, 0, 1, -1, 1]).unwrap();
        let bias = Tensor::new(vec![3], vec![10, 20, 30]).unwrap();
        let y = dense(&x, &weight, Some(&bias)).unwrap();
        assert_eq!((y.shape, y.data), (vec![2, 3], vec![11, 22, 31, 13, 24, 31]));
    }

    #[test]
    fn wraps_at_32_bits() {
        let x = Tensor::new(vec![1, 2], vec![i32::MAX, 1]).unwrap();
        let weight = Tensor::filled(&[1, 2], 1).unwrap();
        assert_eq!(dense(&x, &weight, None).unwrap().data, [i32::MIN]);
    }

    #[test]
    fn refuses_shapes_that_do_not_fit() {
        assert!(dense_shape(&[1, 2, 3], &[3, 2], None).is_err());
        assert!(dense_shape(&[1, 2], &[3], None).is_err());
        assert!(dense_shape(&[1, 2], &[3, 3], None).is_err());
        assert!(dense_shape(&[1, 2], &[3, 2], Some(&[2])).is_err());
    }
}
