//! Tensor shapes and the chain's limits on them.

use crate::error::GraphFault;
use std::fmt;
use std::ops::Deref;

/// Most axes a tensor may have on the chain; the least is 1.
pub const RANK_MAX: usize = 6;
/// Longest axis the chain accepts, in elements; the shortest is 1.
pub const DIMENSION_MAX: usize = 1 << 24;
/// Most elements a tensor may have on the chain.
pub const ELEMENTS_MAX: u64 = 1 << 30;

/// The lengths of a tensor's axes, outermost first, row-major.
///
/// **Shapes and units.** Activations are `(N, C, H, W)`, convolution weights `(O, I/groups, H, W)`,
/// dense weights `(units, K)`. Dereferences to a slice and compares with slices and arrays.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Shape(Box<[usize]>);

impl Shape {
    /// Makes a shape without checking it against the chain's limits.
    pub fn new(dims: &[usize]) -> Self {
        Self(dims.into())
    }

    /// Makes a shape that obeys the chain's limits: 1 to [`RANK_MAX`] axes of 1 to
    /// [`DIMENSION_MAX`], at most [`ELEMENTS_MAX`] elements.
    ///
    /// **Errors.** [`GraphFault::ShapeLimit`].
    pub fn checked(dims: &[usize]) -> Result<Self, GraphFault> {
        let fault = |what, found: u64, max: u64| GraphFault::ShapeLimit {
            shape: Self::new(dims.get(..RANK_MAX).unwrap_or(dims)),
            what,
            found,
            max,
        };
        if dims.is_empty() || dims.len() > RANK_MAX {
            return Err(fault("rank", dims.len() as u64, RANK_MAX as u64));
        }
        let mut elements = 1u64;
        for &dim in dims {
            if dim == 0 || dim > DIMENSION_MAX {
                return Err(fault("dimension", dim as u64, DIMENSION_MAX as u64));
            }
            // At most 2^30 * 2^24 before the check below.
            elements *= dim as u64;
            if elements > ELEMENTS_MAX {
                return Err(fault("element count", elements, ELEMENTS_MAX));
            }
        }
        Ok(Self::new(dims))
    }

    /// Number of elements; saturates for shapes beyond the chain's limits.
    pub fn elements(&self) -> usize {
        self.0.iter().fold(1, |n, &d| n.saturating_mul(d))
    }

    /// The four axes `[n, c, h, w]` (or `[o, i, h, w]`), if there are four.
    pub fn nchw(&self) -> Option<[usize; 4]> {
        self[..].try_into().ok()
    }

    /// Bytes as the chain's runtime stores it: four to an element, whatever the precision.
    pub fn storage_bytes(&self) -> u64 {
        (self.elements() as u64).saturating_mul(4)
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Self::new(dims)
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Self(dims.into_boxed_slice())
    }
}

impl<const N: usize> PartialEq<[usize; N]> for Shape {
    fn eq(&self, other: &[usize; N]) -> bool {
        self[..] == other[..]
    }
}

impl PartialEq<[usize]> for Shape {
    fn eq(&self, other: &[usize]) -> bool {
        self[..] == *other
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, dim) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
