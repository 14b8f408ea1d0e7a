//! Poisoned collisions: what checks [`MemoryHandle::collisions_are_unused`](crate::MemoryHandle::collisions_are_unused).
//!
//! Simulation reads first, hardware may not, where a memory has that promise. [`poison_collisions`] makes every
//! such read something else, as the worst hardware would: if the promise holds, the design still answers as before;
//! a use that breaks it becomes a wrong answer in any engine, and a cover tells whether reads collided at all.

use std::collections::HashMap;

use crate::check::{Parts, assemble};
use crate::design::Design;
use crate::ir::{
    BinaryOp, Check, CheckKind, Collisions, Memory, Node, NodeId, Op, ReadKind, RegisterDef, SourceLocation, UnaryOp,
};
use crate::ty::Ty;

/// What a lane answers that is read while it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Poison {
    /// The old value with every bit inverted.
    Complement,
    /// The value that is being written.
    Written,
}

/// The design with other answers from synchronous read ports of memories with [`Collisions::Unused`]: a lane that is
/// written at the edge at which it is read answers with the poison, for as long as the port would hold it. Lanes of
/// the same word that are not written, asynchronous ports and all other memories stay as they are, and so do ports,
/// timing and contents.
///
/// Each such memory gets a cover `<memory>_collides`: edges at which a poisoned lane is read.
///
/// # Panics
/// If a body has a register of a name that this adds, `<memory>_collided_<port>_<lane>_q` or `.._written_..`.
pub fn poison_collisions(design: &Design, poison: Poison) -> Design {
    design.rewritten(|module| {
        let promises = |memory: &Memory| memory.collisions == Collisions::Unused;
        let mut body = Body { parts: Parts::of(&module), poison };
        for (index, memory) in module.memories.iter().enumerate().filter(|(_, memory)| promises(memory)) {
            body.poison_memory(index, memory);
        }
        assemble(body.parts)
    })
}

/// A body that is being rewritten.
struct Body {
    parts: Parts,
    poison: Poison,
}

/// A lane at the edge at which it is read.
struct Collision {
    /// One bit: it is written.
    happens: NodeId,
    /// With what.
    value: NodeId,
}

impl Body {
    fn poison_memory(&mut self, index: usize, memory: &Memory) {
        let mut poisoned = HashMap::new();
        let mut any: Option<NodeId> = None;
        for (port, read) in memory.reads.iter().enumerate().filter(|(_, read)| read.kind == ReadKind::Synchronous) {
            for (lane, collision) in self.collisions(memory, port).into_iter().enumerate() {
                let happens = match read.enable {
                    Some(enable) => self.binary(BinaryOp::And, enable, collision.happens),
                    None => collision.happens,
                };
                any = Some(any.map_or(happens, |any| self.binary(BinaryOp::Or, any, happens)));
                let name = |what: &str| format!("{}_{what}_{port}_{lane}_q", memory.name);
                let collided = self.register(name("collided"), collision.happens, read.enable, memory.location);
                let written = match self.poison {
                    Poison::Complement => None,
                    Poison::Written => {
                        Some(self.register(name("written"), collision.value, read.enable, memory.location))
                    }
                };
                poisoned.insert((port, lane), (collided, written));
            }
        }
        let Some(any) = any else { return };
        let (name, location) = (format!("{}_collides", memory.name), memory.location);
        self.parts.checks.push(Check { kind: CheckKind::Cover, name, condition: any, location });
        for id in 0..self.parts.nodes.len() {
            if let Op::MemoryRead { memory, port, lane } = self.parts.nodes[id].op
                && memory == index
                && let Some(&(collided, written)) = poisoned.get(&(port, lane))
            {
                self.replace(id, collided, written);
            }
        }
    }

    /// Every lane of a read port, whether and with what it is written; none if nothing is ever written.
    fn collisions(&mut self, memory: &Memory, port: usize) -> Vec<Collision> {
        let address = memory.reads[port].address;
        let mut lanes: Vec<Option<Collision>> = (0..memory.lanes).map(|_| None).collect();
        for write in &memory.writes {
            let same = self.binary(BinaryOp::Eq, address, write.address);
            let meets = self.binary(BinaryOp::And, same, write.enable);
            for (lane, collision) in lanes.iter_mut().enumerate() {
                let happens = match &write.lane_enables {
                    Some(enables) => self.binary(BinaryOp::And, meets, enables[lane]),
                    None => meets,
                };
                let value = write.data[lane];
                // The later port wins.
                *collision = Some(match collision.take() {
                    Some(earlier) => Collision {
                        happens: self.binary(BinaryOp::Or, earlier.happens, happens),
                        value: self.mux(happens, value, earlier.value),
                    },
                    None => Collision { happens, value },
                });
            }
        }
        lanes.into_iter().flatten().collect()
    }

