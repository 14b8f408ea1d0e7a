//! From records back to edge indices: every edge is hashed again and looked up.

use crate::error::Error;
use crate::hash::{BATCH, Hasher};
use crate::parameters::Parameters;
use crate::work::{Cancel, Queue, on_threads};

/// An edge's index and its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Recovered {
    pub(crate) edge: u64,
    pub(crate) record: u64,
}

/// Batches a thread takes at a time.
const BATCHES_PER_UNIT: usize = 64;

/// Records to look for: a bitmap that most others miss, and the sorted list.
struct Wanted {
    sorted: Vec<u64>,
    filter: Vec<u64>,
    shift: u32,
}

impl Wanted {
    fn new(records: &[u64]) -> Wanted {
        let mut sorted = records.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        // 64 bits for each record: one other in 64 passes.
        let log2 = (sorted.len().max(16) as u64).ilog2() + 7;
        let mut filter = vec![0u64; 1 << (log2 - 6)];
        let shift = 64 - log2;
        for &record in &sorted {
            let bit = spread(record) >> shift;
            filter[(bit >> 6) as usize] |= 1 << (bit & 63);
        }
        Wanted { sorted, filter, shift }
    }

    #[inline(always)]
    fn may_contain(&self, record: u64) -> bool {
        let bit = spread(record) >> self.shift;
        self.filter[(bit >> 6) as usize] >> (bit & 63) & 1 == 1
    }
}

/// A multiplicative hash: the highest bits depend on all.
#[inline(always)]
fn spread(record: u64) -> u64 {
    record.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Every edge that has one of these records, by ascending index.
pub(crate) fn recover(
    parameters: &Parameters,
    hasher: &Hasher,
    threads: usize,
    records: &[u64],
    cancel: &Cancel,
) -> Result<Vec<Recovered>, Error> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = Wanted::new(records);
    let offsets = hasher.offsets();
    let batches = (parameters.edge_count() / BATCH as u64) as usize;
    let queue = Queue::new(0..batches.div_ceil(BATCHES_PER_UNIT));
    let found = on_threads(threads, |_| {
        let mut found = Vec::new();
        let mut buffer = [0; BATCH];
        while let Some(unit) = queue.take() {
            for batch in unit * BATCHES_PER_UNIT..batches.min((unit + 1) * BATCHES_PER_UNIT) {
                cancel.check()?;
                let first = (batch * BATCH) as u64;
                hasher.batch(first, &mut buffer);
                for (&record, &offset) in buffer.iter().zip(offsets.iter()) {
                    if wanted.may_contain(record) && wanted.sorted.binary_search(&record).is_ok() {
                        found.push(Recovered { edge: first + u64::from(offset), record });
                    }
                }
            }
        }
        Ok(found)
    })?;
    let mut found: Vec<Recovered> = found.into_iter().flatten().collect();
    found.sort_unstable();
    Ok(found)
}
