//! Registers of the serial port and of the flash.

use crate::specification::constants;

constants! {
    /// Serial port: a UART (8 data bits, no parity, 1 stop bit) or an FT245 FIFO with the same registers.
    ///
    /// **Receive.** Bytes enter a FIFO. While `RX_SIZE` is 0 the core takes them from `DATA`. Else they go by
    /// DMA into a ring of `RX_SIZE` bytes at `RX_BASE`: byte `k` since the ring was set up lies at `RX_BASE + (k
    /// mod RX_SIZE)`,
    /// `RX_HEAD` counts bytes written, the core writes to `RX_TAIL` how many it is done with, and the ring is
    /// full
    /// while they differ by RX_SIZE. Both counters wrap at 2^16, and are cleared by a write to RX_SIZE. A byte is in
    /// memory before RX_HEAD counts it.
    /// **Send.** While `TX_LENGTH` is 0 the core writes to `DATA`; else DMA sends that many bytes from
    /// `TX_ADDRESS`.
    pub mod serial: u32 {
        /// Write: `[7:0]` is sent; lost while [`STATUS_TX_READY`] is 0. Read: takes the oldest byte, `[7:0]`, or 0
        /// while [`STATUS_RX_READY`] is 0.
        DATA = 0x00;
        /// Read, see below. Write: clears those of [`STATUS_OVERRUN`] and [`STATUS_FRAMING`] that are written as 1.
        STATUS = 0x04;
        /// [`STATUS`]: the receive FIFO holds a byte.
        STATUS_RX_READY = 1;
        /// [`STATUS`]: the send FIFO has room and no DMA sends.
        STATUS_TX_READY = 2;
        /// [`STATUS`]: a byte came while the receive FIFO was full, and was lost.
        STATUS_OVERRUN = 4;
        /// [`STATUS`]: a stop bit was 0; the byte was dropped.
        STATUS_FRAMING = 8;
        /// [`STATUS`]: everything given has left, the last stop bit included.
        STATUS_TX_IDLE = 16;
        /// UART only. Read and write: clocks of a bit in 1/256, `[23:0]`; takes effect with the next byte. After
        /// reset what gives
        /// 115200 baud at the board's clock; never below 4 x 256.
        DIVISOR = 0x08;
        /// Read: which port this is.
        KIND = 0x0c;
        /// [`KIND`]: UART.
        KIND_UART = 0;
        /// [`KIND`]: FT245 asynchronous FIFO; [`DIVISOR`] has no meaning.
        KIND_FT245 = 1;
        /// Read and write: address of the receive ring in RAM or device memory, a multiple of 4. Set it before
        /// [`RX_SIZE`].
        RX_BASE = 0x10;
        /// Read and write: bytes of the receive ring, a power of two from 64 to 32768, or 0: no ring.
        RX_SIZE = 0x14;
        /// Read: bytes written to the ring since it was set up.
        RX_HEAD = 0x18;
        /// Read and write: bytes that the core is done with.
        RX_TAIL = 0x1c;
        /// Read and write: any byte address in RAM or device memory. Set it before [`TX_LENGTH`].
        TX_ADDRESS = 0x20;
        /// Write: starts sending so many bytes, `[15:0]`, 1 or more; ignored while it is not 0. Read: bytes not read
        /// from memory yet. The
        /// bytes may be changed when it is 0.
        TX_LENGTH = 0x24;
        /// Read and write: what interrupts (a level, [`crate::stick::system::PENDING_SERIAL`]), a set of the bits
        /// below; 0: nothing.
        INTERRUPT = 0x28;
        /// [`INTERRUPT`]: while a received byte waits in the FIFO or RX_HEAD and RX_TAIL differ.
        INTERRUPT_RX = 1;
        /// [`INTERRUPT`]: while TX_LENGTH is 0.
        INTERRUPT_TX = 2;
    }
}

constants! {
    /// SPI flash, mode 0, most significant bit first.
    pub mod flash: u32 {
        /// Read and write: `[0]` drives chip select low, `[15:8]` clocks of half an SPI clock less one. Change it
        /// while not busy.
        CONTROL = 0x00;
        /// [`CONTROL`]: selected.
        CONTROL_SELECT = 1;
        /// Write: exchanges `[7:0]` for a byte. Read: the byte last received. Either waits on the bus for the end of an exchange, a
        /// write also for that of the DMA; so does [`CONTROL`].
        DATA = 0x04;
        /// Read.
        STATUS = 0x08;
        /// [`STATUS`]: an exchange or the DMA goes on.
        STATUS_BUSY = 1;
        /// Read and write: where DMA puts bytes, any byte address in RAM or device memory. Set it before
        /// [`DMA_LENGTH`].
        DMA_ADDRESS = 0x0c;
        /// Write: starts receiving so many bytes, `[23:0]`, 1 or more, sending zeros; ignored while busy. Read: bytes
        /// not written yet. Command and address
        /// go out by [`DATA`] before, and chip select stays as it is.
        DMA_LENGTH = 0x10;
        /// Read and write: `[0]` interrupts while not busy ([`crate::stick::system::PENDING_FLASH`]).
        INTERRUPT = 0x14;
    }
}
