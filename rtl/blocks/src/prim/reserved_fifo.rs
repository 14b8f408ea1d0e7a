//! First-in first-out queue behind a pipeline that cannot stall: room is reserved before a word is on its way.
//!
//! ```text
//!              +---------------+
//!  reserve   ->|               |
//!  room      <-|               |->pop_valid
//!  push_valid->| reserved_fifo |<-pop_ready
//!  push_k    ->|               |->pop_k
//!              +---------------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `room_o`, `reserve_i` | 1 | there is room (reset: 1); it is taken for one word, only while there is |
//! | `push_valid_i`, `push_<k>_i` | 1, lane | a word comes, for which room was reserved in an earlier cycle |
//! | `pop_valid_o`, `pop_<k>_o`, `pop_ready_i` | 1, lane, 1 | words in their order: a stream |
//! | `busy_o` | 1 | room is reserved, for words on their way or here (reset: 0) |
//!
//! **Parameters.** `depth` words (a power of two, at least 2) of `lanes` lanes of type `lane`.
//!
//! **Timing.** Latency [`LATENCY`], one word per cycle. Capacity `depth`, those on their way and the one at the exit
//! included. No combinational path from one side to the other, and every output from a register.
//!
//! **Cut.** The word at the exit is in registers: behind the read of a memory of look-up tables there is no time left for
//! what follows.
//!
//! **Proved** (`verification/formal`): room is never given twice, each word leaves once, in order and unchanged, and a
//! word offered stays.

use std::sync::Arc;

use myelin_hdl::{MemoryHandle, MemoryStyle, Module, ModuleBuilder, Signal, Ty, choose, module, u};

use super::bundle;
use super::level::Level;

/// Cycles from a word pushed to the same word offered.
pub const LATENCY: usize = 2;

/// Builds the queue.
///
/// # Panics
/// If the depth is not a power of two or below 2.
pub fn reserved_fifo(depth: usize, lanes: usize, lane: Ty) -> Arc<Module> {
    module(format!("reserved_fifo_{depth}x{lanes}x{}", lane.width()), |m| {
        m.doc("First-in first-out queue of words for which room was reserved: latency 2, one word per cycle.");
        declare(m, depth, lanes, lane);
    })
}

/// What is inside the queue, for a module that watches it.
pub struct Inside {
    /// Room is taken for a word.
    pub reserve: Signal,
    /// Words for which there is room.
    pub room: Signal,
    /// There is room.
    pub has_room: Signal,
    /// A word enters.
    pub pushed: Signal,
    /// The word at the entry.
    pub push: Vec<Signal>,
    /// Words in memory.
    pub waiting: Signal,
    /// There is a word in memory.
    pub waits: Signal,
    /// A word is offered.
    pub pop_valid: Signal,
    /// A word offered is taken.
    pub pop_ready: Signal,
    /// The word at the exit.
    pub pop: Vec<Signal>,
    /// The words in memory: from `tail` on, modulo the depth.
    pub words: MemoryHandle,
    /// Position of the word that is fetched next.
    pub tail: Signal,
    /// Position of the next word to enter.
    pub head: Signal,
}

/// The whole queue, ports included, in the open module `m`: [`reserved_fifo`] and its proof share it.
///
/// # Panics
/// As [`reserved_fifo`].
pub fn declare(m: &ModuleBuilder, depth: usize, lanes: usize, lane: Ty) -> Inside {
    assert!(depth.is_power_of_two() && depth >= 2, "fifo depth {depth}: expected a power of two from 2");
    let index = u(depth.trailing_zeros());
    let reserve = m.input("reserve_i", u(1));
    let pushed = m.input("push_valid_i", u(1));
    let push = bundle::inputs(m, "push", lanes, lane);
    let pop_ready = m.input("pop_ready_i", u(1));

    let head = m.register("head_q", index).reset(0);
    let tail = m.register("tail_q", index).reset(0);
    let offered = m.register("offered_q", u(1)).reset(0);
    let waiting = Level::new(m, "waiting", depth as u32, 0);
    let room = Level::new(m, "room", depth as u32, depth as u32);
    let popped = (offered.q & pop_ready).named("popped");
    // A word is fetched from memory where the exit is free or becomes so.
    let fetched = (waiting.any() & (!offered.q | pop_ready)).named("fetched");
    head.next_when(pushed, head.q.wrapping_add(1));
    tail.next_when(fetched, tail.q.wrapping_add(1));
    offered.next(choose(offered.q).when(fetched, 1).when(pop_ready, 0).end());

    let words = m.memory("words", depth, lanes, lane).style(MemoryStyle::Distributed);
    words.write(head.q, pushed, &push);
    let read = words.read_asynchronous(tail.q);
    let held = |(k, word): (usize, Signal)| {
        let register = m.register(&format!("exit_{k}_q"), lane);
        register.next_when(fetched, word);
        register.q
    };
    let pop: Vec<Signal> = read.into_iter().enumerate().map(held).collect();

    m.output("room_o", room.any());
    m.output("busy_o", room.count().ne(depth as i64));
    m.output("pop_valid_o", offered.q);
    bundle::outputs(m, "pop", &pop);
    let inside = Inside {
        reserve,
        room: room.count(),
        has_room: room.any(),
        pushed,
        push,
        waiting: waiting.count(),
        waits: waiting.any(),
        pop_valid: offered.q,
        pop_ready,
        pop,
        words,
        tail: tail.q,
        head: head.q,
    };
    m.assume("room_is_reserved_only_where_there_is_some", !reserve | inside.has_room);
    let here = inside.room + inside.waiting + offered.q;
    m.assume("a_word_comes_only_where_room_was_reserved", !pushed | here.lt(depth as i64));
    m.cover("all_room_is_reserved", !inside.has_room);
    room.step(popped, reserve);
    waiting.step(pushed, fetched);
    inside
}
