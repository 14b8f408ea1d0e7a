//! DRAIN, ELTW and POOL, a result at a time.
//!
//! Addresses go along with the walk: a soft core without a multiplier does not multiply here.

use myelin_isa::{Architecture, PostDescriptor, PostOperands};

use super::array::MacArray;
use super::trap::{Trap, some};
use super::{Busy, FunctionalCore, Memories, Place};

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Post {
    Drain,
    Elementwise,
    Pool,
}

/// A value for each lane.
pub(super) type Values = [i32; Architecture::SIDE_MAX as usize];

/// Where a walk is: what belongs to its place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PostWalk {
    source: Along,
    destination: Along,
    /// Source row and column of the window's first element, modulo 2^32.
    y: u32,
    x: u32,
    /// Elements of a window.
    elements: u32,
    /// First accumulator of the half.
    accumulators: u32,
    /// First bias.
    biases: usize,
}

/// An address at the beginning of an outer loop, of a row, and now.
#[derive(Clone, Copy, Debug, Default)]
struct Along {
    outer: u32,
    row: u32,
    here: u32,
}

impl Along {
    fn begin(address: u32) -> Along {
        Along { outer: address, row: address, here: address }
    }

    /// From one place to the next, with the steps of column, row and outer loop.
    fn go(&mut self, from: Place, to: Place, [column, row, outer]: [u32; 3]) {
        if to.outer != from.outer {
            *self = Along::begin(self.outer.wrapping_add(outer));
        } else if to.middle != from.middle {
            self.row = self.row.wrapping_add(row);
            self.here = self.row;
        } else {
            self.here = self.here.wrapping_add(column);
        }
    }
}

impl PostWalk {
    fn begin(d: &PostDescriptor, operands: &PostOperands, architecture: &Architecture) -> PostWalk {
        PostWalk {
            source: Along::begin(operands.source),
            destination: Along::begin(operands.destination),
            y: d.y_start.cast_unsigned(),
            x: d.x_start.cast_unsigned(),
            elements: d.window_rows * d.window_columns,
            accumulators: if operands.half == 0 { 0 } else { architecture.accumulator_depth() },
            biases: usize::from(operands.bias_word) * architecture.columns() as usize,
        }
    }

    fn go(&mut self, d: &PostDescriptor, from: Place, to: Place) {
        self.source.go(from, to, [d.column_step, d.row_step, d.outer_step]);
        let steps = [d.destination_column_step, d.destination_row_step, d.destination_outer_step];
        self.destination.go(from, to, steps);
        if to.outer == from.outer && to.middle == from.middle {
            self.x = self.x.wrapping_add(d.x_stride.cast_unsigned());
            return;
        }
        self.x = d.x_start.cast_unsigned();
        self.y = match to.middle {
            0 => d.y_start.cast_unsigned(),
            _ => self.y.wrapping_add(d.y_stride.cast_unsigned()),
        };
    }
}

