//! A block and all below it, followed.

use rust_hdl_core::ast::{Verilog, VerilogExpression, VerilogStatement};

use super::error::LowerError;
use super::follow::{Followed, follow};
use super::leaf::{Leaf, recognise};
use super::tree::{Direction, Scope};

/// A block.
pub(super) enum Body<'a> {
    /// With logic, and perhaps blocks inside.
    Logic(Logic<'a>),
    /// A register or memory.
    Leaf(&'a Scope, Leaf),
}

/// A block with logic.
pub(super) struct Logic<'a> {
    pub(super) scope: &'a Scope,
    pub(super) followed: Followed,
    /// As in the scope.
    pub(super) children: Vec<Body<'a>>,
}

impl Body<'_> {
    pub(super) fn scope(&self) -> &Scope {
        match self {
            Body::Logic(logic) => logic.scope,
            Body::Leaf(scope, _) => scope,
        }
    }
}

/// Follows a block and all below it.
pub(super) fn analyse(scope: &Scope) -> Result<Body<'_>, LowerError> {
    if let Some(leaf) = recognise(scope)? {
        return Ok(Body::Leaf(scope, leaf));
    }
    let Verilog::Combinatorial(code) = &scope.hdl else {
        return Err(LowerError::NoLogic { block: scope.path.clone() });
    };
    let children = scope.children.iter().map(analyse).collect::<Result<_, _>>()?;
    Ok(Body::Logic(Logic { scope, followed: follow(scope, code)?, children }))
}

/// A block with the ports of `leaf` that holds nothing but it, so that a leaf can be the top.
pub(super) fn wrapped(leaf: Scope) -> Scope {
    let signal = |name: String| VerilogExpression::Signal(name);
    let connections = leaf.atoms.iter().map(|atom| {
        let (outside, inside) = (signal(atom.name.clone()), signal(format!("{}${}", leaf.name, atom.name)));
        match atom.direction {
            Direction::In => VerilogStatement::Assignment(inside, outside),
            _ => VerilogStatement::Assignment(outside, inside),
        }
    });
    Scope {
        name: leaf.name.clone(),
        path: leaf.path.clone(),
        hdl: Verilog::Combinatorial(connections.collect()),
        atoms: leaf.atoms.clone(),
        children: vec![leaf],
    }
}
