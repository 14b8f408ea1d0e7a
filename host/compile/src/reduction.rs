//! How the array walks a layer's reduction: which runs, in how many passes over groups.

use crate::network::Matrix;
use myelin_isa::Architecture;

/// Most lanes of a run.
const RUN_LANES_MAX: usize = 0xffff;

/// Consecutive groups computed together: a stretch of input channels and one of output channels.
/// Weights between different groups are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    pub first_group: usize,
    pub groups: usize,
}

/// What a run covers; contiguous in the scratchpad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    /// One tap's channels.
    Tap,
    /// A kernel row's columns and channels: the taps are neighbours.
    Row,
    /// The whole kernel, which covers whole rows of the map; cut where longer than a run.
    Map,
}

/// The walk over one pass's reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walk {
    cover: Cover,
    pub kernel_rows: usize,
    /// Runs in a kernel row.
    pub kernel_columns: usize,
    /// Tiles of array rows in a run.
    pub chunks: usize,
    pub run_lanes: usize,
    /// Lanes from run to run in a kernel row.
    pub kernel_column_step: usize,
    /// Lanes that count as an input row.
    pub x_limit: usize,
}

/// One element of the reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tap {
    pub kernel_row: usize,
    pub kernel_column: usize,
    /// Input channel of the layer.
    pub channel: usize,
}

impl Walk {
    /// Weight tiles, each streamed over once per pixel tile.
    pub fn tiles(&self) -> usize {
        self.kernel_rows * self.kernel_columns * self.chunks
    }

    /// Lanes that count as an input row of a map `width` pixels wide, `pitch` lanes apart.
    pub fn x_limit_of(&self, width: usize, pitch: usize) -> usize {
        if self.cover == Cover::Map { self.x_limit } else { width * pitch }
    }

    /// Lanes from run to run where taps are `step` lanes apart.
    pub fn run_step(&self, step: usize) -> usize {
        if self.cover == Cover::Map { self.run_lanes } else { step }
    }

    /// The element that array row `row` sees in weight tile `tile`; `None` beyond the run's end.
    pub fn tap(&self, matrix: &Matrix, pass: Pass, tile: usize, row: usize, rows: usize) -> Option<Tap> {
        let (kernel_row, rest) =
            (tile / (self.kernel_columns * self.chunks), tile % (self.kernel_columns * self.chunks));
        let (run, chunk) = (rest / self.chunks, rest % self.chunks);
        let lane = chunk * rows + row;
        if lane >= self.run_lanes {
            return None;
        }
        let channels = matrix.input.shape.channels;
        match self.cover {
            Cover::Tap => {
                let channel = pass.first_group * matrix.group_inputs() + lane;
                Some(Tap { kernel_row, kernel_column: run, channel })
            }
            Cover::Row => Some(Tap { kernel_row, kernel_column: lane / channels, channel: lane % channels }),
            Cover::Map => {
                let lane = run * self.run_lanes + lane;
                let row_lanes = matrix.kernel[1] * channels;
                let (kernel_column, channel) = (lane % row_lanes / channels, lane % channels);
                let kernel_row = lane / row_lanes;
                (kernel_row < matrix.kernel[0]).then_some(Tap { kernel_row, kernel_column, channel })
            }
        }
    }
}

/// Whether a map's rows follow each other without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowsLie {
    Together,
    Apart,
}

/// The passes of a layer with their walks, chosen for the fewest weight tiles.
pub(crate) fn reduction(matrix: &Matrix, lie: RowsLie, architecture: &Architecture) -> Vec<(Pass, Walk)> {
    let columns = architecture.columns() as usize;
    // Groups share a pass as long as their output channels share a column tile.
    let together_max = (columns / matrix.group_outputs()).clamp(1, matrix.groups);
    let candidates = (1..=together_max).map(|together| passes(matrix, lie, together, architecture.rows() as usize));
    let cost = |passes: &Vec<(Pass, Walk)>| -> usize {
        let tiles =
            |(pass, walk): &(Pass, Walk)| walk.tiles() * (pass.groups * matrix.group_outputs()).div_ceil(columns);
        passes.iter().map(tiles).sum()
    };
    candidates.min_by_key(cost).expect("invariant: at least one group shares a pass")
}

fn passes(matrix: &Matrix, lie: RowsLie, together: usize, rows: usize) -> Vec<(Pass, Walk)> {
    (0..matrix.groups)
        .step_by(together)
        .map(|first_group| {
            let pass = Pass { first_group, groups: together.min(matrix.groups - first_group) };
            (pass, walk(matrix, lie, pass, rows))
        })
        .collect()
}

