//! How long graphs take that are too large to be modelled edge by edge.
//!
//! The passes are those of the core; what each takes follows from how many edges are alive, which hardly
//! depends on the graph. How fast lists are read comes from the model, run on a small graph of random nodes.
//! Judged by the model where both run (`tests/estimate.rs`).

use myelin_isa::cuckoo::{Core, Sip};

use crate::model;

/// Rounds of a graph.
pub const ROUNDS: u32 = 96;

/// Share of all edges that is alive after each round, measured with `myelin cuckoo trim` on one graph of
/// Cuckaroo with 24 edge bits.
#[rustfmt::skip]
pub const SHARES: [f64; ROUNDS as usize] = [
    0.63191, 0.29592, 0.17503, 0.11654, 0.08344, 0.06280, 0.04903, 0.03941,
    0.03237, 0.02708, 0.02301, 0.01980, 0.01723, 0.01513, 0.01340, 0.01195,
    0.01073, 0.009683, 0.008785, 0.008009, 0.007334, 0.006745, 0.006223, 0.005761,
    0.005352, 0.004983, 0.004653, 0.004353, 0.004083, 0.003838, 0.003614, 0.003407,
    0.003215, 0.003040, 0.002878, 0.002729, 0.002591, 0.002463, 0.002344, 0.002233,
    0.002130, 0.002034, 0.001944, 0.001859, 0.001779, 0.001702, 0.001632, 0.001566,
    0.001503, 0.001444, 0.001389, 0.001338, 0.001289, 0.001242, 0.001197, 0.001154,
    0.001112, 0.001072, 0.001034, 0.000998, 0.000965, 0.000934, 0.000904, 0.000876,
    0.000849, 0.000824, 0.000800, 0.000777, 0.000755, 0.000734, 0.000714, 0.000694,
    0.000675, 0.000656, 0.000638, 0.000621, 0.000604, 0.000589, 0.000574, 0.000560,
    0.000547, 0.000534, 0.000522, 0.000509, 0.000498, 0.000487, 0.000476, 0.000465,
    0.000455, 0.000446, 0.000437, 0.000428, 0.000420, 0.000411, 0.000403, 0.000396,
];

/// What takes the cycles of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Clearing counters.
    pub walk_cycles: f64,
    /// Passes over alive bits, bounded by the lanes' hashes.
    pub hash_cycles: f64,
    /// Passes over lists, bounded by the network between banks.
    pub list_cycles: f64,
    /// Waiting for pipelines at the borders of passes.
    pub border_cycles: f64,
    /// Rounds that begin with alive bits.
    pub bitmap_rounds: u32,
    /// Passes over alive bits.
    pub bitmap_passes: u32,
}

impl Estimate {
    /// All of it.
    pub fn cycles(&self) -> f64 {
        self.walk_cycles + self.hash_cycles + self.list_cycles + self.border_cycles
    }
}

/// Lanes up to which the rate of lists is modelled; it falls little with more.
const LANES_MODELLED: u32 = 16;

/// How many edges a bank takes from its list each cycle, while the network takes them to others.
///
/// Measured by the model in the first round of lists of a graph of random nodes with this core's lanes,
/// banks and queues.
pub fn list_rate(core: &Core) -> f64 {
    let lanes = core.lanes().min(LANES_MODELLED);
    let edge_bits = (lanes.ilog2() + 10).max(13);
    let small = Core::new(core.variant(), Sip::TwoFour, edge_bits, lanes)
        .and_then(|small| small.with_banks(core.banks() / core.lanes() * lanes))
        .and_then(|small| small.with_queue_depth(core.queue_depth()));
    let small = small.expect("invariant: a core of so many lanes takes graphs of this size");
    let found = model::run(&small, &random_nodes(&small, 0x5eed), 8);
    let bitmap_end = found.cycles - found.list_cycles;
    // The first round that ends behind the last pass over alive bits is the first of lists.
    let first = found.round_ends.iter().position(|&end| end > bitmap_end + 8).unwrap_or(found.round_ends.len() - 1);
    let (begins, alive) = (found.round_ends[first - 1], found.alive[first - 1]);
    let cycles = found.round_ends[first] - begins - u64::from(border(&small, false));
    f64::from(alive) / cycles as f64 / f64::from(small.banks())
}

