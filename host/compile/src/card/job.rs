//! Pieces of a stage that one cell does in one go, and the room they take.

use super::prepared::{Prepared, even};
use super::stage::{Map, MapId, Stage, View, Work, covered, covered_by, field, loaded_lanes};
use crate::error::{CompileError, Place};
use crate::network::Finish;
use core::ops::Range;
use myelin_isa::Architecture;

/// A rectangle of results, of some blocks of channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// Blocks whose input is loaded together.
    pub group: Range<usize>,
    /// Blocks that are computed.
    pub blocks: Range<usize>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Job {
    pub fn area(&self) -> usize {
        self.rows.len() * self.columns.len()
    }
}

/// A rectangle of a map that is loaded: these lanes of its pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rect {
    pub map: MapId,
    pub lanes: Range<usize>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Rect {
    /// Lanes from pixel to pixel in the scratchpad.
    pub fn pitch(&self) -> usize {
        self.lanes.len()
    }

    /// Lanes from row to row in the scratchpad.
    pub fn row_lanes(&self, map: &Map, beat: usize) -> usize {
        if map.pixel.is_multiple_of(beat) { self.columns.len() * self.pitch() } else { map.row }
    }

    /// Lanes in the scratchpad.
    pub fn size(&self, map: &Map, beat: usize) -> usize {
        self.rows.len() * self.row_lanes(map, beat)
    }

    /// Whether all that `other` needs is in it.
    pub fn contains(&self, other: &Rect) -> bool {
        let within = |a: &Range<usize>, b: &Range<usize>| a.start <= b.start && b.end <= a.end;
        self.map == other.map
            && self.lanes == other.lanes
            && within(&self.rows, &other.rows)
            && within(&self.columns, &other.columns)
    }
}

/// Lanes of the scratchpad for loaded maps and for results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub inputs: usize,
    pub results: usize,
}

/// A stage with what its jobs' sizes depend on.
#[derive(Clone, Copy)]
pub(super) struct Sized<'a> {
    pub stage: &'a Stage,
    pub prepared: &'a Prepared,
    pub maps: &'a [Map],
    pub architecture: &'a Architecture,
}

