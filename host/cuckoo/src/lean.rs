//! Lean trimming: one bit an edge, one or two bits a node, everything else hashed again.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;
use crate::hash::{BATCH, Hasher};
use crate::marks::Rule;
use crate::memory::{Region, set_bits};
use crate::parameters::{Parameters, Variant};
use crate::rounds::Side;
use crate::work::{Cancel, Queue, on_threads};

/// Words of the edges' bitmap for a batch.
const BATCH_WORDS: usize = BATCH / 64;

/// Batches a thread takes at a time.
const BATCHES_PER_UNIT: usize = 64;

/// Words cleared at a time.
const CLEAR_WORDS: usize = 1 << 16;

/// What lean trimming needs.
pub(crate) struct Lean<'s> {
    pub(crate) parameters: &'s Parameters,
    pub(crate) threads: usize,
    pub(crate) hasher: &'s Hasher,
    /// One bit an edge.
    pub(crate) alive: &'s [AtomicU64],
    /// The nodes' marks.
    pub(crate) marks: &'s Region,
    pub(crate) mark_words: usize,
    pub(crate) cancel: &'s Cancel,
}

impl Lean<'_> {
    /// Does one round; answers how many edges are alive after it.
    pub(crate) fn round(&self, round: u32) -> Result<u64, Error> {
        let side = Side::of_round(round);
        let (marked, tested) = match self.parameters.variant {
            Variant::Cuckaroom => (&[side][..], &[side.other()][..]),
            Variant::Cuckarooz => (&[Side::U, Side::V][..], &[Side::U, Side::V][..]),
            _ => (&[side][..], &[side][..]),
        };
        self.clear_marks()?;
        self.mark(marked)?;
        self.kill(tested)
    }

    fn clear_marks(&self) -> Result<(), Error> {
        let queue = Queue::new(0..self.mark_words.div_ceil(CLEAR_WORDS));
        on_threads(self.threads, |_| {
            while let Some(unit) = queue.take() {
                self.cancel.check()?;
                let first = unit * CLEAR_WORDS;
                let count = CLEAR_WORDS.min(self.mark_words - first);
                // SAFETY: within the region; a unit is taken by one thread.
                unsafe { self.marks.pointer().add(first).write_bytes(0, count) };
            }
            Ok(())
        })?;
        Ok(())
    }

    fn mark(&self, sides: &[Side]) -> Result<(), Error> {
        let rule = Rule::of(self.parameters.variant);
        let alone = self.threads == 1;
        // SAFETY: all words were cleared just now.
        let marks = unsafe { self.marks.atomics(self.mark_words) };
        self.for_each_batch(sides, |nodes, _, _| {
            for &node in nodes.iter() {
                prefetch(&marks[(node << rule.bits_log2() >> 6) as usize]);
            }
            for &node in nodes.iter() {
                if rule == Rule::Twice {
                    let (word, position) = (&marks[(node >> 5) as usize], 2 * (node & 31));
                    if set_bits(word, 1 << position, alone) >> position & 1 == 1 {
                        set_bits(word, 2 << position, alone);
                    }
                } else {
                    set_bits(&marks[(node >> 6) as usize], 1 << (node & 63), alone);
                }
            }
            0
        })?;
        Ok(())
    }

    fn kill(&self, sides: &[Side]) -> Result<u64, Error> {
        let rule = Rule::of(self.parameters.variant);
        // SAFETY: all words were cleared before this round's marking.
        let marks = unsafe { self.marks.atomics(self.mark_words) };
        self.for_each_batch(sides, |nodes, offsets, alive| {
            let bit = |node: u64| (node << rule.bits_log2()) ^ rule.flip();
            for &node in nodes.iter() {
                prefetch(&marks[(bit(node) >> 6) as usize]);
            }
            // Only this thread has these words of the bitmap.
            let mut words: [u64; BATCH_WORDS] = std::array::from_fn(|at| alive[at].load(Ordering::Relaxed));
            for (&node, &offset) in nodes.iter().zip(offsets) {
                let bit = bit(node);
                let used = marks[(bit >> 6) as usize].load(Ordering::Relaxed) >> (bit & 63) & 1;
                // Clears the edge's bit if its node is not used.
                words[(offset >> 6) as usize] &= !((used ^ 1) << (offset & 63));
            }
            let mut left = 0;
            for (word, alive) in words.iter().zip(alive) {
                alive.store(*word, Ordering::Relaxed);
                left += u64::from(word.count_ones());
            }
            left
        })
    }

    /// Shows every batch's nodes of these sides, the offsets of their edges, and the batch's part of
    /// the bitmap; answers the sum of what is answered.
    ///
    /// With two sides both are shown at once, one after the other.
    fn for_each_batch(
        &self,
        sides: &[Side],
        show: impl Fn(&[u64], &[u16], &[AtomicU64]) -> u64 + Sync,
    ) -> Result<u64, Error> {
        let batches = (self.parameters.edge_count() / BATCH as u64) as usize;
        let queue = Queue::new(0..batches.div_ceil(BATCHES_PER_UNIT));
        let order = self.hasher.offsets();
        let sums = on_threads(self.threads, |_| {
            let mut buffers = Buffers::new();
            let mut sum = 0;
            while let Some(unit) = queue.take() {
                for batch in unit * BATCHES_PER_UNIT..batches.min((unit + 1) * BATCHES_PER_UNIT) {
                    self.cancel.check()?;
                    let alive = &self.alive[batch * BATCH_WORDS..(batch + 1) * BATCH_WORDS];
                    let count = self.nodes((batch * BATCH) as u64, alive, sides, &order, &mut buffers);
                    if count > 0 {
                        sum += show(&buffers.nodes[..count], &buffers.offsets[..count], alive);
                    }
                }
            }
            Ok(sum)
        })?;
        Ok(sums.into_iter().sum())
    }

    fn nodes(
        &self,
        first: u64,
        alive: &[AtomicU64],
        sides: &[Side],
        order: &[u16; BATCH],
        buffers: &mut Buffers,
    ) -> usize {
        if alive.iter().all(|word| word.load(Ordering::Relaxed) == 0) {
            return 0;
        }
        if self.parameters.variant.has_two_hashes() {
            let count = alive_offsets(alive, &mut buffers.offsets);
            let bit = u64::from(sides[0] == Side::V);
            for (node, &offset) in buffers.nodes.iter_mut().zip(&buffers.offsets[..count]) {
                *node = 2 * (first + u64::from(offset)) + bit;
            }
            self.hasher.words(&mut buffers.nodes[..count.next_multiple_of(16)]);
            return count;
        }
        self.hasher.batch(first, &mut buffers.records);
        let words: [u64; BATCH_WORDS] = std::array::from_fn(|at| alive[at].load(Ordering::Relaxed));
        let mask = (1 << self.parameters.node_bits()) - 1;
        let mut count = 0;
        for &side in sides {
            for (&record, &offset) in buffers.records.iter().zip(order) {
                buffers.nodes[count] = record >> side.shift() & mask;
                buffers.offsets[count] = offset;
                count += (words[(offset >> 6) as usize] >> (offset & 63) & 1) as usize;
            }
        }
        count
    }
}

