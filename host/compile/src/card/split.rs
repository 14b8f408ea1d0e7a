//! Which cell does what of a stage: a bounded search for the division that is done first.
//!
//! Results are put in a line, group of blocks after group of blocks, row after row, and the line is
//! cut into stretches of equal cost, one for each cell. Groups of one block share weights among many
//! pixels, groups of all blocks share inputs among many channels; rows may be cut so that stretches
//! come out even.

use super::costs::Costs;
use super::job::{Job, Order, Room, Sized};
use super::stage::Work;
use crate::error::CompileError;
use crate::network::Finish;
use core::ops::Range;

/// Parts of a row that are tried, besides single pixels.
const FRAGMENTS_MAX: usize = 9;

/// What a cell is estimated to spend on its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Spending {
    /// Cycles of the array unit.
    pub array: u64,
    /// Cycles of the post unit.
    pub post: u64,
    /// Beats of maps loaded.
    pub load: u64,
    /// Beats of weights and biases loaded.
    pub weights: u64,
    /// Beats stored.
    pub store: u64,
}

impl Spending {
    pub fn plus(&mut self, other: &Spending) {
        self.array += other.array;
        self.post += other.post;
        self.load += other.load;
        self.weights += other.weights;
        self.store += other.store;
    }

    /// The cycles in which it can be done at best.
    fn cycles(&self, costs: &Costs) -> u64 {
        let moved = costs.transfer(self.load + self.weights, self.store);
        self.array.max(self.post).max(moved)
    }
}

/// A division of work among the cells.
#[derive(Debug, Clone)]
pub(super) struct Division {
    /// By cell, what it does, in order.
    pub cells: Vec<Vec<Job>>,
    /// All cells together.
    pub spending: Spending,
    /// Estimated cycles of the slowest cell.
    pub cycles: u64,
    /// Blocks of a group, and parts of a row.
    pub shape: (usize, usize),
}

/// The best division of result rows `rows`; ties: the first found.
///
/// **Errors.** [`CompileError::Capacity`].
pub(super) fn divide(
    sized: &Sized,
    rows: &Range<usize>,
    room: Room,
    costs: &Costs,
    weight_words: usize,
) -> Result<Division, CompileError> {
    let blocks = sized.prepared.blocks.len();
    let width = sized.stage.result.width;
    let cells = sized.architecture.cells() as usize;
    let mut best: Option<Division> = None;
    let mut refused = None;
    for group in candidates(blocks) {
        for fragments in if cells == 1 { vec![1] } else { fragments(width) } {
            for order in [Order::RectanglesOutside, Order::BlocksOutside] {
                let division = Candidate { sized, rows, room, costs, weight_words, group, fragments, order };
                match division.evaluate() {
                    Ok(found) => {
                        let key =
                            |division: &Division| (division.cycles, division.spending.load + division.spending.weights);
                        if best.as_ref().is_none_or(|best| key(&found) < key(best)) {
                            best = Some(found);
                        }
                    }
                    Err(error) => refused = Some(error),
                }
            }
        }
    }
    best.ok_or_else(|| refused.expect("invariant: there is a candidate"))
}

/// Group sizes: powers of two below all, and all.
fn candidates(blocks: usize) -> Vec<usize> {
    let powers = (0..usize::BITS).map(|bit| 1 << bit).take_while(|&size| size < blocks);
    powers.chain([blocks]).collect()
}

/// Parts a row is cut into: up to nine, or single pixels.
fn fragments(width: usize) -> Vec<usize> {
    let single = (width > FRAGMENTS_MAX).then_some(width);
    (1..=width.min(FRAGMENTS_MAX)).chain(single).collect()
}

struct Candidate<'a> {
    sized: &'a Sized<'a>,
    rows: &'a Range<usize>,
    room: Room,
    costs: &'a Costs,
    weight_words: usize,
    group: usize,
    fragments: usize,
    order: Order,
}

