//! Stages to instructions.
//!
//! Tiles of consecutive CONVs use the accumulator halves in turn, so that the drain of one overlaps
//! the convolution of the next. A drain is handed out after the following CONV unless that CONV
//! needs what it writes; every wait is met by an earlier instruction, so no queue depth deadlocks.

mod assembler;
mod matrix;
mod post;
mod tokens;

pub(crate) use assembler::{ArrayRegisters, PostRegisters, configure};
pub(crate) use matrix::check_limits;
pub(crate) use post::PostWalk;

use crate::error::{CompileError, Place};
use crate::network::{Network, Slice, Source, Stage, TableId};
use crate::pack::{Packed, table_beats};
use crate::plan::addresses;
use assembler::{Assembler, Span};
use myelin_isa::{Architecture, Header, Instruction, WeightTarget};

/// A program's instructions with what they need in memory.
pub(crate) struct Emitted {
    pub instructions: Vec<Instruction>,
    pub infer_entry: u32,
    /// Initial contents of external memory: weights, then biases.
    pub image: Vec<u8>,
    /// First beat of each input.
    pub input_beats: Vec<u32>,
    /// First beat of each head's buffer.
    pub head_beats: Vec<u32>,
    pub memory_beats: u32,
    /// Tiles of each stage, in order.
    pub tiles: Vec<u32>,
}

/// Where things are.
struct Layout<'a> {
    architecture: &'a Architecture,
    network: &'a Network,
    /// Lane address by buffer.
    addresses: Vec<u32>,
}

impl Layout<'_> {
    /// Lane address of a slice's first lane.
    fn address(&self, slice: Slice) -> u32 {
        self.addresses[slice.buffer.0] + slice.offset as u32
    }

    /// The lanes of whole rows of a slice's buffer (all planes when it has several).
    fn rows(&self, slice: Slice, first: usize, count: usize) -> Span {
        let buffer = &self.network.buffers[slice.buffer.0];
        let base = self.addresses[slice.buffer.0] as usize;
        if buffer.planes > 1 {
            return Span::lanes(base, base + buffer.lanes());
        }
        let row = buffer.shape.width * buffer.shape.channels;
        Span::lanes(base + first * row, base + (first + count) * row)
    }

    fn map(&self, slice: Slice) -> Span {
        self.rows(slice, 0, slice.shape.height)
    }

    /// Beats that hold a slice's buffer.
    fn beats(&self, slice: Slice) -> u32 {
        let lanes = self.network.buffers[slice.buffer.0].lanes();
        lanes.div_ceil(self.architecture.lanes() as usize) as u32
    }
}

/// Emits the program of a network whose pools are fused or staged.
///
/// **Errors.** [`CompileError::Capacity`] and [`CompileError::Limit`], naming the layer.
pub(crate) fn emit(network: &Network, architecture: &Architecture) -> Result<Emitted, CompileError> {
    let layout = Layout { architecture, network, addresses: addresses(network, architecture)? };
    let mut packed = Packed::new(*architecture);
    // A table alone stays, as weights do.
    let resident = (network.tables.len() == 1).then_some(TableId(0));
    let mut assembler = Assembler::new(architecture, resident);

    // Where the inputs lie depends on how much the weights take: filled in below.
    for &input in &network.inputs {
        let load = Instruction::Load {
            header: Header::default(),
            memory_beat: 0,
            destination: layout.address(input),
            beats: layout.beats(input),
        };
        assembler.push(load, vec![], vec![layout.map(input), Span::shared_ports()]);
    }
    for stage in &network.stages {
        emit_stage(stage, &layout, &mut packed, &mut assembler)?;
    }
    assembler.flush();

    let image = MemoryImage::new(&packed, &network.tables, resident, architecture);
    let mut memory_beats = image.beats;
    let mut input_beats = Vec::new();
    for &input in &network.inputs {
        input_beats.push(memory_beats);
        memory_beats += layout.beats(input);
    }
    let head_beats = stores(&layout, &mut assembler, &mut memory_beats);
    let (mut body, tiles) = assembler.finish();
    let loads = body.iter_mut().filter_map(|instruction| match instruction {
        Instruction::Load { memory_beat, .. } => Some(memory_beat),
        _ => None,
    });
    loads.zip(&input_beats).for_each(|(memory_beat, &beat)| *memory_beat = beat);
    for instruction in &mut body {
        if let Instruction::LoadWeights { memory_beat, .. } = instruction {
            *memory_beat += image.tables_beat;
        }
    }
    let mut instructions = image.loads;
    let infer_entry = instructions.len() as u32;
    instructions.append(&mut body);
    instructions.push(Instruction::Sync { halt: true });
    let last = network.stages.last().map(|stage| &stage.place);
    let last = last.unwrap_or(&network.buffers[network.inputs[0].buffer.0].place);
    check_depth(instructions.len(), architecture.instruction_depth(), last)?;
    Ok(Emitted { instructions, infer_entry, image: image.bytes, input_beats, head_beats, memory_beats, tiles })
}

