//! Graph to stages: which values are stored, which operators one instruction does together.
//!
//! A value is *pending* while it is a known function of a stage's 32-bit results: relu, clips, one
//! right shift, one pool and tables only change the function. It gets a buffer, and its stage a sink, when
//! an operator needs it in lanes. Stages therefore come out in an order in which each reads what
//! earlier ones wrote.

mod concatenate;
mod matrix;
mod tables;
mod values;

use crate::error::{CompileError, Place, Refusal};
use crate::network::{Buffer, BufferId, Combine, Finish, Head, MapShape, Network, Sink, Slice, Source, Stage, Window};
use crate::part::{Part, base};
use crate::requantise::{INT32, Interval, Requantise, ShiftFault};
use concatenate::Placements;
use myelin_graph::{Graph, MaxPool2d, Node, NodeId, Op, Reduce, ValueId, precision_limit};
use myelin_isa::Precision;
use std::collections::BTreeMap;
use tables::{Table, WorkingTable};
use values::{map_shape, place};

/// Most rows or columns of a map.
const SIDE_MAX: u64 = 0x7fff;

/// What of a part has no means on a cell.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub at: At,
    pub error: CompileError,
}

/// Where in the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// A value given.
    Input(ValueId),
    /// An operator.
    Node(NodeId),
    /// A value asked for.
    Output,
}

/// The stages of a part on lanes of `precision`.
///
/// **Errors.** Everything of [`CompileError`] that does not depend on the cell's size, and where.
pub(crate) fn lower(part: &Part, precision: Precision) -> Result<Network, Refused> {
    let graph = part.graph;
    let mut lowering = Lowering {
        graph,
        part,
        precision,
        lanes: Interval::symmetric(i64::from(precision.limit())),
        placements: Placements::of(part)?,
        forms: vec![None; graph.value_count()],
        roots: Vec::new(),
        buffers: Vec::new(),
        stages: Vec::new(),
        tables: Vec::new(),
        kept_tables: Vec::new(),
    };
    let mut inputs = Vec::with_capacity(part.inputs.len());
    for &(value, range) in &part.inputs {
        inputs.push(lowering.input(value, range).map_err(|error| Refused { at: At::Input(value), error })?);
    }
    for (id, node) in graph.operators().filter(|(id, _)| part.nodes[id.index()]) {
        let form = lowering.operator(node).map_err(|error| Refused { at: At::Node(id), error })?;
        lowering.forms[node.output().index()] = form;
    }
    let heads = lowering.heads()?;
    Ok(Network { buffers: lowering.buffers, stages: lowering.stages, tables: lowering.kept_tables, inputs, heads })
}

/// Whether there is a way for an operator at all; whether it is open depends on operands and attributes.
pub(crate) fn is_lowered(op: &Op) -> bool {
    matches!(
        op,
        Op::Conv2d(_)
            | Op::Dense(_)
            | Op::ElemwiseAdd
            | Op::MaxPool2d(_)
            | Op::Sum(_)
            | Op::Max(_)
            | Op::Upsampling { .. }
            | Op::Concatenate { .. }
            | Op::Relu
            | Op::CvmClip { .. }
            | Op::Clip { .. }
            | Op::CvmRightShift { .. }
            | Op::CvmLut { .. }
            | Op::Flatten
    )
}

/// Position of a root in [`Lowering::roots`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RootId(usize);

/// Something that makes 32-bit results; a stage once it has a sink.
struct Root {
    place: Place,
    /// What its results can reach.
    range: Interval,
    state: RootState,
}

enum RootState {
    Waiting(Source),
    Stage(usize),
}

/// A value as a function of a root's results: in this order.
#[derive(Debug, Clone, Copy)]
struct Pending {
    root: RootId,
    window: Option<Window>,
    requantise: Requantise,
    table: Option<WorkingTable>,
}

impl Pending {
    /// The results themselves.
    fn of(root: RootId) -> Pending {
        Pending { root, window: None, requantise: Requantise::IDENTITY, table: None }
    }
}

/// What is known of a value: at least one of `pending` and `map`.
#[derive(Debug, Clone, Copy)]
struct Form {
    shape: MapShape,
    range: Interval,
    pending: Option<Pending>,
    map: Option<Slice>,
}

struct Lowering<'g> {
    graph: &'g Graph,
    part: &'g Part<'g>,
    precision: Precision,
    /// What a lane holds.
    lanes: Interval,
    placements: Placements,
    /// By value; flattened values have none, see [`base`].
    forms: Vec<Option<Form>>,
    roots: Vec<Root>,
    buffers: Vec<Buffer>,
    stages: Vec<Stage>,
    /// All that values were found to be functions of, and those that stages use.
    tables: Vec<Table>,
    kept_tables: Vec<Vec<i8>>,
}

