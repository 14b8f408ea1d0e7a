//! Cells keep what they promise of their memories: no lane that is written while it is read is used. Where each such
//! read is poisoned ([`poison_collisions`](myelin_hdl::poison_collisions)), answers are golden's and cycles as
//! predicted, as ever. `random_cards` does the same with random programs, `memories` tests the poison itself.
//!
//! A failure names cell and seed; `MYELIN_SEED=<seed>` runs that case alone on every cell,
//! `MYELIN_CASES=<n>` runs that many on each.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{Shared, agrees, seeds};
use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::{CompileError, Target, compile_for, compile_streamed};
use myelin_conformance::random_layer::{Case, layer, network};
use myelin_golden::npy;
use myelin_graph::import;
use myelin_hdl::Poison;

/// Cases of each kind on each cell with each poison.
const CASES: u64 = 8;
/// Small memories, so that what is written next lies close to what is read now.
const TARGETS: [&str; 6] = [
    "custom,rows=8,columns=8",
    "custom,rows=8,columns=8,activations=4096,weights=64,biases=16,accumulators=32,instructions=64",
    "custom,rows=12,columns=10,precision=int6,activations=8192,weights=128,accumulators=16,instructions=64,memory=ddr3",
    "custom,rows=4,columns=4,activations=4096,weights=32,biases=8,accumulators=16,instructions=32,memory=spi",
    "custom,cells=2,rows=8,columns=6,lanes=32,activations=16384,weights=64,accumulators=64,instructions=128,memory=hbm",
    "custom,cells=4,rows=6,columns=5,precision=int6,lanes=16,activations=8192,weights=128,accumulators=32,instructions=64,memory=ddr4",
];
const POISONS: [Poison; 2] = [Poison::Complement, Poison::Written];

/// A device whose collisions are poisoned.
fn poisoned(target: &Target, poison: Poison) -> Shared {
    let options = SimulationOptions { poison: Some(poison), ..SimulationOptions::default() };
    Shared::new(SimulatedCell::of_target(*target, options).unwrap())
}

/// Runs a case as it is compiled for the device and, if that kept it on chip, streamed as well.
fn run(case: &Case, target: &Target, device: &Shared) {
    for program in
        [compile_for(&case.graph, target), compile_streamed(&case.graph, &target.architecture, &target.memory)]
    {
        match program {
            Ok(program) => agrees(case, program, device),
            Err(CompileError::Capacity { .. }) => {}
            Err(error) => panic!("seed {} on {target}: {error}", case.seed),
        }
    }
}

/// Edges at which a lane was written while it was read, in memories below the instance of this name.
fn collisions(device: &Shared, instance: &str) -> u64 {
    let mut device = device.lock();
    let covers = device.simulators().flat_map(|simulator| simulator.covers());
    let of_instance = |path: &str| path.ends_with("_collides") && path.contains(instance);
    covers.filter(|cover| of_instance(&cover.path)).map(|cover| cover.hits).sum()
}

#[test]
fn random_cases_use_no_lane_that_is_written_while_it_is_read() {
    let places = ["scratchpad", "sequencer", "table_"];
    let mut found = [0; 3];
    for target in TARGETS {
        let target: Target = target.parse().unwrap();
        for poison in POISONS {
            let device = poisoned(&target, poison);
            for seed in seeds(CASES) {
                run(&layer(seed, &target.architecture), &target, &device);
                run(&network(seed, &target.architecture), &target, &device);
            }
            found.iter_mut().zip(places).for_each(|(found, place)| *found += collisions(&device, place));
        }
    }
    // Biases, weights and accumulators are written only where nobody reads.
    let alone = std::env::var("MYELIN_SEED").is_ok();
    assert!(alone || found.iter().all(|&count| count > 0), "no collisions in one of {places:?}: {found:?}");
}

#[test]
fn the_digits_networks_use_no_lane_that_is_written_while_it_is_read() {
    for target in [
        "custom,rows=8,columns=8,precision=int6",
        "custom,rows=8,columns=8",
        "custom,cells=2,lanes=16,rows=8,columns=8,instructions=64",
    ] {
        let target: Target = target.parse().unwrap();
        let folder = format!("../../models/digits_{}", target.architecture.precision());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let graph = import::import_dir(&folder, &import::Limits::default()).unwrap();
        let pixels = npy::read(&std::fs::read(folder.join("input.npy")).unwrap()).unwrap().data;
        let pictures = pixels.chunks(graph.input_shape().elements()).step_by(300).map(<[i32]>::to_vec).collect();
        let case = Case { seed: 0, architecture: target.architecture, graph, pictures };
        for poison in POISONS {
            run(&case, &target, &poisoned(&target, poison));
        }
    }
}
