//! Programs for a card: N cells, maps in external memory, weights and instructions streamed.
//!
//! ```text
//! network --choices--> rows stacked, maxima in the drain or not
//!         --stage--> stages --prepared--> blocks, weights --split--> jobs of every cell
//!         --portions--> bands in order, barriers, places of maps --cell, post--> streams --blocks--> programs
//! ```
//! Every cell has a program of its own; all that is shared is external memory and the barriers. A
//! cell does its jobs in order; within it loads, convolutions, drains and stores overlap as far as
//! the places they use are free ([`stream`]).

mod blocks;
mod cell;
mod choices;
mod costs;
mod job;
mod portions;
mod post;
mod prepared;
mod ring;
mod spans;
mod split;
mod stacked;
mod stage;
mod stream;

use crate::error::{CompileError, Place};
use crate::memory::MemoryModel;
use crate::network::{self, Combine};
use crate::pack::table_beats;
use crate::program::{CellProgram, LayerKind, Mapping, RowStack};
use crate::requantise::Requantise;
use blocks::{block_lengths, blocks};
use cell::Cell;
use choices::{Chosen, choose};
use costs::Costs;
use job::{Job, Room, Sized};
use myelin_isa::{Architecture, Instruction};
use portions::{Portion, place_maps, portions};
use prepared::Prepared;

use split::{Division, Spending, divide};
use stage::{MapId, Network, Stage, Work};

/// Where a map lies in external memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lying {
    pub beat: u32,
    pub beats: u32,
    /// Bytes from pixel to pixel and from row to row.
    pub pitch: usize,
    pub row: usize,
    /// First channel.
    pub offset: usize,
    pub shape: [usize; 3],
}

/// A layer of the card's program.
#[derive(Debug, Clone)]
pub(crate) struct StreamedLayer {
    pub place: Place,
    pub kind: LayerKind,
    pub macs: u64,
    pub shape: [usize; 3],
    pub jobs: u32,
    /// Whether cell 0 takes a stamp when it is complete.
    pub stamped: bool,
    /// Estimated cycle of its completion.
    pub completes: u64,
    pub mapping: Mapping,
}

/// Where a head lies, and what the host does with its values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LyingHead {
    pub lying: Lying,
    pub raw: Option<(u32, Requantise)>,
}

/// A program of the card.
pub(crate) struct Streamed {
    pub cells: Vec<CellProgram>,
    pub infer_entry: u32,
    pub image: Vec<u8>,
    pub memory_beats: u32,
    pub inputs: Vec<Lying>,
    /// How the first input lies.
    pub stack: RowStack,
    pub heads: Vec<LyingHead>,
    /// In the order in which they are complete.
    pub layers: Vec<StreamedLayer>,
    /// Estimated cycles.
    pub cycles: u64,
}

/// The program of a lowered network.
///
/// **Errors.** [`CompileError`]: a memory in which not even one result has room, a size beyond a field.
pub(crate) fn stream(
    lowered: network::Network,
    architecture: &Architecture,
    memory: &MemoryModel,
) -> Result<Streamed, CompileError> {
    let Chosen { network, stack, drained } = choose(lowered, architecture, memory)?;
    let stages = stage::stages(network, architecture, &drained)?;
    Ok(Streamed { stack, ..stream_stages(&stages, architecture, memory)? })
}

/// [`stream`] of the card's stages with the input as it is.
fn stream_stages(
    network: &Network,
    architecture: &Architecture,
    memory: &MemoryModel,
) -> Result<Streamed, CompileError> {
    let mut image = network.tables.iter().flat_map(|table| table_beats(architecture, table)).collect();
    let prepare = |stage| Prepared::new(stage, &network.maps, architecture, &mut image);
    let prepared: Vec<Prepared> = network.stages.iter().map(prepare).collect::<Result<_, _>>()?;
    let work = Card {
        architecture,
        network,
        prepared: &prepared,
        costs: Costs::new(architecture, memory),
        room: room(network, &prepared, architecture)?,
    };
    let mut whole = Vec::new();
    for index in 0..network.stages.len() {
        let all = 0..network.stages[index].result.height;
        whole.push(divide(&work.sized(index), &all, work.room, &work.costs, work.weight_words())?.cycles);
    }
    let portions = portions(network, &whole);
    let lanes = architecture.lanes() as usize;
    let (map_beats, maps_end) = place_maps(network, &portions, lanes);
    let (bodies, layers, cycles) = work.emit(&portions, &map_beats, maps_end)?;

    let image_base = image.len() / lanes;
    let (cells, maps_base) = assemble(bodies, image_base, architecture, &mut image);
    let lying = |view: stage::View| {
        let map = &network.maps[view.map.0];
        let shape = [view.channels, map.shape.height, map.shape.width];
        let beat = (maps_base + map_beats[view.map.0]) as u32;
        Lying { beat, beats: (map.lanes() / lanes) as u32, pitch: map.pixel, row: map.row, offset: view.offset, shape }
    };
    let whole = |&map: &MapId| stage::View { map, offset: 0, channels: network.maps[map.0].shape.channels };
    Ok(Streamed {
        cells,
        infer_entry: 1,
        memory_beats: (maps_base + maps_end + architecture.cells() as usize + 1) as u32,
        image,
        inputs: network.inputs.iter().map(whole).map(lying).collect(),
        stack: RowStack::plain(network.maps[network.inputs[0].0].shape.height),
        heads: network.heads.iter().map(|head| LyingHead { lying: lying(head.view), raw: head.raw }).collect(),
        layers,
        cycles,
    })
}

