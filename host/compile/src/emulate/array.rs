//! CONV: the array unit's walk.

use super::cell::Cell;
use super::error::{Fault, Memory};
use super::history::Moment;
use myelin_isa::{Architecture, ArrayDescriptor};
use std::ops::Range;

/// One tile of the reduction: `rows` elements of one run.
#[derive(Clone, Copy)]
struct ReductionTile {
    kernel_row: u32,
    kernel_column: u32,
    chunk: u32,
}

/// Where the reduction starts for the tile's first pixel.
#[derive(Clone, Copy)]
struct Start {
    row_address: u32,
    x: i32,
    y: i32,
}

impl Cell {
    pub(super) fn convolve(
        &mut self,
        now: &Moment,
        (half, accumulate): (u8, bool),
        row_address: u32,
        x_start: i32,
        y_start: i16,
        weight_base: u16,
    ) -> Result<(), Fault> {
        let d = self.array_descriptor()?;
        let start = Start { row_address, x: x_start, y: i32::from(y_start) };
        let half_base = usize::from(half) * self.architecture.accumulator_depth() as usize;
        let steps = self.architecture.weight_steps();
        let tiles = d.kernel_rows * d.kernel_columns * d.chunks;
        let (first_word, words) = (u32::from(weight_base), tiles * steps);
        let available = self.architecture.weight_words();
        if first_word + words > available {
            let address = u64::from(first_word + words - 1);
            return Err(Fault::Address { memory: Memory::Weights, address, available: u64::from(available) });
        }
        self.weight_history.read(first_word as usize..(first_word + words) as usize, now)?;
        let pixels = (d.output_rows * d.output_columns) as usize;
        self.accumulator_history.write(half_base..half_base + pixels, now)?;
        self.read_taps(now, &d, start)?;
        for kernel_row in 0..d.kernel_rows {
            for kernel_column in 0..d.kernel_columns {
                for chunk in 0..d.chunks {
                    let index = (kernel_row * d.kernel_columns + kernel_column) * d.chunks + chunk;
                    let tile = ReductionTile { kernel_row, kernel_column, chunk };
                    let weights = self.weight_tile(first_word + index * steps);
                    let first = index == 0 && !accumulate;
                    self.accumulate(&d, start, tile, (half_base, first), &weights)?;
                }
            }
        }
        Ok(())
    }

    /// Records the reads of the whole walk: a stretch of lanes for each input row, or run of one.
    fn read_taps(&mut self, now: &Moment, d: &ArrayDescriptor, start: Start) -> Result<(), Fault> {
        for kernel_row in 0..d.kernel_rows {
            for output_row in 0..d.output_rows {
                for kernel_column in 0..d.kernel_columns {
                    let mut stretch = 0..0;
                    for output_column in 0..d.output_columns {
                        let tile = ReductionTile { kernel_row, kernel_column, chunk: 0 };
                        let Some((lanes, _)) = lanes(d, start, tile, (output_row, output_column), d.run_lanes) else {
                            continue;
                        };
                        // Runs of neighbouring pixels most often touch or overlap.
                        if stretch.start <= lanes.start && lanes.start <= stretch.end {
                            stretch.end = stretch.end.max(lanes.end);
                        } else {
                            self.read_stretch(now, stretch)?;
                            stretch = lanes;
                        }
                    }
                    self.read_stretch(now, stretch)?;
                }
            }
        }
        Ok(())
    }

    /// Records the reads of lanes given before wrapping.
    fn read_stretch(&mut self, now: &Moment, lanes: Range<i64>) -> Result<(), Fault> {
        // The number of lanes is a power of two: addresses wrap.
        let size = i64::from(self.architecture.activation_lanes());
        let length = (lanes.end - lanes.start).min(size) as usize;
        let first = lanes.start.rem_euclid(size) as usize;
        let end = (first + length).min(size as usize);
        self.activation_history.read(first..end, now)?;
        self.activation_history.read(0..first + length - end, now)
    }

