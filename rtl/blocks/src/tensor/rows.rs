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
    rows_last: Register,
    /// The present beat is the last of all.
    pub last: Signal,
}

/// When a walk begins and moves. What it begins with is taken in every cycle of `idle`, the last time in that before the walk,
/// so that nothing waits for a start but who must know of it.
#[derive(Clone, Copy)]
pub struct Moves {
    /// There is no walk in this cycle, or what it does is of no use any more.
    pub idle: Signal,
    /// Move by one beat.
    pub advance: Signal,
    /// Where `advance` is 1 in the walk's last beat, take the next one's beginning at once.
    pub follows: Signal,
}

/// A walk whose beginning and moves are known.
pub struct Walk {
    /// A beginning is taken, or there is a move.
    enable: Signal,
    /// Of the two, the former.
    load: Signal,
    /// The beat is the last of its row.
    row_last: Signal,
}

impl Rows {
    /// Builds the counters; [`Rows::walk`] says when they move.
    pub fn new(m: &ModuleBuilder, name: &str) -> Rows {
        let row_beats = m.register(&format!("{name}_row_beats_q"), u(32));
        let beats_left = m.register(&format!("{name}_beats_left_q"), u(32)).reset(0);
        let rows_left = m.register(&format!("{name}_rows_left_q"), u(16)).reset(0);
        let row_last = m.register(&format!("{name}_row_last_q"), u(1)).reset(0);
        let rows_last = m.register(&format!("{name}_rows_last_q"), u(1)).reset(0);
        let last = (row_last.q & rows_last.q).named(&format!("{name}_last"));
        Rows { name: name.to_owned(), row_beats, beats_left, rows_left, row_last, rows_last, last }
    }

    /// Beats of a row, beats and rows left, for a module that watches them.
    pub fn counts(&self) -> [Signal; 3] {
        [self.row_beats.q, self.beats_left.q, self.rows_left.q]
    }

    /// The present beat is the last of its row, and the row the last, for a module that watches it.
    pub fn lasts(&self) -> [Signal; 2] {
        [self.row_last.q, self.rows_last.q]
    }

    /// Begins with `beats` (32 bits, at least 1), whether that is 1, and `rows_less_one` (16 bits).
    pub fn walk(self, moves: Moves, beats: Signal, is_one: Signal, rows_less_one: Signal) -> Walk {
        let enable = (moves.idle | moves.advance).named(&format!("{}_moves", self.name));
        let load = (moves.idle | (self.last & moves.follows)).named(&format!("{}_loads", self.name));
        let row_last = self.row_last.q;
        self.row_beats.next_when(enable & load, beats);
        let (beats_left, rows_left) = (self.beats_left.q, self.rows_left.q);
        let left = choose(beats_left.wrapping_sub(1)).when(load, beats).when(row_last, self.row_beats.q);
        self.beats_left.next_when(enable, left.end());
        // One beat of the row is left.
        let one_left = choose(beats_left.eq(2)).when(load, is_one).when(row_last, self.row_beats.q.eq(1));
        self.row_last.next_when(enable, one_left.end());
        let rows = choose(rows_left).when(load, rows_less_one).when(row_last, rows_left.wrapping_sub(1));
        self.rows_left.next_when(enable, rows.end());
        let rows_last = choose(self.rows_last.q).when(load, !rows_less_one.any()).when(row_last, rows_left.eq(1));
        self.rows_last.next_when(enable, rows_last.end());
        Walk { enable, load, row_last }
    }
}

impl Walk {
    /// What a walk begins with is taken in this cycle: the last time in the cycle before the walk.
    pub fn takes(&self) -> Signal {
        self.enable & self.load
    }

    /// There is a move within the walk, or [`Walk::takes`].
    pub fn moves(&self) -> Signal {
        self.enable
    }

    /// Which of the two [`Walk::moves`] would be, known before.
    pub fn loads(&self) -> Signal {
        self.load
    }

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
        row.next_when(self.enable, choose(row.q).when(self.load, from).when(self.row_last, next_row).end());
        let address = m.register(&format!("{name}_q"), u(32));
        let next_beat = address.q.wrapping_add(beat_step);
        address.next_when(self.enable, choose(next_beat).when(self.load, from).when(self.row_last, next_row).end());
        [address.q, row.q]
    }
}
