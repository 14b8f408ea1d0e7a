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
//! **Timing.** Latency [`LATENCY`] (a word pushed in cycle 0 is offered in cycle 1), one word per cycle.
//! Capacity `depth`. No combinational path from one side to the other.
//!
//! **Proved** (`verification/formal`): never more than `depth` words, each word leaves once, in order
//! and unchanged, and a word offered stays.

use std::sync::Arc;

use myelin_hdl::{MemoryHandle, MemoryStyle, Module, ModuleBuilder, Signal, Ty, module, u};

use super::bundle;

/// Cycles from a word pushed to the same word offered.
pub const LATENCY: usize = 1;

/// Builds the queue.
///
/// # Panics
/// If the depth is not a power of two or below 2.
pub fn fifo(depth: usize, lanes: usize, lane: Ty) -> Arc<Module> {
    module(format!("fifo_{depth}x{lanes}x{}", lane.width()), |m| {
        m.doc("First-in first-out queue: latency 1, one word per cycle, no combinational path across.");
        declare(m, depth, lanes, lane);
    })
}

/// What is inside the queue, for a module that watches it.
pub struct Inside {
    /// Words held.
    pub level: Signal,
    /// A word is there to enter.
    pub push_valid: Signal,
    /// There is room.
    pub push_ready: Signal,
    /// A word is offered.
    pub pop_valid: Signal,
    /// A word offered is taken.
    pub pop_ready: Signal,
    /// The word at the entry.
    pub push: Vec<Signal>,
    /// The word at the exit.
    pub pop: Vec<Signal>,
    /// The words held: from `tail` on, modulo the depth.
    pub words: MemoryHandle,
    /// Position of the word that leaves next.
    pub tail: Signal,
}

/// The whole queue, ports included, in the open module `m`: [`fifo`] and its proof share it.
///
/// # Panics
/// As [`fifo`].
pub fn declare(m: &ModuleBuilder, depth: usize, lanes: usize, lane: Ty) -> Inside {
    assert!(depth.is_power_of_two() && depth >= 2, "fifo depth {depth}: expected a power of two from 2");
    let index_width = depth.trailing_zeros();
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
    // Where there is room, whether a word comes or not: that comes late, and what is there counts only once it has.
    words.write(head.q.slice(0, index_width), push_ready, &push);
    let tail = tail.q.slice(0, index_width);
    let pop = words.read_asynchronous(tail);

    m.output("push_ready_o", push_ready);
    m.output("pop_valid_o", pop_valid);
    bundle::outputs(m, "pop", &pop);

    m.assert("level_is_at_most_depth", level.le(depth as i64));
    m.cover("queue_fills", level.eq(depth as i64));
    m.cover("queue_is_full_and_drains", popped & level.eq(depth as i64));
    Inside { level, push_valid, push_ready, pop_valid, pop_ready, push, pop, words, tail }
}
