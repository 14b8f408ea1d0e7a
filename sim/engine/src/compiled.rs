//! The compiled engine: the state buffer, and the machine code that runs on it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use myelin_hdl::{CheckKind, NodeId, Op};

use crate::aot;
use crate::buffer::Buffer;
use crate::engine::{CheckRef, Core, MemoryRef, RegisterRef, Reset};
use crate::error::SimError;
use crate::hierarchy::{FlatNode, Hierarchy};
use crate::native::{self, Code, Source};
use crate::plan::layout::{CellKind, State};
use crate::plan::schedule::{Action, Job, LaneLoop, Plan, Program};
use crate::plan::strands::{LimbNode, SiblingKey, Strands};
use crate::plan::values::Values;
use crate::plan::wakes::Gates;
use crate::plan::{ArrayId, CellId, MemoryId, StrandId, Value, ValueId, ValueOp};
use crate::samples::{Element, Layout, Samples};

/// Edges after which the byte counters of covers are emptied: they must not wrap.
const COVER_PERIOD: u32 = 255;

/// Stack for compilation, which recurses as deep as the longest chain of values. Only what is used is ever present.
const COMPILE_STACK_BYTES: usize = 256 << 20;

/// Where an observed value is.
#[derive(Clone, Copy, Debug)]
struct Spot {
    at: usize,
    bytes: usize,
    mask: u64,
    /// Whether it is in the buffer whether the program has run or not.
    is_state: bool,
}

/// A program that settles values and changes nothing, and where they are then.
#[derive(Clone, Default)]
struct Observer {
    /// Absent where everything is in the buffer anyway.
    code: Option<Arc<Code>>,
    spots: Vec<Spot>,
    settled: bool,
}

/// Who makes the code of an edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Backend {
    /// Cranelift.
    InProcess,
    /// `rustc`.
    AheadOfTime,
}

/// The code of an edge.
enum Edge {
    InProcess(Box<Code>),
    AheadOfTime(aot::Library),
}

/// What all simulations of a compiled design share.
struct Made {
    hierarchy: Arc<Hierarchy>,
    strands: Strands,
    edge: Edge,
    gates: Option<Gates>,
    covers: Vec<CheckRef>,
}

/// Where everything is, and what it is computed from.
#[derive(Clone)]
struct Tables {
    state: State,
    values: Values,
}

/// The compiled engine.
pub(crate) struct Compiled {
    made: Arc<Made>,
    /// Shared with forks until one of them observes something new and the layout grows.
    tables: Arc<Tables>,
    buffer: Buffer,
    outputs: Option<Observer>,
    watched: Observer,
    /// Lines of the buffer that hold watched values, ascending.
    watched_lines: Vec<usize>,
    /// Cover counts but for what is in the byte counters, in the order of `covers`.
    cover_counts: HashMap<(usize, usize), u64>,
    edges_since_count: u32,
}

impl Compiled {
    pub(crate) fn new(hierarchy: Arc<Hierarchy>, backend: Backend) -> Result<Compiled, SimError> {
        let mut dissolved: HashSet<SiblingKey> = HashSet::new();
        let (strands, mut state, mut values, program) = loop {
            let strands = Strands::new(&hierarchy, &dissolved);
            // Ends because every turn dissolves more, at last down to single instances.
            match plan(&hierarchy, &strands) {
                Ok((state, values, program)) => break (strands, state, values, program),
                Err(LaneLoop(looped)) => {
                    dissolved.extend(looped.into_iter().filter_map(|id| strands.siblings(&hierarchy, id)));
                }
            }
        };
        let edge = match backend {
            Backend::InProcess => {
                Edge::InProcess(Box::new(compile(&hierarchy, &strands, &mut state, &mut values, &program)?))
            }
            Backend::AheadOfTime => {
                let source = Source { strands: &strands, state: &state, values: &values, program: &program };
                let design = hierarchy.top().name.clone();
                Edge::AheadOfTime(aot::compile(source).map_err(|reason| SimError::Codegen { design, reason })?)
            }
        };
        let mut buffer = Buffer::default();
        buffer.load(&state, &program);
        let covers: Vec<CheckRef> =
            checks(&hierarchy).filter(|(_, kind)| *kind == CheckKind::Cover).map(|(at, _)| at).collect();
        let cover_counts = covers.iter().map(|at| ((at.place, at.check), 0)).collect();
        let mut compiled = Compiled {
            made: Arc::new(Made { hierarchy, strands, edge, gates: program.gates, covers }),
            tables: Arc::new(Tables { state, values }),
            buffer,
            outputs: None,
            watched: Observer::default(),
            watched_lines: Vec::new(),
            cover_counts,
            edges_since_count: 0,
        };
        compiled.wake_all();
        Ok(compiled)
    }

