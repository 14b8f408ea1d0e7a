//! Records sorted into buckets by the highest bits of a node.

use crate::error::Error;
use crate::memory::Pool;

/// A block that is filled so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) block: u32,
    pub(crate) count: u32,
}

/// Buckets of records. Their order within a bucket means nothing.
pub(crate) struct Table {
    buckets: Vec<Vec<Run>>,
}

impl Table {
    pub(crate) fn new(bucket_count: usize) -> Table {
        Table { buckets: vec![Vec::new(); bucket_count] }
    }

    /// The blocks of a bucket.
    pub(crate) fn bucket(&self, bucket: usize) -> &[Run] {
        &self.buckets[bucket]
    }

    /// Adds the buckets of another table to these.
    pub(crate) fn join(&mut self, other: Table) {
        self.append(other.buckets);
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.buckets.iter().flatten().copied()
    }

    /// Adds what a writer has written.
    pub(crate) fn append(&mut self, written: Vec<Vec<Run>>) {
        for (bucket, written) in self.buckets.iter_mut().zip(written) {
            bucket.extend(written);
        }
    }
}

/// Which bucket a record belongs to: the bits above `shift`, as far as there are buckets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BucketOf {
    pub(crate) shift: u32,
    pub(crate) mask: u64,
}

/// How far ahead of a bucket's next record memory is asked for, four cache lines: of hundreds of streams no processor sees by itself
/// where they go, and stores wait for each other (measured: a tenth of a whole graph's time at 27 edge bits).
const RECORDS_AHEAD: usize = 31;

/// Asks for the cache line of `place`, which may lie anywhere, to be written soon.
#[inline(always)]
fn expect_write(place: *const u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint that never faults, and does nothing where a processor does not know it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_ET0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Writes records into buckets; one for each thread.
pub(crate) struct Writer<'p> {
    pool: &'p Pool<'p>,
    of: BucketOf,
    /// Where each bucket's next record goes.
    cursors: Vec<*mut u64>,
    blocks: Vec<Vec<u32>>,
    /// Where records go when memory has run out, so that writing needs no check.
    spare: u32,
    crowded: bool,
}

impl<'p> Writer<'p> {
    /// **Errors**: [`Error::Crowded`] if there is not a block for each bucket and one more.
    pub(crate) fn new(pool: &'p Pool<'p>, of: BucketOf) -> Result<Writer<'p>, Error> {
        let bucket_count = of.mask as usize + 1;
        let mut taken = Vec::with_capacity(bucket_count + 1);
        while taken.len() <= bucket_count {
            match pool.take() {
                Some(block) => taken.push(block),
                None => {
                    pool.give(taken);
                    return Err(Error::Crowded);
                }
            }
        }
        let spare = taken.pop().expect("invariant: one more than buckets");
        let cursors = taken.iter().map(|&block| pool.pointer(block)).collect();
        let blocks = taken.into_iter().map(|block| vec![block]).collect();
        Ok(Writer { pool, of, cursors, blocks, spare, crowded: false })
    }

    /// Writes records, each into its bucket.
    #[inline(always)]
    pub(crate) fn scatter(&mut self, records: &[u64]) {
        let end_mask = self.pool.block_size() * 8 - 1;
        let cursors = self.cursors.as_mut_ptr();
        for &record in records {
            let bucket = (record >> (self.of.shift & 63) & self.of.mask) as usize;
            // SAFETY: there is a cursor for every value of the mask, and a cursor points into a block
            // that is not full.
            unsafe {
                let cursor = cursors.add(bucket);
                let next = (*cursor).add(1);
                **cursor = record;
                *cursor = next;
                expect_write(next.wrapping_add(RECORDS_AHEAD));
                if next as usize & end_mask == 0 {
                    self.next_block(bucket);
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn next_block(&mut self, bucket: usize) {
        let block = self.pool.take().unwrap_or_else(|| {
            self.crowded = true;
            self.spare
        });
        self.cursors[bucket] = self.pool.pointer(block);
        if !self.crowded {
            self.blocks[bucket].push(block);
        }
    }

    /// What has been written.
    ///
    /// **Errors**: [`Error::Crowded`] if records did not fit. The pool's blocks are then lost.
    pub(crate) fn finish(mut self) -> Result<Vec<Vec<Run>>, Error> {
        if self.crowded {
            return Err(Error::Crowded);
        }
        let size = self.pool.block_size();
        let mut unused = vec![self.spare];
        let blocks = std::mem::take(&mut self.blocks);
        let buckets = blocks.into_iter().zip(&self.cursors).map(|(blocks, &cursor)| {
            let (&last, full) = blocks.split_last().expect("invariant: a block for each bucket");
            let mut runs: Vec<Run> = full.iter().map(|&block| Run { block, count: size as u32 }).collect();
            let count = (cursor as usize - self.pool.pointer(last) as usize) / 8;
            if count > 0 {
                runs.push(Run { block: last, count: count as u32 });
            } else {
                unused.push(last);
            }
            runs
        });
        let buckets = buckets.collect();
        self.pool.give(unused);
        Ok(buckets)
    }
}
