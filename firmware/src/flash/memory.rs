//! A NOR flash in memory that keeps the rules, wears, and loses power at a chosen moment.

use std::collections::BTreeMap;
use std::ops::Range;
use std::vec;
use std::vec::Vec;

use super::{BLOCK_BYTES, Flash, PAGE_BYTES, SECTOR_BYTES};

/// Polls after which an erase is over.
const ERASE_POLLS: u32 = 3;

/// A NOR flash in memory.
///
/// **Power.** [`MemoryFlash::cut_power_at`] lets power fail in the middle of a later program or erase. Of the bits concerned
/// some are then done, some not, and some unstable: they read at random each time, until programmed to 0 or erased. Which,
/// follows from the seed. Without power nothing is changed, and ones are read, until [`MemoryFlash::power_cycle`].
///
/// **Panics** if a caller breaks the rules: a bit programmed from 0 to 1, a page's end crossed, an address beyond the end, an erase at no
/// multiple of its size.
#[derive(Clone, Debug)]
pub struct MemoryFlash {
    bytes: Vec<u8>,
    /// Bits that read at random, by address.
    unstable: BTreeMap<u32, u8>,
    wear: Vec<u32>,
    operations: u64,
    cut_at: Option<u64>,
    power: Power,
    /// Until an erase is over.
    busy_polls: u32,
    random: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Power {
    On,
    Off,
}

impl MemoryFlash {
    /// An erased flash of whole sectors; `seed` decides what a power cut leaves.
    pub fn new(bytes: u32, seed: u64) -> MemoryFlash {
        assert!(bytes.is_multiple_of(SECTOR_BYTES), "a flash has whole sectors");
        MemoryFlash {
            bytes: vec![0xff; bytes as usize],
            unstable: BTreeMap::new(),
            wear: vec![0; (bytes / SECTOR_BYTES) as usize],
            operations: 0,
            cut_at: None,
            power: Power::On,
            busy_polls: 0,
            random: seed,
        }
    }

    /// Another seed for what comes: of one history many futures.
    pub fn reseed(&mut self, seed: u64) {
        self.random = seed;
    }

    /// Lets power fail in the middle of the `n`-th program or erase from now, 1 being the next; 0 is never.
    pub fn cut_power_at(&mut self, n: u64) {
        self.cut_at = (n > 0).then(|| self.operations.saturating_add(n));
    }

    /// Power off and on again. A cut that has not come yet is called off.
    pub fn power_cycle(&mut self) {
        self.cut_at = None;
        self.busy_polls = 0;
        self.power = Power::On;
    }

    /// Whether a cut has come.
    pub fn is_without_power(&self) -> bool {
        self.power == Power::Off
    }

    /// Programs and erases so far, the interrupted among them.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// How often each sector was erased.
    pub fn wear(&self) -> &[u32] {
        &self.wear
    }

    /// What the cells hold; unstable bits as their last full value.
    pub fn contents(&self) -> &[u8] {
        &self.bytes
    }

    /// Likewise, to be filled with what a test wants there. No bit is unstable any more.
    pub fn contents_mut(&mut self) -> &mut [u8] {
        self.unstable.clear();
        &mut self.bytes
    }

    /// SplitMix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.random;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Each bit 1 with a probability of `of_256` / 256.
    fn random_bits(&mut self, of_256: u64) -> u8 {
        let bytes = self.next_random().to_le_bytes();
        (0..8).fold(0, |bits, bit| bits | (u8::from(u64::from(bytes[bit]) < of_256) << bit))
    }

    /// Counts an operation; true if power fails in it.
    fn begin_operation(&mut self) -> bool {
        self.operations += 1;
        let cut = self.cut_at == Some(self.operations);
        if cut {
            self.power = Power::Off;
        }
        cut
    }

    fn mark_unstable(&mut self, address: u32, bits: u8) {
        if bits != 0 {
            *self.unstable.entry(address).or_default() |= bits;
        }
    }

    fn forget_unstable(&mut self, range: Range<u32>) {
        let addresses: Vec<u32> = self.unstable.range(range).map(|(address, _)| *address).collect();
        for address in addresses {
            self.unstable.remove(&address);
        }
    }

