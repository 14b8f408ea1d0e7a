//! Where the boxes go: children in rows inside their parent, ports beside them.

use super::Block;

/// Width of a character of a font of size 1; the fonts are monospaced, the widest of them so wide.
const CHARACTER: f64 = 0.64;
/// Sizes of names and of everything else.
pub(super) const NAME_SIZE: f64 = 14.0;
pub(super) const TEXT_SIZE: f64 = 10.0;
/// Height of a line of ports.
pub(super) const LINE: f64 = 14.0;
/// Height of the name and the lines below it.
pub(super) const HEADER: f64 = 54.0;
/// How far each of the two boxes behind a family's stands out.
pub(super) const SHADOW: f64 = 4.0;
/// Space at the inside of an edge, and between boxes.
pub(super) const MARGIN: f64 = 12.0;
const GAP: f64 = 18.0;
/// How much wider than high a box should be.
const ASPECT: f64 = 1.6;
/// Row widths tried.
const TRIES: usize = 64;

/// A box with its place in its parent.
pub(super) struct Placed<'a> {
    pub(super) block: &'a Block,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) children: Vec<Placed<'a>>,
}

/// Width of a text.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * CHARACTER * size
}

/// What stands below a block's name.
pub(super) fn subtitle(block: &Block) -> [String; 2] {
    let mut state = Vec::new();
    if block.register_bits > 0 {
        state.push(format!("{} bit of registers", block.register_bits));
    }
    if block.memory_bits > 0 {
        state.push(format!("{} bit of memory", block.memory_bits));
    }
    let state = state.join(", ");
    if block.module == block.name { [state, String::new()] } else { [block.module.clone(), state] }
}

/// A block's title with the count of a family.
pub(super) fn title(block: &Block) -> String {
    if block.count > 1 { format!("{}  \u{d7} {}", block.name, block.count) } else { block.name.clone() }
}

/// Sizes a block and all inside it; it stands at 0, 0.
pub(super) fn place(block: &Block) -> Placed<'_> {
    let mut children: Vec<Placed<'_>> = block.children.iter().map(place).collect();
    // Boxes of like height share a row.
    children.sort_by(|a, b| b.height.total_cmp(&a.height));
    let (inner_width, inner_height) = rows(&mut children);

    let column = |ports: &[String]| ports.iter().map(|port| text_width(port, TEXT_SIZE)).fold(0.0, f64::max) + MARGIN;
    let (left, right) = (column(&block.inputs), column(&block.outputs));
    let port_lines = block.inputs.len().max(block.outputs.len()) as f64;
    let header = subtitle(block).iter().map(|line| text_width(line, TEXT_SIZE)).fold(0.0, f64::max);
    let header = header.max(text_width(&title(block), NAME_SIZE)) + 2.0 * MARGIN;
    let gap = if children.is_empty() { 2.0 * MARGIN } else { 2.0 * GAP };
    let width = (left + gap + inner_width + right).max(header);
    // A family at the bottom throws its shadow.
    let below = if children.is_empty() { MARGIN } else { MARGIN + 2.0 * SHADOW };
    let height = HEADER + inner_height.max(port_lines * LINE) + below;
    // In the middle of what the ports leave.
    let (shift_x, shift_y) = (left + (width - left - right - inner_width) / 2.0, HEADER);
    for child in &mut children {
        child.x += shift_x;
        child.y += shift_y;
    }
    Placed { block, x: 0.0, y: 0.0, width, height, children }
}

/// Puts boxes in rows of the width that makes the best shape; what they take.
fn rows(children: &mut [Placed<'_>]) -> (f64, f64) {
    let widest = children.iter().map(|child| child.width).fold(0.0, f64::max);
    let all: f64 = children.iter().map(|child| child.width + GAP).sum();
    let mut best = (f64::INFINITY, widest);
    for step in 0..=TRIES {
        let limit = widest + (all - widest) * step as f64 / TRIES as f64;
        let (width, height) = fill(children, limit);
        let cost = width.max(ASPECT * height);
        if cost < best.0 {
            best = (cost, limit);
        }
    }
    fill(children, best.1)
}

fn fill(children: &mut [Placed<'_>], limit: f64) -> (f64, f64) {
    let (mut x, mut y, mut row_height, mut width) = (0.0, 0.0, 0.0_f64, 0.0_f64);
    for child in children {
        if x > 0.0 && x + child.width > limit {
            (x, y, row_height) = (0.0, y + row_height + GAP, 0.0);
        }
        (child.x, child.y) = (x, y);
        width = width.max(x + child.width);
        row_height = row_height.max(child.height);
        x += child.width + GAP;
    }
    (width, y + row_height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use myelin_isa::{Architecture, Precision};

    fn check(placed: &Placed<'_>) {
        let children = &placed.children;
        for (index, child) in children.iter().enumerate() {
            assert!(child.x >= 0.0 && child.x + child.width <= placed.width, "{} sticks out", child.block.name);
            assert!(child.y >= HEADER && child.y + child.height <= placed.height, "{} sticks out", child.block.name);
            for other in &children[index + 1..] {
                let apart = child.x + child.width <= other.x
                    || other.x + other.width <= child.x
                    || child.y + child.height <= other.y
                    || other.y + other.height <= child.y;
                assert!(apart, "{} and {} overlap", child.block.name, other.block.name);
            }
            check(child);
        }
    }

    #[test]
    fn boxes_stand_inside_their_parent_and_apart() {
        let architecture = Architecture::new(8, 8, Precision::Int8).unwrap();
        let top = myelin_rtl::tensor::cell::cell(&architecture);
        let block = Block::new(top.name.clone(), 1, &top, usize::MAX);
        let placed = place(&block);
        check(&placed);
        assert!(placed.width < 3.0 * placed.height && placed.height < 3.0 * placed.width, "no picture is a strip");
    }
}
