//! What is decided by compiling a stage alone, each way, and taking the faster: whether its maxima are
//! taken in the drain, and whether the host lays the rows of the picture side by side.

use super::stacked::{link_cycles, stacked};
use super::stage::stages;
use super::stream_stages;
use crate::error::CompileError;
use crate::memory::MemoryModel;
use crate::network::{self, Network, Source, Window};
use crate::program::RowStack;
use myelin_isa::Architecture;

/// A network as it is to be compiled.
pub(super) struct Chosen {
    pub network: Network,
    /// How the first input lies.
    pub stack: RowStack,
    /// By stage, whether its maxima are taken in the drain.
    pub drained: Vec<bool>,
}

/// See the module.
///
/// **Errors.** [`CompileError`], as the program's.
pub(super) fn choose(
    lowered: Network,
    architecture: &Architecture,
    memory: &MemoryModel,
) -> Result<Chosen, CompileError> {
    let card = (architecture, memory);
    let (network, stack) = match stacked(&lowered) {
        Some((other, stack)) if is_faster(&other, &lowered, card) => (other, stack),
        _ => {
            let stack = RowStack::plain(lowered.inputs[0].shape.height);
            (lowered, stack)
        }
    };
    let drained = (0..network.stages.len()).map(|stage| is_drained(&network, stage, card)).collect::<Result<_, _>>()?;
    Ok(Chosen { network, stack, drained })
}

/// Whether the only stage that reads the first input is faster in `a`, with the link to the host.
fn is_faster(a: &Network, b: &Network, card: (&Architecture, &MemoryModel)) -> bool {
    let cycles = |network: &Network| {
        let reads_input =
            |stage: &network::Stage| stage.source.reads().any(|slice| slice.buffer == network.inputs[0].buffer);
        let reader = network.stages.iter().position(reads_input)?;
        let alone = cycles_alone(network, reader, is_drained(network, reader, card).ok()?, card).ok()?;
        Some(alone + link_cycles(network.inputs[0].shape.lanes(), card.0, card.1))
    };
    match (cycles(a), cycles(b)) {
        (Some(a), Some(b)) => a < b,
        (a, _) => a.is_some(),
    }
}

/// Whether the maxima of a stage are taken in the drain: without doubt if no pixel is then computed
/// twice or if its values are too wide to be stored before; else if that is faster.
fn is_drained(network: &Network, index: usize, card: (&Architecture, &MemoryModel)) -> Result<bool, CompileError> {
    let stage = &network.stages[index];
    let Some(window) = shared_window(stage, card.0) else { return Ok(false) };
    let wide = stage.sinks.iter().any(|sink| sink.finish.is_raw());
    if wide || (0..2).all(|axis| window.strides[axis] >= window.size[axis]) {
        return Ok(true);
    }
    let alone = |drained| cycles_alone(network, index, drained, card);
    Ok(match (alone(true), alone(false)) {
        (Ok(drained), Ok(apart)) => drained < apart,
        (drained, _) => drained.is_ok(),
    })
}

/// The window of all sinks of an array stage, if it is the same and the accumulators hold it.
fn shared_window(stage: &network::Stage, architecture: &Architecture) -> Option<Window> {
    let Source::Matrix(_) = &stage.source else { return None };
    let first = stage.sinks.first()?.window;
    let window = first?;
    let held = window.size[0] * window.size[1] <= architecture.accumulator_depth() as usize;
    (held && stage.sinks.iter().all(|sink| sink.window == first)).then_some(window)
}

/// The cycles of one stage of a network, on its own.
fn cycles_alone(
    network: &Network,
    index: usize,
    drained: bool,
    (architecture, memory): (&Architecture, &MemoryModel),
) -> Result<u64, CompileError> {
    let alone = Network {
        buffers: network.buffers.clone(),
        stages: vec![network.stages[index].clone()],
        tables: network.tables.clone(),
        inputs: network.inputs.clone(),
        heads: Vec::new(),
    };
    let stages = stages(alone, architecture, &[drained])?;
    Ok(stream_stages(&stages, architecture, memory)?.cycles)
}
