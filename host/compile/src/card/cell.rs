//! What one cell does for a job: loads, convolutions, drains and stores, in logical order.

use super::costs::Costs;
use super::job::{Job, Rect, Room, Sized};
use super::prepared::{Part, Tile};
use super::ring::Ring;
use super::spans::Span;
use super::stage::{Map, MapId, Output, Residual, Work};
use super::stream::{CellStream, Rows};
use crate::emit::{ArrayRegisters, PostWalk};
use crate::error::CompileError;
use crate::network::{Finish, Matrix, TableId, Window};
use myelin_isa::{Architecture, Header, Instruction, PostOperands, WeightTarget, array_descriptor as at};

/// LOADWs that a portion begins with, before it waits for a barrier.
const WEIGHTS_AHEAD: usize = 8;
/// Barriers that a cell may be behind: their tokens are counted up to 15.
const MEETS_BEHIND: usize = 8;

/// Weights in the scratchpad: stage, column tile, part.
type WeightKey = (usize, usize, usize);
/// Biases: stage, block.
type BiasKey = (usize, usize);

/// A cell under way.
pub(super) struct Cell<'a> {
    architecture: &'a Architecture,
    maps: &'a [Map],
    map_beats: &'a [usize],
    pub stream: CellStream,
    inputs: Ring<Rect>,
    results: Ring<()>,
    weights: Ring<WeightKey>,
    biases: Ring<BiasKey>,
    table: Option<TableId>,
    /// Barriers met so far.
    met: usize,
    /// Barriers that the portion needs, and when the last of them passes.
    needed: usize,
    passes: u64,
    /// Beats that nobody reads, and that nobody writes.
    junk: (usize, usize),
}

/// A rectangle in the scratchpad.
#[derive(Clone)]
pub(super) struct Loaded {
    pub rect: Rect,
    pub lane: usize,
    pub row_lanes: usize,
    size: usize,
}

impl Loaded {
    pub fn pitch(&self) -> usize {
        self.rect.pitch()
    }

    pub fn span(&self) -> Span {
        Span::lanes(self.lane, self.size)
    }
}

/// Results of a job before they are stored: whole pixels of `lanes` lanes, planes after each other.
#[derive(Clone, Copy)]
pub(super) struct Staged {
    pub lane: usize,
    pub lanes: usize,
    pub columns: usize,
    pub area: usize,
    pub planes: usize,
}

impl Staged {
    pub fn span(&self) -> Span {
        Span::lanes(self.lane, self.planes * self.area * self.lanes)
    }
}

