//! Import of the chain's model format: a `symbol` (JSON) and a `params` (binary) file.
//!
//! Every size is checked before anything is allocated for it; nothing recurses, as the schema fixes
//! the nesting. Errors say where, what was expected and found, and how the chain classes the fault.
//!
//! **Source.** cvm-runtime b5a2518 as observed. Followed where it is lenient but deterministic: bytes
//! after the symbol's object and after the last array are ignored, the last of duplicate keys and of
//! duplicate parameters counts, declared precisions of results, `is_sign`, `device_id`, attributes
//! named `__x__` and operands of `null` nodes are ignored, and an output index past a node's outputs
//! reaches the following node's.
//!
//! Stricter than the chain, because its behaviour there is undefined or cannot be reproduced:
//! - data of the last parameter cut short (the chain leaves the tail undefined), and brackets missing
//!   at the end of the symbol: runtime error;
//! - operands and heads that do not exist, convolution weights of another shape than the attributes
//!   imply: logic error (the chain reads out of bounds);
//! - an input that is not the first node, if the entry the chain looks at by mistake has another
//!   shape: logic error (such a model loads there, but every run of it fails);
//! - storage overwritten while its value is needed, and `where` with a condition for each row:
//!   runtime error;
//! - two variables of one name, names that are not UTF-8, aliases of operator names, attributes of
//!   more than 64 elements, heads of more than 4 GiB together, files beyond [`Limits`].
//!
//! **Memory.** The peak of live memory during an import is at most [`memory_bound`].

mod attributes;
mod build;
mod error;
mod json;
mod operators;
mod params;
mod symbol;

pub use error::{Found, ImportError, ImportFault, Place};
pub(crate) use params::{ARRAY_MAGIC, DEVICE_TYPE_CPU, LIST_MAGIC};

use crate::graph::Graph;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What an import may take; checked before allocating.
///
/// The chain's own limits (shapes, a pool of 4 GiB, 2^40 operations) always hold and are not
/// repeated here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest symbol in bytes, default 64 MiB; never more than 4 GiB - 1.
    pub symbol_bytes: u64,
    /// Longest params in bytes, default 1 GiB, the most that can be uploaded.
    pub params_bytes: u64,
    /// Most nodes, default 2^18.
    pub nodes: usize,
    /// Highest storage id, default 2^24; the chain allocates a table of that length.
    pub storage_id: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { symbol_bytes: 64 << 20, params_bytes: 1 << 30, nodes: 1 << 18, storage_id: 1 << 24 }
    }
}

/// Most bytes of memory an import of files of these lengths holds at once, the graph included, the
/// files themselves not: 16 times the symbol (lists of one-digit numbers in vectors that grow), once
/// the params, and 32 KiB.
pub fn memory_bound(symbol_bytes: u64, params_bytes: u64) -> u64 {
    symbol_bytes.saturating_mul(16).saturating_add(params_bytes).saturating_add(32 << 10)
}

/// Imports a model from the bytes of its two files.
///
/// **Errors.** [`ImportError`]; a retry does not help, and nothing is left behind.
pub fn cvm(symbol: &[u8], params: &[u8], limits: &Limits) -> Result<Graph, ImportError> {
    check_size(Place::Params { byte: 0, name: None }, params.len() as u64, limits.params_bytes)?;
    let mut skeleton = skeleton(symbol, limits)?;
    skeleton.check()?;
    params::load(&mut skeleton.builder, params)?;
    skeleton.finish()
}

/// The operation count from the symbol alone, as the chain's gas phase asks for it before it has
/// the parameters. Faults that only loading would find (heads, storage, parameters) do not count.
///
/// **Errors.** [`ImportError`], classed as the gas phase does.
pub fn operation_count(symbol: &[u8], limits: &Limits) -> Result<u64, ImportError> {
    Ok(skeleton(symbol, limits)?.builder.operation_count()?)
}

/// Imports `DIR/symbol` and `DIR/params`, neither read beyond its limit.
///
/// **Errors.** [`ImportError`]; at [`Place::File`] for files that are missing, unreadable, not
/// regular or too long.
pub fn import_dir(dir: impl AsRef<Path>, limits: &Limits) -> Result<Graph, ImportError> {
    let dir = dir.as_ref();
    let symbol = read_bounded(&dir.join("symbol"), limits.symbol_bytes)?;
    let params = read_bounded(&dir.join("params"), limits.params_bytes)?;
    cvm(&symbol, &params, limits)
}

fn skeleton(symbol: &[u8], limits: &Limits) -> Result<build::Skeleton, ImportError> {
    let max = limits.symbol_bytes.min(u64::from(u32::MAX));
    check_size(Place::symbol_start(), symbol.len() as u64, max)?;
    build::skeleton(&symbol::read(symbol, limits)?, limits)
}

fn check_size(place: Place, found: u64, max: u64) -> Result<(), ImportError> {
    if found <= max { Ok(()) } else { Err(ImportFault::TooLarge { what: "file", found, max }.at(place)) }
}

/// Reads a regular file of at most `max` bytes.
pub(crate) fn read_bounded(path: &Path, max: u64) -> Result<Vec<u8>, ImportError> {
    let place = || Place::File(path.to_owned());
    let io = |e: std::io::Error| ImportFault::Io(e.kind()).at(place());
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(ImportFault::NotAFile.at(place()));
    }
    check_size(place(), metadata.len(), max)?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // One byte more shows a file that grew meanwhile.
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    check_size(place(), bytes.len() as u64, max)?;
    Ok(bytes)
}
