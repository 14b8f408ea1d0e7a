//! The params file: named arrays, all numbers little-endian.

use super::error::{ImportError, ImportFault, Place};
use crate::builder::GraphBuilder;
use crate::tensor::{Tensor, TensorData};

/// First eight bytes of the file.
pub(crate) const LIST_MAGIC: u64 = 0xF7E5_8D4F_0504_9CB7;
/// First eight bytes of each array.
pub(crate) const ARRAY_MAGIC: u64 = 0xDD5E_40F0_96B4_A13F;
/// The device arrays are stored for: the CPU.
pub(crate) const DEVICE_TYPE_CPU: u32 = 1;

/// Reads the file and gives every declared parameter its data.
pub(super) fn load(builder: &mut GraphBuilder, bytes: &[u8]) -> Result<(), ImportError> {
    let mut r = Cursor { bytes, at: 0, name: None };
    if bytes.is_empty() {
        return Err(r.fail(ImportFault::Empty));
    }
    r.expect_u64("list magic", LIST_MAGIC)?;
    r.u64("reserved")?;
    let count = r.u64("name count")?;
    // Each name has a length of eight bytes; past this the count cannot be true.
    let left = r.left();
    if count > left / 8 {
        let needed = count.saturating_mul(8);
        return Err(r.truncated("names", needed));
    }
    // The names are read twice rather than kept: once to find the arrays, once beside them.
    let mut names = Cursor { bytes, at: r.at, name: None };
    for _ in 0..count {
        let length = r.u64("name length")?;
        r.take("name", length)?;
    }
    r.expect_u64("array count", count)?;
    for _ in 0..count {
        let length = names.u64("name length")?;
        let name = names.take("name", length)?;
        let name = std::str::from_utf8(name).map_err(|_| names.fail(ImportFault::NotUtf8))?;
        let Some(value) = builder.variable_named(name) else {
            let name = super::symbol::shortened(name);
            return Err(names.fail(ImportFault::UnknownParam { name }));
        };
        r.name = Some(name);
        let shape = builder.value(value).shape.clone();
        let tensor = array(&mut r, &shape)?;
        builder.bind(value, tensor)?;
        r.name = None;
    }
    Ok(())
}

/// Reads an array that must be of `shape`; nothing is allocated before all sizes agree.
fn array(r: &mut Cursor<'_>, shape: &[usize]) -> Result<Tensor, ImportError> {
    r.expect_u64("array magic", ARRAY_MAGIC)?;
    r.u64("reserved")?;
    r.expect_u32("device type", DEVICE_TYPE_CPU)?;
    r.u32("device id")?;
    r.expect_u32("axis count", shape.len() as u32)?;
    r.expect_u8("type code", 0)?;
    let bits = r.u8("type bits")?;
    if bits != 8 && bits != 32 {
        r.at -= 1;
        let (expected, found) = (32, u64::from(bits));
        return Err(r.fail(ImportFault::Field { field: "type bits", expected, found }));
    }
    r.expect_u16("type lanes", 1)?;
    for &dim in shape {
        r.expect_u64("axis length", dim as u64)?;
    }
    let elements: u64 = shape.iter().map(|&d| d as u64).product();
    let length = elements * u64::from(bits / 8);
    r.expect_u64("data length", length)?;
    if length > r.left() {
        let available = r.left();
        return Err(r.fail(ImportFault::TruncatedData { needed: length, available }));
    }
    let data = r.take("data", length)?;
    let data = if bits == 8 {
        TensorData::I8(data.iter().map(|&b| b as i8).collect())
    } else {
        let word = |b: &[u8]| i32::from_le_bytes(b.try_into().expect("invariant: 4-byte chunks"));
        TensorData::I32(data.chunks_exact(4).map(word).collect())
    };
    Tensor::new(shape, data).map_err(|fault| r.fail(ImportFault::Graph(fault)))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// For error messages.
    name: Option<&'a str>,
}

impl<'a> Cursor<'a> {
    fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    fn fail(&self, fault: ImportFault) -> ImportError {
        let name = self.name.map(super::symbol::shortened);
        fault.at(Place::Params { byte: self.at as u64, name })
    }

    fn truncated(&self, what: &'static str, needed: u64) -> ImportError {
        self.fail(ImportFault::Truncated { what, needed, available: self.left() })
    }

    fn take(&mut self, what: &'static str, length: u64) -> Result<&'a [u8], ImportError> {
        if length > self.left() {
            return Err(self.truncated(what, length));
        }
        let start = self.at;
        self.at += length as usize;
        Ok(&self.bytes[start..self.at])
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ImportError> {
        let bytes = self.take(what, N as u64)?;
        Ok(bytes.try_into().expect("invariant: N bytes were taken"))
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, ImportError> {
        Ok(u8::from_le_bytes(self.array(what)?))
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, ImportError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, ImportError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    fn expect_u8(&mut self, field: &'static str, expected: u8) -> Result<(), ImportError> {
        let found = self.u8(field)?;
        self.check(field, 1, u64::from(expected), u64::from(found))
    }

    fn expect_u16(&mut self, field: &'static str, expected: u16) -> Result<(), ImportError> {
        let found = u16::from_le_bytes(self.array(field)?);
        self.check(field, 2, u64::from(expected), u64::from(found))
    }

    fn expect_u32(&mut self, field: &'static str, expected: u32) -> Result<(), ImportError> {
        let found = self.u32(field)?;
        self.check(field, 4, u64::from(expected), u64::from(found))
    }

    fn expect_u64(&mut self, field: &'static str, expected: u64) -> Result<(), ImportError> {
        let found = self.u64(field)?;
        self.check(field, 8, expected, found)
    }

    /// Compares a field of `width` bytes that was just read; an error points at its start.
    fn check(&mut self, field: &'static str, width: usize, expected: u64, found: u64) -> Result<(), ImportError> {
        if expected == found {
            return Ok(());
        }
        self.at -= width;
        Err(self.fail(ImportFault::Field { field, expected, found }))
    }
}
