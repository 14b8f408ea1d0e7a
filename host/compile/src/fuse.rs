//! Which pools happen in the drain, and which need a stage of their own.

use crate::error::{CompileError, Refusal};
use crate::network::{Buffer, BufferId, Combine, MapShape, Network, Sink, Slice, Source, Stage, Window};
use crate::tile::pixel_tiles;
use myelin_isa::Architecture;

/// Splits every pooled sink that the drain cannot serve into a stored map and a pool stage.
///
/// The drain can when all sinks of an array stage share the windows and the windows lie whole in
/// pixel tiles. Requantising before the maximum instead of after it changes nothing: it is monotone.
///
/// **Errors.** [`Refusal::WidePool`] when the map to be stored has 32-bit values.
pub(crate) fn fuse_pools(network: Network, architecture: &Architecture) -> Result<Network, CompileError> {
    split_pools(network, architecture, |_, stage| drain_pools(stage, architecture))
}

/// Splits the pooled sinks of every stage but those that are `fused_as_is`, by position and itself.
///
/// **Errors.** [`Refusal::WidePool`].
pub(crate) fn split_pools(
    network: Network,
    architecture: &Architecture,
    fused_as_is: impl Fn(usize, &Stage) -> bool,
) -> Result<Network, CompileError> {
    let Network { mut buffers, stages, tables, inputs, heads } = network;
    let mut fused = Vec::with_capacity(stages.len());
    for (index, stage) in stages.into_iter().enumerate() {
        if fused_as_is(index, &stage) {
            fused.push(stage);
            continue;
        }
        let map = result_shape(&stage.source);
        let mut pools = Vec::new();
        let mut sinks = Vec::with_capacity(stage.sinks.len());
        for sink in stage.sinks {
            let Some(window) = sink.window else {
                sinks.push(sink);
                continue;
            };
            let Some([before, finish]) = sink.finish.in_two() else {
                let refusal = Refusal::WidePool { accumulators: architecture.accumulator_depth() };
                return Err(CompileError::Unsupported { place: stage.place, refusal });
            };
            buffers.push(Buffer { shape: map, planes: 1, place: stage.place.clone() });
            let buffer = BufferId(buffers.len() - 1);
            let stored = Slice { buffer, offset: 0, shape: map, pitch: map.channels };
            sinks.push(Sink { window: None, finish: before, destination: stored });
            let source = Source::Pool { input: stored, window, combine: Combine::Maximum };
            let sinks = vec![Sink { window: None, finish, destination: sink.destination }];
            pools.push(Stage { place: stage.place.clone(), source, sinks });
        }
        fused.push(Stage { place: stage.place, source: stage.source, sinks });
        fused.extend(pools);
    }
    Ok(Network { buffers, stages: fused, tables, inputs, heads })
}

/// Whether all of a stage's sinks can be served as they are.
fn drain_pools(stage: &Stage, architecture: &Architecture) -> bool {
    let window: Option<Window> = stage.sinks.first().and_then(|sink| sink.window);
    if stage.sinks.iter().all(|sink| sink.window.is_none()) {
        return true;
    }
    let Source::Matrix(matrix) = &stage.source else { return false };
    let depth = architecture.accumulator_depth() as usize;
    stage.sinks.iter().all(|sink| sink.window == window) && pixel_tiles(matrix.output, window, depth).is_some()
}

/// The map a stage makes before its sinks' windows.
pub(crate) fn result_shape(source: &Source) -> MapShape {
    match source {
        Source::Matrix(matrix) => matrix.output,
        Source::Add { a, .. } => a.shape,
        Source::Pool { input, window, .. } => {
            MapShape { channels: input.shape.channels, height: window.output[0], width: window.output[1] }
        }
        Source::Enlarge { input, scale } => MapShape {
            channels: input.shape.channels,
            height: input.shape.height * scale,
            width: input.shape.width * scale,
        },
    }
}
