//! Values that are constants once written out.
//!
//! Only what Verilog has no clean text for is folded: pieces and extensions of constants, and
//! comparisons that the operands' types decide (linters warn about both).

use crate::ir::{BinaryOp, Module, NodeId, Op, UnaryOp};
use crate::ty::Ty;

/// For each node, its bits where it is a constant.
pub(super) fn constants(module: &Module) -> Vec<Option<u64>> {
    let mut constants: Vec<Option<u64>> = vec![None; module.nodes.len()];
    for &id in &module.order {
        let node = module.node(id);
        constants[id.index()] = match node.op {
            Op::Const(bits) => Some(bits),
            Op::Slice { source, low } => constants[source.index()].map(|bits| bits >> low & node.ty.mask()),
            Op::Unary(UnaryOp::Extend, source) => {
                constants[source.index()].map(|bits| node.ty.bits_of(module.node(source).ty.value_of(bits) as i64))
            }
            Op::Binary(op, a, b) => {
                compare(op, limits(module, &constants, a), limits(module, &constants, b)).map(u64::from)
            }
            _ => None,
        };
    }
    constants
}

/// The smallest and largest integer a node can stand for.
pub(super) fn limits(module: &Module, constants: &[Option<u64>], id: NodeId) -> (i128, i128) {
    let ty: Ty = module.node(id).ty;
    constants[id.index()].map_or((ty.min(), ty.max()), |bits| (ty.value_of(bits), ty.value_of(bits)))
}

/// The outcome of a comparison where the limits decide it.
fn compare(op: BinaryOp, a: (i128, i128), b: (i128, i128)) -> Option<bool> {
    let disjoint = a.1 < b.0 || b.1 < a.0;
    let same = a.0 == a.1 && a == b;
    let decide = |yes: bool, no: bool| if yes { Some(true) } else { no.then_some(false) };
    match op {
        BinaryOp::Eq => decide(same, disjoint),
        BinaryOp::Ne => decide(disjoint, same),
        BinaryOp::Lt => decide(a.1 < b.0, a.0 >= b.1),
        BinaryOp::Le => decide(a.1 <= b.0, a.0 > b.1),
        _ => None,
    }
}
