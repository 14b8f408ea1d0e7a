//! What observers look at: copies of the watched part of an engine's state, cycle by cycle.
//!
//! An engine chooses lines of 64 bytes that hold the watched values and copies them whole at every
//! sample. The copies of a line are next to each other, the latest [`BATCH`] of them, so that
//! looking at one line over time stays in one place:
//!
//! ```text
//! line 0: before, cycle 0, cycle 1, ... cycle 63
//! line 1: before, cycle 0, ...
//! ```

/// Samples kept.
pub(crate) const BATCH: usize = 64;

/// A cache line, which no value crosses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

impl Line {
    pub(crate) const ZERO: Line = Line([0; 64]);

    /// The little-endian integer of `bytes` bytes at `at`.
    #[inline]
    pub(crate) fn read(&self, at: usize, bytes: usize) -> u64 {
        let line = &self.0[at..];
        // Of known size where elements are read, so that no call copies them.
        match bytes {
            1 => u64::from(line[0]),
            2 => u64::from(u16::from_le_bytes([line[0], line[1]])),
            4 => u64::from(u32::from_le_bytes([line[0], line[1], line[2], line[3]])),
            8 => u64::from_le_bytes([line[0], line[1], line[2], line[3], line[4], line[5], line[6], line[7]]),
            _ => {
                let mut value = [0; 8];
                value[..bytes].copy_from_slice(&line[..bytes]);
                u64::from_le_bytes(value)
            }
        }
    }

    /// Overwrites `bytes` bytes at `at` with the lowest ones of `value`.
    pub(crate) fn write(&mut self, at: usize, bytes: usize, value: u64) {
        self.0[at..][..bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
    }
}

/// Where a watched value is in each sample. Bits above its type are whatever the engine extends it
/// with, and equal for equal values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Element {
    pub(crate) line: usize,
    /// Byte within the line.
    pub(crate) at: usize,
    /// Bytes: 1, 2, 4 or 8.
    pub(crate) bytes: usize,
}

/// What an engine copies at every sample.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Layout {
    pub(crate) lines: usize,
    /// In the order in which they were asked for.
    pub(crate) elements: Vec<Element>,
}

/// A line over time: first what it was before the batch.
pub(crate) type Tile = [Line; BATCH + 1];

/// The latest samples.
#[derive(Default)]
pub(crate) struct Samples {
    layout: Layout,
    tiles: Vec<Tile>,
    count: usize,
}

impl Samples {
    pub(crate) fn new(layout: Layout) -> Samples {
        let tiles = vec![[Line::ZERO; BATCH + 1]; layout.lines];
        Samples { layout, tiles, count: 0 }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Each line over time; what follows the latest sample is stale.
    pub(crate) fn tiles(&self) -> &[Tile] {
        &self.tiles
    }

    /// Samples kept, besides what was before them.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Writes the next sample; it is kept only by [`Samples::keep`]. `lines` are those of the layout.
    pub(crate) fn put<'a>(&mut self, lines: impl Iterator<Item = &'a Line>) {
        let row = self.count + 1;
        for (tile, line) in self.tiles.iter_mut().zip(lines) {
            tile[row] = *line;
        }
    }

    /// A line of the sample last put.
    pub(crate) fn last(&self, line: usize) -> &Line {
        &self.tiles[line][self.count + 1]
    }

    /// Keeps the sample last put.
    pub(crate) fn keep(&mut self) {
        self.count += 1;
    }

    /// The latest kept sample becomes what was before the next.
    pub(crate) fn restart(&mut self) {
        let last = std::mem::take(&mut self.count);
        for tile in &mut self.tiles {
            tile[0] = tile[last];
        }
    }

    /// An element of what was before the batch.
    pub(crate) fn before(&self, element: Element) -> u64 {
        self.tiles[element.line][0].read(element.at, element.bytes)
    }

    /// Overwrites an element of what was before the batch.
    pub(crate) fn set_before(&mut self, element: Element, bits: u64) {
        self.tiles[element.line][0].write(element.at, element.bytes, bits);
    }
}
