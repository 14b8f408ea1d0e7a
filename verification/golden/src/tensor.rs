//! The one kind of array: 32-bit integers, row-major.

use crate::Error;

/// Most dimensions a tensor may have.
pub const RANK_MAX: usize = 6;
/// Largest single dimension.
pub const DIMENSION_MAX: usize = 1 << 24;
/// Most elements a tensor may have.
pub const ELEMENT_COUNT_MAX: usize = 1 << 30;

/// A row-major array of 32-bit integers; the last axis varies fastest.
///
/// **Shapes and units**: pictures are NCHW (batch, channel, height, width). One to six dimensions
/// of 1 to 2^24, at most 2^30 elements. The fields are open; every operator checks that they agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Length of every axis, outermost first.
    pub shape: Vec<usize>,
    /// The elements; their number is the product of `shape`.
    pub data: Vec<i32>,
}

impl Tensor {
    /// A tensor of `shape` holding `data`.
    ///
    /// **Errors**: [`Error::Shape`] when the shape is illegal or `data` is of another length.
    pub fn new(shape: Vec<usize>, data: Vec<i32>) -> Result<Tensor, Error> {
        let tensor = Tensor { shape, data };
        tensor.check()?;
        Ok(tensor)
    }

    /// A tensor of `shape` with every element `value`.
    ///
    /// **Errors**: [`Error::Shape`] when the shape is illegal; nothing is allocated then.
    pub fn filled(shape: &[usize], value: i32) -> Result<Tensor, Error> {
        let count = checked_element_count(shape)?;
        Ok(Tensor { shape: shape.to_vec(), data: vec![value; count] })
    }

    /// That shape and data agree and are within the limits.
    ///
    /// **Errors**: [`Error::Shape`].
    pub fn check(&self) -> Result<(), Error> {
        if checked_element_count(&self.shape)? == self.data.len() {
            Ok(())
        } else {
            Err(shape_error("data length differs from the product of the shape", &self.shape))
        }
    }

    /// The same elements under another shape.
    ///
    /// **Errors**: [`Error::Shape`] when the element counts differ.
    pub fn with_shape(&self, shape: Vec<usize>) -> Result<Tensor, Error> {
        Tensor::new(shape, self.data.clone())
    }
}

/// The number of elements of `shape`, if the shape is legal.
///
/// **Errors**: [`Error::Shape`] on a rank outside 1 to 6, a dimension outside 1 to 2^24, or more
/// than 2^30 elements.
pub fn checked_element_count(shape: &[usize]) -> Result<usize, Error> {
    if shape.is_empty() || shape.len() > RANK_MAX {
        return Err(shape_error("rank must be 1 to 6", shape));
    }
    let mut count = 1usize;
    for &dimension in shape {
        if dimension == 0 || dimension > DIMENSION_MAX {
            return Err(shape_error("a dimension must be 1 to 2^24", shape));
        }
        // At most 2^30 * 2^24: no overflow.
        count *= dimension;
        if count > ELEMENT_COUNT_MAX {
            return Err(shape_error("a tensor has at most 2^30 elements", shape));
        }
    }
    Ok(count)
}

fn shape_error(rule: &'static str, shape: &[usize]) -> Error {
    Error::Shape { rule, shape: shape.iter().map(|&d| d as i64).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_illegal_shapes_before_allocating() {
        for shape in [&[][..], &[0], &[1; 7], &[(1 << 24) + 1], &[1 << 24, 1 << 24], &[usize::MAX]] {
            assert!(matches!(Tensor::filled(shape, 0), Err(Error::Shape { .. })), "{shape:?}");
        }
    }

    #[test]
    fn refuses_data_of_another_length() {
        assert!(Tensor::new(vec![2, 3], vec![0; 6]).is_ok());
        assert!(Tensor::new(vec![2, 3], vec![0; 5]).is_err());
    }
}