impl<'a> Cell<'a> {
    pub fn new(
        architecture: &'a Architecture,
        maps: &'a [Map],
        map_beats: &'a [usize],
        room: Room,
        costs: Costs,
        junk: (usize, usize),
    ) -> Cell<'a> {
        let lanes = architecture.lanes() as usize;
        let steps = architecture.weight_steps() as usize;
        let (inputs, results) = (lanes + room.inputs, lanes + room.inputs + room.results);
        Cell {
            architecture,
            maps,
            map_beats,
            stream: CellStream::new(costs),
            inputs: Ring::new(lanes, inputs, lanes),
            results: Ring::new(inputs, results, lanes),
            weights: Ring::new(0, architecture.weight_words() as usize / steps * steps, 1),
            biases: Ring::new(0, architecture.bias_words() as usize, 1),
            table: None,
            met: 0,
            needed: 0,
            passes: 0,
            junk,
        }
    }

    /// Begins a portion that needs the first `needed` barriers, of which `passes` says when each passes.
    pub fn begin(&mut self, index: usize, needed: usize, passes: &[u64]) {
        self.needed = self.needed.max(needed);
        self.passes = self.needed.checked_sub(1).map_or(0, |last| passes[last]);
        self.stream.settle_stores();
        self.meet(index.saturating_sub(MEETS_BEHIND).min(passes.len()), passes);
    }

    /// Meets the first `barriers` barriers, whether or not something to load depends on them.
    pub fn meet(&mut self, barriers: usize, passes: &[u64]) {
        if self.met < barriers {
            let meets = (barriers - self.met) as u32;
            self.met = barriers;
            let span = Span::lanes(0, self.beat());
            self.stream.load(Rows::single(1), self.junk.1, 0, span, meets, passes[barriers - 1]);
        }
    }

    /// Arrives at the portion's barrier; answers when.
    pub fn end(&mut self) -> u64 {
        self.stream.arrive(self.junk.0, 0)
    }

    /// Loads weights of a portion's first jobs before anything that waits for a barrier.
    pub fn load_ahead(&mut self, stage: usize, sized: &Sized, jobs: &[Job]) {
        let words_max = self.weights.size() / 2;
        let (mut loads, mut words) = (0, 0);
        for block in jobs.iter().flat_map(|job| job.blocks.clone()) {
            for tile in sized.prepared.blocks[block].tiles.clone() {
                for (index, part) in sized.prepared.tiles[tile].parts.iter().enumerate() {
                    words += part.tiles() * self.architecture.weight_steps() as usize;
                    if loads == WEIGHTS_AHEAD || words > words_max {
                        return;
                    }
                    loads += usize::from(self.weights((stage, tile, index), part).1);
                }
            }
        }
    }

    /// Does a job of stage `stage`.
    pub fn job(&mut self, stage: usize, sized: &Sized, job: &Job) -> Result<(), CompileError> {
        match &sized.stage.work {
            Work::Matrix { matrix, window, residual, .. } => {
                self.matrix(stage, sized, job, (matrix, *window, residual.as_ref()))
            }
            _ => self.post_job(sized, job),
        }
    }

    fn matrix(
        &mut self,
        stage: usize,
        sized: &Sized,
        job: &Job,
        (matrix, window, residual): (&Matrix, Option<Window>, Option<&Residual>),
    ) -> Result<(), CompileError> {
        let rect = sized.inputs(job).remove(0);
        let loaded = self.input(rect);
        let [rows, columns] = sized.computed(job);
        let pixels = rows.len() * columns.len();
        let operands = sized.operands();
        let (operands, outputs) = self.stage_results(sized, job, operands);
        let block = &sized.prepared.blocks[job.blocks.start];
        let bias_word = self.biases((stage, job.blocks.start), block.bias_beat, block.tiles.len());
        for (ordinal, tile_index) in block.tiles.clone().enumerate() {
            let tile = &sized.prepared.tiles[tile_index];
            let half = self.stream.take_half();
            for (index, part) in tile.parts.iter().enumerate() {
                let (word, _) = self.weights((stage, tile_index, index), part);
                let words = part.tiles() * self.architecture.weight_steps() as usize;
                let (registers, instruction) =
                    convolution(sized, matrix, &loaded, (tile, part), [&rows, &columns], (half, index > 0, word));
                let reads = [loaded.span(), Span::weights(word, words)];
                self.stream.convolve(&registers, instruction, (part.tiles(), pixels), &reads, half);
            }
            let drains: Vec<(Finish, Staged)> = match residual {
                // A single result of a sum replaces its operand, lane by lane.
                Some(residual) => {
                    vec![(Finish::Requantise(residual.drained), operands.get(1).copied().unwrap_or(outputs[0]))]
                }
                None => sized.stage.outputs.iter().map(|output| output.finish).zip(outputs.iter().copied()).collect(),
            };
            for (finish, staged) in drains {
                let drain = Drain { finish, staged, window, half, bias_word: bias_word + ordinal };
                self.drain(sized, job, [&rows, &columns], (tile, tile.first - block.first), &drain)?;
            }
        }
        if let Some(rect) = sized.residual(job) {
            let loaded = self.load_to(rect, operands[0].lane);
            let drained = operands.get(1).unwrap_or(&outputs[0]);
            self.add((drained.lane, loaded.lane), drained, sized, job, &outputs)?;
        }
        self.store_results(sized, job, &outputs);
        Ok(())
    }

    /// Room for a job's results, after `operands` more maps in the same order.
    pub(super) fn stage_results(&mut self, sized: &Sized, job: &Job, operands: usize) -> (Vec<Staged>, Vec<Staged>) {
        let (lanes, area) = (sized.lanes(job), job.area());
        let planes = |output: &Output| if let Finish::Raw { planes } = output.finish { planes as usize } else { 1 };
        let planes: Vec<usize> =
            core::iter::repeat_n(1, operands).chain(sized.stage.outputs.iter().map(planes)).collect();
        let mut lane = self.results.place(planes.iter().sum::<usize>() * area * lanes, ());
        let place = |planes: usize| {
            let staged = Staged { lane, lanes, columns: job.columns.len(), area, planes };
            lane += planes * area * lanes;
            staged
        };
        let mut staged: Vec<Staged> = planes.into_iter().map(place).collect();
        let outputs = staged.split_off(operands);
        (staged, outputs)
    }

    fn drain(
        &mut self,
        sized: &Sized,
        job: &Job,
        [rows, columns]: [&core::ops::Range<usize>; 2],
        (tile, lane): (&Tile, usize),
        drain: &Drain,
    ) -> Result<(), CompileError> {
        let width = columns.len();
        let staged = &drain.staged;
        let mut walk = PostWalk {
            output: [job.rows.len(), job.columns.len()],
            column_step: 1,
            row_step: width,
            destination_column_step: staged.lanes,
            destination_row_step: staged.columns * staged.lanes,
            ..PostWalk::of(drain.finish)
        };
        let mut source = 0i64;
        if let Some(window) = drain.window {
            let y = window.start(0, job.rows.start) - rows.start as i64;
            let x = window.start(1, job.columns.start) - columns.start as i64;
            walk = walk.over(&window, [y, x], [rows.len(), width], [1, width]);
            // Negative where the first window hangs over the edge: those elements are left out.
            source = y * width as i64 + x;
        }
        if let Finish::Raw { planes } = drain.finish {
            walk.outer = planes as usize;
            walk.destination_outer_step = staged.area * staged.lanes;
        }
        let operands = PostOperands {
            half: drain.half,
            raw: drain.finish.is_raw(),
            look_up: drain.finish.table().is_some(),
            lane_count: tile.count as u8,
            source: source as u32,
            destination: (staged.lane + lane) as u32,
            bias_word: drain.bias_word as u16,
        };
        let registers = walk.registers(self.architecture, &sized.stage.place)?;
        let instruction = Instruction::Drain { header: Header::NONE, operands };
        let mut reads = vec![Span::half(drain.half), Span::biases(drain.bias_word, 1)];
        reads.extend(self.table(drain.finish));
        self.stream.post(&registers, instruction, walk.elements(), &reads, &[staged.span()]);
        Ok(())
    }

    /// A rectangle that is in the scratchpad, or comes there.
    pub(super) fn input(&mut self, rect: Rect) -> Loaded {
        // Something to load is where a barrier is met.
        if self.met >= self.needed
            && let Some((lane, held)) = self.inputs.find(|held| held.contains(&rect))
        {
            let held = held.clone();
            return self.loaded(held, lane);
        }
        let size = rect.size(&self.maps[rect.map.0], self.architecture.lanes() as usize);
        let lane = self.inputs.place(size, rect.clone());
        self.load_to(rect, lane)
    }

    /// Rectangles that are all needed at once, next to each other.
    pub(super) fn inputs_together(&mut self, rects: Vec<Rect>) -> Vec<Loaded> {
        let beat = self.architecture.lanes() as usize;
        let size = |rect: &Rect| rect.size(&self.maps[rect.map.0], beat);
        let total = rects.iter().map(size).sum();
        // Nobody finds them later: an empty rectangle holds their place.
        let none = Rect { map: MapId(usize::MAX), lanes: 0..0, rows: 0..0, columns: 0..0 };
        let mut lane = self.inputs.place(total, none);
        let mut loaded = Vec::with_capacity(rects.len());
        for rect in rects {
            let next = lane + rect.size(&self.maps[rect.map.0], beat);
            loaded.push(self.load_to(rect, lane));
            lane = next;
        }
        loaded
    }

    fn loaded(&self, rect: Rect, lane: usize) -> Loaded {
        let (map, beat) = (&self.maps[rect.map.0], self.architecture.lanes() as usize);
        Loaded { row_lanes: rect.row_lanes(map, beat), size: rect.size(map, beat), rect, lane }
    }

    fn load_to(&mut self, rect: Rect, lane: usize) -> Loaded {
        let loaded = self.loaded(rect, lane);
        for (rows, beat, lane) in self.transfers(&loaded.rect, &loaded, 0) {
            let meets = self.needed.saturating_sub(self.met) as u32;
            let earliest = if meets > 0 { self.passes } else { 0 };
            self.met = self.met.max(self.needed);
            let span = Span::lanes(lane, (rows.rows - 1) * rows.lane_step + rows.beats * self.beat());
            self.stream.load(rows, beat, lane, span, meets, earliest);
        }
        loaded
    }

    fn beat(&self) -> usize {
        self.architecture.lanes() as usize
    }

    /// The transfers between a rectangle of (a plane of) a map and the scratchpad, where its pixels
    /// are `held.pitch()` lanes apart.
    fn transfers(&self, rect: &Rect, held: &Loaded, plane: usize) -> Vec<(Rows, usize, usize)> {
        let (map, beat) = (&self.maps[rect.map.0], self.beat());
        let base = self.map_beats[rect.map.0] + plane * map.plane() / beat;
        let (rows, columns) = (rect.rows.len(), rect.columns.len());
        let row_beat = |row: usize| base + (rect.rows.start + row) * map.row / beat;
        let row_beats = held.row_lanes / beat;
        if !map.pixel.is_multiple_of(beat) {
            return vec![(Rows::single(rows * row_beats), row_beat(0), held.lane)];
        }
        let first = (rect.columns.start * map.pixel + rect.lanes.start) / beat;
        let full_width = columns == map.shape.width;
        if rect.lanes.len() == map.pixel {
            if full_width {
                return vec![(Rows::single(rows * row_beats), row_beat(0), held.lane)];
            }
            let step = map.row / beat;
            let rows = Rows { rows, beats: row_beats, memory_step: step, lane_step: held.row_lanes };
            return vec![(rows, row_beat(0) + first, held.lane)];
        }
        let pixels = |count: usize| Rows {
            rows: count,
            beats: rect.lanes.len() / beat,
            memory_step: map.pixel / beat,
            lane_step: rect.lanes.len(),
        };
        if full_width && rows * columns <= 1 << 16 {
            return vec![(pixels(rows * columns), row_beat(0) + first, held.lane)];
        }
        (0..rows).map(|row| (pixels(columns), row_beat(row) + first, held.lane + row * held.row_lanes)).collect()
    }

    /// Stores a job's results.
    pub(super) fn store_results(&mut self, sized: &Sized, job: &Job, staged: &[Staged]) {
        let channels = sized.prepared.channels(&job.blocks);
        for (output, staged) in sized.stage.outputs.iter().zip(staged) {
            let first = output.view.offset + channels.start;
            let lanes = first..first + staged.lanes;
            let rect = Rect { map: output.view.map, lanes, rows: job.rows.clone(), columns: job.columns.clone() };
            for plane in 0..staged.planes {
                let plane_lanes = staged.area * staged.lanes;
                let lane = staged.lane + plane * plane_lanes;
                let row_lanes = staged.columns * staged.lanes;
                let held = Loaded { rect: rect.clone(), lane, row_lanes, size: plane_lanes };
                for (rows, beat, lane) in self.transfers(&rect, &held, plane) {
                    let span = Span::lanes(lane, (rows.rows - 1) * rows.lane_step + rows.beats * self.beat());
                    self.stream.store(rows, beat, lane, span);
                }
            }
        }
    }

    /// The first word of a part's weights, and whether they had to be loaded.
    fn weights(&mut self, key: WeightKey, part: &Part) -> (usize, bool) {
        if let Some((word, _)) = self.weights.find(|&held| held == key) {
            return (word, false);
        }
        let words = part.tiles() * self.architecture.weight_steps() as usize;
        let word = self.weights.place(words, key);
        let beats = words * self.architecture.weight_word_beats() as usize;
        self.stream.load_weights(WeightTarget::Weights, part.beat, word, beats, Span::weights(word, words));
        (word, true)
    }

    /// Loads the table that results need, unless it is held; answers what they read.
    pub(super) fn table(&mut self, finish: Finish) -> Option<Span> {
        let table = finish.table()?;
        if self.table != Some(table) {
            self.table = Some(table);
            let entries = self.architecture.table_entries() as usize;
            // Tables are the first in memory.
            let beat = table.0 * entries;
            self.stream.load_weights(WeightTarget::Table, beat, 0, entries, Span::table());
        }
        Some(Span::table())
    }

    fn biases(&mut self, key: BiasKey, beat: usize, words: usize) -> usize {
        if let Some((word, _)) = self.biases.find(|&held| held == key) {
            return word;
        }
        let word = self.biases.place(words, key);
        let beats = words * self.architecture.bias_word_beats() as usize;
        self.stream.load_weights(WeightTarget::Biases, beat, word, beats, Span::biases(word, words));
        word
    }
}

