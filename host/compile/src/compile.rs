//! The whole way from graph to program.

use crate::emit::emit;
use crate::error::CompileError;
use crate::fuse::{fuse_pools, result_shape};
use crate::lower::lower;
use crate::memory::MemoryModel;
use crate::network::{Head, Network, Source, Stage, Window};
use crate::program::{CellProgram, Input, Layer, LayerKind, Output, OutputEncoding, Program, Region, plane_bits};
use crate::timing::{Prediction, predict};
use myelin_graph::{Graph, precision_limit};
use myelin_isa::{Architecture, Precision};

/// Compiles a graph for a cell.
///
/// Deterministic: the same graph and architecture give the same program.
///
/// **Errors.** [`CompileError`], naming the layer: what the cell has no means for, values that do
/// not fit its lanes, an accumulator that could overflow, or a memory that is too small.
pub fn compile(graph: &Graph, architecture: &Architecture) -> Result<Program, CompileError> {
    let network = fuse_pools(lower(graph, architecture.precision())?, architecture)?;
    let emitted = emit(&network, architecture)?;
    let region = |slice: crate::network::Slice, beat: u32| {
        let lanes = network.buffers[slice.buffer.0].lanes();
        Region { beat, beats: lanes.div_ceil(architecture.lanes() as usize) as u32 }
    };
    let input = Input {
        region: region(network.input, emitted.input_beat),
        shape: network.input.shape.sizes(),
        limit: precision_limit(graph.input_precision()),
    };
    let names = graph.heads().iter().map(|&head| graph.producer(head).name.clone());
    let heads = network.heads.iter().zip(&emitted.head_beats).zip(names);
    let outputs = heads
        .map(|((head, &beat), name)| output(head, region(head.slice, beat), name, architecture.precision()))
        .collect();
    let cells = vec![CellProgram { instructions: emitted.instructions }];
    let prediction = predict(architecture, MemoryModel::IDEAL, &cells, emitted.infer_entry)
        .expect("invariant: waits are met by earlier instructions, and the program halts");
    Ok(Program {
        architecture: *architecture,
        specification: architecture.specification(),
        layers: layers(&network, &emitted.tiles, &prediction),
        prediction,
        cells,
        load_entry: 0,
        infer_entry: emitted.infer_entry,
        image: emitted.image,
        memory_beats: emitted.memory_beats,
        input,
        outputs,
    })
}

/// The narrowest precision whose lanes hold every activation and weight of a graph; INT8 for one
/// that no cell can run.
pub fn required_precision(graph: &Graph) -> Precision {
    if lower(graph, Precision::Int6).is_ok() { Precision::Int6 } else { Precision::Int8 }
}

fn output(head: &Head, region: Region, name: String, precision: Precision) -> Output {
    let encoding = match head.raw {
        None => OutputEncoding::Lanes,
        Some((planes, requantise)) => OutputEncoding::Planes { planes, bits: plane_bits(precision), requantise },
    };
    let shape = head.slice.shape.sizes();
    Output { name, region, shape, pitch: head.slice.pitch, offset: head.slice.offset, encoding }
}

fn layers(network: &Network, tiles: &[u32], prediction: &Prediction) -> Vec<Layer> {
    let layer = |(index, (stage, &tiles)): (usize, (&Stage, &u32))| {
        let (kind, macs) = match &stage.source {
            Source::Matrix(matrix) if stage.place.operator == "dense" => (LayerKind::Dense, matrix.macs()),
            Source::Matrix(matrix) => (LayerKind::Convolution, matrix.macs()),
            Source::Add { .. } => (LayerKind::Add, 0),
            Source::Pool { input, window } if *window == Window::unit(input.shape) => (LayerKind::Copy, 0),
            Source::Pool { .. } => (LayerKind::Pool, 0),
        };
        let shape = match stage.sinks.first().and_then(|sink| sink.window) {
            Some(window) => [result_shape(&stage.source).channels, window.output[0], window.output[1]],
            None => result_shape(&stage.source).sizes(),
        };
        // The stages' post instructions are in order and each stage has one, so stamp `index` is its.
        let stamp = Some(index as u32).filter(|&stamp| stamp < Architecture::STAMP_DEPTH);
        let before = index.checked_sub(1).map_or(0, |before| prediction.stamps[before]);
        let cycles = prediction.stamps[index] - before;
        Layer { name: stage.place.layer.clone(), kind, macs, shape, tiles, stamp, cycles }
    };
    network.stages.iter().zip(tiles).enumerate().map(layer).collect()
}
