//! NumPy's array files: a bounded reader and a writer, for inputs, labels and logits.
//!
//! Reads format versions 1 and 2, C order only, element types `|i1 |u1 <i4 >i4 <i8`; writes `|i1` and
//! `<i4`. **Source.** NumPy's format specification (NEP 1).

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use thiserror::Error;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// NumPy pads the header so that data starts at a multiple of this.
const ALIGNMENT: usize = 64;
/// Longest header read, in bytes; real ones are 64 to 128.
const HEADER_MAX: usize = 1 << 16;
/// Most axes read, NumPy's own limit.
const RANK_MAX: usize = 32;

/// The elements of an [`Array`], row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// `|i1`
    I8(Vec<i8>),
    /// `|u1`
    U8(Vec<u8>),
    /// `<i4` or `>i4`
    I32(Vec<i32>),
    /// `<i8`
    I64(Vec<i64>),
}

/// An array read from a file; a scalar has no axes and one element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Axis lengths, outermost first; may hold zeros.
    pub shape: Vec<usize>,
    /// As many elements as the shape has.
    pub data: Data,
}

impl Array {
    /// The 8-bit signed elements, if that is what it holds.
    pub fn as_i8(&self) -> Option<&[i8]> {
        match &self.data {
            Data::I8(v) => Some(v),
            _ => None,
        }
    }

    /// The 32-bit elements, if that is what it holds.
    pub fn as_i32(&self) -> Option<&[i32]> {
        match &self.data {
            Data::I32(v) => Some(v),
            _ => None,
        }
    }

    /// All elements in row-major order, widened.
    pub fn to_i64(&self) -> Vec<i64> {
        match &self.data {
            Data::I8(v) => v.iter().map(|&x| x.into()).collect(),
            Data::U8(v) => v.iter().map(|&x| x.into()).collect(),
            Data::I32(v) => v.iter().map(|&x| x.into()).collect(),
            Data::I64(v) => v.clone(),
        }
    }
}

/// Why an array file could not be read or written. A retry does not help.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NpyError {
    /// The file could not be opened or read.
    #[error("read {path}: {kind}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        kind: std::io::ErrorKind,
    },
    /// The file is longer than allowed.
    #[error("the file has {found} bytes, the limit is {max}")]
    TooLarge {
        /// Bytes in the file.
        found: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// It does not begin as such a file does.
    #[error("not a NumPy array file: it does not begin with \\x93NUMPY")]
    Magic,
    /// The format version is not 1.0 or 2.0.
    #[error("format version {major}.{minor}, expected 1.0 or 2.0")]
    Version {
        /// First number.
        major: u8,
        /// Second number.
        minor: u8,
    },
    /// The header is cut short or longer than allowed.
    #[error("the header needs {needed} bytes, {available} are available")]
    HeaderLength {
        /// Bytes the file says.
        needed: usize,
        /// Bytes left, or allowed.
        available: usize,
    },
    /// The header is not the dictionary that belongs there.
    #[error("header byte {byte}: expected {expected}")]
    Header {
        /// Offset in the header.
        byte: usize,
        /// What belongs there.
        expected: &'static str,
    },
    /// The elements are of a type this does not read.
    #[error("element type {found:?}, expected |i1, |u1, <i4, >i4 or <i8")]
    ElementType {
        /// The type in the file.
        found: String,
    },
    /// The elements are in Fortran's order.
    #[error("fortran_order is True, only C order is read")]
    FortranOrder,
    /// The shape does not match the data.
    #[error("shape {shape:?} needs {needed} bytes of data, found {found}")]
    DataLength {
        /// The shape.
        shape: Vec<usize>,
        /// Bytes (when writing: elements) of that shape; the maximum if beyond 64 bits.
        needed: u64,
        /// Bytes (when writing: elements) there are.
        found: u64,
    },
}

