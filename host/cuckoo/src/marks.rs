//! Which nodes are used: the bitmaps by which a round decides, and its two inner loops.

use crate::parameters::Variant;
use crate::path::for_each_path;
use crate::table::Writer;

/// When an edge stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Its node is used twice: two bits a node.
    Twice,
    /// The node that differs in the lowest bit is used.
    Partner,
    /// Its node is used by an edge's other side.
    Same,
}

impl Rule {
    pub(crate) fn of(variant: Variant) -> Rule {
        match variant {
            Variant::Cuckoo | Variant::Cuckaroo | Variant::Cuckarooz => Rule::Twice,
            Variant::Cuckatoo | Variant::Cuckarood => Rule::Partner,
            Variant::Cuckaroom => Rule::Same,
        }
    }

    /// Bits of the bitmap for each node, as a binary logarithm.
    pub(crate) fn bits_log2(self) -> u32 {
        u32::from(self == Rule::Twice)
    }

    /// The bit that says whether an edge stays: the node's first bit with these flipped.
    pub(crate) fn flip(self) -> u64 {
        u64::from(self != Rule::Same)
    }
}

/// Records tested at a time; what stays fits the nearest cache.
const CHUNK: usize = 1024;

#[inline(always)]
unsafe fn mark_loop(words: *mut u64, records: &[u64], shift: u32, mask: u64, twice: bool) {
    // SAFETY: the caller's contract: bits for every value of the mask.
    unsafe {
        if twice {
            for &record in records {
                let node = record >> (shift & 63) & mask;
                let word = words.add((node >> 5) as usize);
                let position = (2 * (node & 31)) as u32;
                let before = *word >> position & 1;
                *word |= (1 | before << 1) << position;
            }
        } else {
            for &record in records {
                let node = record >> (shift & 63) & mask;
                *words.add((node >> 6) as usize) |= 1 << (node & 63);
            }
        }
    }
}

for_each_path! {
    /// Marks a node of every record: bits `[shift, ..]` under the mask.
    ///
    /// **Safety**: the path's instructions were detected; there are two bits (`twice`) or one in
    /// `words` for each node of the mask.
    pub(crate) unsafe fn mark(words: *mut u64, records: &[u64], shift: u32, mask: u64, twice: bool) = mark_loop
}

/// How a record is tested: which node, and which bit of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Test {
    pub(crate) shift: u32,
    pub(crate) mask: u64,
    pub(crate) rule: Rule,
}

#[inline(always)]
unsafe fn test_loop(words: *const u64, records: &[u64], test: Test, out: *mut u64) -> usize {
    let (log2, flip) = (test.rule.bits_log2(), test.rule.flip());
    let mut kept = 0usize;
    for &record in records {
        let bit = ((record >> (test.shift & 63) & test.mask) << (log2 & 1)) ^ flip;
        // SAFETY: the caller's contract: bits for every value of the mask, and room.
        unsafe {
            let used = *words.add((bit >> 6) as usize) >> (bit & 63) & 1;
            *out.add(kept) = record;
            kept = kept.wrapping_add(used as usize);
        }
    }
    kept
}

#[inline(always)]
unsafe fn keep_loop(words: *const u64, records: &[u64], test: Test, writers: &mut [Writer<'_>]) -> u64 {
    let mut buffer = [0u64; CHUNK];
    let mut total = 0;
    for records in records.chunks(CHUNK) {
        // SAFETY: the caller's contract; the buffer has room for a chunk.
        let kept = unsafe { test_loop(words, records, test, buffer.as_mut_ptr()) };
        for writer in &mut *writers {
            writer.scatter(&buffer[..kept]);
        }
        total += kept as u64;
    }
    total
}

for_each_path! {
    /// Gives the records that stay to every writer; answers how many.
    ///
    /// **Safety**: as [`mark`].
    pub(crate) unsafe fn keep(words: *const u64, records: &[u64], test: Test, writers: &mut [Writer<'_>]) -> u64
        = keep_loop
}

#[inline(always)]
unsafe fn scatter_loop(records: &[u64], writers: &mut [Writer<'_>]) {
    for writer in writers {
        writer.scatter(records);
    }
}

for_each_path! {
    /// Gives the records to every writer.
    ///
    /// **Safety**: the path's instructions were detected.
    pub(crate) unsafe fn scatter(records: &[u64], writers: &mut [Writer<'_>]) = scatter_loop
}