impl Candidate<'_> {
    fn evaluate(&self) -> Result<Division, CompileError> {
        let mut division = Division {
            cells: Vec::new(),
            spending: Spending::default(),
            cycles: 0,
            shape: (self.group, self.fragments),
        };
        for pieces in self.pieces() {
            let mut jobs = Vec::new();
            let mut spending = Spending::default();
            for piece in &pieces {
                let cut = self.sized.cut(piece, self.room, self.order)?;
                spending.plus(&self.spending(piece, &cut));
                jobs.extend(cut);
            }
            division.cycles = division.cycles.max(spending.cycles(self.costs));
            division.spending.plus(&spending);
            division.cells.push(jobs);
        }
        Ok(division)
    }

    /// By cell, the rectangles of its stretch of the line.
    fn pieces(&self) -> Vec<Vec<Job>> {
        let cells = self.sized.architecture.cells() as usize;
        let blocks = self.sized.prepared.blocks.len();
        let units = self.rows.len() * self.fragments;
        let groups: Vec<Range<usize>> =
            (0..blocks).step_by(self.group).map(|first| first..(first + self.group).min(blocks)).collect();
        let weights: Vec<usize> = groups.iter().map(|group| self.weight(group)).collect();
        let total: usize = weights.iter().map(|weight| weight * units).sum();
        let mut pieces = vec![Vec::new(); cells];
        for (cell, pieces) in pieces.iter_mut().enumerate() {
            let (from, to) = (cell * total / cells, (cell + 1) * total / cells);
            let mut base = 0;
            for (group, &weight) in groups.iter().zip(&weights) {
                // The nearest unit, so that neighbours meet.
                let unit = |at: usize| ((2 * at.saturating_sub(base) + weight) / (2 * weight)).min(units);
                let (first, end) = (unit(from), unit(to));
                if first < end {
                    self.rectangles(group, first, end, pieces);
                }
                base += weight * units;
            }
        }
        pieces
    }

    /// The rectangles of units `first..end` of a group.
    fn rectangles(&self, group: &Range<usize>, first: usize, end: usize, pieces: &mut Vec<Job>) {
        let (f, width) = (self.fragments, self.sized.stage.result.width);
        let mut push = |rows: Range<usize>, fragments: Range<usize>| {
            if !rows.is_empty() && !fragments.is_empty() {
                let columns = fragments.start * width / f..fragments.end * width / f;
                let rows = self.rows.start + rows.start..self.rows.start + rows.end;
                pieces.push(Job { group: group.clone(), blocks: group.clone(), rows, columns });
            }
        };
        let (first_row, last_row) = (first / f, end / f);
        if first_row == last_row {
            push(first_row..first_row + 1, first % f..end % f);
            return;
        }
        let whole = first.div_ceil(f);
        if whole > first_row {
            push(first_row..whole, first % f..f);
        }
        push(whole..last_row, 0..f);
        push(last_row..last_row + 1, 0..end % f);
    }

    /// What a pixel of a group costs, as far as groups differ.
    fn weight(&self, group: &Range<usize>) -> usize {
        let prepared = self.sized.prepared;
        match self.sized.stage.work {
            Work::Matrix { .. } => group.clone().map(|block| prepared.weight_tiles(block)).sum(),
            _ => prepared.channels(group).len().div_ceil(self.sized.architecture.columns() as usize),
        }
    }

    /// What the jobs of one piece cost.
    fn spending(&self, piece: &Job, jobs: &[Job]) -> Spending {
        let sized = self.sized;
        let beat = sized.architecture.lanes() as usize;
        let mut spending = Spending::default();
        let mut rectangles = 0;
        let mut input_lanes = 0;
        let first_blocks = jobs.first().map(|job| job.blocks.clone());
        for job in jobs {
            let [rows, columns] = sized.computed(job);
            let pixels = (rows.len() * columns.len()) as u64;
            let lanes = sized.room(job);
            if Some(&job.blocks) == first_blocks.as_ref() {
                rectangles += 1;
                input_lanes += lanes.inputs;
            }
            for block in job.blocks.clone() {
                for tile in &sized.prepared.tiles[sized.prepared.blocks[block].tiles.clone()] {
                    for part in &tile.parts {
                        spending.array += self.costs.array(part.tiles() as u64, pixels);
                    }
                }
            }
            spending.post += self.post_cycles(job);
            spending.store += (self.stored_lanes(job) / beat) as u64;
            if let Some(rect) = sized.residual(job) {
                spending.load += (rect.size(&sized.maps[rect.map.0], beat) / beat) as u64;
            }
        }
        let tables = sized.stage.outputs.iter().filter(|output| output.finish.table().is_some()).count();
        if !jobs.is_empty() {
            spending.weights += tables as u64 * u64::from(sized.architecture.table_entries());
        }
        let Work::Matrix { .. } = sized.stage.work else {
            spending.load += jobs.iter().map(|job| sized.room(job).inputs / beat).sum::<usize>() as u64;
            return spending;
        };
        self.operands(piece, rectangles, input_lanes, &mut spending);
        spending
    }

    /// Inputs and weights, loaded once where they stay, else again for each block or rectangle.
    fn operands(&self, piece: &Job, rectangles: usize, input_lanes: usize, spending: &mut Spending) {
        let architecture = self.sized.architecture;
        let tiles: usize = piece.blocks.clone().map(|block| self.sized.prepared.weight_tiles(block)).sum();
        let words = tiles * architecture.weight_steps() as usize;
        let weights = (words * architecture.weight_word_beats() as usize) as u64;
        let inputs = (input_lanes / architecture.lanes() as usize) as u64;
        let weights_stay = words <= self.weight_words;
        let inputs_stay = input_lanes <= self.room.inputs;
        let (rectangles, blocks) = (rectangles as u64, piece.blocks.len() as u64);
        let (weights, inputs) = match self.order {
            Order::RectanglesOutside => (weights * if weights_stay { 1 } else { rectangles }, inputs),
            Order::BlocksOutside => (weights, inputs * if inputs_stay { 1 } else { blocks }),
        };
        spending.weights += weights;
        spending.load += inputs;
    }

    fn post_cycles(&self, job: &Job) -> u64 {
        let sized = self.sized;
        let columns = sized.architecture.columns() as usize;
        let chunks = sized.prepared.channels(&job.blocks).len().div_ceil(columns);
        let elements: usize = match &sized.stage.work {
            Work::Matrix { window, residual, .. } => {
                let window = window.map_or(1, |window| window.size[0] * window.size[1]);
                let planes = |finish: Finish| if let Finish::Raw { planes } = finish { planes as usize } else { 1 };
                let outputs: usize = sized.stage.outputs.iter().map(|output| planes(output.finish)).sum();
                if residual.is_some() { 1 + 2 * outputs } else { window * outputs }
            }
            Work::Add { .. } => 2 * sized.stage.outputs.len(),
            Work::Window { window, .. } => window.size[0] * window.size[1] * sized.stage.outputs.len(),
            Work::Enlarge { .. } | Work::Join { .. } => sized.stage.outputs.len(),
        };
        self.costs.post((job.area() * chunks * elements) as u64).ready
    }

    fn stored_lanes(&self, job: &Job) -> usize {
        job.area() * self.sized.lanes(job) * self.sized.stage.outputs.len()
    }
}