    /// Everything must run at the next edge: state was set from outside.
    fn wake_all(&mut self) {
        if let Some(gates) = &self.made.gates {
            for word in 0..gates.words() {
                self.buffer.write(gates.at + word * 8, 8, gates.all(word));
            }
        }
    }

    /// Compiles what settles these values.
    fn observe(&mut self, nodes: &[FlatNode]) -> Result<Observer, SimError> {
        let Made { hierarchy, strands, .. } = &*self.made;
        let Tables { state, values } = Arc::make_mut(&mut self.tables);
        let mut plan = Plan { hierarchy, strands, state, values };
        let located: Vec<(ValueId, usize)> = nodes
            .iter()
            .map(|&flat| {
                let (node, lane) = plan.strands.locate(plan.hierarchy.driver(flat));
                (plan.value_of(node), lane)
            })
            .collect();
        let mut stored: BTreeMap<ValueId, ArrayId> = BTreeMap::new();
        let mut actions = Vec::new();
        let spots = located.into_iter().map(|(value, lane)| {
            let definition = plan.values.value(value);
            let held = match definition.op {
                ValueOp::Cell(cell) => Some(cell),
                // The same bits under another sign.
                ValueOp::Wrap(inner) => match *plan.values.value(inner) {
                    Value { op: ValueOp::Cell(cell), ty, .. } if ty.width() == definition.ty.width() => Some(cell),
                    _ => None,
                },
                _ => None,
            };
            let is_state = held.is_some();
            let array = match held {
                Some(cell) => plan.state.cell(cell).array,
                None => *stored.entry(value).or_insert_with(|| {
                    let array = plan.state.add_array(definition.strand, definition.ty);
                    let strand = definition.strand;
                    actions.push(Job { strand, limb: 0, action: Action::Store { value, array } });
                    array
                }),
            };
            let at = plan.state.address(array, lane);
            Spot { at, bytes: plan.state.array(array).element_bytes(), mask: definition.ty.mask(), is_state }
        });
        let spots: Vec<Spot> = spots.collect();
        if actions.is_empty() {
            return Ok(Observer { code: None, spots, settled: true });
        }
        let program =
            plan.schedule(actions, false).map_err(|_| codegen(hierarchy, "a loop that was not there before"))?;
        let code = compile(hierarchy, strands, state, values, &program)?;
        self.buffer.load(state, &program);
        Ok(Observer { code: Some(Arc::new(code)), spots, settled: false })
    }

    /// Compiles what settles the outputs, the first time one is read.
    fn prepare_outputs(&mut self) -> Result<(), SimError> {
        if self.outputs.is_none() {
            let top = self.made.hierarchy.top().clone();
            let nodes: Vec<FlatNode> = top.outputs.iter().map(|port| FlatNode { place: 0, node: port.node }).collect();
            self.outputs = Some(self.observe(&nodes)?);
        }
        Ok(())
    }

    fn changed(&mut self) {
        self.watched.settled = false;
        if let Some(outputs) = &mut self.outputs {
            outputs.settled = false;
        }
    }

    /// An element as a bit pattern.
    fn element(&self, array: ArrayId, lane: usize) -> u64 {
        let ty = self.tables.state.array(array).ty;
        let at = self.tables.state.address(array, lane);
        self.buffer.read(at, self.tables.state.array(array).element_bytes()) & ty.mask()
    }

    fn set_element(&mut self, array: ArrayId, lane: usize, bits: u64) {
        let definition = self.tables.state.array(array);
        let (ty, bytes) = (definition.ty, definition.element_bytes());
        self.buffer.write(self.tables.state.address(array, lane), bytes, ty.value_of(bits) as u64);
        self.wake_all();
        self.changed();
    }

