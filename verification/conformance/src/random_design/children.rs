//! Single children of a random module.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module};
use rand::RngExt;

use super::body::Body;
use super::convert::{pick, random_value};

/// An instance whose inputs are connected one by one.
pub(super) struct PendingInstance {
    handle: InstanceHandle,
    module: Arc<Module>,
    connected: Vec<bool>,
    /// Outputs not in the pool yet.
    outputs: Vec<usize>,
}

impl PendingInstance {
    pub(super) fn new(handle: InstanceHandle, module: &Arc<Module>) -> PendingInstance {
        let (connected, outputs) = (vec![false; module.inputs.len()], (0..module.outputs.len()).collect());
        PendingInstance { handle, module: module.clone(), connected, outputs }
    }
}

impl Body<'_> {
    /// Drives one unconnected input of one instance.
    pub(super) fn connect_some_input(&mut self) {
        let open: Vec<(usize, usize)> = (self.instances.iter().enumerate())
            .flat_map(|(at, instance)| (0..instance.connected.len()).map(move |input| (at, input)))
            .filter(|&(at, input)| !self.instances[at].connected[input])
            .collect();
        if !open.is_empty() {
            let (at, input) = *pick(self.random, &open);
            self.connect(at, input);
        }
    }

    fn connect(&mut self, at: usize, input: usize) {
        let port = self.instances[at].module.inputs[input].clone();
        // Tools fold constants that they find by looking through ports.
        let driver = if self.random.random_bool(0.2) {
            let value = random_value(self.random, port.ty);
            self.m.constant(port.ty, value)
        } else {
            self.pool.draw_as(self.random, port.ty)
        };
        self.instances[at].handle.input(&port.name, driver);
        self.instances[at].connected[input] = true;
    }

    /// Takes an output whose combinational inputs are all driven, so that no loop can close.
    pub(super) fn take_some_output(&mut self) {
        let ready = |instance: &PendingInstance, output: usize| {
            instance.module.combinational_inputs[output].iter().all(|&input| instance.connected[input])
        };
        let settled: Vec<(usize, usize)> = (self.instances.iter().enumerate())
            .flat_map(|(at, instance)| instance.outputs.iter().map(move |&output| (at, output)))
            .filter(|&(at, output)| ready(&self.instances[at], output))
            .collect();
        if !settled.is_empty() {
            let (at, output) = *pick(self.random, &settled);
            let instance = &mut self.instances[at];
            instance.outputs.retain(|&left| left != output);
            let value = instance.handle.output(&instance.module.outputs[output].name);
            self.pool.values.push(value);
        }
    }

    /// Drives every input that is still open.
    pub(super) fn connect_all(&mut self) {
        for at in 0..self.instances.len() {
            for input in 0..self.instances[at].connected.len() {
                if !self.instances[at].connected[input] {
                    self.connect(at, input);
                }
            }
        }
    }
}
