//! Translates nodes into values, once for all lanes of a strand.
//!
//! Equal values are shared, constants folded, and conversions that change nothing dropped. Nothing
//! is translated before something asks for it, so what has no effect costs nothing.

use rustc_hash::FxHashMap;

use myelin_hdl::{BinaryOp, NodeId, Op, ReadKind, Ty, UnaryOp, s, u};

use super::layout::State;
use super::strands::{LimbNode, Strands};
use super::{StrandId, Value, ValueId, ValueOp, WireId};
use crate::hierarchy::{FlatNode, Hierarchy};
use crate::interpret::evaluate_op;

/// A value of each lane that comes from another lane or strand.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    /// For each lane, what drives it and in which lane of its strand.
    pub(crate) drivers: Vec<(LimbNode, usize)>,
    /// The same, translated; empty until [`Values::connect`].
    pub(crate) sources: Vec<(ValueId, usize)>,
}

/// All values translated so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    pub(crate) values: Vec<Value>,
    pub(crate) wires: Vec<Wire>,
    /// For each value, the limb that asked for it first.
    limbs: Vec<u32>,
    /// The limb translated now.
    limb: u32,
    shared: FxHashMap<Value, ValueId>,
    shared_wires: FxHashMap<(StrandId, Vec<(LimbNode, usize)>), WireId>,
    /// The value of each node of each limb of each strand, once translated.
    nodes: Vec<Vec<Vec<Option<ValueId>>>>,
    connected: usize,
}

/// What translation looks things up in.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) hierarchy: &'a Hierarchy,
    pub(crate) strands: &'a Strands,
    pub(crate) state: &'a State,
}

/// What a node stands for before it is translated.
enum Driver {
    /// Another node of the same strand, in the same lane.
    SameLane(LimbNode),
    Constant(u64),
    Elsewhere(Vec<(LimbNode, usize)>),
    /// The node computes its value itself.
    Itself,
}

impl Values {
    pub(crate) fn new(strands: &Strands) -> Values {
        let limbs = strands
            .strands
            .iter()
            .map(|strand| strand.limbs.iter().map(|limb| vec![None; limb.module.nodes.len()]).collect());
        Values { nodes: limbs.collect(), ..Values::default() }
    }

    fn known(&self, at: LimbNode) -> Option<ValueId> {
        self.nodes[at.strand.index()][at.limb][at.node.index()]
    }

    fn translated(&self, at: LimbNode) -> ValueId {
        self.known(at).expect("operands are translated first")
    }

    pub(crate) fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    pub(crate) fn ty(&self, id: ValueId) -> Ty {
        self.value(id).ty
    }

    /// The limb of its strand that a value belongs to: the first that asked for it.
    pub(crate) fn limb(&self, id: ValueId) -> u32 {
        self.limbs[id.index()]
    }

    pub(crate) fn wire(&self, id: WireId) -> &Wire {
        &self.wires[id.index()]
    }

    /// The value of a node, and of all it depends on in its strand.
    pub(crate) fn of_node(&mut self, context: Context<'_>, root: LimbNode) -> ValueId {
        if let Some(known) = self.known(root) {
            return known;
        }
        // Iterative: a long chain of nodes must not overflow the stack.
        let mut stack = vec![root];
        while let Some(&at) = stack.last() {
            if self.known(at).is_some() {
                stack.pop();
                continue;
            }
            let depth = stack.len();
            let driver = driver(context, at);
            match driver {
                Driver::SameLane(other) => stack.push(other),
                Driver::Constant(_) | Driver::Elsewhere(_) => {}
                Driver::Itself => for_each_operand(context, at, |operand| stack.push(operand)),
            }
            // Keeps only what is still to be done above this node.
            let mut kept = depth;
            for index in depth..stack.len() {
                if self.known(stack[index]).is_none() {
                    stack[kept] = stack[index];
                    kept += 1;
                }
            }
            stack.truncate(kept);
            if kept == depth {
                let value = self.translate(context, at, driver);
                self.nodes[at.strand.index()][at.limb][at.node.index()] = Some(value);
                stack.pop();
            }
        }
        self.translated(root)
    }

