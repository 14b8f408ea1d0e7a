//! The skid buffer.

use std::sync::Arc;

use myelin_hdl::{Module, Ty, module, mux, u};
use myelin_rtl::prim::skid_buffer;

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{Queue, offered_word_stays, words_leave_in_order, words_move_whenever_they_can};

fn watched(lanes: usize, lane: Ty) -> Arc<Module> {
    module("skid_buffer_proof", |m| {
        m.doc("Skid buffer with what watches it.");
        let inside = skid_buffer::declare(m, lanes, lane);
        offered_word_stays(m, inside.main_full, inside.pop_ready, &inside.main);
        let queue = Queue {
            capacity: skid_buffer::CAPACITY as i64,
            push_valid: inside.push_valid,
            push_ready: inside.push_ready,
            pop_valid: inside.main_full,
            pop_ready: inside.pop_ready,
            push: &inside.push,
            pop: &inside.main,
            held: &|ahead| {
                let words = inside.main.iter().zip(&inside.skid);
                words.map(|(&main, &skid)| mux(ahead.eq(0), main, skid)).collect()
            },
        };
        let held = words_leave_in_order(m, &queue);
        words_move_whenever_they_can(m, &queue, held);
    })
}

pub(super) fn proofs() -> Vec<Proof> {
    vec![Proof {
        name: "skid_buffer",
        subject: "skid buffer, 2 lanes of 8 bits",
        build: || watched(2, u(8)),
        method: Method::Induction { base: 4, steps: 2 },
        reach_steps: 10,
        proved: "never holds more than two words; every word leaves exactly once, in order and unchanged; takes a \
                 word whenever there is room and offers one whenever there is one; a word offered stays, unchanged, \
                 until taken; across resets at any time",
        assumed: "none",
        holes: "other widths are simulated only; that no path crosses combinationally is a test of the structure, \
                not a proof",
        mutants: &[
            Mutant { bug: "overwrites the word behind", from: "wire push_ready = ", to: "wire push_ready = 1'd1 | " },
            Mutant { bug: "lets a new word overtake", from: "skid_full_q ? skid_0_q : push_0_i", to: "push_0_i" },
            Mutant {
                bug: "moves on before the consumer is ready",
                from: "wire main_stays = ",
                to: "wire main_stays = 1'd0 & ",
            },
            Mutant {
                bug: "takes a word that is not valid",
                from: "wire pushed = push_valid_i & ",
                to: "wire pushed = ",
            },
        ],
    }]
}
