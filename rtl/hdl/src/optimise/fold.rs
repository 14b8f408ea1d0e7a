//! Constant folding.

use crate::ir::{Module, Node, Op};
use crate::known_bits::known_bits;

use super::Keep;
use super::rebuild::rebuild;

/// Values whose bits are all known become constants.
pub(super) fn fold(module: &Module, keep: Keep) -> Module {
    let known = known_bits(module);
    rebuild(module, keep, |nodes, id, node| match known[id.index()].constant() {
        Some(bits) => nodes.push(Node { op: Op::Const(bits), ..node }),
        None => nodes.push(node),
    })
}
