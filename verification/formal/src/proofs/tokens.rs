//! The dependency tokens.

use std::sync::Arc;

use myelin_hdl::{Module, module, mux, tree_reduce, u};
use myelin_isa::Unit;
use myelin_rtl::tensor::tokens;

use crate::proof::{Method, Mutant, Proof};
use crate::watch::implies;

/// The counters, an environment that takes only when ready and keeps below the most, and what was
/// given and taken since reset.
fn watched() -> Arc<Module> {
    module("tokens_proof", |m| {
        m.doc("Dependency tokens with what watches them.");
        let inside = tokens::declare(m);
        let units = inside.wait.len();
        for unit in 0..units {
            m.assume(&format!("unit_{unit}_takes_only_when_ready"), implies(inside.take[unit], inside.ready[unit]));
        }
        let mut fullest = Vec::new();
        for from in 0..units {
            for to in 0..units {
                let pair = format!("{from}_{to}");
                let given = inside.give[from].bit(to as u32);
                let taken = inside.take[to] & inside.wait[to].bit(from as u32);
                // What is outstanding, counted apart and wider than any count can become.
                let outstanding = m.register(&format!("outstanding_{pair}_q"), u(8)).reset(0);
                outstanding.next(mux(inside.clear, 0, outstanding.q.wrapping_add(given).wrapping_sub(taken)));
                m.assume(
                    &format!("unit_{from}_gives_{to}_at_most_the_most"),
                    implies(given & !taken, outstanding.q.lt(tokens::TOKENS_MAX)),
                );
                let count = inside.counts[from][to];
                m.assert(&format!("token_{pair}_count_is_given_less_taken"), outstanding.q.eq(count));
                m.assert(
                    &format!("token_{pair}_is_there_when_unit_is_ready"),
                    implies(inside.ready[to] & inside.wait[to].bit(from as u32), outstanding.q.any()),
                );
                fullest.push(count.eq(tokens::TOKENS_MAX));
            }
        }
        // Barrier tokens, which the load unit takes, likewise.
        let load = Unit::Load as usize;
        let met = inside.take[load] & inside.meet;
        let passed = m.register("passed_q", u(8)).reset(0);
        passed.next(mux(inside.clear, 0, passed.q.wrapping_add(inside.barrier).wrapping_sub(met)));
        m.assume("barriers_are_at_most_the_most", implies(inside.barrier & !met, passed.q.lt(tokens::TOKENS_MAX)));
        m.assert("barrier_count_is_passed_less_met", passed.q.eq(inside.passed));
        m.assert("barrier_is_passed_when_load_is_ready", implies(inside.ready[load] & inside.meet, passed.q.any()));
        for to in 0..units {
            let short = (0..units).map(|from| inside.wait[to].bit(from as u32) & !inside.counts[from][to].any());
            let mut short: Vec<_> = short.collect();
            if to == load {
                short.push(inside.meet & !inside.passed.any());
            }
            let waits = tree_reduce(&short, |a, b| a | b);
            m.assert(&format!("unit_{to}_is_ready_unless_a_token_is_missing"), inside.ready[to] | waits);
        }
        m.assert("no_token_is_lost", !inside.spoilt);
        m.cover("a_counter_is_full", tree_reduce(&fullest, |a, b| a | b));
        m.cover("a_unit_takes_from_all", inside.take[2] & inside.wait[2].all());
    })
}

pub(super) fn proofs() -> Vec<Proof> {
    vec![Proof {
        name: "tokens",
        subject: "dependency tokens of four units",
        build: watched,
        method: Method::Induction { base: 3, steps: 1 },
        reach_steps: 18,
        proved: "no counter under- or overflows; each is tokens given less tokens taken since the last reset or start, of \
                 pairs of units as of barriers; a unit is ready exactly when every token it awaits is there",
        assumed: "a unit takes only when it is ready; no more than 15 tokens of a pair, or of barriers, are outstanding",
        holes: "that programs keep to 15 outstanding tokens is the compiler's to show; that programs do not deadlock \
                is not proved",
        mutants: &[
            Mutant { bug: "a unit is ready without its tokens", from: "wire ready_3 = ", to: "wire ready_3 = 1'd1 | " },
            Mutant {
                bug: "a unit that waits for nothing is not ready",
                from: "wire ready_0 = ",
                to: "wire ready_0 = (|wait_0_i) & ",
            },
            Mutant {
                bug: "a counter has one bit too few",
                from: "else count_1_2_q <= ",
                to: "else count_1_2_q <= 4'd7 & ",
            },
            Mutant {
                bug: "a counter survives a start",
                from: "wire [3:0] barriers_left = clear_i ?",
                to: "wire [3:0] barriers_left = 1'd0 ?",
            },
            Mutant {
                bug: "a counter survives a reset",
                from: "if (!rst_ni) count_2_3_q <= 4'd0;",
                to: "if (1'd0) count_2_3_q <= 4'd0;",
            },
        ],
    }]
}
