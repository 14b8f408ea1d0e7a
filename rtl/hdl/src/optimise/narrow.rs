//! Width narrowing: upper bits that nobody reads are not computed.
//!
//! Low bits of sums, differences, products and bitwise operations depend on low bits of the
//! operands alone. So from what each reader demands, backwards, every value gets the number of low
//! bits that matter, and those operations are rebuilt in that width.

use crate::check::Parts;
use crate::ir::{BinaryOp, Module, Node, NodeId, Op, UnaryOp};
use crate::ty::MAX_WIDTH;

use super::Keep;
use super::rebuild::{Nodes, rebuild};

/// Rebuilds operations in the width that is read.
pub(super) fn narrow(module: &Module, keep: Keep) -> Module {
    let demand = demanded_bits(module, keep);
    rebuild(module, keep, |nodes, id, node| {
        let wanted = demand[id.index()];
        if wanted == 0 && !is_source(&node.op) {
            // Read by nobody; its operands may have changed type, so it cannot stay as it is.
            nodes.push(Node { op: Op::Const(0), ..node })
        } else if wanted == 0 || wanted == node.ty.width() || is_source(&node.op) {
            nodes.push(node)
        } else {
            narrowed(nodes, node, wanted)
        }
    })
}

/// Values that come from elsewhere; their width is not this pass's to change.
fn is_source(op: &Op) -> bool {
    matches!(op, Op::Input(_) | Op::Const(_) | Op::RegisterQ(_) | Op::MemoryRead { .. } | Op::InstanceOutput { .. })
}

/// `node` in its `wanted` low bits, fewer than it has.
fn narrowed(nodes: &mut Nodes, node: Node, wanted: u32) -> NodeId {
    let ty = if node.ty.is_signed() { crate::s(wanted) } else { crate::u(wanted) };
    let mut fit = |id: NodeId| nodes.low_bits(id, ty, &node);
    let op = match node.op.clone() {
        Op::Unary(UnaryOp::Not, a) => Op::Unary(UnaryOp::Not, fit(a)),
        Op::Binary(op @ (BinaryOp::And | BinaryOp::Or | BinaryOp::Xor), a, b) => Op::Binary(op, fit(a), fit(b)),
        Op::Binary(BinaryOp::Shl, a, amount) => Op::Binary(BinaryOp::Shl, fit(a), amount),
        Op::Mux { select, on_true, on_false } => Op::Mux { select, on_true: fit(on_true), on_false: fit(on_false) },
        Op::Unary(UnaryOp::Extend, a) if nodes.get(a).ty.width() >= wanted => return nodes.low_bits(a, ty, &node),
        Op::Concat { high, low } => {
            let split = nodes.get(low).ty.width();
            if wanted <= split {
                return nodes.low_bits(low, ty, &node);
            }
            let high = nodes.low_bits(high, crate::u(wanted - split), &node);
            Op::Concat { high, low }
        }
        // Modulo the node's width by definition, whatever the operands' widths.
        op @ (Op::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, ..) | Op::Slice { .. } | Op::Unary(..)) => op,
        // Shr and the one-bit operations are demanded whole or not at all.
        op => unreachable!("{op:?} is never demanded in part"),
    };
    nodes.add(op, ty, &node)
}

/// For each node the number of low bits that its readers depend on.
fn demanded_bits(module: &Module, keep: Keep) -> Vec<u32> {
    let width = |id: NodeId| module.node(id).ty.width();
    let mut demand = vec![0; module.nodes.len()];
    Parts::of(module).for_each_root(|root| demand[root.index()] = width(*root));
    if keep == Keep::Names {
        let named = module.nodes.iter().zip(&mut demand).filter(|(node, _)| node.name.is_some());
        named.for_each(|(node, demand)| *demand = node.ty.width());
    }
    for &id in module.order.iter().rev() {
        let wanted = demand[id.index()];
        if wanted == 0 {
            continue;
        }
        let node = module.node(id);
        let mut ask = |operand: NodeId, bits: u32| {
            let held = &mut demand[operand.index()];
            *held = (*held).max(bits.min(width(operand)));
        };
        match node.op {
            Op::Unary(UnaryOp::Not | UnaryOp::Extend, a) => ask(a, wanted),
            Op::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, a, b)
            | Op::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Xor, a, b) => {
                ask(a, wanted);
                ask(b, wanted);
            }
            Op::Binary(BinaryOp::Shl, a, amount) => {
                ask(a, wanted);
                ask(amount, MAX_WIDTH);
            }
            Op::Mux { select, on_true, on_false } => {
                ask(select, 1);
                ask(on_true, wanted);
                ask(on_false, wanted);
            }
            Op::Slice { source, low } => ask(source, low + wanted),
            Op::Concat { high, low } => {
                ask(low, wanted);
                ask(high, wanted.saturating_sub(width(low)));
            }
            ref op => op.for_each_operand(|operand| ask(operand, MAX_WIDTH)),
        }
        // A right shift moves upper bits down: it is computed whole where it is computed at all.
        if let Op::Binary(BinaryOp::Shr, ..) = node.op {
            demand[id.index()] = node.ty.width();
        }
    }
    demand
}
