//! Time, watchdog, resets and the CRC unit.

use myelin_firmware::image::Slot;
use myelin_firmware::{Board, System};
use myelin_isa::framing::{Checksum, Reboot};
use myelin_isa::stick::{memory, system};

use crate::mmio;

/// Reads a register of the system block.
pub fn read(register: u32) -> u32 {
    mmio::read(memory::SYSTEM + register)
}

/// Writes one.
pub fn write(register: u32, value: u32) {
    mmio::write(memory::SYSTEM + register, value);
}

/// The CRC32C unit, which nobody holds from one call to the next.
#[derive(Clone, Copy, Debug)]
pub struct CrcUnit;

impl Checksum for CrcUnit {
    fn update(&mut self, state: u32, bytes: &[u8]) -> u32 {
        write(system::CRC, state);
        // SAFETY: any four bytes are a word.
        let (head, words, tail) = unsafe { bytes.align_to::<u32>() };
        head.iter().for_each(|&byte| write(system::CRC_BYTE, byte.into()));
        words.iter().for_each(|&word| write(system::CRC_WORD, word));
        tail.iter().for_each(|&byte| write(system::CRC_BYTE, byte.into()));
        read(system::CRC)
    }
}

/// How long the core rests between two looks at an idle board, in microseconds: 15 bytes at 3 Mbaud.
const REST_US: u32 = 50;
/// `mie`: the timer ends a rest.
const MIE_TIMER: u32 = 1 << 7;

/// Stops the core until the timer's interrupt is up, a little later. Interrupts are off, so nothing is trapped.
///
/// An idle core leaves the bus to the DMA, takes less power, and is simulated faster.
pub fn rest(clock_hz: u32) {
    let low = read(system::TIME_LOW);
    let (until, carries) = low.overflowing_add(clock_hz / 1_000_000 * REST_US);
    write(system::COMPARE_LOW, until);
    write(system::COMPARE_HIGH, read(system::TIME_HIGH) + u32::from(carries));
    // SAFETY: no memory is touched.
    unsafe { core::arch::asm!("csrs mie, {0}", "wfi", in(reg) MIE_TIMER) };
}

/// The system block.
#[derive(Debug)]
pub struct SystemBlock {
    board: Board,
    clocks_per_ms: u64,
    clocks_per_s: u64,
    /// The last millisecond that was given out, and the clock it began with.
    now_ms: u64,
    began: u64,
}

impl SystemBlock {
    /// The system block of a board with a watchdog that bites after two seconds.
    pub fn new(family: u32, load_address: u32, image: Option<Slot>) -> SystemBlock {
        let clock_hz = read(system::CLOCK_HZ);
        write(system::WATCHDOG_PERIOD, clock_hz.saturating_mul(2));
        let board = Board {
            board: read(system::BOARD),
            clock_hz,
            gateware: read(system::BUILD),
            map_version: read(system::MAP_VERSION),
            family,
            load_address,
            reset_cause: read(system::RESET_CAUSE),
            image,
            last_fault: crate::start::last_fault(),
        };
        let clocks_per_ms = u64::from(clock_hz / 1000).max(1);
        SystemBlock { board, clocks_per_ms, clocks_per_s: clocks_per_ms * 1000, now_ms: 0, began: 0 }
    }
}

impl Checksum for SystemBlock {
    fn update(&mut self, state: u32, bytes: &[u8]) -> u32 {
        CrcUnit.update(state, bytes)
    }
}

impl System for SystemBlock {
    fn now_ms(&mut self) -> u64 {
        let low = read(system::TIME_LOW);
        let clocks = u64::from(read(system::TIME_HIGH)) << 32 | u64::from(low);
        let mut passed = clocks.wrapping_sub(self.began);
        // Most often less than a few: no long division, which this core has not.
        for (milliseconds, clocks) in [(1000, self.clocks_per_s), (1, self.clocks_per_ms)] {
            while passed >= clocks {
                passed -= clocks;
                self.now_ms += milliseconds;
                self.began += clocks;
            }
        }
        self.now_ms
    }

    fn kick(&mut self) {
        write(system::WATCHDOG, system::WATCHDOG_KICK);
    }

    fn reboot(&mut self, what: Reboot) {
        let key = match what {
            Reboot::Firmware => system::REBOOT_RESET,
            Reboot::Bitstream => system::REBOOT_BITSTREAM,
        };
        write(system::REBOOT, key);
    }

    fn board(&self) -> Board {
        self.board
    }
}
