//! Rounds of mean trimming: records in buckets, one bucket's bitmap at a time in a near cache.

use std::ops::Range;

use crate::error::Error;
use crate::hash::{BATCH, Hasher};
use crate::marks::{Rule, Test, keep, mark, scatter};
use crate::memory::{Pool, Region};
use crate::parameters::{Parameters, Variant};
use crate::path::Path;
use crate::plan::Layout;
use crate::table::{BucketOf, Run, Table, Writer};
use crate::work::{Cancel, Queue, on_threads};

/// Which node of a record: u or v.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    U,
    V,
}

impl Side {
    /// Where the node begins in a record.
    pub(crate) fn shift(self) -> u32 {
        match self {
            Side::U => 0,
            Side::V => 32,
        }
    }

    /// The side that a round of the bipartite variants looks at.
    pub(crate) fn of_round(round: u32) -> Side {
        if round.is_multiple_of(2) { Side::U } else { Side::V }
    }

    pub(crate) fn other(self) -> Side {
        match self {
            Side::U => Side::V,
            Side::V => Side::U,
        }
    }
}

/// What all of mean trimming needs.
pub(crate) struct Mean<'s> {
    pub(crate) parameters: &'s Parameters,
    pub(crate) path: Path,
    pub(crate) threads: usize,
    pub(crate) layout: &'s Layout,
    pub(crate) pool: &'s Pool<'s>,
    pub(crate) marks: &'s Region,
    pub(crate) cancel: &'s Cancel,
}

/// The edges alive, in every order that the variant's rounds need.
pub(crate) struct Edges {
    tables: Vec<Table>,
    pub(crate) alive: u64,
}

impl Edges {
    /// All records, in no particular order.
    pub(crate) fn records(&self, pool: &Pool<'_>) -> Vec<u64> {
        let mut records = Vec::with_capacity(self.alive as usize);
        for run in self.tables[0].runs() {
            // SAFETY: the table owns its blocks, of which so many records were written.
            records.extend_from_slice(unsafe { slice(pool, run) });
        }
        records
    }
}

/// **Safety**: the run's block is not written by anyone meanwhile.
unsafe fn slice<'p>(pool: &'p Pool<'_>, run: Run) -> &'p [u64] {
    // SAFETY: so many records were written before the run was made.
    unsafe { std::slice::from_raw_parts(pool.pointer(run.block), run.count as usize) }
}

/// Where records come from when they are hashed.
pub(crate) enum Source<'a> {
    /// All edges.
    All,
    /// Edges of which this bit is set.
    Alive(&'a [std::sync::atomic::AtomicU64]),
}

/// Batches a thread takes at a time.
const BATCHES_PER_UNIT: usize = 64;

