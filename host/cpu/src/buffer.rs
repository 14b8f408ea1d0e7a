//! Memory of the engine: aligned buffers seen as bytes or as words.

/// Bytes of a cache line, and the alignment of every buffer.
const LINE: usize = 64;

/// Lines behind every buffer's contents, so that a kernel may read the last group of four bytes
/// whole, and the groups that fill a window up to a multiple of 16.
const SLACK_LINES: usize = 2;

#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

/// A block of memory aligned to a cache line, with slack behind its contents.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
}

impl Buffer {
    /// A buffer of at least `bytes` bytes, all 0.
    pub(crate) fn zeroed(bytes: usize) -> Self {
        Self { lines: vec![Line([0; LINE]); bytes.div_ceil(LINE) + SLACK_LINES] }
    }

    /// The whole buffer, slack included.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: a line is exactly its 64 bytes, without padding.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE) }
    }

    /// The whole buffer, slack included.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * LINE) }
    }

    /// The whole buffer as 32-bit words.
    pub(crate) fn words(&self) -> &[i32] {
        // SAFETY: lines are aligned to 64 bytes, hold 16 words, and every bit pattern is a word.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LINE / 4) }
    }

    /// The whole buffer as 32-bit words.
    pub(crate) fn words_mut(&mut self) -> &mut [i32] {
        // SAFETY: as in `words`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * LINE / 4) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_aligned_and_has_slack() {
        for bytes in [0, 1, 64, 1000] {
            let mut buffer = Buffer::zeroed(bytes);
            assert_eq!(buffer.bytes().as_ptr() as usize % LINE, 0);
            assert!(buffer.bytes().len() >= bytes + SLACK_LINES * LINE);
            buffer.words_mut()[0] = 0x0403_0201i32.to_le();
            assert_eq!(buffer.bytes()[..4], [1, 2, 3, 4]);
            assert_eq!(buffer.bytes_mut().len(), buffer.words().len() * 4);
        }
    }
}