    /// The array and lane of a check.
    fn check(&self, at: CheckRef) -> (ArrayId, usize) {
        let home = self.made.strands.homes[at.place];
        (self.tables.state.limb(home.strand, home.limb).checks[at.check], home.lane)
    }

    fn cell_of_register(&self, at: RegisterRef) -> (CellId, usize) {
        let home = self.made.strands.homes[at.place];
        (self.tables.state.limb(home.strand, home.limb).registers[at.register], home.lane)
    }

    fn cell_of_read(&self, at: MemoryRef, port: usize, lane: usize) -> (CellId, usize) {
        let home = self.made.strands.homes[at.place];
        (self.tables.state.limb(home.strand, home.limb).memories[at.memory].read_data[port][lane], home.lane)
    }

    /// Byte offset, element bytes and type of a lane of a word.
    fn word(&self, at: MemoryRef, word: usize, lane: usize) -> (usize, usize, myelin_hdl::Ty) {
        let home = self.made.strands.homes[at.place];
        let id: MemoryId = self.tables.state.limb(home.strand, home.limb).memories[at.memory].memory;
        let memory = self.tables.state.memory(id);
        let offset = memory.offset
            + home.lane * memory.instance_bytes()
            + word * memory.word_bytes()
            + lane * memory.element_bytes();
        (offset, memory.element_bytes(), memory.lane_ty)
    }

    fn edge(&mut self, reset: Reset) -> Option<CheckRef> {
        match reset {
            Reset::Inactive => {
                self.run_edge();
                self.edges_since_count += 1;
                if self.edges_since_count == COVER_PERIOD {
                    self.count_covers();
                }
                if self.buffer.read(self.tables.state.failed, 1) == 0 { None } else { self.failed_check() }
            }
            Reset::Active => {
                let covers = self.buffer.copy(self.tables.state.covers.clone());
                self.run_edge();
                self.buffer.restore(self.tables.state.covers.start, &covers);
                self.buffer.write(self.tables.state.failed, 1, 0);
                self.reset_registers();
                self.wake_all();
                None
            }
        }
    }

    fn run_edge(&mut self) {
        // SAFETY: the buffer was grown to this layout, the one the code was made for or a longer one.
        unsafe {
            match &self.made.edge {
                Edge::InProcess(code) => code.run(self.buffer.pointer()),
                Edge::AheadOfTime(library) => library.run(self.buffer.pointer()),
            }
        };
    }

    fn reset_registers(&mut self) {
        for cell in &self.tables.state.cells {
            if let CellKind::Register { reset: Some(reset) } = cell.kind {
                let array = self.tables.state.array(cell.array);
                let held = array.ty.value_of(reset) as u64;
                for &slot in &self.tables.state.slots(array.strand).of_lane {
                    self.buffer.write(array.offset + slot * array.element_bytes(), array.element_bytes(), held);
                }
            }
        }
    }

    fn failed_check(&mut self) -> Option<CheckRef> {
        self.buffer.write(self.tables.state.failed, 1, 0);
        checks(&self.made.hierarchy).filter(|(_, kind)| *kind != CheckKind::Cover).map(|(at, _)| at).find(|&at| {
            let (array, lane) = self.check(at);
            self.element(array, lane) == 1
        })
    }

    /// Empties the byte counters.
    fn count_covers(&mut self) {
        self.edges_since_count = 0;
        for index in 0..self.made.covers.len() {
            let at = self.made.covers[index];
            let (array, lane) = self.check(at);
            let hits = self.element(array, lane);
            *self.cover_counts.entry((at.place, at.check)).or_default() += hits;
            self.buffer.write(self.tables.state.address(array, lane), 1, 0);
        }
    }

    /// Settles and reads an observer's values.
    fn settle(buffer: &mut Buffer, observer: &mut Observer) {
        if let Some(code) = observer.code.as_ref().filter(|_| !observer.settled) {
            // SAFETY: the buffer was grown to the layout after this code was made.
            unsafe { code.run(buffer.pointer()) };
        }
        observer.settled = true;
    }
}

fn codegen(hierarchy: &Hierarchy, reason: &str) -> SimError {
    SimError::Codegen { design: hierarchy.top().name.clone(), reason: reason.to_owned() }
}

