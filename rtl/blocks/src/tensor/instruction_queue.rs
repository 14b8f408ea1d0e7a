//! Queue of a unit's instructions, the first of which is in registers.
//!
//! ```text
//!              +-------------------+
//!  push_valid->|                   |->pop_valid
//!  push_ready<-| instruction queue |<-pop_ready
//!  push_k    ->|                   |->pop_k
//!              +-------------------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `push_valid_i`, `push_<k>_i`, `push_index_i`, `push_ready_o` | 1, 32, pc, 1 | an instruction and its number, a stream |
//! | `pop_valid_o`, `pop_<k>_o`, `pop_index_o`, `pop_ready_i` | 1, 32, pc, 1 | the first one, a stream |
//! | `holds_o` | 1 | there is an instruction, offered or not yet |
//!
//! **Timing.** An instruction pushed in cycle 0 is offered from cycle [`LATENCY`] on, or in the cycle after the one
//! before it left. At most [`Architecture::QUEUE_DEPTH`] are held, the first among them.
//!
//! **Why not a [`fifo`](crate::prim::fifo).** Units decide on their instruction's words in the cycle in which it is
//! taken: that is the longest path of the cell, and does not begin at a memory.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, choose, module, u};
use myelin_isa::Architecture;

use super::sequencer;
use crate::prim::bundle;

/// Cycles from an instruction pushed to the same one offered.
pub const LATENCY: usize = 2;

/// Builds the queue.
pub fn instruction_queue(architecture: &Architecture) -> Arc<Module> {
    let depth = Architecture::QUEUE_DEPTH as usize;
    let index_ty = u(sequencer::pc_width(architecture));
    let place_width = depth.trailing_zeros();
    module("instruction_queue", |m| {
        m.doc("Queue of a unit's instructions, the first of which is in registers.");
        let push_valid = m.input("push_valid_i", u(1));
        let push = bundle::inputs(m, "push", 4, u(32));
        let push_index = m.input("push_index_i", index_ty);
        let pop_ready = m.input("pop_ready_i", u(1));

        // One bit more than a place: equal pointers are empty. The first one keeps its place until it leaves.
        let pointer = |name: &str| m.register(name, u(place_width + 1)).reset(0);
        let (head, next, tail) = (pointer("head_q"), pointer("next_q"), pointer("tail_q"));
        let offered = m.register("offered_q", u(1)).reset(0);
        let level = head.q.wrapping_sub(tail.q).named("level");
        let push_ready = level.ne(depth as i64).named("push_ready");
        let pushed = (push_valid & push_ready).named("pushed");
        let popped = (offered.q & pop_ready).named("popped");
        let follows = head.q.ne(next.q).named("follows");
        let moved = (follows & (!offered.q | popped)).named("moved");
        head.next_when(pushed, head.q.wrapping_add(1));
        next.next_when(moved, next.q.wrapping_add(1));
        tail.next_when(popped, tail.q.wrapping_add(1));
        offered.next(choose(offered.q).when(moved, 1).when(popped, 0).end());

        let place = |pointer: Signal| pointer.slice(0, place_width);
        let words = m.memory("words", depth, 4, u(32)).style(MemoryStyle::Distributed);
        words.write(place(head.q), pushed, &push);
        let indices = m.memory("indices", depth, 1, index_ty).style(MemoryStyle::Distributed);
        indices.write(place(head.q), pushed, &[push_index]);
        let first = |name: &str, value: Signal| {
            let register = m.register(name, value.ty());
            register.next_when(moved, value);
            register.q
        };
        let read = words.read_asynchronous(place(next.q));
        let pop: Vec<Signal> =
            read.into_iter().enumerate().map(|(word, value)| first(&format!("word_{word}_q"), value)).collect();
        let pop_index = first("index_q", indices.read_asynchronous(place(next.q))[0]);

        m.output("push_ready_o", push_ready);
        m.output("pop_valid_o", offered.q);
        bundle::outputs(m, "pop", &pop);
        m.output("pop_index_o", pop_index);
        m.output("holds_o", level.any());
        m.assert("level_is_at_most_depth", level.le(depth as i64));
        m.assert("what_is_offered_has_a_place", !offered.q | level.any());
        m.cover("queue_fills", level.eq(depth as i64));
    })
}
