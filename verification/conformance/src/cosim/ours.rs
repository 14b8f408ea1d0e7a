//! Our own simulator as an engine.

use std::collections::BTreeMap;

use myelin_hdl::Design;
use myelin_sim::{OutputSet, SimError, Simulator};

use super::engine::Engine;
use super::error::CosimError;
use super::registers::registers;
use super::trace::{Reset, Response, Trace};

pub(super) fn response(engine: Engine, design: &Design, trace: &Trace) -> Result<Response, CosimError> {
    run(engine, design, trace).map_err(|source| CosimError::Simulator { engine, source })
}

fn run(engine: Engine, design: &Design, trace: &Trace) -> Result<Response, SimError> {
    let core = match engine {
        Engine::Compiled => myelin_sim::Engine::Compiled,
        Engine::AheadOfTime => myelin_sim::Engine::AheadOfTime,
        Engine::Interpreted | Engine::Icarus | Engine::Verilator => myelin_sim::Engine::Interpreted,
    };
    let mut sim = Simulator::builder(design).engine(core).build()?;
    let registers = registers(design);
    // Our simulator powers up to reset values.
    for register in registers.iter().filter(|register| register.reset.is_some_and(|reset| reset != 0)) {
        let handle = sim.register(&register.path)?;
        sim.poke_register(handle, 0);
    }
    let top = design.top();
    let inputs = top.inputs.iter().map(|port| sim.input(&port.name)).collect::<Result<Vec<_>, _>>()?;
    let outputs = top.outputs.iter().map(|port| sim.output(&port.name)).collect::<Result<OutputSet, _>>()?;
    let mut seen = vec![0; outputs.len()];
    let mut response = Response::new(&engine.to_string(), Vec::with_capacity(trace.cycles.len()));
    for cycle in &trace.cycles {
        sim.set_reset(cycle.reset == Reset::Active);
        for (&input, &bits) in inputs.iter().zip(&cycle.inputs) {
            sim.poke(input, bits);
        }
        sim.peek_all(&outputs, &mut seen);
        response.outputs.push(seen.iter().map(|&bits| Some(bits)).collect());
        sim.step()?;
    }
    let held = registers.into_iter().map(|register| {
        let handle = sim.register(&register.path)?;
        Ok((register.path, Some(sim.peek_register(handle))))
    });
    response.registers = held.collect::<Result<BTreeMap<_, _>, SimError>>()?;
    Ok(response)
}