/// Reads an array from a file of at most `max_bytes`, checked before it is read.
///
/// **Errors.** [`NpyError`].
pub fn read(path: impl AsRef<Path>, max_bytes: u64) -> Result<Array, NpyError> {
    let path = path.as_ref();
    let io = |e: std::io::Error| NpyError::Io { path: path.to_owned(), kind: e.kind() };
    let too_large = |found| NpyError::TooLarge { found, max: max_bytes };
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if length > max_bytes {
        return Err(too_large(length));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    // One byte more shows a file that grew meanwhile.
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > max_bytes {
        return Err(too_large(bytes.len() as u64));
    }
    parse(&bytes)
}

/// Reads an array from the bytes of a file; allocates no more than their number.
///
/// **Errors.** [`NpyError`].
pub fn parse(bytes: &[u8]) -> Result<Array, NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::Magic)?;
    let (major, minor) = match rest {
        [major, minor, ..] => (*major, *minor),
        _ => return Err(NpyError::HeaderLength { needed: 2, available: rest.len() }),
    };
    let rest = &rest[2..];
    let width = match (major, minor) {
        (1, 0) => 2,
        (2, 0) => 4,
        _ => return Err(NpyError::Version { major, minor }),
    };
    let available = rest.len();
    let short = |needed, available| NpyError::HeaderLength { needed, available };
    let (length, rest) = rest.split_at_checked(width).ok_or(short(width, available))?;
    let length = length.iter().rev().fold(0usize, |n, &b| n << 8 | usize::from(b));
    if length > HEADER_MAX {
        return Err(short(length, HEADER_MAX));
    }
    let available = rest.len();
    let (header, data) = rest.split_at_checked(length).ok_or(short(length, available))?;
    let header = Header::parse(header)?;
    elements(header, data)
}

fn elements(header: Header, bytes: &[u8]) -> Result<Array, NpyError> {
    let Header { descr, fortran_order, shape } = header;
    let width = match descr.as_str() {
        "|i1" | "|u1" => 1,
        "<i4" | ">i4" => 4,
        "<i8" => 8,
        _ => return Err(NpyError::ElementType { found: descr }),
    };
    // A single axis has the same order either way.
    if fortran_order && shape.len() > 1 {
        return Err(NpyError::FortranOrder);
    }
    let needed = shape.iter().try_fold(width, |n: u64, &d| n.checked_mul(d as u64));
    let (needed, found) = (needed.unwrap_or(u64::MAX), bytes.len() as u64);
    if needed != found {
        return Err(NpyError::DataLength { shape, needed, found });
    }
    let word = |b: &[u8]| -> [u8; 4] { b.try_into().expect("invariant: 4-byte chunks") };
    let long = |b: &[u8]| -> [u8; 8] { b.try_into().expect("invariant: 8-byte chunks") };
    let data = match descr.as_str() {
        "|i1" => Data::I8(bytes.iter().map(|&b| b as i8).collect()),
        "|u1" => Data::U8(bytes.to_vec()),
        "<i4" => Data::I32(bytes.chunks_exact(4).map(|b| i32::from_le_bytes(word(b))).collect()),
        ">i4" => Data::I32(bytes.chunks_exact(4).map(|b| i32::from_be_bytes(word(b))).collect()),
        _ => Data::I64(bytes.chunks_exact(8).map(|b| i64::from_le_bytes(long(b))).collect()),
    };
    Ok(Array { shape, data })
}

/// The bytes of a file of 8-bit elements.
///
/// **Errors.** [`NpyError::DataLength`] if the shape does not match.
pub fn write_i8(shape: &[usize], data: &[i8]) -> Result<Vec<u8>, NpyError> {
    let mut out = begin("|i1", shape, data.len())?;
    out.extend(data.iter().map(|&x| x as u8));
    Ok(out)
}

/// The bytes of a file of 32-bit little-endian elements.
///
/// **Errors.** [`NpyError::DataLength`] if the shape does not match.
pub fn write_i32(shape: &[usize], data: &[i32]) -> Result<Vec<u8>, NpyError> {
    let mut out = begin("<i4", shape, data.len())?;
    out.extend(data.iter().flat_map(|x| x.to_le_bytes()));
    Ok(out)
}