    /// Translates what drives the wires met so far, and what drives those.
    pub(crate) fn connect(&mut self, context: Context<'_>) {
        while self.connected < self.wires.len() {
            let drivers = std::mem::take(&mut self.wires[self.connected].drivers);
            let sources = drivers.iter().map(|&(node, lane)| (self.of_node(context, node), lane)).collect();
            let wire = &mut self.wires[self.connected];
            (wire.drivers, wire.sources) = (drivers, sources);
            self.connected += 1;
        }
    }

    fn translate(&mut self, context: Context<'_>, at: LimbNode, driver: Driver) -> ValueId {
        let strand = at.strand;
        self.limb = at.limb as u32;
        let limb = &context.strands.strand(strand).limbs[at.limb];
        let node = limb.module.node(at.node);
        match driver {
            Driver::SameLane(other) => return self.translated(other),
            Driver::Constant(bits) => return self.push(strand, ValueOp::Const(bits), node.ty),
            Driver::Elsewhere(drivers) => {
                let wire = self.push_wire(strand, drivers);
                return self.push(strand, ValueOp::Wire(wire), node.ty);
            }
            Driver::Itself => {}
        }
        let of = |id: NodeId| self.translated(LimbNode { node: id, ..at });
        match node.op {
            Op::Input(index) => {
                let cell = context.state.input_cells[index];
                self.push(strand, ValueOp::Cell(cell), node.ty)
            }
            Op::InstanceOutput { .. } => unreachable!("an instance's output is driven in the instance"),
            Op::RegisterQ(register) => {
                let cell = context.state.limb(strand, at.limb).registers[register];
                self.push(strand, ValueOp::Cell(cell), node.ty)
            }
            Op::MemoryRead { memory, port, lane } => {
                let read = &limb.module.memories[memory].reads[port];
                let slots = &context.state.limb(strand, at.limb).memories[memory];
                match read.kind {
                    ReadKind::Synchronous => self.push(strand, ValueOp::Cell(slots.read_data[port][lane]), node.ty),
                    ReadKind::Asynchronous => {
                        let address = of(read.address);
                        let op = ValueOp::MemoryRead { memory: slots.memory, lane: lane as u32, address };
                        self.push(strand, op, node.ty)
                    }
                }
            }
            Op::Const(bits) => self.push(strand, ValueOp::Const(bits), node.ty),
            Op::Unary(op, a) => {
                let a = of(a);
                match op {
                    UnaryOp::Not => {
                        let a = self.wrap(a, node.ty);
                        self.push(strand, ValueOp::Not(a), node.ty)
                    }
                    UnaryOp::Extend => self.wrap(a, node.ty),
                    UnaryOp::ReduceOr => self.push(strand, ValueOp::ReduceOr(a), node.ty),
                    UnaryOp::ReduceAnd => self.push(strand, ValueOp::ReduceAnd(a), node.ty),
                    UnaryOp::ReduceXor => self.push(strand, ValueOp::ReduceXor(a), node.ty),
                }
            }
            Op::Binary(op, a, b) => {
                let (mut a, mut b) = (of(a), of(b));
                if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor) {
                    (a, b) = (self.wrap(a, node.ty), self.wrap(b, node.ty));
                }
                self.push(strand, ValueOp::Binary(op, a, b), node.ty)
            }
            Op::Mux { select, on_true, on_false } => {
                let (select, on_true, on_false) = (of(select), of(on_true), of(on_false));
                self.push(strand, ValueOp::Mux { select, on_true, on_false }, node.ty)
            }
            Op::Slice { source, low } => {
                let mut value = of(source);
                if low > 0 {
                    let from = self.ty(value);
                    let width = from.width() - low;
                    let ty = if from.is_signed() { s(width) } else { u(width) };
                    value = self.push(strand, ValueOp::ShiftRight(value, low), ty);
                }
                self.wrap(value, node.ty)
            }
            Op::Concat { high, low } => {
                let (high, low) = (of(high), of(low));
                let (high, low) = (self.wrap(high, unsigned(self.ty(high))), self.wrap(low, unsigned(self.ty(low))));
                self.push(strand, ValueOp::Concat { high, low }, node.ty)
            }
        }
    }

    /// The integer of `a` modulo 2^width, read by the sign of `ty`.
    pub(crate) fn wrap(&mut self, a: ValueId, ty: Ty) -> ValueId {
        if self.ty(a) == ty {
            return a;
        }
        // Only the low bits matter: an inner wrap that keeps as many changes nothing.
        if let Value { op: ValueOp::Wrap(inner), ty: between, .. } = *self.value(a)
            && (between.width() >= ty.width())
        {
            return self.wrap(inner, ty);
        }
        let strand = self.value(a).strand;
        self.push(strand, ValueOp::Wrap(a), ty)
    }

    fn push_wire(&mut self, strand: StrandId, drivers: Vec<(LimbNode, usize)>) -> WireId {
        let next = WireId(self.wires.len() as u32);
        let id = *self.shared_wires.entry((strand, drivers.clone())).or_insert(next);
        if id == next {
            self.wires.push(Wire { drivers, sources: Vec::new() });
        }
        id
    }

    fn push(&mut self, strand: StrandId, op: ValueOp, ty: Ty) -> ValueId {
        let op = match self.fold(&op, ty) {
            Folded::Same(id) => return id,
            Folded::Constant(bits) => ValueOp::Const(bits),
            Folded::No => op,
        };
        let value = Value { strand, op, ty };
        let next = ValueId(self.values.len() as u32);
        *self.shared.entry(value.clone()).or_insert_with(|| {
            self.values.push(value);
            self.limbs.push(self.limb);
            next
        })
    }

    fn constant(&self, id: ValueId) -> Option<u64> {
        match self.value(id).op {
            ValueOp::Const(bits) => Some(bits),
            _ => None,
        }
    }

    fn fold(&self, op: &ValueOp, ty: Ty) -> Folded {
        match *op {
            ValueOp::Mux { select, on_true, on_false } => match self.constant(select) {
                _ if on_true == on_false => return Folded::Same(on_true),
                Some(select) => return Folded::Same(if select == 1 { on_true } else { on_false }),
                None => {}
            },
            ValueOp::Binary(op @ (BinaryOp::And | BinaryOp::Or | BinaryOp::Xor), a, b) => {
                let zero = |id| self.constant(id) == Some(0);
                let ones = |id| self.constant(id) == Some(ty.mask());
                match op {
                    BinaryOp::And if zero(a) || zero(b) => return Folded::Constant(0),
                    BinaryOp::Or if ones(a) || ones(b) => return Folded::Constant(ty.mask()),
                    BinaryOp::And if ones(a) || a == b => return Folded::Same(b),
                    BinaryOp::And if ones(b) => return Folded::Same(a),
                    BinaryOp::Or | BinaryOp::Xor if zero(a) => return Folded::Same(b),
                    BinaryOp::Or | BinaryOp::Xor if zero(b) => return Folded::Same(a),
                    BinaryOp::Or if a == b => return Folded::Same(a),
                    _ => {}
                }
            }
            ValueOp::Not(a) => {
                if let ValueOp::Not(inner) = self.value(a).op {
                    return Folded::Same(inner);
                }
            }
            _ => {}
        }
        self.fold_constants(op, ty)
    }

    fn fold_constants(&self, op: &ValueOp, ty: Ty) -> Folded {
        let mut all = true;
        op.for_each_operand(|operand| all &= self.constant(operand).is_some());
        let as_node = |id: ValueId| NodeId(id.0);
        // The values' operators are the IR's, so the reference evaluates them.
        let op = match *op {
            _ if !all => return Folded::No,
            ValueOp::Const(_) | ValueOp::Cell(_) | ValueOp::Wire(_) | ValueOp::MemoryRead { .. } => return Folded::No,
            ValueOp::Wrap(a) if ty.width() <= self.ty(a).width() => Op::Slice { source: as_node(a), low: 0 },
            ValueOp::Wrap(a) => Op::Unary(UnaryOp::Extend, as_node(a)),
            ValueOp::ShiftRight(a, low) => Op::Slice { source: as_node(a), low },
            ValueOp::Concat { high, low } => Op::Concat { high: as_node(high), low: as_node(low) },
            ValueOp::Not(a) => Op::Unary(UnaryOp::Not, as_node(a)),
            ValueOp::ReduceOr(a) => Op::Unary(UnaryOp::ReduceOr, as_node(a)),
            ValueOp::ReduceAnd(a) => Op::Unary(UnaryOp::ReduceAnd, as_node(a)),
            ValueOp::ReduceXor(a) => Op::Unary(UnaryOp::ReduceXor, as_node(a)),
            ValueOp::Binary(op, a, b) => Op::Binary(op, as_node(a), as_node(b)),
            ValueOp::Mux { select, on_true, on_false } => {
                Op::Mux { select: as_node(select), on_true: as_node(on_true), on_false: as_node(on_false) }
            }
        };
        Folded::Constant(evaluate_op(&op, ty, |id| {
            let id = ValueId(id.0);
            (self.constant(id).expect("all operands are constants"), self.ty(id))
        }))
    }
}

