//! Edge-trimming cores for the commands.

use myelin_board::{SimulatedTrimmer, SimulationOptions};
use myelin_driver::{TrimCounters, Trimmed, TrimmerSelector, TrimmerSession};
use myelin_isa::cuckoo::Core;
use serde::Serialize;

use crate::failure::Failure;
use crate::terminal::Progress;

/// Rounds after which what survives goes to the host: more leave but a few edges less.
pub const ROUNDS: u16 = 96;

/// What a core counted of one graph.
#[derive(Serialize)]
pub struct Counters {
    cycles: u32,
    hashes: u32,
    hashes_per_cycle_and_lane: f64,
    stalls: u32,
    conflicts: u32,
    edges: u32,
    list_cycles: u32,
}

impl Counters {
    /// With the rate, for cores of so many lanes.
    pub fn new(core: &Core, counters: TrimCounters) -> Counters {
        let TrimCounters { cycles, hashes, stalls, conflicts, edges, list_cycles } = counters;
        let hashes_per_cycle_and_lane = f64::from(hashes) / f64::from(cycles) / f64::from(core.lanes());
        Counters { cycles, hashes, hashes_per_cycle_and_lane, stalls, conflicts, edges, list_cycles }
    }

    /// A line for people.
    pub fn describe(&self) -> String {
        let Counters { cycles, hashes_per_cycle_and_lane, .. } = self;
        format!("{cycles} cycles, {hashes_per_cycle_and_lane:.3} hashes per cycle and lane")
    }
}

/// Builds the simulator of a core and trims a graph on it.
pub fn trim(
    device: TrimmerSelector,
    core: Core,
    keys: [u64; 4],
    rounds: u16,
    progress: &mut Progress,
) -> Result<Trimmed, Failure> {
    let selector = device.to_string();
    progress.step(&format!("build the simulator of {selector}"));
    let trimmer = SimulatedTrimmer::new(core, SimulationOptions::default());
    let trimmer = trimmer.map_err(|error| Failure::Simulation { selector, source: Box::new(error) })?;
    let mut session = TrimmerSession::open(trimmer, core)?;
    progress.step(&format!("trim 2^{} edges in {rounds} rounds", core.edge_bits()));
    Ok(session.trim(keys, rounds)?)
}
