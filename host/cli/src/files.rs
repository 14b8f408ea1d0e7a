//! Reading and writing files, bounded and with errors that name them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::failure::Failure;

/// The bytes of a regular file of at most `max` bytes; the size is checked before anything is read.
pub fn read(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |source| Failure::ReadFile { path: path.to_owned(), source };
    let too_large = |found| Failure::FileTooLarge { path: path.to_owned(), found, max };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Failure::NotAFile { path: path.to_owned() });
    }
    if metadata.len() > max {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // One byte more shows a file that grew meanwhile.
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Makes a folder and all above it.
pub fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|source| Failure::WriteFile { path: path.to_owned(), source })
}

/// Writes a whole file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|source| Failure::WriteFile { path: path.to_owned(), source })
}
