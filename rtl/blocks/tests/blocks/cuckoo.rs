//! The edge-trimming core against golden: counts after every round, survivors, and the rates it promises.

use myelin_golden::cuckoo as golden;
use myelin_isa::cuckoo::{Core, Sip, Variant, register};
use myelin_rtl::cuckoo::core;
use rand::RngExt;

use crate::bench::{Bench, random};

/// A core on the bench.
struct CoreBench {
    bench: Bench,
    core: Core,
}

/// What a run leaves.
#[derive(Debug)]
struct Trimmed {
    alive: Vec<u64>,
    ends: Vec<u64>,
    survivors: Vec<u64>,
    counters: Vec<u64>,
    trapped: bool,
}

impl CoreBench {
    fn new(core: Core) -> CoreBench {
        CoreBench { bench: Bench::new(&core::core(&core)), core }
    }

    fn write(&mut self, address: u32, value: u32) {
        self.bench.set("host_write_valid_i", 1);
        self.bench.set("host_write_address_i", address);
        self.bench.set("host_write_data_i", value);
        self.bench.step();
        self.bench.set("host_write_valid_i", 0);
    }

    fn read(&mut self, address: u32) -> u32 {
        self.bench.set("host_read_valid_i", 1);
        self.bench.set("host_read_address_i", address);
        self.bench.step();
        self.bench.set("host_read_valid_i", 0);
        self.bench.get("host_read_data_o") as u32
    }

    /// Trims a graph; the memory takes a survivor in `percent` of the cycles.
    fn trim(&mut self, keys: [u64; 4], rounds: u32, percent: u32) -> Trimmed {
        for (k, key) in (0..).zip(keys) {
            self.write(register::KEYS + 8 * k, key as u32);
            self.write(register::KEYS + 8 * k + 4, (key >> 32) as u32);
        }
        self.write(register::START, rounds);
        let mut hesitation = random(keys[0]);
        let mut survivors = Vec::new();
        let mut cycles = 0u64;
        let limit = (u64::from(rounds) + 4) * (8 << self.core.edge_bits());
        while self.bench.get("interrupt_o") == 0 {
            let ready = percent == 100 || hesitation.random_range(0..100) < percent;
            self.bench.set("store_ready_i", i64::from(ready));
            if ready && self.bench.get("store_valid_o") == 1 {
                assert_eq!(self.bench.get("store_beat_o"), survivors.len() as i64);
                survivors.push(self.bench.get("store_data_o") as u64);
            }
            self.bench.step();
            cycles += 1;
            if cycles >= limit {
                let status = self.read(register::STATUS);
                panic!("{} hangs: status {status:#x}", self.core);
            }
        }
        survivors.sort_unstable();
        let status = self.read(register::STATUS);
        let done = status >> 16;
        let counted = self.read(register::STAMP_COUNT);
        assert_eq!(counted, done.min(Core::STAMP_DEPTH));
        let mut all = |first: u32, count: u32| {
            (0..count).map(|index| u64::from(self.read(first + 4 * index))).collect::<Vec<_>>()
        };
        let (alive, ends) = (all(register::STAMPS, counted), all(register::STAMP_CYCLES, counted));
        let counters = all(register::COUNTERS, register::COUNTER_COUNT);
        Trimmed { alive, ends, survivors, counters, trapped: status & register::STATUS_TRAPPED != 0 }
    }
}

fn golden_graph(core: &Core, keys: [u64; 4]) -> golden::Graph {
    let variant = golden::Variant::from_name(core.variant().name()).unwrap();
    let sip = match core.sip() {
        Sip::TwoFour => golden::Sip::TwoFour,
        Sip::FourEight => golden::Sip::FourEight,
    };
    golden::Graph::new(variant, sip, golden::EdgeBits::new(core.edge_bits()).unwrap(), golden::Keys(keys))
}

/// Holds a run against golden.
fn check(bench: &mut CoreBench, keys: [u64; 4], rounds: u32, percent: u32) -> Trimmed {
    let core = bench.core;
    let found = bench.trim(keys, rounds, percent);
    let mut trimmer = golden::Trimmer::new(&golden_graph(&core, keys));
    let expected: Vec<u64> = (0..rounds).map(|_| trimmer.round()).collect();
    assert!(!found.trapped, "{core}, keys {keys:?}");
    assert_eq!(found.alive, expected, "{core}, keys {keys:?}");
    assert_eq!(found.survivors, trimmer.survivors(), "{core}, keys {keys:?}, {rounds} rounds");
    found
}

