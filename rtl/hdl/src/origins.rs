//! Which values of a module are surely the same bits: through slices, and of equal operations on equal operands.

use std::collections::HashMap;

use crate::ir::{Module, NodeId, Op};
use crate::ty::Ty;

/// Bits of a node that stands for all nodes computed in the same way; equal origins are equal bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Origin {
    node: NodeId,
    low: u32,
    width: u32,
}

/// For each node, where its bits come from.
pub(crate) fn origins(module: &Module) -> Vec<Origin> {
    let own = |index: usize, width| Origin { node: NodeId(index as u32), low: 0, width };
    let mut origins: Vec<Origin> =
        module.nodes.iter().enumerate().map(|(index, node)| own(index, node.ty.width())).collect();
    // The first node of these bits and this type, by which equal operations are recognised.
    let mut first_of_bits: HashMap<(Origin, Ty), NodeId> = HashMap::new();
    let mut first_of_operation: HashMap<(Op, Ty), NodeId> = HashMap::new();
    let mut first: Vec<NodeId> = (0..module.nodes.len()).map(|index| NodeId(index as u32)).collect();
    for &id in &module.order {
        let node = module.node(id);
        let origin = match node.op {
            Op::Slice { source, low } => {
                let from = origins[source.index()];
                Origin { low: from.low + low, width: node.ty.width(), ..from }
            }
            ref op => {
                let mut op = op.clone();
                op.map_operands(|operand| first[operand.index()]);
                origins[first_of_operation.entry((op, node.ty)).or_insert(id).index()]
            }
        };
        origins[id.index()] = origin;
        first[id.index()] = *first_of_bits.entry((origin, node.ty)).or_insert(id);
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Signal, module, s, u};

    /// Whether two outputs of a module with two inputs of type u8 have one origin.
    fn are_same(build: impl FnOnce(Signal, Signal) -> (Signal, Signal)) -> bool {
        let built = module("pair", |m| {
            let (a, b) = (m.input("a_i", u(8)), m.input("b_i", u(8)));
            let (x, y) = build(a, b);
            m.output("x_o", x);
            m.output("y_o", y);
        });
        let origins = origins(&built);
        origins[built.outputs[0].node.index()] == origins[built.outputs[1].node.index()]
    }

    #[test]
    fn equal_operations_on_equal_bits_are_the_same() {
        assert!(are_same(|a, _| (a.extend(u(12)), a.extend(u(12)))));
        assert!(are_same(|a, b| (a.truncate(4) + b, a.truncate(6).truncate(4) + b)));
        assert!(are_same(|a, b| ((a + b).slice(2, 3), (a + b).truncate(6).slice(2, 3))));
        assert!(are_same(|a, _| (a, a.cast_signed())));
    }

    #[test]
    fn other_operations_signs_and_bits_are_not() {
        assert!(!are_same(|a, b| (a.extend(u(12)), b.extend(u(12)))));
        assert!(!are_same(|a, _| (a.extend(s(12)), a.cast_signed().extend(s(12)))));
        assert!(!are_same(|a, _| (a.slice(1, 3), a.slice(2, 3))));
        assert!(!are_same(|a, b| (a.wrapping_add(b), a.wrapping_sub(b))));
    }
}
