//! The whole state of a simulation as plain data.

use myelin_hdl::{Digest, ReadKind};

use crate::engine::{CheckRef, Core, MemoryRef, RegisterRef};
use crate::hierarchy::Hierarchy;

/// The state of a simulation between two edges: inputs, registers, memories, cover counts.
///
/// It belongs to a design, not to an engine: what one engine saved another restores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub(crate) design: Digest,
    pub(crate) cycle: u64,
    pub(crate) in_reset: bool,
    /// Every state element in the order of [`visit`].
    values: Vec<u64>,
}

impl Checkpoint {
    /// Rising edges before it was taken.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    pub(crate) fn take(
        design: Digest,
        cycle: u64,
        in_reset: bool,
        hierarchy: &Hierarchy,
        core: &dyn Core,
    ) -> Checkpoint {
        let mut values = Vec::new();
        visit(hierarchy, |element| {
            values.push(match element {
                Element::Input(index) => core.input(index),
                Element::Register(register) => core.register(register),
                Element::ReadData(memory, port, lane) => core.read_data(memory, port, lane),
                Element::Word(memory, word, lane) => core.memory(memory, word, lane),
                Element::Cover(check) => core.cover_hits(check),
            });
        });
        Checkpoint { design, cycle, in_reset, values }
    }

    /// Writes all state back; the design must be the same.
    pub(crate) fn put(&self, hierarchy: &Hierarchy, core: &mut dyn Core) {
        let mut values = self.values.iter().copied();
        visit(hierarchy, |element| {
            let bits = values.next().expect("a checkpoint of this design has a value for each element");
            match element {
                Element::Input(index) => core.set_input(index, bits),
                Element::Register(register) => core.set_register(register, bits),
                Element::ReadData(memory, port, lane) => core.set_read_data(memory, port, lane, bits),
                Element::Word(memory, word, lane) => core.set_memory(memory, word, lane, bits),
                Element::Cover(check) => core.set_cover_hits(check, bits),
            }
        });
    }
}

/// One element of state.
pub(crate) enum Element {
    /// A top input.
    Input(usize),
    /// A register.
    Register(RegisterRef),
    /// What a synchronous read port shows on a lane.
    ReadData(MemoryRef, usize, usize),
    /// A lane of a word.
    Word(MemoryRef, usize, usize),
    /// A cover's count.
    Cover(CheckRef),
}

/// Calls `f` for every element of state, in an order that depends on the design only.
pub(crate) fn visit(hierarchy: &Hierarchy, mut f: impl FnMut(Element)) {
    (0..hierarchy.top().inputs.len()).for_each(|index| f(Element::Input(index)));
    for (place, at) in hierarchy.places.iter().enumerate() {
        let module = &at.module;
        (0..module.registers.len()).for_each(|register| f(Element::Register(RegisterRef { place, register })));
        for (index, memory) in module.memories.iter().enumerate() {
            let at = MemoryRef { place, memory: index };
            for (port, _) in memory.reads.iter().enumerate().filter(|(_, read)| read.kind == ReadKind::Synchronous) {
                (0..memory.lanes).for_each(|lane| f(Element::ReadData(at, port, lane)));
            }
            for word in 0..memory.depth {
                (0..memory.lanes).for_each(|lane| f(Element::Word(at, word, lane)));
            }
        }
        (0..module.checks.len()).for_each(|check| f(Element::Cover(CheckRef { place, check })));
    }
}
