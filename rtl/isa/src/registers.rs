//! The register map of the host port and the descriptors of the array and post units.

use crate::specification::constants;

constants! {
    /// Host registers: 32 bits each, byte addresses, little-endian.
    pub mod register: u32 {
        /// Reads [`ID_VALUE`].
        ID = 0x0000;
        /// "MYLN".
        ID_VALUE = 0x4e4c_594d;
        /// Rows `[7:0]`, columns `[15:8]`, bits of precision `[23:16]`, log2 of lanes `[27:24]`, log2 of cells `[31:28]`.
        SHAPE = 0x0004;
        /// Low 32 bits of the specification hash ([`crate::Architecture::specification`]).
        SPECIFICATION_LOW = 0x0008;
        /// Its high 32 bits.
        SPECIFICATION_HIGH = 0x000c;
        /// Write: start at the entry given in the value's low bits. Ignored while busy. Tokens that the run before left are
        /// forgotten: between units, for FENCE, of barriers passed.
        START = 0x0010;
        /// Read: `[0]` busy, `[1]` halted since the last start, `[2]` trapped, `[7:4]` trap cause, `[31:16]` program counter, of a trap that of
        /// the instruction that caused it. After a trap the cell must be reset before it is started again.
        STATUS = 0x0014;
        /// [`STATUS`]: busy.
        STATUS_BUSY = 1;
        /// [`STATUS`]: halted.
        STATUS_HALTED = 2;
        /// [`STATUS`]: trapped.
        STATUS_TRAPPED = 4;
        /// Trap cause: opcode that is not an instruction.
        TRAP_OPCODE = 1;
        /// Trap cause: an accumulator left 32 bits, in the CONV or DRAIN that the program counter names.
        TRAP_OVERFLOW = 2;
        /// Trap cause: an operand that is not legal, such as a count of 0.
        TRAP_OPERAND = 3;
        /// Trap cause: an address beyond a memory, or not a multiple of the beat where it must be one.
        TRAP_ADDRESS = 4;
        /// Trap cause: every unit waits for a token that nobody will give.
        TRAP_DEADLOCK = 5;
        /// Trap cause: more tokens outstanding than are counted.
        TRAP_TOKENS = 6;
        /// Trap cause: [`CYCLE_LIMIT`] reached.
        TRAP_CYCLES = 7;
        /// Trap cause: array and post unit used one accumulator half at the same time.
        TRAP_CONFLICT = 8;
        /// Read and write: cycles after which a run traps; 0, as after reset: never. Change it while not busy.
        CYCLE_LIMIT = 0x0018;
        /// Read and write: beats of external memory that may be used, from 0; 0, as after reset: all. Change it while not busy.
        MEMORY_BEATS = 0x001c;

        /// First performance counter; counters clear at start.
        COUNTERS = 0x0040;
        /// Number of counters. Each is 32 bits at `COUNTERS + 4 * index`.
        COUNTER_COUNT = 9;
        /// Counter: cycles from start to halt.
        COUNTER_CYCLES = 0;
        /// Counter: cycles with a pixel entering the array.
        COUNTER_ARRAY_BUSY = 1;
        /// Counter: cycles the array unit waited for weights.
        COUNTER_STALL_WEIGHTS = 2;
        /// Counter: cycles the array unit waited for a token.
        COUNTER_STALL_DATA = 3;
        /// Counter: cycles the post unit was busy.
        COUNTER_POST_BUSY = 4;
        /// Counter: cycles the post unit waited for a token.
        COUNTER_POST_STALL = 5;
        /// Counter: cycles the load unit was busy.
        COUNTER_LOAD_BUSY = 6;
        /// Counter: cycles the store unit was busy.
        COUNTER_STORE_BUSY = 7;
        /// Counter: instructions handed out.
        COUNTER_INSTRUCTIONS = 8;

        /// Number of stamps taken since start.
        STAMP_COUNT = 0x00f0;
        /// Stamps: cycle numbers, 32 bits each, [`crate::Architecture::STAMP_DEPTH`] of them.
        STAMPS = 0x0400;
        /// Instruction memory: instruction `i`, word `w` at `INSTRUCTIONS + 16 * i + 4 * w`. Write only, while not busy.
        INSTRUCTIONS = 0x1_0000;
        /// One past the last address of a cell. A card of N cells has a window of this size for each,
        /// cell 0 first, and one more, number N: a write there goes to all cells in the same cycle.
        END = 0x2_0000;
    }
}

