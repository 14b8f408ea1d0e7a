//! A file that finds room on the disk in large steps.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// Bytes from which on room is found ahead.
const SMALL_BYTES: u64 = 1 << 20;
/// Bytes of room found at a time, at most; no more than the file has already.
const STEP_BYTES: u64 = 64 << 20;

/// A file for which the system keeps room beyond its end, so that it need not look for some at every
/// write: on ext4 that takes half the time off. What is left of it is given back at every flush.
pub(super) struct GrowingFile {
    file: File,
    position: u64,
    /// The length of the file.
    end: u64,
    /// As far as there is room, or more than any file if that cannot be asked for.
    room: u64,
}

impl GrowingFile {
    /// Of a file that is empty.
    pub(super) fn new(file: File) -> GrowingFile {
        GrowingFile { file, position: 0, end: 0, room: 0 }
    }

    /// Asks for room up to the end of a write.
    fn grow(&mut self, end: u64) {
        if end <= self.room || end < SMALL_BYTES {
            return;
        }
        let step = end.min(STEP_BYTES);
        // Only a convenience: a file system that cannot will find room when it is written to.
        self.room = if reserve(&self.file, self.end, end - self.end + step) { end + step } else { u64::MAX };
    }

    /// Gives back what is not used.
    fn trim(&mut self) -> io::Result<()> {
        if self.room > self.end && self.room < u64::MAX {
            self.file.set_len(self.end)?;
            self.room = self.end;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn reserve(file: &File, start: u64, bytes: u64) -> bool {
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, start, bytes).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64, _: u64) -> bool {
    false
}

impl Write for GrowingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.grow(self.position + bytes.len() as u64);
        let written = self.file.write(bytes)?;
        self.position += written as u64;
        self.end = self.end.max(self.position);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.trim()?;
        self.file.flush()
    }
}

impl Seek for GrowingFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(to)?;
        Ok(self.position)
    }
}

impl Drop for GrowingFile {
    fn drop(&mut self) {
        // An abandoned file keeps its room until it is truncated: a waste, no error.
        let _ = self.trim();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_what_was_written_and_no_room_beyond() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("waves.fst");
        let mut file = GrowingFile::new(File::create(&path).unwrap());
        let bytes: Vec<u8> = (0..5_000_003_u32).map(|index| ((index * 7) >> 3) as u8).collect();
        for piece in bytes.chunks(400_000) {
            file.write_all(piece).unwrap();
        }
        file.seek(SeekFrom::Start(5)).unwrap();
        file.write_all(&[1, 2, 3]).unwrap();
        file.flush().unwrap();
        let found = std::fs::read(&path).unwrap();
        assert!(found.len() == bytes.len() && found[..5] == bytes[..5] && found[8..] == bytes[8..]);
        assert_eq!(found[5..8], [1, 2, 3]);
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::MetadataExt;
            // Sectors of 512 bytes on the disk; a file system may keep them later, or compressed.
            let held = std::fs::metadata(&path).unwrap().blocks() * 512;
            assert!(held < bytes.len() as u64 + SMALL_BYTES, "{held} bytes on the disk");
        }
    }
}
