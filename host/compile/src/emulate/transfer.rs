//! LOAD, LOADW and STORE: beats between external memory and the cell's memories.

use super::cell::Cell;
use super::error::{Fault, Memory};
use super::external::External;
use super::history::Moment;
use myelin_isa::{Instruction, WeightTarget, transfer_descriptor as at};
use std::ops::Range;

/// Where one row of a LOAD or STORE lies.
#[derive(Clone, Copy)]
struct Row {
    memory_beat: u32,
    lane: u32,
    beats: u32,
}

impl Cell {
    pub(super) fn load(
        &mut self,
        external: &mut External,
        now: &Moment,
        memory_beat: u32,
        destination: u32,
        beats: u32,
    ) -> Result<(), Fault> {
        let unused = 8 - self.architecture.precision().bits();
        for row in rows(&self.load_registers, memory_beat, destination, beats) {
            let lanes = self.check_row(external, row)?;
            let from = external.read(self.index, row.memory_beat, row.beats, now)?;
            self.activation_history.write(lanes.clone(), now)?;
            let bytes = &external.bytes[from..from + lanes.len()];
            for (lane, &byte) in self.activations[lanes].iter_mut().zip(bytes) {
                *lane = (byte << unused) as i8 >> unused;
            }
        }
        Ok(())
    }

    pub(super) fn store(
        &mut self,
        external: &mut External,
        now: &Moment,
        memory_beat: u32,
        source: u32,
        beats: u32,
    ) -> Result<(), Fault> {
        for row in rows(&self.store_registers, memory_beat, source, beats) {
            let lanes = self.check_row(external, row)?;
            let to = external.write(self.index, row.memory_beat, row.beats, now)?;
            self.activation_history.read(lanes.clone(), now)?;
            let bytes = &mut external.bytes[to..to + lanes.len()];
            for (byte, &lane) in bytes.iter_mut().zip(&self.activations[lanes]) {
                *byte = lane as u8;
            }
        }
        Ok(())
    }

    pub(super) fn load_weights(
        &mut self,
        external: &mut External,
        now: &Moment,
        target: WeightTarget,
        memory_beat: u32,
        destination: u32,
        beats: u32,
    ) -> Result<(), Fault> {
        check_external(external, memory_beat, beats)?;
        let at = external.read(self.index, memory_beat, beats, now)?;
        match target {
            WeightTarget::Weights => self.load_weight_words(external, now, at, destination, beats),
            WeightTarget::Biases => self.load_bias_words(external, now, at, destination, beats),
            WeightTarget::Instructions => self.load_instructions(external, at, destination, beats),
            WeightTarget::Table => self.load_entries(external, now, at, destination, beats),
        }
    }

    fn load_weight_words(
        &mut self,
        external: &External,
        now: &Moment,
        at: usize,
        destination: u32,
        beats: u32,
    ) -> Result<(), Fault> {
        let (ports, columns) = (self.architecture.weight_ports() as usize, self.architecture.columns() as usize);
        let (lanes, row_lanes) = (self.architecture.lanes() as usize, self.architecture.weight_row_lanes() as usize);
        let banks_per_beat = self.architecture.weight_banks_per_beat() as usize;
        let word_beats = self.architecture.weight_word_beats();
        let words = beats.div_ceil(word_beats);
        check_range(Memory::Weights, destination, words, self.architecture.weight_words())?;
        self.weight_history.write(destination as usize..(destination + words) as usize, now)?;
        for beat in 0..beats {
            let word = (destination + beat / word_beats) as usize;
            let first = (beat % word_beats) as usize * banks_per_beat;
            for (part, bank) in (first..ports.min(first + banks_per_beat)).enumerate() {
                let bytes = &external.bytes[at + beat as usize * lanes + part * row_lanes..][..columns];
                for (column, &byte) in bytes.iter().enumerate() {
                    self.weights[(word * ports + bank) * columns + column] = self.lane(i32::from(byte as i8));
                }
            }
        }
        Ok(())
    }

    fn load_bias_words(
        &mut self,
        external: &External,
        now: &Moment,
        at: usize,
        destination: u32,
        beats: u32,
    ) -> Result<(), Fault> {
        let (columns, word_beats) = (self.architecture.columns() as usize, self.architecture.bias_word_beats());
        whole("beats (whole bias words)", beats, word_beats)?;
        let (words, word_bytes) = (beats / word_beats, word_beats as usize * self.architecture.lanes() as usize);
        check_range(Memory::Biases, destination, words, self.architecture.bias_words())?;
        self.bias_history.write(destination as usize..(destination + words) as usize, now)?;
        for word in 0..words as usize {
            let to = (destination as usize + word) * columns;
            for column in 0..columns {
                self.biases[to + column] = external.word(at + word * word_bytes + 4 * column) as i32;
            }
        }
        Ok(())
    }

