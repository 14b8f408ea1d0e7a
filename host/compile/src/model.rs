//! A model as programs for a device and, between them, operators for the processor.

use crate::compile::{compile_for, compile_part};
use crate::error::{CompileError, Place, Refusal};
use crate::lower::{At, Refused, is_lowered, lower};
use crate::part::{Part, base, live_values};
use crate::program::Program;
use crate::requantise::Interval;
use crate::target::Target;
use core::fmt;
use myelin_graph::{Graph, Node, NodeId, Op, Range, ValueId, ranges};
use std::collections::{BTreeMap, BTreeSet};

/// A model compiled for a target: steps in an order in which each finds what it needs.
///
/// Values go from step to step by their [`ValueId`] in the graph it was compiled from, row-major in
/// the chain's order; the graph's input is given first, limited to its precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// At least one of them is for the device.
    pub steps: Vec<Step>,
    /// The heads in the graph's order: names, and which value each is; constants may be among them.
    pub outputs: Vec<(String, ValueId)>,
}

/// What is done before the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A program for the device.
    Device(Box<DeviceStep>),
    /// Operators for the processor.
    Host(HostStep),
}

/// A program and the values it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceStep {
    /// The program.
    pub program: Program,
    /// What [`Program::inputs`] are.
    pub inputs: Vec<ValueId>,
    /// What [`Program::outputs`] are.
    pub outputs: Vec<ValueId>,
}

/// Operators that the device has no means for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostStep {
    /// The operators, in order.
    pub operators: Vec<HostOperator>,
    /// The same and the flattenings that they read, ascending.
    pub nodes: Vec<NodeId>,
    /// The values they need.
    pub inputs: Vec<ValueId>,
    /// The values that others need of them.
    pub outputs: Vec<ValueId>,
}

/// An operator for the processor, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostOperator {
    /// Its node.
    pub node: NodeId,
    /// The node's name.
    pub name: String,
    /// The operator, as the chain calls it.
    pub operator: &'static str,
    /// Elements of its results.
    pub elements: u64,
    /// Why the device does not run it.
    pub reason: HostReason,
}

/// Why an operator is left to the processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostReason {
    /// The compiler refused it, or the device has no room for it.
    Refused(CompileError),
    /// The device could run it, but nothing near it needs the array: a program would cost more than it saves.
    Shallow,
}

impl fmt::Display for HostReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The operator is named already.
            HostReason::Refused(CompileError::Unsupported { refusal, .. }) => refusal.fmt(f),
            HostReason::Refused(error) => error.fmt(f),
            HostReason::Shallow => f.write_str("nothing for the array between this and other host operators"),
        }
    }
}

impl Model {
    /// The programs, in order.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.steps.iter().filter_map(|step| match step {
            Step::Device(step) => Some(&step.program),
            Step::Host(_) => None,
        })
    }

    /// What is left to the processor, in order.
    pub fn host_operators(&self) -> impl Iterator<Item = &HostOperator> {
        self.steps.iter().flat_map(|step| match step {
            Step::Host(step) => &step.operators[..],
            Step::Device(_) => &[],
        })
    }
}

/// Compiles a model for a target: what the device has no means for becomes a step of the processor.
///
/// Deterministic. A model that [`compile_for`] takes has one step. Else operators that are refused go to
/// the processor one after another until the rest compiles; the fewest steps that the order allows follow.
///
/// **Errors.** [`CompileError`] when nothing that needs the array is left for the device: then it is the
/// first refusal of the whole. Also for models whose detection overwrites what others read.
pub fn compile_model(graph: &Graph, target: &Target) -> Result<Model, CompileError> {
    let whole = compile_for(graph, target);
    let first = match whole {
        // What is dead is not run on a device; what can fail has to be run.
        Ok(program) if !graph.operators().any(|(_, node)| can_fail(&node.op)) => {
            let (inputs, outputs) = (vec![graph.input()], graph.heads().to_vec());
            let steps = vec![Step::Device(Box::new(DeviceStep { program, inputs, outputs }))];
            return Ok(Model { steps, outputs: named_heads(graph, |head| head) });
        }
        Ok(_) => None,
        Err(error) => Some(error),
    };
    match Partition::new(graph, target).divide() {
        Ok(Some(model)) => Ok(model),
        Ok(None) => Err(first.unwrap_or_else(|| overwriting(graph))),
        Err(error) => Err(first.unwrap_or(error)),
    }
}

/// Whether a run of an operator may have no answer, so that it has to be tried even if nothing needs its result.
fn can_fail(op: &Op) -> bool {
    matches!(op, Op::NonMaxSuppression(_) | Op::CvmLeftShift { .. })
}

