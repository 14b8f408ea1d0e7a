//! LOAD, LOADW and STORE: beats between external memory and the cell's memories.

use super::error::{Fault, Memory};
use super::history::Moment;
use super::machine::Machine;
use myelin_isa::WeightTarget;

/// Beats that make one bias word.
const BIAS_BEATS: u32 = 4;

impl Machine {
    pub(super) fn load(&mut self, now: &Moment, memory_beat: u32, destination: u32, beats: u32) -> Result<(), Fault> {
        let lanes = self.architecture.lanes() as usize;
        self.check_transfer(memory_beat, beats)?;
        self.check_lanes(destination, beats)?;
        for beat in 0..beats as usize {
            let from = self.read_beat(now, memory_beat as usize + beat)?;
            for lane in 0..lanes {
                let to = destination as usize + beat * lanes + lane;
                self.activation_history.write(to, now)?;
                self.activations[to] = self.lane(i32::from(self.external[from + lane] as i8));
            }
        }
        Ok(())
    }

    pub(super) fn store(&mut self, now: &Moment, memory_beat: u32, source: u32, beats: u32) -> Result<(), Fault> {
        let lanes = self.architecture.lanes() as usize;
        self.check_transfer(memory_beat, beats)?;
        self.check_lanes(source, beats)?;
        for beat in 0..beats as usize {
            let to = memory_beat as usize + beat;
            self.external_history.write(to, now)?;
            for lane in 0..lanes {
                let from = source as usize + beat * lanes + lane;
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
        }
    }

    fn load_weight_words(&mut self, now: &Moment, from: u32, destination: u32, beats: u32) -> Result<(), Fault> {
        let (ports, columns) = (self.architecture.weight_ports(), self.architecture.columns() as usize);
        let words = beats.div_ceil(ports);
        check_range(Memory::Weights, destination, words, self.architecture.weight_words())?;
        for beat in 0..beats {
            let at = self.read_beat(now, (from + beat) as usize)?;
            let word = (destination + beat / ports) as usize;
            self.weight_history.write(word, now)?;
            let bank = word * ports as usize + (beat % ports) as usize;
            for column in 0..columns {
                self.weights[bank * columns + column] = self.lane(i32::from(self.external[at + column] as i8));
            }
        }
        Ok(())
    }

    fn load_bias_words(&mut self, now: &Moment, from: u32, destination: u32, beats: u32) -> Result<(), Fault> {
        if !beats.is_multiple_of(BIAS_BEATS) {
            let (min, max) = (u64::from(BIAS_BEATS), u64::from(beats.next_multiple_of(BIAS_BEATS)));
            return Err(Fault::Field { field: "beats (whole bias words)", found: u64::from(beats), min, max });
        }
        let columns = self.architecture.columns() as usize;
        check_range(Memory::Biases, destination, beats / BIAS_BEATS, self.architecture.bias_words())?;
        for word in 0..beats / BIAS_BEATS {
            let mut bytes = Vec::with_capacity(4 * self.architecture.lanes() as usize);
            for beat in 0..BIAS_BEATS {
                let at = self.read_beat(now, (from + word * BIAS_BEATS + beat) as usize)?;
                bytes.extend_from_slice(&self.external[at..at + self.architecture.lanes() as usize]);
            }
            let to = (destination + word) as usize;
            self.bias_history.write(to, now)?;
            for (column, bias) in bytes.chunks_exact(4).take(columns).enumerate() {
                self.biases[to * columns + column] = i32::from_le_bytes([bias[0], bias[1], bias[2], bias[3]]);
            }
        }
        Ok(())
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

/// That `count` addresses from `first` exist.
fn check_range(memory: Memory, first: u32, count: u32, available: u32) -> Result<(), Fault> {
    let end = u64::from(first) + u64::from(count);
    if end <= u64::from(available) {
        return Ok(());
    }
    Err(Fault::Address { memory, address: end - 1, available: u64::from(available) })
}
