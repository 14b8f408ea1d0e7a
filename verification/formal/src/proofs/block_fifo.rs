//! The queue in block RAM: that of the stick's serial port, but shallower.

use std::sync::Arc;

use myelin_hdl::{Module, module, mux, u};
use myelin_rtl::prim::block_fifo;

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{Queue, implies, offered_word_stays, words_leave_in_order};

const DEPTH: usize = 4;

fn watched() -> Arc<Module> {
    module("block_fifo_proof", |m| {
        m.doc("Queue in block RAM with what watches it.");
        let inside = block_fifo::declare(m, DEPTH, 8);
        let (push, pop) = ([inside.push], [inside.pop]);
        offered_word_stays(m, inside.pop_valid, inside.pop_ready, &pop);
        let index_width = DEPTH.trailing_zeros();
        let queue = Queue {
            capacity: DEPTH as i64 + 1,
            push_valid: inside.push_valid,
            push_ready: inside.push_ready,
            pop_valid: inside.pop_valid,
            pop_ready: inside.pop_ready,
            push: &push,
            pop: &pop,
            // The word at the exit, then those in memory.
            held: &|ahead| {
                let in_memory = ahead.wrapping_sub(inside.pop_valid).truncate(index_width);
                let word = inside.words.read_asynchronous(inside.tail.wrapping_add(in_memory))[0];
                vec![mux(inside.pop_valid & ahead.eq(0), inside.pop, word)]
            },
        };
        let held = words_leave_in_order(m, &queue);
        m.assert("held_are_those_in_memory_and_at_the_exit", held.eq(inside.level + inside.pop_valid));
        m.assert("takes_a_word_while_fewer_than_its_depth_wait", inside.push_ready.eq(inside.level.lt(DEPTH as i64)));
        m.assert("nothing_waits_in_memory_while_the_exit_is_free", inside.pop_valid | inside.level.le(1));
        let waited = m.register("waited_q", u(1)).reset(0);
        waited.next(held.any() & !inside.pop_valid);
        m.assert("a_word_is_offered_two_cycles_after_it_entered", implies(waited.q, inside.pop_valid));
    })
}

pub(super) fn proofs() -> Vec<Proof> {
    vec![Proof {
        name: "block_fifo",
        subject: "FIFO in block RAM, 4 words of 8 bits",
        build: watched,
        method: Method::Induction { base: 5, steps: 2 },
        reach_steps: 16,
        proved: "never holds more than its depth and one; every word leaves exactly once, in order and unchanged; takes a word \
                 whenever fewer than its depth are in memory, and offers it two cycles later at the latest where none is before \
                 it; a word offered stays, unchanged, until taken; across resets at any time",
        assumed: "none",
        holes: "other depths and widths are simulated only",
        mutants: &[
            Mutant { bug: "forgets full", from: "wire push_ready = ", to: "wire push_ready = 1'd1 | " },
            Mutant {
                bug: "fetches before the consumer is ready",
                from: "wire fetched = ",
                to: "wire fetched = level != 3'd0 |",
            },
        ],
    }]
}
