//! The UP5K's MAC array as a [`MacArray`].

use core::sync::atomic::{Ordering, compiler_fence};

use myelin_isa::Architecture;
use myelin_isa::stick::{mac, memory};

use super::array::{MacArray, Run, SoftwareArray, Stream, SumOverflow};
use super::times;
use crate::register_core::Bus;

/// Origins and ways within a map are less than this: no coordinate leaves the array's 17 bits then.
const NEAR: i32 = 1 << 14;
/// Steps from row to row are less than this: as many as 256 of them stay within 32 bits.
const ROW_STEP_NEAR: i32 = 1 << 22;

/// The array in the gateware ([`mac`]), and one in software for what it cannot express.
///
/// **What it cannot express:** runs whose lanes would wrap around at the end of the scratchpad, coordinates beyond 2^14 and limits beyond 2^15,
/// totals that begin in accumulators of the software's: those of the array cannot be written.
/// Nothing of that is in a program of the compiler's.
///
/// A pixel's totals are in one of the two, and change over when software adds to what the array has summed up.
///
/// **Timing.** While the array runs the core waits at its next access to the SPRAM, where its program is: it neither needs an interrupt
/// nor asks more than a few times. A run takes `chunks` times (4 + pixels) clocks, 10 registers before, one or two after.
#[derive(Debug)]
pub struct HardwareArray<'m, B> {
    bus: B,
    software: SoftwareArray<'m>,
    /// Where the scratchpads begin, as the array counts.
    activations: u32,
    weights: u32,
    /// Accumulators of a half.
    depth: u32,
    /// How many of each half, from its first on, are in the array; the others are software's.
    inside: [u32; 2],
    /// Runs that the array has done, modulo 2^32.
    runs: u32,
}

impl<'m, B: Bus> HardwareArray<'m, B> {
    /// For an architecture whose scratchpads lie at such addresses of the core's. `None` if there is no array or it is not the architecture's.
    pub fn new(
        architecture: &Architecture,
        mut bus: B,
        software: SoftwareArray<'m>,
        activations: u32,
        weights: u32,
    ) -> Option<HardwareArray<'m, B>> {
        let is_there = bus.read(memory::MAC + mac::ID) == mac::ID_VALUE;
        let fits = (architecture.rows(), architecture.columns(), architecture.weight_ports()) == (4, 4, 1)
            && 2 * architecture.accumulator_depth() <= mac::ACCUMULATOR_COUNT;
        (is_there && fits).then_some(HardwareArray {
            bus,
            software,
            activations: in_spram(activations)?,
            weights: in_spram(weights)?,
            depth: architecture.accumulator_depth(),
            inside: [0; 2],
            runs: 0,
        })
    }

    /// Runs that the array has done, modulo 2^32: the rest was software.
    pub fn runs(&self) -> u32 {
        self.runs
    }

    /// The way to the registers, for whoever built it.
    pub fn bus_mut(&mut self) -> &mut B {
        &mut self.bus
    }

    /// The half of an accumulator, and its first one.
    fn half(&self, index: u32) -> (usize, u32) {
        if index < self.depth { (0, 0) } else { (1, self.depth) }
    }

    fn write(&mut self, register: u32, value: u32) {
        self.bus.write(memory::MAC + register, value);
    }

    fn total(&mut self, index: u32, column: u32) -> i32 {
        self.bus.read(memory::MAC + mac::ACCUMULATORS + 16 * index + 4 * column).cast_signed()
    }

    /// Starts a run that the array can do, and waits for its end.
    fn go(&mut self, run: &Run) -> Result<(), SumOverflow> {
        let pair = |low: u32, high: u32| low & 0xffff | high << 16;
        self.write(mac::WEIGHTS, self.weights + 4 * run.first_word);
        self.write(mac::ROW_ADDRESS, self.activations.wrapping_add(run.row_address));
        self.write(mac::ROW_STEP, run.row_step);
        self.write(mac::ORIGIN, pair(run.x_start.cast_unsigned(), run.y_start.cast_unsigned()));
        self.write(mac::STEPS, pair(run.x_step.cast_unsigned(), run.y_step.cast_unsigned()));
        self.write(mac::LIMITS, pair(run.x_limit.cast_unsigned(), run.y_limit.cast_unsigned()));
        self.write(mac::PIXELS, pair(run.columns, run.rows));
        self.write(mac::REDUCTION, run.lanes.min(4 * run.chunks));
        self.write(mac::ACCUMULATOR, run.index);
        // Weights and activations are in memory before the array reads them.
        compiler_fence(Ordering::SeqCst);
        self.write(mac::START, if run.first { mac::START_FIRST } else { 0 });
        self.runs = self.runs.wrapping_add(1);
        // The bound is the watchdog's: an array that never ends resets the stick.
        let status = loop {
            let status = self.bus.read(memory::MAC + mac::STATUS);
            if status & mac::STATUS_BUSY == 0 {
                break status;
            }
        };
        if status & mac::STATUS_OVERFLOW == 0 {
            return Ok(());
        }
        self.write(mac::STATUS, mac::STATUS_OVERFLOW);
        Err(SumOverflow)
    }
}

