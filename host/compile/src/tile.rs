//! Pixel tiles: the rectangles of a result map that one accumulator half holds.

use crate::network::{MapShape, Window};

/// A stretch of one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub start: usize,
    pub count: usize,
}

/// A rectangle of array results, and the rectangle of sink results that it makes complete (the same
/// unless windows are combined in the drain).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelTile {
    pub rows: Stretch,
    pub columns: Stretch,
    pub result_rows: Stretch,
    pub result_columns: Stretch,
}

impl PixelTile {
    /// Pixels the array computes.
    #[cfg(test)]
    fn pixels(&self) -> usize {
        self.rows.count * self.columns.count
    }
}

/// The tiles of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PixelTiles {
    /// What is computed, and the results it completes.
    rows: Vec<(Stretch, Stretch)>,
    columns: Vec<(Stretch, Stretch)>,
}

impl PixelTiles {
    /// All of them, in row-major order.
    pub fn iter(&self) -> impl Iterator<Item = PixelTile> {
        let tile =
            |(rows, result_rows), (columns, result_columns)| PixelTile { rows, columns, result_rows, result_columns };
        self.rows.iter().flat_map(move |&rows| self.columns.iter().map(move |&columns| tile(rows, columns)))
    }
}

/// How windows lie along one axis; single elements are windows of size 1.
#[derive(Debug, Clone, Copy)]
struct Axis {
    length: usize,
    size: usize,
    stride: usize,
    padding: usize,
    results: usize,
}

impl Axis {
    /// The elements under the windows of results `start..start + count`.
    fn covered(&self, results: Stretch) -> Stretch {
        let start = (results.start * self.stride).saturating_sub(self.padding);
        let last = (results.start + results.count - 1) * self.stride + self.size;
        let end = last.saturating_sub(self.padding).min(self.length);
        Stretch { start, count: end.saturating_sub(start) }
    }

    /// Most results whose windows surely lie within `elements`, if windows may be torn apart from
    /// their neighbours at all.
    fn results_within(&self, elements: usize) -> usize {
        if self.covered(self.all()).count <= elements {
            return self.results;
        }
        // Overlapping windows would need elements of the neighbouring tile.
        if self.stride < self.size || elements < self.size {
            return 0;
        }
        (elements - self.size) / self.stride + 1
    }

    fn all(&self) -> Stretch {
        Stretch { start: 0, count: self.results }
    }

    /// Even stretches of at most `count_max` results, with what they cover.
    fn cut(&self, count_max: usize) -> Vec<(Stretch, Stretch)> {
        let even = self.results.div_ceil(self.results.div_ceil(count_max));
        (0..self.results)
            .step_by(even)
            .map(|start| {
                let results = Stretch { start, count: even.min(self.results - start) };
                (self.covered(results), results)
            })
            .collect()
    }
}

/// Cuts a map into tiles of at most `pixels_max` pixels, whole rows where possible; `None` when a
/// window does not fit or overlapping windows would be cut.
pub(crate) fn pixel_tiles(map: MapShape, window: Option<Window>, pixels_max: usize) -> Option<PixelTiles> {
    let window = window.unwrap_or(Window::unit(map));
    let axis = |i: usize, length: usize| Axis {
        length,
        size: window.size[i],
        stride: window.strides[i],
        padding: window.padding[i],
        results: window.output[i],
    };
    let (vertical, horizontal) = (axis(0, map.height), axis(1, map.width));
    let width = horizontal.covered(horizontal.all()).count;
    let rows = vertical.results_within(pixels_max / width.max(1));
    let (rows, columns) = if rows > 0 {
        (vertical.cut(rows), horizontal.cut(horizontal.results))
    } else {
        // Single rows of results, cut across.
        if vertical.results > 1 && vertical.stride < vertical.size {
            return None;
        }
        let rows = vertical.cut(1);
        let height = rows.iter().map(|(covered, _)| covered.count).max()?;
        let columns = horizontal.results_within(pixels_max / height.max(1));
        if columns == 0 {
            return None;
        }
        (rows, horizontal.cut(columns))
    };
    // A window without any element has no maximum.
    let nonempty = |cuts: &[(Stretch, Stretch)]| cuts.iter().all(|(covered, _)| covered.count > 0);
    (nonempty(&rows) && nonempty(&columns)).then_some(PixelTiles { rows, columns })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(height: usize, width: usize) -> MapShape {
        MapShape { channels: 1, height, width }
    }

    fn square(size: usize, stride: usize, padding: usize, output: usize) -> Option<Window> {
        Some(Window { size: [size; 2], strides: [stride; 2], padding: [padding; 2], output: [output; 2] })
    }

    fn tiles(map: MapShape, window: Option<Window>, pixels_max: usize) -> Vec<PixelTile> {
        pixel_tiles(map, window, pixels_max).unwrap().iter().collect()
    }

    #[test]
    fn rows_stay_whole_and_tiles_even() {
        let tiles = tiles(map(10, 10), None, 64);
        assert_eq!(tiles.iter().map(|t| t.rows.count).collect::<Vec<_>>(), [5, 5]);
        assert!(tiles.iter().all(|t| t.columns == Stretch { start: 0, count: 10 } && t.result_rows == t.rows));
    }

    #[test]
    fn long_rows_are_cut() {
        let tiles = tiles(map(2, 10), None, 4);
        assert_eq!(tiles.len(), 6);
        assert!(tiles.iter().all(|t| t.pixels() <= 4));
        assert_eq!(tiles.iter().map(PixelTile::pixels).sum::<usize>(), 20);
    }

    #[test]
    fn windows_stay_whole() {
        let tiles = tiles(map(8, 8), square(2, 2, 0, 4), 32);
        let rows: Vec<_> = tiles.iter().map(|t| (t.rows.start, t.rows.count, t.result_rows.count)).collect();
        assert_eq!(rows, [(0, 4, 2), (4, 4, 2)]);
    }

    #[test]
    fn overlapping_windows_need_the_whole_map() {
        assert!(pixel_tiles(map(8, 8), square(3, 2, 1, 4), 63).is_none());
        let tiles = tiles(map(8, 8), square(3, 2, 1, 4), 64);
        assert_eq!((tiles.len(), tiles[0].pixels()), (1, 64));
    }

    #[test]
    fn rows_that_no_window_needs_are_not_computed() {
        let tiles = tiles(map(7, 7), square(2, 2, 0, 3), 64);
        assert_eq!((tiles.len(), tiles[0].pixels()), (1, 36));
    }
}
