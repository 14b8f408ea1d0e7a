//! Registers of the system block and of the MAC array; boards.

use crate::specification::constants;

constants! {
    /// System block: what the board is, time, watchdog, resets, interrupts, CRC.
    pub mod system: u32 {
        /// Reads [`ID_VALUE`].
        ID = 0x00;
        /// "MYSY".
        ID_VALUE = 0x5953_594d;
        /// Reads [`crate::stick::MAP_VERSION`].
        MAP_VERSION = 0x04;
        /// Read: which board, see [`crate::stick::board`].
        BOARD = 0x08;
        /// Read: clocks a second.
        CLOCK_HZ = 0x0c;
        /// Read: low 32 bits of the specification hash of the cell that programs are for
        /// ([`crate::Architecture::specification`]).
        SPECIFICATION_LOW = 0x10;
        /// Read: its high 32 bits.
        SPECIFICATION_HIGH = 0x14;
        /// Read: bytes of device memory from [`crate::stick::memory::DEVICE`] on.
        DEVICE_BYTES = 0x18;
        /// Read: first 32 bits, big-endian, of the SHA-256 of the sources the gateware was made of; 0 in a simulation
        /// of sources.
        BUILD = 0x1c;
        /// Read: low 32 bits of the clocks since reset; a read keeps [`TIME_HIGH`] for the next read of it.
        TIME_LOW = 0x20;
        /// Read: high 32 bits as of the last read of TIME_LOW.
        TIME_HIGH = 0x24;
        /// Read and write: the timer interrupt is up while time >= compare. After reset all ones.
        COMPARE_LOW = 0x28;
        /// Its high 32 bits.
        COMPARE_HIGH = 0x2c;
        /// Write [`WATCHDOG_KICK`]: starts the watchdog's period anew. Other values have no effect.
        WATCHDOG = 0x30;
        /// What to write to [`WATCHDOG`]: "KICK".
        WATCHDOG_KICK = 0x4b43_494b;
        /// Read and write: clocks without a kick after which the watchdog resets the system; 0, as after reset:
        /// never. A write also kicks.
        WATCHDOG_PERIOD = 0x34;
        /// Read: why the system was last reset, one of the causes below.
        RESET_CAUSE = 0x38;
        /// [`RESET_CAUSE`]: power-up or a new bitstream; RAM is as the bitstream says.
        RESET_POWER = 0;
        /// [`RESET_CAUSE`]: the watchdog. This and the next keep RAM and device memory.
        RESET_WATCHDOG = 1;
        /// [`RESET_CAUSE`]: a write to [`REBOOT`].
        RESET_SOFTWARE = 2;
        /// Write [`REBOOT_RESET`] or [`REBOOT_BITSTREAM`]; other values have no effect.
        REBOOT = 0x3c;
        /// [`REBOOT`]: resets the system (all but the contents of memories and [`RESET_CAUSE`]).
        REBOOT_RESET = 0x5245_5354;
        /// [`REBOOT`]: loads the bitstream again where the board can (UP5K warm boot), else as [`REBOOT_RESET`].
        REBOOT_BITSTREAM = 0x424f_4f54;
        /// Read: interrupt levels now, of the external interrupt. See the bits below.
        PENDING = 0x40;
        /// Read and write: which of them reach the core.
        ENABLE = 0x44;
        /// [`PENDING`]: serial port.
        PENDING_SERIAL = 1;
        /// [`PENDING`]: flash.
        PENDING_FLASH = 2;
        /// [`PENDING`]: tensor cell has halted or trapped, or MAC array is not busy.
        PENDING_TENSOR = 4;
        /// Read and write: lights, one bit each, bit 0 first.
        LEDS = 0x48;
        /// Write [`TENSOR_RESET_KEY`]: resets the tensor cell (its memories keep their contents) and nothing else; it
        /// is usable at the next access.
        TENSOR_RESET = 0x4c;
        /// What to write to [`TENSOR_RESET`]: "CELL".
        TENSOR_RESET_KEY = 0x4c4c_4543;
        /// Read and write: state of the CRC32C unit: reflected polynomial 0x82f63b78, no inversions. For a checksum
        /// write all ones, then data; the checksum is the state inverted.
        CRC = 0x50;
        /// Write: the state takes in `[7:0]`. Any CRC access after a write may wait for it.
        CRC_BYTE = 0x54;
        /// Write: the state takes in four bytes, `[7:0]` first.
        CRC_WORD = 0x58;
        /// Read: parameters of the cell that programs are for, [`crate::Architecture::to_words`], word `w` at
        /// `ARCHITECTURE + 4 * w`.
        ARCHITECTURE = 0x80;
    }
}

constants! {
    /// Boards, as [`system::BOARD`] says them.
    pub mod board: u32 {
        /// A simulation, no hardware.
        SIMULATED = 0;
        /// ULX3S-class: LFE5U-85F, FT231X UART.
        ULX3S = 1;
        /// ECP5 with an FT2232H FIFO.
        ECP5_FIFO = 2;
        /// iCEBreaker-class: iCE40UP5K.
        ICEBREAKER = 3;
    }
}

constants! {
    /// UP5K: a 4x4 array of multipliers with accumulators; firmware walks, the array streams pixels.
    ///
    /// One GO with `n` pixels does, for `p` in 0..n, `c` in 0..4:
    /// `acc[INDEX + p][c] = (first ? 0 : acc[INDEX + p][c]) + sum over r in low..high of a[LANE + p * STEP + r] *
    /// WEIGHTS[r][c]`
    /// where `a` is a signed byte of device memory at byte offset LANE + ... from [`crate::stick::memory::DEVICE`]
    /// (32-bit wrapping arithmetic), products and sums are exact,
    /// and a sum beyond 32 bits sets `STATUS_OVERFLOW`. Sums of 32 bits wrap.
    pub mod mac: u32 {
        /// Read and write: weights of row `r`, columns 0 to 3 from the low byte on, at `WEIGHTS + 4 * r`. Change them
        /// while not busy.
        WEIGHTS = 0x00;
        /// Read and write: offset of the first pixel's row 0.
        LANE = 0x10;
        /// Read and write: signed step from pixel to pixel.
        STEP = 0x14;
        /// Read and write: `[8:0]` accumulator of the first pixel (halves one after the other), `[18:16]` low,
        /// `[22:20]` high, 0 <= low <= high <= 4,
        /// `[31]` first: start from zero.
        CONTROL = 0x18;
        /// Write: starts so many pixels, `[8:0]`, 1 or more; ignored while busy.
        GO = 0x1c;
        /// Read, see below. A write clears [`STATUS_OVERFLOW`].
        STATUS = 0x20;
        /// [`STATUS`]: pixels are left.
        STATUS_BUSY = 1;
        /// [`STATUS`]: a sum left 32 bits since this was cleared.
        STATUS_OVERFLOW = 2;
        /// Read, while not busy: accumulator `i`, column `c` at `ACCUMULATORS + 16 * i + 4 * c`, beyond the block's
        /// other registers.
        ACCUMULATORS = 0x1000;
        /// Accumulators: both halves of 128.
        ACCUMULATOR_COUNT = 256;
    }
}
