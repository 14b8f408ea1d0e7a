//! A step of a plan: what it reads, writes and does.

use super::{Binary, Context, Conv, Depthwise, Gather, Map, MaxPool, Nms, NmsScratch, Reduce, Spatial};
use super::{Take, ValidCounts, Where, WideConv, WideDense};
use crate::Error;
use crate::buffer::Buffer;
use crate::stage::Stage;
use crate::view::{Memory, Source, View, clear_halo};

/// One operator, or a chain of them, on buffers of the workspace.
#[derive(Debug)]
pub(crate) enum Step {
    Conv(Conv),
    Depthwise(Depthwise),
    Map(Map),
    Binary(Binary),
    Where(Where),
    Take(Take),
    MaxPool(MaxPool),
    /// Gathers into one result.
    Gathers(Vec<Gather>),
    Reduce(Reduce),
    Spatial(Spatial),
    WideConv(WideConv),
    WideDense(WideDense),
    ValidCounts(ValidCounts),
    Nms(Nms),
    /// An operator the chain's CPU device cannot run.
    Fail {
        operator: &'static str,
    },
}

/// A step in its place.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) step: Step,
    /// The buffers it writes.
    pub(crate) outputs: Vec<usize>,
    /// Bytes of them without halos.
    pub(crate) written_bytes: u64,
    /// The result whose halo is cleared afterwards.
    pub(crate) halo: Option<View>,
}

impl Step {
    /// A word for the kind of step.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Conv(_) => "conv",
            Self::Depthwise(_) => "depthwise",
            Self::Map(_) => "map",
            Self::Binary(_) => "binary",
            Self::Where(_) => "where",
            Self::Take(_) => "take",
            Self::MaxPool(_) => "max_pool",
            Self::Gathers(_) => "gather",
            Self::Reduce(_) => "reduce",
            Self::Spatial(_) => "spatial",
            Self::WideConv(_) => "wide_conv",
            Self::WideDense(_) => "wide_dense",
            Self::ValidCounts(_) => "valid_counts",
            Self::Nms(_) => "nms",
            Self::Fail { .. } => "fail",
        }
    }

    /// Every view it reads.
    pub(crate) fn reads(&self) -> Vec<View> {
        let operands = |stages: &[Stage]| stages.iter().filter_map(Stage::operand).copied().collect::<Vec<View>>();
        match self {
            Self::Conv(s) => [vec![s.src], operands(&s.stages)].concat(),
            Self::Depthwise(s) => [vec![s.src], operands(&s.stages)].concat(),
            Self::Map(s) => [vec![s.src], operands(&s.stages)].concat(),
            Self::Binary(s) => s.operands.to_vec(),
            Self::Where(s) => vec![s.condition, s.choices[0], s.choices[1]],
            Self::Take(s) => vec![s.src, s.indices],
            Self::MaxPool(s) => vec![s.src],
            Self::Gathers(gathers) => gathers.iter().map(|g| g.src).collect(),
            Self::Reduce(s) => vec![s.src],
            Self::Spatial(s) => vec![s.src],
            Self::WideConv(s) => [Some(s.x), Some(s.weight), s.bias].into_iter().flatten().collect(),
            Self::WideDense(s) => [Some(s.x), Some(s.weight), s.bias].into_iter().flatten().collect(),
            Self::ValidCounts(s) => vec![s.src],
            Self::Nms(s) => vec![s.src, s.counts],
            Self::Fail { .. } => Vec::new(),
        }
    }
}

impl Planned {
    /// Runs the step on the workspace's buffers; `slots` says where each lies.
    ///
    /// **Errors.** What the chain's CPU device fails on.
    pub(crate) fn run(
        &self,
        context: &Context<'_>,
        work: &mut [Buffer],
        slots: &[usize],
        constants: &[Buffer],
        scratch: &mut NmsScratch,
    ) -> Result<(), Error> {
        if let Step::Fail { operator } = self.step {
            return Err(Error::NotOnCpu { operator });
        }
        // Results never share a slot with what the step reads, so they can be taken out.
        let slot = |i: usize| slots[self.outputs[i]];
        let mut out = std::mem::take(&mut work[slot(0)]);
        let second = (self.outputs.len() > 1).then(|| slot(1));
        let mut other = second.map(|slot| std::mem::take(&mut work[slot])).unwrap_or_default();
        let memory = Memory { work, slots, constants, flip: context.kernels.flip };
        let result = self.compute(context, memory, scratch, &mut out, &mut other);
        if let Some(view) = &self.halo {
            clear_halo(view, &mut out, context.kernels.flip);
        }
        work[slot(0)] = out;
        if let Some(slot) = second {
            work[slot] = other;
        }
        result
    }

    fn compute(
        &self,
        context: &Context<'_>,
        memory: Memory<'_>,
        scratch: &mut NmsScratch,
        out: &mut Buffer,
        other: &mut Buffer,
    ) -> Result<(), Error> {
        match &self.step {
            Step::Conv(step) => step.run(context, memory, out),
            Step::Depthwise(step) => step.run(context, memory, out),
            Step::Map(step) => step.run(context, memory, out),
            Step::Binary(step) => step.run(context, memory, out),
            Step::Where(step) => step.run(context, memory, out),
            Step::Take(step) => step.run(context, memory, out),
            Step::MaxPool(step) => step.run(context, memory, out),
            Step::Gathers(gathers) => gathers.iter().for_each(|gather| gather.run(memory, out)),
            Step::Reduce(step) => step.run(context, memory, out),
            Step::Spatial(step) => step.run(context, memory, out),
            Step::WideConv(step) => step.run(context, memory, out),
            Step::WideDense(step) => step.run(context, memory, out),
            Step::ValidCounts(step) => step.run(memory, out, other),
            Step::Nms(step) => return step.run(context, memory, scratch, other, out),
            Step::Fail { .. } => {}
        }
        Ok(())
    }
}

/// The workspace buffer a view looks into, if it is one.
pub(crate) fn work_buffer(view: &View) -> Option<usize> {
    match view.source {
        Source::Work(index) => Some(index),
        Source::Constant(_) => None,
    }
}