fn begin(descr: &str, shape: &[usize], elements: usize) -> Result<Vec<u8>, NpyError> {
    let needed = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64));
    if needed != Some(elements as u64) {
        let (needed, found) = (needed.unwrap_or(u64::MAX), elements as u64);
        return Err(NpyError::DataLength { shape: shape.to_vec(), needed, found });
    }
    let mut dims = String::new();
    for dim in shape {
        write!(dims, "{dim}, ").expect("invariant: writing to a string succeeds");
    }
    // Python writes a comma after the only element, and none after the last of several.
    let dims = if shape.len() == 1 { dims.trim_end() } else { dims.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    let before = MAGIC.len() + 2 + 2;
    let padded = (before + header.len() + 1).next_multiple_of(ALIGNMENT);
    header.extend(std::iter::repeat_n(' ', padded - before - header.len() - 1));
    header.push('\n');
    let length = u16::try_from(header.len()).expect("invariant: a shape's text is short");
    let mut out = MAGIC.to_vec();
    out.extend([1, 0]);
    out.extend(length.to_le_bytes());
    out.extend(header.as_bytes());
    Ok(out)
}

/// The header's dictionary, a Python literal.
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &[u8]) -> Result<Self, NpyError> {
        let mut p = Literal { text, at: 0 };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        p.require(b'{', "'{'")?;
        while !p.accept(b'}') {
            let key_at = p.at;
            let key = p.string()?;
            p.require(b':', "':'")?;
            match key {
                b"descr" => descr = Some(String::from_utf8_lossy(p.string()?).into_owned()),
                b"fortran_order" => fortran_order = Some(p.boolean()?),
                b"shape" => shape = Some(p.tuple()?),
                _ => {
                    let expected = "'descr', 'fortran_order' or 'shape'";
                    return Err(NpyError::Header { byte: key_at, expected });
                }
            }
            if !p.accept(b',') {
                p.require(b'}', "',' or '}'")?;
                break;
            }
        }
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(Self { descr, fortran_order, shape }),
            _ => Err(p.fail("'descr', 'fortran_order' and 'shape'")),
        }
    }
}

struct Literal<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Literal<'a> {
    fn fail(&self, expected: &'static str) -> NpyError {
        NpyError::Header { byte: self.at, expected }
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    /// Skips space and the byte, if it is next.
    fn accept(&mut self, byte: u8) -> bool {
        self.skip_space();
        let next = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(next);
        next
    }

    fn require(&mut self, byte: u8, expected: &'static str) -> Result<(), NpyError> {
        if self.accept(byte) { Ok(()) } else { Err(self.fail(expected)) }
    }

    fn string(&mut self) -> Result<&'a [u8], NpyError> {
        let quote = if self.accept(b'"') {
            b'"'
        } else {
            self.require(b'\'', "a string")?;
            b'\''
        };
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|&b| b == quote || b == b'\\' || b == b'\n');
        match length {
            Some(length) if rest[length] == quote => {
                self.at += length + 1;
                Ok(&rest[..length])
            }
            _ => Err(self.fail("a string without escapes")),
        }
    }

    fn boolean(&mut self) -> Result<bool, NpyError> {
        self.skip_space();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.fail("True or False"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, NpyError> {
        self.require(b'(', "'('")?;
        let mut dims = Vec::new();
        while !self.accept(b')') {
            if dims.len() == RANK_MAX {
                return Err(self.fail("at most 32 axes"));
            }
            let digits = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
            let text = &self.text[self.at..self.at + digits];
            let text = std::str::from_utf8(text).expect("invariant: digits are ASCII");
            dims.push(text.parse().map_err(|_| self.fail("an axis length"))?);
            self.at += digits;
            // Python 2 wrote long integers with an L.
            self.accept(b'L');
            if !self.accept(b',') {
                self.require(b')', "',' or ')'")?;
                break;
            }
        }
        Ok(dims)
    }
}
