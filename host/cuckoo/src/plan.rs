//! How a given memory is used; decided before any is allocated.

use std::ops::RangeInclusive;

use crate::error::Error;
use crate::marks::Rule;
use crate::parameters::{Algorithm, Options, Parameters, Variant};

/// Bits of a bucket's bitmap, as binary logarithms: the nearest cache holds the smallest (32 KiB), a near one the largest.
const SLICE_MARK_BITS: RangeInclusive<u32> = 18..=20;

/// Buckets, as a binary logarithm, beyond which the bitmaps are made larger first: each is a stream that is written to, and the
/// nearest cache has lines for so many.
const BUCKETS_LOG2: u32 = 9;

/// Parts of the first round that are tried, the fewest first.
const PARTS: [usize; 4] = [1, 2, 4, 8];

/// Where mean trimming's data lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bits of a node below its bucket's number.
    pub(crate) slice_bits: u32,
    pub(crate) bucket_count: usize,
    /// Words of a bucket's bitmap.
    pub(crate) slice_words: usize,
    /// Whether all buckets' bitmaps are kept through a round, not one for each thread.
    pub(crate) keeps_marks: bool,
    /// Parts in which the first round is done.
    pub(crate) parts: usize,
    /// Records in a block.
    pub(crate) block_size: usize,
    /// Words of the pool.
    pub(crate) pool_words: u64,
    /// Words of all bitmaps.
    pub(crate) mark_words: u64,
}

/// What is allocated, and how trimming begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) layout: Layout,
    /// Rounds of lean trimming come first, until no more edges than this are alive.
    pub(crate) lean_until: Option<u64>,
    /// Edges that are few enough for the last step.
    pub(crate) few: u64,
    /// Words of the lean bitmap of nodes; 0 without lean rounds.
    pub(crate) lean_mark_words: u64,
    /// Bytes of everything.
    pub(crate) bytes: u64,
}

/// Records for which there is always room after lean rounds: more than ever are on cycles of so small
/// graphs that this matters.
const LEAN_RECORDS_MIN: u64 = 1024;

/// What the last step may take for each of its edges, in bytes: records, sorted nodes, lists.
const BYTES_PER_LAST_EDGE: u64 = 96;

/// Buffers of each thread, in bytes.
const BYTES_PER_THREAD: u64 = 64 << 10;

impl Plan {
    /// The fastest plan within the limit.
    ///
    /// **Errors**: [`Error::Memory`].
    pub(crate) fn new(parameters: &Parameters, options: &Options) -> Result<Plan, Error> {
        let threads = options.threads.get();
        let mut least = u64::MAX;
        let mut choose = |plan: Plan| {
            least = least.min(plan.bytes);
            (plan.bytes <= options.memory_limit).then_some(plan)
        };
        if options.algorithm != Algorithm::Lean {
            let can_split = parameters.variant.is_bipartite() && parameters.edge_bits >= 24;
            for parts in PARTS.into_iter().filter(|&parts| parts == 1 || can_split) {
                if let Some(plan) = choose(Plan::mean(parameters, threads, parts)) {
                    return Ok(plan);
                }
            }
        }
        if options.algorithm != Algorithm::Mean {
            // The sooner edges become records, the faster; asked for lean, as late as is sensible.
            let shifts = if options.algorithm == Algorithm::Lean { 6..=6 } else { 1..=6 };
            for shift in shifts {
                if let Some(plan) = choose(Plan::lean(parameters, threads, parameters.edge_count() >> shift)) {
                    return Ok(plan);
                }
            }
        }
        Err(Error::Memory {
            variant: parameters.variant.name(),
            edge_bits: parameters.edge_bits,
            threads,
            algorithm: options.algorithm.name(),
            needed: least,
            limit: options.memory_limit,
        })
    }

    fn mean(parameters: &Parameters, threads: usize, parts: usize) -> Plan {
        let edges = parameters.edge_count();
        // In parts: what survives the first round (1 - 1/e, and a little for chance) of all parts but
        // the last, and the last part as it was.
        let parts_u64 = parts as u64;
        let stored = match parts {
            1 => edges,
            _ => edges / 100 * 64 / parts_u64 * (parts_u64 - 1) + edges / parts_u64 + edges / 256,
        };
        let layout = Layout::new(parameters, threads, parts, stored, slice_mark_bits(parameters));
        Plan::complete(parameters, threads, layout, None, 0)
    }

    fn lean(parameters: &Parameters, threads: usize, records: u64) -> Plan {
        let records = records.max(LEAN_RECORDS_MIN);
        let layout = Layout::new(parameters, threads, 1, records, slice_mark_bits(parameters));
        let bits = 1u64 << (parameters.node_bits() + Rule::of(parameters.variant).bits_log2());
        Plan::complete(parameters, threads, layout, Some(records), (bits / 64).max(1))
    }

    fn complete(
        parameters: &Parameters,
        threads: usize,
        layout: Layout,
        lean_until: Option<u64>,
        lean_mark_words: u64,
    ) -> Plan {
        let few = (parameters.edge_count() >> 11).max(1024);
        let alive_words = if lean_until.is_some() { parameters.edge_count() / 64 } else { 0 };
        // The lean bitmap of nodes and the pool are never needed together.
        let words = layout.mark_words + layout.pool_words.max(lean_mark_words) + alive_words;
        let bytes = 8 * words + few * BYTES_PER_LAST_EDGE + threads as u64 * BYTES_PER_THREAD;
        Plan { layout, lean_until, few, lean_mark_words, bytes }
    }
}

/// What the bitmap of a bucket has of these.
fn slice_mark_bits(parameters: &Parameters) -> u32 {
    let bits = parameters.node_bits() + Rule::of(parameters.variant).bits_log2();
    // So few that one bucket will do need not be sorted.
    if SLICE_MARK_BITS.contains(&bits) {
        return bits;
    }
    bits.saturating_sub(BUCKETS_LOG2).clamp(*SLICE_MARK_BITS.start(), *SLICE_MARK_BITS.end())
}

impl Layout {
    /// Buckets whose bitmap has at most `2^slice_mark_bits` bits.
    pub(crate) fn new(
        parameters: &Parameters,
        threads: usize,
        parts: usize,
        stored: u64,
        slice_mark_bits: u32,
    ) -> Layout {
        let log2 = Rule::of(parameters.variant).bits_log2();
        let node_bits = parameters.node_bits();
        // A bucket for each part at least.
        let slice_bits = node_bits.min(slice_mark_bits - log2).min(node_bits - parts.ilog2());
        let bucket_count = 1usize << (node_bits - slice_bits);
        let slice_words = (1usize << (slice_bits + log2)).div_ceil(64);
        let keeps_marks = parameters.variant == Variant::Cuckarooz;
        let tables: u64 = if parameters.variant.is_bipartite() { 1 } else { 2 };
        // What is read, and what each part writes, have a block begun for every bucket, thread and table;
        // blocks are so small that those waste little.
        let begun = (1 + parts as u64) * tables * bucket_count as u64 * threads as u64;
        let block_size = (stored * tables / (32 * begun)).clamp(512, 32768);
        let block_size = 1u64 << block_size.ilog2();
        // Every thread reads a block and has a spare one for every table.
        let other = threads as u64 * (2 * tables + 2);
        let blocks = (stored * tables).div_ceil(block_size) + begun + other;
        let slots = if keeps_marks { bucket_count } else { threads };
        Layout {
            slice_bits,
            bucket_count,
            slice_words,
            keeps_marks,
            parts,
            block_size: block_size as usize,
            pool_words: blocks * block_size,
            mark_words: (slots * slice_words) as u64,
        }
    }
}
