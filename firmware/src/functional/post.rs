//! DRAIN, ELTW and POOL, a result at a time.

use myelin_isa::{Architecture, PostOperands, post_descriptor as at};

use super::array::MacArray;
use super::trap::{Trap, some};
use super::{Busy, FunctionalCore};

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Post {
    Drain,
    Elementwise,
    Pool,
}

/// The post descriptor's fields.
struct Descriptor {
    window_columns: u32,
    window_rows: u32,
    outer_count: u32,
    output_columns: u32,
    output_rows: u32,
    y_limit: i32,
    x_limit: i32,
    y_start: i32,
    x_start: i32,
    y_stride: i32,
    x_stride: i32,
    window_column_step: u32,
    window_row_step: u32,
    column_step: u32,
    row_step: u32,
    outer_step: u32,
    destination_column_step: u32,
    destination_row_step: u32,
    destination_outer_step: u32,
    shift: u32,
    low: i8,
    high: i8,
}

/// One result of the walk.
#[derive(Clone, Copy)]
struct Position {
    outer: u32,
    row: u32,
    column: u32,
}

type Values = [i32; Architecture::SIDE_MAX as usize];

impl<A: MacArray> FunctionalCore<'_, A> {
    /// Result `position` of the walk; whether there are more.
    pub(super) fn post_result(&mut self, post: Post, operands: &PostOperands, position: u64) -> Result<bool, Trap> {
        let d = self.post_descriptor()?;
        if operands.raw && d.outer_count > self.architecture.precision().planes() {
            return Err(Trap::Operand);
        }
        let columns = u64::from(d.output_columns);
        let (line, column) = (position / columns, (position % columns) as u32);
        let rows = u64::from(d.output_rows);
        let place = Position { outer: (line / rows) as u32, row: (line % rows) as u32, column };
        let mut values = [0; Architecture::SIDE_MAX as usize];
        self.window(&d, post, operands, place, &mut values)?;
        self.write_result(&d, operands, place, &values)?;
        self.spend(Busy::Post, d.window_rows * d.window_columns);
        Ok(position + 1 < u64::from(d.outer_count) * rows * columns)
    }

    /// Combines one window into 32-bit `values`.
    fn window(
        &mut self,
        d: &Descriptor,
        post: Post,
        operands: &PostOperands,
        place: Position,
        values: &mut Values,
    ) -> Result<(), Trap> {
        let first = (operands.source)
            .wrapping_add(d.outer_step.wrapping_mul(place.outer))
            .wrapping_add(d.row_step.wrapping_mul(place.row))
            .wrapping_add(d.column_step.wrapping_mul(place.column));
        let inside = |start: i32, stride: i32, index: u32, window: u32, limit: i32| {
            let at = i64::from(start) + i64::from(stride) * i64::from(index) + i64::from(window);
            (0..i64::from(limit)).contains(&at)
        };
        let mut is_empty = true;
        for window_row in 0..d.window_rows {
            if !inside(d.y_start, d.y_stride, place.row, window_row, d.y_limit) {
                continue;
            }
            for window_column in 0..d.window_columns {
                if !inside(d.x_start, d.x_stride, place.column, window_column, d.x_limit) {
                    continue;
                }
                let address = first
                    .wrapping_add(d.window_row_step.wrapping_mul(window_row))
                    .wrapping_add(d.window_column_step.wrapping_mul(window_column));
                let mut element = [0; Architecture::SIDE_MAX as usize];
                self.element(post, operands, address, &mut element)?;
                let lanes = usize::from(operands.lane_count);
                for (value, &new) in values.iter_mut().zip(&element).take(lanes) {
                    *value = match post {
                        _ if is_empty => new,
                        // Lanes: far from 32 bits.
                        Post::Elementwise => value.wrapping_add(new),
                        Post::Drain | Post::Pool => new.max(*value),
                    };
                }
                is_empty = false;
            }
        }
        if is_empty { Err(Trap::Operand) } else { Ok(()) }
    }

    /// The lanes of one window element, widened; accumulators with their bias.
    fn element(&mut self, post: Post, operands: &PostOperands, address: u32, element: &mut Values) -> Result<(), Trap> {
        let element = &mut element[..usize::from(operands.lane_count)];
        if post != Post::Drain {
            let from = self.span(address, element.len())?;
            let lanes = &self.memories.activations[from..from + element.len()];
            element.iter_mut().zip(lanes).for_each(|(value, &lane)| *value = i32::from(lane));
            return Ok(());
        }
        let depth = self.architecture.accumulator_depth();
        if address >= depth {
            return Err(Trap::Address);
        }
        self.array.read(u32::from(operands.half) * depth + address, element);
        let from = usize::from(operands.bias_word) * self.architecture.columns() as usize;
        let biases = &self.memories.biases[from..from + self.architecture.columns() as usize];
        for (value, &bias) in element.iter_mut().zip(biases) {
            *value = value.checked_add(bias).ok_or(Trap::Overflow)?;
        }
        Ok(())
    }

    fn write_result(
        &mut self,
        d: &Descriptor,
        operands: &PostOperands,
        place: Position,
        values: &Values,
    ) -> Result<(), Trap> {
        let address = (operands.destination)
            .wrapping_add(d.destination_outer_step.wrapping_mul(place.outer))
            .wrapping_add(d.destination_row_step.wrapping_mul(place.row))
            .wrapping_add(d.destination_column_step.wrapping_mul(place.column));
        let count = usize::from(operands.lane_count);
        let to = self.span(address, count)?;
        let (precision, columns) = (self.architecture.precision(), self.architecture.columns() as usize);
        let (bits, unused) = (precision.bits(), 32 - precision.bits());
        for (column, (lane, &value)) in self.memories.activations[to..to + count].iter_mut().zip(values).enumerate() {
            let result = if operands.raw { value >> (bits * place.outer) } else { d.requantise(value) };
            // The low bits, sign-extended: as a lane keeps it.
            *lane = (result << unused >> unused) as i8;
            if operands.look_up {
                *lane = self.memories.table[precision.entry(*lane) as usize * columns + column];
            }
        }
        Ok(())
    }

    /// Where lanes that must exist begin.
    fn span(&self, first: u32, count: usize) -> Result<usize, Trap> {
        let end = u64::from(first) + count as u64;
        if end <= u64::from(self.architecture.activation_lanes()) { Ok(first as usize) } else { Err(Trap::Address) }
    }

    fn post_descriptor(&self) -> Result<Descriptor, Trap> {
        let register = |index: u8| self.post_registers[usize::from(index)];
        let low = |index: u8| register(index) & 0xffff;
        let high = |index: u8| register(index) >> 16;
        let signed = |value: u32| i32::from(value as u16 as i16);
        let d = Descriptor {
            window_columns: low(at::WINDOW) & 0xff,
            window_rows: low(at::WINDOW) >> 8,
            outer_count: high(at::WINDOW),
            output_columns: low(at::PIXELS),
            output_rows: high(at::PIXELS),
            y_limit: low(at::LIMITS) as i32,
            x_limit: high(at::LIMITS) as i32,
            y_start: signed(low(at::START)),
            x_start: signed(high(at::START)),
            y_stride: low(at::STRIDES) as i32,
            x_stride: high(at::STRIDES) as i32,
            window_column_step: register(at::WINDOW_COLUMN_STEP),
            window_row_step: register(at::WINDOW_ROW_STEP),
            column_step: register(at::COLUMN_STEP),
            row_step: register(at::ROW_STEP),
            outer_step: register(at::OUTER_STEP),
            destination_column_step: register(at::DESTINATION_COLUMN_STEP),
            destination_row_step: register(at::DESTINATION_ROW_STEP),
            destination_outer_step: register(at::DESTINATION_OUTER_STEP),
            shift: register(at::REQUANTISE) & 31,
            low: (register(at::REQUANTISE) >> 8) as u8 as i8,
            high: (register(at::REQUANTISE) >> 16) as u8 as i8,
        };
        [d.window_columns, d.window_rows, d.outer_count, d.output_columns, d.output_rows]
            .into_iter()
            .try_for_each(some)?;
        if d.low > d.high { Err(Trap::Operand) } else { Ok(d) }
    }
}

impl Descriptor {
    /// Round half up after the shift, then clamp.
    fn requantise(&self, value: i32) -> i32 {
        // Before the last shift there is one bit to spare: no carry is lost, as a shift of at least one came before, or none.
        let shifted = match self.shift {
            0 => value,
            1 => {
                let half = value >> 1;
                half + (value & 1)
            }
            shift => ((value >> (shift - 1)) + 1) >> 1,
        };
        shifted.clamp(i32::from(self.low), i32::from(self.high))
    }
}
