//! Multiplier and divider of the instructions of M.
//!
//! ```text
//!              +----------+
//!  start     ->|          |
//!  function  ->| multiply |-> done
//!  first     ->|          |-> result
//!  second    ->|          |
//!              +----------+
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `start_i` | 1 | begin; not while it works |
//! | `function_i` | 3 | funct3: MUL, MULH, MULHSU, MULHU, DIV, DIVU, REM, REMU |
//! | `first_i`, `second_i` | 32 | rs1 and rs2, held until done |
//! | `done_o` | 1 | for one cycle: the result is there |
//! | `result_o` | 32 | valid while done |
//!
//! **Timing.** Division, and a product made serially: done 34 cycles after the start. A product by
//! [`Multiply::Dsp`]: 7 cycles after.
//!
//! **Numbers.** As the ISA says, section "M": division rounds towards zero; by zero the quotient is -1
//! and the remainder the dividend; -2^31 / -1 is -2^31, remainder 0.
//!
//! **Division** is restoring, of the dividend's magnitude; a negative divisor is added instead of
//! subtracted. **Serial products** add the second operand where the first has a bit, which weighs
//! negative at the top of a signed one. **Products of halves** are accumulated from low to high, and 16
//! bits move down whenever the weight grows.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, choose, concat, module, mux, select, u};

use super::execute::spread;
use super::parameters::Multiply;
use super::register_file::Watched;

/// Steps of a division or a serial product, the negation of the dividend first.
const SERIAL_STEPS: i64 = 33;
/// Steps of a product of halves: four products, each chosen, multiplied and added in a cycle of its own.
const DSP_STEPS: i64 = 6;
/// Width of the accumulator: a sum of products of 17 signed bits and a carry.
const HIGH_WIDTH: u32 = 36;

/// Builds the unit.
///
/// # Panics
/// For [`Multiply::None`], of which there is none.
pub fn multiply(style: Multiply) -> Arc<Module> {
    unit(style, Watched::No)
}

/// The unit. With `watched` there are ports for a proof: whether it works, `working_o`, and the steps left, `steps_left_o`.
pub(super) fn unit(style: Multiply, watched: Watched) -> Arc<Module> {
    assert!(style != Multiply::None, "a core without M has no multiplier");
    module("multiply", |m| {
        m.doc("Multiplier and divider of the instructions of M.");
        let start = m.input("start_i", u(1));
        let function = m.input("function_i", u(3));
        let first = m.input("first_i", u(32));
        let second = m.input("second_i", u(32));
        let divides = function.bit(2).named("divides");
        // MULH and MULHSU take the first as signed, MULH the second; DIV and REM both.
        let first_signed = mux(divides, !function.bit(0), function.slice(0, 2).ne(3)).named("first_signed");
        let second_signed = mux(divides, !function.bit(0), !function.bit(1)).named("second_signed");
        // Operands and function are there from the start on: what follows from them is a register.
        let later = |name: &str, value: Signal| m.delay(&format!("{name}_q"), value.named(name));
        let first_negative = later("first_negative", first_signed & first.bit(31));
        let second_negative = later("second_negative", second_signed & second.bit(31));
        let takes_high = later("takes_high", mux(divides, function.bit(1), function.slice(0, 2).any()));

        let working = m.register("working_q", u(1)).reset(0);
        let left = m.register("steps_left_q", u(6));
        let done = (working.q & !left.q.any()).named("done");
        let steps = match style {
            Multiply::Dsp => mux(divides, SERIAL_STEPS, DSP_STEPS),
            _ => m.constant(u(6), SERIAL_STEPS),
        };
        working.next(choose(working.q).when(start, 1).when(done, 0).end());
        // The function is there before the start. What rests does not change.
        left.next(mux(working.q, left.q.wrapping_sub(1), steps));

        let high = m.register("high_q", u(HIGH_WIDTH));
        let low = m.register("low_q", u(32));
        // One negation, of the dividend in the first step and of the result at the end.
        let all_steps = match style {
            Multiply::Dsp => start & divides,
            _ => start,
        };
        let first_step = m.register("first_step_q", u(1)).reset(0);
        first_step.next(all_steps);
        let first_step = first_step.q;
        let is_division = later("is_division", divides);
        let by_zero = later("by_zero", !second.any());
        let quotient_negative = (first_negative ^ second_negative) & !by_zero;
        let negative_result = divides & mux(function.bit(1), first_negative, quotient_negative);
        let negative_result = later("negative_result", negative_result);
        let negative = mux(first_step, is_division & first_negative, negative_result).named("negates");
        let chosen = mux(takes_high & !first_step, high.q.slice(0, 32), low.q);
        let adjusted = (chosen ^ spread(negative, 32)).wrapping_add(negative).named("adjusted");

        let operands = Operands { divides: is_division, second, second_negative, first, first_negative };
        let serial = serial_step(m, style, &operands, (high.q, low.q), left.q);
        let step = match style {
            Multiply::Dsp => {
                let product = product_step(m, &operands, (high.q, low.q), left.q);
                (mux(is_division, serial.0, product.0), mux(is_division, serial.1, product.1))
            }
            _ => serial,
        };
        let step = (mux(first_step, high.q, step.0), mux(first_step, adjusted, step.1));
        // While it does not work the operand is taken, whether a start comes or not: that comes late.
        high.next(choose(high.q).when(!working.q, 0).when(!done, step.0).end());
        low.next(choose(low.q).when(!working.q, first).when(!done, step.1).end());
        m.output("done_o", done);
        m.output("result_o", adjusted);
        m.assert("starts_only_while_idle", !(start & working.q));
        match watched {
            Watched::Yes => {
                m.output("working_o", working.q);
                m.output("steps_left_o", left.q);
            }
            // Too far from reset for a proof of the whole core.
            Watched::No => {
                m.cover("a_division_ends", done & divides);
                m.cover("a_product_ends", done & !divides);
            }
        }
    })
}

