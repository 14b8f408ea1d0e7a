//! Blocks that feed a design and gather what comes out, so that it needs no driver: the simulators
//! are measured, not the way from a driver to their ports.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, ModuleBuilder, Signal, Ty, module, u};

/// Added to what a source gets from its neighbour.
const STEP: i64 = 0x7f4a_7c15;
/// What the first source gets.
const FIRST: i64 = 0x9e37_79b9;

/// A source: 32 bits that differ in every cycle and from those of its neighbours.
pub fn source() -> Arc<Module> {
    module("source", |m| {
        let neighbour = m.input("neighbour_i", u(32));
        let state = m.register("state_q", u(32)).reset(1);
        let step = neighbour ^ m.constant(u(32), STEP);
        state.next(state.q.rotate_left(13).wrapping_add(step));
        m.output("state_o", state.q);
    })
}

/// `count` sources in a chain, named `<name>_<index>`; their states.
pub fn sources(m: &ModuleBuilder, name: &str, count: usize) -> Vec<Signal> {
    let source = source();
    let mut neighbour = m.constant(u(32), FIRST);
    let mut states = Vec::new();
    for index in 0..count {
        let instance = m.instance(&format!("{name}_{index}"), &source);
        instance.input("neighbour_i", neighbour);
        neighbour = instance.output("state_o");
        states.push(neighbour);
    }
    states
}

/// A sink: a signature of all values of type `ty` that it was ever given.
pub fn sink(ty: Ty) -> Arc<Module> {
    module("sink", |m| {
        let value = m.input("value_i", ty);
        let signature = m.register("signature_q", u(32)).reset(0);
        signature.next(signature.q.rotate_left(1) ^ value.cast_unsigned().extend(u(32)));
        m.output("signature_o", signature.q);
    })
}

/// A sink for each value, and an output `signature_<index>_o` of each.
pub fn sinks(m: &ModuleBuilder, values: &[Signal]) {
    let sinks: Vec<InstanceHandle> = (values.iter().enumerate())
        .map(|(index, &value)| {
            let instance = m.instance(&format!("sink_{index}"), &sink(value.ty()));
            instance.input("value_i", value);
            instance
        })
        .collect();
    for (index, sink) in sinks.iter().enumerate() {
        m.output(&format!("signature_{index}_o"), sink.output("signature_o"));
    }
}
