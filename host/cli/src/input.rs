//! Inputs from a NumPy array file.

use std::path::Path;

use myelin_graph::npy::{self, Array};

use crate::failure::Failure;
use crate::files;

/// Longest array file read, in bytes.
const BYTES_MAX: u64 = 1 << 30;

/// One input or a batch of them, widened.
#[derive(Debug)]
pub struct Inputs {
    values: Vec<i32>,
    /// Elements of one input, at least 1.
    elements: usize,
}

impl Inputs {
    /// Reads an array of the model's input shape, or several: behind each other in a leading axis,
    /// or in the batch axis where the model's own is 1.
    pub fn read(path: &Path, expected: &[usize]) -> Result<Inputs, Failure> {
        let bytes = files::read(path, BYTES_MAX)?;
        let array = npy::parse(&bytes).map_err(|source| Failure::Array { path: path.to_owned(), source })?;
        let batch = [&array.shape[..], array.shape.get(1..).unwrap_or(&[])];
        let is_single_batch = expected.first() == Some(&1) && array.shape.len() == expected.len();
        let fits = batch.contains(&expected) || is_single_batch && array.shape[1..] == expected[1..];
        let elements = expected.iter().product();
        if !fits || elements == 0 || array.shape.contains(&0) {
            let (found, expected) = (array.shape, expected.to_vec());
            return Err(Failure::InputShape { path: path.to_owned(), found, expected });
        }
        Ok(Inputs { values: widen(path, &array)?, elements })
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.values.len() / self.elements
    }

    /// One of them.
    pub fn get(&self, index: usize) -> Result<&[i32], Failure> {
        let input = self.values.chunks_exact(self.elements).nth(index);
        input.ok_or(Failure::Index { index, count: self.count() })
    }
}

fn widen(path: &Path, array: &Array) -> Result<Vec<i32>, Failure> {
    let values = array.to_i64().into_iter().enumerate().map(|(position, value)| {
        i32::try_from(value).map_err(|_| Failure::InputValue { path: path.to_owned(), position, value })
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(shape: &[usize], expected: &[usize]) -> Result<Inputs, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let data: Vec<i8> = (0..shape.iter().product::<usize>()).map(|index| index as i8).collect();
        std::fs::write(file.path(), npy::write_i8(shape, &data).unwrap()).unwrap();
        Inputs::read(file.path(), expected)
    }

    #[test]
    fn one_input_and_both_kinds_of_batch_are_read() {
        assert_eq!(read(&[1, 1, 2, 2], &[1, 1, 2, 2]).unwrap().count(), 1);
        assert_eq!(read(&[3, 1, 2, 2], &[1, 1, 2, 2]).unwrap().count(), 3);
        let batches = read(&[3, 2, 4], &[2, 4]).unwrap();
        assert_eq!(batches.count(), 3);
        assert_eq!(batches.get(2).unwrap(), [16, 17, 18, 19, 20, 21, 22, 23]);
    }

    #[test]
    fn other_shapes_are_refused_with_both_shapes() {
        for (shape, expected) in
            [(&[2, 2][..], &[1, 1, 2, 2][..]), (&[3, 4], &[2, 4]), (&[8], &[2, 4]), (&[0, 2], &[1, 2])]
        {
            let failure = read(shape, expected).unwrap_err();
            assert!(matches!(failure, Failure::InputShape { .. }), "{shape:?} for {expected:?}: {failure}");
        }
    }

    #[test]
    fn an_index_beyond_the_batch_is_refused_with_their_number() {
        let failure = read(&[3, 1, 2, 2], &[1, 1, 2, 2]).unwrap().get(3).unwrap_err();
        assert!(matches!(failure, Failure::Index { index: 3, count: 3 }));
    }
}
