//! Seeded random programs for cards: every instruction, on every unit, in several cells, with the
//! tokens and barriers that they need and no more.
//!
//! Unlike a compiler's they are about nothing: they exist to bring every unit into every other's way.
//! Memories are cut into slots; two instructions conflict when one writes a slot that the other uses,
//! and each waits for the last one of every other unit that it conflicts with. What a cell stores in a round all
//! may load in the next.

use myelin_isa::{Architecture, Header, Instruction, PostOperands, Precision, Unit, WeightTarget, array_descriptor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Slots of each cell's memories, and of external memory for each cell.
const ACTIVATION_SLOTS: u32 = 6;
const WEIGHT_SLOTS: u32 = 3;
const BIAS_WORDS: u32 = 4;
const STORE_SLOTS: u32 = 3;
/// Lanes of an activation slot: rows of a map, and what the longest of its reads and writes may take.
const SLOT_LANES: u32 = 512;
/// Lanes of a row of a map.
const ROW_LANES: u32 = 64;
/// Beats of a slot in external memory.
const SLOT_BEATS: u32 = 64;

/// A card, its programs and what is in memory before they run.
#[derive(Debug, Clone)]
pub struct Case {
    /// Reproduces the case.
    pub seed: u64,
    /// The card.
    pub architecture: Architecture,
    /// By cell: all instructions, in the order of their addresses; longer programs load themselves.
    pub programs: Vec<Vec<Instruction>>,
    /// External memory.
    pub memory: Vec<u8>,
}

/// What a step touches, as slots of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Activations(u32),
    Weights(u32),
    Bias(u32),
    Half(u8),
    Table,
}

/// An instruction with what it uses.
struct Step {
    instruction: Instruction,
    reads: Vec<Slot>,
    writes: Vec<Slot>,
}

impl Step {
    fn conflicts(&self, other: &Step) -> bool {
        let meet = |a: &[Slot], b: &[Slot]| a.iter().any(|slot| b.contains(slot));
        meet(&self.writes, &other.writes) || meet(&self.writes, &other.reads) || meet(&self.reads, &other.writes)
    }
}

/// Where things lie in external memory, in beats.
struct Map {
    /// Random bytes for all to load.
    common: u32,
    /// `[round][cell][slot]`.
    stores: u32,
    cells: u32,
}

impl Map {
    fn store(&self, round: u32, cell: u32, slot: u32) -> u32 {
        self.stores + ((round * self.cells + cell) * STORE_SLOTS + slot) * SLOT_BEATS
    }
}

/// A card with random sizes; several cells if `cells` is more than 1.
fn architecture(random: &mut ChaCha8Rng, cells: u32) -> Architecture {
    let precision = [Precision::Int6, Precision::Int8][random.random_range(0..2)];
    let (rows, columns) = [(4, 4), (8, 8), (5, 12), (16, 8)][random.random_range(0..4)];
    let mut build = || {
        let architecture = Architecture::new(rows, columns, precision)?.with_cells(cells)?;
        let lanes = architecture.lanes();
        architecture.with_lanes(lanes << random.random_range(0..3))?.with_activation_lanes(4096)
    };
    build()
        .and_then(|a| a.with_weight_words(256)?.with_bias_words(16)?.with_accumulator_depth(64))
        .and_then(|a| a.with_instruction_depth([32, 64, 1024][random.random_range(0..3)]))
        .expect("the sizes are legal")
}

/// The case of a seed, on a card of so many cells.
pub fn case(seed: u64, cells: u32) -> Case {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let architecture = architecture(&mut random, cells);
    let rounds = random.random_range(1..4);
    let common = SLOT_BEATS;
    let map = Map { common: 0, stores: common, cells };
    let mut beats = map.store(rounds, 0, 0);
    let lanes = architecture.lanes() as usize;
    let mut memory: Vec<u8> = (0..beats as usize * lanes).map(|_| random.random()).collect();
    let programs = (0..cells)
        .map(|cell| {
            let mut cell =
                Generator { random: &mut random, architecture, map: &map, cell, steps: Vec::new(), loaded: [false; 2] };
            (0..rounds).for_each(|round| cell.round(round));
            // As often as it arrives.
            cell.load(map.common, true);
            let steps = core::mem::take(&mut cell.steps);
            let program = with_tokens(steps);
            streamed(program, &architecture, &mut beats, &mut memory)
        })
        .collect();
    Case { seed, architecture, programs, memory }
}