    fn load_entries(
        &mut self,
        external: &External,
        now: &Moment,
        at: usize,
        destination: u32,
        beats: u32,
    ) -> Result<(), Fault> {
        let (columns, lanes) = (self.architecture.columns() as usize, self.architecture.lanes() as usize);
        check_range(Memory::Table, destination, beats, self.architecture.table_entries())?;
        self.table_history.write(destination as usize..(destination + beats) as usize, now)?;
        for beat in 0..beats as usize {
            for (column, &byte) in external.bytes[at + beat * lanes..][..columns].iter().enumerate() {
                self.table[(destination as usize + beat) * columns + column] = self.lane(i32::from(byte as i8));
            }
        }
        Ok(())
    }

    /// Instruction memory wraps: a program of any length runs through it.
    fn load_instructions(&mut self, external: &External, at: usize, destination: u32, beats: u32) -> Result<(), Fault> {
        let (depth, each) = (self.architecture.instruction_depth(), self.architecture.instruction_beats());
        whole("beats (whole instructions)", beats, each)?;
        Fault::field("instructions loaded at once", u64::from(beats / each), 1, u64::from(depth))?;
        let bytes = each as usize * self.architecture.lanes() as usize;
        for instruction in 0..beats / each {
            let from = at + instruction as usize * bytes;
            let words = core::array::from_fn(|word| external.word(from + 4 * word));
            let to = (destination.wrapping_add(instruction) & (depth - 1)) as usize;
            if self.instructions.len() <= to {
                // Memory never written is zero, which is no instruction.
                self.instructions.resize(to + 1, Instruction::decode([0; 4]));
            }
            self.instructions[to] = Instruction::decode(words);
        }
        Ok(())
    }

    /// That a row lies in both memories; answers its lanes.
    fn check_row(&self, external: &External, row: Row) -> Result<Range<usize>, Fault> {
        check_external(external, row.memory_beat, row.beats)?;
        self.check_lanes(row.lane, row.beats)?;
        let first = row.lane as usize;
        Ok(first..first + row.beats as usize * self.architecture.lanes() as usize)
    }

    fn check_lanes(&self, lane: u32, beats: u32) -> Result<(), Fault> {
        let lanes = self.architecture.lanes();
        if !lane.is_multiple_of(lanes) {
            return Err(Fault::Unaligned { lane, lanes });
        }
        let available = self.architecture.activation_lanes();
        check_range(Memory::Activations, lane / lanes, beats, available / lanes).map_err(|_| {
            let address = (u64::from(lane / lanes) + u64::from(beats)) * u64::from(lanes) - 1;
            Fault::Address { memory: Memory::Activations, address, available: u64::from(available) }
        })
    }
}

/// The rows of a transfer, as its unit's descriptor says; addresses wrap at 32 bits.
fn rows(
    registers: &[u32; at::COUNT as usize],
    memory_beat: u32,
    lane: u32,
    beats: u32,
) -> impl Iterator<Item = Row> + use<> {
    let register = |index: u8| registers[usize::from(index)];
    let (last, memory_step, lane_step) =
        (register(at::ROWS) & 0xffff, register(at::MEMORY_STEP), register(at::LANE_STEP));
    (0..=last).map(move |row| Row {
        memory_beat: memory_beat.wrapping_add(memory_step.wrapping_mul(row)),
        lane: lane.wrapping_add(lane_step.wrapping_mul(row)),
        beats,
    })
}

/// `found` beats must make whole units of `of`.
fn whole(field: &'static str, found: u32, of: u32) -> Result<(), Fault> {
    if found.is_multiple_of(of) {
        return Ok(());
    }
    let (min, max) = (u64::from(of), u64::from(found.next_multiple_of(of)));
    Err(Fault::Field { field, found: u64::from(found), min, max })
}

fn check_external(external: &External, memory_beat: u32, beats: u32) -> Result<(), Fault> {
    Fault::field("beats", u64::from(beats), 1, u64::from(u32::MAX))?;
    check_range(Memory::External, memory_beat, beats, external.beats())
}

/// That `count` addresses from `first` exist.
fn check_range(memory: Memory, first: u32, count: u32, available: u32) -> Result<(), Fault> {
    let end = u64::from(first) + u64::from(count);
    if end <= u64::from(available) {
        return Ok(());
    }
    Err(Fault::Address { memory, address: end - 1, available: u64::from(available) })
}
