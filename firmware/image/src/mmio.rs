//! Registers and memory on the core's bus.

use myelin_firmware::Bus;
use myelin_isa::stick::memory;

/// The bus, as the one who may use all of it. Zero bytes: a name for the addresses.
#[derive(Clone, Copy, Debug)]
pub struct Mmio;

/// Reads a register.
pub fn read(address: u32) -> u32 {
    // SAFETY: the callers pass addresses of the register map, which are words that answer on this bus.
    unsafe { (address as usize as *const u32).read_volatile() }
}

/// Writes a register.
pub fn write(address: u32, value: u32) {
    // SAFETY: as in `read`; registers that make hardware write to memory are given buffers of this program only.
    unsafe { (address as usize as *mut u32).write_volatile(value) }
}

impl Bus for Mmio {
    fn read(&mut self, address: u32) -> u32 {
        read(address)
    }

    fn write(&mut self, address: u32, value: u32) {
        write(address, value);
    }

    fn read_bytes(&mut self, address: u32, out: &mut [u8]) {
        debug_assert!(address >= memory::DEVICE);
        let from = address as usize as *const u8;
        for (offset, byte) in out.iter_mut().enumerate() {
            // SAFETY: `RegisterCore` passes ranges that lie in device memory; nothing of Rust's lies there. Volatile, as the
            // cell writes it, too.
            *byte = unsafe { from.add(offset).read_volatile() };
        }
    }

    fn write_bytes(&mut self, address: u32, data: &[u8]) {
        let to = address as usize as *mut u8;
        for (offset, &byte) in data.iter().enumerate() {
            // SAFETY: as in `read_bytes`.
            unsafe { to.add(offset).write_volatile(byte) }
        }
    }
}
