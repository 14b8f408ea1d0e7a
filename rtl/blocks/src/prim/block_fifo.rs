//! First-in first-out queue in block RAM, for deep queues of narrow words.
//!
//! ```text
//!              +------------+
//!  push_valid->|            |->pop_valid
//!  push_ready<-| block_fifo |<-pop_ready
//!  push      ->|            |->pop
//!              +------------+
//! ```
//!
//! **Parameters.** `depth` words (a power of two, at least 4) of `width` bits.
//!
//! **Interface.** Streams, as [`super::fifo`]. `push_ready` is high while fewer than `depth` words are in memory.
//!
//! **Timing.** Latency [`LATENCY`], one word per cycle; capacity `depth` and the word at the exit, which has
//! left the memory. No combinational path from one side to the other.
//!
//! **Proved** (`verification/formal`): never more than its capacity, each word leaves once, in order and unchanged, and a
//! word offered stays.

use std::sync::Arc;

use myelin_hdl::{MemoryHandle, MemoryStyle, Module, ModuleBuilder, Signal, choose, module, u};

/// Cycles from a word pushed to the same word offered.
pub const LATENCY: usize = 2;

/// Builds the queue.
///
/// # Panics
/// If the depth is not a power of two or below 4.
pub fn block_fifo(depth: usize, width: u32) -> Arc<Module> {
    module(format!("block_fifo_{depth}x{width}"), |m| {
        m.doc("First-in first-out queue in block RAM: latency 2, one word per cycle.");
        declare(m, depth, width);
    })
}

/// What is inside the queue, for a module that watches it.
pub struct Inside {
    /// Words in memory.
    pub level: Signal,
    /// A word is there to enter.
    pub push_valid: Signal,
    /// There is room.
    pub push_ready: Signal,
    /// The word at the entry.
    pub push: Signal,
    /// A word is offered.
    pub pop_valid: Signal,
    /// A word offered is taken.
    pub pop_ready: Signal,
    /// The word at the exit.
    pub pop: Signal,
    /// The words in memory: from `tail` on, modulo the depth.
    pub words: MemoryHandle,
    /// Position of the word that is fetched next.
    pub tail: Signal,
}

/// The whole queue, ports included, in the open module `m`: [`block_fifo`] and its proof share it.
///
/// # Panics
/// As [`block_fifo`].
pub fn declare(m: &ModuleBuilder, depth: usize, width: u32) -> Inside {
    assert!(depth.is_power_of_two() && depth >= 4, "fifo depth {depth}: expected a power of two from 4");
    let index_width = depth.trailing_zeros();
    let push_valid = m.input("push_valid_i", u(1));
    let push = m.input("push_i", u(width));
    let pop_ready = m.input("pop_ready_i", u(1));

    // One bit more than an index: equal pointers are empty, pointers `depth` apart are full.
    let head = m.register("head_q", u(index_width + 1)).reset(0);
    let tail = m.register("tail_q", u(index_width + 1)).reset(0);
    let offered = m.register("offered_q", u(1)).reset(0);
    let level = head.q.wrapping_sub(tail.q).named("level");
    let push_ready = (!level.bit(index_width)).named("push_ready");
    let pushed = (push_valid & push_ready).named("pushed");
    // A word is fetched from memory where the exit is free or becomes so.
    let fetched = (level.ne(0) & (!offered.q | pop_ready)).named("fetched");
    head.next_when(pushed, head.q.wrapping_add(1));
    tail.next_when(fetched, tail.q.wrapping_add(1));
    offered.next(choose(offered.q).when(fetched, 1).when(pop_ready, 0).end());

    let words = m.memory("words", depth, 1, u(width)).style(MemoryStyle::Block);
    let tail = tail.q.slice(0, index_width);
    words.write(head.q.slice(0, index_width), pushed, &[push]);
    let pop = words.read(tail, fetched)[0];

    m.output("push_ready_o", push_ready);
    m.output("pop_valid_o", offered.q);
    m.output("pop_o", pop);
    m.cover("queue_fills", level.eq(depth as i64));
    Inside { level, push_valid, push_ready, push, pop_valid: offered.q, pop_ready, pop, words, tail }
}
