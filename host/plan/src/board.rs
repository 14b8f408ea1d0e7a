//! Boards: what fits them, how fast it is there, and what holds it back.

use myelin_isa::cuckoo::{Core, Sip, Variant};

use crate::estimate::{Estimate, ROUNDS, SHARES, estimate, list_rate};

/// A board, as far as graphs are concerned.
///
/// **Source**: memories and bandwidths are the makers' data sheets'; clocks and lanes are what synthesis of
/// one lane and its placement on the small devices gave, and assumed of the large ones. None was built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Board {
    /// How it is named on the command line.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Block memory on the chip, in bits.
    pub chip_bits: f64,
    /// Bandwidth of the memory beside the chip, bytes in a second; 0 if there is none.
    pub memory_bandwidth: f64,
    /// Its size in bytes.
    pub memory_bytes: f64,
    /// Clock assumed, in Hz.
    pub clock_hz: f64,
    /// Lanes of SipHash-2-4 assumed to fit with their banks; half as many of 4-8.
    pub lanes: u32,
}

/// All boards.
pub const BOARDS: [Board; 5] = [
    Board {
        name: "u50",
        description: "Alveo U50, 8 GB HBM",
        chip_bits: 227e6,
        memory_bandwidth: 316e9,
        memory_bytes: 8.6e9,
        clock_hz: 350e6,
        lanes: 128,
    },
    Board {
        name: "u55c",
        description: "Alveo U55C, 16 GB HBM",
        chip_bits: 341e6,
        memory_bandwidth: 460e9,
        memory_bytes: 17.2e9,
        clock_hz: 400e6,
        lanes: 256,
    },
    Board {
        name: "vu9p",
        description: "Virtex UltraScale+ VU9P, four DDR4 channels",
        chip_bits: 346e6,
        memory_bandwidth: 77e9,
        memory_bytes: 68.7e9,
        clock_hz: 350e6,
        lanes: 128,
    },
    Board {
        name: "ecp5",
        description: "ECP5-85F, 32 MB SDRAM",
        chip_bits: 3.8e6,
        memory_bandwidth: 0.3e9,
        memory_bytes: 33.5e6,
        clock_hz: 140e6,
        lanes: 8,
    },
    Board {
        name: "up5k",
        description: "iCE40UP5K",
        chip_bits: 1.17e6,
        memory_bandwidth: 0.0,
        memory_bytes: 0.0,
        clock_hz: 30e6,
        lanes: 1,
    },
];

/// Share of a memory's bandwidth that is used.
const MEMORY_EFFICIENCY: f64 = 0.8;

/// With more partitions, clearing and hashing again cost so much that no design is worth it.
const PARTITION_BITS_MAX: u32 = 8;

/// What holds a design back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Hashes.
    Hashes,
    /// Clearing counters, for each partition anew.
    Clearing,
    /// The network between banks.
    Network,
    /// Pipelines that fill and drain at the borders of passes.
    Borders,
    /// Bandwidth of the memory beside the chip.
    Memory,
}

impl Bound {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Bound::Hashes => "hashes",
            Bound::Clearing => "clearing",
            Bound::Network => "network",
            Bound::Borders => "borders",
            Bound::Memory => "memory",
        }
    }
}

/// The lean design on a board: the core of `rtl/blocks/src/cuckoo`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lean {
    /// Its parameters.
    pub core: Core,
    /// Bits of block memory it takes.
    pub chip_bits: f64,
    /// Whether alive bits stand beside the chip, read and written once a pass: planned, not in the RTL.
    pub alive_beside_chip: bool,
    /// What a graph takes.
    pub estimate: Estimate,
    /// Bytes of the memory beside the chip read and written for a graph.
    pub memory_traffic_bytes: f64,
    /// Graphs in a second.
    pub graphs_per_second: f64,
    /// What holds it back.
    pub bound: Bound,
}

