//! A picture of a design: blocks inside blocks, with their ports.
//!
//! Each box is an instance: its name, below it its module, inputs at its left edge, outputs at its
//! right. Identical instances (same body, same name but for its numbers) are one box with a count;
//! ports that are numbered alike are one port with its range. Clock and reset are implicit.

pub mod charts;
mod layout;
mod svg;

use std::sync::Arc;

use myelin_hdl::{Digest, Module, Ty};

/// A finished picture.
pub struct Drawing {
    /// The SVG document.
    pub svg: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Boxes drawn.
    pub boxes: u64,
    /// Instances that the boxes stand for, the top included.
    pub instances: u64,
}

/// Draws `top` and `depth` levels below it (all unless given).
pub fn draw(top: &Arc<Module>, depth: Option<usize>) -> Drawing {
    let block = Block::new(top.name.clone(), 1, top, depth.unwrap_or(usize::MAX));
    let placed = layout::place(&block);
    let (width, height, svg) = svg::write(&placed);
    Drawing { svg, width, height, boxes: block.boxes(), instances: block.instances() }
}

/// A text as the content of an SVG element.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An instance, or several alike.
struct Block {
    name: String,
    module: String,
    doc: String,
    /// Instances that the box stands for, within one parent.
    count: u64,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// Registers of one instance, those of blocks inside not counted.
    register_bits: u64,
    /// Memories of one instance, those of blocks inside not counted.
    memory_bits: u64,
    children: Vec<Block>,
}

impl Block {
    fn new(name: String, count: u64, module: &Arc<Module>, depth: usize) -> Block {
        let memory_bits =
            |memory: &myelin_hdl::Memory| (memory.depth * memory.lanes) as u64 * u64::from(memory.lane_ty.width());
        let children = match depth.checked_sub(1) {
            Some(below) => families(module)
                .into_iter()
                .map(|family| Block::new(family.label(), family.names.len() as u64, family.module, below))
                .collect(),
            None => Vec::new(),
        };
        Block {
            name,
            module: module.name.clone(),
            doc: module.doc.clone(),
            count,
            inputs: ports(module.inputs.iter().map(|port| (port.name.as_str(), port.ty))),
            outputs: ports(module.outputs.iter().map(|port| (port.name.as_str(), port.ty))),
            register_bits: module.registers.iter().map(|register| u64::from(register.ty.width())).sum(),
            memory_bits: module.memories.iter().map(memory_bits).sum(),
            children,
        }
    }

    fn boxes(&self) -> u64 {
        1 + self.children.iter().map(Block::boxes).sum::<u64>()
    }

    fn instances(&self) -> u64 {
        self.count * (1 + self.children.iter().map(Block::instances).sum::<u64>())
    }
}

/// Instances of one body in one parent that are named alike.
struct Family<'a> {
    module: &'a Arc<Module>,
    digest: Digest,
    names: Vec<&'a str>,
}

impl Family<'_> {
    fn label(&self) -> String {
        match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) if first != last => format!("{first} .. {last}"),
            (Some(only), _) => (*only).to_owned(),
            (None, _) => String::new(),
        }
    }
}

fn families(module: &Module) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for instance in &module.instances {
        let (digest, stem) = (instance.module.digest, without_numbers(&instance.name));
        let known =
            families.iter_mut().find(|family| family.digest == digest && without_numbers(family.names[0]) == stem);
        match known {
            Some(family) => family.names.push(&instance.name),
            None => families.push(Family { module: &instance.module, digest, names: vec![&instance.name] }),
        }
    }
    families
}

/// A name with each number in it as one `#`.
fn without_numbers(name: &str) -> String {
    let part =
        |part: &str| if part.bytes().all(|byte| byte.is_ascii_digit()) { "#".to_owned() } else { part.to_owned() };
    name.split('_').map(part).collect::<Vec<_>>().join("_")
}

/// Labels of ports; neighbours that differ in a number only are one: `sum_0..15_o s21`.
fn ports<'a>(ports: impl Iterator<Item = (&'a str, Ty)>) -> Vec<String> {
    let mut groups: Vec<(String, Ty, Vec<&str>)> = Vec::new();
    for (name, ty) in ports {
        let stem = without_numbers(name);
        match groups.iter_mut().find(|(known, known_ty, _)| *known == stem && *known_ty == ty) {
            Some((_, _, names)) => names.push(name),
            None => groups.push((stem, ty, vec![name])),
        }
    }
    groups.into_iter().map(|(_, ty, names)| format!("{} {ty}", range(&names))).collect()
}

/// The names as one, numbers that change as ranges.
fn range(names: &[&str]) -> String {
    let (Some(first), Some(last)) = (names.first(), names.last()) else { return String::new() };
    let parts = first.split('_').zip(last.split('_'));
    let parts = parts.map(|(from, to)| if from == to { from.to_owned() } else { format!("{from}..{to}") });
    parts.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use myelin_hdl::{module, s, u};

    fn grid() -> Arc<Module> {
        let leaf = module("leaf", |m| {
            let value = m.input("value_i", s(8));
            let held = m.register("held_q", s(8));
            held.next(value);
            m.output("value_o", held.q);
        });
        module("grid", |m| {
            let values: Vec<_> = (0..6).map(|index| m.input(&format!("value_{index}_i"), s(8))).collect();
            m.input("enable_i", u(1));
            for (index, &value) in values.iter().enumerate() {
                let instance = m.instance(&format!("leaf_{}_{}", index / 3, index % 3), &leaf);
                instance.input("value_i", value);
                m.output(&format!("value_{index}_o"), instance.output("value_o"));
            }
            let other = m.instance("other", &leaf);
            other.input("value_i", values[0]);
            m.output("other_o", other.output("value_o"));
        })
    }

    #[test]
    fn identical_instances_are_one_box_with_a_count() {
        let drawing = draw(&grid(), None);
        assert_eq!((drawing.boxes, drawing.instances), (3, 8));
        assert!(drawing.svg.contains("leaf_0_0 .. leaf_1_2"), "{}", drawing.svg);
        assert!(drawing.svg.contains("\u{d7} 6") && drawing.svg.contains(">other<"), "{}", drawing.svg);
        assert_eq!(draw(&grid(), Some(0)).boxes, 1);
    }

    #[test]
    fn numbered_ports_are_one_port_with_its_range() {
        let block = Block::new("grid".to_owned(), 1, &grid(), 0);
        assert_eq!(block.inputs, [format!("value_0..5_i {}", s(8)), format!("enable_i {}", u(1))]);
        assert_eq!(block.outputs, [format!("value_0..5_o {}", s(8)), format!("other_o {}", s(8))]);
    }

    #[test]
    fn texts_cannot_end_their_element() {
        assert_eq!(escaped("a < b & c > d"), "a &lt; b &amp; c &gt; d");
    }
}
