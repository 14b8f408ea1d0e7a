//! Closing a module: completeness, unique names, evaluation order, combinational paths, digest.

use std::collections::{BTreeSet, HashSet};

use crate::builder::Draft;
use crate::digest::Digest;
use crate::ir::{CheckKind, Instance, Memory, Module, Node, NodeId, Op, ReadKind, RegisterDef};

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
    }

    let mut names = HashSet::new();
    let ports = draft.inputs.iter().map(|port| &port.name).chain(draft.outputs.iter().map(|port| &port.name));
    let state = registers.iter().map(|register| &register.name).chain(draft.memories.iter().map(|memory| &memory.name));
    for part in ports.chain(state).chain(instances.iter().map(|instance| &instance.name)) {
        assert!(names.insert(part.as_str()), "{name} has two things named {part}");
    }

    let order = evaluation_order(&name, &draft.nodes, &draft.memories, &instances);
    let combinational_inputs = combinational_inputs(
        &order,
        &draft.nodes,
        &draft.memories,
        &instances,
        draft.outputs.iter().map(|port| port.node),
    );
    let checked = draft.checks.iter().any(|check| check.kind != CheckKind::Cover) || !draft.checks.is_empty();
    let clocked = !registers.is_empty() || !draft.memories.is_empty() || checked;
    let has_clock = clocked || instances.iter().any(|instance| instance.module.has_clock);
    let has_reset = checked
        || registers.iter().any(|register| register.reset.is_some())
        || instances.iter().any(|instance| instance.module.has_reset);
    let digest = Digest::of(&(
        (&name, &draft.inputs, &draft.outputs, &draft.nodes),
        (&registers, &draft.memories, &instances, &draft.checks, &draft.doc),
    ));
    Module {
        name,
        doc: draft.doc,
        inputs: draft.inputs,
        outputs: draft.outputs,
        nodes: draft.nodes,
        registers,
        memories: draft.memories,
        instances,
        checks: draft.checks,
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
