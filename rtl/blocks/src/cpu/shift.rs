//! The two shifters.

use myelin_hdl::{ModuleBuilder, Register, Signal, concat, mux, u};

use super::execute::spread;

/// Which way, and what comes in from the left.
#[derive(Clone, Copy)]
pub(super) struct Direction {
    /// To the right.
    pub right: Signal,
    /// Copies of the sign come in.
    pub arithmetic: Signal,
}

/// `value` shifted by `amount` (5 bits): a left shift is a right shift of the bits in reverse.
pub(super) fn barrel(value: Signal, amount: Signal, to: Direction) -> Signal {
    let fill = (to.arithmetic & to.right & value.bit(31)).named("shift_fill");
    let mut shifted = mux(to.right, value, reversed(value));
    for stage in (0..5).rev() {
        let distance = 1 << stage;
        let moved = concat(&[spread(fill, distance), shifted.slice(distance, 32 - distance)]);
        shifted = mux(amount.bit(stage), moved, shifted);
    }
    mux(to.right, shifted, reversed(shifted)).named("shifted")
}

fn reversed(value: Signal) -> Signal {
    concat(&value.bits())
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
        let kept = 32 - distance;
        let right = concat(&[spread(fill, distance), value.slice(distance, kept)]);
        let left = concat(&[value.slice(0, kept), m.constant(u(distance), 0)]);
        mux(to.right, right, left)
    };
    Serial { left: left.q, done: !left.q.any(), next: mux(four, step(4), step(1)) }
}