enum Folded {
    No,
    Constant(u64),
    Same(ValueId),
}

fn unsigned(ty: Ty) -> Ty {
    u(ty.width())
}

/// What a node is driven by, where it is a port.
fn driver(context: Context<'_>, at: LimbNode) -> Driver {
    let limb = &context.strands.strand(at.strand).limbs[at.limb];
    if !matches!(limb.module.node(at.node).op, Op::Input(_) | Op::InstanceOutput { .. }) {
        return Driver::Itself;
    }
    let flat = |place| context.hierarchy.driver(FlatNode { place, node: at.node });
    let drivers: Vec<FlatNode> = limb.places.iter().map(|&place| flat(place)).collect();
    if drivers[0] == (FlatNode { place: limb.places[0], node: at.node }) {
        return Driver::Itself; // an input of the top
    }
    let constant = |flat: &FlatNode| match context.hierarchy.module(flat.place).node(flat.node).op {
        Op::Const(bits) => Some(bits),
        _ => None,
    };
    if let Some(bits) = constant(&drivers[0])
        && drivers.iter().all(|driver| constant(driver) == Some(bits))
    {
        return Driver::Constant(bits);
    }
    let located: Vec<(LimbNode, usize)> = drivers.into_iter().map(|flat| context.strands.locate(flat)).collect();
    let first = located[0].0;
    let same_lane = first.strand == at.strand
        && located.iter().enumerate().all(|(lane, &(node, driving))| node == first && driving == lane);
    if same_lane { Driver::SameLane(first) } else { Driver::Elsewhere(located) }
}

