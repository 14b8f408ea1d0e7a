//! What is written where: the body proper, the checks, or nowhere.

use crate::ir::{Module, NodeId, Op};
use crate::known_bits::{Bits, known_bits};

/// Where a value is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// By no one.
    Nowhere,
    /// By checks only.
    Checks,
    /// By outputs, state or children.
    Body,
}

/// What is known about the nodes before any text is made.
pub(super) struct Plan {
    /// What is known of the bits of each node.
    pub(super) known: Vec<Bits>,
    /// Where each node is needed.
    pub(super) places: Vec<Place>,
    /// Nodes that exist only as a part of one concatenation.
    pub(super) joined: Vec<bool>,
}

impl Plan {
    /// `extra_roots` are needed in the body too.
    pub(super) fn of(module: &Module, extra_roots: impl Iterator<Item = NodeId>) -> Plan {
        let mut plan = Plan {
            known: known_bits(module),
            places: vec![Place::Nowhere; module.nodes.len()],
            joined: vec![false; module.nodes.len()],
        };
        let outputs = module.outputs.iter().map(|output| output.node);
        let children = module.instances.iter().flat_map(|instance| instance.inputs.iter().copied());
        for root in state_roots(module).into_iter().chain(outputs).chain(children).chain(extra_roots) {
            plan.mark(module, root, Place::Body);
        }
        for check in &module.checks {
            plan.mark(module, check.condition, Place::Checks);
        }
        // A value that was given a name and is read by no one is wanted in waves.
        for (index, node) in module.nodes.iter().enumerate() {
            if node.name.is_some() && plan.places[index] == Place::Nowhere {
                plan.mark(module, NodeId(index as u32), Place::Body);
            }
        }
        plan.find_joined(module);
        plan
    }

    /// The node's bits where it is a constant.
    pub(super) fn constant(&self, id: NodeId) -> Option<u64> {
        self.known[id.index()].constant()
    }

    /// Marks a node and what it is computed from.
    fn mark(&mut self, module: &Module, root: NodeId, place: Place) {
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            let seen = self.places[id.index()];
            if seen == Place::Body || seen == place {
                continue;
            }
            self.places[id.index()] = place;
            if self.constant(id).is_none() {
                module.node(id).op.for_each_operand(|operand| stack.push(operand));
            }
        }
    }

    /// Finds unnamed concatenations whose only reader is a concatenation in the same place.
    fn find_joined(&mut self, module: &Module) {
        let mut readers = vec![0u32; module.nodes.len()];
        let mut in_concat = vec![None; module.nodes.len()];
        for (index, node) in module.nodes.iter().enumerate() {
            if self.places[index] != Place::Nowhere && self.known[index].constant().is_none() {
                node.op.for_each_operand(|operand| {
                    readers[operand.index()] += 1;
                    in_concat[operand.index()] = matches!(node.op, Op::Concat { .. }).then_some(index);
                });
            }
        }
        let roots = module.outputs.iter().map(|output| output.node).chain(state_roots(module));
        let children = module.instances.iter().flat_map(|instance| instance.inputs.iter().copied());
        let checks = module.checks.iter().map(|check| check.condition);
        roots.chain(children).chain(checks).for_each(|root| readers[root.index()] += 1);
        for (index, node) in module.nodes.iter().enumerate() {
            self.joined[index] = matches!(node.op, Op::Concat { .. })
                && node.name.is_none()
                && readers[index] == 1
                && in_concat[index].is_some_and(|reader| self.places[reader] == self.places[index]);
        }
    }
}

/// What registers and memories read.
fn state_roots(module: &Module) -> Vec<NodeId> {
    let mut roots = Vec::new();
    for register in &module.registers {
        roots.push(register.next);
        roots.extend(register.enable);
    }
    for memory in &module.memories {
        for read in &memory.reads {
            roots.push(read.address);
            roots.extend(read.enable);
        }
        for write in &memory.writes {
            roots.extend([write.address, write.enable]);
            roots.extend(write.lane_enables.iter().flatten());
            roots.extend(&write.data);
        }
    }
    roots
}
