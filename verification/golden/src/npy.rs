//! Reads the few kinds of `.npy` file the test data uses: `|i1` and `<i4`, C order.

use crate::{Error, Tensor, checked_element_count};

/// Longest header read, in bytes; NumPy's own are 118.
const HEADER_BYTES_MAX: usize = 4096;

/// Reads a NumPy array of 8-bit or little-endian 32-bit integers; 8-bit values are widened.
///
/// **Shapes and units**: format versions 1 and 2, dtype `|i1`, `<i1` or `<i4`, C order. Bytes after
/// the array are an error. Nothing is allocated that the file does not hold.
///
/// **Errors**: [`Error::Npy`] for any other layout, [`Error::Shape`] for an illegal shape.
///
/// **Source**: NumPy NEP 1.
pub fn read(bytes: &[u8]) -> Result<Tensor, Error> {
    let (header, body) = split_header(bytes)?;
    let descr = value_of(header, "descr")?;
    let descr = descr.trim_start_matches(['\'', '"']);
    if !value_of(header, "fortran_order")?.starts_with("False") {
        return Err(npy("array must be in C order"));
    }
    let shape = read_shape(value_of(header, "shape")?)?;
    let count = checked_element_count(&shape)?;
    let data: Vec<i32> = if descr.starts_with("|i1") || descr.starts_with("<i1") {
        check_length(body, count)?;
        body.iter().map(|&byte| i32::from(byte as i8)).collect()
    } else if descr.starts_with("<i4") {
        check_length(body, count * 4)?;
        body.chunks_exact(4).map(|c| i32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect()
    } else {
        return Err(npy("dtype must be |i1 or <i4"));
    };
    Tensor::new(shape, data)
}

fn split_header(bytes: &[u8]) -> Result<(&str, &[u8]), Error> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or(npy("magic is missing"))?;
    let (length, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err(npy("version must be 1 or 2")),
    };
    if length > HEADER_BYTES_MAX || length > rest.len() {
        return Err(npy("header is longer than the file or the limit"));
    }
    let (header, body) = rest.split_at(length);
    let header = std::str::from_utf8(header).map_err(|_| npy("header must be text"))?;
    Ok((header, body))
}

/// The text that follows `'key':` in the header's dictionary.
fn value_of<'a>(header: &'a str, key: &str) -> Result<&'a str, Error> {
    let start = header.find(&format!("'{key}'")).ok_or(npy("header key is missing"))?;
    let after = header[start + key.len() + 2..].trim_start();
    let value = after.strip_prefix(':').ok_or(npy("header key has no value"))?;
    Ok(value.trim_start())
}

fn read_shape(text: &str) -> Result<Vec<usize>, Error> {
    let inner = text.strip_prefix('(').and_then(|t| t.split(')').next());
    let inner = inner.ok_or(npy("shape must be a tuple"))?;
    let items = inner.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| item.parse().map_err(|_| npy("shape must be a tuple of integers"))).collect()
}

fn check_length(body: &[u8], expected: usize) -> Result<(), Error> {
    if body.len() == expected { Ok(()) } else { Err(npy("data length differs from the shape")) }
}

fn npy(part: &'static str) -> Error {
    Error::Npy { part }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        bytes.extend(header.as_bytes());
        bytes.extend(body);
        bytes
    }

    const I1: &str = "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 2), }\n";
    const I4: &str = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }\n";

    #[test]
    fn reads_both_versions_and_both_widths() {
        let small = read(&file(1, I1, &[0, 127, 128, 255])).unwrap();
        assert_eq!(small, Tensor::new(vec![2, 2], vec![0, 127, -128, -1]).unwrap());
        let wide = read(&file(2, I4, &[1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff])).unwrap();
        assert_eq!(wide, Tensor::new(vec![2], vec![1, -2]).unwrap());
    }

    #[test]
    fn refuses_everything_else() {
        let wrong = [
            file(3, I1, &[0; 4]),
            file(1, I1, &[0; 3]),
            file(1, I1, &[0; 5]),
            file(1, &I1.replace("|i1", ">i4"), &[0; 16]),
            file(1, &I1.replace("False", "True"), &[0; 4]),
            file(1, &I1.replace("(2, 2)", "(2, x)"), &[0; 4]),
            file(1, &I1.replace("(2, 2)", "(16777217, 16777217)"), &[0; 4]),
            file(1, &I1.replace("(2, 2)", "2"), &[0; 4]),
            file(1, &I1.replace("shape", "shap"), &[0; 4]),
            b"\x93NUMPY\x01\x00\xff\xff{".to_vec(),
            b"\x93NUMP".to_vec(),
            Vec::new(),
        ];
        for bytes in wrong {
            assert!(read(&bytes).is_err(), "{bytes:?}");
        }
    }
}
