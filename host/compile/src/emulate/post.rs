//! DRAIN, ELTW and POOL: the post unit's walk.

use super::cell::Cell;
use super::error::{Fault, Memory};
use super::history::Moment;
use myelin_isa::{Architecture, PostDescriptor, PostOperands};

/// How the elements of a window make one value.
#[derive(Clone, Copy)]
enum Combine {
    Maximum,
    Sum,
}

/// Where window elements come from.
#[derive(Clone, Copy)]
enum Source {
    /// Accumulators of `half`, biased with a word.
    Accumulators { half: u8, bias_word: u16 },
    /// The activation scratchpad.
    Activations,
}

/// One result of the walk.
#[derive(Clone, Copy)]
struct Position {
    outer: u32,
    row: u32,
    column: u32,
}

impl Cell {
    pub(super) fn drain(&mut self, now: &Moment, operands: &PostOperands) -> Result<(), Fault> {
        let source = Source::Accumulators { half: operands.half, bias_word: operands.bias_word };
        self.walk(now, operands, source, Combine::Maximum)
    }

    pub(super) fn elementwise(&mut self, now: &Moment, operands: &PostOperands) -> Result<(), Fault> {
        self.walk(now, operands, Source::Activations, Combine::Sum)
    }

    pub(super) fn pool(&mut self, now: &Moment, operands: &PostOperands) -> Result<(), Fault> {
        self.walk(now, operands, Source::Activations, Combine::Maximum)
    }

    fn walk(&mut self, now: &Moment, operands: &PostOperands, source: Source, combine: Combine) -> Result<(), Fault> {
        let d = self.post_descriptor()?;
        let (columns, planes) = (self.architecture.columns(), self.architecture.precision().planes());
        Fault::field("lane count", u64::from(operands.lane_count), 1, u64::from(columns))?;
        if operands.raw {
            Fault::field("planes", u64::from(d.outer_count), 1, u64::from(planes))?;
        }
        if let Source::Accumulators { bias_word, .. } = source {
            self.check_bias(now, bias_word)?;
        }
        if operands.look_up {
            self.table_history.read(0..self.architecture.table_entries() as usize, now)?;
        }
        let mut values = [0; Architecture::SIDE_MAX as usize];
        let values = &mut values[..usize::from(operands.lane_count)];
        for outer in 0..d.outer_count {
            for row in 0..d.output_rows {
                for column in 0..d.output_columns {
                    let position = Position { outer, row, column };
                    self.window(now, &d, operands.source, (source, combine), position, values)?;
                    self.write_result(now, &d, operands, position, values)?;
                }
            }
        }
        Ok(())
    }

    /// Combines one window into 32-bit `values`.
    fn window(
        &mut self,
        now: &Moment,
        d: &PostDescriptor,
        source_address: u32,
        (source, combine): (Source, Combine),
        position: Position,
        values: &mut [i32],
    ) -> Result<(), Fault> {
        let first = source_address
            .wrapping_add(d.outer_step.wrapping_mul(position.outer))
            .wrapping_add(d.row_step.wrapping_mul(position.row))
            .wrapping_add(d.column_step.wrapping_mul(position.column));
        let mut is_empty = true;
        let mut element = [0; Architecture::SIDE_MAX as usize];
        let element = &mut element[..values.len()];
        for window_row in 0..d.window_rows {
            for window_column in 0..d.window_columns {
                let y = d.y_start + d.y_stride * position.row as i32 + window_row as i32;
                let x = d.x_start + d.x_stride * position.column as i32 + window_column as i32;
                if y < 0 || y >= d.y_limit || x < 0 || x >= d.x_limit {
                    continue;
                }
                let address = first
                    .wrapping_add(d.window_row_step.wrapping_mul(window_row))
                    .wrapping_add(d.window_column_step.wrapping_mul(window_column));
                if is_empty {
                    self.element(now, source, address, values)?;
                } else {
                    self.element(now, source, address, element)?;
                    values.iter_mut().zip(&*element).for_each(|(so_far, &value)| *so_far = combine.of(*so_far, value));
                }
                is_empty = false;
            }
        }
        if is_empty { Err(Fault::EmptyWindow { row: position.row, column: position.column }) } else { Ok(()) }
    }

