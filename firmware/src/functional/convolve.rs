//! CONV, a tile of weights at a time.

use myelin_isa::array_descriptor as at;

use super::array::{MacArray, Stream};
use super::trap::{Trap, some};
use super::{Busy, FunctionalCore};

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

/// The array descriptor's fields.
struct Descriptor {
    output_columns: u32,
    output_rows: u32,
    chunks: u32,
    kernel_columns: u32,
    kernel_rows: u32,
    y_limit: i32,
    run_lanes: u32,
    row_step: u32,
    kernel_row_step: u32,
    y_row_step: i32,
    y_kernel_step: i32,
    column_step: i32,
    kernel_column_step: i32,
    x_limit: i32,
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
    /// Tile `position` of a CONV; whether there are more.
    pub(super) fn convolve_tile(&mut self, operands: &Convolution, position: u64) -> Result<bool, Trap> {
        let d = self.array_descriptor()?;
        let tiles = u64::from(d.kernel_rows) * u64::from(d.kernel_columns) * u64::from(d.chunks);
        let steps = u64::from(self.architecture.weight_steps());
        if position == 0 {
            let end = u64::from(operands.weight_base) + tiles * steps;
            if end > u64::from(self.architecture.weight_words()) {
                return Err(Trap::Address);
            }
        }
        let first_word = u32::from(operands.weight_base) + (position * steps) as u32;
        self.set_tile(first_word as usize);
        // The weight words bound the tiles: 32 bits are enough.
        let index = position as u32;
        let (run, chunk) = (index / d.chunks, index % d.chunks);
        let tile = ReductionTile { kernel_row: run / d.kernel_columns, kernel_column: run % d.kernel_columns, chunk };
        let first = position == 0 && !operands.accumulate;
        for output_row in 0..d.output_rows {
            self.stream_row(&d, operands, &tile, output_row, first)?;
        }
        self.spend(Busy::Array, d.output_rows * d.output_columns);
        Ok(position + 1 < tiles)
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
        d: &Descriptor,
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
            let taps = d.taps(operands, tile, (output_row, column), rows);
            let mut end = column + 1;
            while end < d.output_columns {
                let next = d.taps(operands, tile, (output_row, end), rows);
                if (next.low, next.high) != (taps.low, taps.high) {
                    break;
                }
                end += 1;
            }
            let (pixels, step) = (end - column, d.column_step as u32);
            let stream =
                Stream { index: index + column, pixels, lane: taps.lane, step, low: taps.low, high: taps.high, first };
            // Nothing but padding adds nothing.
            if first || taps.low < taps.high {
                self.array.stream(&stream, self.memories.activations).map_err(|_| Trap::Overflow)?;
            }
            column = end;
        }
        Ok(())
    }

    fn array_descriptor(&self) -> Result<Descriptor, Trap> {
        let register = |index: u8| self.array_registers[usize::from(index)];
        let low = |index: u8| register(index) & 0xffff;
        let high = |index: u8| register(index) >> 16;
        let d = Descriptor {
            output_columns: low(at::PIXELS),
            output_rows: high(at::PIXELS),
            chunks: low(at::KERNEL),
            kernel_columns: high(at::KERNEL) & 0xff,
            kernel_rows: high(at::KERNEL) >> 8,
            y_limit: low(at::LIMITS) as i32,
            run_lanes: high(at::LIMITS),
            row_step: register(at::ROW_STEP),
            kernel_row_step: register(at::KERNEL_ROW_STEP),
            y_row_step: low(at::Y_STEPS) as i32,
            y_kernel_step: high(at::Y_STEPS) as i32,
            column_step: register(at::COLUMN_STEP) as i32,
            kernel_column_step: register(at::KERNEL_COLUMN_STEP) as i32,
            x_limit: register(at::X_LIMIT) as i32,
        };
        [d.output_columns, d.output_rows, d.chunks, d.kernel_columns, d.kernel_rows].into_iter().try_for_each(some)?;
        let pixels = u64::from(d.output_columns) * u64::from(d.output_rows);
        if pixels > u64::from(self.architecture.accumulator_depth()) { Err(Trap::Operand) } else { Ok(d) }
    }
}

impl Descriptor {
    /// What of a tile one pixel takes from the map; `low == high` if all is padding.
    fn taps(
        &self,
        operands: &Convolution,
        tile: &ReductionTile,
        (output_row, output_column): (u32, u32),
        rows: u32,
    ) -> Taps {
        // Products of 16 bits each: far from 32.
        let y = i64::from(operands.y_start)
            + i64::from(self.y_row_step) * i64::from(output_row)
            + i64::from(self.y_kernel_step) * i64::from(tile.kernel_row);
        let first = tile.chunk * rows;
        if y < 0 || y >= i64::from(self.y_limit) || first >= self.run_lanes {
            return Taps { low: 0, high: 0, lane: 0 };
        }
        let x = (operands.x_start)
            .wrapping_add(self.column_step.wrapping_mul(output_column as i32))
            .wrapping_add(self.kernel_column_step.wrapping_mul(tile.kernel_column as i32))
            .wrapping_add(first as i32);
        let address = (operands.row_address)
            .wrapping_add(self.row_step.wrapping_mul(output_row))
            .wrapping_add(self.kernel_row_step.wrapping_mul(tile.kernel_row));
        let wide = i64::from(x);
        let low = wide.max(0);
        let high = (wide + i64::from(rows.min(self.run_lanes - first))).min(i64::from(self.x_limit));
        if low >= high {
            return Taps { low: 0, high: 0, lane: 0 };
        }
        Taps { low: (low - wide) as u32, high: (high - wide) as u32, lane: address.wrapping_add(x as u32) }
    }
}
