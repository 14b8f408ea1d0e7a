//! Turns followed blocks into modules.

use std::collections::HashMap;
use std::sync::Arc;

use super::body::{Body, Logic};
use super::clocks::{self, ClockMap};
use super::error::LowerError;
use super::graph::{Form, Graph, ValueId};
use super::leaf::{Leaf, MemoryLeaf, MemoryShape};
use super::names::{Names, module_name, port_name, port_names};
use super::show::show_name;
use super::tree::{Direction, Scope};
use super::wire::Role;
use crate::builder::{InstanceHandle, ModuleBuilder, Register, module, push_node};
use crate::digest::Digest;
use crate::ir::{Module, Op};
use crate::signal::Signal;
use crate::ty::u;

/// The modules made so far, one for each body: equal bodies share a module, whatever they are called.
#[derive(Default)]
pub(super) struct Modules {
    known: HashMap<Digest, Arc<Module>>,
}

/// A child of the block under construction.
enum Child {
    Register(Register),
    Instance(InstanceHandle),
}

impl Modules {
    /// The module of a block with logic.
    pub(super) fn logic(
        &mut self,
        name: &str,
        doc: &str,
        logic: &Logic<'_>,
        clocks: &ClockMap,
    ) -> Result<Arc<Module>, LowerError> {
        let mut inside = Vec::new();
        for (index, child) in logic.children.iter().enumerate() {
            let name = module_name(&child.scope().name);
            inside.push(match child {
                Body::Logic(child) => Some(self.logic(&name, "", child, &clocks::of_child(logic, index, clocks))?),
                Body::Leaf(scope, Leaf::Memory(memory)) => {
                    Some(self.shared(&name, |name| memory_module(name, scope, memory)))
                }
                Body::Leaf(_, Leaf::Register { .. }) => None,
            });
        }
        let order = evaluation_order(logic, &inside)?;
        Ok(self.shared(name, |name| logic_module(name, doc, logic, &inside, &order)))
    }

    /// Builds a module unless an equal body is known.
    fn shared(&mut self, name: &str, build: impl Fn(&str) -> Arc<Module>) -> Arc<Module> {
        // The digest of a module sees its name, so bodies are compared under one name.
        let body = build("body").digest;
        self.known.entry(body).or_insert_with(|| build(name)).clone()
    }
}

/// All values that the block's outputs and children need, operands first.
fn evaluation_order(logic: &Logic<'_>, inside: &[Option<Arc<Module>>]) -> Result<Vec<ValueId>, LowerError> {
    #[derive(Clone, Copy, PartialEq)]
    enum Visit {
        New,
        Open,
        Done,
    }
    let followed = &logic.followed;
    let mut visits = vec![Visit::New; followed.graph.len()];
    let mut order = Vec::new();
    let mut stack: Vec<(ValueId, bool)> = Vec::new();
    for root in followed.settled.iter().flatten() {
        stack.push((*root, false));
        while let Some((id, expanded)) = stack.pop() {
            if expanded {
                visits[id.index()] = Visit::Done;
                order.push(id);
                continue;
            }
            match visits[id.index()] {
                Visit::Done => continue,
                Visit::Open => return Err(combinational_loop(logic, &stack)),
                Visit::New => {}
            }
            visits[id.index()] = Visit::Open;
            stack.push((id, true));
            for operand in dependencies(logic, inside, id) {
                match visits[operand.index()] {
                    Visit::Done => {}
                    Visit::Open => return Err(combinational_loop(logic, &stack)),
                    Visit::New => stack.push((operand, false)),
                }
            }
        }
    }
    Ok(order)
}

