//! One column of the drain: bias, window combination, requantisation, clamp.
//!
//! ```text
//!  value_i --+bias--+
//!                   v
//!  data_i -------> mux -> max | add -> >> -> round, clamp -> result_o
//!            stage  0        1         2       3, 4
//! ```
//!
//! | port | width | stage | meaning |
//! |---|---|---|---|
//! | `value_i`, `bias_i` | s32 | 0 | accumulator and its bias |
//! | `data_i` | `bits` | 0 | scratchpad lane |
//! | `from_accumulator_i` | 1 | 0 | value + bias, else the lane |
//! | `valid_i` | 1 | 0 | an element is there (for the overflow check) |
//! | `first_i`, `inside_i`, `add_i` | 1 | 1 | first of its window; not in the padding; sum instead of maximum |
//! | `amount_i` | u5 | 2 | right shift: s - 1 to requantise, plane offset when raw |
//! | `round_i`, `raw_i` | 1 | 3 | add 1, halve; or take the low bits as they are |
//! | `low_i`, `high_i` | `bits` | 2 | clamp |
//! | `next_o` | `bits` | 4 | what `result_o` is in the next cycle |
//! | `result_o` | `bits` | 5 | result |
//! | `overflow_o` | 1 | 1 | value + bias left 32 bits |
//!
//! **Timing.** One element per cycle, a stage per cycle, no stall.
//!
//! **Numbers.** `t = ((v >> (s-1)) + 1) >> 1`, arithmetic: round half up, toward +infinity; then
//! `clamp(t, low, high)`. The golden function is `myelin_golden`'s requantisation. An element in
//! the padding is left out; a window without elements is -2^31 before the clamp. Sums are of two
//! lanes and cannot overflow.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, concat, module, mux, s, select, u};
use myelin_isa::Architecture;

use super::pe::operand_ty;

/// Cycles from the element to the result.
pub const LATENCY: usize = 5;

/// Builds the lane.
pub fn post_lane(architecture: &Architecture) -> Arc<Module> {
    module("post_lane", |m| {
        m.doc("One column of the drain: bias, window maximum or sum, rounding shift, clamp.");
        declare(m, architecture);
    })
}

/// What is inside the lane, for a module that watches it. The first ones are the ports.
#[expect(missing_docs, reason = "the ports' table is above")]
pub struct Inside {
    pub value: Signal,
    pub bias: Signal,
    pub data: Signal,
    pub from_accumulator: Signal,
    pub valid: Signal,
    pub first: Signal,
    pub inside: Signal,
    pub add: Signal,
    pub amount: Signal,
    pub round: Signal,
    pub raw: Signal,
    pub low: Signal,
    pub high: Signal,
    pub overflow: Signal,
    /// Stage 1: the element.
    pub element: Signal,
    /// Stage 2: the window so far.
    pub combined: Signal,
    /// Stage 5.
    pub result: Signal,
}

/// The whole lane, ports included, in the open module `m`: [`post_lane`] and its proof share it.
pub fn declare(m: &ModuleBuilder, architecture: &Architecture) -> Inside {
    let operand = operand_ty(architecture);
    let value = m.input("value_i", s(32));
    let bias = m.input("bias_i", s(32));
    let data = m.input("data_i", operand);
    let from_accumulator = m.input("from_accumulator_i", u(1));
    let valid = m.input("valid_i", u(1));
    let first = m.input("first_i", u(1));
    let inside = m.input("inside_i", u(1));
    let add = m.input("add_i", u(1));
    let amount = m.input("amount_i", u(5));
    let round = m.input("round_i", u(1));
    let raw = m.input("raw_i", u(1));
    let low = m.input("low_i", operand);
    let high = m.input("high_i", operand);

    // Stage 0: source.
    let biased = (value + bias).named("biased");
    let overflow = m.register("overflow_q", u(1)).reset(0);
    overflow.next(valid & from_accumulator & biased.truncate(32).ne(biased));
    let element = m.delay("element_q", mux(from_accumulator, biased.truncate(32), data));

    // Stage 1: combine the window.
    let combined = m.register("combined_q", s(32));
    let nothing = m.constant(s(32), i64::from(i32::MIN));
    let sum = (combined.q + element).truncate(32);
    let is_larger = combined.q.gt(element).named("is_larger");
    // Only what is compared is waited for, not whether it matters.
    let begins = (first | (inside & !add & !is_larger)).named("begins");
    let other = mux(inside, add & !first, first).named("other");
    combined.next(select(concat(&[other, begins]), &[combined.q, element, sum, nothing]));

    // Stage 2: shift.
    let shifted = m.delay("shifted_q", combined.q.shift_right_by(amount));

    // Stage 3: round, and beside it compare: (v + 1) >> 1 is above a limit if v is above twice the limit.
    let rounds = (round & !raw).named("rounds");
    let rounded = m.delay("rounded_q", mux(rounds, (shifted + 1).shift_right(1), shifted));
    let limits = [("low_less_one_q", low - 1), ("low_q", low), ("high_q", high)];
    let [below_low, lowest, highest] = limits.map(|(name, limit)| m.delay(name, limit));
    let exceeds = |limit: Signal| shifted.gt(mux(rounds, limit.shift_left(1), limit));
    let too_low = m.delay("too_low_q", !exceeds(below_low));
    let too_high = m.delay("too_high_q", exceeds(highest));

    // Stage 4: clamp.
    let [lowest, highest] = [("low_1_q", lowest), ("high_1_q", highest)].map(|(name, limit)| m.delay(name, limit));
    let clamped = mux(too_low, lowest, mux(too_high, highest, rounded)).named("clamped");
    let narrow = clamped.truncate(operand.width()).cast(operand);
    let plane = rounded.truncate(operand.width()).cast(operand);
    let next = mux(m.delay("raw_q", raw), plane, narrow).named("next");
    let result = m.delay("result_q", next);
    m.output("next_o", next);
    m.output("result_o", result);
    m.output("overflow_o", overflow.q);
    Inside {
        value,
        bias,
        data,
        from_accumulator,
        valid,
        first,
        inside,
        add,
        amount,
        round,
        raw,
        low,
        high,
        overflow: overflow.q,
        element,
        combined: combined.q,
        result,
    }
}
