//! Contents of a NOR flash: bits go from 1 to 0 until a sector is erased, and power may fail in the middle of either.

use myelin_isa::stick::flash_command;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ERASED: u8 = 0xff;
const SECTOR_BYTES: usize = flash_command::SECTOR_BYTES as usize;

/// A flash in memory.
pub(super) struct NorFlash {
    contents: Vec<u8>,
    /// Programs and erasures until power fails, if it does.
    left: Option<u32>,
    has_failed: bool,
    /// Of what is done when power fails.
    rng: ChaCha8Rng,
}

impl NorFlash {
    /// An erased one.
    pub fn new(bytes: u32) -> NorFlash {
        NorFlash {
            contents: vec![ERASED; bytes as usize],
            left: None,
            has_failed: false,
            rng: ChaCha8Rng::seed_from_u64(1),
        }
    }

    /// Lets power fail in the middle of the `count`-th program or erasure from now, from 1.
    pub fn fail_power_at(&mut self, count: u32) {
        self.left = Some(count.max(1));
    }

    /// Whether power has failed: then nothing changes any more.
    pub fn has_lost_power(&self) -> bool {
        self.has_failed
    }

    /// Power is there again.
    pub fn power_cycle(&mut self) {
        self.left = None;
        self.has_failed = false;
    }

    /// Reads; beyond the end ones.
    pub fn read(&self, address: u32, out: &mut [u8]) {
        for (at, byte) in (address as usize..).zip(out) {
            *byte = self.contents.get(at).copied().unwrap_or(ERASED);
        }
    }

    /// Programs bytes; false if power has failed.
    pub fn program(&mut self, address: u32, data: &[u8]) -> bool {
        if self.has_failed {
            return false;
        }
        let fails = self.fails();
        for (at, &byte) in (address as usize..).zip(data) {
            // Of the bits that were to be cleared any may have been.
            let kept = if fails { byte | self.rng.random::<u8>() } else { byte };
            if let Some(place) = self.contents.get_mut(at) {
                *place &= kept;
            }
        }
        !fails
    }

    /// Erases the sector of an address.
    pub fn erase(&mut self, address: u32) {
        if self.has_failed {
            return;
        }
        let fails = self.fails();
        let first = address as usize / SECTOR_BYTES * SECTOR_BYTES;
        for byte in self.contents.iter_mut().skip(first).take(SECTOR_BYTES) {
            // Of the bits that were to be set any may have been.
            *byte |= if fails { self.rng.random::<u8>() } else { ERASED };
        }
    }

    fn fails(&mut self) -> bool {
        self.left = self.left.map(|left| left - 1);
        self.has_failed = self.left == Some(0);
        self.has_failed
    }
}
