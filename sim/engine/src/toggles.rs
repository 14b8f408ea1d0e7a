//! Which register bits rise and fall.

use std::collections::BTreeSet;

use myelin_hdl::{NodeId, Op};

use crate::coverage::RegisterToggles;
use crate::engine::Reset;
use crate::hierarchy::{FlatNode, Hierarchy};
use crate::samples::{Element, Line, Samples};

/// Toggles being covered.
pub(crate) struct Toggles {
    registers: Vec<Register>,
    nodes: Vec<FlatNode>,
    /// Where each register is in a sample.
    elements: Vec<Element>,
    lines: Vec<Toggling>,
    /// Whether the lines hold a last look.
    looked: bool,
    cycles: u64,
}

struct Register {
    path: String,
    width: u32,
    mask: u64,
    /// But for what its line has seen.
    rose: u64,
    fell: u64,
}

/// A line of the samples, with what happened in it since it was placed.
struct Toggling {
    line: usize,
    last: Line,
    rose: Line,
    fell: Line,
}

impl Toggles {
    /// Of the registers of these instances and all below them.
    pub(crate) fn new(hierarchy: &Hierarchy, scopes: &[usize]) -> Toggles {
        let mut chosen = vec![false; hierarchy.places.len()];
        let (mut registers, mut watched) = (Vec::new(), Vec::new());
        for (place, at) in hierarchy.places.iter().enumerate() {
            chosen[place] = scopes.contains(&place) || at.parent.is_some_and(|(parent, _)| chosen[parent]);
            if !chosen[place] {
                continue;
            }
            let mut nodes = vec![None; at.module.registers.len()];
            for (index, node) in at.module.nodes.iter().enumerate() {
                if let Op::RegisterQ(register) = node.op {
                    nodes[register] = Some(NodeId(index as u32));
                }
            }
            for (register, node) in at.module.registers.iter().zip(nodes) {
                // A register that nothing can read has no node.
                let Some(node) = node else { continue };
                let (width, mask) = (register.ty.width(), register.ty.mask());
                let path = format!("{}.{}", hierarchy.path(place), register.name);
                registers.push(Register { path, width, mask, rose: 0, fell: 0 });
                watched.push(FlatNode { place, node });
            }
        }
        Toggles { registers, nodes: watched, elements: Vec::new(), lines: Vec::new(), looked: false, cycles: 0 }
    }

    pub(crate) fn nodes(&self) -> &[FlatNode] {
        &self.nodes
    }

    /// Says where the registers are in samples from now on.
    pub(crate) fn place(&mut self, elements: &[Element]) {
        let lines: BTreeSet<usize> = elements.iter().map(|element| element.line).collect();
        let line = |line| Toggling { line, last: Line::ZERO, rose: Line::ZERO, fell: Line::ZERO };
        let mut lines: Vec<Toggling> = lines.into_iter().map(line).collect();
        for (index, element) in elements.iter().enumerate() {
            let Some((last, rose, fell)) = self.seen(index) else { continue };
            self.registers[index].rose |= rose;
            self.registers[index].fell |= fell;
            let at = lines.partition_point(|toggling| toggling.line < element.line);
            lines[at].last.write(element.at, element.bytes, last);
        }
        self.elements = elements.to_vec();
        self.lines = lines;
    }

    /// What a register held at the last look, and what its line has seen of it; nothing before it was placed.
    fn seen(&self, register: usize) -> Option<(u64, u64, u64)> {
        let element = self.elements.get(register)?;
        let at = self.lines.binary_search_by_key(&element.line, |toggling| toggling.line).ok()?;
        let Toggling { last, rose, fell, .. } = &self.lines[at];
        let read = |line: &Line| line.read(element.at, element.bytes);
        Some((read(last), read(rose), read(fell)))
    }

    /// A cycle that an edge ends.
    pub(crate) fn sample(&mut self, samples: &Samples, reset: Reset) {
        self.look(samples, reset);
        self.cycles += u64::from(reset == Reset::Inactive);
    }

    /// Counts changes since the last look. What changes in reset is not counted.
    pub(crate) fn look(&mut self, samples: &Samples, reset: Reset) {
        let counts = self.looked && reset == Reset::Inactive;
        for Toggling { line, last, rose, fell } in &mut self.lines {
            let now = samples.last(*line);
            if counts {
                let sides = rose.0.iter_mut().zip(&mut fell.0);
                for ((rose, fell), (last, now)) in sides.zip(last.0.iter().zip(&now.0)) {
                    *rose |= !last & now;
                    *fell |= last & !now;
                }
            }
            *last = *now;
        }
        self.looked = true;
    }

    /// The next look begins afresh.
    pub(crate) fn interrupted(&mut self) {
        self.looked = false;
    }

    pub(crate) fn cycles(&self) -> u64 {
        self.cycles
    }

    pub(crate) fn report(&self) -> Vec<RegisterToggles> {
        let registers = self.registers.iter().enumerate().map(|(index, register)| {
            let (_, rose, fell) = self.seen(index).unwrap_or_default();
            RegisterToggles {
                path: register.path.clone(),
                width: register.width,
                never_rose: register.mask & !(register.rose | rose),
                never_fell: register.mask & !(register.fell | fell),
            }
        });
        registers.collect()
    }
}
