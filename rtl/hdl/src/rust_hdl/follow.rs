//! Follows the statements of one block in the order Rust runs them, wire by wire.

use std::collections::{HashMap, HashSet};

use rust_hdl_core::ast::{
    VerilogBlock, VerilogBlockOrConditional, VerilogExpression, VerilogLink, VerilogLinkDetails, VerilogMatch,
    VerilogStatement,
};

use super::error::LowerError;
use super::expression::Value;
use super::graph::{Form, Graph, ValueId};
use super::kind::{Class, Kind};
use super::literal::{self, LoopVariable};
use super::show::{show, show_name};
use super::tree::{AtomInfo, Direction, Scope};
use super::wire::{self, ClockSource, Held, Otherwise, Piece, Role, State, Wire};
use crate::ir::BinaryOp;
use crate::ty::Ty;

/// What a name of the block stands for.
#[derive(Clone)]
pub(super) enum Name {
    /// An own input, by position among the atoms.
    Input(usize),
    /// A constant.
    Constant(Kind, u64),
    /// A wire, by position.
    Wire(usize),
    /// Output of a child, by position among the child's atoms.
    ChildOutput { child: usize, atom: usize },
    /// Code of an enumeration value; `None` where two enumerations give one name two codes.
    EnumValue(Option<(Kind, u64)>),
}

/// One block while its statements are followed.
pub(super) struct Follow<'a> {
    pub(super) scope: &'a Scope,
    names: HashMap<String, Name>,
    pub(super) wires: Vec<Wire>,
    pub(super) held: Vec<Held>,
    pub(super) graph: Graph,
    pub(super) loops: Vec<LoopVariable>,
    /// Wires read while untouched.
    early: Vec<usize>,
}

/// What a block computes.
pub(super) struct Followed {
    pub(super) graph: Graph,
    pub(super) wires: Vec<Wire>,
    /// What each wire settles to; `None` for clocks and for inputs of children never assigned.
    pub(super) settled: Vec<Option<ValueId>>,
    /// What each clock wire is connected to.
    pub(super) clocks: Vec<Option<ClockSource>>,
}

/// Follows `code`, the logic of `scope`.
pub(super) fn follow(scope: &Scope, code: &VerilogBlock) -> Result<Followed, LowerError> {
    let mut follow = Follow::new(scope);
    follow.block(code)?;
    follow.finish()
}

