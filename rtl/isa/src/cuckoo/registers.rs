//! The register map of the core's host port. Addresses that the tensor cell has too mean the same.

use crate::specification::constants;

constants! {
    /// Host registers: 32 bits each, byte addresses, little-endian.
    pub mod register: u32 {
        /// Reads [`ID_VALUE`].
        ID = 0x0000;
        /// "MYCK".
        ID_VALUE = 0x4b43_594d;
        /// Edge bits `[7:0]`, log2 of lanes `[11:8]`, log2 of partitions `[23:12]`, variant `[27:24]`, hash `[31:28]`.
        SHAPE = 0x0004;
        /// Low 32 bits of the specification hash ([`crate::cuckoo::Core::specification`]).
        SPECIFICATION_LOW = 0x0008;
        /// Its high 32 bits.
        SPECIFICATION_HIGH = 0x000c;
        /// Write: trim a graph for as many rounds as the value's low 16 bits say. Ignored while busy.
        START = 0x0010;
        /// Read: `[0]` busy, `[1]` halted since the last start, `[2]` trapped, `[7:4]` trap cause, `[31:16]` rounds done.
        STATUS = 0x0014;
        /// [`STATUS`]: busy.
        STATUS_BUSY = 1;
        /// [`STATUS`]: halted.
        STATUS_HALTED = 2;
        /// [`STATUS`]: trapped.
        STATUS_TRAPPED = 4;
        /// Trap cause: more edges came to one bank than its list holds.
        TRAP_CROWDED = 1;
        /// Read: edges alive, and with that edges stored, when halted.
        SURVIVORS = 0x0018;
        /// The graph's keys, written before START: word `w` of key `k` at `KEYS + 8 * k + 4 * w`.
        KEYS = 0x0020;

        /// First performance counter; counters clear at start.
        COUNTERS = 0x0040;
        /// Number of counters. Each is 32 bits at `COUNTERS + 4 * index`, and wraps.
        COUNTER_COUNT = 6;
        /// Counter: cycles from start to halt.
        COUNTER_CYCLES = 0;
        /// Counter: hashes begun, all lanes together.
        COUNTER_HASHES = 1;
        /// Counter: cycles in which a lane had an edge that the network did not take, summed over lanes.
        COUNTER_STALLS = 2;
        /// Counter: cycles in which two edges wanted the same way, summed over all switches.
        COUNTER_CONFLICTS = 3;
        /// Counter: edges that came to their bank.
        COUNTER_EDGES = 4;
        /// Counter: cycles of rounds whose edges came from lists.
        COUNTER_LIST_CYCLES = 5;

        /// Rounds stamped since start.
        STAMP_COUNT = 0x00f0;
        /// Edges alive after each round: 32 bits each, [`crate::cuckoo::Core::STAMP_DEPTH`] of them.
        STAMPS = 0x0400;
        /// Cycle in which each round ended, counted as [`COUNTER_CYCLES`]: as many.
        STAMP_CYCLES = 0x0800;
        /// One past the last address.
        END = 0x1000;
    }
}
