//! The reference engine: evaluates every node of every instance, one after another, as the
//! definitions in [`myelin_hdl`]'s IR read. Slow, and obviously right.

use std::sync::Arc;

use myelin_hdl::{BinaryOp, CheckKind, Module, NodeId, Op, ReadKind, Ty, UnaryOp};

use crate::engine::{CheckRef, Core, MemoryRef, RegisterRef, Reset};
use crate::error::SimError;
use crate::hierarchy::{FlatNode, Hierarchy};
use crate::samples::{Element, Layout, Line, Samples};

/// State of one instance; bit patterns, zero above their width.
#[derive(Clone)]
struct State {
    registers: Vec<u64>,
    memories: Vec<MemoryState>,
    /// Hits of each check that is a cover.
    covers: Vec<u64>,
}

#[derive(Clone)]
struct MemoryState {
    /// Lane-major within words.
    words: Vec<u64>,
    /// For each read port, what it shows on each lane (synchronous ports only).
    read_data: Vec<Vec<u64>>,
}

/// The interpreter.
#[derive(Clone)]
pub(crate) struct Interpreter {
    hierarchy: Arc<Hierarchy>,
    inputs: Vec<u64>,
    states: Vec<State>,
    /// Settled value of each node of each instance.
    values: Vec<Vec<u64>>,
    /// Every value, operands first.
    order: Vec<FlatNode>,
    settled: bool,
    watched: Vec<FlatNode>,
    /// Their values in the last sample.
    watched_lines: Vec<Line>,
}

impl Interpreter {
    pub(crate) fn new(hierarchy: Arc<Hierarchy>) -> Interpreter {
        let states = hierarchy
            .places
            .iter()
            .map(|place| {
                let memories = place.module.memories.iter().map(|memory| MemoryState {
                    words: vec![0; memory.depth * memory.lanes],
                    read_data: vec![vec![0; memory.lanes]; memory.reads.len()],
                });
                State {
                    registers: vec![0; place.module.registers.len()],
                    memories: memories.collect(),
                    covers: vec![0; place.module.checks.len()],
                }
            })
            .collect();
        Interpreter {
            inputs: vec![0; hierarchy.top().inputs.len()],
            states,
            values: hierarchy.places.iter().map(|place| vec![0; place.module.nodes.len()]).collect(),
            order: flat_order(&hierarchy),
            settled: false,
            watched: Vec::new(),
            watched_lines: Vec::new(),
            hierarchy,
        }
    }

    fn settle(&mut self) {
        if self.settled {
            return;
        }
        for index in 0..self.order.len() {
            let FlatNode { place, node } = self.order[index];
            self.values[place][node.index()] = self.evaluate(place, node);
        }
        self.settled = true;
    }

    fn evaluate(&self, place: usize, id: NodeId) -> u64 {
        let module = self.hierarchy.module(place);
        let node = module.node(id);
        match node.op {
            Op::Input(index) if place == 0 => self.inputs[index],
            Op::Input(_) | Op::InstanceOutput { .. } => {
                let driver = self.hierarchy.driver(FlatNode { place, node: id });
                self.values[driver.place][driver.node.index()]
            }
            Op::RegisterQ(register) => self.states[place].registers[register],
            Op::MemoryRead { memory, port, lane } => {
                let (definition, state) = (&module.memories[memory], &self.states[place].memories[memory]);
                let read = &definition.reads[port];
                match read.kind {
                    ReadKind::Synchronous => state.read_data[port][lane],
                    ReadKind::Asynchronous => {
                        let word = address(self.values[place][read.address.index()], definition.depth);
                        state.words[word * definition.lanes + lane]
                    }
                }
            }
            ref op => {
                evaluate_op(op, node.ty, |operand| (self.values[place][operand.index()], module.node(operand).ty))
            }
        }
    }

    fn value(&self, place: usize, node: NodeId) -> u64 {
        self.values[place][node.index()]
    }

    /// What registers and read ports of one instance hold after the edge.
    fn sample(&self, place: usize, module: &Module, reset: Reset) -> (Vec<u64>, Vec<Vec<Vec<u64>>>) {
        let registers = module.registers.iter().zip(&self.states[place].registers).map(|(register, &held)| {
            if let (Reset::Active, Some(reset)) = (reset, register.reset) {
                reset
            } else if register.enable.is_none_or(|enable| self.value(place, enable) == 1) {
                self.value(place, register.next)
            } else {
                held
            }
        });
        let read_data = module.memories.iter().zip(&self.states[place].memories).map(|(memory, state)| {
            let ports = memory.reads.iter().zip(&state.read_data).map(|(read, held)| {
                let taken = read.kind == ReadKind::Synchronous
                    && read.enable.is_none_or(|enable| self.value(place, enable) == 1);
                if taken {
                    let word = address(self.value(place, read.address), memory.depth);
                    state.words[word * memory.lanes..][..memory.lanes].to_vec()
                } else {
                    held.clone()
                }
            });
            ports.collect()
        });
        (registers.collect(), read_data.collect())
    }

