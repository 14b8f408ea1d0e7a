//! Operations that are another value under a second name.

use crate::ir::{BinaryOp, Module, Node, NodeId, Op, UnaryOp};

use super::Keep;
use super::rebuild::{Nodes, rebuild};

/// Replaces operations by the simpler value they are; see [`rule`].
pub(super) fn simplify(module: &Module, keep: Keep) -> Module {
    rebuild(module, keep, |nodes, _, mut node| {
        strip_extensions(nodes, &mut node);
        rule(nodes, &node).unwrap_or_else(|| nodes.push(node))
    })
}

/// Arithmetic and comparisons read the integer, so a widening before them is idle.
fn strip_extensions(nodes: &Nodes, node: &mut Node) {
    use BinaryOp::{Add, Eq, Le, Lt, Mul, Ne, Sub};
    if let Op::Binary(Add | Sub | Mul | Eq | Ne | Lt | Le, a, b) = &mut node.op {
        *a = nodes.unextended(*a);
        *b = nodes.unextended(*b);
    }
}

fn rule(nodes: &mut Nodes, node: &Node) -> Option<NodeId> {
    let ty = node.ty;
    let constant = |nodes: &Nodes, id: NodeId| match nodes.get(id).op {
        Op::Const(bits) => Some(bits),
        _ => None,
    };
    match node.op {
        Op::Mux { on_true, on_false, .. } if on_true == on_false => Some(on_true),
        Op::Mux { select, on_true, on_false } => {
            constant(nodes, select).map(|bits| if bits == 1 { on_true } else { on_false })
        }
        Op::Unary(UnaryOp::Not, a) => match nodes.get(a).op {
            Op::Unary(UnaryOp::Not, inner) if nodes.get(inner).ty == ty => Some(inner),
            _ => None,
        },
        Op::Unary(UnaryOp::Extend, a) => {
            let inner = nodes.unextended(a);
            if nodes.get(inner).ty == ty {
                Some(inner)
            } else if inner != a {
                Some(nodes.add(Op::Unary(UnaryOp::Extend, inner), ty, node))
            } else {
                None
            }
        }
        Op::Unary(UnaryOp::ReduceOr | UnaryOp::ReduceAnd | UnaryOp::ReduceXor, a) if nodes.get(a).ty == ty => Some(a),
        Op::Binary(BinaryOp::And | BinaryOp::Or, a, b) if a == b => Some(a),
        Op::Binary(op @ (BinaryOp::And | BinaryOp::Or | BinaryOp::Xor), a, b) => {
            let pair = [(constant(nodes, a), b), (constant(nodes, b), a)];
            pair.into_iter().find_map(|(bits, other)| {
                let neutral = if op == BinaryOp::And { ty.mask() } else { 0 };
                (bits? == neutral).then_some(other)
            })
        }
        Op::Binary(BinaryOp::Add, a, b) => {
            let pair = [(constant(nodes, a), b), (constant(nodes, b), a)];
            pair.into_iter().find_map(|(bits, other)| (bits? == 0 && nodes.get(other).ty == ty).then_some(other))
        }
        Op::Binary(BinaryOp::Sub | BinaryOp::Shl | BinaryOp::Shr, a, b) => {
            (constant(nodes, b) == Some(0) && nodes.get(a).ty == ty).then_some(a)
        }
        Op::Slice { source, low } => piece(nodes, source, low, node),
        _ => None,
    }
}

/// A piece of a piece, of one part of a concatenation, or of what was there before an extension.
fn piece(nodes: &mut Nodes, source: NodeId, low: u32, node: &Node) -> Option<NodeId> {
    let ty = node.ty;
    let (mut from, mut at) = (source, low);
    loop {
        match nodes.get(from).op {
            Op::Slice { source, low } => (from, at) = (source, at + low),
            Op::Concat { high, low } => {
                let split = nodes.get(low).ty.width();
                if at + ty.width() <= split {
                    from = low;
                } else if at >= split {
                    (from, at) = (high, at - split);
                } else {
                    break;
                }
            }
            Op::Unary(UnaryOp::Extend, inner) if at + ty.width() <= nodes.get(inner).ty.width() => from = inner,
            _ => break,
        }
    }
    if at == 0 && nodes.get(from).ty == ty {
        Some(from)
    } else if (from, at) != (source, low) {
        Some(nodes.add(Op::Slice { source: from, low: at }, ty, node))
    } else {
        None
    }
}
