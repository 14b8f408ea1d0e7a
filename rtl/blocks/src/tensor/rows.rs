//! Rows of beats: the counters and addresses of LOAD and STORE ([`myelin_isa::transfer_descriptor`]).
//!
//! A transfer is `rows` rows of `beats` beats. Addresses need no multiplier: each keeps where its
//! row began, and moves from there to the next row.

use myelin_hdl::{ModuleBuilder, Register, Signal, choose, u};

/// The counters of a walk over rows of beats.
pub struct Rows {
    name: String,
    row_beats: Register,
    beats_left: Register,
    rows_left: Register,
    row_last: Register,
    /// The present beat is the last of all.
    pub last: Signal,
}

/// A walk whose start and moves are known.
pub struct Walk {
    start: Signal,
    advance: Signal,
    row_ends: Signal,
}

impl Rows {
    /// Builds the counters; [`Rows::walk`] says when they move.
    pub fn new(m: &ModuleBuilder, name: &str) -> Rows {
        let row_beats = m.register(&format!("{name}_row_beats_q"), u(32));
        let beats_left = m.register(&format!("{name}_beats_left_q"), u(32)).reset(0);
        let rows_left = m.register(&format!("{name}_rows_left_q"), u(16)).reset(0);
        let row_last = m.register(&format!("{name}_row_last_q"), u(1)).reset(0);
        let last = (row_last.q & !rows_left.q.any()).named(&format!("{name}_last"));
        Rows { name: name.to_owned(), row_beats, beats_left, rows_left, row_last, last }
    }

    /// Beats of a row, beats and rows left, for a module that watches them.
    pub fn counts(&self) -> [Signal; 3] {
        [self.row_beats.q, self.beats_left.q, self.rows_left.q]
    }

    /// The present beat is the last of its row, for a module that watches it.
    pub fn row_last(&self) -> Signal {
        self.row_last.q
    }

    /// At `start` takes `beats` (32 bits, at least 1) and `rows_less_one` (16 bits); moves by one beat where
    /// `advance` is 1.
    pub fn walk(self, start: Signal, beats: Signal, rows_less_one: Signal, advance: Signal) -> Walk {
        let row_ends = (advance & self.row_last.q).named(&format!("{}_row_ends", self.name));
        self.row_beats.next_when(start, beats);
        let beats_left = self.beats_left.q;
        self.beats_left.next(
            choose(beats_left)
                .when(start, beats)
                .when(row_ends, self.row_beats.q)
                .when(advance, beats_left.wrapping_sub(1))
                .end(),
        );
        // One beat of the row is left.
        self.row_last.next(
            choose(self.row_last.q)
                .when(start, beats.eq(1))
                .when(row_ends, self.row_beats.q.eq(1))
                .when(advance, beats_left.eq(2))
                .end(),
        );
        let rows_left = self.rows_left.q;
        self.rows_left
            .next(choose(rows_left).when(start, rows_less_one).when(row_ends, rows_left.wrapping_sub(1)).end());
        Walk { start, advance, row_ends }
    }
}

impl Walk {
    /// An address of 32 bits that follows: `from` at the start, moved by `beat_step` from beat to beat
    /// and by `row_step` from row to row, modulo 2^32.
    pub fn follow(&self, m: &ModuleBuilder, name: &str, from: Signal, beat_step: i64, row_step: Signal) -> Signal {
        self.follow_row(m, name, from, beat_step, row_step)[0]
    }

    /// As [`Walk::follow`], with where the row began behind it.
    pub fn follow_row(
        &self,
        m: &ModuleBuilder,
        name: &str,
        from: Signal,
        beat_step: i64,
        row_step: Signal,
    ) -> [Signal; 2] {
        let row = m.register(&format!("{name}_row_q"), u(32));
        let next_row = row.q.wrapping_add(row_step).named(&format!("{name}_next_row"));
        row.next(choose(row.q).when(self.start, from).when(self.row_ends, next_row).end());
        let address = m.register(&format!("{name}_q"), u(32));
        address.next(
            choose(address.q)
                .when(self.start, from)
                .when(self.row_ends, next_row)
                .when(self.advance, address.q.wrapping_add(beat_step))
                .end(),
        );
        [address.q, row.q]
    }
}
