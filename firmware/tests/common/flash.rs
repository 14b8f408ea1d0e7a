//! A flash in memory whose power can fail in the middle of the n-th program or erase.
#![allow(dead_code, reason = "each test uses a part")]

use myelin_firmware::Flash;
use myelin_firmware::flash::{PAGE_BYTES, SECTOR_BYTES};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub struct FakeFlash {
    pub data: Vec<u8>,
    /// Operations until the power fails; `None`: it does not.
    pub left: Option<u32>,
    pub is_dead: bool,
    /// Programs and erases done.
    pub operations: u32,
    /// By sector.
    pub erases: Vec<u32>,
    busy_polls: u32,
    random: ChaCha8Rng,
}

impl FakeFlash {
    pub fn new(bytes: u32, seed: u64) -> FakeFlash {
        FakeFlash {
            data: vec![0xff; bytes as usize],
            left: None,
            is_dead: false,
            operations: 0,
            erases: vec![0; (bytes / SECTOR_BYTES) as usize],
            busy_polls: 0,
            random: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// The same contents with power again, for another `left` operations.
    pub fn powered(self, left: Option<u32>) -> FakeFlash {
        FakeFlash { left, is_dead: false, busy_polls: 0, ..self }
    }

    /// Counts an operation; whether the power fails in its middle.
    fn fails(&mut self) -> bool {
        self.operations += 1;
        match &mut self.left {
            Some(0) => {
                self.is_dead = true;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }
}

impl Flash for FakeFlash {
    fn bytes(&self) -> u32 {
        self.data.len() as u32
    }

    fn read(&mut self, address: u32, out: &mut [u8]) {
        assert!(self.is_dead || self.busy_polls == 0, "read while an erase goes on");
        for (offset, byte) in out.iter_mut().enumerate() {
            *byte = self.data.get(address as usize + offset).copied().unwrap_or(0xff);
        }
    }

    fn program(&mut self, address: u32, data: &[u8]) -> bool {
        if self.is_dead {
            return false;
        }
        assert_eq!(self.busy_polls, 0, "program while an erase goes on");
        assert!(!data.is_empty() && address / PAGE_BYTES == (address + data.len() as u32 - 1) / PAGE_BYTES);
        let fails = self.fails();
        for (offset, &byte) in data.iter().enumerate() {
            // Of the bits to be cleared any may have been.
            let cleared = if fails { byte | self.random.random::<u8>() } else { byte };
            self.data[address as usize + offset] &= cleared;
        }
        !fails
    }

    fn erase(&mut self, address: u32) {
        if self.is_dead {
            return;
        }
        assert_eq!(self.busy_polls, 0, "erase while another goes on");
        let fails = self.fails();
        let sector = address / SECTOR_BYTES;
        let whole = self.random.random_range(0..3);
        for byte in &mut self.data[(sector * SECTOR_BYTES) as usize..][..SECTOR_BYTES as usize] {
            *byte = match (fails, whole) {
                (false, _) => 0xff,
                // Nothing yet, anything in between, or nearly all.
                (true, 0) => *byte,
                (true, 1) => *byte | self.random.random::<u8>(),
                (true, _) => {
                    *byte | self.random.random::<u8>() | self.random.random::<u8>() | self.random.random::<u8>()
                }
            };
        }
        self.erases[sector as usize] += 1;
        self.busy_polls = 3;
    }

    fn is_busy(&mut self) -> bool {
        self.busy_polls = self.busy_polls.saturating_sub(1);
        self.busy_polls > 0
    }
}

impl FakeFlash {
    /// A copy, to be looked at without leaving traces.
    pub fn clone_for_reading(&self) -> FakeFlash {
        let mut copy = FakeFlash::new(0, 0);
        copy.data = self.data.clone();
        copy.erases = self.erases.clone();
        copy
    }
}
