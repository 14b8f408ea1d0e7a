//! What a machine reads and writes: words of four bytes, little endian, that may refuse.

use std::collections::HashMap;

/// An access that the memory refused; nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BusFault;

/// Memory as a machine sees it.
pub trait Memory {
    /// The word at `address`, a multiple of 4.
    ///
    /// # Errors
    /// [`BusFault`] where there is nothing to read.
    fn read(&mut self, address: u32) -> Result<u32, BusFault>;

    /// Writes the bytes of `word` that `mask` names (bit 0 the lowest) at `address`, a multiple of 4.
    ///
    /// # Errors
    /// [`BusFault`] where nothing can be written.
    fn write(&mut self, address: u32, mask: u8, word: u32) -> Result<(), BusFault>;
}

/// Memory everywhere, 0 until written, but for pages that refuse.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SparseMemory {
    words: HashMap<u32, u32>,
    refused: Option<RefusedPages>,
}

/// Which pages refuse: those whose number, hashed, gives 0 modulo `one_in`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefusedPages {
    /// Of so many pages one refuses, on average.
    pub one_in: u32,
    /// Chooses which.
    pub seed: u32,
}

impl RefusedPages {
    /// Whether the page of 4 KiB with `address` refuses.
    pub fn refuse(self, address: u32) -> bool {
        let mixed = ((address >> 12) ^ self.seed).wrapping_mul(0x9e37_79b1);
        (mixed ^ mixed >> 15).wrapping_mul(0x85eb_ca6b) >> 16 & 0xffff < 0x1_0000 / self.one_in
    }
}

impl SparseMemory {
    /// Empty memory with pages that refuse.
    pub fn with_refused(refused: RefusedPages) -> SparseMemory {
        SparseMemory { words: HashMap::new(), refused: Some(refused) }
    }

    /// Whether the word at `address` refuses.
    pub fn refuses(&self, address: u32) -> bool {
        self.refused.is_some_and(|refused| refused.refuse(address))
    }

    /// Puts words at `address`, a multiple of 4.
    pub fn place(&mut self, address: u32, words: &[u32]) {
        for (index, &word) in (0u32..).zip(words) {
            self.words.insert(address.wrapping_add(4 * index), word);
        }
    }

    /// The word at `address` if it was ever placed or written.
    pub fn word(&self, address: u32) -> Option<u32> {
        self.words.get(&address).copied()
    }

    /// The first address, in order, at which two memories differ.
    pub fn difference(&self, other: &SparseMemory) -> Option<u32> {
        let addresses = self.words.keys().chain(other.words.keys());
        addresses.filter(|address| self.at(**address) != other.at(**address)).min().copied()
    }

    fn at(&self, address: u32) -> u32 {
        self.words.get(&address).copied().unwrap_or(0)
    }
}

impl Memory for SparseMemory {
    fn read(&mut self, address: u32) -> Result<u32, BusFault> {
        if self.refuses(address) { Err(BusFault) } else { Ok(self.at(address)) }
    }

    fn write(&mut self, address: u32, mask: u8, word: u32) -> Result<(), BusFault> {
        if self.refuses(address) {
            return Err(BusFault);
        }
        let mut bytes = self.at(address).to_le_bytes();
        for (lane, byte) in word.to_le_bytes().into_iter().enumerate() {
            if mask >> lane & 1 == 1 {
                bytes[lane] = byte;
            }
        }
        self.words.insert(address, u32::from_le_bytes(bytes));
        Ok(())
    }
}
