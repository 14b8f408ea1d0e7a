//! The serial port: a ring that DMA fills, a frame that DMA sends.

use myelin_firmware::Wire;
use myelin_isa::framing::Frame;
use myelin_isa::stick::{memory, serial};

use crate::mmio;
use crate::system::CrcUnit;

/// The port with a ring of `R` bytes and room for a frame of `T` bytes on the wire.
#[derive(Debug)]
pub struct SerialWire<const R: usize, const T: usize> {
    ring: &'static [u8; R],
    frame: &'static mut [u8; T],
    /// Bytes done with: the ring's counters wrap at 2^16.
    tail: u16,
}

fn read(register: u32) -> u32 {
    mmio::read(memory::SERIAL + register)
}

fn write(register: u32, value: u32) {
    mmio::write(memory::SERIAL + register, value);
}

impl<const R: usize, const T: usize> SerialWire<R, T> {
    /// Sets the port up: so many clocks a bit, in 1/256.
    pub fn new(ring: &'static mut [u8; R], frame: &'static mut [u8; T], divisor: u32) -> SerialWire<R, T> {
        const { assert!(R.is_power_of_two() && R >= 64 && R <= 32768, "what the DMA can do") };
        write(serial::DIVISOR, divisor);
        write(serial::RX_BASE, ring.as_mut_ptr() as usize as u32);
        write(serial::RX_SIZE, R as u32);
        SerialWire { ring, frame, tail: 0 }
    }
}

impl<const R: usize, const T: usize> Wire for SerialWire<R, T> {
    fn received(&mut self) -> &[u8] {
        let waiting = usize::from((read(serial::RX_HEAD) as u16).wrapping_sub(self.tail));
        // SAFETY: no instructions; the DMA has changed the ring behind the compiler's back.
        unsafe { core::arch::asm!("/* {0} */", in(reg) self.ring.as_ptr()) };
        let start = usize::from(self.tail) % R;
        let end = R.min(start + waiting.min(R));
        self.ring.get(start..end).unwrap_or(&[])
    }

    fn consume(&mut self, count: usize) {
        self.tail = self.tail.wrapping_add(count as u16);
        write(serial::RX_TAIL, self.tail.into());
    }

    fn can_send(&mut self) -> bool {
        read(serial::TX_LENGTH) == 0
    }

    fn send(&mut self, frame: &Frame<'_>) {
        if let Some(length) = frame.encode(&mut CrcUnit, self.frame) {
            // SAFETY: no instructions; the frame is in memory before the DMA reads it.
            unsafe { core::arch::asm!("/* {0} */", in(reg) self.frame.as_ptr()) };
            write(serial::TX_ADDRESS, self.frame.as_ptr() as usize as u32);
            write(serial::TX_LENGTH, length as u32);
        }
    }
    fn has_lost(&mut self) -> bool {
        let has_lost = read(serial::STATUS) & serial::STATUS_OVERRUN != 0;
        if has_lost {
            write(serial::STATUS, serial::STATUS_OVERRUN);
        }
        has_lost
    }
}
