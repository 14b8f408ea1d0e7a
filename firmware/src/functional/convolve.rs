//! CONV, a tile of weights at a time.

use myelin_isa::ArrayDescriptor;

use super::array::{MacArray, Run, Stream};
use super::trap::{Trap, some};
use super::{Busy, FunctionalCore, Place, times};

/// Operands of a CONV.
#[derive(Clone, Copy)]
pub(super) struct Convolution {
    pub half: u8,
    pub accumulate: bool,
    pub row_address: u32,
    pub x_start: i32,
    pub y_start: i16,
    pub weight_base: u16,
}

/// One tile of the reduction: `rows` elements of one run.
struct ReductionTile {
    kernel_row: u32,
    kernel_column: u32,
    chunk: u32,
}

/// Which array rows one pixel feeds, and where row 0 is or would be.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Taps {
    low: u32,
    high: u32,
    lane: u32,
}

impl<A: MacArray> FunctionalCore<'_, A> {
    /// A tile of a CONV, or a run of them where the array does that; the place is of chunk, kernel column and kernel row.
    pub(super) fn convolve_part(&mut self, operands: &Convolution, place: Place) -> Result<Option<Place>, Trap> {
        let d = self.array_descriptor;
        let steps = self.architecture.weight_steps();
        if place == Place::FIRST {
            self.check_convolution(&d, operands)?;
        }
        let run = times(d.kernel_columns, place.outer) + place.middle;
        let tile = times(d.chunks, run) + place.inner;
        let first_word = u32::from(operands.weight_base) + times(tile, steps);
        let first = place == Place::FIRST && !operands.accumulate;
        let pixels = times(d.output_columns, d.output_rows);
        if place.inner == 0
            && let Some(done) = self.run(&d, operands, place, first_word, first)
        {
            done?;
            self.spend(Busy::Array, times(pixels, d.chunks));
            return Ok(Place { inner: d.chunks - 1, ..place }.next(d.chunks, d.kernel_columns, d.kernel_rows));
        }
        self.set_tile(first_word as usize);
        let tile = ReductionTile { kernel_row: place.outer, kernel_column: place.middle, chunk: place.inner };
        for output_row in 0..d.output_rows {
            self.stream_row(&d, operands, &tile, output_row, first)?;
        }
        self.spend(Busy::Array, pixels);
        Ok(place.next(d.chunks, d.kernel_columns, d.kernel_rows))
    }

    /// What must hold of a CONV; its tiles lie within the weight scratchpad then, so that 32 bits count them.
    fn check_convolution(&self, d: &ArrayDescriptor, operands: &Convolution) -> Result<(), Trap> {
        d.counts().into_iter().try_for_each(|(_, count)| some(count))?;
        // Factors of 16, of 8 and 8, and of 16 bits.
        if times(d.output_columns, d.output_rows) > self.architecture.accumulator_depth() {
            return Err(Trap::Operand);
        }
        let tiles = times(d.chunks, times(d.kernel_columns, d.kernel_rows));
        let words = self.architecture.weight_words();
        let end = u32::from(operands.weight_base) + times(tiles.min(words + 1), self.architecture.weight_steps());
        if end > words { Err(Trap::Address) } else { Ok(()) }
    }

    /// Lets the array do the run that begins at a place, if it can.
    fn run(
        &mut self,
        d: &ArrayDescriptor,
        operands: &Convolution,
        place: Place,
        first_word: u32,
        first: bool,
    ) -> Option<Result<(), Trap>> {
        let run = Run {
            index: times(self.architecture.accumulator_depth(), operands.half.into()),
            columns: d.output_columns,
            rows: d.output_rows,
            chunks: d.chunks,
            lanes: d.run_lanes,
            first_word,
            row_address: operands.row_address.wrapping_add(times(d.kernel_row_step, place.outer)),
            row_step: d.row_step,
            x_start: operands
                .x_start
                .wrapping_add(times(d.kernel_column_step.cast_unsigned(), place.middle).cast_signed()),
            x_step: d.column_step,
            x_limit: d.x_limit,
            // Far from 32 bits.
            y_start: i32::from(operands.y_start) + times(d.y_kernel_step.cast_unsigned(), place.outer).cast_signed(),
            y_step: d.y_row_step,
            y_limit: d.y_limit,
            first,
        };
        let done = self.array.run(&run, self.memories.activations, self.memories.weights)?;
        Some(done.map_err(|_| Trap::Overflow))
    }

    /// Puts the weights of one tile, from its `weight_steps` words, which exist.
    fn set_tile(&mut self, first_word: usize) {
        let (rows, columns) = (self.architecture.rows() as usize, self.architecture.columns() as usize);
        let (ports, steps) = (self.architecture.weight_ports() as usize, self.architecture.weight_steps() as usize);
        for row in 0..rows {
            let (bank, step) = (row / steps, row % steps);
            let from = ((first_word + step) * ports + bank) * columns;
            self.array.set_weights(row, &self.memories.weights[from..from + columns]);
        }
    }

    /// Streams the pixels of one output row, those with the same padding together.
    fn stream_row(
        &mut self,
        d: &ArrayDescriptor,
        operands: &Convolution,
        tile: &ReductionTile,
        output_row: u32,
        first: bool,
    ) -> Result<(), Trap> {
        let rows = self.architecture.rows();
        let half_base = u32::from(operands.half) * self.architecture.accumulator_depth();
        let index = half_base + output_row * d.output_columns;
        let mut column = 0;
        while column < d.output_columns {
            let here = taps(d, operands, tile, (output_row, column), rows);
            let mut end = column + 1;
            while end < d.output_columns {
                let next = taps(d, operands, tile, (output_row, end), rows);
                if (next.low, next.high) != (here.low, here.high) {
                    break;
                }
                end += 1;
            }
            let (pixels, step) = (end - column, d.column_step as u32);
            let stream =
                Stream { index: index + column, pixels, lane: here.lane, step, low: here.low, high: here.high, first };
            // Nothing but padding adds nothing.
            if first || here.low < here.high {
                self.array.stream(&stream, self.memories.activations).map_err(|_| Trap::Overflow)?;
            }
            column = end;
        }
        Ok(())
    }
}

