//! Input files, read the way a node reads them.
//!
//! The node finds three entries of a NumPy header by regular expressions and ignores the rest, the
//! order of axes and bytes after the array included. What it takes, every backend must take, so this
//! is not [`myelin_graph::npy`], which is for people.
//!
//! **Source.** CortexTheseus 5c9b016f6, `inference/npy_reader.go`, `inference/synapse`: `ReadData`.

use thiserror::Error;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Why an input file is not one a node reads. A retry does not help.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArrayError {
    /// It does not begin as such a file does, or ends within the preamble.
    #[error("not a NumPy array file")]
    Magic,
    /// The format version is not 1.0 or 2.0.
    #[error("format version {major}.{minor}, expected 1.0 or 2.0")]
    Version {
        /// First number.
        major: u8,
        /// Second number.
        minor: u8,
    },
    /// An entry of the header is missing or is not what it should be.
    #[error("header entry {entry} is missing or malformed")]
    Header {
        /// Which.
        entry: &'static str,
    },
    /// The elements are neither 8-bit nor 32-bit signed integers.
    #[error("elements of type {found:?}, expected i1 or i4")]
    ElementType {
        /// The type in the file.
        found: String,
    },
    /// The data ends before the array does.
    #[error("array needs {needed:?} bytes, found {found}")]
    Truncated {
        /// What the shape says; `None` beyond 64 bits.
        needed: Option<usize>,
        /// What there is.
        found: usize,
    },
}

/// The bytes of an array as a node hands them on: elements in the order of the file, 8-bit ones as
/// they are, 32-bit ones little-endian whatever the file has.
///
/// Nothing is allocated that the file does not hold.
///
/// **Errors.** [`ArrayError`]; to a node each is a logic error.
pub fn content(file: &[u8]) -> Result<Vec<u8>, ArrayError> {
    let rest = file.strip_prefix(MAGIC).ok_or(ArrayError::Magic)?;
    let (major, minor, rest) = match rest {
        [major, minor, rest @ ..] => (*major, *minor, rest),
        _ => return Err(ArrayError::Magic),
    };
    let width = match (major, minor) {
        (1, 0) => 2,
        (2, 0) => 4,
        _ => return Err(ArrayError::Version { major, minor }),
    };
    let (length, rest) = rest.split_at_checked(width).ok_or(ArrayError::Magic)?;
    let length = length.iter().rev().fold(0usize, |n, &byte| n << 8 | usize::from(byte));
    // A header cut short is read as far as it goes.
    let (header, data) = rest.split_at(length.min(rest.len()));
    if header.is_empty() {
        return Err(ArrayError::Header { entry: "descr" });
    }
    let element = element_type(header).ok_or(ArrayError::Header { entry: "descr" })?;
    find(header, b"'fortran_order':", |after| {
        (after.starts_with(b"False") || after.starts_with(b"True")).then_some(())
    })
    .ok_or(ArrayError::Header { entry: "fortran_order" })?;
    let count = element_count(header)?;
    // The first character is the byte order, whatever it is.
    let (order, name) = element.split_first().ok_or(ArrayError::Header { entry: "descr" })?;
    match name {
        b"i1" => Ok(take(data, count, 1)?.to_vec()),
        b"i4" if *order == b'>' => Ok(take(data, count, 4)?.chunks_exact(4).flat_map(reversed).collect()),
        b"i4" => Ok(take(data, count, 4)?.to_vec()),
        _ => Err(ArrayError::ElementType { found: String::from_utf8_lossy(element).into_owned() }),
    }
}

/// Four bytes in the other order.
pub(crate) fn reversed(group: &[u8]) -> [u8; 4] {
    let mut group: [u8; 4] = group.try_into().expect("invariant: groups of four bytes");
    group.reverse();
    group
}

fn take(data: &[u8], count: Option<usize>, width: usize) -> Result<&[u8], ArrayError> {
    let needed = count.and_then(|count| count.checked_mul(width));
    let short = ArrayError::Truncated { needed, found: data.len() };
    needed.and_then(|needed| data.get(..needed)).ok_or(short)
}

fn element_type(header: &[u8]) -> Option<&[u8]> {
    find(header, b"'descr':", |after| {
        let text = after.strip_prefix(b"'")?;
        Some(&text[..text.iter().position(|&byte| byte == b'\'')?])
    })
}

