//! The barrier between the cells of a card.

use std::sync::Arc;

use myelin_hdl::{Module, choose, module, tree_reduce, u};
use myelin_rtl::tensor::barrier;

use crate::proof::{Method, Mutant, Proof};
use crate::watch::implies;

const CELLS: u32 = 4;

/// The barrier, and beside it how often each cell has arrived and how many barriers have been passed.
fn watched() -> Arc<Module> {
    module("barrier_proof", |m| {
        m.doc("Barrier with what watches it.");
        let inside = barrier::declare(m, CELLS);
        // Modulo 256, which no difference reaches.
        let passed = m.register("barriers_q", u(8)).reset(0);
        passed.next(choose(passed.q.wrapping_add(inside.passed)).when(inside.clear, 0).end());
        let mut waiting = Vec::new();
        for (cell, (&arrive, &count)) in inside.arrive.iter().zip(&inside.counts).enumerate() {
            let arrivals = m.register(&format!("arrivals_of_{cell}_q"), u(8)).reset(0);
            arrivals.next(choose(arrivals.q.wrapping_add(arrive)).when(inside.clear, 0).end());
            let ahead = arrivals.q.wrapping_sub(passed.q).named(&format!("ahead_{cell}"));
            let unanswered = ahead.wrapping_sub(inside.passed);
            m.assume(
                &format!("cell_{cell}_is_at_most_the_most_ahead"),
                implies(arrive, unanswered.lt(barrier::ARRIVALS_MAX)),
            );
            m.assert(&format!("cell_{cell}_count_is_arrivals_less_barriers"), unanswered.eq(count));
            m.assert(&format!("no_barrier_is_passed_before_cell_{cell}_arrives"), implies(inside.passed, ahead.any()));
            waiting.push(count.any());
        }
        let all = tree_reduce(&waiting, |a, b| a & b);
        let due = m.register("due_q", u(1)).reset(0);
        due.next(all & !inside.clear);
        m.assert("all_pass_in_the_cycle_after_the_last_is_counted_and_only_then", inside.passed.eq(due.q));
        m.cover("a_barrier_follows_a_barrier", inside.passed & all);
        m.cover("a_cell_is_several_ahead", inside.counts[0].eq(5) & !inside.counts[1].any());
    })
}

pub(super) fn proofs() -> Vec<Proof> {
    vec![Proof {
        name: "barrier",
        subject: "barrier of 4 cells",
        build: watched,
        method: Method::Induction { base: 3, steps: 1 },
        reach_steps: 12,
        proved: "no count of arrivals under- or overflows; each is the arrivals of its cell less the barriers passed, \
                 since the last clear; all cells pass in the second cycle after the last arrives, and never before \
                 each has arrived",
        assumed: "no cell arrives more than 15 times before the slowest",
        holes: "other numbers of cells are simulated only; that programs keep to 15 is the compiler's to show",
        mutants: &[
            Mutant {
                bug: "the last cell is not waited for",
                from: "wire all = ",
                to: "wire all = (|arrivals_0_q & |arrivals_1_q & |arrivals_2_q) | ",
            },
            Mutant {
                bug: "a count survives a reset",
                from: "if (!rst_ni) arrivals_2_q <= 4'd0;",
                to: "if (1'd0) arrivals_2_q <= 4'd0;",
            },
        ],
    }]
}
