//! A stage's output channels in blocks that are stored in whole beats, and its weights and biases in
//! external memory.

use super::stage::{Map, Stage, Work};
use crate::emit::{check_limits, limited};
use crate::error::CompileError;
use crate::network::Matrix;
use crate::pack::push_tile;
use crate::reduction::{Pass, RowsLie, Walk, reduction};
use core::ops::Range;
use myelin_isa::Architecture;

/// Share of the weight scratchpad that one part takes at most: parts then follow each other without
/// waiting.
const PART_SHARE: u32 = 4;

/// A box of a walk's weight tiles, loaded at once and added up by one CONV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub kernel_rows: Range<usize>,
    /// Runs of a kernel row.
    pub runs: Range<usize>,
    pub chunks: Range<usize>,
    /// First beat of its weights.
    pub beat: usize,
}

impl Part {
    /// Weight tiles.
    pub fn tiles(&self) -> usize {
        self.kernel_rows.len() * self.runs.len() * self.chunks.len()
    }
}

/// Output channels that share a CONV.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    pub pass: Pass,
    pub walk: Walk,
    pub first: usize,
    pub count: usize,
    pub parts: Vec<Part>,
}

/// Output channels that are stored together.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub first: usize,
    pub channels: usize,
    /// Column tiles; none without the array.
    pub tiles: Range<usize>,
    /// First beat of its bias words, one for each tile.
    pub bias_beat: usize,
}