    /// Streams all pixels over one tile of weights (`[row][column]`), from zero if it is the `first`.
    fn accumulate(
        &mut self,
        d: &ArrayDescriptor,
        start: Start,
        tile: ReductionTile,
        (half_base, first): (usize, bool),
        weights: &[i16],
    ) -> Result<(), Fault> {
        let (rows, columns) = (self.architecture.rows(), self.architecture.columns() as usize);
        let mask = self.architecture.activation_lanes() as usize - 1;
        let mut sums = [0i32; Architecture::SIDE_MAX as usize];
        let sums = &mut sums[..columns];
        for output_row in 0..d.output_rows {
            for output_column in 0..d.output_columns {
                // At most 32 products of at most 2^14: far from 32 bits.
                sums.fill(0);
                if let Some((lanes, row)) = lanes(d, start, tile, (output_row, output_column), rows) {
                    let weights = weights[row as usize * columns..].chunks_exact(columns);
                    for (lane, weights) in lanes.zip(weights) {
                        let value = i32::from(self.activations[lane as usize & mask]);
                        for (sum, &weight) in sums.iter_mut().zip(weights) {
                            *sum += value * i32::from(weight);
                        }
                    }
                }
                let index = half_base + (output_row * d.output_columns + output_column) as usize;
                let totals = &mut self.accumulators[index * columns..][..columns];
                if first {
                    totals.fill(0);
                }
                for (column, (total, &sum)) in totals.iter_mut().zip(&*sums).enumerate() {
                    let value = i64::from(*total) + i64::from(sum);
                    *total = i32::try_from(value).map_err(|_| Fault::Overflow { column: column as u32, value })?;
                }
            }
        }
        Ok(())
    }

    /// The weights of one tile as `[row][column]`, from its `weight_steps` words, which exist.
    fn weight_tile(&self, first_word: u32) -> Vec<i16> {
        let (rows, columns) = (self.architecture.rows() as usize, self.architecture.columns() as usize);
        let (ports, steps) = (self.architecture.weight_ports() as usize, self.architecture.weight_steps() as usize);
        let mut tile = vec![0; rows * columns];
        for (row, weights) in tile.chunks_exact_mut(columns).enumerate() {
            let (bank, step) = (row / steps, row % steps);
            let from = ((first_word as usize + step) * ports + bank) * columns;
            for (weight, &held) in weights.iter_mut().zip(&self.weights[from..]) {
                *weight = i16::from(held);
            }
        }
        tile
    }

    fn array_descriptor(&self) -> Result<ArrayDescriptor, Fault> {
        let d = ArrayDescriptor::from_registers(&self.array_registers);
        d.counts().into_iter().try_for_each(|(field, count)| Fault::field(field, u64::from(count), 1, 0xffff))?;
        let pixels = u64::from(d.output_columns) * u64::from(d.output_rows);
        Fault::field("pixels of a tile", pixels, 1, u64::from(self.architecture.accumulator_depth()))?;
        Ok(d)
    }
}

/// The lanes (before wrapping) that enter up to `rows` array rows for one pixel of a tile, and the
/// row that the first of them enters; `None` if all are zero.
fn lanes(
    d: &ArrayDescriptor,
    start: Start,
    tile: ReductionTile,
    (output_row, output_column): (u32, u32),
    rows: u32,
) -> Option<(Range<i64>, u32)> {
    let y = start.y + d.y_row_step * output_row as i32 + d.y_kernel_step * tile.kernel_row as i32;
    let first = tile.chunk * rows;
    if y < 0 || y >= d.y_limit || first >= d.run_lanes {
        return None;
    }
    let x = (start.x)
        .wrapping_add(d.column_step.wrapping_mul(output_column as i32))
        .wrapping_add(d.kernel_column_step.wrapping_mul(tile.kernel_column as i32))
        .wrapping_add(first as i32);
    let x = i64::from(x);
    let low = x.max(0);
    let high = (x + i64::from(rows.min(d.run_lanes - first))).min(i64::from(d.x_limit));
    let address = (start.row_address)
        .wrapping_add(d.row_step.wrapping_mul(output_row))
        .wrapping_add(d.kernel_row_step.wrapping_mul(tile.kernel_row));
    (low < high).then(|| (i64::from(address) + low..i64::from(address) + high, (low - x) as u32))
}
