//! Closing a module: completeness, unique names, evaluation order, combinational paths, digest.

use std::collections::{BTreeSet, HashSet};

use crate::builder::Draft;
use crate::digest::Digest;
use crate::ir::{
    Check, Instance, Memory, MemoryStyle, Module, Node, NodeId, Op, OutputPort, Port, ReadKind, RegisterDef,
};

/// Turns a draft into a module.
///
/// # Panics
/// On an undriven register, memory or instance input, a duplicate name, or a combinational loop.
pub(crate) fn finish(draft: Draft) -> Module {
    let name = draft.name;
    let registers: Vec<RegisterDef> = draft
        .registers
        .into_iter()
        .map(|register| {
            let Some(next) = register.next else {
                panic!(
                    "register {} in {name} has no next value ({}:{})",
                    register.name, register.location.file, register.location.line
                )
            };
            RegisterDef {
                name: register.name,
                ty: register.ty,
                next,
                enable: register.enable,
                reset: register.reset,
                location: register.location,
            }
        })
        .collect();
    let instances: Vec<Instance> = draft
        .instances
        .into_iter()
        .map(|instance| {
            let inputs = instance
                .inputs
                .iter()
                .zip(&instance.module.inputs)
                .map(|(driver, port)| {
                    driver.unwrap_or_else(|| {
                        panic!(
                            "input {} of {} ({}) in {name} is not connected",
                            port.name, instance.name, instance.module.name
                        )
                    })
                })
                .collect();
            Instance { name: instance.name, module: instance.module, inputs, location: instance.location }
        })
        .collect();

    for memory in &draft.memories {
        assert!(
            memory.init.is_some() || !memory.writes.is_empty(),
            "memory {} in {name} is neither written nor given contents ({}:{})",
            memory.name,
            memory.location.file,
            memory.location.line
        );
        assert!(
            memory.init.is_none() || memory.style != MemoryStyle::Ultra,
            "memory {} in {name} has contents, which large blocks cannot be given ({}:{})",
            memory.name,
            memory.location.file,
            memory.location.line
        );
    }

    assemble(Parts {
        name,
        doc: draft.doc,
        inputs: draft.inputs,
        outputs: draft.outputs,
        nodes: draft.nodes,
        registers,
        memories: draft.memories,
        instances,
        checks: draft.checks,
    })
}

/// A complete body, before what follows from it is computed.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<OutputPort>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) registers: Vec<RegisterDef>,
    pub(crate) memories: Vec<Memory>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) checks: Vec<Check>,
}

impl Parts {
    /// The parts a module was made of.
    pub(crate) fn of(module: &Module) -> Parts {
        Parts {
            name: module.name.clone(),
            doc: module.doc.clone(),
            inputs: module.inputs.clone(),
            outputs: module.outputs.clone(),
            nodes: module.nodes.clone(),
            registers: module.registers.clone(),
            memories: module.memories.clone(),
            instances: module.instances.clone(),
            checks: module.checks.clone(),
        }
    }

    /// Calls `f` for every reference to a node that is not an operand of a node.
    pub(crate) fn for_each_root(&mut self, mut f: impl FnMut(&mut NodeId)) {
        self.outputs.iter_mut().for_each(|output| f(&mut output.node));
        for register in &mut self.registers {
            f(&mut register.next);
            register.enable.iter_mut().for_each(&mut f);
        }
        for memory in &mut self.memories {
            for read in &mut memory.reads {
                f(&mut read.address);
                read.enable.iter_mut().for_each(&mut f);
            }
            for write in &mut memory.writes {
                f(&mut write.address);
                f(&mut write.enable);
                write.lane_enables.iter_mut().flatten().for_each(&mut f);
                write.data.iter_mut().for_each(&mut f);
            }
        }
        self.instances.iter_mut().flat_map(|instance| &mut instance.inputs).for_each(&mut f);
        self.checks.iter_mut().for_each(|check| f(&mut check.condition));
    }
}

