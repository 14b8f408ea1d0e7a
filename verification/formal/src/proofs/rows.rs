//! The addresses of LOAD and STORE.

use std::sync::Arc;

use myelin_hdl::{Module, choose, module, mux, u};
use myelin_rtl::tensor::rows::{Moves, Rows};

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{frozen, implies};

/// Bits of the counts that are tried; the block's own are 32 and 16.
const COUNT_WIDTH: u32 = 2;
/// Lanes of a beat.
const BEAT_STEP: i64 = 8;

/// A walk over rows of beats with free counts, start and row step, and where it ought to be.
fn watched() -> Arc<Module> {
    module("rows_proof", |m| {
        m.doc("Rows of beats with what watches them.");
        let start = m.input("start_i", u(1));
        let advance = m.input("advance_i", u(1));
        let beats = frozen(m, "beats", m.input("beats_i", u(COUNT_WIDTH)));
        let rows = frozen(m, "rows_less_one", m.input("rows_less_one_i", u(COUNT_WIDTH)));
        let from = frozen(m, "from", m.input("from_i", u(32)));
        let row_step = frozen(m, "row_step", m.input("row_step_i", u(32)));
        m.assume("a_row_has_a_beat", beats.any());

        let counters = Rows::new(m, "walk");
        let [row_beats, beats_left, rows_left] = counters.counts();
        let (last, [row_last, rows_last]) = (counters.last, counters.lasts());
        let walking = m.register("walking_q", u(1)).reset(0);
        let follows = frozen(m, "follows", m.input("follows_i", u(1)));
        let moves = Moves { idle: !walking.q, advance, follows };
        let walk = counters.walk(moves, beats.extend(u(32)), beats.eq(1), rows.extend(u(16)));
        let [address, row_address] = walk.follow_row(m, "address", from, BEAT_STEP, row_step);

        // What nested loops would do.
        m.assume("starts_only_between_walks", implies(start, !walking.q | (follows & advance & last)));
        m.assume("advances_only_in_a_walk", implies(advance, walking.q));
        let [row, beat] = ["row_index_q", "beat_index_q"].map(|name| m.register(name, u(COUNT_WIDTH)));
        let row_ends = (beat.q + 1).eq(beats).named("loop_ends_row");
        let ends = (row_ends & row.q.eq(rows)).named("loop_ends");
        walking.next(choose(walking.q).when(start, 1).when(advance & ends, 0).end());
        beat.next(choose(beat.q).when(start, 0).when(advance, mux(row_ends, 0, beat.q.wrapping_add(1))).end());
        row.next(choose(row.q).when(start, 0).when(advance & row_ends, row.q.wrapping_add(1)).end());

        let at = |name: &str, holds| m.assert(name, implies(walking.q, holds));
        at("indices_are_below_their_counts", beat.q.lt(beats) & row.q.le(rows));
        at("the_walk_ends_after_the_last_beat_of_the_last_row", last.eq(ends));
        at("a_row_begins_at_start_plus_step_times_index", row_address.eq(from.wrapping_add(row.q * row_step)));
        at(
            "every_address_is_that_of_its_row_and_beat",
            address.eq(from.wrapping_add(row.q * row_step).wrapping_add(beat.q * BEAT_STEP)),
        );
        at("beats_left_are_those_not_walked", row_beats.eq(beats) & (beats_left + beat.q).eq(beats));
        at("the_last_beat_of_a_row_is_known", row_last.eq(beats_left.eq(1)));
        at("the_last_row_is_known", rows_last.eq(rows_left.eq(0)));
        at("rows_left_are_those_not_walked", (rows_left + row.q).eq(rows));
        m.cover("a_walk_of_several_rows_ends", walking.q & advance & last & rows.eq(2) & beats.eq(2));
        m.cover("a_second_walk_begins", start & row.q.any());
        m.cover("a_walk_follows_at_once", start & walking.q);
    })
}

pub(super) fn proofs() -> Vec<Proof> {
    vec![Proof {
        name: "rows",
        subject: "address generator of LOAD and STORE, 8 lanes a beat",
        build: watched,
        method: Method::Induction { base: 3, steps: 1 },
        reach_steps: 10,
        proved: "a transfer visits every beat of every row once, in order, and ends after the last; the address is \
                 start + row x row step + beat x lanes, modulo 2^32, with row and beat below their counts: inside the \
                 box of the transfer",
        assumed: "rows of at least one beat; descriptor stable during a transfer; a start only between transfers or with \
                  the last beat of one, moves only in one",
        holes: "up to 3 beats and 4 rows stand for 2^32 and 2^16; addresses and steps have all their 32 bits. That the \
                box lies in memory is checked by the units, which trap otherwise (simulated)",
        mutants: &[
            Mutant {
                bug: "a row begins where the one before it ended",
                from: "wire [31:0] address_next_row = address_row_q",
                to: "wire [31:0] address_next_row = address_q",
            },
            Mutant {
                bug: "the last row is left out",
                from: "wire walk_last = ",
                to: "wire walk_last = walk_row_last_q & (walk_rows_left_q == 16'd1) | ",
            },
        ],
    }]
}
