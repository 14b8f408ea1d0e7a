//! The register map of the host port and the descriptors of the array and post units.

/// Host registers: 32 bits each, byte addresses, little-endian.
pub mod register {
    /// Reads [`ID_VALUE`].
    pub const ID: u32 = 0x0000;
    /// "MYLN".
    pub const ID_VALUE: u32 = 0x4e4c_594d;
    /// Rows [7:0], columns [15:8], bits of precision [23:16], log2 of lanes [31:24].
    pub const SHAPE: u32 = 0x0004;
    /// Write: start at the entry given in the value's low bits. Ignored while busy.
    pub const START: u32 = 0x0010;
    /// Read: [0] busy, [1] halted since the last start, [2] trapped, [7:4] trap cause, [31:16] program counter.
    pub const STATUS: u32 = 0x0014;
    /// [`STATUS`]: busy.
    pub const STATUS_BUSY: u32 = 1;
    /// [`STATUS`]: halted.
    pub const STATUS_HALTED: u32 = 2;
    /// [`STATUS`]: trapped.
    pub const STATUS_TRAPPED: u32 = 4;
    /// Trap cause: opcode that is not an instruction.
    pub const TRAP_OPCODE: u32 = 1;
    /// Trap cause: an accumulator left 32 bits.
    pub const TRAP_OVERFLOW: u32 = 2;

    /// First performance counter; counters clear at start.
    pub const COUNTERS: u32 = 0x0040;
    /// Number of counters. Each is 32 bits at `COUNTERS + 4 * index`.
    pub const COUNTER_COUNT: u32 = 9;
    /// Counter: cycles from start to halt.
    pub const COUNTER_CYCLES: u32 = 0;
    /// Counter: cycles with a pixel entering the array.
    pub const COUNTER_ARRAY_BUSY: u32 = 1;
    /// Counter: cycles the array unit waited for weights.
    pub const COUNTER_STALL_WEIGHTS: u32 = 2;
    /// Counter: cycles the array unit waited for a token.
    pub const COUNTER_STALL_DATA: u32 = 3;
    /// Counter: cycles the post unit was busy.
    pub const COUNTER_POST_BUSY: u32 = 4;
    /// Counter: cycles the post unit waited for a token.
    pub const COUNTER_POST_STALL: u32 = 5;
    /// Counter: cycles the load unit was busy.
    pub const COUNTER_LOAD_BUSY: u32 = 6;
    /// Counter: cycles the store unit was busy.
    pub const COUNTER_STORE_BUSY: u32 = 7;
    /// Counter: instructions handed out.
    pub const COUNTER_INSTRUCTIONS: u32 = 8;

    /// Number of stamps taken since start.
    pub const STAMP_COUNT: u32 = 0x00f0;
    /// Stamps: cycle numbers, 32 bits each, [`crate::Architecture::STAMP_DEPTH`] of them.
    pub const STAMPS: u32 = 0x0400;
    /// Instruction memory: instruction `i`, word `w` at `INSTRUCTIONS + 16 * i + 4 * w`. Write only, while not busy.
    pub const INSTRUCTIONS: u32 = 0x1_0000;
    /// One past the last address.
    pub const END: u32 = 0x2_0000;
}

/// Registers of the array unit's descriptor (indices; written by CONFIG).
///
/// The walk, innermost first: output column, output row, chunk (of `rows` lanes within a run),
/// kernel column, kernel row. A *run* is a contiguous stretch of the reduction within one input
/// row: `kernel width x channels` lanes where taps are adjacent, else one tap's channels. Weights
/// follow the same order, one tile of `rows` reduction elements for each (kernel row, kernel
/// column, chunk). Lanes at or beyond the run's end, left of the row (x < 0), at or beyond
/// `x_limit`, or on rows outside 0..`y_limit` enter as zero.
pub mod array_descriptor {
    /// [15:0] output columns of the tile, [31:16] output rows of the tile. Each at least 1.
    pub const PIXELS: u8 = 0;
    /// [15:0] chunks in a run, [23:16] kernel columns (runs in a kernel row), [31:24] kernel rows.
    pub const KERNEL: u8 = 1;
    /// [15:0] input rows, [31:16] lanes in a run.
    pub const LIMITS: u8 = 2;
    /// Lanes from an output row's input row to the next one's: stride x lanes in an input row.
    pub const ROW_STEP: u8 = 3;
    /// Lanes from a kernel row's input row to the next one's: dilation x lanes in an input row.
    pub const KERNEL_ROW_STEP: u8 = 4;
    /// [15:0] input rows from output row to output row, [31:16] from kernel row to kernel row.
    pub const Y_STEPS: u8 = 5;
    /// Lanes from output column to output column: stride x pixel pitch.
    pub const COLUMN_STEP: u8 = 6;
    /// Lanes from run to run in a kernel row: dilation x pixel pitch.
    pub const KERNEL_COLUMN_STEP: u8 = 7;
    /// Lanes in an input row.
    pub const X_LIMIT: u8 = 8;
    /// Number of registers.
    pub const COUNT: u8 = 9;
}

/// Registers of the post unit's descriptor (indices; written by CONFIG).
///
/// The walk, innermost first: window column, window row, output column, output row, outer (channel
/// chunk, or plane when raw). A window element outside 0..`y_limit` x 0..`x_limit` is left out; a
/// window is combined (DRAIN, POOL: maximum; ELTW: sum) and written once.
pub mod post_descriptor {
    /// [7:0] window columns, [15:8] window rows, [31:16] outer count. Each at least 1.
    pub const WINDOW: u8 = 0;
    /// [15:0] output columns, [31:16] output rows. Each at least 1.
    pub const PIXELS: u8 = 1;
    /// [15:0] rows, [31:16] columns of the source map.
    pub const LIMITS: u8 = 2;
    /// [15:0] source row and [31:16] source column of the first window element, signed: negative in the padding.
    pub const START: u8 = 3;
    /// [15:0] source rows from output row to output row, [31:16] source columns from output column to output column.
    pub const STRIDES: u8 = 4;
    /// Source step from window column to window column, in lanes or accumulators.
    pub const WINDOW_COLUMN_STEP: u8 = 5;
    /// Source step from window row to window row.
    pub const WINDOW_ROW_STEP: u8 = 6;
    /// Source step from output column to output column.
    pub const COLUMN_STEP: u8 = 7;
    /// Source step from output row to output row.
    pub const ROW_STEP: u8 = 8;
    /// Source step of the outer loop.
    pub const OUTER_STEP: u8 = 9;
    /// Destination step from output column to output column, in lanes.
    pub const DESTINATION_COLUMN_STEP: u8 = 10;
    /// Destination step from output row to output row.
    pub const DESTINATION_ROW_STEP: u8 = 11;
    /// Destination step of the outer loop.
    pub const DESTINATION_OUTER_STEP: u8 = 12;
    /// [4:0] shift s (0: none): `((v >> (s-1)) + 1) >> 1`, then clamp to [15:8] low and [23:16]
    /// high, signed 8-bit (ReLU is low = 0).
    pub const REQUANTISE: u8 = 13;
    /// Number of registers, a multiple of three.
    pub const COUNT: u8 = 15;
}
