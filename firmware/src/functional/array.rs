//! The inner products of a CONV, in software or by an array of multipliers.

use myelin_isa::Architecture;

/// Pixels of one row of a tile, streamed over resident weights.
///
/// For `p` in 0..`pixels` and each column `c`:
/// `acc[index + p][c] = (first ? 0 : acc[index + p][c]) + sum over r in low..high of a[lane + p * step + r] * w[r][c]`,
/// where lane addresses wrap at the size of `a`, a power of two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Accumulator of the first pixel, both halves counted through.
    pub index: u32,
    /// How many; at least 1.
    pub pixels: u32,
    /// Where row 0 of the first pixel is, or would be.
    pub lane: u32,
    /// Lanes from pixel to pixel, modulo 2^32.
    pub step: u32,
    /// First array row with a value that is not padding.
    pub low: u32,
    /// One past the last; `low..high` may be empty.
    pub high: u32,
    /// Whether totals start from zero.
    pub first: bool,
}

/// One run of a CONV: all chunks of one kernel row and column, for all its pixels.
///
/// For `chunk` in 0..`chunks`, `row` in 0..`rows` and `column` in 0..`columns`, in this order, with
/// `x = x_start + column x_step + chunk R` and `y = y_start + row y_step` for an array of R rows:
/// `acc[index + row columns + column][c] = (first and chunk 0 ? 0 : itself) + sum over r in 0..R of lane[r] weight[r][c]`, where
/// `lane[r]` is `a[row_address + row row_step + x + r]` if `0 <= x + r < x_limit`, `0 <= y < y_limit` and `chunk R + r < lanes`, else 0, and
/// the weights of a chunk are those of its tile, the first of which is `first_word`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Accumulator of the first pixel, both halves counted through.
    pub index: u32,
    /// Output columns; at least 1.
    pub columns: u32,
    /// Output rows; at least 1. The pixels lie within the accumulators.
    pub rows: u32,
    /// Tiles; at least 1. Their words lie within the weight scratchpad.
    pub chunks: u32,
    /// Lanes of the reduction.
    pub lanes: u32,
    /// Word of the weight scratchpad where the first tile begins.
    pub first_word: u32,
    /// Lane of x = 0 in the first row, modulo 2^32; of the sum with x the low bits count.
    pub row_address: u32,
    /// Lanes from row to row, modulo 2^32.
    pub row_step: u32,
    /// x of the first pixel.
    pub x_start: i32,
    /// From column to column.
    pub x_step: i32,
    /// Lanes of an input row.
    pub x_limit: i32,
    /// y of the first row.
    pub y_start: i32,
    /// From row to row, 16 bits.
    pub y_step: i32,
    /// Input rows, 16 bits.
    pub y_limit: i32,
    /// Whether totals start from zero.
    pub first: bool,
}

/// A total left 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SumOverflow;

/// `rows` x `columns` multipliers with accumulators. There are two: [`SoftwareArray`], and
/// [`HardwareArray`](super::HardwareArray) in the UP5K's gateware.
///
/// **Numbers.** Products and sums are exact; a total that leaves 32 bits is an error.
pub trait MacArray {
    /// Puts the weights of one array row, one for each column.
    fn set_weights(&mut self, row: usize, weights: &[i8]);

    /// Streams pixels. Indices and counts lie within the accumulators.
    ///
    /// # Errors
    /// [`SumOverflow`]; accumulators are in an unknown state.
    fn stream(&mut self, stream: &Stream, activations: &[i8]) -> Result<(), SumOverflow>;

    /// Does a whole run by itself. `None` if it cannot: then nothing has changed, and the run comes tile by tile.
    ///
    /// # Errors
    /// As [`MacArray::stream`].
    fn run(&mut self, run: &Run, activations: &[i8], weights: &[i8]) -> Option<Result<(), SumOverflow>>;

    /// The totals of a pixel, one for each column asked for.
    fn read(&mut self, index: u32, totals: &mut [i32]);
}

/// The array in software.
#[derive(Debug)]
pub struct SoftwareArray<'m> {
    columns: usize,
    /// `[row][column]`, of one tile.
    weights: &'m mut [i8],
    /// `[index][column]`, both halves.
    accumulators: &'m mut [i32],
}

impl<'m> SoftwareArray<'m> {
    /// Accumulators that an architecture's array has.
    pub const fn accumulators(architecture: &Architecture) -> usize {
        2 * architecture.accumulator_depth() as usize * architecture.columns() as usize
    }

    /// Weights that it has.
    pub const fn weights(architecture: &Architecture) -> usize {
        (architecture.rows() * architecture.columns()) as usize
    }

    /// For cells of an architecture. There must be at least [`SoftwareArray::accumulators`] and [`SoftwareArray::weights`], or there is none.
    pub fn new(
        architecture: &Architecture,
        accumulators: &'m mut [i32],
        weights: &'m mut [i8],
    ) -> Option<SoftwareArray<'m>> {
        let accumulators = accumulators.get_mut(..Self::accumulators(architecture))?;
        let weights = weights.get_mut(..Self::weights(architecture))?;
        Some(SoftwareArray { columns: architecture.columns() as usize, weights, accumulators })
    }

    /// Sets the totals of a pixel.
    pub(super) fn write(&mut self, index: u32, totals: &[i32]) {
        self.accumulators[index as usize * self.columns..][..totals.len()].copy_from_slice(totals);
    }
}

impl MacArray for SoftwareArray<'_> {
    fn set_weights(&mut self, row: usize, weights: &[i8]) {
        self.weights[row * self.columns..][..self.columns].copy_from_slice(weights);
    }

    fn stream(&mut self, stream: &Stream, activations: &[i8]) -> Result<(), SumOverflow> {
        let mask = activations.len() - 1;
        let (low, high) = (stream.low as usize, stream.high as usize);
        let weights = &self.weights[low * self.columns..high * self.columns];
        let totals = &mut self.accumulators[stream.index as usize * self.columns..];
        let mut lane = stream.lane.wrapping_add(stream.low);
        for totals in totals.chunks_exact_mut(self.columns).take(stream.pixels as usize) {
            // At most 32 products of at most 2^14: far from 32 bits.
            let mut sums = [0i32; Architecture::SIDE_MAX as usize];
            let sums = &mut sums[..self.columns];
            for (row, weights) in weights.chunks_exact(self.columns).enumerate() {
                let value = i32::from(activations[(lane as usize + row) & mask]);
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum += value * i32::from(weight);
                }
            }
            for (total, &sum) in totals.iter_mut().zip(&*sums) {
                let before = if stream.first { 0 } else { *total };
                *total = before.checked_add(sum).ok_or(SumOverflow)?;
            }
            lane = lane.wrapping_add(stream.step);
        }
        Ok(())
    }

    fn run(&mut self, _: &Run, _: &[i8], _: &[i8]) -> Option<Result<(), SumOverflow>> {
        None
    }

    fn read(&mut self, index: u32, totals: &mut [i32]) {
        let held = &self.accumulators[index as usize * self.columns..];
        totals.iter_mut().zip(held).for_each(|(total, &value)| *total = value);
    }
}