/// All checks, in the order of [`CheckRef`].
fn checks(hierarchy: &Hierarchy) -> impl Iterator<Item = (CheckRef, CheckKind)> + '_ {
    hierarchy.places.iter().enumerate().flat_map(|(place, at)| {
        at.module.checks.iter().enumerate().map(move |(check, definition)| (CheckRef { place, check }, definition.kind))
    })
}

/// Plans the edge of a division into strands.
fn plan(hierarchy: &Hierarchy, strands: &Strands) -> Result<(State, Values, Program), LaneLoop> {
    let mut state = State::new(hierarchy, strands);
    let mut values = Values::new(strands);
    let mut plan = Plan { hierarchy, strands, state: &mut state, values: &mut values };
    // What is only observed must not loop either. Ports are what drives them, which is a node as well:
    // those of many instances are not asked for before somebody looks at them.
    for (index, strand) in strands.strands.iter().enumerate() {
        for (limb, definition) in strand.limbs.iter().enumerate() {
            for (node, definition) in definition.module.nodes.iter().enumerate() {
                if !matches!(definition.op, Op::Input(_) | Op::InstanceOutput { .. }) {
                    let (strand, node) = (StrandId(index as u32), NodeId(node as u32));
                    plan.value_of(LimbNode { strand, limb, node });
                }
            }
        }
    }
    plan.refuse_lane_loops()?;
    let jobs = plan.edge_jobs();
    let program = plan.schedule(jobs, true)?;
    Ok((state, values, program))
}

/// Makes machine code on a thread whose stack is deep enough.
fn compile(
    hierarchy: &Hierarchy,
    strands: &Strands,
    state: &mut State,
    values: &mut Values,
    program: &Program,
) -> Result<Code, SimError> {
    let source = Source { strands, state, values, program };
    let compiled = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(COMPILE_STACK_BYTES);
        match thread.spawn_scoped(scope, move || native::compile(source)) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => Err(error.to_string()),
        }
    });
    compiled.map_err(|reason| SimError::Codegen { design: hierarchy.top().name.clone(), reason })
}

impl Core for Compiled {
    fn fork(&mut self) -> Result<Box<dyn Core>, SimError> {
        // Here, so that it is done once for all forks.
        self.prepare_outputs()?;
        Ok(Box::new(Compiled {
            made: self.made.clone(),
            tables: self.tables.clone(),
            buffer: self.buffer.clone(),
            outputs: self.outputs.clone(),
            watched: Observer::default(),
            watched_lines: Vec::new(),
            cover_counts: self.cover_counts.clone(),
            edges_since_count: self.edges_since_count,
        }))
    }

    fn set_input(&mut self, index: usize, bits: u64) {
        let cell = self.tables.state.input_cells[index];
        let array = *self.tables.state.array(self.tables.state.cell(cell).array);
        let (at, bytes) = (array.offset, array.element_bytes());
        let held = array.ty.value_of(bits) as u64 & (u64::MAX >> (64 - 8 * bytes));
        if self.buffer.read(at, bytes) == held {
            return;
        }
        self.buffer.write(at, bytes, held);
        if let Some(gates) = &self.made.gates {
            for &(word, mask) in &gates.inputs[index] {
                let at = gates.at + word * 8;
                let waiting = self.buffer.read(at, 8);
                self.buffer.write(at, 8, waiting | mask);
            }
        }
        self.changed();
    }

    fn input(&self, index: usize) -> u64 {
        self.element(self.tables.state.cell(self.tables.state.input_cells[index]).array, 0)
    }

    fn output(&mut self, index: usize) -> Result<u64, SimError> {
        self.prepare_outputs()?;
        let outputs = self.outputs.as_mut().expect("just prepared");
        let spot = outputs.spots[index];
        if !spot.is_state {
            Compiled::settle(&mut self.buffer, outputs);
        }
        Ok(self.buffer.read(spot.at, spot.bytes) & spot.mask)
    }

    fn outputs(&mut self, indices: &[usize], values: &mut [u64]) -> Result<(), SimError> {
        self.prepare_outputs()?;
        let outputs = self.outputs.as_mut().expect("just prepared");
        Compiled::settle(&mut self.buffer, outputs);
        for (&index, value) in indices.iter().zip(values) {
            let spot = &outputs.spots[index];
            *value = self.buffer.read_within(spot.at) & spot.mask;
        }
        Ok(())
    }

