//! Constant tensors, kept in the width of the file they came from.

use crate::error::GraphFault;
use crate::shape::Shape;

/// Highest precision of a value, in bits; the lowest is 1.
pub const PRECISION_MAX: u8 = 32;

/// Largest magnitude a value of `precision` bits may have: `2^(precision-1) - 1`.
///
/// **Panics** when `precision` is not 1 to [`PRECISION_MAX`].
pub fn precision_limit(precision: u8) -> i32 {
    assert!((1..=PRECISION_MAX).contains(&precision), "precision is 1 to 32 bits");
    ((1i64 << (precision - 1)) - 1) as i32
}

/// The elements of a [`Tensor`], row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TensorData {
    /// Stored as 8-bit integers.
    I8(Vec<i8>),
    /// Stored as 32-bit integers.
    I32(Vec<i32>),
}

/// A constant integer tensor.
///
/// **Numbers.** The stored width says nothing of the precision, which belongs to the graph's value:
/// 4- and 6-bit weights are stored in 8 bits each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    shape: Shape,
    data: TensorData,
}

impl Tensor {
    /// Makes a tensor of `shape` (row-major data).
    ///
    /// **Errors.** [`GraphFault::ShapeLimit`], or [`GraphFault::ElementCount`] when `data` does not
    /// hold exactly the shape's elements.
    pub fn new(shape: &[usize], data: TensorData) -> Result<Self, GraphFault> {
        let shape = Shape::checked(shape)?;
        let found = match &data {
            TensorData::I8(v) => v.len(),
            TensorData::I32(v) => v.len(),
        };
        if found != shape.elements() {
            return Err(GraphFault::ElementCount { shape, found });
        }
        Ok(Self { shape, data })
    }

    /// [`Tensor::new`] of 8-bit elements.
    pub fn from_i8(shape: &[usize], data: Vec<i8>) -> Result<Self, GraphFault> {
        Self::new(shape, TensorData::I8(data))
    }

    /// [`Tensor::new`] of 32-bit elements.
    pub fn from_i32(shape: &[usize], data: Vec<i32>) -> Result<Self, GraphFault> {
        Self::new(shape, TensorData::I32(data))
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements as stored.
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// Number of elements, at least 1.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// Element `index` in row-major order, widened.
    pub fn get(&self, index: usize) -> Option<i32> {
        match &self.data {
            TensorData::I8(v) => v.get(index).map(|&x| i32::from(x)),
            TensorData::I32(v) => v.get(index).copied(),
        }
    }

    /// All elements in row-major order, widened.
    pub fn iter(&self) -> impl Iterator<Item = i32> + '_ {
        let (narrow, wide): (&[i8], &[i32]) = match &self.data {
            TensorData::I8(v) => (v, &[]),
            TensorData::I32(v) => (&[], v),
        };
        narrow.iter().map(|&x| i32::from(x)).chain(wide.iter().copied())
    }

    /// All elements in row-major order, widened into a new vector.
    pub fn to_i32(&self) -> Vec<i32> {
        self.iter().collect()
    }

    /// The elements as bytes if every one fits 8 bits, whatever the stored width.
    pub fn to_i8(&self) -> Option<Vec<i8>> {
        self.iter().map(|x| i8::try_from(x).ok()).collect()
    }

    /// Least and greatest element.
    pub fn range(&self) -> (i32, i32) {
        self.iter().fold((i32::MAX, i32::MIN), |(lo, hi), x| (lo.min(x), hi.max(x)))
    }

    /// First element whose magnitude exceeds `precision` bits, with its row-major index.
    pub fn first_out_of_range(&self, precision: u8) -> Option<(usize, i32)> {
        let limit = precision_limit(precision);
        self.iter().enumerate().find(|&(_, x)| x > limit || x < -limit)
    }
}
