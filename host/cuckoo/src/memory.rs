//! Memory: large regions from the system, and blocks of records handed out from one.

use std::alloc::{Layout, alloc, dealloc};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

/// Huge pages' size on the systems that have them.
const ALIGNMENT: usize = 2 << 20;

/// The largest block of a pool in bytes; blocks lie at multiples of their size.
const SMALL_ALIGNMENT: usize = 256 << 10;

/// Memory from the system, not initialised, in huge pages where there are any. Nothing is in it before
/// it is written.
pub(crate) struct Region {
    start: NonNull<u64>,
    layout: Layout,
}

// SAFETY: the region owns its memory; whoever shares it says how in its own `SAFETY`.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    pub(crate) fn new(bytes: u64) -> Result<Region, Error> {
        let failed = || Error::Allocation { bytes };
        // Small ones need no huge pages, and would be rounded up to one.
        let alignment = if bytes >= ALIGNMENT as u64 { ALIGNMENT } else { SMALL_ALIGNMENT };
        let size = usize::try_from(bytes.max(64)).map_err(|_| failed())?;
        let layout = Layout::from_size_align(size, alignment).map_err(|_| failed())?;
        // SAFETY: the size is not 0.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or_else(failed)?;
        #[cfg(target_os = "linux")]
        if alignment == ALIGNMENT {
            // Advice only: without it all is the same but slower.
            // SAFETY: the range is the allocation just made, and advice of this kind changes no content.
            unsafe { libc::madvise(start.as_ptr().cast(), size, libc::MADV_HUGEPAGE) };
        }
        Ok(Region { start: start.cast(), layout })
    }

    pub(crate) fn pointer(&self) -> *mut u64 {
        self.start.as_ptr()
    }

    /// Whole words.
    pub(crate) fn word_count(&self) -> usize {
        self.layout.size() / 8
    }

    /// These words, set to `value`.
    pub(crate) fn fill(&mut self, words: Range<usize>, value: u64) {
        assert!(words.end <= self.word_count());
        // SAFETY: within the region, which is borrowed alone.
        unsafe {
            for at in words {
                self.pointer().add(at).write(value);
            }
        }
    }

    /// The first words, shared between threads.
    ///
    /// **Safety**: they have been written, and nobody writes them otherwise meanwhile.
    pub(crate) unsafe fn atomics(&self, word_count: usize) -> &[AtomicU64] {
        assert!(word_count <= self.word_count());
        // SAFETY: the caller's contract; an atomic word has the layout of a word.
        unsafe { std::slice::from_raw_parts(self.pointer().cast(), word_count) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) }
    }
}

/// Reads or sets bits that several threads share.
pub(crate) fn set_bits(word: &AtomicU64, bits: u64, alone: bool) -> u64 {
    if alone {
        let before = word.load(Ordering::Relaxed);
        word.store(before | bits, Ordering::Relaxed);
        return before;
    }
    let before = word.load(Ordering::Relaxed);
    // Most bits are set already in later rounds; a plain read is much cheaper.
    if before & bits == bits { before } else { word.fetch_or(bits, Ordering::Relaxed) }
}

/// Blocks of records within a region. A block's address is a multiple of its size.
pub(crate) struct Pool<'r> {
    start: *mut u64,
    block_size: usize,
    free: Mutex<Vec<u32>>,
    region: std::marker::PhantomData<&'r Region>,
}

// SAFETY: a block belongs to whoever took it from the list.
unsafe impl Send for Pool<'_> {}
// SAFETY: as above.
unsafe impl Sync for Pool<'_> {}

impl<'r> Pool<'r> {
    /// Cuts a region into blocks of `block_size` records, a power of two of at least 512 and at most
    /// 32768.
    pub(crate) fn new(region: &'r mut Region, block_size: usize) -> Pool<'r> {
        let count = region.word_count() / block_size;
        let count = u32::try_from(count).expect("invariant: plans have fewer blocks");
        // The lowest first, so that no more of the region is touched than needed.
        let free = Mutex::new((0..count).rev().collect());
        Pool { start: region.pointer(), block_size, free, region: std::marker::PhantomData }
    }

    /// Records in a block.
    pub(crate) fn block_size(&self) -> usize {
        self.block_size
    }

    /// A block for the caller alone, if there is one left.
    pub(crate) fn take(&self) -> Option<u32> {
        self.free.lock().expect("invariant: nobody panics with the list").pop()
    }

    /// Gives blocks back; nobody may use them any more.
    pub(crate) fn give(&self, blocks: impl IntoIterator<Item = u32>) {
        self.free.lock().expect("invariant: nobody panics with the list").extend(blocks);
    }

    /// Where a block begins.
    pub(crate) fn pointer(&self, block: u32) -> *mut u64 {
        // SAFETY: blocks lie within the region.
        unsafe { self.start.add(block as usize * self.block_size) }
    }
}