    fn watch(&mut self, nodes: &[FlatNode]) -> Result<Layout, SimError> {
        self.watched = self.observe(nodes)?;
        let addresses = || self.watched.spots.iter().map(|spot| spot.at);
        let lines: BTreeSet<usize> = addresses().map(|address| address / 64).collect();
        self.watched_lines = lines.into_iter().collect();
        let elements = addresses().zip(&self.watched.spots).map(|(address, spot)| Element {
            line: self.watched_lines.partition_point(|&line| line < address / 64),
            at: address % 64,
            bytes: spot.bytes,
        });
        Ok(Layout { lines: self.watched_lines.len(), elements: elements.collect() })
    }

    fn watched(&mut self, samples: &mut Samples) {
        Compiled::settle(&mut self.buffer, &mut self.watched);
        samples.put(self.watched_lines.iter().map(|&line| &self.buffer.0[line]));
    }

    fn step(&mut self, reset: Reset) -> Option<CheckRef> {
        self.changed();
        self.edge(reset)
    }

    fn steps(&mut self, count: u64, reset: Reset) -> (u64, Option<CheckRef>) {
        self.changed();
        for done in 1..=count {
            if let Some(failed) = self.edge(reset) {
                return (done, Some(failed));
            }
        }
        (count, None)
    }

    fn cover_hits(&self, check: CheckRef) -> u64 {
        match self.cover_counts.get(&(check.place, check.check)) {
            Some(count) => {
                let (array, lane) = self.check(check);
                count + self.element(array, lane)
            }
            None => 0,
        }
    }

    fn set_cover_hits(&mut self, check: CheckRef, hits: u64) {
        if let Some(count) = self.cover_counts.get_mut(&(check.place, check.check)) {
            *count = hits;
            let (array, lane) = self.check(check);
            self.set_element(array, lane, 0);
        }
    }

    fn register(&self, register: RegisterRef) -> u64 {
        let (cell, lane) = self.cell_of_register(register);
        self.element(self.tables.state.cell(cell).array, lane)
    }

    fn set_register(&mut self, register: RegisterRef, bits: u64) {
        let (cell, lane) = self.cell_of_register(register);
        self.set_element(self.tables.state.cell(cell).array, lane, bits);
    }

    fn read_data(&self, memory: MemoryRef, port: usize, lane: usize) -> u64 {
        let (cell, at) = self.cell_of_read(memory, port, lane);
        self.element(self.tables.state.cell(cell).array, at)
    }

    fn set_read_data(&mut self, memory: MemoryRef, port: usize, lane: usize, bits: u64) {
        let (cell, at) = self.cell_of_read(memory, port, lane);
        self.set_element(self.tables.state.cell(cell).array, at, bits);
    }

    fn memory(&self, memory: MemoryRef, word: usize, lane: usize) -> u64 {
        let (at, bytes, ty) = self.word(memory, word, lane);
        self.buffer.read(at, bytes) & ty.mask()
    }

    fn set_memory(&mut self, memory: MemoryRef, word: usize, lane: usize, bits: u64) {
        let (at, bytes, ty) = self.word(memory, word, lane);
        self.buffer.write(at, bytes, ty.value_of(bits) as u64);
        self.wake_all();
        self.changed();
    }

    // Words lie side by side in the buffer: one address for all of them.
    fn memory_words(&self, memory: MemoryRef, word: usize, _: usize, values: &mut [u64]) {
        let (at, bytes, ty) = self.word(memory, word, 0);
        for (index, value) in values.iter_mut().enumerate() {
            *value = self.buffer.read(at + index * bytes, bytes) & ty.mask();
        }
    }

    fn set_memory_words(&mut self, memory: MemoryRef, word: usize, _: usize, values: &[u64]) {
        let (at, bytes, ty) = self.word(memory, word, 0);
        for (index, &bits) in values.iter().enumerate() {
            self.buffer.write(at + index * bytes, bytes, ty.value_of(bits) as u64);
        }
        self.wake_all();
        self.changed();
    }
}