/// Cycles from the last cell's arrival to the tokens.
const BARRIER: u64 = 2;

/// All that emission works with.
struct Card<'a> {
    architecture: &'a Architecture,
    network: &'a Network,
    prepared: &'a [Prepared],
    costs: Costs,
    room: Room,
}

/// By cell, its instructions, with beats of maps counted from the first map.
type Bodies = Vec<Vec<Instruction>>;

impl<'a> Card<'a> {
    fn sized(&self, stage: usize) -> Sized<'a> {
        Sized {
            stage: &self.network.stages[stage],
            prepared: &self.prepared[stage],
            maps: &self.network.maps,
            architecture: self.architecture,
        }
    }

    /// Weight words that stay from job to job.
    fn weight_words(&self) -> usize {
        self.architecture.weight_words() as usize / 4 * 3
    }

    fn emit(
        &self,
        portions: &[Portion],
        map_beats: &'a [usize],
        maps_end: usize,
    ) -> Result<(Bodies, Vec<StreamedLayer>, u64), CompileError> {
        let count = self.architecture.cells() as usize;
        let new = |cell: usize| {
            let junk = (maps_end + cell, maps_end + count);
            Cell::new(self.architecture, &self.network.maps, map_beats, self.room, self.costs, junk)
        };
        let mut cells: Vec<Cell> = (0..count).map(new).collect();
        // What nobody waits for needs no barrier.
        let barriers = portions.iter().filter_map(|portion| portion.needs).max().map_or(0, |last| last + 1);
        let mut passes: Vec<u64> = Vec::with_capacity(barriers);
        let mut layers = Vec::new();
        let mut done: Vec<Done> = vec![Done::default(); self.network.stages.len()];
        for (index, portion) in portions.iter().enumerate() {
            let sized = self.sized(portion.stage);
            let division = divide(&sized, &portion.rows, self.room, &self.costs, self.weight_words())?;
            let needed = portion.needs.map_or(0, |last| last + 1);
            let mut arrived = 0;
            for (cell, jobs) in cells.iter_mut().zip(&division.cells) {
                cell.begin(index, needed, &passes);
                cell.load_ahead(portion.stage, &sized, jobs);
                for job in jobs {
                    cell.job(portion.stage, &sized, job)?;
                }
                if index < barriers {
                    arrived = arrived.max(cell.end());
                }
            }
            if index < barriers {
                passes.push(arrived + BARRIER);
            }
            let stage = &mut done[portion.stage];
            stage.add(&division);
            if portion.completes {
                let stamped = !division.cells[0].is_empty() && cells[0].stream.stamp();
                let completes = cells.iter().map(|cell| cell.stream.end()).max().unwrap_or(0);
                layers.push(self.layer(portion.stage, (stamped, completes), stage));
            }
        }
        // No token is left over.
        cells.iter_mut().for_each(|cell| cell.meet(barriers, &passes));
        let end = cells.iter().map(|cell| cell.stream.end()).max().unwrap_or(0);
        Ok((cells.into_iter().map(|cell| cell.stream.finish()).collect(), layers, end))
    }

    fn layer(&self, index: usize, (stamped, completes): (bool, u64), done: &Done) -> StreamedLayer {
        let (stage, spending) = (&self.network.stages[index], &done.spending);
        let (group, row_parts) = done.shape;
        StreamedLayer {
            place: stage.place.clone(),
            kind: kind(stage),
            macs: stage.macs(),
            shape: stage.result.sizes(),
            jobs: done.jobs,
            stamped,
            completes,
            mapping: Mapping {
                portions: done.portions,
                group_channels: self.prepared[index].channels(&(0..group)).len() as u32,
                row_parts: row_parts as u32,
                array_cycles: spending.array,
                post_cycles: spending.post,
                map_beats_loaded: spending.load,
                weight_beats_loaded: spending.weights,
                beats_stored: spending.store,
            },
        }
    }
}