#[test]
fn every_round_of_every_variant_leaves_what_golden_leaves() {
    for variant in Variant::ALL {
        for (sip, edge_bits, lanes) in [(Sip::TwoFour, 10, 1), (Sip::FourEight, 12, 4), (Sip::TwoFour, 13, 2)] {
            let core = Core::new(variant, sip, edge_bits, lanes).unwrap();
            let mut bench = CoreBench::new(core);
            let mut random = random(u64::from(edge_bits));
            for (rounds, percent) in [(1, 100), (2, 30), (3, 100), (40, 100)] {
                let keys = [(); 4].map(|()| random.random());
                check(&mut bench, keys, rounds, percent);
            }
        }
    }
}

#[test]
fn partitions_change_nothing_but_time() {
    for (variant, edge_bits, lanes, partitions) in [
        (Variant::Cuckoo, 11, 1, 2),
        (Variant::Cuckatoo, 12, 2, 4),
        (Variant::Cuckaroo, 12, 2, 8),
        (Variant::Cuckarood, 13, 4, 2),
    ] {
        let core = Core::new(variant, Sip::TwoFour, edge_bits, lanes).unwrap().with_partitions(partitions).unwrap();
        let mut bench = CoreBench::new(core);
        for rounds in [1, 2, 30] {
            check(&mut bench, [5, 6, 7, u64::from(rounds)], rounds, 100);
        }
    }
}

#[test]
fn banks_queues_and_lists_change_nothing_but_time() {
    let core = Core::new(Variant::Cuckaroo, Sip::TwoFour, 12, 4).unwrap();
    for core in [
        core.with_banks(4),
        core.with_banks(16),
        core.with_queue_depth(2),
        core.with_list_entries(16),
        core.with_list_entries(2048),
    ] {
        let mut bench = CoreBench::new(core.unwrap());
        check(&mut bench, [1, 2, 3, 4], 50, 100);
    }
}

#[test]
fn a_crowded_list_is_a_trap_and_not_a_wrong_answer() {
    // Lists so short that chance decides.
    let core = Core::new(Variant::Cuckatoo, Sip::TwoFour, 10, 1).unwrap().with_list_entries(16).unwrap();
    let mut bench = CoreBench::new(core);
    let (mut trapped, mut answered) = (0, 0);
    for seed in 0..200 {
        let keys = [seed, 2, 3, 4];
        let found = bench.trim(keys, 30, 100);
        let mut trimmer = golden::Trimmer::new(&golden_graph(&core, keys));
        let expected: Vec<u64> = (0..30).map(|_| trimmer.round()).collect();
        if found.trapped {
            trapped += 1;
            assert!(found.alive.len() < 30 || found.survivors.is_empty(), "seed {seed}");
        } else {
            answered += 1;
            assert_eq!((found.alive, found.survivors), (expected, trimmer.survivors()), "seed {seed}");
        }
    }
    assert!(trapped > 0 && answered > 0, "{trapped} trapped, {answered} answered");
}

#[test]
fn a_run_begins_anew_after_a_reset_in_the_middle() {
    let core = Core::new(Variant::Cuckaroo, Sip::TwoFour, 10, 2).unwrap();
    let mut bench = CoreBench::new(core);
    for cycles in [1, 100, 700, 2000] {
        bench.write(register::START, 20);
        for _ in 0..cycles {
            bench.bench.step();
        }
        bench.bench.reset();
        check(&mut bench, [cycles, 2, 3, 4], 20, 100);
    }
}

