//! Byte orders between the chain and the runtime.

use std::borrow::Cow;

use crate::error::InferError;
use crate::npy::reversed;

/// The bytes the runtime is given, from those a node has: its first `length` bytes, with every group
/// of four turned round when elements have four bytes.
///
/// The chain's arrays are big-endian and the runtime little-endian, so arrays arrive right. Words from
/// a file were written little-endian before, so they arrive with their bytes swapped; every node does
/// that, so we do.
///
/// **Errors.** [`InferError::InputLength`] for fewer bytes; further ones are ignored.
///
/// **Source.** CortexTheseus 5c9b016f6, cvm-runtime b5a2518, `kernel`: `Predict`, `ToAlignedData`.
pub fn to_runtime(content: &[u8], length: usize, type_size: usize) -> Result<Cow<'_, [u8]>, InferError> {
    let short = InferError::InputLength { expected: length, found: content.len() };
    let used = content.get(..length).ok_or(short)?;
    Ok(in_order(used, type_size))
}

/// The bytes a node hands to a contract, from the runtime's: words big-endian.
pub fn to_chain(output: &[u8], type_size: usize) -> Vec<u8> {
    in_order(output, type_size).into_owned()
}

fn in_order(bytes: &[u8], type_size: usize) -> Cow<'_, [u8]> {
    if type_size == 4 { Cow::Owned(bytes.chunks_exact(4).flat_map(reversed).collect()) } else { Cow::Borrowed(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_turned_round_and_bytes_are_not() {
        let content = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(*to_runtime(&content, 3, 1).unwrap(), [1, 2, 3]);
        assert_eq!(*to_runtime(&content, 8, 4).unwrap(), [4, 3, 2, 1, 8, 7, 6, 5]);
        assert_eq!(to_chain(&2i32.to_le_bytes(), 4), [0, 0, 0, 2]);
        assert_eq!(to_chain(&[1, 2], 1), [1, 2]);
    }

    #[test]
    fn too_few_bytes_are_refused_and_further_ones_ignored() {
        assert!(matches!(to_runtime(&[0; 7], 8, 4), Err(InferError::InputLength { expected: 8, found: 7 })));
        assert!(to_runtime(&[0; 9], 8, 4).is_ok());
    }
}
