//! The drain: bias, window, rounding shift, clamp.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, module, mux, s, u};
use myelin_isa::{Architecture, Precision};
use myelin_rtl::tensor::{pe, post_lane};

use crate::proof::{Method, Mutant, Proof};
use crate::watch::implies;

/// The lane with every input free, and each stage's meaning beside it.
fn watched(precision: Precision) -> Arc<Module> {
    let cell = Architecture::new(4, 4, precision).expect("4 x 4 is a legal cell");
    module("post_lane_proof", |m| {
        m.doc("Drain lane with what watches it.");
        let lane = post_lane::declare(m, &cell);
        // Registers without reset hold anything at first: stage k speaks from cycle k on.
        let mut full = m.constant(u(1), 1);
        let mut full_from = vec![full];
        for stage in 0..post_lane::LATENCY {
            full = m.delay_reset(&format!("full_{stage}_q"), full);
            full_from.push(full);
        }
        source(m, &lane, full_from[1]);
        window(m, &lane);
        tail(m, &lane, pe::operand_ty(&cell).width(), full_from[2]);
    })
}

/// Stage 0: the element.
fn source(m: &ModuleBuilder, lane: &post_lane::Inside, full: Signal) {
    let biased = lane.value + lane.bias;
    let expected = m.delay("expected_element_q", mux(lane.from_accumulator, biased.truncate(32), lane.data));
    m.assert("element_is_value_plus_bias_or_the_lane", implies(full, lane.element.eq(expected)));
    // A sum that is not its own low 32 bits: beyond either end.
    let beyond = biased.gt(i64::from(i32::MAX)) | biased.lt(i64::from(i32::MIN));
    let reported = m.delay("beyond_q", lane.valid & lane.from_accumulator & beyond);
    m.assert("exactly_a_biased_value_beyond_32_bits_is_reported", implies(full, lane.overflow.eq(reported)));
}

/// Stage 1: the window, as a set that has a maximum or a sum once it has an element.
fn window(m: &ModuleBuilder, lane: &post_lane::Inside) {
    let begun = m.register("begun_q", u(1)).reset(0);
    begun.next(begun.q | lane.first);
    m.assume("nothing_is_combined_before_the_first_window", begun.q | lane.first);
    let adds = m.delay("add_before_q", lane.add);
    m.assume("a_window_is_all_maximum_or_all_sum", lane.first | lane.add.eq(adds));
    m.assume("a_sum_has_no_padding", implies(lane.add, lane.inside));

    let filled = m.register("filled_q", u(1)).reset(0);
    filled.next(lane.inside | filled.q & !lane.first);
    let continues = (filled.q & !lane.first).named("window_continues");
    let value = m.register("window_q", s(32));
    let greatest = mux(value.q.lt(lane.element), lane.element, value.q);
    let sum = value.q.wrapping_add(lane.element);
    let joined = mux(continues, mux(lane.add, sum, greatest), lane.element);
    value.next_when(lane.inside, joined);
    let (seen, empty) = (begun.q & filled.q, begun.q & !filled.q);
    m.assert("combined_is_maximum_or_sum_of_the_elements_inside", implies(seen, lane.combined.eq(value.q)));
    m.assert("a_window_of_padding_alone_is_the_least_value", implies(empty, lane.combined.eq(i64::from(i32::MIN))));

    // The maximum once more, without computing one: no element is above it.
    let follow = m.input("follow_i", u(1));
    let takes = follow & lane.inside & !lane.add;
    let following = m.register("following_q", u(1)).reset(0);
    following.next(mux(takes, 1, following.q & !lane.first));
    let followed = m.register("followed_q", s(32));
    followed.next_when(takes, lane.element);
    m.assert("only_elements_of_a_maximum_are_followed", implies(following.q, filled.q & begun.q & !adds));
    m.assert("no_element_of_a_window_is_above_its_maximum", implies(following.q, lane.combined.ge(followed.q)));
    m.cover("padding_alone", empty & lane.combined.lt(0));
    m.cover("an_element_is_not_the_maximum", following.q & lane.combined.gt(followed.q));
}

