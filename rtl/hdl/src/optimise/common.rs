//! Common sub-expressions.

use std::collections::HashMap;

use crate::ir::{BinaryOp, Module, NodeId, Op};
use crate::ty::Ty;

use super::Keep;
use super::rebuild::rebuild;

/// Equal operations on equal operands become one; operands of symmetric operations count in any order.
pub(super) fn common(module: &Module, keep: Keep) -> Module {
    let mut seen: HashMap<(Op, Ty), NodeId> = HashMap::new();
    rebuild(module, keep, |nodes, _, node| {
        let key = (canonical(&node.op), node.ty);
        match seen.get(&key) {
            Some(&first) => first,
            None => {
                let id = nodes.push(node);
                seen.insert(key, id);
                id
            }
        }
    })
}

fn canonical(op: &Op) -> Op {
    use BinaryOp::{Add, And, Eq, Mul, Ne, Or, Xor};
    match *op {
        Op::Binary(op @ (Add | Mul | And | Or | Xor | Eq | Ne), a, b) if b < a => Op::Binary(op, b, a),
        ref op => op.clone(),
    }
}