impl Block {
    pub fn channel_range(&self) -> Range<usize> {
        self.first..self.first + self.channels
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Prepared {
    pub blocks: Vec<Block>,
    pub tiles: Vec<Tile>,
}

impl Prepared {
    /// Prepares a stage and appends its weights and biases to `image`.
    ///
    /// **Errors.** [`CompileError::Limit`] for sizes beyond the fields of CONV.
    pub fn new(
        stage: &Stage,
        maps: &[Map],
        architecture: &Architecture,
        image: &mut Vec<u8>,
    ) -> Result<Prepared, CompileError> {
        let lanes = architecture.lanes() as usize;
        let channels = stage.result.channels;
        let Work::Matrix { matrix, input, .. } = &stage.work else {
            let block =
                |first: usize| Block { first, channels: lanes.min(channels - first), tiles: 0..0, bias_beat: 0 };
            return Ok(Prepared { blocks: (0..channels).step_by(lanes).map(block).collect(), tiles: Vec::new() });
        };
        // Of a map wider than the scratchpad only parts of rows are loaded, which are checked by their place.
        check_limits(matrix, architecture, u64::from(u32::MAX >> 2), &stage.place)?;
        let map = &maps[input.map.0];
        let lie = if map.row == map.shape.width * matrix.input.pitch { RowsLie::Together } else { RowsLie::Apart };
        let mut prepared = Prepared { blocks: Vec::new(), tiles: Vec::new() };
        let mut first_tile = 0;
        for (pass, walk) in reduction(matrix, lie, architecture) {
            limited(&stage.place, "lanes of a run", walk.run_lanes, 0xffff)?;
            limited(&stage.place, "kernel columns", walk.kernel_columns, 0xff)?;
            limited(&stage.place, "kernel rows", walk.kernel_rows, 0xff)?;
            let outputs = matrix.group_outputs();
            let (start, end) = (pass.first_group * outputs, (pass.first_group + pass.groups) * outputs);
            for first in (start..end).step_by(architecture.columns() as usize) {
                let count = (end - first).min(architecture.columns() as usize);
                let parts = push_weights(matrix, (pass, walk), (first, count), architecture, image);
                prepared.tiles.push(Tile { pass, walk, first, count, parts });
                let behind = first + count;
                if behind.is_multiple_of(lanes) || behind == channels {
                    prepared.push_block(first_tile, matrix, architecture, image);
                    first_tile = prepared.tiles.len();
                }
            }
        }
        Ok(prepared)
    }

    fn push_block(&mut self, first_tile: usize, matrix: &Matrix, architecture: &Architecture, image: &mut Vec<u8>) {
        let tiles = first_tile..self.tiles.len();
        let first = self.tiles[first_tile].first;
        let bias_beat = image.len() / architecture.lanes() as usize;
        let word = architecture.bias_word_beats() as usize * architecture.lanes() as usize;
        let mut channels = 0;
        for tile in &self.tiles[tiles.clone()] {
            let start = image.len();
            for bias in &matrix.biases[tile.first..tile.first + tile.count] {
                image.extend_from_slice(&bias.to_le_bytes());
            }
            image.resize(start + word, 0);
            channels += tile.count;
        }
        self.blocks.push(Block { first, channels, tiles, bias_beat });
    }

    /// Weight tiles of a block.
    pub fn weight_tiles(&self, block: usize) -> usize {
        self.tiles[self.blocks[block].tiles.clone()].iter().map(|tile| tile.walk.tiles()).sum()
    }

    /// The channels `first..end` of some blocks.
    pub fn channels(&self, blocks: &Range<usize>) -> Range<usize> {
        self.blocks[blocks.start].first..self.blocks[blocks.end - 1].channel_range().end
    }
}

/// Appends the weights of a walk part by part.
fn push_weights(
    matrix: &Matrix,
    (pass, walk): (Pass, Walk),
    columns: (usize, usize),
    architecture: &Architecture,
    image: &mut Vec<u8>,
) -> Vec<Part> {
    let steps = architecture.weight_steps();
    let tiles_max = (architecture.weight_words() / PART_SHARE / steps).max(1) as usize;
    let mut parts = Vec::new();
    for (kernel_rows, runs, chunks) in boxes(&walk, tiles_max) {
        let beat = image.len() / architecture.lanes() as usize;
        for kernel_row in kernel_rows.clone() {
            for run in runs.clone() {
                for chunk in chunks.clone() {
                    let tile = (kernel_row * walk.kernel_columns + run) * walk.chunks + chunk;
                    push_tile(architecture, matrix, (pass, walk), columns, tile, image);
                }
            }
        }
        parts.push(Part { kernel_rows, runs, chunks, beat });
    }
    parts
}

type Boxes = Vec<(Range<usize>, Range<usize>, Range<usize>)>;

/// Boxes of at most `tiles_max` tiles, kernel rows whole where possible, then runs.
fn boxes(walk: &Walk, tiles_max: usize) -> Boxes {
    let (rows, runs, chunks) = (walk.kernel_rows, walk.kernel_columns, walk.chunks);
    if runs * chunks <= tiles_max {
        return even(rows, tiles_max / (runs * chunks)).map(|rows| (rows, 0..runs, 0..chunks)).collect();
    }
    let each_row = (0..rows).map(|row| row..row + 1);
    if chunks <= tiles_max {
        return each_row
            .flat_map(|row| even(runs, tiles_max / chunks).map(move |r| (row.clone(), r, 0..chunks)))
            .collect();
    }
    let each_run = each_row.flat_map(|row| (0..runs).map(move |run| (row.clone(), run..run + 1)));
    each_run.flat_map(|(row, run)| even(chunks, tiles_max).map(move |c| (row.clone(), run.clone(), c))).collect()
}

/// `0..length` in stretches of at most `most`, as even as can be.
pub(super) fn even(length: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = length.div_ceil(most.max(1)).max(1);
    (0..count).map(move |i| i * length / count..(i + 1) * length / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_even_and_cover_all() {
        assert_eq!(even(10, 4).collect::<Vec<_>>(), [0..3, 3..6, 6..10]);
        assert_eq!(even(4, 4).map(|stretch| stretch.len()).collect::<Vec<_>>(), [4]);
        assert_eq!(even(3, 1).count(), 3);
    }
}
