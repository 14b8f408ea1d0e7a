//! The hierarchy of a rust-hdl block, as `Block::accept` shows it.

use rust_hdl_core::ast::Verilog;
use rust_hdl_core::prelude::{Atom, AtomKind, Block, Probe};

use super::error::LowerError;
use super::kind::Kind;
use super::literal;

/// One `LogicBlock`.
pub(super) struct Scope {
    /// Field name in the parent; `name$index` in an array.
    pub(super) name: String,
    /// Path of fields from the top, `.` between.
    pub(super) path: String,
    /// What describes its logic.
    pub(super) hdl: Verilog,
    /// Signals and constants, `interface$field` in interfaces.
    pub(super) atoms: Vec<AtomInfo>,
    /// Blocks inside.
    pub(super) children: Vec<Scope>,
}

/// A signal or constant.
#[derive(Clone)]
pub(super) struct AtomInfo {
    pub(super) name: String,
    pub(super) direction: Direction,
    pub(super) kind: Kind,
    /// The value it has before anything is assigned.
    pub(super) initial: u64,
}

/// What an atom is to its block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
    Local,
    Constant,
}

impl Scope {
    pub(super) fn atom(&self, name: &str) -> Option<&AtomInfo> {
        self.atoms.iter().find(|atom| atom.name == name)
    }
}

/// Collects the hierarchy.
pub(super) fn collect<B: Block>(name: &str, block: &B) -> Result<Scope, LowerError> {
    let mut walk = Walk { open: Vec::new(), namespace: Vec::new(), done: None, error: None };
    block.accept(name, &mut walk);
    match (walk.error, walk.done) {
        (Some(error), _) => Err(error),
        (None, Some(scope)) => Ok(scope),
        // An array of blocks has no scope of its own.
        (None, None) => Err(LowerError::NoLogic { block: name.to_owned() }),
    }
}

struct Walk {
    open: Vec<Scope>,
    namespace: Vec<String>,
    done: Option<Scope>,
    error: Option<LowerError>,
}

impl Walk {
    fn add(&mut self, name: &str, atom: &dyn Atom) -> Result<(), LowerError> {
        let Some(scope) = self.open.last_mut() else { return Ok(()) };
        let name = self.namespace.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join("$");
        let direction = match atom.kind() {
            AtomKind::InputParameter | AtomKind::StubInputSignal => Direction::In,
            AtomKind::OutputParameter | AtomKind::OutputPassthrough | AtomKind::StubOutputSignal => Direction::Out,
            AtomKind::Constant => Direction::Constant,
            AtomKind::LocalSignal => Direction::Local,
            AtomKind::InOutParameter => {
                return Err(LowerError::Bidirectional { block: scope.path.clone(), signal: name });
            }
        };
        let kind = Kind::of(&atom.descriptor());
        if !kind.fits() {
            return Err(LowerError::Width { block: scope.path.clone(), expression: name, width: kind.width });
        }
        let value = atom.verilog();
        let Some(value) = literal::value_of(&value) else {
            return Err(LowerError::UnreadableLiteral { block: scope.path.clone(), literal: value.to_string() });
        };
        let initial = value as u64 & kind.ty().mask();
        scope.atoms.push(AtomInfo { name, direction, kind, initial });
        Ok(())
    }
}

impl Probe for Walk {
    fn visit_start_scope(&mut self, name: &str, node: &dyn Block) {
        let path = match self.open.last() {
            Some(parent) => format!("{}.{}", parent.path, name.replace('$', ".")),
            None => name.to_owned(),
        };
        let (atoms, children) = (Vec::new(), Vec::new());
        self.open.push(Scope { name: name.to_owned(), path, hdl: node.hdl(), atoms, children });
        self.namespace.clear();
    }

    fn visit_start_namespace(&mut self, name: &str, _: &dyn Block) {
        self.namespace.push(name.to_owned());
    }

    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        if let Err(error) = self.add(name, atom) {
            self.error.get_or_insert(error);
        }
    }

    fn visit_end_namespace(&mut self, _: &str, _: &dyn Block) {
        self.namespace.pop();
    }

    fn visit_end_scope(&mut self, _: &str, _: &dyn Block) {
        if let Some(scope) = self.open.pop() {
            match self.open.last_mut() {
                Some(parent) => parent.children.push(scope),
                None => self.done = Some(scope),
            }
        }
    }
}
