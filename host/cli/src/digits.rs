//! The digits networks and their test pictures, inside this binary.

use std::path::Path;

use myelin_golden::npy;
use myelin_isa::Precision;

use crate::failure::Failure;
use crate::model::LoadedModel;

/// A network with its test pictures, as it ships in `models/`.
pub struct Digits {
    name: &'static str,
    symbol: &'static [u8],
    params: &'static [u8],
    pictures: &'static [u8],
    labels: &'static [u8],
}

macro_rules! digits {
    ($name:literal) => {
        Digits {
            name: $name,
            symbol: include_bytes!(concat!("../../../models/", $name, "/symbol")),
            params: include_bytes!(concat!("../../../models/", $name, "/params")),
            pictures: include_bytes!(concat!("../../../models/", $name, "/input.npy")),
            labels: include_bytes!(concat!("../../../models/", $name, "/labels.npy")),
        }
    };
}

const DIGITS_INT8: Digits = digits!("digits_int8");
const DIGITS_INT6: Digits = digits!("digits_int6");

/// Side of a picture in pixels.
pub const SIDE: usize = 8;
/// Pixels of a picture.
pub const PIXELS: usize = SIDE * SIDE;
impl Digits {
    /// The network of this precision.
    pub fn of(precision: Precision) -> &'static Digits {
        match precision {
            Precision::Int6 => &DIGITS_INT6,
            Precision::Int8 => &DIGITS_INT8,
        }
    }

    /// The imported network.
    pub fn model(&self) -> Result<LoadedModel, Failure> {
        LoadedModel::from_bytes(Path::new(self.name), self.symbol.to_vec(), self.params.to_vec())
    }

    /// All pictures, one behind the other.
    pub fn pictures(&self) -> Vec<i32> {
        npy::read(self.pictures).expect("invariant: the built-in pictures are an array").data
    }

    /// The digit that people say a picture shows. The array of bytes is the end of its file.
    pub fn label(&self, index: usize, count: usize) -> u8 {
        self.labels[self.labels.len() - count + index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_pictures_have_a_label_each() {
        for digits in [DIGITS_INT8, DIGITS_INT6] {
            let pictures = digits.pictures();
            assert_eq!(pictures.len(), 899 * PIXELS);
            assert!((0..899).all(|index| digits.label(index, 899) < 10));
            assert_eq!([0, 1, 2].map(|index| digits.label(index, 899)), [6, 5, 9]);
        }
    }
}
