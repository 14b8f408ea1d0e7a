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

/// A total left 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SumOverflow;

/// `rows` x `columns` multipliers with accumulators. There are two: [`SoftwareArray`] and that of the UP5K's gateware.
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

    /// The totals of a pixel, one for each column asked for.
    fn read(&mut self, index: u32, totals: &mut [i32]);
}

/// The array in software.
#[derive(Debug)]
pub struct SoftwareArray<'m> {
    columns: usize,
    weights: [i8; (Architecture::SIDE_MAX * Architecture::SIDE_MAX) as usize],
    /// `[index][column]`, both halves.
    accumulators: &'m mut [i32],
}

impl<'m> SoftwareArray<'m> {
    /// Accumulators that an architecture's array has.
    pub const fn accumulators(architecture: &Architecture) -> usize {
        2 * architecture.accumulator_depth() as usize * architecture.columns() as usize
    }

    /// For cells of an architecture; `accumulators` has at least [`SoftwareArray::accumulators`], or there is none.
    pub fn new(architecture: &Architecture, accumulators: &'m mut [i32]) -> Option<SoftwareArray<'m>> {
        let accumulators = accumulators.get_mut(..Self::accumulators(architecture))?;
        let weights = [0; (Architecture::SIDE_MAX * Architecture::SIDE_MAX) as usize];
        Some(SoftwareArray { columns: architecture.columns() as usize, weights, accumulators })
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

    fn read(&mut self, index: u32, totals: &mut [i32]) {
        let held = &self.accumulators[index as usize * self.columns..];
        totals.iter_mut().zip(held).for_each(|(total, &value)| *total = value);
    }
}