    fn begin_erase(&mut self, address: u32, bytes: u32) {
        if self.power == Power::Off {
            return;
        }
        assert!(address.is_multiple_of(bytes), "erase at {address:#x} of {bytes:#x} bytes");
        let end = address + bytes;
        self.wear[(address / SECTOR_BYTES) as usize..(end / SECTOR_BYTES) as usize].iter_mut().for_each(|n| *n += 1);
        if self.begin_operation() {
            (address..end).step_by(PAGE_BYTES as usize).for_each(|page| self.erase_page_halfway(page));
            return;
        }
        self.bytes[address as usize..end as usize].fill(0xff);
        self.forget_unstable(address..end);
        self.busy_polls = ERASE_POLLS;
    }

    /// Devices program all bits first and erase them then; pages are not alike fast.
    fn erase_page_halfway(&mut self, page: u32) {
        let stage = self.next_random() % 6;
        let progress = self.next_random() % 257;
        for address in page..page + PAGE_BYTES {
            let byte = self.bytes[address as usize];
            let (byte, unstable) = match stage {
                0 | 1 => (byte, 0),
                2 => (0xff, 0),
                3 => (byte & !self.random_bits(progress), 0),
                4 => (byte | self.random_bits(progress), 0),
                _ => (byte | self.random_bits(progress), self.random_bits(32)),
            };
            self.bytes[address as usize] = byte;
            self.mark_unstable(address, unstable);
        }
    }
}

impl Flash for MemoryFlash {
    fn bytes(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn read(&mut self, address: u32, out: &mut [u8]) {
        self.busy_polls = 0;
        out.fill(0xff);
        if self.power == Power::Off {
            return;
        }
        let there = self.bytes.get(address as usize..).unwrap_or_default();
        out.iter_mut().zip(there).for_each(|(out, byte)| *out = *byte);
        let range = address..address.saturating_add(out.len() as u32);
        let unstable: Vec<(u32, u8)> = self.unstable.range(range).map(|(at, bits)| (*at, *bits)).collect();
        for (at, bits) in unstable {
            out[(at - address) as usize] ^= self.random_bits(128) & bits;
        }
    }

    fn program(&mut self, address: u32, data: &[u8]) -> bool {
        if self.power == Power::Off {
            return false;
        }
        self.busy_polls = 0;
        assert!(data.len() as u32 <= PAGE_BYTES - address % PAGE_BYTES, "program at {address:#x} across a page's end");
        for (at, byte) in (address..).zip(data) {
            let set = byte & !self.bytes[at as usize];
            let solid = set & !self.unstable.get(&at).copied().filter(|_| set != 0).unwrap_or(0);
            assert_eq!(solid, 0, "program at {at:#x}, which is not erased");
        }
        let cut = self.begin_operation();
        let end = address + data.len() as u32;
        if !cut && self.unstable.range(address..end).next().is_none() {
            let cells = &mut self.bytes[address as usize..end as usize];
            cells.iter_mut().zip(data).for_each(|(cell, byte)| *cell &= byte);
            return true;
        }
        // Most cuts come early, late, or anywhere; some leave nearly nothing or nearly all.
        let progress = if cut { self.next_random() % 257 } else { 256 };
        for (at, byte) in (address..).zip(data) {
            let clear = !byte & (self.bytes[at as usize] | self.unstable.get(&at).copied().unwrap_or(0));
            let done = clear & self.random_bits(progress);
            self.bytes[at as usize] &= !done;
            if let Some(bits) = self.unstable.get_mut(&at) {
                *bits &= !done;
            }
            if cut {
                let weak = clear & !done & self.random_bits(progress.div_ceil(2));
                self.mark_unstable(at, weak);
            }
        }
        !cut
    }

    fn erase(&mut self, address: u32) {
        self.begin_erase(address, SECTOR_BYTES);
    }

    fn erase_block(&mut self, address: u32) {
        self.begin_erase(address, BLOCK_BYTES);
    }

    fn is_busy(&mut self) -> bool {
        self.busy_polls = self.busy_polls.saturating_sub(1);
        self.busy_polls > 0
    }
}
