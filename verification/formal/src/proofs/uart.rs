//! The UART, its line back into itself: what is sent is received.

use std::sync::Arc;

use myelin_hdl::{Module, choose, module, mux, u};
use myelin_rtl::board::uart::{DIVISOR_MIN, DIVISOR_WIDTH, LATENCY, uart};

use crate::proof::{Method, Mutant, Proof};
use crate::watch::{frozen, implies};

/// Clocks of a bit, at most: less than one more than the least.
const BIT_CLOCKS: i64 = 5;
/// Cycles from a byte taken to the same byte received, at most: nine and a half bits, the registers of both ends, and a
/// byte before it that is not yet through.
const LATE: i64 = 10 * BIT_CLOCKS + LATENCY as i64 + 2;

fn watched() -> Arc<Module> {
    module("uart_proof", |m| {
        m.doc("UART that hears itself, with what watches it.");
        let divisor = frozen(m, "divisor", m.input("divisor_i", u(DIVISOR_WIDTH)));
        m.assume("a_bit_has_four_clocks_and_a_fraction", divisor.ge(DIVISOR_MIN) & divisor.lt(BIT_CLOCKS << 8));
        let child = m.instance("uart", &uart());
        let (valid, byte) = (m.input("send_valid_i", u(1)), m.input("send_i", u(8)));
        child
            .input("divisor_i", divisor)
            .input("rx_i", child.output("tx_o"))
            .input("send_valid_i", valid)
            .input("send_i", byte);
        let sends = (valid & child.output("send_ready_o")).named("byte_is_taken");
        let receives = child.output("receive_valid_o");

        // Bytes under way, by that account.
        let under_way = m.register("under_way_q", u(4)).reset(0);
        under_way.next(under_way.q.wrapping_add(sends).wrapping_sub(receives));
        m.assert("nothing_is_received_that_was_not_sent", implies(receives, under_way.q.any()));
        m.assert("two_bytes_at_most_are_under_way", under_way.q.le(2));
        m.assert("every_byte_has_its_stop_bit", !child.output("framing_o"));
        m.assert("an_idle_line_has_carried_everything_sent", implies(child.output("idle_o"), under_way.q.le(1)));

        // One byte is followed, chosen freely: what holds for it holds for each.
        let follow = m.input("follow_i", u(1));
        let following = m.register("following_q", u(1)).reset(0);
        let ahead = m.register("ahead_q", u(4)).reset(0);
        let age = m.register("age_q", u(8)).reset(0);
        let begins = (sends & follow & !following.q).named("follow_begins");
        let arrives = (following.q & receives & ahead.q.eq(0)).named("followed_arrives");
        following.next(choose(following.q).when(begins, 1).when(arrives, 0).end());
        let before = under_way.q.wrapping_sub(receives);
        ahead.next(choose(ahead.q).when(begins, before).when(following.q & receives, ahead.q.wrapping_sub(1)).end());
        age.next(mux(following.q & !arrives, age.q.wrapping_add(1), 0));
        let sent = m.register("followed_q", u(8));
        sent.next_when(begins, byte);
        m.assert("a_byte_sent_is_received", implies(arrives, child.output("receive_o").eq(sent.q)));
        m.assert("it_is_received_in_time", age.q.le(LATE));
        m.cover("a_byte_arrives", arrives);
        m.cover("a_byte_is_taken_while_one_is_under_way", sends & under_way.q.any());
    })
}

pub(super) fn proofs() -> Vec<Proof> {
    vec![Proof {
        name: "uart",
        subject: "UART with its line back into itself, 4 to 5 clocks a bit",
        build: watched,
        method: Method::Bounded { steps: 64 },
        reach_steps: 64,
        proved: "from reset, for every byte, every fraction of a clock and bytes at any time, resets in between: each byte that is \
                 taken is received, once, in order and unchanged, within 55 cycles; no stop bit is missing; nothing is received \
                 that was not sent",
        assumed: "divisor of 4 clocks and any fraction, stable; both ends have one clock",
        holes: "more clocks a bit, clocks that differ and noise on the line are simulated only; one whole byte and the begin of \
                the next fit the bound",
        mutants: &[
            Mutant { bug: "a bit is a clock long", from: "wire send_bit_ends = ", to: "wire send_bit_ends = 1'd1 | " },
            Mutant {
                bug: "takes a byte before the last is through",
                from: "wire send_ready = ",
                to: "wire send_ready = 1'd1 | ",
            },
            Mutant {
                bug: "a start bit is taken for noise",
                from: "wire false_start = ",
                to: "wire false_start = receive_bits_q == 4'd10 | ",
            },
        ],
    }]
}
