//! The boards' sticks: parameters of [`super::stick`] for each.

use myelin_isa::stick::{board, memory};
use myelin_isa::{Architecture, MultiplierStyle};

use super::serial::{self, Link};
use super::stick::{Compute, Config};
use crate::bus::Cut;
use crate::cpu::CpuParameters;

/// Clock of [`stick_up5k`] in Hz.
pub const STICK_UP5K_HZ: u32 = 20_250_000;
/// Clock of [`stick_ecp5`] in Hz.
pub const STICK_ECP5_HZ: u32 = 80_000_000;
/// Line rate after reset, in bits per second.
const BAUD: u32 = 3_000_000;
/// Bytes of block RAM behind the cell of [`stick_ecp5`].
const DEVICE_BYTES_ECP5: u32 = 1 << 16;

/// iCEBreaker and alike: the MAC array; firmware stands for the cell of `architecture`. `boot` is in the RAM at power-up.
pub fn stick_up5k(architecture: Architecture, boot: Vec<u8>) -> Config {
    Config {
        board: board::ICEBREAKER,
        core: CpuParameters::small(memory::RESET).expect("invariant: a legal reset vector"),
        cut: Cut::Requests,
        serial: serial(STICK_UP5K_HZ, 512),
        compute: Compute::MacArray,
        architecture,
        ram_bytes: 4096,
        ram_contents: boot,
        build: 0,
    }
}

/// ULX3S and alike: a tensor cell of `architecture`, two products to a multiplier. `firmware` is in the RAM at power-up.
pub fn stick_ecp5(architecture: Architecture, firmware: Vec<u8>) -> Config {
    Config {
        board: board::ULX3S,
        core: CpuParameters::fast(memory::RESET).expect("invariant: a legal reset vector"),
        cut: Cut::Both,
        serial: serial(STICK_ECP5_HZ, 2048),
        compute: Compute::Cell { device_bytes: DEVICE_BYTES_ECP5 },
        architecture: architecture.with_multiplier(MultiplierStyle::Mult18x18),
        ram_bytes: memory::RAM_BYTES_ECP5,
        ram_contents: firmware,
        build: 0,
    }
}

fn serial(clock_hz: u32, fifo_bytes: usize) -> serial::Config {
    serial::Config { link: Link::Uart, clock_hz, baud: BAUD, fifo_bytes, offset_bits: 17 }
}
