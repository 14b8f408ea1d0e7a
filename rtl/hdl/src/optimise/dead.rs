//! Dead logic: what reaches no output and no check goes.

use crate::check::{Parts, assemble};
use crate::ir::{Module, Node, NodeId, Op};

use super::Keep;

/// Removes dead nodes and, where names need not stay, dead registers, memories, read ports and
/// instances; inputs of children that the child does not read are tied to 0.
pub(super) fn dead(module: &Module, keep: Keep) -> Module {
    let mut parts = Parts::of(module);
    if keep == Keep::Ports {
        tie_unread_inputs(&mut parts);
    }
    let live = Live::of(&parts, keep);
    sweep(parts, &live)
}

/// Whether anything in a body or below it is checked or covered.
fn is_checked(module: &Module) -> bool {
    !module.checks.is_empty() || module.instances.iter().any(|instance| is_checked(&instance.module))
}

/// A child that does not read an input need not be fed.
fn tie_unread_inputs(parts: &mut Parts) {
    for index in 0..parts.instances.len() {
        let child = parts.instances[index].module.clone();
        let mut read = vec![false; child.inputs.len()];
        let mut note = |id: NodeId| {
            if let Op::Input(input) = child.node(id).op {
                read[input] = true;
            }
        };
        child.nodes.iter().for_each(|node| node.op.for_each_operand(&mut note));
        Parts::of(&child).for_each_root(|root| note(*root));
        for (input, read) in read.into_iter().enumerate() {
            let driver = parts.instances[index].inputs[input];
            if !read && parts.nodes[driver.index()].op != Op::Const(0) {
                let location = parts.instances[index].location;
                let ty = child.inputs[input].ty;
                parts.nodes.push(Node { op: Op::Const(0), ty, name: None, location });
                parts.instances[index].inputs[input] = NodeId(parts.nodes.len() as u32 - 1);
            }
        }
    }
}

/// What is alive.
struct Live {
    nodes: Vec<bool>,
    registers: Vec<bool>,
    /// For each memory, each read port; a memory with none is dead.
    reads: Vec<Vec<bool>>,
    memories: Vec<bool>,
    instances: Vec<bool>,
    stack: Vec<NodeId>,
}

impl Live {
    fn of(parts: &Parts, keep: Keep) -> Live {
        let all = keep == Keep::Names;
        let mut live = Live {
            nodes: vec![false; parts.nodes.len()],
            registers: vec![false; parts.registers.len()],
            reads: parts.memories.iter().map(|memory| vec![false; memory.reads.len()]).collect(),
            memories: vec![false; parts.memories.len()],
            instances: vec![false; parts.instances.len()],
            stack: Vec::new(),
        };
        for (index, node) in parts.nodes.iter().enumerate() {
            // Inputs stay: they are the port.
            if matches!(node.op, Op::Input(_)) || all && node.name.is_some() {
                live.mark(NodeId(index as u32));
            }
        }
        parts.outputs.iter().for_each(|output| live.mark(output.node));
        parts.checks.iter().for_each(|check| live.mark(check.condition));
        for (index, instance) in parts.instances.iter().enumerate() {
            if all || is_checked(&instance.module) {
                live.instance(parts, index);
            }
        }
        if all {
            (0..parts.registers.len()).for_each(|index| live.register(parts, index));
            for (index, memory) in parts.memories.iter().enumerate() {
                live.memory(parts, index);
                (0..memory.reads.len()).for_each(|port| live.read(parts, index, port));
            }
        }
        while let Some(id) = live.stack.pop() {
            match parts.nodes[id.index()].op {
                Op::RegisterQ(index) => live.register(parts, index),
                Op::MemoryRead { memory, port, .. } => live.read(parts, memory, port),
                Op::InstanceOutput { instance, .. } => live.instance(parts, instance),
                ref op => op.for_each_operand(|operand| live.mark(operand)),
            }
        }
        live
    }

    fn mark(&mut self, id: NodeId) {
        if !std::mem::replace(&mut self.nodes[id.index()], true) {
            self.stack.push(id);
        }
    }

    fn register(&mut self, parts: &Parts, index: usize) {
        if !std::mem::replace(&mut self.registers[index], true) {
            let register = &parts.registers[index];
            std::iter::once(register.next).chain(register.enable).for_each(|id| self.mark(id));
        }
    }

    fn read(&mut self, parts: &Parts, memory: usize, port: usize) {
        if !std::mem::replace(&mut self.reads[memory][port], true) {
            let read = &parts.memories[memory].reads[port];
            std::iter::once(read.address).chain(read.enable).for_each(|id| self.mark(id));
            self.memory(parts, memory);
        }
    }

    fn memory(&mut self, parts: &Parts, index: usize) {
        if !std::mem::replace(&mut self.memories[index], true) {
            for write in &parts.memories[index].writes {
                let control = [write.address, write.enable];
                let lanes = write.lane_enables.iter().flatten().chain(&write.data);
                control.iter().chain(lanes).for_each(|&id| self.mark(id));
            }
        }
    }

    fn instance(&mut self, parts: &Parts, index: usize) {
        if !std::mem::replace(&mut self.instances[index], true) {
            parts.instances[index].inputs.iter().for_each(|&id| self.mark(id));
        }
    }
}

/// New positions of those that stay.
fn renumber(alive: &[bool]) -> Vec<usize> {
    alive.iter().scan(0, |next, &alive| Some(std::mem::replace(next, *next + usize::from(alive)))).collect()
}

fn retain<T>(items: &mut Vec<T>, alive: &[bool]) {
    let mut alive = alive.iter();
    items.retain(|_| *alive.next().expect("one flag for each"));
}

fn sweep(mut parts: Parts, live: &Live) -> Module {
    let nodes = renumber(&live.nodes);
    let registers = renumber(&live.registers);
    let memories = renumber(&live.memories);
    let instances = renumber(&live.instances);
    let ports: Vec<Vec<usize>> = live.reads.iter().map(|reads| renumber(reads)).collect();

    retain(&mut parts.registers, &live.registers);
    for (memory, reads) in parts.memories.iter_mut().zip(&live.reads) {
        retain(&mut memory.reads, reads);
    }
    retain(&mut parts.memories, &live.memories);
    retain(&mut parts.instances, &live.instances);
    retain(&mut parts.nodes, &live.nodes);
    let moved = |id: NodeId| NodeId(nodes[id.index()] as u32);
    for node in &mut parts.nodes {
        match &mut node.op {
            Op::RegisterQ(index) => *index = registers[*index],
            Op::MemoryRead { memory, port, .. } => {
                *port = ports[*memory][*port];
                *memory = memories[*memory];
            }
            Op::InstanceOutput { instance, .. } => *instance = instances[*instance],
            op => op.map_operands(moved),
        }
    }
    parts.for_each_root(|root| *root = moved(*root));
    assemble(parts)
}