fn named_heads(graph: &Graph, value: impl Fn(ValueId) -> ValueId) -> Vec<(String, ValueId)> {
    graph.heads().iter().map(|&head| (graph.producer(head).name.clone(), value(head))).collect()
}

/// The refusal of a model for its first operator that can fail.
fn overwriting(graph: &Graph) -> CompileError {
    let node = graph.operators().map(|(_, node)| node).find(|node| can_fail(&node.op));
    let node = node.expect("invariant: only such models get here");
    CompileError::Unsupported { place: place(node), refusal: Refusal::Operator }
}

fn place(node: &Node) -> Place {
    Place { layer: node.name.clone(), operator: node.op.name() }
}

/// The search for what goes where.
struct Partition<'g> {
    graph: &'g Graph,
    target: &'g Target,
    /// What each value can be.
    ranges: Vec<Range>,
    /// By node whether it is run at all; flattenings and variables are not.
    needed: Vec<bool>,
    /// What is left to the processor so far.
    host: BTreeMap<NodeId, HostReason>,
}

/// Nodes that have to go to the processor.
type Left = Vec<(NodeId, HostReason)>;

/// What came of compiling the steps.
enum Compiled {
    Steps(Vec<Step>),
    Left(Left),
}

/// A step before it is compiled.
#[derive(Default)]
struct Draft {
    is_host: bool,
    nodes: Vec<NodeId>,
    inputs: BTreeSet<ValueId>,
    outputs: BTreeSet<ValueId>,
}

