//! The queue: the cell's instruction queue, and the smallest one.

use std::sync::Arc;

use myelin_hdl::{Module, Ty, module, u};
use myelin_isa::Architecture;
use myelin_rtl::prim::fifo;

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{Queue, offered_word_stays, words_leave_in_order, words_move_whenever_they_can};

fn watched(depth: usize, lanes: usize, lane: Ty) -> Arc<Module> {
    module("fifo_proof", |m| {
        m.doc("First-in first-out queue with what watches it.");
        let inside = fifo::declare(m, depth, lanes, lane);
        offered_word_stays(m, inside.pop_valid, inside.pop_ready, &inside.pop);
        let position_ty = u(depth.trailing_zeros());
        let queue = Queue {
            capacity: depth as i64,
            push_valid: inside.push_valid,
            push_ready: inside.push_ready,
            pop_valid: inside.pop_valid,
            pop_ready: inside.pop_ready,
            push: &inside.push,
            pop: &inside.pop,
            held: &|ahead| {
                let at = inside.tail.wrapping_add(ahead.truncate(position_ty.width()));
                inside.words.read_asynchronous(at)
            },
        };
        let held = words_leave_in_order(m, &queue);
        words_move_whenever_they_can(m, &queue, held);
        m.assert("level_is_words_entered_less_words_left", inside.level.eq(held));
    })
}

const PROVED: &str = "never holds more than its depth; every word leaves exactly once, in order and unchanged; \
                      takes a word whenever there is room and offers one whenever there is one; \
                      a word offered stays, unchanged, until taken; across resets at any time";
const HOLES: &str = "other depths and widths are simulated only";

pub(super) fn proofs() -> Vec<Proof> {
    vec![
        Proof {
            name: "fifo",
            subject: "FIFO of 4 words of 4 x 32 bits (the cell's instruction queue)",
            build: || watched(Architecture::QUEUE_DEPTH as usize, 4, u(32)),
            method: Method::Induction { base: 4, steps: 2 },
            reach_steps: 14,
            proved: PROVED,
            assumed: "none",
            holes: HOLES,
            mutants: &[
                Mutant { bug: "forgets full", from: "wire push_ready = level != 3'd4;", to: "wire push_ready = 1'd1;" },
                Mutant {
                    bug: "is full one word early",
                    from: "wire push_ready = level != 3'd4;",
                    to: "wire push_ready = level != 3'd3;",
                },
                Mutant { bug: "forgets empty", from: "wire pop_valid = level != 3'd0;", to: "wire pop_valid = 1'd1;" },
                Mutant {
                    bug: "takes a word that is not valid",
                    from: "wire pushed = push_valid_i & push_ready;",
                    to: "wire pushed = push_ready;",
                },
                Mutant { bug: "writes even when full", from: "if (push_ready) words[", to: "if (1'd1) words[" },
                Mutant {
                    bug: "drops a word that comes in the cycle of a pop",
                    from: "else if (pushed) head_q",
                    to: "else if (pushed & !popped) head_q",
                },
                Mutant {
                    bug: "moves on before the consumer is ready",
                    from: "wire popped = pop_valid & pop_ready_i;",
                    to: "wire popped = pop_valid;",
                },
            ],
        },
        Proof {
            name: "fifo_smallest",
            subject: "FIFO of 2 words of 1 bit",
            build: || watched(2, 1, u(1)),
            method: Method::Induction { base: 4, steps: 2 },
            reach_steps: 10,
            proved: PROVED,
            assumed: "none",
            holes: HOLES,
            mutants: &[Mutant {
                bug: "compares one bit too few",
                from: "wire push_ready = level != 2'd2;",
                to: "wire push_ready = level[0] != 1'd1;",
            }],
        },
    ]
}