    fn write_memories(&mut self, place: usize, module: &Module) {
        for (index, memory) in module.memories.iter().enumerate() {
            for write in memory.writes.iter().filter(|write| self.values[place][write.enable.index()] == 1) {
                let word = address(self.values[place][write.address.index()], memory.depth);
                for lane in 0..memory.lanes {
                    let enabled = write.lane_enables.as_ref().is_none_or(|lanes| self.value(place, lanes[lane]) == 1);
                    if enabled {
                        let data = self.value(place, write.data[lane]);
                        self.states[place].memories[index].words[word * memory.lanes + lane] = data;
                    }
                }
            }
        }
    }

    /// Counts covers; the first failed assertion or assumption.
    fn check(&mut self) -> Option<CheckRef> {
        let mut failed = None;
        for place in 0..self.states.len() {
            let module = self.hierarchy.module(place).clone();
            for (index, check) in module.checks.iter().enumerate() {
                let holds = self.value(place, check.condition) == 1;
                match check.kind {
                    CheckKind::Cover => self.states[place].covers[index] += u64::from(holds),
                    CheckKind::Assert | CheckKind::Assume if !holds => {
                        failed = failed.or(Some(CheckRef { place, check: index }));
                    }
                    CheckKind::Assert | CheckKind::Assume => {}
                }
            }
        }
        failed
    }
}

impl Core for Interpreter {
    fn fork(&mut self) -> Result<Box<dyn Core>, SimError> {
        Ok(Box::new(Interpreter { watched: Vec::new(), watched_lines: Vec::new(), ..self.clone() }))
    }

    fn set_input(&mut self, index: usize, bits: u64) {
        self.inputs[index] = bits;
        self.settled = false;
    }

    fn input(&self, index: usize) -> u64 {
        self.inputs[index]
    }

    fn output(&mut self, index: usize) -> Result<u64, SimError> {
        self.settle();
        Ok(self.value(0, self.hierarchy.top().outputs[index].node))
    }

    fn watch(&mut self, nodes: &[FlatNode]) -> Result<Layout, SimError> {
        /// Values in a line.
        const VALUES: usize = 8;
        self.watched = nodes.to_vec();
        self.watched_lines = vec![Line::ZERO; nodes.len().div_ceil(VALUES)];
        let element = |index| Element { line: index / VALUES, at: index % VALUES * 8, bytes: 8 };
        Ok(Layout { lines: self.watched_lines.len(), elements: (0..nodes.len()).map(element).collect() })
    }

    fn watched(&mut self, samples: &mut Samples) {
        self.settle();
        for (line, nodes) in self.watched_lines.iter_mut().zip(self.watched.chunks(8)) {
            for (index, flat) in nodes.iter().enumerate() {
                line.write(8 * index, 8, self.values[flat.place][flat.node.index()]);
            }
        }
        samples.put(self.watched_lines.iter());
    }

    fn step(&mut self, reset: Reset) -> Option<CheckRef> {
        self.settle();
        let failed = if reset == Reset::Inactive { self.check() } else { None };
        // Every instance samples before any of them changes.
        let sampled: Vec<_> =
            (0..self.states.len()).map(|place| self.sample(place, self.hierarchy.module(place), reset)).collect();
        for (place, (registers, read_data)) in sampled.into_iter().enumerate() {
            let module = self.hierarchy.module(place).clone();
            self.write_memories(place, &module);
            self.states[place].registers = registers;
            for (memory, read_data) in self.states[place].memories.iter_mut().zip(read_data) {
                memory.read_data = read_data;
            }
        }
        self.settled = false;
        failed
    }

    fn cover_hits(&self, check: CheckRef) -> u64 {
        self.states[check.place].covers[check.check]
    }

    fn set_cover_hits(&mut self, check: CheckRef, hits: u64) {
        self.states[check.place].covers[check.check] = hits;
    }

    fn register(&self, register: RegisterRef) -> u64 {
        self.states[register.place].registers[register.register]
    }

    fn set_register(&mut self, register: RegisterRef, bits: u64) {
        self.states[register.place].registers[register.register] = bits;
        self.settled = false;
    }

    fn read_data(&self, memory: MemoryRef, port: usize, lane: usize) -> u64 {
        self.states[memory.place].memories[memory.memory].read_data[port][lane]
    }

    fn set_read_data(&mut self, memory: MemoryRef, port: usize, lane: usize, bits: u64) {
        self.states[memory.place].memories[memory.memory].read_data[port][lane] = bits;
        self.settled = false;
    }

