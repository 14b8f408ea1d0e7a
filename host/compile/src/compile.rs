//! The whole way from graph to program.

use crate::card::{Lying, LyingHead, StreamedLayer, stream};
use crate::emit::emit;
use crate::error::{CompileError, Refusal};
use crate::fuse::{fuse_pools, result_shape};
use crate::lower::lower;
use crate::memory::MemoryModel;
use crate::network::{Combine, Head, Network, Source, Stage, Window};
use crate::program::{
    CellProgram, Input, Layer, LayerKind, Output, OutputEncoding, Program, Region, RowStack, plane_bits,
};
use crate::requantise::Requantise;
use crate::target::Target;
use crate::timing::{Prediction, predict};
use myelin_graph::{Graph, precision_limit};
use myelin_isa::{Architecture, Precision};

/// Cycles up to which the compiler counts them one by one: some ten seconds.
const COUNTED_MAX: u64 = 100_000_000;

/// Compiles a graph for one or several cells with ideal memory; see [`compile_for`].
///
/// **Errors.** [`CompileError`].
pub fn compile(graph: &Graph, architecture: &Architecture) -> Result<Program, CompileError> {
    compile_with(graph, architecture, &MemoryModel::IDEAL)
}

/// Compiles a graph for a target.
///
/// On a cell alone all stays on chip if it fits: then only the input comes from external memory, and
/// weights are loaded once. Else maps, weights and instructions stream from external memory.
/// Deterministic: the same graph and target give the same program.
///
/// **Errors.** [`CompileError`], naming the layer: what the cells have no means for, values that do
/// not fit their lanes, an accumulator that could overflow, or a memory in which not even one result
/// has room.
pub fn compile_for(graph: &Graph, target: &Target) -> Result<Program, CompileError> {
    compile_with(graph, &target.architecture, &target.memory)
}

fn compile_with(graph: &Graph, architecture: &Architecture, memory: &MemoryModel) -> Result<Program, CompileError> {
    if architecture.cells() == 1 {
        let resident = compile_resident(graph, architecture, memory);
        let streams = |error: &CompileError| {
            let wide = matches!(error, CompileError::Unsupported { refusal: Refusal::WidePool { .. }, .. });
            wide || matches!(error, CompileError::Capacity { .. })
        };
        if !resident.as_ref().is_err_and(streams) {
            return resident;
        }
    }
    compile_streamed(graph, architecture, memory)
}

/// [`compile_for`] where maps, weights and, if they are many, instructions always stream.
///
/// **Errors.** [`CompileError`].
pub fn compile_streamed(
    graph: &Graph,
    architecture: &Architecture,
    memory: &MemoryModel,
) -> Result<Program, CompileError> {
    let lowered = lower(graph, architecture.precision())?;
    let picture = lowered.input.shape;
    let streamed = stream(lowered, architecture, memory)?;
    let region = |lying: &Lying| Region { beat: lying.beat, beats: lying.beats };
    let input = Input {
        region: region(&streamed.input),
        shape: picture.sizes(),
        stack: streamed.stack,
        row: streamed.input.row,
        limit: precision_limit(graph.input_precision()),
    };
    let names = graph.heads().iter().map(|&head| graph.producer(head).name.clone());
    let output = |(head, name): (&LyingHead, String)| Output {
        name,
        region: region(&head.lying),
        shape: head.lying.shape,
        pitch: head.lying.pitch,
        row: head.lying.row,
        offset: head.lying.offset,
        encoding: encoding(head.raw, architecture.precision()),
    };
    let estimated = streamed.cycles > COUNTED_MAX;
    let prediction = if estimated {
        let stamps = streamed.layers.iter().filter(|layer| layer.stamped).map(|layer| layer.completes).collect();
        Prediction { cycles: streamed.cycles, stamps, ..Prediction::default() }
    } else {
        predict(architecture, *memory, &streamed.cells, streamed.infer_entry)
            .expect("invariant: waits are met by earlier instructions, and the program halts")
    };
    Ok(Program {
        architecture: *architecture,
        specification: architecture.specification(),
        layers: streamed_layers(&streamed.layers, &prediction),
        prediction,
        estimated,
        outputs: streamed.heads.iter().zip(names).map(output).collect(),
        cells: streamed.cells,
        load_entry: 0,
        infer_entry: streamed.infer_entry,
        image: streamed.image,
        memory_beats: streamed.memory_beats,
        input,
    })
}

