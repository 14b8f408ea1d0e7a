//! Networks prepared for this machine, and running them.

use crate::Error;
use crate::buffer::Buffer;
use crate::kernel::Kernels;
use crate::output::Output;
use crate::path::{Isa, Path, for_each_isa};
use crate::plan::{self, Part, Plan};
use crate::run::{Context, NmsScratch, Planned};
use crate::view::{Element, Memory, View};
use myelin_graph::{Graph, precision_limit};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How a network is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Most threads a run may use, from 1.
    pub threads: usize,
    /// The kernels; `None` takes the environment's ([`crate::PATH_VARIABLE`]), or else the fastest.
    pub path: Option<Path>,
}

impl Default for Options {
    /// One thread, the fastest path.
    fn default() -> Self {
        Self { threads: 1, path: None }
    }
}

/// A graph with its weights packed and its memory planned.
///
/// Immutable and shared between threads; every thread runs it on a [`Workspace`] of its own.
#[derive(Debug)]
pub struct Network {
    graph: Arc<Graph>,
    plan: Plan,
    path: Path,
    kernels: Kernels,
    threads: usize,
    pool: Option<ThreadPool>,
    identity: u64,
}

/// The memory of a run, allocated once.
#[derive(Debug, Clone)]
pub struct Workspace {
    buffers: Vec<Buffer>,
    scratch: NmsScratch,
    output: Output,
    network: u64,
}

impl Network {
    /// Prepares a graph: chooses kernels, packs weights, plans memory.
    ///
    /// **Errors.** [`Error::PathUnavailable`], [`Error::PathName`], [`Error::Threads`].
    pub fn prepare(graph: &Graph, options: &Options) -> Result<Self, Error> {
        let path = Path::choose(options.path)?;
        Self::with_kernels(graph, &Part::whole(graph), path, Kernels::of(path), options.threads)
    }

    /// [`Network::prepare`] of a part: its runs are [`Network::run_given`].
    pub(crate) fn of_part(graph: &Graph, part: &Part, options: &Options) -> Result<Self, Error> {
        let path = Path::choose(options.path)?;
        Self::with_kernels(graph, part, path, Kernels::of(path), options.threads)
    }

    /// [`Network::prepare`], if network and one workspace take no more than `bytes_max` beside the graph,
    /// whose weights are shared; that is known before they are taken.
    ///
    /// **Errors.** As [`Network::prepare`], and [`Error::Memory`].
    pub fn prepare_within(graph: &Graph, options: &Options, bytes_max: u64) -> Result<Self, Error> {
        let kernels = Kernels::of(Path::choose(options.path)?);
        let [held, workspace] = plan::measure(graph, &kernels);
        let needed = held.saturating_add(workspace);
        if needed > bytes_max {
            return Err(Error::Memory { needed, allowed: bytes_max });
        }
        Self::prepare(graph, options)
    }

    /// [`Network::prepare`] for given kernels, whose plain loops are those of `path`.
    fn with_kernels(graph: &Graph, part: &Part, path: Path, kernels: Kernels, threads: usize) -> Result<Self, Error> {
        static NETWORKS: AtomicU64 = AtomicU64::new(0);
        let threads = threads.max(1);
        let pool = if threads > 1 {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            Some(pool.map_err(|error| Error::Threads { threads, reason: error.to_string() })?)
        } else {
            None
        };
        let plan = plan::plan(graph, part, &kernels);
        let identity = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let graph = Arc::new(graph.clone());
        Ok(Self { graph, plan, path, kernels, threads, pool, identity })
    }

    /// The graph it was prepared from.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The kernels in use.
    pub fn path(&self) -> Path {
        self.path
    }

    /// Bytes of packed weights and constants, beside the graph.
    pub fn held_bytes(&self) -> u64 {
        self.plan.held_bytes
    }

    /// Bytes of a workspace's buffers.
    pub fn workspace_bytes(&self) -> u64 {
        self.plan.slot_bytes.iter().map(|&bytes| bytes as u64).sum()
    }