impl Sized<'_> {
    fn beat(&self) -> usize {
        self.architecture.lanes() as usize
    }

    fn rect(&self, view: View, channels: Range<usize>, rows: Range<usize>, columns: Range<usize>) -> Rect {
        let map = &self.maps[view.map.0];
        let lanes = loaded_lanes(map, view.offset + channels.start..view.offset + channels.end, self.beat());
        // The input's rows are loaded whole: its pixels do not start on beats.
        let columns = if map.pixel.is_multiple_of(self.beat()) { columns } else { 0..map.shape.width };
        Rect { map: view.map, lanes, rows, columns }
    }

    /// The results of the array that a job's results are made of.
    pub fn computed(&self, job: &Job) -> [Range<usize>; 2] {
        match &self.stage.work {
            Work::Matrix { matrix, window, .. } => [
                covered_by(*window, 0, &job.rows, matrix.output.height),
                covered_by(*window, 1, &job.columns, matrix.output.width),
            ],
            _ => [job.rows.clone(), job.columns.clone()],
        }
    }

    /// What a job loads, but for the other operand of a sum behind a drain.
    pub fn inputs(&self, job: &Job) -> Vec<Rect> {
        let channels = self.prepared.channels(&job.blocks);
        let (rows, columns) = (job.rows.clone(), job.columns.clone());
        let side = |view: &View| self.maps[view.map.0].shape;
        match &self.stage.work {
            Work::Matrix { matrix, input, .. } => {
                let [computed_rows, computed_columns] = self.computed(job);
                let shape = side(input);
                let rows = field(matrix, 0, &computed_rows, shape.height);
                let columns = field(matrix, 1, &computed_columns, shape.width);
                let channels =
                    if matrix.groups == 1 { 0..input.channels } else { self.group_inputs(job, matrix.group_inputs()) };
                vec![self.rect(*input, channels, rows, columns)]
            }
            Work::Add { a, b } => [a, b]
                .map(|&view| self.rect(view, channels.clone(), rows.clone(), columns.clone()))
                .into_iter()
                .collect(),
            Work::Window { input, window, .. } => {
                let shape = side(input);
                let rows = covered(window, 0, &rows, shape.height);
                vec![self.rect(*input, channels, rows, covered(window, 1, &columns, shape.width))]
            }
            Work::Enlarge { input, scale } => {
                let source = |range: &Range<usize>| range.start / scale..range.end.div_ceil(*scale);
                vec![self.rect(*input, channels, source(&rows), source(&columns))]
            }
            Work::Join { parts } => self
                .joined(parts, &channels)
                .into_iter()
                .map(|(view, part, _)| self.rect(view, part, rows.clone(), columns.clone()))
                .collect(),
        }
    }

    /// The input channels of the groups whose outputs are in a job's group of blocks.
    fn group_inputs(&self, job: &Job, each: usize) -> Range<usize> {
        let blocks = &self.prepared.blocks;
        let tiles = blocks[job.group.start].tiles.start..blocks[job.group.end - 1].tiles.end;
        let passes = self.prepared.tiles[tiles].iter().map(|tile| tile.pass);
        let first = passes.clone().map(|pass| pass.first_group).min().unwrap_or(0);
        let end = passes.map(|pass| pass.first_group + pass.groups).max().unwrap_or(0);
        first * each..end * each
    }

    /// The parts that have some of `channels`: which of theirs, and the first's place among all.
    pub fn joined(&self, parts: &[View], channels: &Range<usize>) -> Vec<(View, Range<usize>, usize)> {
        let mut start = 0;
        let mut joined = Vec::new();
        for &part in parts {
            let (from, to) = (channels.start.max(start), channels.end.min(start + part.channels));
            if from < to {
                joined.push((part, from - start..to - start, from));
            }
            start += part.channels;
        }
        joined
    }

    /// What a sum behind the drain loads.
    pub fn residual(&self, job: &Job) -> Option<Rect> {
        let Work::Matrix { residual: Some(residual), .. } = &self.stage.work else { return None };
        let channels = self.prepared.channels(&job.blocks);
        Some(self.rect(residual.view, channels, job.rows.clone(), job.columns.clone()))
    }

    /// Lanes of a job's pixels.
    pub fn lanes(&self, job: &Job) -> usize {
        self.prepared.channels(&job.blocks).len().next_multiple_of(self.beat())
    }

    /// Lanes of the scratchpad for what a job loads and for what it makes.
    pub fn room(&self, job: &Job) -> Room {
        let size = |rect: &Rect| rect.size(&self.maps[rect.map.0], self.beat());
        let inputs: usize = self.inputs(job).iter().map(size).sum();
        let planes = |finish: Finish| if let Finish::Raw { planes } = finish { planes as usize } else { 1 };
        let outputs: usize = self.stage.outputs.iter().map(|output| planes(output.finish)).sum();
        Room { inputs, results: (outputs + self.operands()) * job.area() * self.lanes(job) }
    }

    /// Maps that a sum needs in the order of its results: the other operand of one behind a drain,
    /// and what is drained unless a single result can replace it; an operand that has to be reordered.
    pub fn operands(&self) -> usize {
        match &self.stage.work {
            Work::Matrix { residual: Some(_), .. } => {
                let replaced = matches!(self.stage.outputs[..], [output] if !output.finish.is_raw());
                if replaced { 1 } else { 2 }
            }
            Work::Add { a, b } => {
                let packed = |view: &View| !self.maps[view.map.0].pixel.is_multiple_of(self.beat());
                if a.map != b.map && (packed(a) || packed(b)) { 2 } else { 0 }
            }
            _ => 0,
        }
    }

    /// Whether a job takes at most one part in `share` of the room, and fits the accumulators.
    fn fits(&self, job: &Job, room: Room, share: usize) -> bool {
        let needed = self.room(job);
        let [rows, columns] = self.computed(job);
        let depth = self.architecture.accumulator_depth() as usize;
        let counted = !matches!(self.stage.work, Work::Matrix { .. }) || rows.len() * columns.len() <= depth;
        counted && needed.inputs * share <= room.inputs && needed.results * share <= room.results
    }

    /// Cuts a job into ones that fit, whole rows where possible; all blocks of a job of the array are
    /// computed one after the other, those of another job together where they fit.
    ///
    /// **Errors.** [`CompileError::Capacity`] when not even one result of one block fits.
    pub fn cut(&self, job: &Job, room: Room, order: Order) -> Result<Vec<Job>, CompileError> {
        let shares = [2, 1];
        let cut = shares.into_iter().find_map(|share| {
            let array = matches!(self.stage.work, Work::Matrix { .. });
            let mut together = if array { 1 } else { job.blocks.len() };
            loop {
                if let Some(rects) = self.rects(job, room, share, together) {
                    return Some((rects, together));
                }
                if together == 1 {
                    return None;
                }
                together = together.div_ceil(2);
            }
        });
        let Some((rects, together)) = cut else { return Err(self.too_large(job, room)) };
        let blocks: Vec<Range<usize>> = even(job.blocks.len(), together)
            .map(|blocks| job.blocks.start + blocks.start..job.blocks.start + blocks.end)
            .collect();
        let make = |rect: &Job, blocks: &Range<usize>| Job { blocks: blocks.clone(), ..rect.clone() };
        Ok(match order {
            Order::RectanglesOutside => rects.iter().flat_map(|r| blocks.iter().map(move |b| make(r, b))).collect(),
            Order::BlocksOutside => blocks.iter().flat_map(|b| rects.iter().map(move |r| make(r, b))).collect(),
        })
    }

    /// Rectangles that fit with `together` blocks.
    fn rects(&self, job: &Job, room: Room, share: usize, together: usize) -> Option<Vec<Job>> {
        let last = job.blocks.end - together.min(job.blocks.len())..job.blocks.end;
        let first = job.blocks.start..job.blocks.start + together.min(job.blocks.len());
        let at = |rows: &Range<usize>, columns: &Range<usize>| Job {
            rows: job.rows.start + rows.start..job.rows.start + rows.end,
            columns: job.columns.start + columns.start..job.columns.start + columns.end,
            ..job.clone()
        };
        let try_cut = |height: usize, width: usize| -> Option<Vec<Job>> {
            let mut cut = Vec::new();
            for rows in even(job.rows.len(), height) {
                for columns in even(job.columns.len(), width) {
                    let rect = at(&rows, &columns);
                    for blocks in [&first, &last] {
                        if !self.fits(&Job { blocks: blocks.clone(), ..rect.clone() }, room, share) {
                            return None;
                        }
                    }
                    cut.push(rect);
                }
            }
            Some(cut)
        };
        if self.windows_overlap() {
            // Of every width the greatest height; the fewest pixels computed twice.
            let computed = |cut: &Vec<Job>| -> usize {
                cut.iter().map(|job| self.computed(job).iter().map(Range::len).product::<usize>()).sum()
            };
            let heights = |width| stretches(job.rows.len()).into_iter().find_map(|height| try_cut(height, width));
            return stretches(job.columns.len()).into_iter().filter_map(heights).min_by_key(computed);
        }
        let heights = stretches(job.rows.len()).into_iter().map(|height| (height, job.columns.len()));
        let widths = stretches(job.columns.len()).into_iter().map(|width| (1, width));
        heights.chain(widths).find_map(|(height, width)| try_cut(height, width))
    }

    /// Whether maxima are taken in the drain over windows that share pixels: neighbouring jobs both compute them.
    fn windows_overlap(&self) -> bool {
        let Work::Matrix { window: Some(window), .. } = &self.stage.work else { return false };
        (0..2).any(|axis| window.strides[axis] < window.size[axis])
    }

    fn too_large(&self, job: &Job, room: Room) -> CompileError {
        let one = Job {
            blocks: job.blocks.start..job.blocks.start + 1,
            rows: job.rows.start..job.rows.start + 1,
            columns: job.columns.start..job.columns.start + 1,
            group: job.group.clone(),
        };
        let needed = self.room(&one);
        let place: Place = self.stage.place.clone();
        let (memory, unit) = ("the activation scratchpad", "lanes");
        let (needed, available) = (needed.inputs + needed.results, room.inputs + room.results);
        // Where the sum would fit, one of its two parts does not.
        let available = available.min(needed.saturating_sub(1));
        CompileError::Capacity { place, memory, unit, needed: needed as u64, available: available as u64 }
    }
}

/// In which order a cell does its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// All blocks of a rectangle, then the next rectangle.
    RectanglesOutside,
    /// All rectangles of a block, then the next block.
    BlocksOutside,
}

/// The lengths of even stretches of `0..length`, longest first.
fn stretches(length: usize) -> Vec<usize> {
    let mut lengths: Vec<usize> = Vec::new();
    let mut most = length;
    while most > 0 {
        lengths.push(most);
        // The longest that takes at least one stretch more.
        let count = length.div_ceil(most);
        most = (most - 1).min(length.div_ceil(count + 1));
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_get_shorter_down_to_one() {
        assert_eq!(stretches(7), [7, 4, 3, 2, 1]);
        assert_eq!(stretches(1), [1]);
        assert_eq!(stretches(16).last(), Some(&1));
    }
}