struct Operands {
    divides: Signal,
    first: Signal,
    first_negative: Signal,
    second: Signal,
    second_negative: Signal,
}

/// One bit of a quotient or, without a multiplier block, of a product: accumulator and low word.
fn serial_step(
    m: &ModuleBuilder,
    style: Multiply,
    of: &Operands,
    (high, low): (Signal, Signal),
    left: Signal,
) -> (Signal, Signal) {
    let second = concat(&[spread(of.second_negative, HIGH_WIDTH - 32), of.second]);
    let remainder = concat(&[m.constant(u(HIGH_WIDTH - 33), 0), high.slice(0, 32), low.bit(31)]);
    let products = style == Multiply::Serial;
    let (augend, minus) = if products {
        // The highest bit of a negative first operand.
        let last = left.eq(1) & of.first_negative;
        (mux(of.divides, remainder, high), mux(of.divides, !of.second_negative, last))
    } else {
        (remainder, !of.second_negative)
    };
    let addend = second ^ spread(minus, HIGH_WIDTH);
    let sum = augend.wrapping_add(addend).wrapping_add(minus).named("serial_sum");
    let fits = !sum.bit(HIGH_WIDTH - 1).named("remainder_is_negative");
    let divided = (mux(fits, sum, remainder), concat(&[low.slice(0, 31), fits]));
    if !products {
        return divided;
    }
    let added = mux(low.bit(0), sum, high);
    let shifted = concat(&[added.bit(HIGH_WIDTH - 1), added.slice(1, HIGH_WIDTH - 1)]);
    let multiplied = (shifted, concat(&[added.bit(0), low.slice(1, 31)]));
    (mux(of.divides, divided.0, multiplied.0), mux(of.divides, divided.1, multiplied.1))
}

/// One product of halves: low x low, low x high, high x low, high x high, each added two cycles after it is chosen.
fn product_step(m: &ModuleBuilder, of: &Operands, (high, low): (Signal, Signal), left: Signal) -> (Signal, Signal) {
    let halves = |value: Signal, negative: Signal| {
        let low = concat(&[m.constant(u(1), 0), value.slice(0, 16)]).cast_signed();
        [low, concat(&[negative, value.slice(16, 16)]).cast_signed()]
    };
    let [first, second] = [halves(of.first, of.first_negative), halves(of.second, of.second_negative)];
    // 6 to 3 steps are left while the products are chosen, 4 to 1 while they are added.
    let chosen = m.constant(u(3), DSP_STEPS).wrapping_sub(left.slice(0, 3)).slice(0, 2).named("product_index");
    let first_q = m.delay("first_half_q", select(chosen.bit(1), &first));
    let second_q = m.delay("second_half_q", select(chosen.bit(0), &second));
    let product = m.delay("product_q", first_q * second_q);
    // Weights grow with the second and the fourth product.
    let weight_grows = (left.eq(3) | left.eq(1)).named("weight_grows");
    let adds = left.le(4).named("product_adds");
    let sign = high.bit(HIGH_WIDTH - 1);
    let moved = concat(&[spread(sign, 16), high.slice(16, HIGH_WIDTH - 16)]);
    let base = mux(weight_grows, moved, high);
    let extended = product.extend(myelin_hdl::s(HIGH_WIDTH)).cast_unsigned();
    let sum = mux(adds, base.wrapping_add(extended), high).named("product_sum");
    let lower = mux(weight_grows, concat(&[high.slice(0, 16), low.slice(16, 16)]), low);
    (sum, lower)
}