impl Lowering<'_> {
    fn input(&mut self, value: ValueId, range: Interval) -> Result<Slice, CompileError> {
        let place = place(self.graph, value);
        let dims = self.graph.shape(value);
        if dims.len() != 2 && dims.len() != 4 {
            return Err(CompileError::Unsupported { place, refusal: Refusal::InputRank { axes: dims.len() } });
        }
        if dims[0] != 1 {
            return Err(CompileError::Batch { place, found: dims[0] });
        }
        self.check_lanes(&place, "the input", range)?;
        let shape = map_shape(self.graph, value);
        check_sides(shape, &place)?;
        let map = self.new_buffer(shape, 1, place);
        self.forms[value.index()] = Some(Form { shape, range, pending: None, map: Some(map) });
        Ok(map)
    }

    /// The form of a node's result; `None` when it is only another name of its operand.
    fn operator(&mut self, node: &Node) -> Result<Option<Form>, CompileError> {
        let place = place(self.graph, node.output());
        check_sides(map_shape(self.graph, node.output()), &place)?;
        let form = match &node.op {
            Op::Conv2d(attributes) => self.convolution(node, place, attributes)?,
            Op::Dense(attributes) => self.dense(node, place, attributes)?,
            Op::ElemwiseAdd => self.add(node, place)?,
            Op::MaxPool2d(attributes) => self.pool(node, place, attributes)?,
            Op::Sum(attributes) => self.reduce(node, place, attributes, Combine::Sum)?,
            Op::Max(attributes) => self.reduce(node, place, attributes, Combine::Maximum)?,
            Op::Upsampling { scale } => self.enlarge(node, place, *scale)?,
            Op::Concatenate { .. } => self.concatenate(node, place)?,
            Op::Relu => self.unary(node, place, |f, _| Ok(f.then_clamp(0, i64::MAX)))?,
            Op::CvmClip { precision } => {
                let limit = i64::from(precision_limit(*precision));
                self.unary(node, place, |f, _| Ok(f.then_clamp(-limit, limit)))?
            }
            Op::Clip { a_min, a_max } => {
                self.unary(node, place, |f, _| Ok(f.then_clamp(i64::from(*a_min), i64::from(*a_max))))?
            }
            Op::CvmRightShift { precision, shift_bit } => {
                self.unary(node, place, |f, range| f.then_right_shift(*precision, *shift_bit, range))?
            }
            Op::CvmLut { .. } => self.look_up(node, place)?,
            Op::Flatten => {
                self.form(&place, node.inputs[0])?;
                return Ok(None);
            }
            _ => return Err(CompileError::Unsupported { place, refusal: Refusal::Operator }),
        };
        Ok(Some(form))
    }

    /// One of the operators that only change a value's function.
    fn unary(
        &mut self,
        node: &Node,
        place: Place,
        then: impl Fn(Requantise, Interval) -> Result<Requantise, ShiftFault>,
    ) -> Result<Form, CompileError> {
        let operand = node.inputs[0];
        let form = self.form(&place, operand)?;
        let root_range = |lowering: &Self, pending: Pending| lowering.roots[pending.root.0].range;
        if let Some(Pending { table: Some(_), .. }) = form.pending {
            let then = then(Requantise::IDENTITY, form.range).map_err(|_| wrapping(place.clone(), form.range))?;
            return self.mapped(node, place, INT32, |value| then.apply(value));
        }
        if let Some(pending) = form.pending {
            let range = root_range(self, pending);
            match then(pending.requantise, range) {
                Ok(requantise) => {
                    let pending = Some(Pending { requantise, ..pending });
                    return Ok(Form { range: requantise.range(range), pending, map: None, ..form });
                }
                Err(ShiftFault::Wraps) => return Err(wrapping(place, range)),
                Err(ShiftFault::Second) if !form.range.within(self.lanes) => {
                    return Err(CompileError::Unsupported { place, refusal: Refusal::SecondShift });
                }
                Err(ShiftFault::Second) => {}
            }
        }
        let requantise = then(Requantise::IDENTITY, form.range).map_err(|_| wrapping(place.clone(), form.range))?;
        let range = requantise.range(form.range);
        if requantise.shift == 0 && range == form.range && form.pending.is_none() {
            return Ok(form);
        }
        let input = self.materialise(operand)?;
        let source = Source::Pool { input, window: Window::unit(form.shape), combine: Combine::Maximum };
        let root = self.new_root(place, source, form.range);
        Ok(Form { range, pending: Some(Pending { requantise, ..Pending::of(root) }), map: None, ..form })
    }

    fn pool(&mut self, node: &Node, place: Place, pool: &MaxPool2d) -> Result<Form, CompileError> {
        let operand = node.inputs[0];
        let form = self.form(&place, operand)?;
        let shape = map_shape(self.graph, node.output());
        let window = Window {
            size: pool.pool_size,
            strides: pool.strides,
            padding: pool.padding,
            output: [shape.height, shape.width],
        };
        // A value that others read too is stored anyway, so the pool reads it from there.
        let shared = self.graph.consumers(operand).len() > 1 || self.graph.is_head(operand);
        let stored = form.map.is_some() || (shared && form.range.within(self.lanes));
        if let Some(pending) = form.pending
            && pending.window.is_none()
            && pending.table.is_none()
            && !stored
        {
            let pending = Some(Pending { window: Some(window), ..pending });
            return Ok(Form { shape, pending, ..form });
        }
        let input = self.materialise(operand)?;
        Ok(self.rooted(place, Source::Pool { input, window, combine: Combine::Maximum }, shape, form.range))
    }

    /// A sum or maximum over the whole of every channel; the chain's slips concern other axes.
    fn reduce(&mut self, node: &Node, place: Place, reduce: &Reduce, combine: Combine) -> Result<Form, CompileError> {
        let operand = node.inputs[0];
        let form = self.form(&place, operand)?;
        let axes = self.graph.shape(operand).len();
        let reduced = reduce.reduced(axes);
        let all = axes == 4 && reduced == [0, 1, 2, 3] && form.shape.channels == 1;
        // Over all axes the chain's device starts from 0: a maximum is then never negative.
        if !(axes == 4 && reduced == [2, 3] || all && combine == Combine::Sum) {
            return Err(CompileError::Unsupported { place, refusal: Refusal::ReducedAxes });
        }
        let input = self.materialise(operand)?;
        let MapShape { channels, height, width } = form.shape;
        let window = Window { size: [height, width], strides: [1; 2], padding: [0; 2], output: [1; 2] };
        let count = if combine == Combine::Sum { form.shape.pixels() as i64 } else { 1 };
        let range = Interval { low: form.range.low * count, high: form.range.high * count };
        let shape = MapShape { channels, height: 1, width: 1 };
        Ok(self.rooted(place, Source::Pool { input, window, combine }, shape, range))
    }

    fn enlarge(&mut self, node: &Node, place: Place, scale: usize) -> Result<Form, CompileError> {
        let form = self.form(&place, node.inputs[0])?;
        let input = self.materialise(node.inputs[0])?;
        let shape = map_shape(self.graph, node.output());
        Ok(self.rooted(place, Source::Enlarge { input, scale }, shape, form.range))
    }

    /// The form of a new root's results.
    fn rooted(&mut self, place: Place, source: Source, shape: MapShape, range: Interval) -> Form {
        let root = self.new_root(place, source, range);
        let pending = Some(Pending::of(root));
        Form { shape, range, pending, map: None }
    }

    fn add(&mut self, node: &Node, place: Place) -> Result<Form, CompileError> {
        let [left, right] = [self.form(&place, node.inputs[0])?, self.form(&place, node.inputs[1])?];
        if left.shape != right.shape {
            let refusal = Refusal::Order { a: left.shape.sizes(), b: right.shape.sizes() };
            return Err(CompileError::Unsupported { place, refusal });
        }
        let mut a = self.materialise(node.inputs[0])?;
        let mut b = self.materialise(node.inputs[1])?;
        if a.pitch != b.pitch {
            // Both operands are read with the same steps.
            a = self.tightened(a, &place, left.range);
            b = self.tightened(b, &place, right.range);
        }
        let range = Interval { low: left.range.low + right.range.low, high: left.range.high + right.range.high };
        Ok(self.rooted(place, Source::Add { a, b }, left.shape, range))
    }

    fn tightened(&mut self, slice: Slice, place: &Place, range: Interval) -> Slice {
        if slice.is_tight() {
            return slice;
        }
        let copy = self.new_buffer(slice.shape, 1, place.clone());
        self.copy(slice, copy, place, range);
        copy
    }

    /// A stage that copies `from` to `to`.
    fn copy(&mut self, from: Slice, to: Slice, place: &Place, range: Interval) {
        let source = Source::Pool { input: from, window: Window::unit(from.shape), combine: Combine::Maximum };
        let root = self.new_root(place.clone(), source, range);
        self.add_sink(Pending::of(root), to);
    }

    fn heads(&mut self) -> Result<Vec<Head>, Refused> {
        let mut raw: BTreeMap<ValueId, Head> = BTreeMap::new();
        let mut heads = Vec::with_capacity(self.part.outputs.len());
        for &head in &self.part.outputs {
            let value = base(self.graph, head);
            let place = place(self.graph, value);
            let output = |error| Refused { at: At::Output, error };
            let form = self.form(&place, value).map_err(output)?;
            let pending = match form.pending {
                // What a table gives is never wider than lanes on the device.
                Some(Pending { table: Some(_), .. }) => {
                    let at = At::Node(self.graph.value(value).producer);
                    self.check_lanes(&place, "an entry of the table", form.range)
                        .map_err(|error| Refused { at, error })?;
                    heads.push(Head { slice: self.materialise(value).map_err(output)?, raw: None });
                    continue;
                }
                Some(pending) if form.map.is_none() && !form.range.within(self.lanes) => pending,
                _ => {
                    heads.push(Head { slice: self.materialise(value).map_err(output)?, raw: None });
                    continue;
                }
            };
            let head = raw.get(&value).copied().unwrap_or_else(|| self.raw_head(&form, pending, place));
            raw.insert(value, head);
            heads.push(head);
        }
        Ok(heads)
    }

    /// A head too wide for lanes: as many planes as its root's results need.
    fn raw_head(&mut self, form: &Form, pending: Pending, place: Place) -> Head {
        let bits = self.roots[pending.root.0].range.bits();
        let planes = bits.div_ceil(self.precision.bits());
        let slice = self.new_buffer(form.shape, planes, place);
        let sink = Sink { window: pending.window, finish: Finish::Raw { planes }, destination: slice };
        self.stage_of(pending.root).sinks.push(sink);
        Head { slice, raw: Some((planes, pending.requantise)) }
    }

    /// The form of an operand.
    fn form(&self, reader: &Place, value: ValueId) -> Result<Form, CompileError> {
        let form = self.forms[base(self.graph, value).index()];
        // Every live value that is not a parameter has been visited: the nodes are in order.
        form.ok_or_else(|| CompileError::Unsupported { place: reader.clone(), refusal: Refusal::ConstantOperand })
    }

    /// The slice that holds a value that has a form, giving it one if need be.
    fn materialise(&mut self, value: ValueId) -> Result<Slice, CompileError> {
        let value = base(self.graph, value);
        let form = self.forms[value.index()].expect("invariant: the value has a form");
        if let Some(slice) = form.map {
            return Ok(slice);
        }
        let place = place(self.graph, value);
        self.check_lanes(&place, "the result", form.range)?;
        let pending = form.pending.expect("invariant: a form is pending or stored");
        let slice = match self.placements.of_value(value) {
            Some((joined, offset)) => {
                let outer = self.concatenation(joined);
                Slice { offset: outer.offset + offset, shape: form.shape, ..outer }
            }
            None => self.new_buffer(form.shape, 1, place),
        };
        self.add_sink(pending, slice);
        self.forms[value.index()] = Some(Form { map: Some(slice), ..form });
        Ok(slice)
    }

    fn add_sink(&mut self, pending: Pending, destination: Slice) {
        let requantise = pending.requantise;
        let finish = match pending.table {
            Some(table) => Finish::LookUp { requantise, table: self.kept(table) },
            None => Finish::Requantise(requantise),
        };
        self.stage_of(pending.root).sinks.push(Sink { window: pending.window, finish, destination });
    }

    /// The root's stage, which it becomes with its first sink.
    fn stage_of(&mut self, root: RootId) -> &mut Stage {
        let root = &mut self.roots[root.0];
        let index = match core::mem::replace(&mut root.state, RootState::Stage(self.stages.len())) {
            RootState::Stage(index) => index,
            RootState::Waiting(source) => {
                self.stages.push(Stage { place: root.place.clone(), source, sinks: Vec::new() });
                self.stages.len() - 1
            }
        };
        root.state = RootState::Stage(index);
        &mut self.stages[index]
    }

    fn new_root(&mut self, place: Place, source: Source, range: Interval) -> RootId {
        self.roots.push(Root { place, range, state: RootState::Waiting(source) });
        RootId(self.roots.len() - 1)
    }

    fn new_buffer(&mut self, shape: MapShape, planes: u32, place: Place) -> Slice {
        self.buffers.push(Buffer { shape, planes, place });
        Slice { buffer: BufferId(self.buffers.len() - 1), offset: 0, shape, pitch: shape.channels }
    }

    fn check_lanes(&self, place: &Place, what: &'static str, range: Interval) -> Result<(), CompileError> {
        if range.within(self.lanes) {
            return Ok(());
        }
        Err(CompileError::Range { place: place.clone(), what, range, precision: self.precision })
    }
}

/// That rows and columns can be counted by the signed 16-bit fields of the descriptors.
fn check_sides(shape: MapShape, place: &Place) -> Result<(), CompileError> {
    for (what, found) in [("rows of a map", shape.height as u64), ("columns of a map", shape.width as u64)] {
        if found > SIDE_MAX {
            return Err(CompileError::Limit { place: place.clone(), what, found, max: SIDE_MAX });
        }
    }
    Ok(())
}

fn wrapping(place: Place, range: Interval) -> CompileError {
    CompileError::Unsupported { place, refusal: Refusal::WrappingShift { range } }
}
