//! The cycle model of `host/plan` against the simulated core: every count of both.

#![allow(clippy::unwrap_used)]

use myelin_board::{SimulatedTrimmer, SimulationOptions};
use myelin_driver::{DriverError, TrimCounters, Trimmed, TrimmerSession};
use myelin_golden::cuckoo as golden;
use myelin_isa::cuckoo::{Core, Sip, Variant};
use myelin_plan::model;

fn nodes(core: &Core, keys: [u64; 4]) -> Vec<[u32; 2]> {
    let variant = golden::Variant::from_name(core.variant().name()).unwrap();
    let sip = match core.sip() {
        Sip::TwoFour => golden::Sip::TwoFour,
        Sip::FourEight => golden::Sip::FourEight,
    };
    let bits = golden::EdgeBits::new(core.edge_bits()).unwrap();
    let graph = golden::Graph::new(variant, sip, bits, golden::Keys(keys));
    graph.all_endpoints().into_iter().map(|ends| [ends.u as u32, ends.v as u32]).collect()
}

/// Runs both; answers the cycles.
fn compare(core: Core, keys: [u64; 4], rounds: u16) -> u64 {
    let trimmer = SimulatedTrimmer::new(core, SimulationOptions::default()).unwrap();
    let mut session = TrimmerSession::open(trimmer, core).unwrap();
    let modelled = model::run(&core, &nodes(&core, keys), u32::from(rounds));
    let found = session.trim(keys, rounds);
    if let Err(DriverError::Crowded { round, .. }) = found {
        assert!(modelled.crowded && modelled.alive.len() == round as usize, "{core}");
        return modelled.cycles;
    }
    let of = |value: u64| value as u32;
    let expected = Trimmed {
        alive: modelled.alive,
        round_ends: modelled.round_ends.iter().map(|&cycle| of(cycle)).collect(),
        survivors: modelled.survivors,
        counters: TrimCounters {
            cycles: of(modelled.cycles),
            hashes: of(modelled.hashes),
            stalls: of(modelled.stalls),
            conflicts: of(modelled.conflicts),
            edges: of(modelled.edges),
            list_cycles: of(modelled.list_cycles),
        },
    };
    assert!(!modelled.crowded, "{core}");
    assert_eq!(found.unwrap(), expected, "{core}, keys {keys:?}");
    modelled.cycles
}

#[test]
fn the_model_counts_what_the_core_counts() {
    for variant in Variant::ALL {
        for (sip, edge_bits, lanes, rounds) in
            [(Sip::TwoFour, 10, 1, 30), (Sip::FourEight, 12, 4, 40), (Sip::TwoFour, 11, 2, 2)]
        {
            compare(Core::new(variant, sip, edge_bits, lanes).unwrap(), [1, 2, 3, 4], rounds);
        }
    }
}

#[test]
fn the_model_knows_partitions_banks_queues_and_lists() {
    let core = |variant| Core::new(variant, Sip::TwoFour, 12, 4).unwrap();
    for core in [
        core(Variant::Cuckaroo).with_partitions(4),
        core(Variant::Cuckatoo).with_partitions(2),
        core(Variant::Cuckarood).with_banks(4),
        core(Variant::Cuckoo).with_banks(16),
        core(Variant::Cuckaroo).with_queue_depth(2),
        core(Variant::Cuckatoo).with_list_entries(16),
        core(Variant::Cuckaroo).with_list_entries(1024),
    ] {
        compare(core.unwrap(), [5, 6, 7, 8], 50);
    }
    let crowded = Core::new(Variant::Cuckatoo, Sip::TwoFour, 10, 1).unwrap().with_list_entries(16).unwrap();
    for seed in 0..20 {
        compare(crowded, [seed, 2, 3, 4], 30);
    }
}

/// 14 edge bits, or as many as `MYELIN_CUCKOO_BITS` says.
#[test]
fn the_model_is_right_of_larger_graphs() {
    let edge_bits = std::env::var("MYELIN_CUCKOO_BITS").map_or(14, |bits| bits.parse().unwrap());
    for (variant, sip, lanes) in [(Variant::Cuckaroo, Sip::FourEight, 16), (Variant::Cuckatoo, Sip::TwoFour, 4)] {
        let core = Core::new(variant, sip, edge_bits, lanes).unwrap();
        println!("{core}: {} cycles", compare(core, [1, 2, 3, 4], 96));
    }
}
