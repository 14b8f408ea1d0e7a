//! Where everything lies.

use crate::specification::constants;

/// Raised by one whenever a number or a meaning in [`crate::stick`] changes. The system block says it
/// ([`crate::stick::system::MAP_VERSION`]) and firmware for another map refuses to go on.
pub const MAP_VERSION: u32 = 2;

constants! {
    /// Byte addresses of the core's bus.
    pub mod memory: u32 {
        /// First memory of the core. ECP5: all of its RAM. UP5K: boot memory.
        RAM = 0x0000_0000;
        /// Where the core starts after any reset.
        RESET = 0x0000_0000;
        /// ECP5: bytes of RAM from [`RAM`] on.
        RAM_BYTES_ECP5 = 0x1_0000;
        /// Bytes that the boot code has, from [`RAM`] on, on every board.
        BOOT_BYTES = 0x1000;
        /// UP5K: where RAM for firmware begins (SPRAM; no contents after power-up).
        SPRAM = 0x0001_0000;
        /// UP5K: bytes from [`SPRAM`] on.
        RAM_BYTES_UP5K = 0x1_0000;
        /// Serial port, see [`crate::stick::serial`].
        SERIAL = 0x1000_0000;
        /// SPI flash, see [`crate::stick::flash`].
        FLASH = 0x1000_1000;
        /// System block, see [`crate::stick::system`].
        SYSTEM = 0x1000_2000;
        /// Bytes that each of these blocks takes.
        BLOCK_BYTES = 0x1000;
        /// ECP5: the tensor cell's registers and its instruction window ([`crate::register`]), as a link sees them.
        TENSOR = 0x2000_0000;
        /// UP5K: the MAC array, see [`crate::stick::mac`].
        MAC = 0x2000_0000;
        /// Device memory: what LOAD and STORE see, beat `b` of a cell with `lanes` lanes at `DEVICE + b * lanes`. On
        /// the
        /// UP5K the scratchpads of the functional core lie here too, behind the device memory that a host sees.
        DEVICE = 0x4000_0000;
        /// UP5K: bytes from [`DEVICE`] on.
        DEVICE_BYTES_UP5K = 0x1_0000;
    }
}
