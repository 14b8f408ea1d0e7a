//! The estimate against the model, where the model can run.

#![allow(clippy::unwrap_used)]

use myelin_isa::cuckoo::{Core, Sip, Variant};
use myelin_plan::{estimate, model};

#[test]
fn estimates_are_within_four_hundredths_of_the_model() {
    let core = |variant, sip, edge_bits, lanes| Core::new(variant, sip, edge_bits, lanes).unwrap();
    for core in [
        core(Variant::Cuckaroo, Sip::TwoFour, 16, 4),
        core(Variant::Cuckaroo, Sip::FourEight, 17, 4),
        core(Variant::Cuckatoo, Sip::TwoFour, 18, 8),
        core(Variant::Cuckarood, Sip::TwoFour, 17, 8),
        core(Variant::Cuckaroo, Sip::TwoFour, 17, 4).with_list_entries(1024).unwrap(),
        core(Variant::Cuckaroo, Sip::TwoFour, 15, 4).with_partitions(2).unwrap(),
        core(Variant::Cuckatoo, Sip::TwoFour, 16, 4).with_list_entries(4096).unwrap().with_partitions(4).unwrap(),
    ] {
        let modelled = model::run(&core, &estimate::random_nodes(&core, 77), estimate::ROUNDS);
        assert!(!modelled.crowded, "{core}");
        let estimated = estimate::estimate(&core, estimate::list_rate(&core));
        let ratio = estimated.cycles() / modelled.cycles as f64;
        println!(
            "{core}: {} cycles, estimated {:.0}, ratio {ratio:.3} {estimated:?}",
            modelled.cycles,
            estimated.cycles()
        );
        let error = (ratio - 1.0).abs();
        assert!(error <= 0.04, "{core}: {ratio}, {estimated:?}, {} list cycles", modelled.list_cycles);
    }
}
