//! The two shifters.

use myelin_hdl::{ModuleBuilder, Register, Signal, concat, mux, select, u};

use super::execute::spread;

/// Which way, and what comes in from the left.
#[derive(Clone, Copy)]
pub(super) struct Direction {
    /// To the right.
    pub right: Signal,
    /// Copies of the sign come in.
    pub arithmetic: Signal,
}

/// Places by which the barrel shifter's first step shifts at a time.
const COARSE: u32 = 8;

/// The first step of the barrel shifter: `value` shifted by the multiple of [`COARSE`] in `amount` (5 bits).
pub(super) fn coarse(value: Signal, amount: Signal, to: Direction) -> Signal {
    let fill = (to.arithmetic & value.bit(31)).named("coarse_fill");
    by(value, amount.slice(COARSE.ilog2(), 5 - COARSE.ilog2()), COARSE, (to.right, fill)).named("shifted_coarsely")
}

/// The second: the register with what is left of `amount`, loaded with the first, and `value` shifted by that.
pub(super) fn fine(m: &ModuleBuilder, value: Signal, load: Signal, amount: Signal, to: Direction) -> (Signal, Signal) {
    let left = m.register("shift_left_q", u(COARSE.ilog2()));
    left.next_when(load, amount.truncate(COARSE.ilog2()));
    let fill = (to.arithmetic & value.bit(31)).named("fine_fill");
    (left.q.extend(u(5)), by(value, left.q, 1, (to.right, fill)).named("shifted"))
}

/// The serial shifter.
pub(super) struct Serial {
    /// Places left.
    pub left: Signal,
    /// Nothing is left to shift.
    pub done: Signal,
    /// The value a step on.
    pub next: Signal,
}

/// One step of `value`: four places while as many are left, else one. `load` brings a new amount.
pub(super) fn serial(m: &ModuleBuilder, value: Signal, load: Signal, amount: Signal, to: Direction) -> Serial {
    let left: Register = m.register("shift_left_q", u(5));
    let four = left.q.slice(2, 3).any().named("shifts_four");
    let fewer = concat(&[left.q.slice(2, 3).wrapping_sub(1), left.q.slice(0, 2)]);
    let less = mux(four, fewer, left.q.wrapping_sub(1));
    left.next(mux(load, amount, less));
    let fill = to.arithmetic & value.bit(31);
    let step = |distance: u32| {
        let right = moved(value, distance, true, fill);
        mux(to.right, right, moved(value, distance, false, fill))
    };
    Serial { left: left.q, done: !left.q.any(), next: mux(four, step(4), step(1)) }
}

/// `value` shifted by `count` times `unit` places; `fill` comes in from the left.
fn by(value: Signal, count: Signal, unit: u32, (right, fill): (Signal, Signal)) -> Signal {
    let ways = [false, true].map(|right| (0..1 << count.width()).map(move |times| (right, times * unit)));
    let shifted: Vec<Signal> =
        ways.into_iter().flatten().map(|(right, places)| moved(value, places, right, fill)).collect();
    select(concat(&[right, count]), &shifted)
}

/// `value` moved by so many places.
fn moved(value: Signal, places: u32, right: bool, fill: Signal) -> Signal {
    let kept = 32 - places;
    match (places, right) {
        (0, _) => value,
        (_, true) => concat(&[spread(fill, places), value.slice(places, kept)]),
        (_, false) => concat(&[value.slice(0, kept), Signal::constant(u(places), 0)]),
    }
}