impl Mean<'_> {
    fn bucket_of(&self, side: Side) -> BucketOf {
        BucketOf { shift: side.shift() + self.layout.slice_bits, mask: self.layout.bucket_count as u64 - 1 }
    }

    fn test(&self, side: Side) -> Test {
        Test { shift: side.shift(), mask: self.slice_mask(), rule: Rule::of(self.parameters.variant) }
    }

    fn slice_mask(&self) -> u64 {
        (1 << self.layout.slice_bits) - 1
    }

    /// The sides by which tables are sorted before this round.
    fn orders(&self, round: u32) -> Vec<Side> {
        if self.parameters.variant.is_bipartite() { vec![Side::of_round(round)] } else { vec![Side::U, Side::V] }
    }

    /// Hashes every edge of the source whose u is in these buckets, for this round.
    fn hash(
        &self,
        hasher: &Hasher,
        source: &Source<'_>,
        round: u32,
        buckets: Range<usize>,
    ) -> Result<(u64, Vec<Table>), Error> {
        let orders = self.orders(round);
        let batches = (self.parameters.edge_count() / BATCH as u64) as usize;
        let queue = Queue::new(0..batches.div_ceil(BATCHES_PER_UNIT));
        let offsets = hasher.offsets();
        let all_buckets = buckets.len() == self.layout.bucket_count;
        let written = on_threads(self.threads, |_| {
            let mut writers = self.writers(&orders)?;
            let mut records = [0; BATCH];
            let mut total = 0u64;
            while let Some(unit) = queue.take() {
                for batch in unit * BATCHES_PER_UNIT..batches.min((unit + 1) * BATCHES_PER_UNIT) {
                    self.cancel.check()?;
                    let first = (batch * BATCH) as u64;
                    let kept = match source {
                        Source::All => {
                            hasher.batch(first, &mut records);
                            BATCH
                        }
                        Source::Alive(alive) => {
                            let alive = &alive[batch * (BATCH / 64)..(batch + 1) * (BATCH / 64)];
                            crate::lean::alive_records(hasher, first, alive, &offsets, &mut records)
                        }
                    };
                    let kept = match all_buckets {
                        true => kept,
                        false => within_buckets(&mut records[..kept], self.bucket_of(Side::U), &buckets),
                    };
                    total += kept as u64;
                    // SAFETY: the path's instructions were detected.
                    unsafe { scatter(self.path, &records[..kept], &mut writers) };
                }
            }
            Ok((total, finish(writers)?))
        })?;
        Ok(self.gather(written, orders.len()))
    }

    fn writers(&self, orders: &[Side]) -> Result<Vec<Writer<'_>>, Error> {
        orders.iter().map(|&side| Writer::new(self.pool, self.bucket_of(side))).collect()
    }

    fn gather(&self, written: Vec<(u64, Vec<Vec<Vec<Run>>>)>, tables: usize) -> (u64, Vec<Table>) {
        let mut gathered: Vec<Table> = (0..tables).map(|_| Table::new(self.layout.bucket_count)).collect();
        let mut total = 0;
        for (count, written) in written {
            total += count;
            for (table, written) in gathered.iter_mut().zip(written) {
                table.append(written);
            }
        }
        (total, gathered)
    }

    /// Marks the nodes of `marked` (unless the marks are there already), and keeps the records of
    /// `tested` that stay, sorted by `orders`. All blocks of both go back to the pool.
    fn phase(
        &self,
        marked: &[(&Table, Side)],
        tested: (&Table, Side),
        orders: &[Side],
        buckets: Range<usize>,
    ) -> Result<(u64, Vec<Table>), Error> {
        let queue = Queue::new(buckets);
        let rule = Rule::of(self.parameters.variant);
        let words = self.layout.slice_words;
        let written = on_threads(self.threads, |thread| {
            let mut writers = self.writers(orders)?;
            let mut total = 0;
            while let Some(bucket) = queue.take() {
                let slot = if self.layout.keeps_marks { bucket } else { thread };
                // SAFETY: every bucket or every thread has its own words of the marks, and a bucket is
                // taken by one thread.
                let marks = unsafe { self.marks.pointer().add(slot * words) };
                if !marked.is_empty() {
                    // SAFETY: as above.
                    unsafe { marks.write_bytes(0, words) };
                }
                for &(table, side) in marked {
                    let also_tested = std::ptr::eq(table, tested.0);
                    for &run in table.bucket(bucket) {
                        self.cancel.check()?;
                        // SAFETY: the tables own their blocks; the marks have bits for the mask.
                        unsafe {
                            let records = slice(self.pool, run);
                            mark(self.path, marks, records, side.shift(), self.slice_mask(), rule == Rule::Twice);
                        }
                        if !also_tested {
                            self.pool.give([run.block]);
                        }
                    }
                }
                for &run in tested.0.bucket(bucket) {
                    self.cancel.check()?;
                    // SAFETY: as above.
                    unsafe {
                        let records = slice(self.pool, run);
                        total += keep(self.path, marks, records, self.test(tested.1), &mut writers);
                    }
                    self.pool.give([run.block]);
                }
            }
            Ok((total, finish(writers)?))
        })?;
        Ok(self.gather(written, orders.len()))
    }

    /// Hashes the edges of the source and does the round, in as many parts as the layout has if it is
    /// the first.
    pub(crate) fn begin(&self, hasher: &Hasher, source: &Source<'_>, round: u32) -> Result<Edges, Error> {
        let buckets = 0..self.layout.bucket_count;
        if self.layout.parts == 1 {
            let (alive, tables) = self.hash(hasher, source, round, buckets)?;
            return self.round(Edges { tables, alive }, round);
        }
        let mut all = Edges { tables: vec![Table::new(self.layout.bucket_count)], alive: 0 };
        let size = self.layout.bucket_count / self.layout.parts;
        for part in buckets.step_by(size).map(|first| first..first + size) {
            let (_, tables) = self.hash(hasher, source, round, part.clone())?;
            let side = Side::of_round(round);
            let next = [side.other()];
            let (alive, mut kept) = self.phase(&[(&tables[0], side)], (&tables[0], side), &next, part)?;
            all.alive += alive;
            all.tables[0].join(kept.swap_remove(0));
        }
        Ok(all)
    }

    /// Does one round.
    pub(crate) fn round(&self, edges: Edges, round: u32) -> Result<Edges, Error> {
        let buckets = 0..self.layout.bucket_count;
        let next = self.orders(round + 1);
        let tables = &edges.tables;
        let (alive, tables) = match self.parameters.variant {
            Variant::Cuckaroom => {
                let [from, to] = [(&tables[0], Side::U), (&tables[1], Side::V)];
                let (marked, tested) = if round.is_multiple_of(2) { (from, to) } else { (to, from) };
                self.phase(&[marked], tested, &next, buckets)?
            }
            Variant::Cuckarooz => {
                let marked = [(&tables[0], Side::U), (&tables[1], Side::V)];
                let (_, half) = self.phase(&marked, marked[0], &[Side::V], buckets.clone())?;
                self.phase(&[], (&half[0], Side::V), &next, buckets)?
            }
            _ => {
                let side = Side::of_round(round);
                self.phase(&[(&tables[0], side)], (&tables[0], side), &next, buckets)?
            }
        };
        Ok(Edges { tables, alive })
    }
}

fn finish(writers: Vec<Writer<'_>>) -> Result<Vec<Vec<Vec<Run>>>, Error> {
    writers.into_iter().map(Writer::finish).collect()
}

/// Moves the records whose bucket is one of these to the front; answers how many.
fn within_buckets(records: &mut [u64], of: BucketOf, buckets: &Range<usize>) -> usize {
    let (first, count) = (buckets.start as u64, buckets.len() as u64);
    let mut kept = 0;
    for at in 0..records.len() {
        let record = records[at];
        records[kept] = record;
        let bucket = record >> (of.shift & 63) & of.mask;
        kept += usize::from(bucket.wrapping_sub(first) < count);
    }
    kept
}
