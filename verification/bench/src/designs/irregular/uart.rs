//! Serial transmitter and receiver: a start bit, eight bits from the lowest on, a stop bit;
//! [`CYCLES_PER_BIT`] cycles each.

use std::sync::Arc;

use myelin_hdl::{Module, choose, concat, module, mux, u};

/// Length of a bit.
pub const CYCLES_PER_BIT: i64 = 4;

/// The transmitter: takes `byte_i` where `valid_i` and `ready_o`; `line_o` rests at 1.
pub fn transmitter() -> Arc<Module> {
    module("uart_transmitter", |m| {
        let valid = m.input("valid_i", u(1));
        let byte = m.input("byte_i", u(8));
        let bits_left = m.register("bits_left_q", u(4)).reset(0);
        let timer = m.register("timer_q", u(2)).reset(0);
        let shifter = m.register("shifter_q", u(9)).reset(0x1ff);
        let ready = bits_left.q.eq(0).named("ready");
        let taken = (valid & ready).named("taken");
        let tick = timer.q.eq(CYCLES_PER_BIT - 1).named("tick");
        timer.next(mux(taken, 0, timer.q.wrapping_add(1)));
        bits_left.next(choose(bits_left.q).when(taken, 10).when(!ready & tick, bits_left.q.wrapping_sub(1)).end());
        let one = m.constant(u(1), 1);
        let start = m.constant(u(1), 0);
        let shifted = concat(&[one, shifter.q.slice(1, 8)]);
        shifter.next(choose(shifter.q).when(taken, concat(&[byte, start])).when(!ready & tick, shifted).end());
        m.output("ready_o", ready);
        m.output("line_o", shifter.q.bit(0));
    })
}

/// The receiver: `valid_o` for one cycle with each byte whose stop bit is right, `broken_o` otherwise.
pub fn receiver() -> Arc<Module> {
    module("uart_receiver", |m| {
        let line = m.input("line_i", u(1));
        // States: rest, start, eight bits, stop.
        let state = m.register("state_q", u(4)).reset(0);
        let timer = m.register("timer_q", u(2)).reset(0);
        let shifter = m.register("shifter_q", u(8)).reset(0);
        let (rest, stop) = (state.q.eq(0).named("rest"), state.q.eq(10).named("stop"));
        let begins = (rest & !line).named("begins");
        // In the middle of a bit.
        let sample = (!rest & timer.q.eq(1)).named("sample");
        timer.next(mux(begins, 0, timer.q.wrapping_add(1)));
        let glitch = state.q.eq(1) & line;
        let after = mux(stop | glitch, 0, state.q.wrapping_add(1));
        state.next(choose(state.q).when(begins, 1).when(sample, after).end());
        let in_byte = state.q.ge(2) & !stop;
        shifter.next_when(sample & in_byte, concat(&[line, shifter.q.slice(1, 7)]));
        let valid = m.register("valid_q", u(1)).reset(0);
        let broken = m.register("broken_q", u(1)).reset(0);
        valid.next(sample & stop & line);
        broken.next(sample & stop & !line);
        m.output("valid_o", valid.q);
        m.output("broken_o", broken.q);
        m.output("byte_o", shifter.q);
    })
}