/// What a value depends on within the cycle, through children too.
fn dependencies(logic: &Logic<'_>, inside: &[Option<Arc<Module>>], id: ValueId) -> Vec<ValueId> {
    let followed = &logic.followed;
    match followed.graph.form(id) {
        Form::Input(_) | Form::Const(_) => Vec::new(),
        Form::Settled(wire) => followed.settled[wire].into_iter().collect(),
        Form::Unary(_, a) | Form::Slice { source: a, .. } => vec![a],
        Form::Binary(_, a, b) | Form::Concat { high: a, low: b } => vec![a, b],
        Form::Mux { select, on_true, on_false } => vec![select, on_true, on_false],
        Form::ChildOutput { child, atom } => {
            let Some(module) = &inside[child] else { return Vec::new() };
            let names = port_names(&logic.scope.children[child]);
            let output = module.output_index(&names[atom]).expect("every output that is not a clock is a port");
            let reaching = &module.combinational_inputs[output];
            let reaches = |role| match role {
                Role::ChildInput { child: of, atom } if of == child => {
                    reaching.iter().any(|&input| module.inputs[input].name == names[atom])
                }
                _ => false,
            };
            let wires = followed.wires.iter().zip(&followed.settled);
            wires.filter(|(wire, _)| reaches(wire.role)).filter_map(|(_, settled)| *settled).collect()
        }
    }
}

fn combinational_loop(logic: &Logic<'_>, open: &[(ValueId, bool)]) -> LowerError {
    let followed = &logic.followed;
    let on_loop = |id: &ValueId| {
        let driven = followed.settled.iter().position(|settled| settled.as_ref() == Some(id));
        driven.map(|wire| show_name(&followed.wires[wire].name))
    };
    let named = open.iter().rev().filter(|(_, expanded)| *expanded).find_map(|(id, _)| on_loop(id));
    LowerError::CombinationalLoop { block: logic.scope.path.clone(), signal: named.unwrap_or_default() }
}

/// The module of a block, given the modules of its children.
fn logic_module(
    name: &str,
    doc: &str,
    logic: &Logic<'_>,
    inside: &[Option<Arc<Module>>],
    order: &[ValueId],
) -> Arc<Module> {
    let (scope, followed) = (logic.scope, &logic.followed);
    module(name, |m| {
        m.doc(doc);
        let ports = port_names(scope);
        let mut names = Names::default();
        ports.iter().for_each(|port| _ = names.unique(port));
        let inputs: Vec<Option<Signal>> = (scope.atoms.iter().zip(&ports))
            .map(|(atom, port)| {
                let is_port = atom.direction == Direction::In && !atom.kind.is_clock();
                is_port.then(|| m.input(port, atom.kind.ty()))
            })
            .collect();
        let children: Vec<Child> =
            (logic.children.iter().zip(inside)).map(|(child, module)| declare(m, child, module, &mut names)).collect();
        let values = evaluate(logic, order, &inputs, &children);
        for (wire, settled) in followed.wires.iter().zip(&followed.settled) {
            let Some(value) = settled.map(|id| values[&id]) else { continue };
            match wire.role {
                Role::ChildInput { child, atom } => match &children[child] {
                    Child::Register(register) => register.next(value),
                    Child::Instance(instance) => {
                        instance.input(&port_names(&scope.children[child])[atom], value);
                    }
                },
                Role::Local => {
                    value.named(&names.value(&wire.name));
                }
                Role::Output => {
                    let atom = scope.atoms.iter().position(|atom| atom.name == wire.atom.name);
                    m.output(&ports[atom.expect("an output is an atom of its block")], value);
                }
            }
        }
    })
}

fn declare(m: &ModuleBuilder, child: &Body<'_>, module: &Option<Arc<Module>>, names: &mut Names) -> Child {
    match (child, module) {
        (Body::Leaf(scope, Leaf::Register { initial, .. }), _) => {
            let ty = scope.atom("q").expect("a register has an output q").kind.ty();
            let name = names.unique(&format!("{}_q", port_name(&scope.name)));
            // As `reset` takes constants: the value, or the i64 with the same bits.
            let initial = if ty.is_signed() { ty.value_of(*initial) as i64 } else { *initial as i64 };
            Child::Register(m.register(&name, ty).reset(initial))
        }
        (_, Some(module)) => {
            let mut name = port_name(&child.scope().name);
            // A signal called as the instance that it is in draws a warning from Verilator (VARHIDDEN).
            if uses(module, &name) {
                name.push('_');
            }
            Child::Instance(m.instance(&names.unique(&name), module))
        }
        (_, None) => unreachable!("only registers have no module"),
    }
}