/// Stages 2 to 4: shift, round, clamp; or a plane of the bits.
fn tail(m: &ModuleBuilder, lane: &post_lane::Inside, bits: u32, full: Signal) {
    m.assume("low_is_at_most_high", lane.low.le(lane.high));
    let (combined, amount) = (m.delay_by("combined", lane.combined, 2), m.delay_by("amount", lane.amount, 2));
    // The rule as golden states it, and as arithmetic: the sum with half a unit, rounded down.
    let golden = (combined.shift_right_by(amount) + 1).shift_right(1);
    let unit = m.constant(u(33), 1);
    let half_up = (combined + unit.shift_left_by(amount)).shift_right_by(amount + 1).named("half_up");
    let (low, high) = (m.delay_by("low_before", lane.low, 2), m.delay_by("high_before", lane.high, 2));
    let clamp = |value: Signal| mux(value.lt(low), low, mux(value.gt(high), high, value));
    let at_result = |name: &str, value: Signal| m.delay(name, value);
    let full = (0..3).fold(full, |full, stage| m.delay_reset(&format!("full_tail_{stage}_q"), full));
    let at_rounded = |name: &str, value: Signal| m.delay(name, value);
    let rounds = at_result("rounds_q", at_rounded("rounds_1_q", lane.round & !lane.raw));
    let raw = at_result("is_raw_q", at_rounded("is_raw_1_q", lane.raw));
    let by_golden = at_result("by_golden_q", clamp(golden));
    let by_half_up = at_result("by_half_up_q", clamp(half_up));
    let unrounded = at_result("unrounded_q", clamp(combined.shift_right_by(amount)));
    let plane = at_result("plane_q", combined.shift_right_by(amount).slice(0, bits).cast_signed());
    m.assert("result_is_goldens_rule_clamped", implies(full & rounds, lane.result.eq(by_golden)));
    m.assert("result_is_rounded_to_nearest_halves_up", implies(full & rounds, lane.result.eq(by_half_up)));
    m.assert(
        "without_rounding_the_result_is_the_shifted_value_clamped",
        implies(full & !rounds & !raw, lane.result.eq(unrounded)),
    );
    m.assert("a_raw_result_is_a_plane_of_the_bits", implies(full & raw, lane.result.eq(plane)));
    let was_more = m.delay("was_more_q", half_up.gt(high));
    let (low, high) = (at_result("low_at_result_q", low), at_result("high_at_result_q", high));
    m.assert("a_result_is_within_its_clamp", implies(full & !raw, lane.result.ge(low) & lane.result.le(high)));
    m.cover(
        "a_half_is_rounded_up",
        full & rounds & lane.result.eq(1) & m.delay("was_1_q", combined.eq(1) & amount.eq(0)),
    );
    m.cover("a_result_is_clamped", full & rounds & lane.result.eq(high) & was_more);
}

const MUTANTS: &[Mutant] = &[
    Mutant { bug: "halves are rounded down", from: "shifted_q_s33 + 33'sd1;", to: "shifted_q_s33 + 33'sd0;" },
    Mutant { bug: "rounds also what is not to be rounded", from: "wire rounds = ", to: "wire rounds = 1'd1 | " },
    Mutant { bug: "a window goes on in the next one", from: "wire begins = first_i |", to: "wire begins = 1'd0 |" },
    Mutant { bug: "padding counts", from: "= inside_i ? ", to: "= 1'd1 ? " },
];

pub(super) fn proofs() -> Vec<Proof> {
    let proof = |name, subject, build, mutants| Proof {
        name,
        subject,
        build,
        method: Method::Induction { base: 6, steps: 4 },
        reach_steps: 8,
        proved: "for all values, biases, shifts and clamps and windows of any length: the element is value + bias modulo \
                 2^32 and exactly one beyond 32 bits is reported; a window is combined to the maximum or the sum of its \
                 elements that are not padding; the result is golden's ((v >> (s-1)) + 1) >> 1, which is v / 2^s to the \
                 nearest with halves up, clamped; without rounding the shifted value clamped; raw, its low bits",
        assumed: "a window is all maximum or all sum, a sum has no padding, low clamp at most high",
        holes: "golden departs from its own rule, as the chain's device does, at shift 31 and from bits + shift = 32 on: \
                the compiler goes another way there",
        mutants,
    };
    vec![
        proof("post_lane_int8", "drain lane, INT8", || watched(Precision::Int8), MUTANTS),
        proof("post_lane_int6", "drain lane, INT6", || watched(Precision::Int6), MUTANTS),
    ]
}