    /// Allocates the memory of runs, one at a time.
    pub fn workspace(&self) -> Workspace {
        let buffers = self.plan.slot_bytes.iter().map(|&bytes| Buffer::zeroed(bytes)).collect();
        let mut scratch = NmsScratch::default();
        scratch.reserve(self.plan.boxes_max);
        Workspace { buffers, scratch, output: Output::new(&self.graph), network: self.identity }
    }

    /// The answer to one input given as bytes, the way the chain's C interface takes it.
    ///
    /// **Shapes and units.** [`Graph::input_length`] bytes; per element one signed byte, or four
    /// little-endian, by [`Graph::input_type_size`].
    /// **Numbers, Errors.** As [`Network::run_i32`].
    pub fn run<'w>(&self, workspace: &'w mut Workspace, input: &[i8]) -> Result<&'w Output, Error> {
        self.run_bytes(workspace, input, None)
    }

    /// The answer to one input given as values, row-major in the chain's order.
    ///
    /// **Numbers.** Values beyond the input's precision are limited to it. With one thread nothing
    /// is allocated.
    ///
    /// **Errors.** [`Error::InputLength`], [`Error::ForeignWorkspace`]; [`Error::NotOnCpu`] and
    /// [`Error::Undefined`] where the chain has no answer; [`Error::HeadRows`], [`Error::BoxCount`].
    /// The workspace can be used again.
    ///
    /// **Source.** cvm-runtime b5a2518, `CVMAPIInference`, CPU device, as `myelin-golden` states it.
    pub fn run_i32<'w>(&self, workspace: &'w mut Workspace, input: &[i32]) -> Result<&'w Output, Error> {
        self.check_elements(input.len())?;
        self.run_values(workspace, input.iter().copied(), None)
    }

    /// **Errors.** [`Error::InputLength`] unless the input has this many elements.
    pub(crate) fn check_elements(&self, found: usize) -> Result<(), Error> {
        let expected = self.graph.input_shape().elements();
        if found == expected { Ok(()) } else { Err(Error::InputLength { unit: "elements", expected, found }) }
    }

    /// [`Network::run`], given up at `deadline`: what a model may take of a machine has a bound then,
    /// whatever the model.
    ///
    /// **Timing.** Looked at between steps and after every part of a step, some milliseconds each.
    ///
    /// **Errors.** As [`Network::run`], and [`Error::Deadline`].
    pub fn run_until<'w>(
        &self,
        workspace: &'w mut Workspace,
        input: &[i8],
        deadline: Instant,
    ) -> Result<&'w Output, Error> {
        self.run_bytes(workspace, input, Some(deadline))
    }

    fn run_bytes<'w>(
        &self,
        workspace: &'w mut Workspace,
        input: &[i8],
        deadline: Option<Instant>,
    ) -> Result<&'w Output, Error> {
        let expected = self.graph.input_length() as usize;
        if input.len() != expected {
            return Err(Error::InputLength { unit: "bytes", expected, found: input.len() });
        }
        if self.graph.input_type_size() == 1 && self.plan.inputs[0].element == Element::I8 {
            self.check(workspace)?;
            let limit = precision_limit(self.graph.input_precision()).min(i32::from(i8::MAX)) as i8;
            // The input is the plan's first buffer.
            let buffer = workspace.buffers[self.plan.slots[0]].bytes_mut();
            limited(Isa::of(self.path), input, limit, self.kernels.flip, buffer);
            self.run_steps(workspace, deadline)
        } else if self.graph.input_type_size() == 1 {
            self.run_values(workspace, input.iter().map(|&byte| i32::from(byte)), deadline)
        } else {
            let words = input.chunks_exact(4).map(|c| [c[0] as u8, c[1] as u8, c[2] as u8, c[3] as u8]);
            self.run_values(workspace, words.map(i32::from_le_bytes), deadline)
        }
    }

    fn run_values<'w>(
        &self,
        workspace: &'w mut Workspace,
        input: impl Iterator<Item = i32>,
        deadline: Option<Instant>,
    ) -> Result<&'w Output, Error> {
        self.load(workspace, input)?;
        self.run_steps(workspace, deadline)
    }

    /// Runs on the input that the workspace holds.
    fn run_steps<'w>(&self, workspace: &'w mut Workspace, deadline: Option<Instant>) -> Result<&'w Output, Error> {
        let context = self.context(deadline);
        for step in &self.plan.steps {
            self.step(step, &context, workspace)?;
        }
        let memory = self.memory(&workspace.buffers);
        for (head, view) in workspace.output.heads_mut().iter_mut().zip(&self.plan.heads) {
            head.values.copy_from_slice(&memory.buffer(view).words()[..view.count()]);
        }
        workspace.output.join()?;
        Ok(&workspace.output)
    }

    fn memory<'b>(&'b self, work: &'b [Buffer]) -> Memory<'b> {
        Memory { work, slots: &self.plan.slots, constants: &self.plan.constants, flip: self.kernels.flip }
    }

    /// A part's outputs for its inputs, both in the part's order, which must be within their ranges.
    ///
    /// **Errors.** As [`Network::run_i32`].
    pub(crate) fn run_given(&self, workspace: &mut Workspace, inputs: &[&[i32]]) -> Result<Vec<Vec<i32>>, Error> {
        self.check(workspace)?;
        let (expected, found) = (self.plan.inputs.len(), inputs.len());
        if found != expected {
            return Err(Error::InputLength { unit: "values", expected, found });
        }
        for (position, (values, view)) in inputs.iter().zip(&self.plan.inputs).enumerate() {
            if values.len() != view.count() {
                let (expected, found) = (view.count(), values.len());
                return Err(Error::InputLength { unit: "elements", expected, found });
            }
            self.put(workspace, position, values.iter().copied());
        }
        let context = self.context(None);
        for step in &self.plan.steps {
            self.step(step, &context, workspace)?;
        }
        let memory = self.memory(&workspace.buffers);
        let values = |view: &View| memory.buffer(view).words()[..view.count()].to_vec();
        Ok(self.plan.heads.iter().map(values).collect())
    }

    fn check(&self, workspace: &Workspace) -> Result<(), Error> {
        if workspace.network == self.identity { Ok(()) } else { Err(Error::ForeignWorkspace) }
    }

    /// Puts the input, limited to its precision, where the plan wants it.
    pub(crate) fn load(&self, workspace: &mut Workspace, input: impl Iterator<Item = i32>) -> Result<(), Error> {
        self.check(workspace)?;
        let limit = precision_limit(self.graph.input_precision());
        self.put(workspace, 0, input.map(|x| x.clamp(-limit, limit)));
        Ok(())
    }

    /// Writes an input of the plan: they are its first buffers.
    fn put(&self, workspace: &mut Workspace, position: usize, input: impl Iterator<Item = i32>) {
        let flip = self.kernels.flip;
        let buffer = &mut workspace.buffers[self.plan.slots[position]];
        match self.plan.inputs[position].element {
            Element::I8 => buffer.bytes_mut().iter_mut().zip(input).for_each(|(to, x)| *to = x as u8 ^ flip),
            Element::I32 => buffer.words_mut().iter_mut().zip(input).for_each(|(to, x)| *to = x),
        }
    }

    /// What the steps of a run are told.
    pub(crate) fn context(&self, deadline: Option<Instant>) -> Context<'_> {
        let (isa, threads, pool) = (Isa::of(self.path), self.threads, self.pool.as_ref());
        Context { kernels: self.kernels, isa, threads, pool, deadline }
    }

    /// Runs one step of the plan.
    pub(crate) fn step(&self, step: &Planned, context: &Context<'_>, workspace: &mut Workspace) -> Result<(), Error> {
        let plan = &self.plan;
        step.run(context, &mut workspace.buffers, &plan.slots, &plan.constants, &mut workspace.scratch)?;
        if context.is_late() { Err(Error::Deadline) } else { Ok(()) }
    }

    /// The plan's steps.
    pub(crate) fn steps(&self) -> &[Planned] {
        &self.plan.steps
    }
}