/// The number of elements; `Ok(None)` when it exceeds 64 bits.
fn element_count(header: &[u8]) -> Result<Option<usize>, ArrayError> {
    let inside = find(header, b"'shape':", |after| {
        let after = after.strip_prefix(b"(")?;
        // The expression takes the last parenthesis before another one opens.
        let end = after.iter().position(|&byte| byte == b'(').unwrap_or(after.len());
        Some(&after[..after[..end].iter().rposition(|&byte| byte == b')')?])
    });
    let malformed = ArrayError::Header { entry: "shape" };
    let inside = std::str::from_utf8(inside.ok_or(malformed.clone())?).map_err(|_| malformed.clone())?;
    let mut count = Some(1usize);
    for item in inside.split(',').map(|item| item.trim_matches(' ')) {
        if item.is_empty() {
            break;
        }
        // The node's own reader dies of anything but a number here.
        let axis: usize = item.parse().map_err(|_| malformed.clone())?;
        count = count.and_then(|count| count.checked_mul(axis));
    }
    Ok(count)
}

/// What `read` makes of the text after the first occurrence of `key` (and white space) it accepts.
fn find<'a, T>(header: &'a [u8], key: &[u8], read: impl Fn(&'a [u8]) -> Option<T>) -> Option<T> {
    let starts = header.windows(key.len()).enumerate().filter(|(_, window)| *window == key);
    let after = |(at, _): (usize, &[u8])| header[at + key.len()..].trim_ascii_start();
    starts.map(after).find_map(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        [&bytes, header.as_bytes(), data].concat()
    }

    fn header(descr: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
    }

    #[test]
    fn eight_bit_elements_come_as_they_are_in_both_versions() {
        for version in [1, 2] {
            for descr in ["|i1", "<i1", ">i1"] {
                let bytes = file(version, &header(descr, "(1, 3)"), &[1, 255, 128]);
                assert_eq!(content(&bytes), Ok(vec![1, 255, 128]));
            }
        }
    }

    #[test]
    fn words_come_little_endian_whatever_the_file_has() {
        let little = file(1, &header("<i4", "(2,)"), &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(content(&little), Ok(vec![1, 2, 3, 4, 5, 6, 7, 8]));
        let big = file(2, &header(">i4", "(2,)"), &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(content(&big), Ok(vec![4, 3, 2, 1, 8, 7, 6, 5]));
    }

    #[test]
    fn order_of_axes_and_bytes_after_the_array_are_ignored() {
        let header = header("|i1", "(2, 1)").replace("False", "True");
        assert_eq!(content(&file(1, &header, &[7, 8, 9])), Ok(vec![7, 8]));
        assert_eq!(content(&file(1, &header.replace("(2, 1)", "()"), &[7, 8, 9])), Ok(vec![7]));
    }

    #[test]
    fn everything_else_is_refused() {
        let good = header("|i1", "(2, 2)");
        let wrong = [
            file(3, &good, &[0; 4]),
            file(1, &good, &[0; 3]),
            file(1, &header("|u1", "(2, 2)"), &[0; 4]),
            file(1, &header("<f4", "(2, 2)"), &[0; 16]),
            file(1, &header("", "(2, 2)"), &[0; 4]),
            file(1, &header("é1", "(2, 2)"), &[0; 4]),
            file(1, &header("|i1", "(2, x)"), &[0; 4]),
            file(1, &header("|i1", "(-2, 2)"), &[0; 4]),
            file(1, &header("|i1", "[2, 2]"), &[0; 4]),
            file(1, &header("|i1", "(18446744073709551615, 2)"), &[0; 4]),
            file(1, &good.replace("fortran", "pascal"), &[0; 4]),
            file(1, &good.replace("False", "Maybe"), &[0; 4]),
            file(1, "", &[]),
            b"\x93NUMPY\x01\x01\x00\x00".to_vec(),
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(),
            b"\x93NUMPY\x01".to_vec(),
            b"\x93NUMP".to_vec(),
            Vec::new(),
        ];
        for bytes in wrong {
            assert!(content(&bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn mutated_files_are_read_or_refused() {
        use rand::{Rng, RngExt, SeedableRng};
        let seeds = [file(1, &header("|i1", "(2, 2)"), &[1; 4]), file(2, &header(">i4", "(3,)"), &[2; 12])];
        let mut read = 0;
        for seed in 0..20_000 {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let mut bytes = seeds[rng.random_range(0..seeds.len())].clone();
            for _ in 0..rng.random_range(1..4) {
                if bytes.len() < 2 {
                    break;
                }
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..4) {
                    0 => bytes[at] = rng.next_u32() as u8,
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, b"'(),:9 T"[rng.random_range(0..8)]),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            if let Ok(content) = content(&bytes) {
                assert!(content.len() < bytes.len(), "seed {seed}");
                read += 1;
            }
        }
        assert!((1..20_000).contains(&read), "{read}");
    }
}
