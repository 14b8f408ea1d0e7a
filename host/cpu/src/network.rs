//! Networks prepared for this machine, and running them.

use crate::Error;
use crate::buffer::Buffer;
use crate::kernel::Kernels;
use crate::output::Output;
use crate::path::{Isa, Path};
use crate::plan::{self, Plan};
use crate::run::{Context, NmsScratch};
use crate::view::{Element, Memory};
use myelin_graph::{Graph, precision_limit};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
        static NETWORKS: AtomicU64 = AtomicU64::new(0);
        let path = Path::choose(options.path)?;
        let kernels = Kernels::of(path);
        let threads = options.threads.max(1);
        let pool = if threads > 1 {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            Some(pool.map_err(|error| Error::Threads { threads, reason: error.to_string() })?)
        } else {
            None
        };
        let plan = plan::plan(graph, &kernels);
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
        let expected = self.graph.input_length() as usize;
        if input.len() != expected {
            return Err(Error::InputLength { unit: "bytes", expected, found: input.len() });
        }
        if self.graph.input_type_size() == 1 {
            self.run_values(workspace, input.iter().map(|&byte| i32::from(byte)))
        } else {
            let words = input.chunks_exact(4).map(|c| [c[0] as u8, c[1] as u8, c[2] as u8, c[3] as u8]);
            self.run_values(workspace, words.map(i32::from_le_bytes))
        }
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
        let expected = self.graph.input_shape().elements();
        if input.len() != expected {
            return Err(Error::InputLength { unit: "elements", expected, found: input.len() });
        }
        self.run_values(workspace, input.iter().copied())
    }

    fn run_values<'w>(
        &self,
        workspace: &'w mut Workspace,
        input: impl Iterator<Item = i32>,
    ) -> Result<&'w Output, Error> {
        if workspace.network != self.identity {
            return Err(Error::ForeignWorkspace);
        }
        let (plan, flip) = (&self.plan, self.kernels.flip);
        let limit = precision_limit(self.graph.input_precision());
        let clipped = input.map(|x| x.clamp(-limit, limit));
        // The input is the plan's first buffer.
        let buffer = &mut workspace.buffers[plan.slots[0]];
        match plan.input.element {
            Element::I8 => buffer.bytes_mut().iter_mut().zip(clipped).for_each(|(to, x)| *to = x as u8 ^ flip),
            Element::I32 => buffer.words_mut().iter_mut().zip(clipped).for_each(|(to, x)| *to = x),
        }
        let (isa, threads, pool) = (Isa::of(self.path), self.threads, self.pool.as_ref());
        let context = Context { kernels: self.kernels, isa, threads, pool };
        for step in &plan.steps {
            step.run(&context, &mut workspace.buffers, &plan.slots, &plan.constants, &mut workspace.scratch)?;
        }
        let memory = Memory { work: &workspace.buffers, slots: &plan.slots, constants: &plan.constants, flip };
        for (head, view) in workspace.output.heads_mut().iter_mut().zip(&plan.heads) {
            head.values.copy_from_slice(&memory.buffer(view).words()[..view.count()]);
        }
        workspace.output.join()?;
        Ok(&workspace.output)
    }
}
