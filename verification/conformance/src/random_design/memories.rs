//! Memories of a random module.

use myelin_hdl::{MemoryHandle, MemoryStyle, Ty, u};
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
    is_rom: bool,
}

impl Body<'_> {
    pub(super) fn memory(&mut self, index: usize) {
        let random = &mut *self.random;
        let depth = 1usize << random.random_range(1..7);
        let lanes = random.random_range(1..5);
        let lane = random_ty(random, 64);
        let style = *pick(random, &[MemoryStyle::Auto, MemoryStyle::Block, MemoryStyle::Distributed]);
        let mut handle = self.m.memory(&format!("memory_{index}"), depth, lanes, lane).style(style);
        let has_contents = random.random_bool(0.4);
        let is_rom = has_contents && random.random_bool(0.3);
        if has_contents {
            let contents: Vec<i64> = (0..depth * lanes).map(|_| random_value(random, lane)).collect();
            handle = handle.init(&contents);
        }
        let reads_left = random.random_range(0..4);
        let address = u(depth.trailing_zeros());
        self.memories.push(PendingMemory { handle, address, lane, lanes, reads_left, is_rom });
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
        for PendingMemory { handle, address, lane, lanes, is_rom, .. } in std::mem::take(&mut self.memories) {
            for _ in 0..if is_rom { 0 } else { self.random.random_range(1..4) } {
                let address = self.pool.draw_as(self.random, address);
                let enable = self.enable();
                let data: Vec<_> = (0..lanes).map(|_| self.pool.draw_as(self.random, lane)).collect();
                if self.random.random_bool(0.5) {
                    let enables: Vec<_> = (0..lanes).map(|_| self.enable()).collect();
                    handle.write_lanes(address, enable, &enables, &data);
                } else {
                    handle.write(address, enable, &data);
                }
            }
        }
    }
}
