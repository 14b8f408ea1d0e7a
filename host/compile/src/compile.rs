//! The whole way from graph to program.

use crate::card::{Lying, LyingHead, Streamed, StreamedLayer, stream};
use crate::emit::emit;
use crate::error::{CompileError, Refusal};
use crate::fuse::{fuse_pools, result_shape};
use crate::lower::lower;
use crate::memory::MemoryModel;
use crate::network::{Combine, Head, Network, Slice, Source, Stage, Window};
use crate::part::Part;
use crate::program::{
    CellProgram, Input, Layer, LayerKind, Output, OutputEncoding, Program, Region, RowStack, plane_bits,
};
use crate::requantise::Requantise;
use crate::target::Target;
use crate::timing::{Prediction, estimate, predict};
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
    compile_part(&Part::whole(graph), architecture, memory)
}

/// [`compile_for`] of a part.
pub(crate) fn compile_part(
    part: &Part,
    architecture: &Architecture,
    memory: &MemoryModel,
) -> Result<Program, CompileError> {
    if architecture.cells() == 1 {
        let resident = resident(part, architecture, memory);
        let streams = |error: &CompileError| {
            let wide = matches!(error, CompileError::Unsupported { refusal: Refusal::WidePool { .. }, .. });
            wide || matches!(error, CompileError::Capacity { .. })
        };
        if !resident.as_ref().is_err_and(streams) {
            return resident;
        }
    }
    streamed(part, architecture, memory)
}

/// [`compile_for`] where maps, weights and, if they are many, instructions always stream.
///
/// **Errors.** [`CompileError`].
pub fn compile_streamed(
    graph: &Graph,
    architecture: &Architecture,
    memory: &MemoryModel,
) -> Result<Program, CompileError> {
    streamed(&Part::whole(graph), architecture, memory)
}

fn lowered(part: &Part, architecture: &Architecture) -> Result<Network, CompileError> {
    lower(part, architecture.precision()).map_err(|refused| refused.error)
}

/// The largest magnitude of the input at `position`, to which the chain limits its own.
fn limit(part: &Part, position: usize, architecture: &Architecture) -> i32 {
    match part.inputs[position].0 == part.graph.input() {
        true => precision_limit(part.graph.input_precision()),
        false => architecture.precision().limit(),
    }
}

fn names<'p>(part: &'p Part) -> impl Iterator<Item = String> + use<'p> {
    part.outputs.iter().map(|&output| part.graph.producer(output).name.clone())
}

fn streamed(part: &Part, architecture: &Architecture, memory: &MemoryModel) -> Result<Program, CompileError> {
    let lowered = lowered(part, architecture)?;
    let shapes: Vec<[usize; 3]> = lowered.inputs.iter().map(|input| input.shape.sizes()).collect();
    let streamed = stream(lowered, architecture, memory)?;
    let region = |lying: &Lying| Region { beat: lying.beat, beats: lying.beats };
    let input = |(position, lying): (usize, &Lying)| Input {
        region: region(lying),
        shape: shapes[position],
        stack: if position == 0 { streamed.stack } else { RowStack::plain(shapes[position][1]) },
        pitch: lying.pitch,
        row: lying.row,
        limit: limit(part, position, architecture),
    };
    let output = |(head, name): (&LyingHead, String)| Output {
        name,
        region: region(&head.lying),
        shape: head.lying.shape,
        pitch: head.lying.pitch,
        row: head.lying.row,
        offset: head.lying.offset,
        encoding: encoding(head.raw, architecture.precision()),
    };
    let rough = roughly(&streamed, architecture, memory);
    let estimated = rough.cycles > COUNTED_MAX;
    let prediction = if estimated {
        rough
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
        outputs: streamed.heads.iter().zip(names(part)).map(output).collect(),
        cells: streamed.cells,
        load_entry: 0,
        infer_entry: streamed.infer_entry,
        image: streamed.image,
        memory_beats: streamed.memory_beats,
        inputs: streamed.inputs.iter().enumerate().map(input).collect(),
    })
}

/// What a run takes, without counting its cycles.
fn roughly(streamed: &Streamed, architecture: &Architecture, memory: &MemoryModel) -> Prediction {
    let stamps = streamed.layers.iter().filter(|layer| layer.stamped).map(|layer| layer.completes).collect();
    estimate(architecture, memory, &streamed.cells, streamed.infer_entry, (streamed.cycles, stamps))
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
    resident(&Part::whole(graph), architecture, memory)
}