fn for_each_operand(context: Context<'_>, at: LimbNode, mut f: impl FnMut(LimbNode)) {
    let module = &context.strands.strand(at.strand).limbs[at.limb].module;
    match module.node(at.node).op {
        Op::MemoryRead { memory, port, .. } => {
            let read = &module.memories[memory].reads[port];
            if read.kind == ReadKind::Asynchronous {
                f(LimbNode { node: read.address, ..at });
            }
        }
        ref op => op.for_each_operand(|node| f(LimbNode { node, ..at })),
    }
}

/// The exact range of an arithmetic operator, or `None` beyond 128 bits.
fn exact_range(op: BinaryOp, a: Ty, b: Ty) -> Option<(i128, i128)> {
    match op {
        BinaryOp::Add => Some((a.min() + b.min(), a.max() + b.max())),
        BinaryOp::Sub => Some((a.min() - b.max(), a.max() - b.min())),
        _ => {
            let mut range = (i128::MAX, i128::MIN);
            for x in [a.min(), a.max()] {
                for y in [b.min(), b.max()] {
                    let corner = x.checked_mul(y)?;
                    range = (range.0.min(corner), range.1.max(corner));
                }
            }
            Some(range)
        }
    }
}

/// Whether a sum, difference or product may leave the type of the result.
pub(crate) fn may_wrap(op: BinaryOp, a: Ty, b: Ty, ty: Ty) -> bool {
    !exact_range(op, a, b).is_some_and(|(low, high)| ty.min() <= low && high <= ty.max())
}