impl<A: MacArray> FunctionalCore<'_, A> {
    /// The result at a place of the walk, of output column, row, and outer loop; where the next one is.
    pub(super) fn post_result(
        &mut self,
        post: Post,
        operands: &PostOperands,
        place: Place,
    ) -> Result<Option<Place>, Trap> {
        let d = &self.post_descriptor;
        if place == Place::FIRST {
            d.counts().into_iter().try_for_each(|(_, count)| some(count))?;
            if d.low > d.high || operands.raw && d.outer_count > self.architecture.precision().planes() {
                return Err(Trap::Operand);
            }
            self.post_walk = PostWalk::begin(d, operands, &self.architecture);
        }
        self.window(post, usize::from(operands.lane_count))?;
        self.write_result(operands, place.outer)?;
        self.spend(Busy::Post, self.post_walk.elements);
        let d = &self.post_descriptor;
        let next = place.next(d.output_columns, d.output_rows, d.outer_count);
        if let Some(next) = next {
            self.post_walk.go(d, place, next);
        }
        Ok(next)
    }

    /// Combines one window into 32-bit values.
    fn window(&mut self, post: Post, lanes: usize) -> Result<(), Trap> {
        let (d, walk) = (&self.post_descriptor, &self.post_walk);
        let [values, element] = &mut self.values;
        let mut is_empty = true;
        let mut row_address = walk.source.here;
        // Sums below 2^32, as their parts are below 2^16; one below 0 is above any limit.
        let inside = |start: u32, index: u32, limit: i32| start.wrapping_add(index) < limit.cast_unsigned();
        for window_row in 0..d.window_rows {
            let mut address = row_address;
            row_address = row_address.wrapping_add(d.window_row_step);
            if !inside(walk.y, window_row, d.y_limit) {
                continue;
            }
            for window_column in 0..d.window_columns {
                let here = address;
                address = address.wrapping_add(d.window_column_step);
                if !inside(walk.x, window_column, d.x_limit) {
                    continue;
                }
                let target = if is_empty { &mut values[..lanes] } else { &mut element[..lanes] };
                match post {
                    Post::Drain if here >= self.architecture.accumulator_depth() => return Err(Trap::Address),
                    Post::Drain => {
                        self.array.read(walk.accumulators + here, target);
                        bias(target, &self.memories.biases[walk.biases..])?;
                    }
                    Post::Elementwise | Post::Pool => widen(target, &self.memories, here)?,
                }
                if !is_empty {
                    for (value, &new) in values[..lanes].iter_mut().zip(&*element) {
                        *value = match post {
                            // Lanes: far from 32 bits.
                            Post::Elementwise => value.wrapping_add(new),
                            Post::Drain | Post::Pool => new.max(*value),
                        };
                    }
                }
                is_empty = false;
            }
        }
        if is_empty { Err(Trap::Operand) } else { Ok(()) }
    }

    fn write_result(&mut self, operands: &PostOperands, plane: u32) -> Result<(), Trap> {
        let d = &self.post_descriptor;
        let count = usize::from(operands.lane_count);
        let to = span(self.memories.activations.len(), self.post_walk.destination.here, count)?;
        let (precision, columns) = (self.architecture.precision(), self.architecture.columns() as usize);
        let lanes = self.memories.activations[to..to + count].iter_mut().zip(&self.values[0]);
        for (column, (lane, &value)) in lanes.enumerate() {
            *lane = if operands.raw {
                // The low bits, sign-extended: as a lane keeps it.
                let unused = 32 - precision.bits();
                (value >> (precision.bits() * plane) << unused >> unused) as i8
            } else {
                // Its bounds are a lane's.
                requantise(d, value) as i8
            };
            if operands.look_up {
                *lane = self.memories.table[precision.entry(*lane) as usize * columns + column];
            }
        }
        Ok(())
    }
}

/// The lanes of one window element.
fn widen(element: &mut [i32], memories: &Memories<'_>, address: u32) -> Result<(), Trap> {
    let from = span(memories.activations.len(), address, element.len())?;
    let lanes = &memories.activations[from..from + element.len()];
    element.iter_mut().zip(lanes).for_each(|(value, &lane)| *value = i32::from(lane));
    Ok(())
}

/// Adds biases to totals.
fn bias(totals: &mut [i32], biases: &[i32]) -> Result<(), Trap> {
    for (total, &bias) in totals.iter_mut().zip(biases) {
        *total = total.checked_add(bias).ok_or(Trap::Overflow)?;
    }
    Ok(())
}

/// Where lanes that must exist begin.
fn span(available: usize, first: u32, count: usize) -> Result<usize, Trap> {
    let first = first as usize;
    if first <= available && count <= available - first { Ok(first) } else { Err(Trap::Address) }
}

/// Round half up after the shift, then clamp.
fn requantise(d: &PostDescriptor, value: i32) -> i32 {
    // Before the last shift there is one bit to spare: no carry is lost, as a shift of at least one came before, or none.
    let shifted = match d.shift {
        0 => value,
        1 => {
            let half = value >> 1;
            half + (value & 1)
        }
        shift => ((value >> (shift - 1)) + 1) >> 1,
    };
    shifted.clamp(i32::from(d.low), i32::from(d.high))
}