impl<'g> Partition<'g> {
    fn new(graph: &'g Graph, target: &'g Target) -> Partition<'g> {
        let failing = graph.operators().filter(|(_, node)| can_fail(&node.op)).map(|(_, node)| node.output());
        let live = live_values(graph, graph.heads().iter().copied().chain(failing));
        let is_run = |node: &Node| {
            let named = node.op.is_variable() || matches!(node.op, Op::Flatten);
            !named && node.outputs().any(|value| live[value.index()])
        };
        let needed = graph.nodes().map(|(_, node)| is_run(node)).collect();
        Partition { graph, target, ranges: ranges(graph), needed, host: BTreeMap::new() }
    }

    /// The model; `None` if nothing is left for the device.
    fn divide(mut self) -> Result<Option<Model>, CompileError> {
        for (id, node) in self.graph.operators() {
            if self.needed[id.index()] && !is_lowered(&node.op) {
                let refused = CompileError::Unsupported { place: place(node), refusal: Refusal::Operator };
                self.host.insert(id, HostReason::Refused(refused));
            }
            if self.overwrites_visibly(node) {
                return Ok(None);
            }
        }
        // Every turn leaves one more to the processor.
        loop {
            let drafts = self.drafts();
            if drafts.iter().all(|draft| draft.is_host) {
                return Ok(None);
            }
            let left = match self.refused(&drafts)? {
                Some(left) => left,
                None => match self.compiled(&drafts)? {
                    Compiled::Steps(steps) => {
                        let outputs = named_heads(self.graph, |head| base(self.graph, head));
                        return Ok(Some(Model { steps, outputs }));
                    }
                    Compiled::Left(left) => left,
                },
            };
            self.host.extend(left);
        }
    }

    /// Whether a suppression overwrites data that others see.
    fn overwrites_visibly(&self, node: &Node) -> bool {
        let Op::NonMaxSuppression(attributes) = &node.op else { return false };
        let data = node.inputs[0];
        attributes.top_k > 0 && (self.graph.consumers(data).len() > 1 || self.graph.is_head(data))
    }

    /// The position of every node that is run: even ones are the processor's, odd ones the device's. Each
    /// is as early as its operands allow.
    fn positions(&self) -> Vec<Option<usize>> {
        let mut positions: Vec<Option<usize>> = vec![None; self.graph.node_count()];
        for (id, node) in self.graph.nodes().filter(|(id, _)| self.needed[id.index()]) {
            let parity = usize::from(!self.host.contains_key(&id));
            let behind = |&operand: &ValueId| {
                let position = positions[self.graph.value(base(self.graph, operand)).producer.index()]?;
                Some(position + usize::from(position % 2 != parity))
            };
            positions[id.index()] = Some(node.inputs.iter().filter_map(behind).max().unwrap_or(parity));
        }
        positions
    }

    /// The steps, without those that have nothing to do.
    fn drafts(&self) -> Vec<Draft> {
        let positions = self.positions();
        let count = positions.iter().flatten().max().map_or(0, |last| last + 1);
        let mut drafts: Vec<Draft> =
            (0..count).map(|position| Draft { is_host: position % 2 == 0, ..Draft::default() }).collect();
        for (id, node) in self.graph.operators() {
            let Some(position) = positions[id.index()] else { continue };
            drafts[position].nodes.push(id);
            for value in node.inputs.iter().map(|&operand| base(self.graph, operand)) {
                match positions[self.graph.value(value).producer.index()] {
                    Some(maker) if maker == position => {}
                    Some(maker) => {
                        drafts[maker].outputs.insert(value);
                        drafts[position].inputs.insert(value);
                    }
                    None if value == self.graph.input() => {
                        drafts[position].inputs.insert(value);
                    }
                    // A constant.
                    None => {}
                }
            }
        }
        for value in self.graph.heads().iter().map(|&head| base(self.graph, head)) {
            if let Some(maker) = positions[self.graph.value(value).producer.index()] {
                drafts[maker].outputs.insert(value);
            }
        }
        drafts.retain(|draft| !draft.nodes.is_empty());
        drafts
    }

    fn part(&self, draft: &Draft) -> Part<'g> {
        let mut nodes = vec![false; self.graph.node_count()];
        draft.nodes.iter().for_each(|node| nodes[node.index()] = true);
        let range = |&value: &ValueId| {
            let Range { low, high } = self.ranges[value.index()];
            (value, Interval { low, high })
        };
        let inputs = draft.inputs.iter().map(range).collect();
        Part { graph: self.graph, inputs, nodes, outputs: draft.outputs.iter().copied().collect() }
    }

    /// What has to go to the processor before anything is compiled; `None` if all can stay.
    fn refused(&self, drafts: &[Draft]) -> Result<Option<Left>, CompileError> {
        for draft in drafts.iter().filter(|draft| !draft.is_host) {
            let precision = self.target.architecture.precision();
            let Err(Refused { at, error }) = lower(&self.part(draft), precision) else { continue };
            let nodes: Vec<NodeId> = match at {
                At::Node(node) => vec![node],
                At::Input(value) => self.readers(draft, value),
                At::Output => return Err(error),
            };
            return Ok(Some(nodes.into_iter().map(|node| (node, HostReason::Refused(error.clone()))).collect()));
        }
        Ok(None)
    }

    /// The nodes of a step that read a value.
    fn readers(&self, draft: &Draft, value: ValueId) -> Vec<NodeId> {
        let reads = |id: &&NodeId| self.graph.node(**id).inputs.iter().any(|&v| base(self.graph, v) == value);
        draft.nodes.iter().filter(reads).copied().collect()
    }

    /// The steps, or what a device step had no room for, or is not worth one.
    fn compiled(&self, drafts: &[Draft]) -> Result<Compiled, CompileError> {
        let (mut steps, mut shallow) = (Vec::new(), Vec::new());
        for draft in drafts {
            if draft.is_host {
                steps.push(Step::Host(self.host_step(draft)));
                continue;
            }
            let part = self.part(draft);
            let program = match compile_part(&part, &self.target.architecture, &self.target.memory) {
                Ok(program) => program,
                Err(error) => {
                    let is_it = |id: &&NodeId| place(self.graph.node(**id)) == *error.place();
                    let Some(&node) = draft.nodes.iter().find(is_it) else { return Err(error) };
                    return Ok(Compiled::Left(vec![(node, HostReason::Refused(error))]));
                }
            };
            if program.macs() == 0 {
                shallow.extend(draft.nodes.iter().map(|&node| (node, HostReason::Shallow)));
            }
            let inputs = part.inputs.iter().map(|&(value, _)| value).collect();
            steps.push(Step::Device(Box::new(DeviceStep { program, inputs, outputs: part.outputs })));
        }
        Ok(if shallow.is_empty() { Compiled::Steps(steps) } else { Compiled::Left(shallow) })
    }

    fn host_step(&self, draft: &Draft) -> HostStep {
        let operator = |&id: &NodeId| {
            let node = self.graph.node(id);
            HostOperator {
                node: id,
                name: node.name.clone(),
                operator: node.op.name(),
                elements: node.outputs().map(|value| self.graph.shape(value).elements() as u64).sum(),
                reason: self.host[&id].clone(),
            }
        };
        let mut nodes: BTreeSet<NodeId> = draft.nodes.iter().copied().collect();
        for &id in &draft.nodes {
            for &operand in &self.graph.node(id).inputs {
                let mut value = operand;
                while let Op::Flatten = self.graph.producer(value).op {
                    nodes.insert(self.graph.value(value).producer);
                    value = self.graph.producer(value).inputs[0];
                }
            }
        }
        HostStep {
            operators: draft.nodes.iter().map(operator).collect(),
            nodes: nodes.into_iter().collect(),
            inputs: draft.inputs.iter().copied().collect(),
            outputs: draft.outputs.iter().copied().collect(),
        }
    }
}