#[test]
fn what_is_written_while_busy_is_ignored() {
    let core = Core::new(Variant::Cuckaroo, Sip::TwoFour, 10, 1).unwrap();
    let mut bench = CoreBench::new(core);
    let expected = check(&mut bench, [1, 2, 3, 4], 5, 100);
    bench.write(register::START, 5);
    assert_eq!(bench.read(register::STATUS) & 3, register::STATUS_BUSY);
    bench.write(register::KEYS, 77);
    bench.write(register::START, 9);
    while bench.bench.get("interrupt_o") == 0 {
        bench.bench.set("store_ready_i", 1);
        bench.bench.step();
    }
    assert_eq!(bench.read(register::STATUS), 5 << 16 | register::STATUS_HALTED);
    assert_eq!(u64::from(bench.read(register::SURVIVORS)), *expected.alive.last().unwrap());
    assert_eq!(bench.read(register::ID), register::ID_VALUE);
    assert_eq!(bench.read(register::SHAPE), core.shape());
    let specification =
        u64::from(bench.read(register::SPECIFICATION_HIGH)) << 32 | u64::from(bench.read(register::SPECIFICATION_LOW));
    assert_eq!(specification, core.specification());
}

/// Recorded graphs up to 15 edge bits, or as large as `MYELIN_CUCKOO_BITS` says (19 takes a minute in
/// release).
#[test]
fn every_recorded_round_leaves_as_many_edges() {
    let largest = std::env::var("MYELIN_CUCKOO_BITS").map_or(15, |bits| bits.parse().unwrap());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../verification/vectors/cuckoo.json");
    let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut compared = 0;
    for case in vectors["trim_traces"].as_array().unwrap() {
        let variant = Variant::ALL.into_iter().find(|variant| case["variant"] == variant.name());
        let edge_bits = case["edge_bits"].as_u64().unwrap() as u32;
        let (Some(variant), true) = (variant, edge_bits <= largest) else { continue };
        let word = |value: &serde_json::Value| u64::from_str_radix(value.as_str().unwrap(), 16).unwrap();
        let keys: Vec<u64> = case["keys"].as_array().unwrap().iter().map(word).collect();
        let expected: Vec<u64> =
            case["alive_after_round"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
        for lanes in [4, 16] {
            let mut bench = CoreBench::new(Core::new(variant, Sip::TwoFour, edge_bits, lanes).unwrap());
            let found = bench.trim(keys.clone().try_into().unwrap(), expected.len() as u32, 100);
            assert_eq!(found.alive, expected, "{}", bench.core);
            compared += 1;
        }
    }
    assert!(compared >= 2);
}

/// Of all cycles and lanes, the share with a hash begun, and in the two passes of the first round after
/// the counters are cleared, the share with an edge sent.
fn rates(core: Core, found: &Trimmed) -> (f64, f64) {
    let lane_cycles = |cycles: u64| cycles as f64 * f64::from(core.lanes());
    let hashes = found.counters[register::COUNTER_HASHES as usize] as f64;
    let walk = 1 << core.word_bits().max(core.block_bits());
    let edges = 2.0 * f64::from(core.edge_bits()).exp2();
    (hashes / lane_cycles(found.counters[0]), edges / lane_cycles(found.ends[0] - walk))
}

#[test]
fn lanes_are_busy_as_promised() {
    // The rates are promised at 19 bits; what is lost at the borders of rounds weighs more in small graphs.
    let large = std::env::var("MYELIN_CUCKOO_BITS").is_ok_and(|bits| bits.parse::<u32>().unwrap() >= 19);
    let cases: &[(u32, u32, Sip, f64, f64)] = if large {
        &[
            (19, 4, Sip::TwoFour, 0.8, 0.95),
            (19, 16, Sip::TwoFour, 0.8, 0.95),
            (19, 4, Sip::FourEight, 0.8, 0.95),
            (19, 16, Sip::FourEight, 0.8, 0.95),
        ]
    } else {
        &[(14, 1, Sip::TwoFour, 0.8, 0.93), (15, 4, Sip::FourEight, 0.7, 0.8)]
    };
    for &(edge_bits, lanes, sip, hashes_wanted, edges_wanted) in cases {
        let core = Core::new(Variant::Cuckaroo, sip, edge_bits, lanes).unwrap();
        let mut bench = CoreBench::new(core);
        let found = check(&mut bench, [1, 2, 3, 4], 96, 100);
        let (hashes, edges) = rates(core, &found);
        println!("{core}: {} cycles, {hashes:.3} hashes and {edges:.3} edges of round 1", found.counters[0]);
        assert!(hashes >= hashes_wanted && edges >= edges_wanted, "{core}: {hashes} hashes, {edges} edges");
    }
}
