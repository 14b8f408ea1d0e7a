//! The edge-trimming core of Cuckoo Cycle at work, graph after graph, and what its ports see while it is.

use myelin_hdl::{Design, DesignError};
use myelin_isa::cuckoo::{Core, register};
use myelin_rtl::cuckoo::core;
use myelin_sim::Simulator;

use crate::error::BenchError;
use crate::subject::{Drive, Recording};

/// Rounds of a graph: few edges are left.
const ROUNDS: u32 = 60;
/// Cycles of reset before the first graph.
const RESET_CYCLES: u64 = 2;

/// The core.
///
/// # Errors
/// Never: the names are identifiers.
pub fn design(core: &Core) -> Result<Design, DesignError> {
    Design::new(core::core(core))
}

/// Trims one graph, with a memory that is always ready; what every input was driven with. The loop trims it
/// again and again.
///
/// # Errors
/// If the core does not come to its end.
pub fn record(design: &Design, core: &Core) -> Result<Drive, BenchError> {
    let failed = |reason: String| BenchError::Recording { what: "a graph's trimming", reason };
    let ports = &design.top().inputs;
    let levels = |driven: &[(&str, u64)]| -> Vec<u64> {
        let level = |name: &str| driven.iter().find(|of| of.0 == name).map_or(0, |of| of.1);
        ports.iter().map(|port| level(&port.name)).collect()
    };
    let write = |address: u32, value: u32| {
        let (address, value) = (u64::from(address), u64::from(value));
        levels(&[("host_write_valid_i", 1), ("host_write_address_i", address), ("host_write_data_i", value)])
    };
    let keys = (0..8).map(|word| write(register::KEYS + 4 * word, 0x9e37_79b9_u32.rotate_left(word)));
    let mut cycles: Vec<Vec<u64>> = keys.chain([write(register::START, ROUNDS)]).collect();
    let idle = levels(&[("store_ready_i", 1)]);
    let mut sim = Simulator::new(design)?;
    let inputs = ports.iter().map(|port| sim.input(&port.name)).collect::<Result<Vec<_>, _>>()?;
    let interrupt = sim.output("interrupt_o")?;
    sim.reset(RESET_CYCLES)?;
    // A round takes less than this in every core.
    let limit = (u64::from(ROUNDS) + 4) * (8 << core.edge_bits());
    let mut at = 0;
    // The interrupt stays from one run until the next begins.
    while at < cycles.len() || sim.peek(interrupt) == 0 {
        if at == cycles.len() {
            cycles.push(idle.clone());
        }
        inputs.iter().zip(&cycles[at]).for_each(|(&input, &bits)| sim.poke(input, bits));
        sim.step()?;
        at += 1;
        if at as u64 > limit {
            return Err(failed(format!("{core} is not done after {at} cycles")));
        }
    }
    Ok(Drive::Recorded(Recording { reset_cycles: RESET_CYCLES, cycles, loop_from: 0 }))
}
