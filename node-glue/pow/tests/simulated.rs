//! A simulated edge-trimming core as a miner's device.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::{CortexJob, FakePool, Manner, config, cpu, rules, until};
use myelin_board::{SimulatedTrimmer, SimulationOptions};
use myelin_cuckoo::{Cancel, Keys};
use myelin_isa::cuckoo::{Core, Sip, Variant};
use myelin_pow::{Chain, CpuSolver, Device, GraphSolver, Miner, Rules, SolveError, TrimmerSolver};

fn core(rules: Rules) -> Core {
    let (variant, sip) = match rules.chain() {
        Chain::Cortex => (Variant::Cuckaroo, Sip::FourEight),
        Chain::Grin => (Variant::Cuckatoo, Sip::TwoFour),
    };
    Core::new(variant, sip, rules.edge_bits(), 4).unwrap()
}

fn solver(rules: Rules) -> Result<Box<dyn GraphSolver>, SolveError> {
    let link = SimulatedTrimmer::new(core(rules), SimulationOptions::default()).unwrap();
    Ok(Box::new(TrimmerSolver::new(link, core(rules), rules.parameters())?))
}

#[test]
fn core_and_processor_find_the_same_also_after_a_graph_was_given_up() {
    for chain in [Chain::Cortex, Chain::Grin] {
        let rules = Rules::new(chain, 10, 8).unwrap();
        let mut simulated = solver(rules).unwrap();
        let mut processor = CpuSolver::new(rules.parameters(), &Default::default()).unwrap();
        let mut found = 0;
        for number in 0..40 {
            let keys = Keys([number, 2, 3, 4]);
            if number % 10 == 5 {
                let cancel = Cancel::new();
                cancel.cancel();
                let given_up = simulated.solve(&keys, &cancel, &mut |_, _| {});
                assert!(matches!(given_up, Err(SolveError::Cancelled)));
            }
            let mut rounds = 0;
            let proofs = simulated.solve(&keys, &Cancel::new(), &mut |_, _| rounds += 1).unwrap();
            assert_eq!(proofs, processor.solve(&keys, &Cancel::new(), &mut |_, _| {}).unwrap());
            assert!(rounds > 10);
            found += proofs.len();
        }
        assert!(found > 0, "some of 40 graphs have a cycle");
    }
}

#[test]
fn core_and_processor_mine_side_by_side() {
    let pool = FakePool::start(Manner::Cortex);
    let rules = rules(Chain::Cortex);
    let devices = vec![Device::new("sim:cuckoo-12", move || solver(rules)), cpu(rules)];
    let miner = Miner::start(config(Chain::Cortex, vec![pool.endpoint()]), devices).unwrap();
    until("a share of the core", || miner.report().devices[0].accepted >= 1);
    pool.push(CortexJob::new(2, 6_839_773));
    let before = miner.report().devices[0].accepted;
    until("a share of the core on another block", || miner.report().devices[0].accepted > before);
    let report = miner.stop();
    assert!(report.devices[1].accepted >= 1 && report.devices.iter().all(|device| device.invalid == 0), "{report:?}");
}