/// Turns a complete body into a module.
///
/// # Panics
/// On a duplicate name or a combinational loop.
pub(crate) fn assemble(parts: Parts) -> Module {
    let Parts { name, doc, inputs, outputs, nodes, registers, memories, instances, checks } = parts;
    let mut names = HashSet::new();
    let ports = inputs.iter().map(|port| &port.name).chain(outputs.iter().map(|port| &port.name));
    let state = registers.iter().map(|register| &register.name).chain(memories.iter().map(|memory| &memory.name));
    for part in ports.chain(state).chain(instances.iter().map(|instance| &instance.name)) {
        assert!(names.insert(part.as_str()), "{name} has two things named {part}");
    }

    let order = evaluation_order(&name, &nodes, &memories, &instances);
    let drivers = outputs.iter().map(|port| port.node);
    let combinational_inputs = combinational_inputs(&order, &nodes, &memories, &instances, drivers);
    let clocked = !registers.is_empty() || !memories.is_empty() || !checks.is_empty();
    let has_clock = clocked || instances.iter().any(|instance| instance.module.has_clock);
    let has_reset = !checks.is_empty()
        || registers.iter().any(|register| register.reset.is_some())
        || instances.iter().any(|instance| instance.module.has_reset);
    let digest = Digest::of(&((&name, &inputs, &outputs, &nodes), (&registers, &memories, &instances, &checks, &doc)));
    Module {
        name,
        doc,
        inputs,
        outputs,
        nodes,
        registers,
        memories,
        instances,
        checks,
        order,
        combinational_inputs,
        has_clock,
        has_reset,
        digest,
    }
}

/// Calls `f` for everything `node` depends on within the cycle, through children and asynchronous reads.
fn for_each_dependency(node: &Node, memories: &[Memory], instances: &[Instance], mut f: impl FnMut(NodeId)) {
    match node.op {
        Op::MemoryRead { memory, port, .. } => {
            let port = &memories[memory].reads[port];
            if port.kind == ReadKind::Asynchronous {
                f(port.address);
            }
        }
        Op::InstanceOutput { instance, output } => {
            let instance = &instances[instance];
            instance.module.combinational_inputs[output].iter().for_each(|&input| f(instance.inputs[input]));
        }
        ref op => op.for_each_operand(f),
    }
}

/// Depth-first order of all nodes, dependencies first.
fn evaluation_order(name: &str, nodes: &[Node], memories: &[Memory], instances: &[Instance]) -> Vec<NodeId> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    // Iterative: a deep chain of nodes must not overflow the stack. (id, dependencies already pushed)
    let mut stack: Vec<(NodeId, bool)> = Vec::new();
    for root in 0..nodes.len() {
        stack.push((NodeId(root as u32), false));
        while let Some((id, expanded)) = stack.pop() {
            let node = &nodes[id.index()];
            if expanded {
                state[id.index()] = State::Done;
                order.push(id);
                continue;
            }
            match state[id.index()] {
                State::Done => continue,
                State::Open => {
                    panic!(
                        "combinational loop in {name} through {:?} ({}:{})",
                        node.name, node.location.file, node.location.line
                    )
                }
                State::New => {}
            }
            state[id.index()] = State::Open;
            stack.push((id, true));
            for_each_dependency(node, memories, instances, |dependency| match state[dependency.index()] {
                State::Done => {}
                State::Open => {
                    let node = &nodes[dependency.index()];
                    panic!(
                        "combinational loop in {name} through {:?} ({}:{})",
                        node.name, node.location.file, node.location.line
                    )
                }
                State::New => stack.push((dependency, false)),
            });
        }
    }
    order
}

/// For each output, which inputs reach it within the cycle.
fn combinational_inputs(
    order: &[NodeId],
    nodes: &[Node],
    memories: &[Memory],
    instances: &[Instance],
    outputs: impl Iterator<Item = NodeId>,
) -> Vec<Vec<usize>> {
    let mut reached: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); nodes.len()];
    for &id in order {
        let mut set = BTreeSet::new();
        if let Op::Input(index) = nodes[id.index()].op {
            set.insert(index);
        }
        for_each_dependency(&nodes[id.index()], memories, instances, |dependency| {
            set.extend(&reached[dependency.index()]);
        });
        reached[id.index()] = set;
    }
    outputs.map(|node| reached[node.index()].iter().copied().collect()).collect()
}
