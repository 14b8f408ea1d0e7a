//! The values of a module: one sized temporary per operation, and how operands are written.

use crate::ir::{BinaryOp, Node, NodeId, Op, SourceLocation, UnaryOp};

use super::body::Body;
use super::live::Place;
use super::signals::{Part, SignalId};
use super::text::Shape;

/// How a node is read in the text.
#[derive(Clone, Copy)]
pub(super) enum Value {
    /// Bits of a declared signal.
    Part(Part),
    /// A literal: the node's bits.
    Literal(u64),
    /// Only inside the one concatenation that reads it.
    Joined,
}

impl Body<'_> {
    /// Computes every value needed in `place`.
    pub(super) fn values_of(&mut self, place: Place) {
        for &id in &self.module.order {
            if self.plan.places[id.index()] == place {
                let value = self.value(id);
                self.values[id.index()] = Some(value);
            }
        }
        if place == Place::Body {
            self.asynchronous_reads();
        }
    }

    /// Writes what a node needs, and says how it is read.
    fn value(&mut self, id: NodeId) -> Value {
        let node = self.module.node(id);
        let shape = Shape::from(node.ty);
        if let Some(bits) = self.plan.constant(id) {
            return match self.node_names[id.index()].clone() {
                None => Value::Literal(bits),
                Some(name) => {
                    let literal = shape.literal(node.ty.value_of(bits));
                    self.define("localparam", name, shape, &literal, node.location)
                }
            };
        }
        let whole = |signal| Part { signal, low: 0, shape };
        let part = match node.op {
            Op::Input(input) => whole(self.inputs[input]),
            Op::RegisterQ(register) => whole(self.registers[register]),
            Op::MemoryRead { memory, port, lane } => {
                self.asynchronous_read(memory, port);
                Part { signal: self.reads[memory][port], low: lane as u32 * shape.width, shape }
            }
            // The wire has the name already.
            Op::InstanceOutput { instance, output } => {
                return Value::Part(whole(self.instance_outputs[instance][output]));
            }
            Op::Slice { source, low } => {
                let source = self.part(source);
                Part { low: source.low + low, shape, ..source }
            }
            Op::Unary(UnaryOp::Extend, source) => {
                let source = self.part(source);
                return match self.node_names[id.index()].clone() {
                    None => Value::Part(whole(self.extension(source, shape, node.location))),
                    Some(name) => {
                        let text = self.extended(source, shape);
                        self.define("wire", name, shape, &text, node.location)
                    }
                };
            }
            Op::Concat { .. } if self.plan.joined[id.index()] => return Value::Joined,
            _ => {
                let (stem, text) = self.expression(node);
                let name = match self.node_names[id.index()].clone() {
                    Some(name) => name,
                    None => self.names.unique(&format!("{stem}_{}", id.0)),
                };
                return self.define("wire", name, shape, &text, node.location);
            }
        };
        match self.node_names[id.index()].clone() {
            None => Value::Part(part),
            Some(name) => {
                let text = self.read(part).0;
                self.define("wire", name, shape, &text, node.location)
            }
        }
    }

    /// Declares a temporary with its value.
    fn define(&mut self, kind: &str, name: String, shape: Shape, text: &str, location: SourceLocation) -> Value {
        self.line(&format!("{kind} {}{name} = {text};", shape.declaration()), location);
        Value::Part(Part { signal: self.signals.declare(name, shape), low: 0, shape })
    }

    /// A word for the operation, and its text.
    fn expression(&mut self, node: &Node) -> (&'static str, String) {
        match node.op {
            Op::Unary(op, a) => {
                let (stem, sign) = match op {
                    UnaryOp::Not => ("not", '~'),
                    UnaryOp::ReduceOr => ("any", '|'),
                    UnaryOp::ReduceAnd => ("all", '&'),
                    UnaryOp::ReduceXor => ("parity", '^'),
                    UnaryOp::Extend => unreachable!("extensions are signals of their own"),
                };
                (stem, format!("{sign}{}", self.bits(a)))
            }
            Op::Binary(op, a, b) => self.binary(op, a, b, node),
            Op::Mux { select, on_true, on_false } => {
                ("mux", format!("{} ? {} : {}", self.bits(select), self.same(on_true), self.same(on_false)))
            }
            Op::Concat { high, low } => {
                let mut parts = Vec::new();
                self.concat_parts(high, &mut parts);
                self.concat_parts(low, &mut parts);
                ("concat", format!("{{{}}}", parts.join(", ")))
            }
            Op::Input(_)
            | Op::Const(_)
            | Op::RegisterQ(_)
            | Op::MemoryRead { .. }
            | Op::InstanceOutput { .. }
            | Op::Slice { .. } => unreachable!("read where it is declared"),
        }
    }

    fn binary(&mut self, op: BinaryOp, a: NodeId, b: NodeId, node: &Node) -> (&'static str, String) {
        let (stem, sign) = match op {
            BinaryOp::Add => ("add", "+"),
            BinaryOp::Sub => ("sub", "-"),
            BinaryOp::Mul => ("mul", "*"),
            BinaryOp::And => ("and", "&"),
            BinaryOp::Or => ("or", "|"),
            BinaryOp::Xor => ("xor", "^"),
            BinaryOp::Eq => ("eq", "=="),
            BinaryOp::Ne => ("ne", "!="),
            BinaryOp::Lt => ("lt", "<"),
            BinaryOp::Le => ("le", "<="),
            BinaryOp::Shl => ("shl", "<<"),
            BinaryOp::Shr if node.ty.is_signed() => ("shr", ">>>"),
            BinaryOp::Shr => ("shr", ">>"),
        };
        let (x, y) = match op {
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => {
                let low = self.limits(a).0.min(self.limits(b).0);
                let shape = Shape { width: node.ty.width(), signed: low < 0 };
                (self.operand(a, shape, node).0, self.operand(b, shape, node).0)
            }
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le => {
                let ((a_low, a_high), (b_low, b_high)) = (self.limits(a), self.limits(b));
                let shape = Shape::of_range(a_low.min(b_low), a_high.max(b_high));
                let ordered = matches!(op, BinaryOp::Lt | BinaryOp::Le);
                let mut side = |id| {
                    let (text, signed) = self.operand(id, shape, node);
                    // Equality does not see the sign of operands of one width.
                    if ordered { signed_as(shape.signed, text, signed) } else { text }
                };
                if op == BinaryOp::Le && shape.signed {
                    return (stem, self.signed_at_most(a, b, shape, node));
                }
                (side(a), side(b))
            }
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => (self.bits(a), self.bits(b)),
            BinaryOp::Shl => (self.bits(a), self.amount(b)),
            BinaryOp::Shr => {
                let (text, signed) = self.operand(a, node.ty.into(), node);
                let text = if node.ty.is_signed() { signed_as(true, text, signed) } else { text };
                (text, self.amount(b))
            }
        };
        (stem, format!("{x} {sign} {y}"))
    }

    /// `a <= b` of signed values without `<=`: Verilator up to 5.036 folds that of equal constants,
    /// also of those that it finds by looking through ports, to 0 (its issue 6000), and makes it of
    /// `!(b < a)` where one side is a literal.
    fn signed_at_most(&mut self, a: NodeId, b: NodeId, shape: Shape, node: &Node) -> String {
        // The neighbour of a literal is in range, or the comparison would have been decided.
        let (a_limits, b_limits) = (self.limits(a), self.limits(b));
        let constants = (self.plan.constant(a), self.plan.constant(b));
        let mut side = |id| {
            let (text, signed) = self.operand(id, shape, node);
            signed_as(true, text, signed)
        };
        match constants {
            (Some(_), _) => format!("{} < {}", parenthesised(shape.literal(a_limits.0 - 1)), side(b)),
            (_, Some(_)) => format!("{} < {}", side(a), parenthesised(shape.literal(b_limits.1 + 1))),
            (None, None) => format!("!({} < {})", side(b), side(a)),
        }
    }

    fn concat_parts(&mut self, id: NodeId, parts: &mut Vec<String>) {
        match (self.values[id.index()], &self.module.node(id).op) {
            (Some(Value::Joined), &Op::Concat { high, low }) => {
                self.concat_parts(high, parts);
                self.concat_parts(low, parts);
            }
            _ => parts.push(self.bits(id)),
        }
    }

    fn limits(&self, id: NodeId) -> (i128, i128) {
        self.plan.known[id.index()].limits(self.module.node(id).ty)
    }

    fn part(&self, id: NodeId) -> Part {
        match self.values[id.index()] {
            Some(Value::Part(part)) => part,
            _ => unreachable!("operands are written first, and pieces of literals are literals"),
        }
    }

    /// A part's text and sign, noted as read.
    fn read(&mut self, part: Part) -> (String, bool) {
        self.signals.read(part);
        self.signals.text(part)
    }

    /// The node's text where only its bits count.
    pub(super) fn bits(&mut self, id: NodeId) -> String {
        match self.values[id.index()] {
            Some(Value::Literal(bits)) => {
                let width = self.module.node(id).ty.width();
                Shape { width, signed: false }.literal(i128::from(bits))
            }
            _ => self.read(self.part(id)).0,
        }
    }

    /// The node's text where Verilog itself reads a number: an index or an amount. A signed name
    /// would count backwards from its middle.
    pub(super) fn unsigned(&mut self, id: NodeId) -> String {
        match self.values[id.index()] {
            Some(Value::Literal(_)) => self.bits(id),
            _ => {
                let (text, signed) = self.read(self.part(id));
                signed_as(false, text, signed)
            }
        }
    }

    /// The node's text as the amount of a shift. Verilator takes no constant of more than 32 bits
    /// there, not even one that it finds by looking through ports; nothing is wider than 64 bits, so
    /// seven say all.
    fn amount(&mut self, id: NodeId) -> String {
        let (most, most_text) = (127, "7'd127");
        match self.values[id.index()] {
            _ if self.module.node(id).ty.width() <= 32 => self.unsigned(id),
            Some(Value::Literal(bits)) => Shape { width: 7, signed: false }.literal(bits.min(most).into()),
            _ => {
                let part = self.part(id);
                let bits = |width| Shape { width, signed: false };
                let high = self.read(Part { low: part.low + 7, shape: bits(part.shape.width - 7), ..part }).0;
                let low = self.read(Part { shape: bits(7), ..part }).0;
                format!("((|{high}) ? {most_text} : {low})")
            }
        }
    }

    /// The node's text where something of its own width takes it; literals show its sign.
    pub(super) fn same(&mut self, id: NodeId) -> String {
        let ty = self.module.node(id).ty;
        match self.values[id.index()] {
            Some(Value::Literal(bits)) => Shape::from(ty).literal(ty.value_of(bits)),
            _ => self.read(self.part(id)).0,
        }
    }

    /// The node's value modulo 2^width of `shape`, and whether Verilog takes the text for signed.
    fn operand(&mut self, id: NodeId, shape: Shape, reader: &Node) -> (String, bool) {
        if let Some(Value::Literal(bits)) = self.values[id.index()] {
            let literal = shape.literal(self.module.node(id).ty.value_of(bits));
            return (parenthesised(literal), shape.signed);
        }
        let part = self.part(id);
        if part.shape.width < shape.width {
            let signal = self.extension(part, shape, reader.location);
            return self.read(Part { signal, low: 0, shape });
        }
        let shape = Shape { width: shape.width, ..part.shape };
        self.read(Part { shape, ..part })
    }

    /// The signal that holds a part in a wider shape; one for all readers.
    fn extension(&mut self, part: Part, shape: Shape, location: SourceLocation) -> SignalId {
        if let Some(&known) = self.extensions.get(&(part, shape)) {
            return known;
        }
        let text = self.extended(part, shape);
        let sign = if shape.signed { 's' } else { 'u' };
        let name = self.names.unique(&format!("{}_{sign}{}", self.signals.stem(part), shape.width));
        self.line(&format!("wire {}{name} = {text};", shape.declaration()), location);
        let signal = self.signals.declare(name, shape);
        self.extensions.insert((part, shape), signal);
        signal
    }

    /// The text of a part in a wider shape, filled by the part's own sign.
    fn extended(&mut self, part: Part, shape: Shape) -> String {
        let fill = shape.width - part.shape.width;
        let text = self.read(part).0;
        let sign_bit = self.signals.sign_bit(part);
        match (part.shape.signed, fill) {
            (true, 1) => format!("{{{sign_bit}, {text}}}"),
            (true, _) => format!("{{{{{fill}{{{sign_bit}}}}}, {text}}}"),
            (false, 1) => format!("{{1'b0, {text}}}"),
            (false, _) => format!("{{{fill}'d0, {text}}}"),
        }
    }
}

/// A literal as an operand: a minus is kept apart from the operator before it.
fn parenthesised(literal: String) -> String {
    if literal.starts_with('-') { format!("({literal})") } else { literal }
}

/// `text` as Verilog's signed or unsigned.
fn signed_as(wanted: bool, text: String, signed: bool) -> String {
    match (wanted, signed) {
        (true, false) => format!("$signed({text})"),
        (false, true) => format!("$unsigned({text})"),
        _ => text,
    }
}