struct Generator<'a> {
    random: &'a mut ChaCha8Rng,
    architecture: Architecture,
    map: &'a Map,
    cell: u32,
    steps: Vec<Step>,
    /// Whether a half holds anything to add to or drain.
    loaded: [bool; 2],
}

impl Generator<'_> {
    fn pick(&mut self, count: u32) -> u32 {
        self.random.random_range(0..count)
    }

    fn push(&mut self, instruction: Instruction, reads: &[Slot], writes: &[Slot]) {
        self.steps.push(Step { instruction, reads: reads.to_vec(), writes: writes.to_vec() });
    }

    fn config(&mut self, unit: Unit, index: u8, values: [u32; 3]) {
        self.push(Instruction::Config { header: Header::NONE, unit, index, values }, &[], &[]);
    }

    /// Loads of what the round before stored, any work, and a store with which the cell arrives.
    fn round(&mut self, round: u32) {
        if round > 0 {
            let (from, slot) = (self.pick(self.map.cells), self.pick(STORE_SLOTS));
            self.load(self.map.store(round - 1, from, slot), true);
        }
        for _ in 0..self.random.random_range(3..14) {
            match self.pick(16) {
                0..3 => {
                    let beat = self.map.common;
                    self.load(beat, false);
                }
                3 if round > 0 => {
                    let beat = self.map.store(round - 1, self.cell, 0);
                    self.load(beat, false);
                }
                3..6 => self.load_weights(),
                6 => match self.pick(2) {
                    0 => self.load_entries(),
                    _ => self.load_bias(),
                },
                7..10 => self.convolve(),
                10..12 => self.drain(),
                12..14 => self.combine(),
                _ => self.store(round, false),
            }
        }
        self.store(round, true);
    }

    fn load(&mut self, memory_beat: u32, meet: bool) {
        let lanes = self.architecture.lanes();
        let (rows, beats) = (1 + self.pick(4), 1 + self.pick((SLOT_LANES / lanes / 4).min(SLOT_BEATS / 4)));
        if rows > 1 || self.random.random() {
            let (memory_step, lane_step) = (beats + self.pick(3), (beats + self.pick(2)) * lanes);
            let lane_step = lane_step.min(SLOT_LANES / 4);
            self.config(Unit::Load, 0, [rows - 1, memory_step.min(SLOT_BEATS / 4), lane_step]);
        } else {
            self.config(Unit::Load, 0, [0; 3]);
        }
        let slot = self.pick(ACTIVATION_SLOTS);
        let header = Header { meet, ..Header::NONE };
        let load = Instruction::Load { header, memory_beat, destination: slot * SLOT_LANES, beats };
        self.push(load, &[], &[Slot::Activations(slot)]);
    }

    fn load_weights(&mut self) {
        let slot = self.pick(WEIGHT_SLOTS);
        let beats = 1 + self.pick(16 * self.architecture.weight_word_beats()).min(SLOT_BEATS - 1);
        let (header, target) = (Header::NONE, WeightTarget::Weights);
        let load =
            Instruction::LoadWeights { header, target, memory_beat: self.map.common, destination: slot * 80, beats };
        self.push(load, &[], &[Slot::Weights(slot)]);
    }

    fn load_bias(&mut self) {
        let (word, memory_beat) = (self.pick(BIAS_WORDS), self.map.common);
        let (header, target, beats) = (Header::NONE, WeightTarget::Biases, self.architecture.bias_word_beats());
        let load = Instruction::LoadWeights { header, target, memory_beat, destination: word, beats };
        self.push(load, &[], &[Slot::Bias(word)]);
    }

    /// Some entries of the table, or all.
    fn load_entries(&mut self) {
        let entries = self.architecture.table_entries();
        let beats = 1 + self.pick(entries.min(SLOT_BEATS));
        let (destination, memory_beat) = (self.pick(entries - beats + 1), self.map.common);
        let (header, target) = (Header::NONE, WeightTarget::Table);
        let load = Instruction::LoadWeights { header, target, memory_beat, destination, beats };
        self.push(load, &[], &[Slot::Table]);
    }

    /// At most 2 x 2 x 2 tiles of 4 x 3 pixels, somewhere around a map.
    fn convolve(&mut self) {
        let rows = self.architecture.rows();
        let (columns, output_rows) = (1 + self.pick(4), 1 + self.pick(3));
        let [chunks, kernel_columns, kernel_rows] = [2, 2, 2].map(|most| 1 + self.pick(most));
        // The last chunk has at least one lane of the run: past its end the walk does not count.
        let run_lanes = (chunks - 1) * rows + 1 + self.pick(rows);
        let y_limit = self.pick(5);
        self.config(
            Unit::Array,
            array_descriptor::PIXELS,
            [columns | output_rows << 16, chunks | kernel_columns << 16 | kernel_rows << 24, y_limit | run_lanes << 16],
        );
        self.config(Unit::Array, array_descriptor::ROW_STEP, [ROW_LANES, ROW_LANES, 1 | 1 << 16]);
        let steps = [self.pick(9), self.pick(9), self.pick(ROW_LANES + 1)];
        self.config(Unit::Array, array_descriptor::COLUMN_STEP, steps);
        let (slot, weights, half) = (self.pick(ACTIVATION_SLOTS), self.pick(WEIGHT_SLOTS), self.pick(2) as u8);
        let y_start = -(self.pick(3) as i16);
        let accumulate = self.loaded[usize::from(half)] && self.random.random();
        self.loaded[usize::from(half)] = true;
        let convolve = Instruction::Convolve {
            header: Header::NONE,
            half,
            accumulate,
            row_address: (slot * SLOT_LANES).wrapping_add_signed(i32::from(y_start) * ROW_LANES as i32),
            x_start: -(self.pick(5) as i32),
            y_start,
            weight_base: (weights * 80) as u16,
        };
        self.push(convolve, &[Slot::Activations(slot), Slot::Weights(weights)], &[Slot::Half(half)]);
    }

    /// The descriptor of a walk over windows, with the outputs' rows and columns.
    fn walk(&mut self, window: [u32; 2], source_steps: [u32; 4], destination_step: u32) {
        let (columns, rows) = (1 + self.pick(3), 1 + self.pick(3));
        let [window_column, window_row, column, row] = source_steps;
        self.config(Unit::Post, 0, [window[0] | window[1] << 8 | 1 << 16, columns | rows << 16, 99 | 99 << 16]);
        self.config(Unit::Post, 3, [0, 1 | 1 << 16, window_column]);
        self.config(Unit::Post, 6, [window_row, column, row]);
        self.config(Unit::Post, 9, [0, destination_step, 4 * destination_step]);
        let high = (1 << (self.architecture.precision().bits() - 1)) - 1;
        let low = if self.random.random() { 0x100 - high } else { 0 };
        let requantise = self.pick(12) | low << 8 | high << 16;
        self.config(Unit::Post, 12, [0, requantise, 0]);
    }

    fn operands(&mut self, source: u32, slot: u32, stamps: bool) -> (Header, PostOperands) {
        let lane_count = 1 + self.pick(self.architecture.columns()) as u8;
        let destination = slot * SLOT_LANES + self.pick(32);
        let bias_word = self.pick(BIAS_WORDS) as u16;
        let header = Header { stamp: stamps, ..Header::NONE };
        let look_up = self.pick(4) == 0;
        (header, PostOperands { half: 0, raw: false, look_up, lane_count, source, destination, bias_word })
    }

    fn drain(&mut self) {
        let half = self.pick(2) as u8;
        if !self.loaded[usize::from(half)] {
            return;
        }
        let window = [1 + self.pick(2), 1 + self.pick(2)];
        self.walk(window, [1, 4, window[0], 4], 32);
        let slot = self.pick(ACTIVATION_SLOTS);
        let stamps = self.random.random();
        let (header, operands) = self.operands(0, slot, stamps);
        let operands = PostOperands { half, ..operands };
        let bias = Slot::Bias(u32::from(operands.bias_word));
        let reads = [&[Slot::Half(half), bias][..], table_of(&operands)].concat();
        self.push(Instruction::Drain { header, operands }, &reads, &[Slot::Activations(slot)]);
    }

    /// ELTW or POOL.
    fn combine(&mut self) {
        let from = self.pick(ACTIVATION_SLOTS);
        // The walk would read what it has written, or not yet.
        let to = (from + 1 + self.pick(ACTIVATION_SLOTS - 1)) % ACTIVATION_SLOTS;
        let adds = self.random.random();
        let window = if adds { [2, 1] } else { [1 + self.pick(3), 1 + self.pick(3)] };
        self.walk(window, [16, ROW_LANES, 8, ROW_LANES], 32);
        let source = from * SLOT_LANES + self.pick(16);
        let stamps = self.random.random();
        let (header, operands) = self.operands(source, to, stamps);
        let instruction =
            if adds { Instruction::Elementwise { header, operands } } else { Instruction::Pool { header, operands } };
        let reads = [&[Slot::Activations(from)][..], table_of(&operands)].concat();
        self.push(instruction, &reads, &[Slot::Activations(to)]);
    }

    fn store(&mut self, round: u32, arrive: bool) {
        let lanes = self.architecture.lanes();
        let (rows, beats) = (1 + self.pick(3), 1 + self.pick((SLOT_LANES / lanes / 4).min(SLOT_BEATS / 4)));
        let lane_step = (beats * lanes).min(SLOT_LANES / 4);
        let memory_step = (beats + self.pick(3)).min(SLOT_BEATS / 4);
        self.config(Unit::Store, 0, [rows - 1, memory_step, lane_step]);
        let (slot, place) = (self.pick(ACTIVATION_SLOTS), self.pick(STORE_SLOTS));
        let header = Header { arrive, ..Header::NONE };
        let memory_beat = self.map.store(round, self.cell, place);
        let store = Instruction::Store { header, memory_beat, source: slot * SLOT_LANES, beats };
        self.push(store, &[Slot::Activations(slot)], &[]);
    }
}

