//! Operators that move elements without changing them.

use super::{checked_axis, shape_error};
use crate::{Error, Tensor};

/// The shape of [`flatten`]'s result: `[n, everything else]`.
pub fn flatten_shape(x: &[usize]) -> Result<Vec<usize>, Error> {
    match x {
        [] => Err(shape_error("flatten", "data must have a dimension", x)),
        [n, rest @ ..] => Ok(vec![*n, rest.iter().product()]),
    }
}

/// All axes but the first joined into one.
pub fn flatten(x: &Tensor) -> Result<Tensor, Error> {
    x.check()?;
    x.with_shape(flatten_shape(&x.shape)?)
}

/// The shape of [`concatenate`]'s result: the lengths along `axis` added.
pub fn concatenate_shape(inputs: &[&[usize]], axis: i64) -> Result<Vec<usize>, Error> {
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
}