    /// Puts the multiplexer of poison where a read is, so that all that uses the read uses the multiplexer.
    fn replace(&mut self, id: usize, collided: NodeId, written: Option<NodeId>) {
        let read = self.parts.nodes[id].clone();
        let raw = self.push(Node { name: None, ..read.clone() });
        let on_true =
            written.unwrap_or_else(|| self.push(Node { op: Op::Unary(UnaryOp::Not, raw), name: None, ..read.clone() }));
        self.parts.nodes[id].op = Op::Mux { select: collided, on_true, on_false: raw };
    }

    fn register(&mut self, name: String, next: NodeId, enable: Option<NodeId>, location: SourceLocation) -> NodeId {
        let ty = self.parts.nodes[next.index()].ty;
        self.parts.registers.push(RegisterDef { name, ty, next, enable, reset: None, location });
        let op = Op::RegisterQ(self.parts.registers.len() - 1);
        self.push(Node { op, ty, name: None, location })
    }

    /// An operation on bits or a comparison, where its first operand stands in the source.
    fn binary(&mut self, op: BinaryOp, a: NodeId, b: NodeId) -> NodeId {
        let location = self.parts.nodes[a.index()].location;
        self.push(Node { op: Op::Binary(op, a, b), ty: Ty::BIT, name: None, location })
    }

    fn mux(&mut self, select: NodeId, on_true: NodeId, on_false: NodeId) -> NodeId {
        let like = self.parts.nodes[on_true.index()].clone();
        self.push(Node { op: Op::Mux { select, on_true, on_false }, name: None, ..like })
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.parts.nodes.push(node);
        NodeId(u32::try_from(self.parts.nodes.len() - 1).expect("a module has fewer than 2^32 values"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ModuleBuilder, module, s, u};

    /// A memory of two lanes with what `promise` says of it, read twice, in a parent.
    fn design(promise: impl Fn(crate::MemoryHandle) -> crate::MemoryHandle) -> Design {
        let child = module("child", |m: &ModuleBuilder| {
            let [a, b, c] = ["a_i", "b_i", "c_i"].map(|name| m.input(name, u(3)));
            let [e, f, g] = ["e_i", "f_i", "g_i"].map(|name| m.input(name, u(1)));
            let words = promise(m.memory("words", 8, 2, s(5)));
            let value = m.input("value_i", s(5));
            words.write_lanes(a, e, &[f, g], &[value, value]);
            words.write(b, f, &[value, value]);
            let [x, y] = [words.read(a, e), words.read_asynchronous(c)];
            m.output("x_o", x[0] + x[1]);
            m.output("y_o", y[0] + y[1]);
        });
        let parent = module("parent", |m| {
            let places = ["first", "second"].map(|name| m.instance(name, &child));
            for port in &child.inputs {
                let value = m.input(&port.name, port.ty);
                places.iter().for_each(|place| _ = place.input(&port.name, value));
            }
            m.output("y_o", places[0].output("x_o") + places[1].output("y_o"));
        });
        Design::new(parent).expect("names are identifiers")
    }

    #[test]
    fn only_promised_memories_change() {
        let plain = design(|memory| memory);
        for poison in [Poison::Complement, Poison::Written] {
            assert_eq!(poison_collisions(&plain, poison).digest(), plain.digest());
        }
    }

    #[test]
    fn one_body_stays_one_body_with_its_ports_and_names() {
        let before = design(crate::MemoryHandle::collisions_are_unused);
        for (poison, registers) in [(Poison::Complement, 2), (Poison::Written, 4)] {
            let after = poison_collisions(&before, poison);
            let modules = [&before, &after].map(|design| design.modules().to_vec());
            assert_eq!(modules[0].len(), modules[1].len());
            for (before, after) in modules[0].iter().zip(&modules[1]) {
                assert_eq!((&before.name, &before.inputs), (&after.name, &after.inputs));
                assert_eq!(before.outputs, after.outputs);
                assert_eq!(before.memories, after.memories);
                assert_eq!(before.combinational_inputs, after.combinational_inputs);
            }
            // Both lanes of the synchronous port; the asynchronous one reads before the edge on any device.
            assert_eq!(modules[1][0].registers.len(), registers);
            let covers = modules[1][0].checks.iter().map(|check| check.name.as_str());
            assert_eq!(covers.collect::<Vec<_>>(), ["words_collides"]);
        }
    }

    #[test]
    fn what_is_never_written_cannot_collide() {
        let rom = Design::new(module("rom", |m| {
            let contents = m.memory("contents", 2, 1, u(4)).init(&[3, 5]).collisions_are_unused();
            m.output("y_o", contents.read(m.input("a_i", u(1)), m.input("read_i", u(1)))[0]);
        }))
        .expect("names are identifiers");
        assert_eq!(poison_collisions(&rom, Poison::Complement).digest(), rom.digest());
    }
}