/// What looking up reads besides.
fn table_of(operands: &PostOperands) -> &'static [Slot] {
    if operands.look_up { &[Slot::Table] } else { &[] }
}

/// The instructions with the fewest tokens that order every conflicting pair.
fn with_tokens(steps: Vec<Step>) -> Vec<Instruction> {
    let unit = |step: &Step| step.instruction.unit().expect("units execute all steps") as usize;
    let mut headers: Vec<Header> = steps.iter().map(|step| step.instruction.header()).collect();
    let mut known: Vec<[usize; 4]> = Vec::new();
    let mut clocks = [[0; 4]; 4];
    for (at, step) in steps.iter().enumerate() {
        let mine = unit(step);
        for other in Unit::ALL.into_iter().filter(|&other| other as usize != mine) {
            let seen = clocks[mine][other as usize];
            let conflict = |&earlier: &usize| {
                unit(&steps[earlier]) == other as usize && earlier >= seen && steps[earlier].conflicts(step)
            };
            let Some(earlier) = (0..at).rev().find(conflict) else { continue };
            headers[earlier].signal = headers[earlier].signal.and(Unit::ALL[mine]);
            headers[at].wait = headers[at].wait.and(other);
            for (clock, &known) in clocks[mine].iter_mut().zip(&known[earlier]) {
                *clock = (*clock).max(known);
            }
        }
        // Everything of a unit before this position is known to be complete.
        clocks[mine][mine] = at + 1;
        known.push(clocks[mine]);
    }
    steps.iter().zip(headers).map(|(step, header)| step.instruction.with_header(header)).collect()
}