impl<'a> Follow<'a> {
    fn new(scope: &'a Scope) -> Follow<'a> {
        let mut names = HashMap::new();
        let mut wires = Vec::new();
        let mut enums = HashMap::new();
        let mut add_wire = |name: &str, role, atom: &AtomInfo| {
            wires.push(Wire { name: name.to_owned(), role, atom: atom.clone() });
            Name::Wire(wires.len() - 1)
        };
        for (index, atom) in scope.atoms.iter().enumerate() {
            let name = match atom.direction {
                Direction::In => Name::Input(index),
                Direction::Constant => Name::Constant(atom.kind.clone(), atom.initial),
                Direction::Out => add_wire(&atom.name, Role::Output, atom),
                Direction::Local => add_wire(&atom.name, Role::Local, atom),
            };
            names.insert(atom.name.clone(), name);
            add_enums(&atom.kind, &mut enums);
        }
        for (child, inside) in scope.children.iter().enumerate() {
            for (atom, info) in inside.atoms.iter().enumerate() {
                let full = format!("{}${}", inside.name, info.name);
                let name = match info.direction {
                    Direction::In => add_wire(&full, Role::ChildInput { child, atom }, info),
                    Direction::Out => Name::ChildOutput { child, atom },
                    Direction::Local | Direction::Constant => continue,
                };
                names.insert(full, name);
                add_enums(&info.kind, &mut enums);
            }
        }
        for (value, code) in enums {
            names.entry(value).or_insert(Name::EnumValue(code));
        }
        let held = wires.iter().map(Wire::untouched).collect();
        Follow { scope, names, wires, held, graph: Graph::default(), loops: Vec::new(), early: Vec::new() }
    }

    pub(super) fn path(&self) -> String {
        self.scope.path.clone()
    }

    /// What a name of the source stands for.
    pub(super) fn lookup(&self, name: &str) -> Result<Name, LowerError> {
        let unknown = || LowerError::UnknownName { block: self.path(), name: show_name(name) };
        let plain = name.trim_start_matches('.').replace("::", "$").replace('.', "$");
        let plain = plain.trim_end_matches("$next");
        let plain = literal::resolve_indices(plain, &self.loops).ok_or_else(unknown)?;
        if let Some(known) = self.names.get(&plain) {
            return Ok(known.clone());
        }
        // An enumeration value may be written with the path of its module before it.
        let shorter = plain.rsplitn(3, '$').take(2).collect::<Vec<_>>();
        let value = shorter.iter().rev().copied().collect::<Vec<_>>().join("$");
        match self.names.get(&value) {
            Some(found @ Name::EnumValue(_)) => Ok(found.clone()),
            _ => Err(unknown()),
        }
    }

    fn block(&mut self, code: &VerilogBlock) -> Result<(), LowerError> {
        code.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &VerilogStatement) -> Result<(), LowerError> {
        match statement {
            VerilogStatement::Assignment(target, value) => self.assign(target, value),
            VerilogStatement::SliceAssignment { base, width, offset, replacement } => {
                self.assign_field(base, *width, offset, replacement)
            }
            VerilogStatement::If(conditional) => {
                let test = self.condition(&conditional.test)?;
                let then = |this: &mut Self| this.block(&conditional.then);
                self.branch(test, Otherwise::Possible, then, |this| match &conditional.otherwise {
                    VerilogBlockOrConditional::Block(block) => this.block(block),
                    VerilogBlockOrConditional::Conditional(statement) => this.statement(statement),
                    VerilogBlockOrConditional::None => Ok(()),
                })
            }
            VerilogStatement::Match(matched) => self.match_from(matched, 0, &mut HashSet::new()),
            VerilogStatement::Loop(rounds) => {
                for round in rounds.from.as_usize()..rounds.to.as_usize() {
                    self.loops.push((rounds.index.clone(), round as i128));
                    let done = self.block(&rounds.block);
                    self.loops.pop();
                    done?;
                }
                Ok(())
            }
            VerilogStatement::Comment(_) => Ok(()),
            VerilogStatement::Link(links) => links.iter().try_for_each(|link| self.link(link)),
            VerilogStatement::Macro(block) => self.block(block),
        }
    }

    fn assign(&mut self, target: &VerilogExpression, value: &VerilogExpression) -> Result<(), LowerError> {
        let wire = self.target(target)?;
        let kind = self.wires[wire].atom.kind.clone();
        let found = self.evaluate(value, Some(&kind))?;
        self.hold(wire, &kind, found, value)
    }

    fn hold(&mut self, wire: usize, kind: &Kind, found: Value, text: &VerilogExpression) -> Result<(), LowerError> {
        self.held[wire] = match (found, kind.is_clock()) {
            (Value::Clock(clock), true) => Held::Clock(clock),
            (Value::Clock(_), false) | (_, true) => {
                return Err(LowerError::DerivedClock { block: self.path(), expression: show(text) });
            }
            (found, false) => {
                let id = self.converted(found, kind, text)?;
                Held::Bits(vec![Piece { width: kind.width as u32, state: State::Set(id) }])
            }
        };
        Ok(())
    }

    fn assign_field(
        &mut self,
        base: &VerilogExpression,
        width: usize,
        offset: &VerilogExpression,
        value: &VerilogExpression,
    ) -> Result<(), LowerError> {
        let wire = self.target(base)?;
        let kind = self.wires[wire].atom.kind.clone();
        let unsupported = || LowerError::UnsupportedForm { block: self.scope.path.clone(), expression: show(base) };
        let VerilogExpression::Literal(offset) = offset else { return Err(unsupported()) };
        let low = literal::value_of(offset).and_then(|low| usize::try_from(low).ok()).ok_or_else(unsupported)?;
        let field = kind.field(low, width).cloned().unwrap_or(Kind::bits(width));
        if !field.fits() || low + width > kind.width {
            return Err(LowerError::Width { block: self.path(), expression: show(base), width });
        }
        let found = self.evaluate(value, Some(&field))?;
        let id = self.converted(found, &field, value)?;
        match &mut self.held[wire] {
            Held::Bits(pieces) => {
                wire::replace(pieces, low as u32, id, &mut self.graph);
                Ok(())
            }
            Held::Clock(_) => Err(LowerError::DerivedClock { block: self.path(), expression: show(base) }),
        }
    }

    fn target(&self, target: &VerilogExpression) -> Result<usize, LowerError> {
        let VerilogExpression::Signal(name) = target else {
            return Err(LowerError::UnsupportedForm { block: self.path(), expression: show(target) });
        };
        match self.lookup(name)? {
            Name::Wire(wire) => Ok(wire),
            _ => Err(LowerError::NotDriven { block: self.path(), signal: show_name(name) }),
        }
    }

    fn link(&mut self, link: &VerilogLink) -> Result<(), LowerError> {
        let name = |details: &VerilogLinkDetails, base: &str| {
            let field = details.my_name.trim_start_matches('.');
            if field.is_empty() { base.to_owned() } else { format!("{base}${field}") }
        };
        let (details, forward) = match link {
            VerilogLink::Forward(details) => (details, true),
            VerilogLink::Backward(details) => (details, false),
            VerilogLink::Bidirectional(details) => {
                let signal = show_name(&name(details, &details.owner_name));
                return Err(LowerError::Bidirectional { block: self.path(), signal });
            }
        };
        let (owner, other) = (name(details, &details.owner_name), name(details, &details.other_name));
        let (target, source) = if forward { (other, owner) } else { (owner, other) };
        self.assign(&VerilogExpression::Signal(target), &VerilogExpression::Signal(source))
    }

    /// Runs both branches from here and joins what they leave; only one where the test is constant.
    fn branch(
        &mut self,
        test: ValueId,
        otherwise: Otherwise,
        on_true: impl FnOnce(&mut Self) -> Result<(), LowerError>,
        on_false: impl FnOnce(&mut Self) -> Result<(), LowerError>,
    ) -> Result<(), LowerError> {
        match self.graph.constant_bits(test) {
            Some(0) => return on_false(self),
            Some(_) => return on_true(self),
            None => {}
        }
        let before = self.held.clone();
        on_true(self)?;
        let taken = std::mem::replace(&mut self.held, before);
        on_false(self)?;
        for (wire, taken) in taken.into_iter().enumerate() {
            if taken == self.held[wire] {
                continue;
            }
            let skipped = std::mem::replace(&mut self.held[wire], Held::Clock(None));
            self.held[wire] = match (taken, skipped) {
                (Held::Bits(taken), Held::Bits(skipped)) => {
                    Held::Bits(wire::merge(test, taken, skipped, otherwise, &mut self.graph))
                }
                _ => {
                    let expression = show_name(&self.wires[wire].name);
                    return Err(LowerError::DerivedClock { block: self.path(), expression });
                }
            };
        }
        Ok(())
    }

    /// The arms from `first` on; `covered` are the codes that the arms before it take.
    fn match_from(
        &mut self,
        matched: &VerilogMatch,
        first: usize,
        covered: &mut HashSet<i128>,
    ) -> Result<(), LowerError> {
        let Some(case) = matched.cases.get(first) else { return Ok(()) };
        // Rust has checked that the arms cover everything, so the last one needs no test.
        if case.condition == "default" || first + 1 == matched.cases.len() {
            return self.block(&case.block);
        }
        let test = self.evaluate(&matched.test, None)?;
        let unknown = || LowerError::UnknownPattern {
            block: self.scope.path.clone(),
            pattern: show_name(&case.condition),
            matched: show(&matched.test),
        };
        let Value::Bits(test, kind) = test else { return Err(unknown()) };
        let code = match &kind.class {
            Class::Enum(_) => match self.lookup(&case.condition) {
                Ok(Name::EnumValue(Some((of, code)))) if of == kind => i128::from(code),
                _ => return Err(unknown()),
            },
            Class::Unsigned => literal::rust(&case.condition).ok_or_else(unknown)?,
            _ => return Err(unknown()),
        };
        let equal = match u64::try_from(code) {
            Ok(bits) if bits <= kind.ty().mask() => {
                let pattern = self.graph.constant(kind.ty(), bits);
                self.compared(BinaryOp::Eq, test, pattern)
            }
            // An arm of `match x.index()` beyond what the bits can reach.
            _ => self.graph.bit(false),
        };
        covered.insert(code);
        let otherwise = match &kind.class {
            Class::Enum(values) if covered.len() == values.len() => Otherwise::Impossible,
            _ => Otherwise::Possible,
        };
        let arm = |this: &mut Self| this.block(&case.block);
        self.branch(equal, otherwise, arm, |this| this.match_from(matched, first + 1, covered))
    }

    fn condition(&mut self, test: &VerilogExpression) -> Result<ValueId, LowerError> {
        let value = self.evaluate(test, Some(&Kind::BIT))?;
        self.converted(value, &Kind::BIT, test)
    }

    /// A comparison, folded where both are constant.
    pub(super) fn compared(&mut self, op: BinaryOp, a: ValueId, b: ValueId) -> ValueId {
        let value = |graph: &Graph, id| graph.constant_bits(id).map(|bits| graph.ty(id).value_of(bits));
        match (value(&self.graph, a), value(&self.graph, b)) {
            (Some(a), Some(b)) => self.graph.bit(match op {
                BinaryOp::Eq => a == b,
                BinaryOp::Ne => a != b,
                BinaryOp::Lt => a < b,
                _ => a <= b,
            }),
            _ => self.graph.binary(op, a, b, Ty::BIT),
        }
    }

    /// The value of a wire at this point.
    pub(super) fn read(&mut self, wire: usize) -> Result<Value, LowerError> {
        let info = &self.wires[wire];
        let kind = info.atom.kind.clone();
        let settled = |graph: &mut Graph| graph.push(Form::Settled(wire), kind.ty());
        let signal = show_name(&info.name);
        match &self.held[wire] {
            Held::Clock(clock) => Ok(Value::Clock(clock.clone())),
            // `In::val()` is what the child has taken over: what the wire settles to.
            Held::Bits(_) if matches!(info.role, Role::ChildInput { .. }) => {
                Ok(Value::Bits(settled(&mut self.graph), kind))
            }
            Held::Bits(pieces) => {
                if let Some(value) = wire::assembled(pieces, &mut self.graph) {
                    return Ok(Value::Bits(value, kind));
                }
                if pieces.iter().all(|piece| piece.state == State::Untouched) {
                    self.early.push(wire);
                    return Ok(Value::Bits(settled(&mut self.graph), kind));
                }
                let block = self.path();
                match pieces.iter().any(|piece| piece.state == State::Partly) {
                    true => Err(LowerError::Latch { block, signal }),
                    false => Err(LowerError::ReadBeforeAssigned { block, signal }),
                }
            }
        }
    }

    fn finish(mut self) -> Result<Followed, LowerError> {
        let mut settled = Vec::new();
        let mut clocks = Vec::new();
        for (wire, held) in self.wires.iter().zip(&self.held) {
            let (block, signal) = (self.scope.path.clone(), show_name(&wire.name));
            let (value, clock) = match held {
                Held::Clock(clock) => (None, clock.clone()),
                Held::Bits(pieces) if pieces.iter().any(|piece| piece.state == State::Partly) => {
                    return Err(LowerError::Latch { block, signal });
                }
                Held::Bits(pieces) => {
                    let untouched = pieces.iter().all(|piece| piece.state == State::Untouched);
                    if untouched && matches!(wire.role, Role::ChildInput { .. }) {
                        return Err(LowerError::Unconnected { block, signal });
                    }
                    if !untouched && self.early.contains(&settled.len()) {
                        return Err(LowerError::ReadBeforeAssigned { block, signal });
                    }
                    (Some(settle(wire, pieces.clone(), &mut self.graph)), None)
                }
            };
            settled.push(value);
            clocks.push(clock);
        }
        Ok(Followed { graph: self.graph, wires: self.wires, settled, clocks })
    }
}

/// The final value of a wire: bits that no path assigns keep their initial value for ever.
fn settle(wire: &Wire, mut pieces: Vec<Piece>, graph: &mut Graph) -> ValueId {
    let mut low = 0;
    for piece in &mut pieces {
        if piece.state == State::Untouched {
            piece.state = State::Set(graph.constant(crate::ty::u(piece.width), wire.atom.initial >> low));
        }
        low += piece.width;
    }
    let value = wire::assembled(&pieces, graph).expect("every piece is set above");
    graph.cast(value, wire.atom.kind.ty())
}

fn add_enums(kind: &Kind, enums: &mut HashMap<String, Option<(Kind, u64)>>) {
    kind.for_each_enum(&mut |of, values| {
        for (code, value) in values.iter().enumerate() {
            let found = (of.clone(), code as u64);
            let entry = enums.entry(value.clone()).or_insert_with(|| Some(found.clone()));
            if entry.as_ref() != Some(&found) {
                *entry = None;
            }
        }
    });
}
