//! From a graph to steps on buffers: layouts, fusion, packing, the memory plan.

mod chain;
mod layers;
mod memory;
mod moves;
mod place;

use crate::buffer::Buffer;
use crate::kernel::Kernels;
use crate::run::{Planned, Step, work_buffer};
use crate::view::{Element, Source, View};
use memory::Lifetime;
use myelin_graph::{Graph, Node, NodeId, Op, Range, ValueId, ranges};
use place::Place;

/// A graph prepared for a set of kernels.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Planned>,
    pub(crate) constants: Vec<Buffer>,
    /// For each buffer the views name, its slot.
    pub(crate) slots: Vec<usize>,
    /// Bytes of each slot.
    pub(crate) slot_bytes: Vec<usize>,
    /// Where the inputs go, in the chain's order; they are the first buffers, in this order.
    pub(crate) inputs: Vec<View>,
    /// The outputs, 32-bit and in the chain's order.
    pub(crate) heads: Vec<View>,
    /// Most rows of boxes of a step.
    pub(crate) boxes_max: usize,
    /// Bytes of constants, packed weights and steps.
    pub(crate) held_bytes: u64,
}

/// What of a graph is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The values given; of each 32-bit integer that its range allows.
    pub(crate) inputs: Vec<ValueId>,
    /// By node, whether it is run.
    pub(crate) nodes: Vec<bool>,
    /// The values asked for.
    pub(crate) outputs: Vec<ValueId>,
}

impl Part {
    /// All of it.
    pub(crate) fn whole(graph: &Graph) -> Part {
        Part { inputs: vec![graph.input()], nodes: vec![true; graph.node_count()], outputs: graph.heads().to_vec() }
    }
}

/// Plans a part of a graph.
pub(crate) fn plan(graph: &Graph, part: &Part, kernels: &Kernels) -> Plan {
    Planner::new(graph, part, kernels, Purpose::Run).plan()
}

/// What a plan takes, without taking it: bytes that packed weights, constants and steps hold, and bytes
/// of a workspace.
///
/// Packing can multiply weights (a block of channels of which one is used), and every reader of a
/// constant may want a halo of its own, so the files' lengths say little.
pub(crate) fn measure(graph: &Graph, kernels: &Kernels) -> [u64; 2] {
    let plan = Planner::new(graph, &Part::whole(graph), kernels, Purpose::Measure).plan();
    [plan.held_bytes, plan.slot_bytes.iter().map(|&bytes| bytes as u64).sum()]
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Run,
    /// Nothing is packed or copied.
    Measure,
}

struct Planner<'g> {
    graph: &'g Graph,
    part: &'g Part,
    kernels: &'g Kernels,
    ranges: Vec<Range>,
    /// For each value the zeros that convolutions want around it.
    halos: Vec<[usize; 2]>,
    /// For each node the chain it is the end of, or `None` if it is inside one.
    chains: Vec<Option<Vec<NodeId>>>,
    /// For each value where it lies: as it was computed, and converted.
    places: Vec<Vec<Place>>,
    steps: Vec<Planned>,
    buffers: Vec<Lifetime>,
    constants: Vec<Buffer>,
    boxes_max: usize,
    purpose: Purpose,
    held_bytes: u64,
}

impl<'g> Planner<'g> {
    fn new(graph: &'g Graph, part: &'g Part, kernels: &'g Kernels, purpose: Purpose) -> Self {
        let ranges = ranges(graph);
        let halos = layers::halos(graph);
        let chains = chain::chains(graph, part, &ranges, &halos, kernels);
        let mut planner = Self {
            graph,
            part,
            kernels,
            ranges,
            halos,
            chains,
            places: vec![Vec::new(); graph.value_count()],
            steps: Vec::new(),
            buffers: Vec::new(),
            constants: Vec::new(),
            boxes_max: 0,
            purpose,
            held_bytes: 0,
        };
        for &input in &part.inputs {
            let (element, count) = (planner.element(input), graph.shape(input).elements());
            let view = planner.new_plain(element, count);
            planner.places[input.index()].push(Place::plain(view));
        }
        planner
    }

