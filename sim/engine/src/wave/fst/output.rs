//! What goes into the file, in large pieces.

use std::io::{self, SeekFrom};

use super::Sink;

/// Bytes written at a time, from a multiple of it on: a system takes whole pages, many at a time, for
/// half of what it takes parts of pages for. No more, so that they stay in the second level cache.
const PIECE_BYTES: u64 = 256 << 10;

/// A file that grows at its end, and whose earlier bytes may be overwritten.
pub(super) struct Output {
    sink: Box<dyn Sink>,
    /// What is not written yet.
    bytes: Vec<u8>,
    /// Where in the file it begins.
    start: u64,
}

impl Output {
    pub(super) fn new(sink: Box<dyn Sink>) -> Output {
        Output { sink, bytes: Vec::new(), start: 0 }
    }

    /// Where the file ends now.
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// What is not written yet, to be appended to, with a [`Output::settle`] now and then.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Writes the pieces that are whole.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let whole = (self.end() / PIECE_BYTES * PIECE_BYTES).saturating_sub(self.start) as usize;
        if whole > 0 {
            self.sink.write_all(&self.bytes[..whole])?;
            self.bytes.drain(..whole);
            self.start += whole as u64;
        }
        Ok(())
    }

    /// Replaces eight bytes at `at`, all of which have been appended before.
    pub(super) fn overwrite(&mut self, at: u64, value: u64) -> io::Result<()> {
        let value = value.to_be_bytes();
        // A number may lie across the border of what is written.
        let written = self.start.saturating_sub(at).min(value.len() as u64) as usize;
        if written > 0 {
            self.sink.seek(SeekFrom::Start(at))?;
            self.sink.write_all(&value[..written])?;
            self.sink.seek(SeekFrom::Start(self.start))?;
        }
        let kept = (at + written as u64).saturating_sub(self.start) as usize;
        self.bytes[kept..][..value.len() - written].copy_from_slice(&value[written..]);
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.bytes)?;
        self.start = self.end();
        self.bytes.clear();
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    #[test]
    fn what_was_appended_and_overwritten_is_in_the_file_wherever_the_pieces_end() {
        let mut file = tempfile::tempfile().unwrap();
        let mut output = Output::new(Box::new(file.try_clone().unwrap()));
        let mut expected: Vec<u8> = Vec::new();
        for turn in 0..40_u64 {
            let length = PIECE_BYTES / 3 - 5 + turn;
            let bytes: Vec<u8> = (0..length).map(|index| (index * 7 + turn) as u8).collect();
            output.bytes().extend_from_slice(&bytes);
            expected.extend_from_slice(&bytes);
            output.settle().unwrap();
            assert_eq!(output.end(), expected.len() as u64);
            let end = expected.len() as u64;
            // Long written, across the last border, and not written yet.
            for at in [turn, end / PIECE_BYTES * PIECE_BYTES - 4 * u64::from(end > PIECE_BYTES), end - 8] {
                let at = at.min(end - 8);
                output.overwrite(at, turn << 32 | at).unwrap();
                expected[at as usize..][..8].copy_from_slice(&(turn << 32 | at).to_be_bytes());
            }
        }
        output.flush().unwrap();
        let mut found = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut found).unwrap();
        assert!(found == expected);
    }
}