impl<B: Bus> MacArray for HardwareArray<'_, B> {
    fn set_weights(&mut self, row: usize, weights: &[i8]) {
        self.software.set_weights(row, weights);
    }

    fn stream(&mut self, stream: &Stream, activations: &[i8]) -> Result<(), SumOverflow> {
        let (half, base) = self.half(stream.index);
        let (first, end) = (stream.index - base, self.inside[half]);
        for index in first..end {
            let totals = [0, 1, 2, 3].map(|column| self.total(base + index, column));
            self.software.write(base + index, &totals);
        }
        self.inside[half] = end.min(first);
        self.software.stream(stream, activations)
    }

    fn run(&mut self, run: &Run, activations: &[i8], _: &[i8]) -> Option<Result<(), SumOverflow>> {
        let (half, base) = self.half(run.index);
        let end = run.index - base + times(run.columns, run.rows);
        // Those of a first run begin where its half does.
        let is_ours = if run.first { run.index == base } else { end <= self.inside[half] };
        if !is_ours || end > self.depth || !is_expressible(run, activations.len() as u32) {
            return None;
        }
        self.inside[half] = self.inside[half].max(end);
        Some(self.go(run))
    }

    fn read(&mut self, index: u32, totals: &mut [i32]) {
        let (half, base) = self.half(index);
        if index - base >= self.inside[half] {
            return self.software.read(index, totals);
        }
        for (column, total) in (0..).zip(totals) {
            *total = self.total(index, column);
        }
    }
}

/// An address of the core's as the array counts: SPRAM first, then device memory.
fn in_spram(address: u32) -> Option<u32> {
    match address {
        memory::DEVICE.. => Some(address - memory::DEVICE + memory::RAM_BYTES_UP5K),
        memory::SPRAM.. => Some(address - memory::SPRAM),
        _ => None,
    }
    .filter(|&at| at < memory::RAM_BYTES_UP5K + memory::DEVICE_BYTES_UP5K)
}

/// Whether the array's registers can hold a run, and every lane that counts lies in a scratchpad of so many lanes.
fn is_expressible(run: &Run, lanes: u32) -> bool {
    let near = |value: i32| (-NEAR..NEAR).contains(&value);
    let row_step = run.row_step.cast_signed();
    let fields = near(run.x_start)
        && near(run.y_start)
        && near(run.x_step)
        && run.y_step < NEAR
        && (0..2 * NEAR).contains(&run.x_limit)
        && run.y_limit < 2 * NEAR
        && (1..=NEAR as u32 / 4).contains(&run.chunks)
        && run.lanes > 0
        && (-ROW_STEP_NEAR..ROW_STEP_NEAR).contains(&row_step);
    if !fields {
        return false;
    }
    // Up to 256 of each: no overflow.
    let way = |step: i32, count: u32| times(step.cast_unsigned(), count - 1).cast_signed();
    let (x_way, y_way) = (way(run.x_step, run.columns), way(run.y_step, run.rows));
    if !near(x_way) || y_way >= NEAR {
        return false;
    }
    let low = run.x_start.min(run.x_start + x_way).max(0);
    let high = run.x_start.max(run.x_start + x_way) + run.lanes.min(4 * run.chunks) as i32;
    let high = high.min(run.x_limit);
    // y grows from row to row: those that count follow each other.
    let (mut first, mut y) = (0, run.y_start);
    while y < 0 && first < run.rows as i32 {
        (first, y) = (first + 1, y + run.y_step);
    }
    let (mut last, mut y) = (run.rows as i32 - 1, run.y_start + y_way);
    while y >= run.y_limit && last >= 0 {
        (last, y) = (last - 1, y - run.y_step);
    }
    if low >= high || first > last {
        return true;
    }
    // From one end to the other in equal steps, none of which wraps.
    [first, last].into_iter().all(|row| {
        let address = run.row_address.wrapping_add(times(run.row_step, row.cast_unsigned())).cast_signed();
        (0..lanes as i32).contains(&address.saturating_add(low)) && address.saturating_add(high) <= lanes as i32
    })
}
