//! Our own simulator as an engine.

use std::collections::HashMap;

use myelin_hdl::{Design, Module};
use myelin_sim::{SimError, Simulator};

use super::engine::Engine;
use super::error::CosimError;
use super::trace::{Reset, Response, Trace};

pub(super) fn response(engine: Engine, design: &Design, trace: &Trace) -> Result<Response, CosimError> {
    let core = match engine {
        Engine::Compiled => myelin_sim::Engine::Compiled,
        Engine::Interpreted | Engine::Icarus | Engine::Verilator => myelin_sim::Engine::Interpreted,
    };
    run(core, design, trace)
        .map(|outputs| Response { answered_by: engine.to_string(), outputs })
        .map_err(|source| CosimError::Simulator { engine, source })
}

fn run(engine: myelin_sim::Engine, design: &Design, trace: &Trace) -> Result<Vec<Vec<Option<u64>>>, SimError> {
    let mut sim = Simulator::builder(design).engine(engine).build()?;
    let top = design.top();
    let mut registers = Vec::new();
    reset_registers(top, &top.name, &mut HashMap::new(), &mut registers);
    for path in &registers {
        let register = sim.register(path)?;
        sim.poke_register(register, 0);
    }
    let inputs = top.inputs.iter().map(|port| sim.input(&port.name)).collect::<Result<Vec<_>, _>>()?;
    let outputs = top.outputs.iter().map(|port| sim.output(&port.name)).collect::<Result<Vec<_>, _>>()?;
    let mut response = Vec::with_capacity(trace.cycles.len());
    for cycle in &trace.cycles {
        sim.set_reset(cycle.reset == Reset::Active);
        for (&input, &bits) in inputs.iter().zip(&cycle.inputs) {
            sim.poke(input, bits);
        }
        response.push(outputs.iter().map(|&output| Some(sim.peek(output))).collect());
        sim.step()?;
    }
    Ok(response)
}

/// Paths of the registers that power up to something other than 0 in our simulator.
fn reset_registers(
    module: &Module,
    path: &str,
    affected: &mut HashMap<*const Module, bool>,
    registers: &mut Vec<String>,
) {
    if !is_affected(module, affected) {
        return;
    }
    let nonzero = module.registers.iter().filter(|register| register.reset.is_some_and(|reset| reset != 0));
    registers.extend(nonzero.map(|register| format!("{path}.{}", register.name)));
    for instance in &module.instances {
        reset_registers(&instance.module, &format!("{path}.{}", instance.name), affected, registers);
    }
}

/// Whether the module or anything below has such a register: large arrays mostly have none.
fn is_affected(module: &Module, affected: &mut HashMap<*const Module, bool>) -> bool {
    if let Some(&known) = affected.get(&std::ptr::from_ref(module)) {
        return known;
    }
    let own = module.registers.iter().any(|register| register.reset.is_some_and(|reset| reset != 0));
    let any = module.instances.iter().fold(own, |any, instance| is_affected(&instance.module, affected) || any);
    affected.insert(std::ptr::from_ref(module), any);
    any
}