fn emit_stage(
    stage: &Stage,
    layout: &Layout,
    packed: &mut Packed,
    assembler: &mut Assembler,
) -> Result<(), CompileError> {
    assembler.begin_stage();
    match &stage.source {
        Source::Matrix(matrix) => matrix::emit(stage, matrix, layout, packed, assembler)?,
        Source::Add { .. } | Source::Pool { .. } | Source::Enlarge { .. } => post::emit(stage, layout, assembler)?,
    }
    assembler.end_stage();
    Ok(())
}

/// Stores each head's buffer once; answers the first beat for each head.
fn stores(layout: &Layout, assembler: &mut Assembler, memory_beats: &mut u32) -> Vec<u32> {
    let mut stored: Vec<(usize, u32)> = Vec::new();
    let mut beats = Vec::new();
    for head in &layout.network.heads {
        let buffer = head.slice.buffer.0;
        let known = stored.iter().find(|&&(other, _)| other == buffer).map(|&(_, beat)| beat);
        let beat = known.unwrap_or_else(|| {
            let (memory_beat, beats) = (*memory_beats, layout.beats(head.slice));
            *memory_beats += beats;
            stored.push((buffer, memory_beat));
            let source = layout.addresses[buffer];
            let store = Instruction::Store { header: Header::default(), memory_beat, source, beats };
            let span = Span::lanes(source as usize, source as usize + layout.network.buffers[buffer].lanes());
            assembler.push(store, vec![span, Span::shared_ports()], vec![]);
            memory_beat
        });
        beats.push(beat);
    }
    beats
}

/// Weights, biases and tables in external memory and the instructions that load what stays.
struct MemoryImage {
    bytes: Vec<u8>,
    beats: u32,
    /// Where tables begin.
    tables_beat: u32,
    loads: Vec<Instruction>,
}

impl MemoryImage {
    fn new(packed: &Packed, tables: &[Vec<i8>], resident: Option<TableId>, architecture: &Architecture) -> MemoryImage {
        let lanes = architecture.lanes() as usize;
        let mut image = MemoryImage { bytes: Vec::new(), beats: 0, tables_beat: 0, loads: Vec::new() };
        let tables = tables.iter().flat_map(|table| table_beats(architecture, table)).collect();
        for (target, bytes) in [
            (WeightTarget::Weights, &packed.weights),
            (WeightTarget::Biases, &packed.bias_beats()),
            (WeightTarget::Table, &tables),
        ] {
            let beats = (bytes.len() / lanes) as u32;
            if beats > 0 && (target != WeightTarget::Table || resident.is_some()) {
                let (header, memory_beat) = (Header::default(), image.beats);
                image.loads.push(Instruction::LoadWeights { header, target, memory_beat, destination: 0, beats });
            }
            image.tables_beat = image.beats;
            image.bytes.extend_from_slice(bytes);
            image.beats += beats;
        }
        image.loads.push(Instruction::Sync { halt: true });
        image
    }
}

/// That instruction memory holds `count` instructions, the last of which are for `place`.
fn check_depth(count: usize, instruction_depth: u32, place: &Place) -> Result<(), CompileError> {
    let (needed, available) = (count as u64, u64::from(instruction_depth));
    if needed <= available {
        return Ok(());
    }
    let (place, memory, unit) = (place.clone(), "the instruction memory", "instructions");
    Err(CompileError::Capacity { place, memory, unit, needed, available })
}

/// `found` as an operand whose field holds at most `max`.
pub(crate) fn limited(place: &Place, what: &'static str, found: usize, max: u64) -> Result<u32, CompileError> {
    if found as u64 <= max {
        return Ok(found as u32);
    }
    Err(CompileError::Limit { place: place.clone(), what, found: found as u64, max })
}