fn walk(matrix: &Matrix, lie: RowsLie, pass: Pass, rows: usize) -> Walk {
    let channels = pass.groups * matrix.group_inputs();
    let pitch = matrix.input.pitch;
    let [kernel_rows, kernel_columns] = matrix.kernel;
    let row_lanes = matrix.input.shape.width * pitch;
    let tap = Walk {
        cover: Cover::Tap,
        kernel_rows,
        kernel_columns,
        chunks: channels.div_ceil(rows),
        run_lanes: channels,
        kernel_column_step: matrix.dilation[1] * pitch,
        x_limit: row_lanes,
    };
    // Longer runs need every lane between the taps to belong to them.
    if channels != pitch || (matrix.dilation[1] != 1 && kernel_columns > 1) {
        return tap;
    }
    let lanes = kernel_columns * pitch;
    let row = Walk { cover: Cover::Row, kernel_columns: 1, chunks: lanes.div_ceil(rows), run_lanes: lanes, ..tap };
    let mut best = tap;
    if lanes <= RUN_LANES_MAX && row.tiles() < best.tiles() {
        best = row;
    }
    let together = lie == RowsLie::Together || matrix.input.shape.height == 1;
    let whole_rows = together && kernel_columns == matrix.input.shape.width && matrix.padding == [0; 2];
    if whole_rows && (matrix.dilation[0] == 1 || kernel_rows == 1) {
        let lanes = kernel_rows * row_lanes;
        let run_lanes = lanes.min(RUN_LANES_MAX / rows * rows);
        let map = Walk {
            cover: Cover::Map,
            kernel_rows: 1,
            kernel_columns: lanes.div_ceil(run_lanes),
            chunks: run_lanes.div_ceil(rows),
            run_lanes,
            kernel_column_step: run_lanes,
            x_limit: lanes,
        };
        if map.tiles() < best.tiles() || best.run_lanes > RUN_LANES_MAX {
            best = map;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{BufferId, MapShape, Slice};
    use myelin_isa::Precision;

    fn matrix(channels: usize, side: usize, outputs: usize, kernel: usize, groups: usize) -> Matrix {
        let shape = MapShape { channels, height: side, width: side };
        Matrix {
            input: Slice { buffer: BufferId(0), offset: 0, shape, pitch: channels },
            output: MapShape { channels: outputs, ..shape },
            kernel: [kernel; 2],
            strides: [1; 2],
            padding: [kernel / 2; 2],
            dilation: [1; 2],
            groups,
            weights: Vec::new(),
            biases: Vec::new(),
        }
    }

    fn cell(rows: u32, columns: u32) -> Architecture {
        Architecture::new(rows, columns, Precision::Int8).unwrap()
    }

    #[test]
    fn a_shallow_layer_merges_kernel_columns() {
        let passes = reduction(&matrix(3, 8, 8, 3, 1), RowsLie::Together, &cell(8, 8));
        assert_eq!((passes.len(), passes[0].1.tiles(), passes[0].1.run_lanes), (1, 6, 9));
    }

    #[test]
    fn a_dense_layer_is_one_run() {
        let dense = Matrix { padding: [0; 2], ..matrix(3, 3, 10, 3, 1) };
        let (pass, walk) = reduction(&dense, RowsLie::Together, &cell(8, 8))[0];
        assert_eq!((walk.tiles(), walk.run_lanes, walk.x_limit), (4, 27, 27));
        let last = walk.tap(&dense, pass, 3, 2, 8).unwrap();
        assert_eq!(last, Tap { kernel_row: 2, kernel_column: 2, channel: 2 });
        assert_eq!(walk.tap(&dense, pass, 3, 3, 8), None);
    }

    #[test]
    fn a_run_longer_than_its_field_is_cut() {
        let dense = Matrix { padding: [0; 2], ..matrix(1 << 17, 1, 4, 1, 1) };
        let (pass, walk) = reduction(&dense, RowsLie::Together, &cell(12, 4))[0];
        assert_eq!((walk.kernel_columns, walk.run_lanes), (3, 65532));
        let tile = walk.tiles() - 1;
        let past = 3 * 65532 - (1 << 17);
        assert!(past >= 12, "the last tile lies beyond the end");
        assert_eq!(walk.tap(&dense, pass, tile, 0, 12), None);
    }

    #[test]
    fn small_groups_share_a_pass() {
        let passes = reduction(&matrix(16, 8, 16, 3, 16), RowsLie::Together, &cell(8, 8));
        assert_eq!(passes.len(), 2);
        assert!(passes.iter().all(|(pass, walk)| pass.groups == 8 && walk.tiles() == 9));
    }

    #[test]
    fn every_tap_is_walked_exactly_once() {
        for (matrix, rows) in [(matrix(3, 8, 8, 3, 1), 8), (matrix(12, 5, 6, 2, 3), 5), (matrix(9, 4, 4, 3, 1), 7)] {
            let columns = 4;
            let mut seen = std::collections::BTreeMap::new();
            for (pass, walk) in reduction(&matrix, RowsLie::Together, &cell(rows, columns)) {
                for (tile, row) in (0..walk.tiles()).flat_map(|tile| (0..rows as usize).map(move |row| (tile, row))) {
                    if let Some(tap) = walk.tap(&matrix, pass, tile, row, rows as usize) {
                        *seen.entry((tap.kernel_row, tap.kernel_column, tap.channel)).or_insert(0) += 1;
                    }
                }
            }
            assert_eq!(seen.len(), matrix.input.shape.channels * matrix.kernel[0] * matrix.kernel[1]);
            assert!(seen.values().all(|&count| count == 1));
        }
    }
}
