//! The node's storage folder: `<infohash>/data/{symbol,params}` for a model, `<infohash>/data` for an
//! input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::InferError;
use crate::hash::InfoHash;

/// Longest file the chain allows, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 30;

/// A storage folder. Nothing is remembered of it: files may come while it is in use.
#[derive(Debug, Clone)]
pub struct Storage {
    root: PathBuf,
}

/// One entry of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Stored {
    /// A model.
    Model {
        /// Its infohash, 40 lower-case digits.
        infohash: String,
        /// Length of the symbol.
        symbol_bytes: u64,
        /// Length of the params.
        params_bytes: u64,
    },
    /// An input.
    Input {
        /// Its infohash, 40 lower-case digits.
        infohash: String,
        /// Length of the file.
        bytes: u64,
    },
}

impl Storage {
    /// The folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads a model's symbol of at most `size` bytes.
    ///
    /// **Errors.** [`InferError::File`], [`InferError::NotAFile`], [`InferError::FileSize`].
    pub fn symbol(&self, model: &InfoHash, size: u64) -> Result<Vec<u8>, InferError> {
        read(self.data(model).join("symbol"), size)
    }

    /// Reads a model's params of at most `size` bytes.
    ///
    /// **Errors.** As [`Storage::symbol`].
    pub fn params(&self, model: &InfoHash, size: u64) -> Result<Vec<u8>, InferError> {
        read(self.data(model).join("params"), size)
    }

    /// Lengths of a model's symbol and params, each at most `size` bytes.
    ///
    /// **Errors.** As [`Storage::symbol`].
    pub fn model_lengths(&self, model: &InfoHash, size: u64) -> Result<(u64, u64), InferError> {
        let length = |name| open(&self.data(model).join(name), size).map(|(_, length)| length);
        Ok((length("symbol")?, length("params")?))
    }

    /// Reads an input file of at most `size` bytes.
    ///
    /// **Errors.** As [`Storage::symbol`].
    pub fn input(&self, input: &InfoHash, size: u64) -> Result<Vec<u8>, InferError> {
        read(self.data(input), size)
    }

    /// What the folder has, by infohash, at most `limit` entries; what is neither a model nor an input
    /// is left out.
    ///
    /// **Errors.** If the folder cannot be read.
    pub fn index(&self, limit: usize) -> io::Result<Vec<Stored>> {
        let mut hashes = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let name = entry?.file_name();
            let hash = name.to_str().and_then(InfoHash::parse);
            hashes.extend(hash.filter(|hash| name.to_str() == Some(&hash.to_string())));
        }
        hashes.sort_unstable();
        hashes.truncate(limit);
        Ok(hashes.iter().filter_map(|hash| self.stored(hash)).collect())
    }

    fn stored(&self, hash: &InfoHash) -> Option<Stored> {
        let data = self.data(hash);
        let infohash = hash.to_string();
        let file = |path: &Path| fs::metadata(path).ok().filter(|found| found.is_file()).map(|found| found.len());
        if let Some(bytes) = file(&data) {
            return Some(Stored::Input { infohash, bytes });
        }
        let (symbol_bytes, params_bytes) = (file(&data.join("symbol"))?, file(&data.join("params"))?);
        Some(Stored::Model { infohash, symbol_bytes, params_bytes })
    }

    fn data(&self, hash: &InfoHash) -> PathBuf {
        // The name is 40 digits, so it cannot lead out of the folder.
        self.root.join(hash.to_string()).join("data")
    }
}

fn open(path: &Path, size: u64) -> Result<(File, u64), InferError> {
    let failed = |source| InferError::File { path: path.to_owned(), source };
    // Looked at before it is opened: opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(InferError::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    let max = size.min(FILE_BYTES_MAX);
    if found > max {
        return Err(InferError::FileSize { path: path.to_owned(), found, max });
    }
    Ok((file, found))
}

fn read(path: PathBuf, size: u64) -> Result<Vec<u8>, InferError> {
    let (file, length) = open(&path, size)?;
    let mut bytes = Vec::with_capacity(length as usize);
    // A file that grows meanwhile is read as long as it was.
    let read = file.take(length).read_to_end(&mut bytes);
    read.map_err(|source| InferError::File { path, source })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_the_stated_size_and_listed() {
        let dir = tempfile::tempdir().unwrap();
        let (model, input) = (InfoHash::from([0xab; 20]), InfoHash::from([1; 20]));
        let data = dir.path().join(model.to_string()).join("data");
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("symbol"), b"{}").unwrap();
        fs::write(data.join("params"), b"12345").unwrap();
        fs::create_dir(dir.path().join(input.to_string())).unwrap();
        fs::write(dir.path().join(input.to_string()).join("data"), b"xyz").unwrap();
        fs::create_dir(dir.path().join("junk")).unwrap();
        fs::create_dir(dir.path().join("AB".repeat(20))).unwrap();

        let storage = Storage::new(dir.path());
        assert_eq!(storage.symbol(&model, 2).unwrap(), b"{}");
        assert_eq!(storage.params(&model, u64::MAX).unwrap(), b"12345");
        assert_eq!(storage.input(&input, 3).unwrap(), b"xyz");
        assert_eq!(storage.model_lengths(&model, 5).unwrap(), (2, 5));
        assert!(matches!(storage.params(&model, 4), Err(InferError::FileSize { found: 5, max: 4, .. })));
        assert!(matches!(storage.input(&model, 9), Err(InferError::NotAFile { .. })));
        assert!(matches!(storage.symbol(&input, 9), Err(InferError::File { .. })));

        let index = storage.index(10).unwrap();
        assert_eq!(index.len(), 2);
        assert_eq!(index[0], Stored::Input { infohash: input.to_string(), bytes: 3 });
        assert!(matches!(index[1], Stored::Model { symbol_bytes: 2, params_bytes: 5, .. }));
        assert_eq!(storage.index(1).unwrap().len(), 1);
    }
}