fn resident(part: &Part, architecture: &Architecture, memory: &MemoryModel) -> Result<Program, CompileError> {
    let network = fuse_pools(lowered(part, architecture)?, architecture)?;
    let emitted = emit(&network, architecture)?;
    let region = |slice: Slice, beat: u32| {
        let lanes = network.buffers[slice.buffer.0].lanes();
        Region { beat, beats: lanes.div_ceil(architecture.lanes() as usize) as u32 }
    };
    let input = |(position, (&slice, &beat)): (usize, (&Slice, &u32))| Input {
        region: region(slice, beat),
        shape: slice.shape.sizes(),
        stack: RowStack::plain(slice.shape.height),
        pitch: slice.shape.channels,
        row: slice.shape.width * slice.shape.channels,
        limit: limit(part, position, architecture),
    };
    let inputs = network.inputs.iter().zip(&emitted.input_beats).enumerate().map(input).collect();
    let heads = network.heads.iter().zip(&emitted.head_beats).zip(names(part));
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
        inputs,
        outputs,
    })
}

/// The narrowest precision whose lanes hold every activation and weight of a graph; INT8 for one
/// that no cell can run.
pub fn required_precision(graph: &Graph) -> Precision {
    if lower(&Part::whole(graph), Precision::Int6).is_ok() { Precision::Int6 } else { Precision::Int8 }
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
            Source::Pool { input, window, .. } if *window == Window::unit(input.shape) => {
                let looks_up = stage.sinks.iter().all(|sink| sink.finish.table().is_some());
                (if looks_up { LayerKind::LookUp } else { LayerKind::Copy }, 0)
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::Session;
    use myelin_graph::{Conv2d, GraphBuilder, Op, Postprocess, Tensor};

    /// Convolutions with more weights than a small cell holds, a pool and a sum.
    fn network() -> Graph {
        let mut b = GraphBuilder::new();
        let weights = |count: usize, seed: usize| (0..count).map(|i| ((i * 37 + seed) % 21) as i8 - 10).collect();
        let mut x = b.input(&[1, 24, 9, 7], 8).expect("an input");
        let mut side = x;
        for layer in 0..4 {
            let shape = [24, 24, 3, 3];
            let w = Tensor::from_i8(&shape, weights(24 * 24 * 9, layer)).expect("weights");
            let w = b.param(&format!("w{layer}"), w, 8).expect("weights");
            let conv = Conv2d::square(24, 3).with_padding(1);
            let y = b.conv2d(&format!("conv{layer}"), x, w, None, conv).expect("a convolution");
            let y = b.cvm_right_shift(&format!("requant{layer}"), y, 8, 9).expect("a shift");
            let y = b.op(&format!("add{layer}"), Op::ElemwiseAdd, &[y, side]).expect("a sum");
            x = b.cvm_clip(&format!("clip{layer}"), y, 8).expect("a clip");
            side = x;
        }
        b.finish(vec![x], Postprocess::None).expect("a graph")
    }

    fn small(memory: &str) -> Target {
        let text = format!("custom,rows=4,columns=4,lanes=4,activations=2048,weights=64,memory={memory}");
        text.parse().expect("a target")
    }

    #[test]
    fn long_runs_are_estimated_and_answer_as_counted_ones_do() {
        let graph = network();
        // The same bytes, a thousand times as slow.
        let [quick, slow] = ["1/4:60:60", "1/4000:60:60"].map(small);
        let compiled = |target: &Target| compile_streamed(&graph, &target.architecture, &target.memory);
        let (counted, estimated) = (compiled(&quick).expect("it compiles"), compiled(&slow).expect("it compiles"));
        assert!(!counted.estimated && estimated.estimated);
        assert!(estimated.prediction.cycles > COUNTED_MAX, "{}", estimated.prediction.cycles);
        assert_eq!(estimated.macs(), counted.macs());
        let layers: u64 = estimated.layers.iter().map(|layer| layer.cycles).sum();
        assert!(layers <= estimated.prediction.cycles && estimated.layers.iter().all(|layer| layer.cycles > 0));
        let picture: Vec<i8> = (0..24 * 63).map(|i| (i * 29 % 255 - 127) as i8).collect();
        let answer = |program: &Program| Session::new(program).expect("it loads").infer(&picture).expect("it runs");
        assert_eq!(answer(&estimated), answer(&counted));
    }

    #[test]
    fn estimates_are_near_what_is_counted() {
        let graph = network();
        for memory in ["1/4:60:60", "1/40:60:60", "3:20:20", "unlimited:8:8"] {
            let target = small(memory);
            let streamed = stream(
                lowered(&Part::whole(&graph), &target.architecture).expect("it lowers"),
                &target.architecture,
                &target.memory,
            )
            .expect("it compiles");
            let counted = predict(&target.architecture, target.memory, &streamed.cells, streamed.infer_entry);
            let counted = counted.expect("it halts");
            let rough = roughly(&streamed, &target.architecture, &target.memory);
            let difference = rough.cycles.abs_diff(counted.cycles);
            // Nearest where memory is all that counts, as in runs that long.
            let share = if memory.starts_with('1') { 10 } else { 4 };
            assert!(share * difference < counted.cycles, "{memory}: {} for {}", rough.cycles, counted.cycles);
            assert_eq!((rough.beats_read, rough.beats_written), (counted.beats_read, counted.beats_written));
            assert_eq!(rough.stamps.len(), counted.stamps.len());
        }
    }
}