/// The mean design: edges of eight bytes sorted into buckets in the memory beside the chip, written once
/// and then read and written in every round. Planned, not in the RTL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// Bytes read and written for a graph.
    pub memory_traffic_bytes: f64,
    /// Graphs in a second.
    pub graphs_per_second: f64,
    /// What holds it back.
    pub bound: Bound,
}

/// What a board can do with graphs of one kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The board.
    pub board: Board,
    /// The best lean design; `None` if none fits.
    pub lean: Option<Lean>,
    /// The mean design; `None` if its memory is too small.
    pub mean: Option<Mean>,
}

/// Plans graphs of a variant on a board. Edge bits are 10 to 32.
///
/// Of partitions and list lengths that fit, the fastest is taken; of equals one that needs no memory beside
/// the chip.
pub fn plan(board: Board, variant: Variant, sip: Sip, edge_bits: u32) -> Plan {
    let lanes = match sip {
        Sip::TwoFour => board.lanes,
        Sip::FourEight => (board.lanes / 2).max(1),
    };
    let lanes = lanes.min(1 << edge_bits.saturating_sub(8).min(8));
    let first = Core::new(variant, sip, edge_bits, lanes).ok();
    let rate = first.map_or(1.0, |core| list_rate(&core));
    let candidates = first.into_iter().flat_map(|core| {
        (0..=PARTITION_BITS_MAX)
            .filter_map(move |bits| core.with_partitions(1 << bits).ok())
            .flat_map(|core| (4..=24).filter_map(move |bits| core.with_list_entries(1 << bits).ok()))
    });
    let fitting = candidates.flat_map(|core| [lean(board, core, rate, true), lean(board, core, rate, false)]).flatten();
    let best = fitting.max_by(|a, b| a.graphs_per_second.total_cmp(&b.graphs_per_second));
    Plan { board, lean: best, mean: mean(board, edge_bits, lanes) }
}

/// The core on the board, if it fits.
fn lean(board: Board, core: Core, rate: f64, alive_beside_chip: bool) -> Option<Lean> {
    let edges = f64::from(core.edge_bits()).exp2();
    let chip_bits = chip_bits(&core) - if alive_beside_chip { edges } else { 0.0 };
    if chip_bits > board.chip_bits || alive_beside_chip && edges / 8.0 > board.memory_bytes {
        return None;
    }
    let estimate = estimate(&core, rate);
    let compute = estimate.cycles() / board.clock_hz;
    // Every pass reads all alive bits, and every second one, or every one that tests, writes them.
    let memory_traffic_bytes =
        if alive_beside_chip { 2.0 * edges / 8.0 * f64::from(estimate.bitmap_passes) } else { 0.0 };
    let memory = if memory_traffic_bytes > 0.0 {
        memory_traffic_bytes / (MEMORY_EFFICIENCY * board.memory_bandwidth)
    } else {
        0.0
    };
    let parts = [
        (estimate.hash_cycles, Bound::Hashes),
        (estimate.walk_cycles, Bound::Clearing),
        (estimate.list_cycles, Bound::Network),
        (estimate.border_cycles, Bound::Borders),
    ];
    let largest = parts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or(Bound::Hashes, |part| part.1);
    let bound = if memory > compute { Bound::Memory } else { largest };
    let graphs_per_second = 1.0 / compute.max(memory);
    Some(Lean { core, chip_bits, alive_beside_chip, estimate, memory_traffic_bytes, graphs_per_second, bound })
}

/// Bits of block memory that a core has: counters, alive bits, lists, and blocks in flight.
pub fn chip_bits(core: &Core) -> f64 {
    let edges = f64::from(core.edge_bits()).exp2();
    let sides = if core.is_fused() { 2.0 } else { 1.0 };
    let counters = 2.0 * edges * sides / f64::from(core.partitions());
    let lists = f64::from(core.banks()) * f64::from(core.list_entries()) * 3.0 * f64::from(core.edge_bits());
    let buffers = match core.variant().is_chained() {
        true => f64::from(core.lanes() * core.sip().stages().next_power_of_two() * 64 * 2 * core.node_bits()),
        false => 0.0,
    };
    counters + edges + lists + buffers
}