/// What of a tile one pixel takes from the map; `low == high` if all is padding.
fn taps(
    d: &ArrayDescriptor,
    operands: &Convolution,
    tile: &ReductionTile,
    (output_row, output_column): (u32, u32),
    rows: u32,
) -> Taps {
    // Products of 16 bits each: far from 32.
    let y = i64::from(operands.y_start)
        + i64::from(d.y_row_step) * i64::from(output_row)
        + i64::from(d.y_kernel_step) * i64::from(tile.kernel_row);
    let first = tile.chunk * rows;
    if y < 0 || y >= i64::from(d.y_limit) || first >= d.run_lanes {
        return Taps { low: 0, high: 0, lane: 0 };
    }
    let x = (operands.x_start)
        .wrapping_add(d.column_step.wrapping_mul(output_column as i32))
        .wrapping_add(d.kernel_column_step.wrapping_mul(tile.kernel_column as i32))
        .wrapping_add(first as i32);
    let address = (operands.row_address)
        .wrapping_add(d.row_step.wrapping_mul(output_row))
        .wrapping_add(d.kernel_row_step.wrapping_mul(tile.kernel_row));
    let wide = i64::from(x);
    let low = wide.max(0);
    let high = (wide + i64::from(rows.min(d.run_lanes - first))).min(i64::from(d.x_limit));
    if low >= high {
        return Taps { low: 0, high: 0, lane: 0 };
    }
    Taps { low: (low - wide) as u32, high: (high - wide) as u32, lane: address.wrapping_add(x as u32) }
}
