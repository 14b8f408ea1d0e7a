//! The params file: named integer arrays.

use std::collections::BTreeMap;

use super::graph::{Entry, Graph};
use crate::Error;

const LIST_MAGIC: u64 = 0xF7E5_8D4F_0504_9CB7;
const ARRAY_MAGIC: u64 = 0xDD5E_40F0_96B4_A13F;
const DEVICE_CPU: u32 = 1;
const CODE_INTEGER: u8 = 0;

/// A variable's values: the entry it fills and the data.
pub(super) type Param = (usize, Vec<i32>);

/// Reads the values of all variables but `data`, in the file's order.
///
/// **Shapes and units**: all numbers little-endian. 8-bit arrays are widened. Bytes after the last
/// array are ignored. Nothing is allocated that the file does not hold.
/// **Errors**: [`Error::Params`] and its kin; a file that stops inside an array is refused, where
/// the official runtime goes on with memory it never wrote.
pub(super) fn read(graph: &Graph, bytes: &[u8]) -> Result<Vec<Param>, Error> {
    let mut reader = Reader { bytes, offset: 0 };
    reader.expect(LIST_MAGIC.to_le_bytes(), "list magic is wrong")?;
    reader.take(8, "reserved word is missing")?;
    let names = read_names(&mut reader)?;
    let array_count = reader.u64("array count is missing")?;
    if array_count != names.len() as u64 {
        return Err(reader.error("array count differs from name count"));
    }
    let variables = graph.nodes.iter().filter(|node| node.operator.is_none());
    let mut missing: BTreeMap<&str, usize> = variables.map(|node| (node.name.as_str(), node.entry)).collect();
    let entries = missing.clone();
    let mut params = Vec::with_capacity(names.len());
    for name in names {
        let Some(&entry) = entries.get(name.as_str()) else {
            return Err(Error::ParamUnknown { name });
        };
        let values = read_array(&mut reader, &name, &graph.entries[entry])?;
        if name != "data" {
            check_range(&name, &values, &graph.entries[entry])?;
            params.push((entry, values));
        }
        missing.remove(name.as_str());
    }
    missing.remove("data");
    match missing.into_keys().next() {
        Some(name) => Err(Error::ParamMissing { name: name.to_owned() }),
        None => Ok(params),
    }
}

fn read_names(reader: &mut Reader) -> Result<Vec<String>, Error> {
    let count = reader.u64("name count is missing")?;
    let mut names = Vec::new();
    // Every turn takes eight bytes at least, so a false count ends with the file.
    for _ in 0..count {
        let length = reader.u64("name length is missing")?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let name = reader.take(length, "name is longer than the file")?;
        names.push(String::from_utf8_lossy(name).into_owned());
    }
    Ok(names)
}

fn read_array(reader: &mut Reader, name: &str, entry: &Entry) -> Result<Vec<i32>, Error> {
    reader.expect(ARRAY_MAGIC.to_le_bytes(), "array magic is wrong")?;
    reader.take(8, "reserved word is missing")?;
    reader.expect(DEVICE_CPU.to_le_bytes(), "device must be the CPU")?;
    reader.take(4, "device id is missing")?;
    let rank = i32::from_le_bytes(reader.array("rank is missing")?);
    let [code, bits] = reader.array("type is missing")?;
    let lanes = u16::from_le_bytes(reader.array("lanes are missing")?);
    if code != CODE_INTEGER || !matches!(bits, 8 | 32) || lanes != 1 {
        return Err(reader.error("type must be int8 or int32"));
    }
    if !(0..=crate::RANK_MAX as i32).contains(&rank) {
        return Err(reader.error("rank must be at most 6"));
    }
    let mut shape = Vec::new();
    for _ in 0..rank {
        shape.push(i64::from_le_bytes(reader.array("shape is missing")?));
    }
    if !shape.iter().copied().eq(entry.shape.iter().map(|&dimension| dimension as i64)) {
        let (name, expected) = (name.to_owned(), entry.shape.clone());
        return Err(Error::ParamShape { name, expected, found: shape });
    }
    let expected = entry.element_count() * usize::from(bits / 8);
    if reader.u64("data length is missing")? != expected as u64 {
        return Err(reader.error("data length differs from the shape"));
    }
    let found = reader.bytes.len() - reader.offset;
    if found < expected {
        return Err(Error::ParamsTruncated { name: name.to_owned(), expected, found });
    }
    let data = reader.take(expected, "data is missing")?;
    Ok(match bits {
        8 => data.iter().map(|&byte| i32::from(byte as i8)).collect(),
        _ => data.chunks_exact(4).map(|c| i32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect(),
    })
}

fn check_range(name: &str, values: &[i32], entry: &Entry) -> Result<(), Error> {
    for (index, &value) in values.iter().enumerate() {
        if entry.precision.clip(value) != value {
            let (name, bits) = (name.to_owned(), entry.precision.bits());
            return Err(Error::ParamRange { name, index, value, bits });
        }
    }
    Ok(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, part: &'static str) -> Result<&'a [u8], Error> {
        let rest = &self.bytes[self.offset..];
        let taken = rest.get(..length).ok_or(self.error(part))?;
        self.offset += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, part)?);
        Ok(array)
    }

    fn u64(&mut self, part: &'static str) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array(part)?))
    }

    fn expect<const N: usize>(&mut self, wanted: [u8; N], part: &'static str) -> Result<(), Error> {
        if self.array(part)? == wanted { Ok(()) } else { Err(self.error(part)) }
    }

    fn error(&self, part: &'static str) -> Error {
        Error::Params { part, offset: self.offset }
    }
}