/// What has been done of a stage.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    portions: u32,
    jobs: u32,
    spending: Spending,
    /// The first division's blocks of a group and parts of a row.
    shape: (usize, usize),
}

impl Done {
    fn add(&mut self, division: &Division) {
        if self.portions == 0 {
            self.shape = division.shape;
        }
        self.portions += 1;
        self.jobs += division.cells.iter().map(|jobs| jobs.len() as u32).sum::<u32>();
        self.spending.plus(&division.spending);
    }
}

fn kind(stage: &Stage) -> LayerKind {
    match &stage.work {
        Work::Matrix { .. } if stage.place.operator == "dense" => LayerKind::Dense,
        Work::Matrix { .. } => LayerKind::Convolution,
        Work::Add { .. } => LayerKind::Add,
        Work::Window { combine: Combine::Sum, .. } => LayerKind::Sum,
        Work::Window { window, .. } if window.size == [1; 2] && window.strides == [1; 2] => {
            let looks_up = stage.outputs.iter().all(|output| output.finish.table().is_some());
            if looks_up { LayerKind::LookUp } else { LayerKind::Copy }
        }
        Work::Window { .. } => LayerKind::Pool,
        Work::Enlarge { .. } => LayerKind::Enlarge,
        Work::Join { .. } => LayerKind::Copy,
    }
}

/// How the scratchpad is divided: a quarter for results, as far as every stage then has room for one.
fn room(network: &Network, prepared: &[Prepared], architecture: &Architecture) -> Result<Room, CompileError> {
    let lanes = architecture.lanes() as usize;
    let available = architecture.activation_lanes() as usize - lanes;
    let mut least = Room { inputs: lanes, results: lanes };
    for (stage, prepared) in network.stages.iter().zip(prepared) {
        let sized = Sized { stage, prepared, maps: &network.maps, architecture };
        let (row, column) = (stage.result.height / 2, stage.result.width / 2);
        for block in 0..prepared.blocks.len() {
            let blocks = block..block + 1;
            let one = Job { group: blocks.clone(), blocks, rows: row..row + 1, columns: column..column + 1 };
            let needed = sized.room(&one);
            least.inputs = least.inputs.max(needed.inputs);
            least.results = least.results.max(needed.results);
            let tiles = prepared.blocks[block].tiles.len() as u64;
            let refuse = |memory, unit, needed: u64, available: u64| {
                let place = stage.place.clone();
                Err(CompileError::Capacity { place, memory, unit, needed, available })
            };
            if least.inputs + least.results > available {
                let needed = (least.inputs + least.results) as u64;
                return refuse("the activation scratchpad", "lanes", needed, available as u64);
            }
            if tiles > u64::from(architecture.bias_words()) {
                return refuse("the bias memory", "words", tiles, u64::from(architecture.bias_words()));
            }
        }
    }
    let results = (available / 4 / lanes * lanes).clamp(least.results, available - least.inputs);
    Ok(Room { inputs: available - results, results })
}

/// Gives maps their beats behind everything else, and adds the instructions of long programs to the
/// image. Answers the programs and the first beat of the maps.
fn assemble(
    bodies: Bodies,
    image_base: usize,
    architecture: &Architecture,
    image: &mut Vec<u8>,
) -> (Vec<CellProgram>, usize) {
    let (lanes, each) = (architecture.lanes() as usize, architecture.instruction_beats() as usize);
    let lengths: Vec<Vec<usize>> = bodies.iter().map(|body| block_lengths(body.len(), architecture)).collect();
    let mut bases = Vec::new();
    let mut maps_base = image_base;
    for lengths in &lengths {
        bases.push(maps_base);
        let streamed = if lengths.len() > 1 { lengths.iter().sum() } else { 0 };
        maps_base += streamed * each;
    }
    let mut cells = Vec::new();
    for ((mut body, base), lengths) in bodies.into_iter().zip(bases).zip(lengths) {
        for instruction in &mut body {
            if let Instruction::Load { memory_beat, .. } | Instruction::Store { memory_beat, .. } = instruction {
                *memory_beat += maps_base as u32;
            }
        }
        let instructions = blocks(body, &lengths, architecture, |position| base + position * each);
        if lengths.len() > 1 {
            image.resize(base * lanes, 0);
            for (position, instruction) in instructions.iter().enumerate() {
                let words = instruction.encode();
                image.extend(words.iter().flat_map(|word| word.to_le_bytes()));
                image.resize((base + (position + 1) * each) * lanes, 0);
            }
        }
        cells.push(CellProgram { instructions });
    }
    (cells, maps_base)
}