/// The program with its halt; in blocks that load each other, from the end of `memory`, when it is
/// longer than instruction memory, and the last of which loads the first again.
fn streamed(
    body: Vec<Instruction>,
    architecture: &Architecture,
    beats: &mut u32,
    memory: &mut Vec<u8>,
) -> Vec<Instruction> {
    let halt = Instruction::Sync { halt: true };
    let depth = architecture.instruction_depth() as usize;
    if body.len() < depth {
        return body.into_iter().chain([halt]).collect();
    }
    let (half, payload) = (depth / 2, depth / 2 - 2);
    // The last block overwrites the first, so it must lie in the other half; its halt counts as payload.
    let blocks = (body.len() + 1).div_ceil(payload).next_multiple_of(2);
    let block_beats = half as u32 * architecture.instruction_beats();
    let first_beat = *beats;
    *beats += blocks as u32 * block_beats;
    let mut program = Vec::new();
    let mut body = body.into_iter();
    for block in 0..blocks {
        let next = (block + 1) % blocks;
        let load = Instruction::LoadWeights {
            header: Header::NONE,
            target: WeightTarget::Instructions,
            memory_beat: first_beat + next as u32 * block_beats,
            destination: (next % 2 * half) as u32,
            beats: block_beats,
        };
        let (filler, count) = (Instruction::Sync { halt: false }, payload - usize::from(next == 0));
        program.push(load);
        program
            .extend(body.by_ref().map(Some).chain(core::iter::repeat(None)).take(count).map(|i| i.unwrap_or(filler)));
        program.push(Instruction::Fence);
        program.extend((next == 0).then_some(halt));
    }
    let beat_bytes = architecture.lanes() as usize;
    let each = architecture.instruction_beats() as usize * beat_bytes;
    for instruction in &program {
        let at = memory.len();
        memory.extend(instruction.encode().iter().flat_map(|word| word.to_le_bytes()));
        memory.resize(at + each, 0);
    }
    program
}
