//! One column's look-up table, behind its drain lane.
//!
//! ```text
//!  index_i --> register --+
//!     |                   v
//!     +------> table --> mux --> result_o
//!  write_* ------^        ^-- look_up_i
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `index_i` | `bits` | the lane that is to be written in the next cycle |
//! | `result_o` | `bits` | that lane one cycle later, or the entry that its bits say |
//! | `look_up_i` | 1 | take the entry; the same in the cycles of `index_i` and of `result_o` |
//! | `write_valid_i`, `write_entry_i`, `write_i` | 1, `bits`, `bits` | write one entry |
//!
//! **Timing.** A lane a cycle, [`LATENCY`] cycle, with or without looking up: the table is read in place
//! of the lane's last register, so looking up costs no cycle. An entry written in one cycle is found by
//! what comes in from the next on.
//!
//! **Numbers.** As many entries as a lane has values: no bits are outside the table. That indices beyond
//! the chain's table count as its ends is in the entries ([`myelin_isa::WeightTarget::Table`]).
//!
//! **Why one for each column.** All lanes of a result are looked up at once; one table for all of them
//! would take a cycle for each lane and make the post unit wait.

use std::sync::Arc;

use myelin_hdl::{MemoryHandle, Module, ModuleBuilder, Signal, module, mux, u};
use myelin_isa::Architecture;

use super::pe::operand_ty;

/// Cycles from the index to the result.
pub const LATENCY: usize = 1;

/// Builds the table of one column.
pub fn look_up_table(architecture: &Architecture) -> Arc<Module> {
    module("look_up_table", |m| {
        m.doc("One column's look-up table: a lane as it is, or the entry that its bits say.");
        declare(m, architecture);
    })
}

/// What is inside, for a module that watches it. All but the last are the ports.
#[expect(missing_docs, reason = "the ports' table is above")]
pub struct Inside {
    pub index: Signal,
    pub look_up: Signal,
    pub write_valid: Signal,
    pub write_entry: Signal,
    pub write: Signal,
    pub result: Signal,
    /// The entries.
    pub entries: MemoryHandle,
}

/// The table and its ports in the open module `m`: [`look_up_table`] and its proof share it.
pub fn declare(m: &ModuleBuilder, architecture: &Architecture) -> Inside {
    let operand = operand_ty(architecture);
    let index = m.input("index_i", operand);
    let look_up = m.input("look_up_i", u(1));
    let write_valid = m.input("write_valid_i", u(1));
    let write_entry = m.input("write_entry_i", u(operand.width()));
    let write = m.input("write_i", operand);

    let entries = m.memory("entries", architecture.table_entries() as usize, 1, operand).collisions_are_unused();
    let entry = entries.read(index.cast_unsigned(), look_up)[0];
    entries.write(write_entry, write_valid, &[write]);
    let result = mux(look_up, entry, m.delay("lane_q", index));
    m.output("result_o", result);
    Inside { index, look_up, write_valid, write_entry, write, result, entries }
}