struct Buffers {
    records: [u64; BATCH],
    /// Nodes of both sides, and one that is written and not counted.
    nodes: [u64; 2 * BATCH + 1],
    offsets: [u16; 2 * BATCH + 1],
}

impl Buffers {
    fn new() -> Buffers {
        Buffers { records: [0; BATCH], nodes: [0; 2 * BATCH + 1], offsets: [0; 2 * BATCH + 1] }
    }
}

/// Writes the offsets of the bits set; answers how many.
fn alive_offsets(alive: &[AtomicU64], offsets: &mut [u16]) -> usize {
    let mut count = 0;
    for (at, word) in alive.iter().enumerate() {
        let mut word = word.load(Ordering::Relaxed);
        while word != 0 {
            offsets[count] = (64 * at) as u16 + word.trailing_zeros() as u16;
            count += 1;
            word &= word - 1;
        }
    }
    count
}

/// Hashes the batch's edges whose bit is set and moves their records to the front; answers how many.
pub(crate) fn alive_records(
    hasher: &Hasher,
    first: u64,
    alive: &[AtomicU64],
    order: &[u16; BATCH],
    records: &mut [u64; BATCH],
) -> usize {
    let words: [u64; BATCH_WORDS] = std::array::from_fn(|at| alive[at].load(Ordering::Relaxed));
    if words == [0; BATCH_WORDS] {
        return 0;
    }
    hasher.batch(first, records);
    let mut count = 0;
    for at in 0..BATCH {
        let (record, offset) = (records[at], order[at]);
        records[count] = record;
        count += (words[(offset >> 6) as usize] >> (offset & 63) & 1) as usize;
    }
    count
}

/// Asks for a word that is needed soon.
#[inline(always)]
fn prefetch(word: &AtomicU64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint; the instruction is part of the architecture.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(std::ptr::from_ref(word).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = word;
}