/// Whether something in the module has this name.
fn uses(module: &Module, name: &str) -> bool {
    let ports = module.inputs.iter().map(|port| &port.name).chain(module.outputs.iter().map(|port| &port.name));
    let registers = module.registers.iter().map(|register| &register.name);
    let state = registers.chain(module.memories.iter().map(|memory| &memory.name));
    let instances = module.instances.iter().map(|instance| &instance.name);
    let values = module.nodes.iter().filter_map(|node| node.name.as_ref());
    ports.chain(state).chain(instances).chain(values).any(|used| used == name)
}

/// Builds the values in order.
fn evaluate(
    logic: &Logic<'_>,
    order: &[ValueId],
    inputs: &[Option<Signal>],
    children: &[Child],
) -> HashMap<ValueId, Signal> {
    let followed = &logic.followed;
    let graph: &Graph = &followed.graph;
    let mut values: HashMap<ValueId, Signal> = HashMap::new();
    for &id in order {
        let ty = graph.ty(id);
        let at = |id: ValueId| values[&id];
        let op = match graph.form(id) {
            Form::Input(atom) => {
                values.insert(id, inputs[atom].expect("a clock is not a value"));
                continue;
            }
            Form::Settled(wire) => {
                values.insert(id, at(followed.settled[wire].expect("a clock is not a value")));
                continue;
            }
            Form::ChildOutput { child, atom } => {
                let signal = match &children[child] {
                    Child::Register(register) => register.q,
                    Child::Instance(instance) => instance.output(&port_names(&logic.scope.children[child])[atom]),
                };
                values.insert(id, signal);
                continue;
            }
            Form::Const(bits) => Op::Const(bits),
            Form::Unary(op, a) => Op::Unary(op, at(a).id()),
            Form::Binary(op, a, b) => Op::Binary(op, at(a).id(), at(b).id()),
            Form::Mux { select, on_true, on_false } => {
                Op::Mux { select: at(select).id(), on_true: at(on_true).id(), on_false: at(on_false).id() }
            }
            Form::Slice { source, low } => Op::Slice { source: at(source).id(), low },
            Form::Concat { high, low } => Op::Concat { high: at(high).id(), low: at(low).id() },
        };
        values.insert(id, push_node(op, ty));
    }
    values
}

/// The module of a memory; its ports are the widget's, its words are called `mem` as in rust-hdl's Verilog.
fn memory_module(name: &str, scope: &Scope, leaf: &MemoryLeaf) -> Arc<Module> {
    let ty = |port: &str| scope.atom(port).expect("a memory is recognised by its ports").kind.ty();
    let lane_ty = ty(leaf.shape.data());
    module(name, |m| {
        let address = m.input(leaf.shape.address(), u(leaf.address_bits));
        let mut memory = m.memory("mem", 1 << leaf.address_bits, 1, lane_ty);
        if !leaf.words.is_empty() || leaf.shape != MemoryShape::Ram {
            let mut contents = vec![0; 1 << leaf.address_bits];
            for &(at, bits) in &leaf.words {
                let value = if lane_ty.is_signed() { lane_ty.value_of(bits) as i64 } else { bits as i64 };
                if let Some(word) = usize::try_from(at).ok().and_then(|at| contents.get_mut(at)) {
                    *word = value;
                }
            }
            memory = memory.init(&contents);
        }
        if leaf.shape == MemoryShape::Ram {
            let write_address = m.input("write_address", u(leaf.address_bits));
            let data = m.input("write_data", lane_ty);
            let enable = m.input("write_enable", u(1));
            memory.write(write_address, enable, &[data]);
        }
        let data = match leaf.shape {
            MemoryShape::Rom => memory.read_asynchronous(address),
            MemoryShape::Ram | MemoryShape::SyncRom => memory.read(address, m.constant(u(1), 1)),
        };
        m.output(leaf.shape.data(), data[0]);
    })
}
