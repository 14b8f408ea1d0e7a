//! Memories of a random module.

use myelin_hdl::{MemoryHandle, MemoryStyle, Signal, SinglePort, Ty, u};
use rand::RngExt;

use super::body::Body;
use super::convert::{pick, random_ty, random_value};

/// A memory whose write ports are still to come.
pub(super) struct PendingMemory {
    handle: MemoryHandle,
    address: Ty,
    lane: Ty,
    lanes: usize,
    reads_left: usize,
    writes_left: usize,
}

impl Body<'_> {
    pub(super) fn memory(&mut self, index: usize) {
        let random = &mut *self.random;
        let depth = 1usize << random.random_range(1..7);
        let lanes = random.random_range(1..5);
        let lane = random_ty(random, 64);
        let style = *pick(
            random,
            &[MemoryStyle::Auto, MemoryStyle::Auto, MemoryStyle::Block, MemoryStyle::Distributed, MemoryStyle::Ultra],
        );
        let mut handle = self.m.memory(&format!("memory_{index}"), depth, lanes, lane).style(style);
        let has_contents = style != MemoryStyle::Ultra && random.random_bool(0.4);
        let is_rom = has_contents && random.random_bool(0.3);
        if has_contents {
            let contents: Vec<i64> = (0..depth * lanes).map(|_| random_value(random, lane)).collect();
            handle = handle.init(&contents);
        }
        let reads_left = random.random_range(0..4);
        let writes_left = if is_rom { 0 } else { random.random_range(1..4) };
        let address = u(depth.trailing_zeros());
        let mut memory = PendingMemory { handle, address, lane, lanes, reads_left, writes_left };
        if !is_rom && random.random_bool(0.2) {
            // Mostly the only port, as in hardware; now and then one of several.
            (memory.reads_left, memory.writes_left) = *pick(random, &[(0, 0), (0, 0), (1, 0), (1, 1)]);
            self.single_port(&memory);
        }
        self.memories.push(memory);
    }

    /// Adds a port at which the memory is read or written, from values that are there already.
    fn single_port(&mut self, memory: &PendingMemory) {
        let address = self.pool.draw_as(self.random, memory.address);
        let (enable, write) = (self.some_enable(), self.pool.condition(self.random));
        let data = self.word(memory);
        let enables: Vec<Signal> = (0..memory.lanes).map(|_| self.enable()).collect();
        let lane_enables = self.random.random_bool(0.5).then_some(&enables[..]);
        let word = memory.handle.single_port(SinglePort { address, enable, write, lane_enables, data: &data });
        self.pool.values.extend(word);
    }

    fn word(&mut self, memory: &PendingMemory) -> Vec<Signal> {
        (0..memory.lanes).map(|_| self.pool.draw_as(self.random, memory.lane)).collect()
    }

    /// Adds a read port at an address that is known by now.
    pub(super) fn read_some_memory(&mut self) {
        let Some(memory) = self.memories.iter_mut().find(|memory| memory.reads_left > 0) else {
            return;
        };
        memory.reads_left -= 1;
        let (handle, address) = (memory.handle, memory.address);
        let address = self.pool.draw_as(self.random, address);
        let words = if self.random.random_bool(0.6) {
            let enable = self.some_enable();
            handle.read(address, enable)
        } else {
            handle.read_asynchronous(address)
        };
        self.pool.values.extend(words);
    }

    /// Gives every memory its write ports.
    pub(super) fn writes(&mut self) {
        for memory in std::mem::take(&mut self.memories) {
            for _ in 0..memory.writes_left {
                let address = self.pool.draw_as(self.random, memory.address);
                let enable = self.enable();
                let data = self.word(&memory);
                if self.random.random_bool(0.5) {
                    let enables: Vec<Signal> = (0..memory.lanes).map(|_| self.enable()).collect();
                    memory.handle.write_lanes(address, enable, &enables, &data);
                } else {
                    memory.handle.write(address, enable, &data);
                }
            }
        }
    }
}
