//! A NOR flash chip on an SPI bus, pin by pin: bits go from 1 to 0 until a sector is erased.

use myelin_isa::stick::flash_command as command;

/// Bytes of the boards' chips: W25Q128.
pub const BYTES: usize = 1 << 24;
/// Manufacturer and type: W25Q; log2 of the size follows.
const IDENTIFICATION: [u8; 2] = [0xef, 0x40];
/// What an erased byte is.
const ERASED: u8 = 0xff;

/// How long the chip is busy, in cycles of the board's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlashTimes {
    /// A page program.
    pub program: u64,
    /// An erasure of a sector or block.
    pub erase: u64,
}

/// A command that changes the chip.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Program { address: usize },
    Erase { address: usize, bytes: usize },
}

/// The chip. Mode 0: it samples at rising edges of its clock and changes its output at falling ones.
#[derive(Clone, Debug)]
pub struct FlashChip {
    contents: Vec<u8>,
    times: FlashTimes,
    selected: bool,
    clock: bool,
    bits_in: u8,
    bits: u32,
    bits_out: u8,
    /// Bytes since it was selected.
    bytes: Vec<u8>,
    address: usize,
    write_enabled: bool,
    busy_until: u64,
    /// Writes and erasures until power fails, if it does.
    fails_after: Option<u32>,
    failed: bool,
}

impl FlashChip {
    /// An erased chip as the boards have it.
    pub fn new(times: FlashTimes) -> FlashChip {
        FlashChip::with_bytes(times, BYTES)
    }

    /// An erased chip of so many bytes, a power of two up to [`BYTES`].
    ///
    /// # Panics
    /// If it is none.
    pub fn with_bytes(times: FlashTimes, bytes: usize) -> FlashChip {
        assert!(
            bytes.is_power_of_two() && bytes <= BYTES,
            "a flash has a power of two up to 16 MiB, not {bytes} bytes"
        );
        FlashChip::with(vec![ERASED; bytes], times)
    }

    /// What it holds.
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// What it holds, to be changed as by a programmer.
    pub fn contents_mut(&mut self) -> &mut [u8] {
        &mut self.contents
    }

    /// Lets power fail in the middle of the `count`-th write or erasure from now, from 1.
    pub fn fail_power_at(&mut self, count: u32) {
        self.fails_after = Some(count.max(1));
    }

    /// Whether power has failed.
    pub fn has_lost_power(&self) -> bool {
        self.failed
    }

    /// Power is off and on again: contents stay.
    pub fn power_cycle(&mut self) {
        *self = FlashChip::with(std::mem::take(&mut self.contents), self.times);
    }

    fn with(contents: Vec<u8>, times: FlashTimes) -> FlashChip {
        FlashChip {
            contents,
            times,
            selected: false,
            clock: false,
            bits_in: 0,
            bits: 0,
            bits_out: 0,
            bytes: Vec::new(),
            address: 0,
            write_enabled: false,
            busy_until: 0,
            fails_after: None,
            failed: false,
        }
    }

    /// The pins in cycle `now`: select (low where active), clock, data in. The data out.
    pub fn step(&mut self, now: u64, select_n: bool, clock: bool, data: bool) -> bool {
        if select_n {
            if self.selected {
                self.deselect(now);
            }
            (self.selected, self.clock) = (false, clock);
            return true;
        }
        if !self.selected {
            (self.bits, self.bits_out) = (0, 0);
            self.bytes.clear();
        }
        if self.selected && clock && !self.clock {
            self.bits_in = self.bits_in << 1 | u8::from(data);
            self.bits += 1;
        }
        if self.selected && !clock && self.clock {
            self.bits_out <<= 1;
            if self.bits == 8 {
                self.bits = 0;
                self.byte(now);
            }
        }
        (self.selected, self.clock) = (true, clock);
        self.bits_out >> 7 == 1
    }

    /// A byte has come in: what goes out with the next.
    fn byte(&mut self, now: u64) {
        let count = self.bytes.len();
        // A page is the longest that is looked at again; reads go on for ever.
        if count < 4 + command::PAGE_BYTES as usize {
            self.bytes.push(self.bits_in);
        }
        let busy = now < self.busy_until;
        self.bits_out = match u32::from(self.bytes[0]) {
            command::STATUS => u8::from(busy) | u8::from(self.write_enabled) << 1,
            _ if busy => 0,
            command::IDENTIFY => {
                let size = self.contents.len().trailing_zeros() as u8;
                *IDENTIFICATION.get(count % 3).unwrap_or(&size)
            }
            command::READ if count >= 3 => {
                if count == 3 {
                    self.address = self.address_sent();
                }
                let byte = self.contents[self.address % self.contents.len()];
                self.address += 1;
                byte
            }
            _ => 0,
        };
    }

    fn address_sent(&self) -> usize {
        self.bytes[1..4].iter().fold(0, |address, &byte| address << 8 | usize::from(byte))
    }

    /// The end of a command: changes happen now.
    fn deselect(&mut self, now: u64) {
        let Some(&first) = self.bytes.first() else { return };
        if now < self.busy_until || self.bits != 0 {
            return;
        }
        let with_address = self.bytes.len() >= 4;
        let address = if with_address { self.address_sent() } else { 0 };
        let change = match u32::from(first) {
            command::WRITE_ENABLE => {
                self.write_enabled = true;
                return;
            }
            command::PROGRAM if self.bytes.len() > 4 => Change::Program { address },
            command::ERASE_4K if with_address => Change::Erase { address, bytes: command::SECTOR_BYTES as usize },
            command::ERASE_64K if with_address => Change::Erase { address, bytes: command::BLOCK_BYTES as usize },
            _ => return,
        };
        // Without write enable a chip ignores it.
        if std::mem::take(&mut self.write_enabled) {
            self.change(now, change);
        }
    }

    fn change(&mut self, now: u64, change: Change) {
        let fails = match &mut self.fails_after {
            Some(1) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        self.failed |= fails;
        match change {
            Change::Program { address } => {
                let page = command::PAGE_BYTES as usize;
                let data = &self.bytes[4..];
                // In the middle: half of the bytes, and half of the bits of the next.
                let whole = if fails { data.len() / 2 } else { data.len() };
                for (index, &byte) in data.iter().enumerate().take(whole + usize::from(fails)) {
                    let at = (address / page * page + (address + index) % page) % self.contents.len();
                    let kept = if index == whole { 0xf0 } else { 0 };
                    self.contents[at] &= byte | kept;
                }
                self.busy_until = now + self.times.program;
            }
            Change::Erase { address, bytes } => {
                let start = address / bytes * bytes % self.contents.len();
                let whole = if fails { bytes / 2 } else { bytes };
                self.contents[start..start + whole].fill(ERASED);
                self.busy_until = now + self.times.erase;
            }
        }
    }
}
