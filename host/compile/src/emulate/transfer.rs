//! LOAD, LOADW and STORE: beats between external memory and the cell's memories.

use super::error::{Fault, Memory};
use super::history::Moment;
use super::machine::Machine;
use myelin_isa::{WeightTarget, transfer_descriptor as at};

/// Where one row of a LOAD or STORE lies.
#[derive(Clone, Copy)]
struct Row {
    memory_beat: u32,
    lane: u32,
    beats: u32,
}

impl Machine {
    pub(super) fn load(&mut self, now: &Moment, memory_beat: u32, destination: u32, beats: u32) -> Result<(), Fault> {
        let registers = self.load_registers;
        rows(&registers, memory_beat, destination, beats).try_for_each(|row| self.load_row(now, row))
    }

    pub(super) fn store(&mut self, now: &Moment, memory_beat: u32, source: u32, beats: u32) -> Result<(), Fault> {
        let registers = self.store_registers;
        rows(&registers, memory_beat, source, beats).try_for_each(|row| self.store_row(now, row))
    }

    fn load_row(&mut self, now: &Moment, row: Row) -> Result<(), Fault> {
        let lanes = self.architecture.lanes() as usize;
        self.check_transfer(row.memory_beat, row.beats)?;
        self.check_lanes(row.lane, row.beats)?;
        for beat in 0..row.beats as usize {
            let from = self.read_beat(now, row.memory_beat as usize + beat)?;
            for lane in 0..lanes {
                let to = row.lane as usize + beat * lanes + lane;
                self.activation_history.write(to, now)?;
                self.activations[to] = self.lane(i32::from(self.external[from + lane] as i8));
            }
        }
        Ok(())
    }

    fn store_row(&mut self, now: &Moment, row: Row) -> Result<(), Fault> {
        let lanes = self.architecture.lanes() as usize;
        self.check_transfer(row.memory_beat, row.beats)?;
        self.check_lanes(row.lane, row.beats)?;
        for beat in 0..row.beats as usize {
            let to = row.memory_beat as usize + beat;
            self.external_history.write(to, now)?;
            for lane in 0..lanes {
                let from = row.lane as usize + beat * lanes + lane;
                self.activation_history.read(from, now)?;
                self.external[to * lanes + lane] = self.activations[from] as u8;
            }
        }
        Ok(())
    }

    pub(super) fn load_weights(
        &mut self,
        now: &Moment,
        target: WeightTarget,
        memory_beat: u32,
        destination: u32,
        beats: u32,
    ) -> Result<(), Fault> {
        self.check_transfer(memory_beat, beats)?;
        match target {
            WeightTarget::Weights => self.load_weight_words(now, memory_beat, destination, beats),
            WeightTarget::Biases => self.load_bias_words(now, memory_beat, destination, beats),
            WeightTarget::Instructions => self.load_instructions(now, memory_beat, destination, beats),
        }
    }

    fn load_weight_words(&mut self, now: &Moment, from: u32, destination: u32, beats: u32) -> Result<(), Fault> {
        let (ports, columns) = (self.architecture.weight_ports() as usize, self.architecture.columns() as usize);
        let (word_beats, row_lanes) =
            (self.architecture.weight_word_beats(), self.architecture.weight_row_lanes() as usize);
        let banks_per_beat = self.architecture.weight_banks_per_beat() as usize;
        let words = beats.div_ceil(word_beats);
        check_range(Memory::Weights, destination, words, self.architecture.weight_words())?;
        for beat in 0..beats {
            let at = self.read_beat(now, (from + beat) as usize)?;
            let word = (destination + beat / word_beats) as usize;
            self.weight_history.write(word, now)?;
            let first = (beat % word_beats) as usize * banks_per_beat;
            for (part, bank) in (first..ports.min(first + banks_per_beat)).enumerate() {
                for column in 0..columns {
                    let byte = self.external[at + part * row_lanes + column];
                    self.weights[(word * ports + bank) * columns + column] = self.lane(i32::from(byte as i8));
                }
            }
        }
        Ok(())
    }

    fn load_bias_words(&mut self, now: &Moment, from: u32, destination: u32, beats: u32) -> Result<(), Fault> {
        let (columns, word_beats) = (self.architecture.columns() as usize, self.architecture.bias_word_beats());
        whole("beats (whole bias words)", beats, word_beats)?;
        check_range(Memory::Biases, destination, beats / word_beats, self.architecture.bias_words())?;
        for word in 0..beats / word_beats {
            let at = self.read_beats(now, from + word * word_beats, word_beats)?;
            let to = (destination + word) as usize;
            self.bias_history.write(to, now)?;
            for column in 0..columns {
                self.biases[to * columns + column] = self.external_word(at + 4 * column) as i32;
            }
        }
        Ok(())
    }

    /// Instruction memory wraps: a program of any length runs through it.
    fn load_instructions(&mut self, now: &Moment, from: u32, destination: u32, beats: u32) -> Result<(), Fault> {
        let (depth, each) = (self.architecture.instruction_depth(), self.architecture.instruction_beats());
        whole("beats (whole instructions)", beats, each)?;
        Fault::field("instructions loaded at once", u64::from(beats / each), 1, u64::from(depth))?;
        for instruction in 0..beats / each {
            let at = self.read_beats(now, from + instruction * each, each)?;
            let to = (destination.wrapping_add(instruction) & (depth - 1)) as usize;
            if self.instructions.len() <= to {
                self.instructions.resize(to + 1, [0; 4]);
            }
            self.instructions[to] = core::array::from_fn(|word| self.external_word(at + 4 * word));
        }
        Ok(())
    }

    /// Records the reads of existing beats and says where their bytes start.
    fn read_beats(&mut self, now: &Moment, first: u32, count: u32) -> Result<usize, Fault> {
        for beat in first..first + count {
            self.external_history.read(beat as usize, now)?;
        }
        Ok(first as usize * self.architecture.lanes() as usize)
    }

    /// Four bytes of external memory, little-endian.
    fn external_word(&self, at: usize) -> u32 {
        u32::from_le_bytes(core::array::from_fn(|byte| self.external[at + byte]))
    }

    /// Records the read of an existing beat and says where its bytes start.
    fn read_beat(&mut self, now: &Moment, beat: usize) -> Result<usize, Fault> {
        self.external_history.read(beat, now)?;
        Ok(beat * self.architecture.lanes() as usize)
    }

    fn check_transfer(&self, memory_beat: u32, beats: u32) -> Result<(), Fault> {
        Fault::field("beats", u64::from(beats), 1, u64::from(u32::MAX))?;
        let available = self.external.len() / self.architecture.lanes() as usize;
        check_range(Memory::External, memory_beat, beats, available as u32)
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

/// That `count` addresses from `first` exist.
fn check_range(memory: Memory, first: u32, count: u32, available: u32) -> Result<(), Fault> {
    let end = u64::from(first) + u64::from(count);
    if end <= u64::from(available) {
        return Ok(());
    }
    Err(Fault::Address { memory, address: end - 1, available: u64::from(available) })
}