/// What one DRAIN does with a column tile.
struct Drain {
    finish: Finish,
    staged: Staged,
    window: Option<Window>,
    half: u8,
    bias_word: usize,
}

/// A CONV over one part of a column tile's reduction.
fn convolution(
    sized: &Sized,
    matrix: &Matrix,
    loaded: &Loaded,
    (tile, part): (&Tile, &Part),
    [rows, columns]: [&core::ops::Range<usize>; 2],
    (half, accumulate, word): (u8, bool, usize),
) -> (ArrayRegisters, Instruction) {
    let walk = &tile.walk;
    let (pitch, row_lanes) = (loaded.pitch(), loaded.row_lanes);
    let array_rows = sized.architecture.rows() as usize;
    let Work::Matrix { input, .. } = &sized.stage.work else { unreachable!("jobs of the array have a matrix") };
    let channel = input.offset + tile.pass.first_group * matrix.group_inputs() - loaded.rect.lanes.start;
    let run_step = walk.run_step(matrix.dilation[1] * pitch);
    let start = |i: usize, first: usize, origin: usize| {
        (first * matrix.strides[i]) as i64 - matrix.padding[i] as i64 - origin as i64
    };
    let y = start(0, rows.start, loaded.rect.rows.start) + (part.kernel_rows.start * matrix.dilation[0]) as i64;
    let x = start(1, columns.start, loaded.rect.columns.start) * pitch as i64
        + (channel + part.runs.start * run_step + part.chunks.start * array_rows) as i64;
    let instruction = Instruction::Convolve {
        header: Header::NONE,
        half,
        accumulate,
        // The row may lie outside the rectangle: addresses wrap, and nothing is read there.
        row_address: (loaded.lane as i64 + y * row_lanes as i64) as u32,
        x_start: x as i32,
        y_start: y as i16,
        weight_base: word as u16,
    };
    let run_lanes = (walk.run_lanes - part.chunks.start * array_rows).min(part.chunks.len() * array_rows);
    let (height, width) = (rows.len(), columns.len());
    let (kernel_rows, runs) = (part.kernel_rows.len(), part.runs.len());
    // A step that is never taken may be anything.
    let step = |taken: bool, lanes: usize| taken.then_some(lanes as u32);
    let mut registers: ArrayRegisters = [None; at::COUNT as usize];
    let mut set = |index: u8, value: Option<u32>| registers[usize::from(index)] = value;
    set(at::PIXELS, Some(width as u32 | (height as u32) << 16));
    set(at::KERNEL, Some(part.chunks.len() as u32 | (runs as u32) << 16 | (kernel_rows as u32) << 24));
    set(at::LIMITS, Some(loaded.rect.rows.len() as u32 | (run_lanes as u32) << 16));
    set(at::ROW_STEP, step(height > 1, matrix.strides[0] * row_lanes));
    set(at::KERNEL_ROW_STEP, step(kernel_rows > 1, matrix.dilation[0] * row_lanes));
    let steps = matrix.strides[0] as u32 | (matrix.dilation[0] as u32) << 16;
    set(at::Y_STEPS, (height > 1 || kernel_rows > 1).then_some(steps));
    set(at::COLUMN_STEP, step(width > 1, matrix.strides[1] * pitch));
    set(at::KERNEL_COLUMN_STEP, step(runs > 1, run_step));
    set(at::X_LIMIT, Some(walk.x_limit_of(loaded.rect.columns.len(), pitch) as u32));
    (registers, instruction)
}