for_each_isa! {
    fn limited(input: &[i8], limit: i8, flip: u8, out: &mut [u8]) = limited_inner
}

/// Stores bytes, limited to `-limit..=limit`.
#[inline(always)]
fn limited_inner(input: &[i8], limit: i8, flip: u8, out: &mut [u8]) {
    out.iter_mut().zip(input).for_each(|(to, &x)| *to = x.max(-limit).min(limit).cast_unsigned() ^ flip);
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "Clippy sees tests only in functions marked so")]
mod tests {
    use super::*;
    use myelin_graph::{Conv2d, GraphBuilder, Postprocess, Tensor};

    /// Odd channels, groups, strides and dilation, each behind the other.
    fn graph() -> Graph {
        let mut b = GraphBuilder::new();
        let mut x = b.input(&[2, 6, 13, 11], 8).unwrap();
        let layers = [
            Conv2d::square(40, 3).with_padding(1),
            Conv2d::square(64, 1),
            Conv2d::square(64, 3).with_padding(2).with_groups(16),
            Conv2d { dilation: [2, 1], ..Conv2d::square(70, 3).with_padding(2) },
            Conv2d::square(33, 2).with_stride(2),
        ];
        for (i, conv) in layers.into_iter().enumerate() {
            let shape = [conv.channels, b.shape(x).unwrap()[1] / conv.groups, conv.kernel[0], conv.kernel[1]];
            let count = shape.iter().product::<usize>();
            let weights = (0..count).map(|k| ((k * 31 + i) % 255) as i32 - 127).map(|w| w as i8).collect();
            let w = b.param(&format!("w{i}"), Tensor::from_i8(&shape, weights).unwrap(), 8).unwrap();
            let y = b.conv2d(&format!("conv{i}"), x, w, None, conv).unwrap();
            x = b.cvm_right_shift(&format!("shift{i}"), y, 8, 9).unwrap();
        }
        b.finish(vec![x], Postprocess::None).unwrap()
    }

