//! The memory that compiled code runs on.

use crate::plan::layout::State;
use crate::plan::schedule::Program;
use crate::samples::Line;

/// The memory of the state layout.
#[derive(Clone, Default)]
pub(crate) struct Buffer(pub(crate) Vec<Line>);

impl Buffer {
    /// Grows to the layout and sets what a program needs set once.
    pub(crate) fn load(&mut self, state: &State, program: &Program) {
        self.0.resize(state.bytes().div_ceil(64), Line::ZERO);
        for &(at, bytes, bits) in state.constants().iter().chain(&program.constants) {
            self.write(at, bytes, bits);
        }
    }

    pub(crate) fn pointer(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }

    /// An element of 1, 2, 4 or 8 bytes.
    #[inline]
    pub(crate) fn read(&self, at: usize, bytes: usize) -> u64 {
        self.0[at / 64].read(at % 64, bytes)
    }

    /// What stands at `at` in its aligned word of eight bytes, with whatever follows: for all sizes of
    /// elements alike, as none crosses such a word.
    #[inline]
    pub(crate) fn read_within(&self, at: usize) -> u64 {
        let (words, _) = self.0[at / 64].0.as_chunks::<8>();
        u64::from_le_bytes(words[at % 64 / 8]) >> (at % 8 * 8)
    }

    pub(crate) fn write(&mut self, at: usize, bytes: usize, value: u64) {
        self.0[at / 64].write(at % 64, bytes, value);
    }

    pub(crate) fn copy(&self, range: std::ops::Range<usize>) -> Vec<u8> {
        range.map(|at| self.0[at / 64].0[at % 64]).collect()
    }

    pub(crate) fn restore(&mut self, start: usize, bytes: &[u8]) {
        for (offset, &byte) in bytes.iter().enumerate() {
            let at = start + offset;
            self.0[at / 64].0[at % 64] = byte;
        }
    }
}
