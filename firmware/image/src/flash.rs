//! The flash behind the SPI registers.

use myelin_firmware::Flash;
use myelin_isa::stick::{flash, flash_command, memory};

use crate::mmio;

/// Clocks of half an SPI clock less one: READ goes up to 50 MHz.
const DIVIDER: u32 = 0;
/// How often a page program is asked whether it is done: some milliseconds at the least.
const PROGRAM_POLLS_MAX: u32 = 100_000;
/// How often the flash is asked whether an erase is over before something else: longer than a block takes.
const ERASE_POLLS_MAX: u32 = 10_000_000;
/// Reads of at least so many bytes go by DMA.
const DMA_MIN: usize = 8;

/// The flash.
#[derive(Debug)]
pub struct SpiFlash {
    bytes: u32,
    /// An erase may go on, which the flash ends before it hears anything else.
    may_erase: bool,
}

fn control(select: u32) {
    mmio::write(memory::FLASH + flash::CONTROL, DIVIDER << 8 | select);
}

fn wait() {
    while mmio::read(memory::FLASH + flash::STATUS) & flash::STATUS_BUSY != 0 {}
}

/// The bus holds this back while a byte is exchanged, and the next access too: nobody asks whether it is.
fn send(byte: u32) {
    mmio::write(memory::FLASH + flash::DATA, byte);
}

fn exchange(byte: u32) -> u32 {
    send(byte);
    mmio::read(memory::FLASH + flash::DATA)
}

fn begin(command: u32) {
    control(flash::CONTROL_SELECT);
    send(command);
}

fn begin_at(command: u32, address: u32) {
    begin(command);
    send(address >> 16 & 0xff);
    send(address >> 8 & 0xff);
    // Afterwards the port is idle, as the DMA wants it.
    exchange(address & 0xff);
}

impl SpiFlash {
    /// Wakes the flash and asks its size.
    pub fn new() -> SpiFlash {
        begin(flash_command::WAKE);
        control(0);
        // A reset of this side, the watchdog's for one, does not end an erase.
        let mut flash = SpiFlash { bytes: 0, may_erase: true };
        flash.end_erase();
        begin(flash_command::IDENTIFY);
        let [_, _, size] = [0; 3].map(exchange);
        control(0);
        // 64 KiB to 16 MiB can be addressed.
        flash.bytes = if (16..=24).contains(&size) { 1 << size } else { 0 };
        flash
    }

    fn end_erase(&mut self) {
        if self.may_erase {
            (0..ERASE_POLLS_MAX).any(|_| !self.is_busy());
            self.may_erase = false;
        }
    }

    fn begin_write(&mut self, command: u32, address: u32) {
        self.end_erase();
        begin(flash_command::WRITE_ENABLE);
        control(0);
        begin_at(command, address);
    }
}

impl Default for SpiFlash {
    fn default() -> SpiFlash {
        SpiFlash::new()
    }
}

impl Flash for SpiFlash {
    fn bytes(&self) -> u32 {
        self.bytes
    }

    fn read(&mut self, address: u32, out: &mut [u8]) {
        self.end_erase();
        begin_at(flash_command::READ, address);
        if out.len() >= DMA_MIN {
            mmio::write(memory::FLASH + flash::DMA_ADDRESS, out.as_mut_ptr() as usize as u32);
            mmio::write(memory::FLASH + flash::DMA_LENGTH, out.len() as u32);
            wait();
            // The compiler must not keep what it knew of the buffer.
            // SAFETY: no instructions.
            unsafe { core::arch::asm!("/* {0} */", in(reg) out.as_mut_ptr()) };
        } else {
            out.iter_mut().for_each(|byte| *byte = exchange(0) as u8);
        }
        control(0);
    }

    fn program(&mut self, address: u32, data: &[u8]) -> bool {
        self.begin_write(flash_command::PROGRAM, address);
        for &byte in data {
            send(byte.into());
        }
        control(0);
        (0..PROGRAM_POLLS_MAX).any(|_| !self.is_busy())
    }

    fn erase(&mut self, address: u32) {
        self.begin_write(flash_command::ERASE_4K, address);
        control(0);
        self.may_erase = true;
    }

    fn erase_block(&mut self, address: u32) {
        self.begin_write(flash_command::ERASE_64K, address);
        control(0);
        self.may_erase = true;
    }

    fn is_busy(&mut self) -> bool {
        begin(flash_command::STATUS);
        let status = exchange(0);
        control(0);
        status & flash_command::STATUS_BUSY != 0
    }
}
