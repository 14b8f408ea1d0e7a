//! One column's accumulators: two halves, one being accumulated while the other is drained.
//!
//! ```text
//!   partial_sum_i --> + --> half 0 | half 1 --> value_o
//!   control_i ------->^                    <--- drain_*_i
//!         control_o <-'
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `valid_i`, `first_i`, `half_i`, `index_i` | 1, 1, 1, log2 depth | control of the sum that arrives [`SUM_AFTER`] cycles later: where it goes, and whether it starts a new total |
//! | `partial_sum_i` | `partial_sum_ty` | sum from the array |
//! | `valid_o` .. `index_o` | | the control, one cycle later, for the next column |
//! | `drain_read_i`, `drain_half_i`, `drain_index_i` | 1, 1, log2 depth | read request |
//! | `value_o` | s32 | total, [`DRAIN_LATENCY`] cycles after its request |
//! | `overflow_o` | 1 | a total left 32 bits, [`OVERFLOW_AFTER`] cycles after its control; it was wrapped |
//! | `conflict_o` | 1 | in the cycle before, a half was drained into which the array adds; then the array read something else, or the drain an old total |
//!
//! **Timing.** Control in cycle 0, sum in cycle 2, total written at the end of cycle 3. So an index
//! may be used again after [`REUSE_CYCLES`] cycles, which the array unit keeps because a tile of
//! weights takes at least as long to load; and it may be drained from cycle 4 on. Nothing but a multiplexer is
//! between a memory and the register behind it: block RAM of an ECP5 takes half of a cycle of 80 MHz by itself.
//!
//! **Numbers.** Totals are s32. The compiler proves that no layer can overflow them; if one does all
//! the same, `overflow_o` stops the machine.
//!
//! **Ownership.** Dependency tokens keep array unit and post unit on different halves, so each half
//! needs one read and one write port: one block RAM, of which nobody reads what is being written. Where a program lets
//! both use one, `conflict_o` stops the machine.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, module, mux, s, tree_reduce, u};
use myelin_isa::Architecture;

use super::pe;

/// Cycles between two uses of one accumulator by the array.
pub const REUSE_CYCLES: u32 = 4;
/// Cycles from the control to its sum.
pub const SUM_AFTER: usize = 2;
/// Cycles from the control to the first cycle in which the total may be drained.
pub const DRAIN_AFTER: usize = 4;
/// Cycles from the control to `overflow_o`.
pub const OVERFLOW_AFTER: usize = 3;
/// Cycles from a drain's request to its total.
pub const DRAIN_LATENCY: usize = 2;

/// Builds one column.
pub fn accumulator(architecture: &Architecture) -> Arc<Module> {
    let depth = architecture.accumulator_depth();
    let index_ty = u(depth.trailing_zeros());
    module("accumulator", |m| {
        m.doc("One column's accumulators: two halves of 32-bit totals, accumulated and drained in turn.");
        let valid = m.input("valid_i", u(1));
        let first = m.input("first_i", u(1));
        let half = m.input("half_i", u(1));
        let index = m.input("index_i", index_ty);
        let partial_sum = m.input("partial_sum_i", pe::partial_sum_ty(architecture));
        let drain_read = m.input("drain_read_i", u(1));
        let drain_half = m.input("drain_half_i", u(1));
        let drain_index = m.input("drain_index_i", index_ty);

        // Cycle 1, the memory's: control for the next column. Cycle 2: the sum. Cycle 3: the write.
        let valid_q = m.register("valid_q", u(1)).reset(0);
        valid_q.next(valid);
        let first_q = m.delay("first_q", first);
        let half_q = m.delay("half_q", half);
        let index_q = m.delay("index_q", index);
        let adding = m.register("adding_q", u(1)).reset(0);
        adding.next(valid_q.q);
        let add_half = m.delay("add_half_q", half_q);
        let add_index = m.delay("add_index_q", index_q);
        let writing = m.register("writing_q", u(1)).reset(0);
        writing.next(adding.q);
        let write_half = m.delay("write_half_q", add_half);
        let write_index = m.delay("write_index_q", add_index);

        // A bit more than a total: that bit is its overflow.
        let total = m.register("total_q", s(33));
        let mut held = Vec::new();
        let mut conflicts = Vec::new();
        for this in 0..2 {
            let (mine, drained) = if this == 0 { (!half, !drain_half) } else { (half, drain_half) };
            let accumulating = (valid & mine).named(&format!("accumulating_{this}"));
            let draining = (drain_read & drained).named(&format!("draining_{this}"));
            // Also what is still on its way into it: so no total is read while it is written.
            let on_the_way = [(valid_q.q, half_q), (adding.q, add_half), (writing.q, write_half)]
                .map(|(valid, of)| valid & if this == 0 { !of } else { of });
            conflicts.push(draining & (accumulating | tree_reduce(&on_the_way, |a, b| a | b)));
            let totals = m
                .memory(&format!("half_{this}"), depth as usize, 1, s(32))
                .style(MemoryStyle::Block)
                .collisions_are_unused();
            held.push(totals.read(mux(draining, drain_index, index), accumulating | draining)[0]);
            let here = if this == 0 { !write_half } else { write_half };
            totals.write(write_index, writing.q & here, &[total.q.truncate(32)]);
        }
        let before = m.delay("before_q", mux(first_q, 0, mux(half_q, held[1], held[0])));
        let sum = (before + partial_sum).named("sum");
        total.next(sum);
        let overflow = (writing.q & total.q.bit(32).ne(total.q.bit(31))).named("overflow");
        let conflict = m.register("conflict_q", u(1)).reset(0);
        conflict.next(conflicts[0] | conflicts[1]);

        m.output("valid_o", valid_q.q);
        m.output("first_o", first_q);
        m.output("half_o", half_q);
        m.output("index_o", index_q);
        m.output("value_o", m.delay("value_q", mux(m.delay("drain_half_q", drain_half), held[1], held[0])));
        m.output("overflow_o", overflow);
        m.output("conflict_o", conflict.q);
        // The read of this cycle misses the totals of the three sums before it, which are not written yet.
        let recent = [
            valid_q.q & index.eq(index_q) & half.eq(half_q),
            adding.q & index.eq(add_index) & half.eq(add_half),
            writing.q & index.eq(write_index) & half.eq(write_half),
        ];
        m.assert("index_is_not_reused_too_soon", !(valid & tree_reduce(&recent, |a, b| a | b)));
    })
}
