//! Estimates of what instructions take, good enough to order them; the timing model is exact.

use crate::memory::MemoryModel;
use myelin_isa::Architecture;

/// When a unit is free again and when it is complete, in cycles after it has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub ready: u64,
    pub give: u64,
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    weight_steps: u64,
    array_give: u64,
    read_latency: u64,
    pub write_latency: u64,
    /// Cycles for a beat when all cells want one, as a fraction; at least 1.
    beat: (u64, u64),
}

/// From the last beat to the load unit's tokens.
const LOAD_GIVE: u64 = 3;
/// From the last window element to the post unit's tokens.
const POST_GIVE: u64 = 10;
/// From the last beat's turn to the store unit's tokens.
const STORE_GIVE: u64 = 4;

impl Costs {
    pub fn new(architecture: &Architecture, memory: &MemoryModel) -> Costs {
        let wanted = u64::from(architecture.cells() * architecture.lanes());
        let beat = match memory.bandwidth.map(|bandwidth| (u64::from(bandwidth.bytes), u64::from(bandwidth.cycles))) {
            Some((bytes, cycles)) if wanted * cycles > bytes => (wanted * cycles, bytes),
            _ => (1, 1),
        };
        Costs {
            weight_steps: u64::from(architecture.weight_steps()),
            array_give: u64::from(architecture.rows() + architecture.columns()) + 5,
            read_latency: u64::from(memory.read_latency),
            write_latency: u64::from(memory.write_latency),
            beat,
        }
    }

    /// Cycles for so many beats.
    pub fn beats(&self, beats: u64) -> u64 {
        (beats * self.beat.0).div_ceil(self.beat.1)
    }

    /// Cycles to move so much: the two ports are apart, external memory may be shared.
    pub fn transfer(&self, loaded: u64, stored: u64) -> u64 {
        if self.beat.0 > self.beat.1 { self.beats(loaded + stored) } else { loaded.max(stored) }
    }

    pub fn load(&self, beats: u64) -> Spent {
        let ready = self.beats(beats).max(1);
        Spent { ready, give: ready + self.read_latency + LOAD_GIVE }
    }

    pub fn convolve(&self, tiles: u64, pixels: u64) -> Spent {
        let ready = self.array(tiles, pixels);
        Spent { ready, give: ready + self.array_give }
    }

    /// Cycles of the array unit for a CONV.
    pub fn array(&self, tiles: u64, pixels: u64) -> u64 {
        self.weight_steps + tiles * pixels.max(self.weight_steps) + 1
    }

    pub fn post(&self, elements: u64) -> Spent {
        Spent { ready: elements + POST_GIVE, give: elements + POST_GIVE }
    }

    pub fn store(&self, beats: u64) -> Spent {
        let ready = self.beats(beats).max(1);
        Spent { ready, give: ready + STORE_GIVE }
    }
}
