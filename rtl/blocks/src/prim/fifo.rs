//! First-in first-out queue.
//!
//! ```text
//!              +------+
//!  push_valid->|      |->pop_valid
//!  push_ready<-| fifo |<-pop_ready
//!  push_k    ->|      |->pop_k
//!              +------+
//! ```
//!
//! **Parameters.** `depth` words (a power of two, at least 2) of `lanes` lanes of type `lane`.
//!
//! **Interface.** Streams: a word moves on a rising edge with valid and ready both high; valid does
//! not depend on ready; a word offered stays until taken. `push_ready` is high while fewer than
//! `depth` words are held.
//!
//! **Timing.** Latency 1 (a word pushed in cycle 0 is offered in cycle 1), one word per cycle.
//! Capacity `depth`. No combinational path from one side to the other.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Ty, module, u};

use super::bundle;

/// Builds the queue.
///
/// # Panics
/// If the depth is not a power of two or below 2.
pub fn fifo(depth: usize, lanes: usize, lane: Ty) -> Arc<Module> {
    assert!(depth.is_power_of_two() && depth >= 2, "fifo depth {depth}: expected a power of two from 2");
    let index_width = depth.trailing_zeros();
    module(format!("fifo_{depth}x{lanes}x{}", lane.width()), |m| {
        m.doc("First-in first-out queue: latency 1, one word per cycle, no combinational path across.");
        let push_valid = m.input("push_valid_i", u(1));
        let push = bundle::inputs(m, "push", lanes, lane);
        let pop_ready = m.input("pop_ready_i", u(1));

        // One bit more than an index: equal pointers are empty, pointers `depth` apart are full.
        let head = m.register("head_q", u(index_width + 1)).reset(0);
        let tail = m.register("tail_q", u(index_width + 1)).reset(0);
        let level = head.q.wrapping_sub(tail.q).named("level");
        let push_ready = level.ne(depth as i64).named("push_ready");
        let pop_valid = level.ne(0).named("pop_valid");
        let pushed = (push_valid & push_ready).named("pushed");
        let popped = (pop_valid & pop_ready).named("popped");
        head.next_when(pushed, head.q.wrapping_add(1));
        tail.next_when(popped, tail.q.wrapping_add(1));

        let words = m.memory("words", depth, lanes, lane).style(MemoryStyle::Distributed);
        words.write(head.q.slice(0, index_width), pushed, &push);
        let pop = words.read_asynchronous(tail.q.slice(0, index_width));

        m.output("push_ready_o", push_ready);
        m.output("pop_valid_o", pop_valid);
        bundle::outputs(m, "pop", &pop);

        m.assert("level_is_at_most_depth", level.le(depth as i64));
        m.cover("queue_fills", level.eq(depth as i64));
    })
}
