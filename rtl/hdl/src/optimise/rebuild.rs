//! Rebuilding a body node by node.

use crate::check::{Parts, assemble};
use crate::ir::{Module, Node, NodeId, Op, UnaryOp};
use crate::ty::Ty;

use super::Keep;

/// The nodes of the new body so far.
pub(super) struct Nodes {
    nodes: Vec<Node>,
}

impl Nodes {
    /// The new node with this identity.
    pub(super) fn get(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Adds a node as it is.
    pub(super) fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(u32::try_from(self.nodes.len() - 1).expect("a module has fewer than 2^32 values"))
    }

    /// Adds a nameless node that stands where `like` stood in the source.
    pub(super) fn add(&mut self, op: Op, ty: Ty, like: &Node) -> NodeId {
        self.push(Node { op, ty, name: None, location: like.location })
    }

    /// The low bits of `id` as `ty`, which is not wider.
    pub(super) fn low_bits(&mut self, id: NodeId, ty: Ty, like: &Node) -> NodeId {
        let held = self.get(id).ty;
        assert!(ty.width() <= held.width(), "{held} has no {ty} low bits");
        if held == ty { id } else { self.add(Op::Slice { source: id, low: 0 }, ty, like) }
    }

    /// The operand of value-preserving extensions, through all of them.
    pub(super) fn unextended(&self, mut id: NodeId) -> NodeId {
        while let Op::Unary(UnaryOp::Extend, inner) = self.get(id).op {
            if !self.get(id).ty.contains(self.get(inner).ty) {
                break;
            }
            id = inner;
        }
        id
    }
}

/// Rebuilds a body: `rule` gets each node, in evaluation order and with its operands already
/// replaced, and says which new node stands for it (adding nodes as it needs).
pub(super) fn rebuild(module: &Module, keep: Keep, mut rule: impl FnMut(&mut Nodes, NodeId, Node) -> NodeId) -> Module {
    let mut nodes = Nodes { nodes: Vec::with_capacity(module.nodes.len()) };
    let mut map = vec![NodeId(u32::MAX); module.nodes.len()];
    for &id in &module.order {
        let mut node = module.node(id).clone();
        node.op.map_operands(|operand| map[operand.index()]);
        let name = node.name.clone().filter(|_| keep == Keep::Names);
        let (ty, like) = (node.ty, Node { name: None, ..node.clone() });
        let mut new = rule(&mut nodes, id, node);
        if let Some(name) = name.filter(|name| nodes.get(new).name.as_ref() != Some(name)) {
            // What has a name stays, as a second name of what now stands for it.
            new = nodes.push(Node { op: Op::Slice { source: new, low: 0 }, ty, name: Some(name), ..like });
        }
        map[id.index()] = new;
    }
    let mut parts = Parts::of(module);
    parts.for_each_root(|root| *root = map[root.index()]);
    parts.nodes = nodes.nodes;
    assemble(parts)
}
