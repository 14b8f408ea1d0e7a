//! List of one bank's edges: a ring, read from the oldest on while new ones come in behind.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `begin_i`, `keep_i` | 1, 1 | a pass begins: what is held is read in it if kept, else forgotten |
//! | `push_valid_i`, `push_<k>_i` | 1, `edge_bits` | three words; dropped where there is no room |
//! | `pop_valid_o`, `pop_<k>_o`, `pop_ready_i` | 1, `edge_bits`, 1 | what was held when the pass began: a stream |
//! | `crowded_o` | 1 | something was dropped since the pass began, or more is held than [`Core::list_limit`] |
//! | `dropped_o` | 1 | something was dropped since the pass began |
//! | `busy_o` | 1 | something is left to be read |
//!
//! **Timing.** The first word two cycles after `begin_i`, then one a cycle.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, choose, module, mux, u};
use myelin_isa::cuckoo::Core;

use crate::prim::bundle;

/// Builds the list.
pub fn list(core: &Core) -> Arc<Module> {
    let edge = u(core.edge_bits());
    let index_bits = core.list_entries().ilog2();
    let count = u(index_bits + 1);
    module("list", |m| {
        m.doc("A bank's edges: a ring, read from the oldest on while new ones come in behind.");
        let begin = m.input("begin_i", u(1));
        let keep = m.input("keep_i", u(1));
        let push_valid = m.input("push_valid_i", u(1));
        let push = bundle::inputs(m, "push", 3, edge);
        let pop_ready = m.input("pop_ready_i", u(1));

        let [head, tail, left] = ["head_q", "tail_q", "left_q"].map(|name| m.register(name, count).reset(0));
        let level = head.q.wrapping_sub(tail.q).named("level");
        let room = !level.bit(index_bits);
        let pushes = (push_valid & room).named("pushes");
        let pop_valid = m.register("pop_valid_q", u(1)).reset(0);
        let reads = (left.q.any() & (!pop_valid.q | pop_ready)).named("reads");
        head.next_when(pushes, head.q.wrapping_add(1));
        tail.next(choose(tail.q).when(begin & !keep, head.q).when(reads, tail.q.wrapping_add(1)).end());
        left.next(choose(left.q).when(begin, mux(keep, level, 0)).when(reads, left.q.wrapping_sub(1)).end());
        pop_valid.next(choose(pop_valid.q).when(reads, 1).when(pop_ready, 0).end());

        let words = m.memory("words", 1 << index_bits, 3, edge).style(MemoryStyle::Block);
        words.write(head.q.truncate(index_bits), pushes, &push);
        let pop = words.read(tail.q.truncate(index_bits), reads);

        let dropped = m.register("dropped_q", u(1)).reset(0);
        dropped.next(choose(dropped.q).when(begin, 0).when(push_valid & !room, 1).end());

        m.output("pop_valid_o", pop_valid.q);
        bundle::outputs(m, "pop", &pop);
        m.output("crowded_o", dropped.q | level.gt(i64::from(core.list_limit())));
        m.output("dropped_o", dropped.q);
        m.output("busy_o", left.q.any() | pop_valid.q);
        m.assert("a_pass_begins_when_the_last_is_over", !begin | (!left.q.any() & !pop_valid.q & !push_valid));
    })
}