/// A layer that cell 0 has no part in takes no stamp: its cycles count for the next.
fn streamed_layers(layers: &[StreamedLayer], prediction: &Prediction) -> Vec<Layer> {
    let mut stamps = 0;
    let mut before = 0;
    let layer = |layer: &StreamedLayer| {
        let stamp = Some(stamps).filter(|&stamp| layer.stamped && stamp < Architecture::STAMP_DEPTH);
        let end = if layer.stamped { prediction.stamps[stamps as usize] } else { before };
        stamps += u32::from(layer.stamped);
        let cycles = end - before;
        before = end;
        let (name, kind) = (layer.place.layer.clone(), layer.kind);
        let mapping = Some(layer.mapping);
        Layer { name, kind, macs: layer.macs, shape: layer.shape, tiles: layer.jobs, stamp, cycles, mapping }
    };
    layers.iter().map(layer).collect()
}

/// [`compile_for`] where maps and weights stay on a cell alone, whatever its memories are.
///
/// **Errors.** [`CompileError`]; often [`CompileError::Capacity`], with what would be needed.
pub fn compile_resident(
    graph: &Graph,
    architecture: &Architecture,
    memory: &MemoryModel,
) -> Result<Program, CompileError> {
    let network = fuse_pools(lower(graph, architecture.precision())?, architecture)?;
    let emitted = emit(&network, architecture)?;
    let region = |slice: crate::network::Slice, beat: u32| {
        let lanes = network.buffers[slice.buffer.0].lanes();
        Region { beat, beats: lanes.div_ceil(architecture.lanes() as usize) as u32 }
    };
    let input = Input {
        region: region(network.input, emitted.input_beat),
        shape: network.input.shape.sizes(),
        stack: RowStack::plain(network.input.shape.height),
        row: network.input.shape.width * network.input.shape.channels,
        limit: precision_limit(graph.input_precision()),
    };
    let names = graph.heads().iter().map(|&head| graph.producer(head).name.clone());
    let heads = network.heads.iter().zip(&emitted.head_beats).zip(names);
    let outputs = heads
        .map(|((head, &beat), name)| output(head, region(head.slice, beat), name, architecture.precision()))
        .collect();
    let cells = vec![CellProgram { instructions: emitted.instructions }];
    let prediction = predict(architecture, *memory, &cells, emitted.infer_entry)
        .expect("invariant: waits are met by earlier instructions, and the program halts");
    Ok(Program {
        architecture: *architecture,
        specification: architecture.specification(),
        layers: layers(&network, &emitted.tiles, &prediction),
        prediction,
        estimated: false,
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
    let encoding = encoding(head.raw, precision);
    let (shape, pitch) = (head.slice.shape.sizes(), head.slice.pitch);
    Output { name, region, shape, pitch, row: shape[2] * pitch, offset: head.slice.offset, encoding }
}

fn encoding(raw: Option<(u32, Requantise)>, precision: Precision) -> OutputEncoding {
    match raw {
        None => OutputEncoding::Lanes,
        Some((planes, requantise)) => OutputEncoding::Planes { planes, bits: plane_bits(precision), requantise },
    }
}

fn layers(network: &Network, tiles: &[u32], prediction: &Prediction) -> Vec<Layer> {
    let layer = |(index, (stage, &tiles)): (usize, (&Stage, &u32))| {
        let (kind, macs) = match &stage.source {
            Source::Matrix(matrix) if stage.place.operator == "dense" => (LayerKind::Dense, matrix.macs()),
            Source::Matrix(matrix) => (LayerKind::Convolution, matrix.macs()),
            Source::Add { .. } => (LayerKind::Add, 0),
            Source::Pool { input, window, .. } if *window == Window::unit(input.shape) => (LayerKind::Copy, 0),
            Source::Pool { combine: Combine::Sum, .. } => (LayerKind::Sum, 0),
            Source::Pool { .. } => (LayerKind::Pool, 0),
            Source::Enlarge { .. } => (LayerKind::Enlarge, 0),
        };
        let shape = match stage.sinks.first().and_then(|sink| sink.window) {
            Some(window) => [result_shape(&stage.source).channels, window.output[0], window.output[1]],
            None => result_shape(&stage.source).sizes(),
        };
        // The stages' post instructions are in order and each stage has one, so stamp `index` is its.
        let stamp = Some(index as u32).filter(|&stamp| stamp < Architecture::STAMP_DEPTH);
        let before = index.checked_sub(1).map_or(0, |before| prediction.stamps[before]);
        let cycles = prediction.stamps[index] - before;
        Layer { name: stage.place.layer.clone(), kind, macs, shape, tiles, stamp, cycles, mapping: None }
    };
    network.stages.iter().zip(tiles).enumerate().map(layer).collect()
}
