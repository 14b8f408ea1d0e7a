//! LOAD, LOADW and STORE, a row at a time.

use myelin_isa::{Instruction, WeightTarget, transfer_descriptor as at};

use super::FunctionalCore;
use super::array::MacArray;
use super::trap::{Trap, some};

/// Where one row of a LOAD or STORE lies: bytes of device memory, lanes, how many of both.
struct Row {
    byte: usize,
    lane: usize,
    length: usize,
}

impl<A: MacArray> FunctionalCore<'_, A> {
    /// Row `position` of a LOAD; whether there are more.
    pub(super) fn load_row(&mut self, beat: u32, lane: u32, beats: u32, position: u64) -> Result<bool, Trap> {
        let (row, more) = self.row(&self.load_registers, beat, lane, beats, position)?;
        let unused = 8 - self.architecture.precision().bits();
        let bytes = &self.memories.device[row.byte..][..row.length];
        for (lane, &byte) in self.memories.activations[row.lane..][..row.length].iter_mut().zip(bytes) {
            *lane = (byte << unused) as i8 >> unused;
        }
        self.spend(super::Busy::Load, beats);
        Ok(more)
    }

    /// Row `position` of a STORE; whether there are more.
    pub(super) fn store_row(&mut self, beat: u32, lane: u32, beats: u32, position: u64) -> Result<bool, Trap> {
        let (row, more) = self.row(&self.store_registers, beat, lane, beats, position)?;
        let lanes = &self.memories.activations[row.lane..][..row.length];
        for (byte, &lane) in self.memories.device[row.byte..][..row.length].iter_mut().zip(lanes) {
            *byte = lane as u8;
        }
        self.spend(super::Busy::Store, beats);
        Ok(more)
    }

    fn row(
        &self,
        registers: &[u32; at::COUNT as usize],
        beat: u32,
        lane: u32,
        beats: u32,
        position: u64,
    ) -> Result<(Row, bool), Trap> {
        let register = |index: u8| registers[usize::from(index)];
        let (last, index) = (register(at::ROWS) & 0xffff, position as u32);
        let beat = beat.wrapping_add(register(at::MEMORY_STEP).wrapping_mul(index));
        let lane = lane.wrapping_add(register(at::LANE_STEP).wrapping_mul(index));
        let byte = self.external(beat, beats)?;
        let lanes = self.architecture.lanes();
        let length = u64::from(beats) * u64::from(lanes);
        let is_inside = u64::from(lane) + length <= u64::from(self.architecture.activation_lanes());
        if !lane.is_multiple_of(lanes) || !is_inside {
            return Err(Trap::Address);
        }
        Ok((Row { byte, lane: lane as usize, length: length as usize }, index < last))
    }

    /// Where the bytes of beats start that lie in the memory that may be used.
    fn external(&self, beat: u32, beats: u32) -> Result<usize, Trap> {
        some(beats)?;
        let lanes = self.architecture.lanes();
        let there = (self.memories.device.len() / lanes as usize) as u64;
        let available = if self.memory_beats == 0 { there } else { there.min(u64::from(self.memory_beats)) };
        if u64::from(beat) + u64::from(beats) > available {
            return Err(Trap::Address);
        }
        Ok(beat as usize * lanes as usize)
    }

    /// A LOADW as a whole.
    pub(super) fn load_weights(
        &mut self,
        target: WeightTarget,
        beat: u32,
        destination: u32,
        beats: u32,
    ) -> Result<(), Trap> {
        let at = self.external(beat, beats)?;
        self.spend(super::Busy::Load, beats);
        match target {
            WeightTarget::Weights => self.load_weight_words(at, destination, beats),
            WeightTarget::Biases => self.load_bias_words(at, destination, beats),
            WeightTarget::Instructions => self.load_instructions(at, destination, beats),
            WeightTarget::Table => self.load_entries(at, destination, beats),
        }
    }

    fn load_weight_words(&mut self, at: usize, destination: u32, beats: u32) -> Result<(), Trap> {
        let architecture = &self.architecture;
        let (ports, columns) = (architecture.weight_ports() as usize, architecture.columns() as usize);
        let (lanes, row_lanes) = (architecture.lanes() as usize, architecture.weight_row_lanes() as usize);
        let banks_per_beat = architecture.weight_banks_per_beat() as usize;
        let word_beats = architecture.weight_word_beats();
        let words = u64::from(beats.div_ceil(word_beats));
        if u64::from(destination) + words > u64::from(architecture.weight_words()) {
            return Err(Trap::Address);
        }
        let unused = 8 - architecture.precision().bits();
        for beat in 0..beats {
            let word = (destination + beat / word_beats) as usize;
            let first = (beat % word_beats) as usize * banks_per_beat;
            for (part, bank) in (first..ports.min(first + banks_per_beat)).enumerate() {
                let bytes = &self.memories.device[at + beat as usize * lanes + part * row_lanes..][..columns];
                let weights = &mut self.memories.weights[(word * ports + bank) * columns..][..columns];
                for (weight, &byte) in weights.iter_mut().zip(bytes) {
                    *weight = (byte << unused) as i8 >> unused;
                }
            }
        }
        Ok(())
    }

    fn load_bias_words(&mut self, at: usize, destination: u32, beats: u32) -> Result<(), Trap> {
        let (columns, word_beats) = (self.architecture.columns() as usize, self.architecture.bias_word_beats());
        if !beats.is_multiple_of(word_beats) {
            return Err(Trap::Operand);
        }
        let words = beats / word_beats;
        if u64::from(destination) + u64::from(words) > u64::from(self.architecture.bias_words()) {
            return Err(Trap::Address);
        }
        let word_bytes = word_beats as usize * self.architecture.lanes() as usize;
        for word in 0..words as usize {
            let (to, from) = ((destination as usize + word) * columns, at + word * word_bytes);
            for column in 0..columns {
                self.memories.biases[to + column] = self.device_word(from + 4 * column) as i32;
            }
        }
        Ok(())
    }

    fn load_entries(&mut self, at: usize, destination: u32, beats: u32) -> Result<(), Trap> {
        let (columns, lanes) = (self.architecture.columns() as usize, self.architecture.lanes() as usize);
        if u64::from(destination) + u64::from(beats) > u64::from(self.architecture.table_entries()) {
            return Err(Trap::Address);
        }
        let unused = 8 - self.architecture.precision().bits();
        for beat in 0..beats as usize {
            let bytes = &self.memories.device[at + beat * lanes..][..columns];
            let entries = &mut self.memories.table[(destination as usize + beat) * columns..][..columns];
            for (entry, &byte) in entries.iter_mut().zip(bytes) {
                *entry = (byte << unused) as i8 >> unused;
            }
        }
        Ok(())
    }

    /// Instruction memory wraps: a program of any length runs through it.
    fn load_instructions(&mut self, at: usize, destination: u32, beats: u32) -> Result<(), Trap> {
        let (depth, each) = (self.architecture.instruction_depth(), self.architecture.instruction_beats());
        if !beats.is_multiple_of(each) || beats / each > depth {
            return Err(Trap::Operand);
        }
        let bytes = each as usize * self.architecture.lanes() as usize;
        for instruction in 0..beats / each {
            let from = at + instruction as usize * bytes;
            let words = core::array::from_fn(|word| self.device_word(from + 4 * word));
            self.memories.instructions[(destination.wrapping_add(instruction) & (depth - 1)) as usize] = words;
        }
        Ok(())
    }

    /// Four bytes, little-endian.
    fn device_word(&self, at: usize) -> u32 {
        self.memories.device[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// The instruction at an address of instruction memory.
    pub(super) fn fetch(&self, address: u32) -> Result<Instruction, Trap> {
        Instruction::decode(self.memories.instructions[address as usize]).map_err(|_| Trap::Opcode)
    }
}