    fn memory(&self, memory: MemoryRef, word: usize, lane: usize) -> u64 {
        let lanes = self.hierarchy.module(memory.place).memories[memory.memory].lanes;
        self.states[memory.place].memories[memory.memory].words[word * lanes + lane]
    }

    fn set_memory(&mut self, memory: MemoryRef, word: usize, lane: usize, bits: u64) {
        let lanes = self.hierarchy.module(memory.place).memories[memory.memory].lanes;
        self.states[memory.place].memories[memory.memory].words[word * lanes + lane] = bits;
        self.settled = false;
    }
}

/// The word an address selects.
fn address(bits: u64, depth: usize) -> usize {
    bits as usize & (depth - 1)
}

/// Evaluates an operator without state, given each operand's bits and type.
pub(crate) fn evaluate_op(op: &Op, ty: Ty, operand: impl Fn(NodeId) -> (u64, Ty)) -> u64 {
    let bits = |id: NodeId| operand(id).0;
    let value = |id: NodeId| {
        let (bits, ty) = operand(id);
        ty.value_of(bits)
    };
    let wrapped = |value: i128| value as u64 & ty.mask();
    match *op {
        Op::Const(bits) => bits,
        Op::Unary(UnaryOp::Not, a) => !bits(a) & ty.mask(),
        Op::Unary(UnaryOp::Extend, a) => wrapped(value(a)),
        Op::Unary(UnaryOp::ReduceOr, a) => u64::from(bits(a) != 0),
        Op::Unary(UnaryOp::ReduceAnd, a) => u64::from(bits(a) == operand(a).1.mask()),
        Op::Unary(UnaryOp::ReduceXor, a) => u64::from(bits(a).count_ones() % 2 == 1),
        Op::Binary(op, a, b) => match op {
            BinaryOp::Add => wrapped(value(a) + value(b)),
            BinaryOp::Sub => wrapped(value(a) - value(b)),
            BinaryOp::Mul => wrapped(value(a).wrapping_mul(value(b))),
            BinaryOp::And => bits(a) & bits(b),
            BinaryOp::Or => bits(a) | bits(b),
            BinaryOp::Xor => bits(a) ^ bits(b),
            BinaryOp::Eq => u64::from(value(a) == value(b)),
            BinaryOp::Ne => u64::from(value(a) != value(b)),
            BinaryOp::Lt => u64::from(value(a) < value(b)),
            BinaryOp::Le => u64::from(value(a) <= value(b)),
            BinaryOp::Shl if bits(b) >= u64::from(ty.width()) => 0,
            BinaryOp::Shl => (bits(a) << bits(b)) & ty.mask(),
            // An arithmetic shift by 127 leaves 0 or -1, as any amount of width or more does.
            BinaryOp::Shr => wrapped(value(a) >> bits(b).min(127)),
        },
        Op::Mux { select, on_true, on_false } => bits(if bits(select) == 1 { on_true } else { on_false }),
        Op::Slice { source, low } => (bits(source) >> low) & ty.mask(),
        Op::Concat { high, low } => (bits(high) << operand(low).1.width()) | bits(low),
        Op::Input(_) | Op::RegisterQ(_) | Op::MemoryRead { .. } | Op::InstanceOutput { .. } => {
            unreachable!("not an operator: the caller has the state")
        }
    }
}

/// Every value of every instance, after all it depends on within the cycle.
fn flat_order(hierarchy: &Hierarchy) -> Vec<FlatNode> {
    let mut done: Vec<Vec<bool>> = hierarchy.places.iter().map(|place| vec![false; place.module.nodes.len()]).collect();
    let mut order = Vec::with_capacity(done.iter().map(Vec::len).sum());
    let mut stack = Vec::new();
    for place in 0..hierarchy.places.len() {
        for node in 0..done[place].len() {
            stack.push((FlatNode { place, node: NodeId(node as u32) }, false));
            // Ends because the builder refuses combinational loops.
            while let Some((flat, expanded)) = stack.pop() {
                if done[flat.place][flat.node.index()] {
                    continue;
                }
                if expanded {
                    done[flat.place][flat.node.index()] = true;
                    order.push(flat);
                    continue;
                }
                stack.push((flat, true));
                let module = hierarchy.module(flat.place);
                let mut push = |node| stack.push((FlatNode { place: flat.place, node }, false));
                match module.node(flat.node).op {
                    Op::Input(_) | Op::InstanceOutput { .. } => {
                        let driver = hierarchy.driver(flat);
                        if driver != flat {
                            stack.push((driver, false));
                        }
                    }
                    Op::MemoryRead { memory, port, .. } => {
                        let read = &module.memories[memory].reads[port];
                        if read.kind == ReadKind::Asynchronous {
                            push(read.address);
                        }
                    }
                    ref op => op.for_each_operand(push),
                }
            }
        }
    }
    order
}