fn mean(board: Board, edge_bits: u32, lanes: u32) -> Option<Mean> {
    let edges = f64::from(edge_bits).exp2();
    let edge_bytes = 8.0;
    // Half as much again for buckets that are not all full.
    if 1.5 * edge_bytes * edges > board.memory_bytes {
        return None;
    }
    let alive: f64 = 1.0 + SHARES[..ROUNDS as usize - 1].iter().sum::<f64>();
    let memory_traffic_bytes = edges * (alive * 2.0 * edge_bytes + 2.0 * edge_bytes);
    let memory = memory_traffic_bytes / (MEMORY_EFFICIENCY * board.memory_bandwidth);
    // Two hashes an edge at most, both ends; lanes hash each edge once.
    let hashes = edges / (f64::from(lanes) * board.clock_hz);
    let bound = if memory > hashes { Bound::Memory } else { Bound::Hashes };
    Some(Mean { memory_traffic_bytes, graphs_per_second: 1.0 / memory.max(hashes), bound })
}

/// A published speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// What ran.
    pub device: &'static str,
    /// Which graphs.
    pub graph: &'static str,
    /// Their edge bits.
    pub edge_bits: u32,
    /// Graphs in a second.
    pub graphs_per_second: f64,
}

/// Speeds of graphics cards, as published by miners.
pub const PUBLISHED: [Published; 8] = [
    published("GTX 1080 Ti", "Grin C29", 29, 8.0),
    published("RTX 2080", "Grin C29", 29, 8.8),
    published("Radeon VII", "Cortex CR30", 30, 3.05),
    published("Vega 64", "Cortex CR30", 30, 2.2),
    published("RX 580", "Cortex CR30", 30, 1.25),
    published("GTX 1080 Ti", "Grin C31", 31, 1.56),
    published("RTX 2080", "Grin C31", 31, 1.65),
    published("best of both", "Grin C32", 32, 0.65),
];

const fn published(device: &'static str, graph: &'static str, edge_bits: u32, graphs_per_second: f64) -> Published {
    Published { device, graph, edge_bits, graphs_per_second }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(name: &str) -> Board {
        BOARDS.into_iter().find(|board| board.name == name).unwrap()
    }

    #[test]
    fn every_board_has_a_plan_for_what_fits_it() {
        for (name, edge_bits) in [("up5k", 15), ("ecp5", 18), ("u50", 24), ("vu9p", 27), ("u55c", 30)] {
            let plan = plan(board(name), Variant::Cuckaroo, Sip::FourEight, edge_bits);
            let lean = plan.lean.unwrap_or_else(|| panic!("{name}"));
            assert!(lean.chip_bits <= plan.board.chip_bits && lean.graphs_per_second > 0.0);
        }
    }

    #[test]
    fn more_edges_take_longer_and_at_last_nothing_fits() {
        let mut last = f64::INFINITY;
        for edge_bits in 13..=17 {
            let Some(lean) = plan(board("up5k"), Variant::Cuckatoo, Sip::TwoFour, edge_bits).lean else {
                panic!("{edge_bits}")
            };
            assert!(lean.graphs_per_second < last, "{edge_bits}");
            last = lean.graphs_per_second;
        }
        assert!(plan(board("up5k"), Variant::Cuckatoo, Sip::TwoFour, 24).lean.is_none());
    }

    #[test]
    fn buckets_win_where_the_nodes_are_far_more_than_the_chip_holds() {
        let at = |edge_bits| plan(board("u55c"), Variant::Cuckaroo, Sip::TwoFour, edge_bits);
        let [small, large] = [at(24), at(30)];
        assert!(small.lean.unwrap().graphs_per_second > small.mean.unwrap().graphs_per_second);
        assert!(large.lean.unwrap().graphs_per_second < large.mean.unwrap().graphs_per_second);
    }
}
