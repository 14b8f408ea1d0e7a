//! CONV: the array unit's walk.

use super::error::{Fault, Memory};
use super::history::Moment;
use super::machine::Machine;
use myelin_isa::array_descriptor as at;

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
#[derive(Clone, Copy)]
struct ReductionTile {
    index: u32,
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

impl Machine {
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
        for kernel_row in 0..d.kernel_rows {
            for kernel_column in 0..d.kernel_columns {
                for chunk in 0..d.chunks {
                    let index = (kernel_row * d.kernel_columns + kernel_column) * d.chunks + chunk;
                    let tile = ReductionTile { index, kernel_row, kernel_column, chunk };
                    let first = index == 0 && !accumulate;
                    self.accumulate(now, &d, start, tile, (half_base, first), u32::from(weight_base))?;
                }
            }
        }
        Ok(())
    }

    /// Streams all pixels over one tile of weights, from zero if it is the `first`.
    fn accumulate(
        &mut self,
        now: &Moment,
        d: &Descriptor,
        start: Start,
        tile: ReductionTile,
        (half_base, first): (usize, bool),
        weight_base: u32,
    ) -> Result<(), Fault> {
        let (rows, columns) = (self.architecture.rows() as usize, self.architecture.columns() as usize);
        let weights = self.weight_tile(now, weight_base + tile.index * self.architecture.weight_steps())?;
        let mut lanes = vec![0i64; rows];
        for output_row in 0..d.output_rows {
            for output_column in 0..d.output_columns {
                for (row, lane) in lanes.iter_mut().enumerate() {
                    *lane = self.tap(now, d, start, tile, output_row, output_column, row as u32)?;
                }
                let index = half_base + (output_row * d.output_columns + output_column) as usize;
                self.accumulator_history.write(index, now)?;
                for column in 0..columns {
                    let sum: i64 = (0..rows).map(|row| lanes[row] * weights[row * columns + column]).sum();
                    let accumulator = &mut self.accumulators[index * columns + column];
                    let before = if first { 0 } else { i64::from(*accumulator) };
                    let value = before + sum;
                    *accumulator =
                        i32::try_from(value).map_err(|_| Fault::Overflow { column: column as u32, value })?;
                }
            }
        }
        Ok(())
    }

    /// What enters array row `row` for one pixel.
    #[expect(clippy::too_many_arguments, reason = "one for each loop of the walk")]
    fn tap(
        &mut self,
        now: &Moment,
        d: &Descriptor,
        start: Start,
        tile: ReductionTile,
        output_row: u32,
        output_column: u32,
        row: u32,
    ) -> Result<i64, Fault> {
        let in_run = tile.chunk * self.architecture.rows() + row;
        let x = (start.x)
            .wrapping_add(d.column_step.wrapping_mul(output_column as i32))
            .wrapping_add(d.kernel_column_step.wrapping_mul(tile.kernel_column as i32))
            .wrapping_add(in_run as i32);
        let y = start.y + d.y_row_step * output_row as i32 + d.y_kernel_step * tile.kernel_row as i32;
        if in_run >= d.run_lanes || x < 0 || x >= d.x_limit || y < 0 || y >= d.y_limit {
            return Ok(0);
        }
        let address = (start.row_address)
            .wrapping_add(d.row_step.wrapping_mul(output_row))
            .wrapping_add(d.kernel_row_step.wrapping_mul(tile.kernel_row))
            .wrapping_add(x as u32);
        // The number of lanes is a power of two: addresses wrap.
        let address = (address & (self.architecture.activation_lanes() - 1)) as usize;
        self.activation_history.read(address, now)?;
        Ok(i64::from(self.activations[address]))
    }

    /// The weights of one tile as `[row][column]`, from its `weight_steps` words.
    fn weight_tile(&mut self, now: &Moment, first_word: u32) -> Result<Vec<i64>, Fault> {
        let (rows, columns) = (self.architecture.rows(), self.architecture.columns() as usize);
        let (ports, steps) = (self.architecture.weight_ports(), self.architecture.weight_steps());
        let available = self.architecture.weight_words();
        if first_word + steps > available {
            let address = u64::from(first_word + steps - 1);
            return Err(Fault::Address { memory: Memory::Weights, address, available: u64::from(available) });
        }
        let mut tile = vec![0; rows as usize * columns];
        for step in 0..steps {
            let word = (first_word + step) as usize;
            self.weight_history.read(word, now)?;
            for bank in 0..ports {
                let row = bank * steps + step;
                if row < rows {
                    let from = (word * ports as usize + bank as usize) * columns;
                    for column in 0..columns {
                        tile[row as usize * columns + column] = i64::from(self.weights[from + column]);
                    }
                }
            }
        }
        Ok(tile)
    }

    fn array_descriptor(&self) -> Result<Descriptor, Fault> {
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
        for (field, count) in [
            ("output columns", d.output_columns),
            ("output rows", d.output_rows),
            ("chunks", d.chunks),
            ("kernel columns", d.kernel_columns),
            ("kernel rows", d.kernel_rows),
        ] {
            Fault::field(field, u64::from(count), 1, 0xffff)?;
        }
        let pixels = u64::from(d.output_columns) * u64::from(d.output_rows);
        Fault::field("pixels of a tile", pixels, 1, u64::from(self.architecture.accumulator_depth()))?;
        Ok(d)
    }
}
