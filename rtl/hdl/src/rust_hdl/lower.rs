//! From a block to its module.

use std::sync::Arc;

use rust_hdl_core::prelude::Block;

use super::body::{Body, analyse, wrapped};
use super::build::Modules;
use super::clocks::{self, ClockMap};
use super::error::LowerError;
use super::names::type_name;
use super::tree::{Direction, Scope, collect};
use crate::ir::Module;

/// Lowers a block; the module is named after the block's type, in snake case.
///
/// The block is as its constructor left it: what its registers and memories hold now is what they
/// hold at reset.
///
/// # Errors
/// [`LowerError`] where the block has no meaning in the IR, or none that is certain.
pub fn lower<B: Block>(block: &B) -> Result<Arc<Module>, LowerError> {
    lower_named(&type_name::<B>(), block)
}

/// Lowers a block to a module of a stated name.
///
/// # Errors
/// As [`lower`].
pub fn lower_named<B: Block>(name: &str, block: &B) -> Result<Arc<Module>, LowerError> {
    let scope = collect(name, block)?;
    match analyse(&scope)? {
        Body::Logic(_) => build(name, &scope),
        Body::Leaf(..) => build(name, &wrapped(collect(name, block)?)),
    }
}

fn build(name: &str, scope: &Scope) -> Result<Arc<Module>, LowerError> {
    let body = analyse(scope)?;
    let inputs = scope.atoms.iter().filter(|atom| atom.direction == Direction::In && atom.kind.is_clock());
    let clocks: ClockMap = inputs.map(|atom| (atom.name.clone(), atom.name.clone())).collect();
    clocks::check_one(name, &body, &clocks)?;
    let Body::Logic(logic) = &body else { unreachable!("a leaf is wrapped before it is built") };
    let forwarded = scope.atoms.iter().filter(|atom| atom.direction == Direction::Out && atom.kind.is_clock());
    let forwarded: Vec<String> = forwarded.map(|atom| atom.name.replace('$', ".")).collect();
    let doc = match forwarded.as_slice() {
        [] => "Lowered from rust-hdl.".to_owned(),
        names => format!("Lowered from rust-hdl. Clock outputs left out, connect clk_i: {}.", names.join(", ")),
    };
    Modules::default().logic(name, &doc, logic, &clocks)
}
