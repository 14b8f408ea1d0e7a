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
    /// UP5K: a 4x4 array of multipliers with accumulators that walks tiles by itself.
    ///
    /// It reads activations and weights from all of the SPRAM, as one memory of 2^17 bytes: [`crate::stick::memory::SPRAM`] first, then
    /// [`crate::stick::memory::DEVICE`]; any alignment, addresses wrap at 2^17. One run:
    /// ```text
    /// for chunk in 0..ceil(LANES / 4)
    ///   weight[i][c] = memory[WEIGHTS + 16 chunk + 4 i + c]
    ///   for row in 0..ROWS, column in 0..COLUMNS
    ///     x = X_START + 4 chunk + column X_STEP;  y = Y_START + row Y_STEP
    ///     lane[i] = memory[ROW_ADDRESS + row ROW_STEP + x + i]
    ///               if 0 <= x + i < X_LIMIT and 0 <= y < Y_LIMIT and 4 chunk + i < LANES, else 0
    ///     acc[(ACCUMULATOR + row COLUMNS + column) mod 256][c] (+)= sum over i of lane[i] weight[i][c]
    /// ```
    /// with i and c in 0..4, bytes signed, and `(+)=` setting in chunk 0 of a run that is FIRST, else adding. Sums are exact; one
    /// beyond 32 bits wraps and sets [`mac::STATUS_OVERFLOW`]. Each chunk takes 4 cycles for its weights and one for each pixel. Each run uses up WEIGHTS, ORIGIN and REDUCTION,
    /// which are written anew; the other parameters keep their values. None may be written while busy, and the core's accesses to the SPRAM wait while lanes are read.
    /// A run writes an accumulator at most once in a chunk: ROWS x COLUMNS is at most 256. -128 is not a legal weight or activation together with another
    /// -128: products have 16 bits.
    pub mod mac: u32 {
        /// Reads [`ID_VALUE`].
        ID = 0x00;
        /// "MAC4".
        ID_VALUE = 0x3443_414d;
        /// Read, see below. Writing 1 to [`STATUS_OVERFLOW`] clears it.
        STATUS = 0x04;
        /// [`STATUS`]: a run goes on.
        STATUS_BUSY = 1;
        /// [`STATUS`]: a sum left 32 bits since this was cleared.
        STATUS_OVERFLOW = 2;
        /// Write: starts a run; ignored while busy.
        START = 0x08;
        /// [`START`]: the first chunk sets the accumulators.
        START_FIRST = 1;
        /// Write: `[16:0]` address of the weights.
        WEIGHTS = 0x0c;
        /// Write: `[16:0]` address of x = 0 in the first row.
        ROW_ADDRESS = 0x10;
        /// Write: `[16:0]` from row to row.
        ROW_STEP = 0x14;
        /// Write: `[15:0]` x and `[31:16]` y of the first pixel's first lane, signed.
        ORIGIN = 0x18;
        /// Write: `[15:0]` x from column to column, `[31:16]` y from row to row, signed.
        STEPS = 0x1c;
        /// Write: `[14:0]` X_LIMIT, `[30:16]` Y_LIMIT.
        LIMITS = 0x20;
        /// Write: `[8:0]` COLUMNS, `[24:16]` ROWS, 1 to 256 each.
        PIXELS = 0x24;
        /// Write: `[15:0]` LANES of the reduction, at least 1.
        REDUCTION = 0x28;
        /// Write: `[7:0]` accumulator of the first pixel.
        ACCUMULATOR = 0x2c;
        /// Read, while not busy: accumulator `i`, column `c` at `ACCUMULATORS + 16 * i + 4 * c`, beyond the block's
        /// other registers.
        ACCUMULATORS = 0x1000;
        /// Accumulators.
        ACCUMULATOR_COUNT = 256;
    }
}