    fn plan(mut self) -> Plan {
        let (graph, part) = (self.graph, self.part);
        for (id, node) in graph.operators().filter(|(id, _)| part.nodes[id.index()]) {
            self.node(id, node);
        }
        self.finish()
    }

    /// Counts bytes that the plan holds; whether they are to be taken.
    fn hold(&mut self, bytes: u64) -> bool {
        self.held_bytes = self.held_bytes.saturating_add(bytes);
        self.purpose == Purpose::Run
    }

    fn node(&mut self, id: NodeId, node: &'g Node) {
        if let Some(chain) = self.chains[id.index()].take() {
            return self.chain(&chain);
        }
        match &node.op {
            Op::Conv2d(a) if !self.is_narrow(node) => self.wide_conv(node, a),
            Op::Dense(_) if !self.is_narrow(node) => self.wide_dense(node),
            Op::CvmLeftShift { .. } => {
                let output = node.output();
                let view = self.new_plain(Element::I32, self.graph.shape(output).elements());
                self.emit(Step::Fail { operator: node.op.name() }, &[view]);
                self.places[output.index()].push(Place::plain(view));
            }
            Op::CvmLut { .. } if self.graph.param(node.inputs[1]).is_none() => self.move_or_pick(node),
            // Inside a chain, which is planned at its end.
            op if chain::is_chainable(op) => {}
            _ => self.move_or_pick(node),
        }
    }

    fn is_narrow(&self, node: &Node) -> bool {
        layers::is_narrow(self.graph, &self.ranges, &self.halos, self.kernels, node)
    }

    /// How a value is stored where nothing else is asked for.
    fn element(&self, value: ValueId) -> Element {
        if self.ranges[value.index()].fits_i8() { Element::I8 } else { Element::I32 }
    }

    fn new_buffer(&mut self, bytes: usize) -> Source {
        // It is written by the next step.
        let from = self.steps.len();
        self.buffers.push(Lifetime { bytes, from, until: from });
        Source::Work(self.buffers.len() - 1)
    }

    /// A new value in the chain's order.
    fn new_plain(&mut self, element: Element, count: usize) -> View {
        let source = self.new_buffer(count * element.size());
        View::plain(source, element, count)
    }

    /// A new picture with the channel last, in a halo for those who read it.
    fn new_picture(&mut self, element: Element, value: ValueId) -> Place {
        let shape = self.graph.shape(value).nchw().expect("invariant: pictures have four axes");
        let halo = if element == Element::I8 { self.halos[value.index()] } else { [0, 0] };
        let mut view = View::picture(Source::Work(0), element, shape, halo);
        view.source = self.new_buffer(view.extent() * element.size());
        Place::picture(view, halo)
    }

    /// Appends a step that writes these views.
    fn emit(&mut self, step: Step, outputs: &[View]) {
        let index = self.steps.len();
        for read in step.reads() {
            if let Some(buffer) = work_buffer(&read) {
                self.buffers[buffer].until = index;
            }
        }
        let halo = outputs.first().copied().filter(|view| !view.is_dense());
        let written_bytes = outputs.iter().map(|view| (view.count() * view.element.size()) as u64).sum();
        let outputs: Vec<usize> = outputs.iter().filter_map(work_buffer).collect();
        for &output in &outputs {
            // Nobody may need the result, yet it must not lie on what the step reads.
            self.buffers[output].until = self.buffers[output].until.max(index);
        }
        self.held_bytes += size_of::<Planned>() as u64;
        self.steps.push(Planned { step, outputs, written_bytes, halo });
    }

    fn finish(mut self) -> Plan {
        let heads: Vec<View> = self.part.outputs.iter().map(|&head| self.plain(head, Some(Element::I32))).collect();
        for head in &heads {
            if let Some(buffer) = work_buffer(head) {
                self.buffers[buffer].until = usize::MAX;
            }
        }
        let inputs = self.part.inputs.iter().map(|input| self.places[input.index()][0].view).collect();
        let (slots, slot_bytes) = memory::assign(&self.buffers);
        Plan {
            steps: self.steps,
            constants: self.constants,
            slots,
            slot_bytes,
            inputs,
            heads,
            boxes_max: self.boxes_max,
            held_bytes: self.held_bytes,
        }
    }
}