    #[test]
    fn amx_on_modelled_registers_answers_as_the_scalar_path_does() {
        let graph = graph();
        let input: Vec<i8> = (0..graph.input_shape().elements()).map(|i| (i * 73 % 255) as u8 as i8).collect();
        let whole = Part::whole(&graph);
        let scalar = Network::with_kernels(&graph, &whole, Path::Scalar, Kernels::of(Path::Scalar), 1).unwrap();
        let kernels = crate::kernel::amx::SOFTWARE_KERNELS;
        let modelled = Network::with_kernels(&graph, &whole, Path::Scalar, kernels, 2).unwrap();
        let (mut a, mut b) = (scalar.workspace(), modelled.workspace());
        let expected = scalar.run(&mut a, &input).unwrap();
        assert_eq!(modelled.run(&mut b, &input).unwrap(), expected);
        assert!(expected.heads()[0].values.iter().any(|&v| v != 0 && v.abs() < 127));
    }

    #[test]
    fn refuses_inputs_of_another_length_and_foreign_workspaces() {
        let graph = graph();
        let prepare = || Network::prepare(&graph, &Options::default()).unwrap();
        let (network, other) = (prepare(), prepare());
        let mut workspace = network.workspace();
        assert!(matches!(network.run(&mut workspace, &[0; 3]), Err(Error::InputLength { .. })));
        let input = vec![0; graph.input_shape().elements()];
        assert_eq!(other.run(&mut workspace, &input), Err(Error::ForeignWorkspace));
        assert!(network.run(&mut workspace, &input).is_ok());
    }
}
