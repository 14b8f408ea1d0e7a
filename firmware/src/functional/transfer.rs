//! LOAD, LOADW and STORE, a row at a time.

use myelin_isa::{Architecture, Instruction, Precision, WeightTarget, transfer_descriptor as at};

use super::array::MacArray;
use super::trap::{Trap, some};
use super::{FunctionalCore, Place, times};

/// Where one row of a LOAD or STORE lies: bytes of device memory, lanes, how many of both.
struct Row {
    byte: usize,
    lane: usize,
    length: usize,
}

impl<A: MacArray> FunctionalCore<'_, A> {
    /// A row of a LOAD; where the next one is.
    pub(super) fn load_row(&mut self, beat: u32, lane: u32, beats: u32, place: Place) -> Result<Option<Place>, Trap> {
        let (row, next) = self.row(&self.load_registers, beat, lane, beats, place)?;
        let bytes = &self.memories.device[row.byte..][..row.length];
        let lanes = &mut self.memories.activations[row.lane..][..row.length];
        take_lanes(self.architecture.precision(), lanes, bytes);
        self.spend(super::Busy::Load, beats);
        Ok(next)
    }

    /// A row of a STORE; where the next one is.
    pub(super) fn store_row(&mut self, beat: u32, lane: u32, beats: u32, place: Place) -> Result<Option<Place>, Trap> {
        let (row, next) = self.row(&self.store_registers, beat, lane, beats, place)?;
        let lanes = &self.memories.activations[row.lane..][..row.length];
        for (byte, &lane) in self.memories.device[row.byte..][..row.length].iter_mut().zip(lanes) {
            *byte = lane as u8;
        }
        self.spend(super::Busy::Store, beats);
        Ok(next)
    }

    fn row(
        &self,
        registers: &[u32; at::COUNT as usize],
        beat: u32,
        lane: u32,
        beats: u32,
        place: Place,
    ) -> Result<(Row, Option<Place>), Trap> {
        let register = |index: u8| registers[usize::from(index)];
        let (count, index) = ((register(at::ROWS) & 0xffff) + 1, place.inner);
        let beat = beat.wrapping_add(times(register(at::MEMORY_STEP), index));
        let lane = lane.wrapping_add(times(register(at::LANE_STEP), index));
        let byte = self.external(beat, beats)?;
        let lanes = self.architecture.lanes();
        // Those in memory: far from 32 bits.
        let length = beats << lanes.trailing_zeros();
        let is_inside = u64::from(lane) + u64::from(length) <= u64::from(self.architecture.activation_lanes());
        if lane & (lanes - 1) != 0 || !is_inside {
            return Err(Trap::Address);
        }
        Ok((Row { byte, lane: lane as usize, length: length as usize }, place.next(count, 1, 1)))
    }

    /// Where the bytes of beats start that lie in the memory that may be used.
    fn external(&self, beat: u32, beats: u32) -> Result<usize, Trap> {
        some(beats)?;
        let lanes = self.architecture.lanes();
        // Lanes are a power of two.
        let shift = lanes.trailing_zeros();
        let there = (self.memories.device.len() >> shift) as u64;
        let available = if self.memory_beats == 0 { there } else { there.min(u64::from(self.memory_beats)) };
        if u64::from(beat) + u64::from(beats) > available {
            return Err(Trap::Address);
        }
        Ok((beat as usize) << shift)
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
        let words = u64::from(beats.div_ceil(architecture.weight_word_beats()));
        if u64::from(destination) + words > u64::from(architecture.weight_words()) {
            return Err(Trap::Address);
        }
        let precision = architecture.precision();
        let word = ports * columns;
        let place = destination as usize * word;
        let beats = &self.memories.device[at..at + beats as usize * lanes];
        if row_lanes == columns && word_is_whole_beats(architecture) {
            // Weights lie in memory as in the scratchpad.
            take_lanes(precision, &mut self.memories.weights[place..place + beats.len()], beats);
            return Ok(());
        }
        let (mut bank, mut place) = (0, place);
        for beat in beats.chunks_exact(lanes) {
            // Rows of a word follow each other, banks in a beat likewise.
            let rows = (ports - bank).min(banks_per_beat);
            let weights = self.memories.weights[place..place + rows * columns].chunks_exact_mut(columns);
            for (weights, bytes) in weights.zip(beat.chunks_exact(row_lanes)) {
                take_lanes(precision, weights, &bytes[..columns]);
            }
            place += rows * columns;
            bank = if bank + rows == ports { 0 } else { bank + rows };
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
        for beat in 0..beats as usize {
            let bytes = &self.memories.device[at + beat * lanes..][..columns];
            let entries = &mut self.memories.table[(destination as usize + beat) * columns..][..columns];
            take_lanes(self.architecture.precision(), entries, bytes);
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

/// Whether the banks of a weight word fill whole beats.
fn word_is_whole_beats(architecture: &Architecture) -> bool {
    architecture.weight_ports() == architecture.weight_word_beats() * architecture.weight_banks_per_beat()
}

/// The low bits of bytes as a lane keeps them, sign-extended; as many as there are of both.
fn take_lanes(precision: Precision, lanes: &mut [i8], bytes: &[u8]) {
    let sign = 1 << (precision.bits() - 1);
    if sign == 0x80 {
        lanes.iter_mut().zip(bytes).for_each(|(lane, &byte)| *lane = byte.cast_signed());
        return;
    }
    for (lane, &byte) in lanes.iter_mut().zip(bytes) {
        *lane = ((byte & (2 * sign - 1)) ^ sign).wrapping_sub(sign).cast_signed();
    }
}
