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
        let (head, body) = out.split_at_mut(out.len().min(to_word(address)));
        let (words, tail) = body.as_chunks_mut::<4>();
        let middle = address + head.len() as u32;
        let end = middle + 4 * words.len() as u32;
        for (at, byte) in (address..).zip(head).chain((end..).zip(tail)) {
            // SAFETY: `RegisterCore` passes ranges that lie in device memory; nothing of Rust's lies there. Volatile, as the
            // cell writes it, too.
            *byte = unsafe { (at as usize as *const u8).read_volatile() };
        }
        for (at, word) in (middle..).step_by(4).zip(words) {
            *word = read(at).to_le_bytes();
        }
    }

    fn write_bytes(&mut self, address: u32, data: &[u8]) {
        let (head, body) = data.split_at(data.len().min(to_word(address)));
        let (words, tail) = body.as_chunks::<4>();
        let middle = address + head.len() as u32;
        let end = middle + 4 * words.len() as u32;
        for (at, &byte) in (address..).zip(head).chain((end..).zip(tail)) {
            // SAFETY: as in `read_bytes`.
            unsafe { (at as usize as *mut u8).write_volatile(byte) }
        }
        for (at, word) in (middle..).step_by(4).zip(words) {
            write(at, u32::from_le_bytes(*word));
        }
    }
}

/// Bytes from an address to the next word.
fn to_word(address: u32) -> usize {
    (address.wrapping_neg() & 3) as usize
}