/// Cycles in which a pass has begun and nothing arrives, or all has left and is not yet known to have.
fn border(core: &Core, hashes: bool) -> u32 {
    let levels = 2 * core.bank_bits() + 4;
    // Pipeline and scan.
    let pipeline = core.sip().stages() + 6;
    // A chain's first edges come when all 64 are hashed.
    let first = if core.variant().is_chained() { 64 * slots(core) } else { 0 };
    levels + 8 + if hashes { pipeline + first } else { 0 }
}

/// Blocks in flight in a lane of chained hashes: one more than its pipeline has stages.
fn slots(core: &Core) -> u32 {
    core.sip().stages() + 1
}

/// Cycles of a pass over alive bits that sends a share of the edges.
fn bitmap_pass(core: &Core, share: f64, both: bool) -> (f64, f64) {
    let edges = f64::from(core.edge_bits()).exp2() / f64::from(core.lanes());
    let blocks = edges / 64.0;
    let scan = 2.0 * blocks;
    if core.variant().is_chained() {
        let slots = f64::from(slots(core));
        let filled = blocks * (1.0 - (1.0 - share).powi(64));
        let hashes = (filled / slots).ceil() * 64.0 * slots;
        let reads = edges * share + 64.0 * slots;
        // What is read behind the last hash is of the blocks that end last.
        let last = filled - ((filled / slots).ceil() - 1.0) * slots;
        let tail = if hashes > reads { last * 64.0 * share } else { reads - hashes };
        let border = f64::from(border(core, true)) - 64.0 * slots;
        return (hashes.max(scan), tail + border);
    }
    let hashes = edges * share * if both { 2.0 } else { 1.0 };
    (hashes.max(scan), f64::from(border(core, true)))
}

/// What a graph takes.
pub fn estimate(core: &Core, list_rate: f64) -> Estimate {
    let walk = f64::from(core.word_bits().max(core.block_bits())).exp2();
    let edges = f64::from(core.edge_bits()).exp2();
    let banks = f64::from(core.banks());
    let limit = banks * f64::from(core.list_limit());
    let fused = core.is_fused();
    let partitions = f64::from(core.partitions());
    let mut told = Estimate { walk_cycles: walk, ..Estimate::default() };
    let bitmap = |told: &mut Estimate, share, both| {
        let (hashes, border) = bitmap_pass(core, share, both);
        told.hash_cycles += hashes;
        told.border_cycles += border;
        told.bitmap_passes += 1;
    };
    if fused {
        bitmap(&mut told, 1.0, false);
    } else {
        told.walk_cycles *= partitions * f64::from(ROUNDS);
    }
    let mut from_list = false;
    for round in 0..ROUNDS as usize {
        let (before, after) = (if round == 0 { 1.0 } else { SHARES[round - 1] }, SHARES[round]);
        if !from_list {
            told.bitmap_rounds += 1;
        }
        for partition in 0..core.partitions() {
            // What dies in one partition is not there when the next is counted.
            let share = before - (before - after) * f64::from(partition) / partitions;
            let last = partition + 1 == core.partitions();
            let mean = edges * share / banks;
            // Every bank reads its share, the fullest a little more than the mean.
            let reads = mean + 2.0 * mean.sqrt();
            if !from_list {
                if !fused {
                    bitmap(&mut told, share, false);
                }
                bitmap(&mut told, share, last);
                continue;
            }
            // Only what stays goes on, but for what clears counters.
            let sent = if fused { mean } else { edges * after / banks };
            let turns = if fused {
                0.0
            } else if last {
                1.0
            } else {
                2.0
            };
            told.list_cycles += turns * reads + if last { (sent / list_rate).max(mean) } else { 0.0 };
            told.border_cycles += f64::from(border(core, false)) * if fused { 1.0 } else { 2.0 };
        }
        // The fullest of many banks must have room.
        let spread = 0.72 * (2.0 * banks.ln()).sqrt() * (edges * after / banks).sqrt() * banks;
        from_list |= edges * after + spread <= limit;
    }
    // What survives goes to memory, an edge a cycle.
    told.border_cycles += edges * SHARES[ROUNDS as usize - 1] + f64::from(border(core, false));
    told
}

/// Nodes of a graph that no hash made, to run the model on.
pub fn random_nodes(core: &Core, seed: u64) -> Vec<[u32; 2]> {
    let mut state = seed;
    let mask = (1 << core.node_bits()) - 1;
    let mut edge = || {
        let random = split_mix(&mut state);
        [random, random >> 32].map(|word| (word & mask) as u32)
    };
    (0..1u64 << core.edge_bits()).map(|_| edge()).collect()
}

/// Steele, Lea and Flood's generator.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
