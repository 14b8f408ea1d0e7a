//! The queue behind a pipeline that cannot stall: that of the plain hash lane, but shallower.

use std::sync::Arc;

use myelin_hdl::{Module, module, mux, u};
use myelin_rtl::prim::reserved_fifo;

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{Queue, implies, offered_word_stays, words_leave_in_order};

const DEPTH: usize = 4;

fn watched() -> Arc<Module> {
    module("reserved_fifo_proof", |m| {
        m.doc("Queue of words for which room was reserved, with what watches it.");
        let inside = reserved_fifo::declare(m, DEPTH, 2, u(4));
        offered_word_stays(m, inside.pop_valid, inside.pop_ready, &inside.pop);
        let index_width = DEPTH.trailing_zeros();
        let queue = Queue {
            capacity: DEPTH as i64,
            push_valid: inside.pushed,
            push_ready: m.constant(u(1), 1),
            pop_valid: inside.pop_valid,
            pop_ready: inside.pop_ready,
            push: &inside.push,
            pop: &inside.pop,
            // The word at the exit, then those in memory.
            held: &|ahead| {
                let in_memory = ahead.wrapping_sub(inside.pop_valid).truncate(index_width);
                let words = inside.words.read_asynchronous(inside.tail.wrapping_add(in_memory));
                let at_exit = inside.pop_valid & ahead.eq(0);
                words.into_iter().zip(&inside.pop).map(|(word, &pop)| mux(at_exit, pop, word)).collect()
            },
        };
        let held = words_leave_in_order(m, &queue);
        m.assert("held_are_those_in_memory_and_at_the_exit", held.eq(inside.waiting + inside.pop_valid));
        let between = inside.head.wrapping_sub(inside.tail);
        m.assert("those_in_memory_are_between_its_ends", between.eq(inside.waiting.truncate(index_width)));
        m.assert("some_wait_if_any_do", inside.waits.eq(inside.waiting.any()));
        m.assert("there_is_room_if_any_is_left", inside.has_room.eq(inside.room.any()));
        m.assert("room_and_words_are_at_most_its_depth", (inside.room + held).le(DEPTH as i64));

        // Room given, told by the ports alone.
        let given = m.register("given_q", u(8)).reset(0);
        let left = inside.pop_valid & inside.pop_ready;
        given.next(given.q.wrapping_add(inside.reserve).wrapping_sub(left));
        m.assert("room_is_that_which_is_not_given", (inside.room + given.q).eq(DEPTH as i64));
        m.assert("room_is_given_for_all_that_is_held", held.le(given.q));
        let waited = m.register("waited_q", u(1)).reset(0);
        waited.next(held.any() & !inside.pop_valid);
        m.assert("a_word_is_offered_two_cycles_after_it_entered", implies(waited.q, inside.pop_valid));
    })
}

pub(super) fn proofs() -> Vec<Proof> {
    vec![Proof {
        name: "reserved_fifo",
        subject: "FIFO behind a pipeline, 4 words of 2 x 4 bits",
        build: watched,
        method: Method::Induction { base: 5, steps: 2 },
        reach_steps: 16,
        proved: "room is given exactly as often as there is some, words on their way and here included, so never more than its \
                 depth; every word leaves exactly once, in order and unchanged, and is offered two cycles later at the latest where \
                 none is before it; a word offered stays, unchanged, until taken; across resets at any time",
        assumed: "room is reserved only where there is some, a word comes only where room was reserved for it",
        holes: "other depths and widths are simulated only; that the hash lane keeps the assumptions is simulated, with \
                assertions in the block",
        mutants: &[
            Mutant {
                bug: "room comes back in every cycle in which the consumer is ready",
                from: "wire popped = offered_q & pop_ready_i;",
                to: "wire popped = pop_ready_i;",
            },
            Mutant {
                bug: "fetches before the consumer is ready",
                from: "wire fetched = waiting_any_q & ",
                to: "wire fetched = waiting_any_q | 1'd0 & ",
            },
        ],
    }]
}