    /// The lanes of one window element, widened; accumulators with their bias.
    fn element(&mut self, now: &Moment, source: Source, address: u32, values: &mut [i32]) -> Result<(), Fault> {
        match source {
            Source::Activations => {
                self.check_span(address, values.len() as u32)?;
                let lanes = address as usize..address as usize + values.len();
                self.activation_history.read(lanes.clone(), now)?;
                values.iter_mut().zip(&self.activations[lanes]).for_each(|(value, &lane)| *value = i32::from(lane));
            }
            Source::Accumulators { half, bias_word } => {
                let depth = self.architecture.accumulator_depth();
                if address >= depth {
                    let (address, available) = (u64::from(address), u64::from(depth));
                    return Err(Fault::Address { memory: Memory::Accumulators, address, available });
                }
                let (columns, index) =
                    (self.architecture.columns() as usize, usize::from(half) * depth as usize + address as usize);
                self.accumulator_history.read(index..index + 1, now)?;
                let biases = &self.biases[usize::from(bias_word) * columns..];
                let totals = self.accumulators[index * columns..].iter().zip(biases);
                for (column, (value, (&a, &b))) in values.iter_mut().zip(totals).enumerate() {
                    let overflow = || Fault::Overflow { column: column as u32, value: i64::from(a) + i64::from(b) };
                    *value = a.checked_add(b).ok_or_else(overflow)?;
                }
            }
        }
        Ok(())
    }

    fn check_bias(&mut self, now: &Moment, word: u16) -> Result<(), Fault> {
        let available = self.architecture.bias_words();
        if u32::from(word) >= available {
            let (address, available) = (u64::from(word), u64::from(available));
            return Err(Fault::Address { memory: Memory::Biases, address, available });
        }
        self.bias_history.read(usize::from(word)..usize::from(word) + 1, now)
    }

    fn write_result(
        &mut self,
        now: &Moment,
        d: &PostDescriptor,
        operands: &PostOperands,
        position: Position,
        values: &[i32],
    ) -> Result<(), Fault> {
        let address = (operands.destination)
            .wrapping_add(d.destination_outer_step.wrapping_mul(position.outer))
            .wrapping_add(d.destination_row_step.wrapping_mul(position.row))
            .wrapping_add(d.destination_column_step.wrapping_mul(position.column));
        self.check_span(address, values.len() as u32)?;
        let (precision, columns) = (self.architecture.precision(), self.architecture.columns() as usize);
        let lanes = address as usize..address as usize + values.len();
        self.activation_history.write(lanes.clone(), now)?;
        for (column, (at, &value)) in lanes.zip(values).enumerate() {
            let result = if operands.raw { value >> (precision.bits() * position.outer) } else { requantise(d, value) };
            let lane = self.lane(result);
            self.activations[at] = match operands.look_up {
                true => self.table[precision.entry(lane) as usize * columns + column],
                false => lane,
            };
        }
        Ok(())
    }

    fn check_span(&self, first: u32, count: u32) -> Result<(), Fault> {
        let (last, available) = (u64::from(first) + u64::from(count) - 1, self.activations.len() as u64);
        if last < available {
            return Ok(());
        }
        Err(Fault::Address { memory: Memory::Activations, address: last, available })
    }

    fn post_descriptor(&self) -> Result<PostDescriptor, Fault> {
        let d = PostDescriptor::from_registers(&self.post_registers);
        d.counts().into_iter().try_for_each(|(field, count)| Fault::field(field, u64::from(count), 1, 0xffff))?;
        Ok(d)
    }
}

/// Round half up after the shift, then clamp.
fn requantise(d: &PostDescriptor, value: i32) -> i32 {
    let value = i64::from(value);
    let shifted = if d.shift == 0 { value } else { ((value >> (d.shift - 1)) + 1) >> 1 };
    shifted.clamp(i64::from(d.low), i64::from(d.high)) as i32
}

impl Combine {
    fn of(self, a: i32, b: i32) -> i32 {
        match self {
            Combine::Maximum => a.max(b),
            // Two lanes: far from 32 bits.
            Combine::Sum => a.wrapping_add(b),
        }
    }
}