constants! {
    /// Registers of the load and of the store unit (indices; written by one CONFIG). They say how the
    /// rows of LOAD and STORE lie; LOADW has no rows. After reset all are 0: a single row.
    pub mod transfer_descriptor: u8 {
        /// `[15:0]` rows less one.
        ROWS = 0;
        /// Beats from row to row in memory.
        MEMORY_STEP = 1;
        /// Lanes from row to row in the scratchpad, a multiple of [`crate::Architecture::lanes`].
        LANE_STEP = 2;
        /// Number of registers.
        COUNT = 3;
    }
}

constants! {
    /// Registers of the array unit's descriptor (indices; written by CONFIG).
    ///
    /// The walk, innermost first: output column, output row, chunk (of `rows` lanes within a run),
    /// kernel column, kernel row. A *run* is a contiguous stretch of the reduction within one input
    /// row: `kernel width x channels` lanes where taps are adjacent, else one tap's channels. Weights
    /// follow the same order, one tile of `rows` reduction elements for each (kernel row, kernel
    /// column, chunk). Lanes at or beyond the run's end, left of the row (x < 0), at or beyond
    /// `x_limit`, or on rows outside 0..`y_limit` enter as zero.
    pub mod array_descriptor: u8 {
        /// `[15:0]` output columns of the tile, `[31:16]` output rows of the tile. Each at least 1.
        PIXELS = 0;
        /// `[15:0]` chunks that just cover a run, `[23:16]` kernel columns (runs in a kernel row), `[31:24]` kernel rows.
        KERNEL = 1;
        /// `[15:0]` input rows, `[31:16]` lanes in a run.
        LIMITS = 2;
        /// Lanes from an output row's input row to the next one's: stride x lanes in an input row.
        ROW_STEP = 3;
        /// Lanes from a kernel row's input row to the next one's: dilation x lanes in an input row.
        KERNEL_ROW_STEP = 4;
        /// `[15:0]` input rows from output row to output row, `[31:16]` from kernel row to kernel row.
        Y_STEPS = 5;
        /// Lanes from output column to output column: stride x pixel pitch.
        COLUMN_STEP = 6;
        /// Lanes from run to run in a kernel row: dilation x pixel pitch.
        KERNEL_COLUMN_STEP = 7;
        /// Lanes in an input row.
        X_LIMIT = 8;
        /// Number of registers.
        COUNT = 9;
    }
}

constants! {
    /// Registers of the post unit's descriptor (indices; written by CONFIG).
    ///
    /// The walk, innermost first: window column, window row, output column, output row, outer (channel
    /// chunk, or plane when raw). A window element outside 0..`y_limit` x 0..`x_limit` is left out; a
    /// window is combined (DRAIN, POOL: maximum; ELTW: sum) and written once.
    pub mod post_descriptor: u8 {
        /// `[7:0]` window columns, `[15:8]` window rows, `[31:16]` outer count. Each at least 1.
        WINDOW = 0;
        /// `[15:0]` output columns, `[31:16]` output rows. Each at least 1.
        PIXELS = 1;
        /// `[15:0]` rows, `[31:16]` columns of the source map.
        LIMITS = 2;
        /// `[15:0]` source row and `[31:16]` source column of the first window element, signed: negative in the padding.
        START = 3;
        /// `[15:0]` source rows from output row to output row, `[31:16]` source columns from output column to output column.
        STRIDES = 4;
        /// Source step from window column to window column, in lanes or accumulators.
        WINDOW_COLUMN_STEP = 5;
        /// Source step from window row to window row.
        WINDOW_ROW_STEP = 6;
        /// Source step from output column to output column.
        COLUMN_STEP = 7;
        /// Source step from output row to output row.
        ROW_STEP = 8;
        /// Source step of the outer loop.
        OUTER_STEP = 9;
        /// Destination step from output column to output column, in lanes.
        DESTINATION_COLUMN_STEP = 10;
        /// Destination step from output row to output row.
        DESTINATION_ROW_STEP = 11;
        /// Destination step of the outer loop.
        DESTINATION_OUTER_STEP = 12;
        /// `[4:0]` shift s (0: none): `((v >> (s-1)) + 1) >> 1`, then clamp to `[15:8]` low and `[23:16]`
        /// high, signed 8-bit (ReLU is low = 0). A CONFIG traps ([`register::TRAP_OPERAND`](super::register::TRAP_OPERAND))
        /// if low is above high, or if one of them does not fit the bits of a lane.
        REQUANTISE = 13;
        /// Number of registers, a multiple of three.
        COUNT = 15;
    }
}
