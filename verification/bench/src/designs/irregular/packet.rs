//! Packets: 0x55, 0xAA, length 1 to 16, so many bytes, and their CRC-8 (0x07). A generator that
//! spoils some of them, and a parser that finds the good ones.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, choose, module, mux, u};

const FIRST: i64 = 0x55;
const SECOND: i64 = 0xaa;

/// States of both sides, in order.
const SYNC_1: i64 = 0;
const SYNC_2: i64 = 1;
const LENGTH: i64 = 2;
const PAYLOAD: i64 = 3;
const CHECK: i64 = 4;

/// One byte more into a CRC-8.
fn crc8(m: &ModuleBuilder, crc: Signal, byte: Signal) -> Signal {
    let polynomial = m.constant(u(8), 0x07);
    let none = m.constant(u(8), 0);
    (0..8).fold(crc ^ byte, |crc, _| crc.shift_left(1).truncate(8) ^ mux(crc.bit(7), polynomial, none))
}

/// The generator: goes on to the next byte where `ready_i` is 1; `noise_i` chooses lengths and contents.
pub fn generator() -> Arc<Module> {
    module("packet_generator", |m| {
        let noise = m.input("noise_i", u(32));
        let ready = m.input("ready_i", u(1));
        let state = m.register("state_q", u(3)).reset(SYNC_1);
        let left = m.register("left_q", u(5)).reset(1);
        let crc = m.register("crc_q", u(8)).reset(0);
        let byte = m.register("byte_q", u(8)).reset(0);
        let length = (noise.slice(4, 4) + 1).named("length");
        let is = |which: i64| state.q.eq(which);
        let spoilt = noise.slice(24, 3).eq(0);
        let sum = mux(spoilt, crc.q ^ noise.slice(16, 8), crc.q);
        let out = choose(byte.q)
            .when(is(SYNC_1), FIRST)
            .when(is(SYNC_2), SECOND)
            .when(is(LENGTH), left.q.extend(u(8)))
            .when(is(CHECK), sum)
            .end()
            .truncate(8);
        let next = choose(SYNC_1)
            .when(is(SYNC_1), SYNC_2)
            .when(is(SYNC_2), LENGTH)
            .when(is(LENGTH), PAYLOAD)
            .when(is(PAYLOAD), mux(left.q.eq(1), CHECK, PAYLOAD))
            .end();
        state.next_when(ready, next);
        let step = choose(left.q).when(is(SYNC_2), length).when(is(PAYLOAD), left.q.wrapping_sub(1)).end();
        left.next_when(ready, step);
        crc.next_when(ready, choose(crc.q).when(is(SYNC_1), 0).when(is(PAYLOAD), crc8(m, crc.q, byte.q)).end());
        byte.next_when(ready, noise.slice(8, 8));
        m.output("byte_o", out);
    })
}

/// The parser: for each packet `good_o` or `bad_o` for one cycle; with it `key_o`, its first byte, and
/// `sum_o`, the exclusive or of all.
pub fn parser() -> Arc<Module> {
    module("packet_parser", |m| {
        let valid = m.input("valid_i", u(1));
        let byte = m.input("byte_i", u(8));
        let state = m.register("state_q", u(3)).reset(SYNC_1);
        let left = m.register("left_q", u(5)).reset(0);
        let crc = m.register("crc_q", u(8)).reset(0);
        let key = m.register("key_q", u(8)).reset(0);
        let sum = m.register("sum_q", u(8)).reset(0);
        let first = m.register("first_q", u(1)).reset(0);
        let is = |which: i64| state.q.eq(which);
        let sound = (byte.ge(1) & byte.le(16)).named("length_is_sound");
        let next = choose(SYNC_1)
            .when(is(SYNC_1), mux(byte.eq(FIRST), SYNC_2, SYNC_1))
            .when(is(SYNC_2), choose(SYNC_1).when(byte.eq(SECOND), LENGTH).when(byte.eq(FIRST), SYNC_2).end())
            .when(is(LENGTH), mux(sound, PAYLOAD, SYNC_1))
            .when(is(PAYLOAD), mux(left.q.eq(1), CHECK, PAYLOAD))
            .end();
        state.next_when(valid, next);
        left.next_when(valid, mux(is(LENGTH), byte.slice(0, 5), left.q.wrapping_sub(1)));
        crc.next_when(valid, mux(is(PAYLOAD), crc8(m, crc.q, byte), m.constant(u(8), 0)));
        first.next_when(valid, is(LENGTH));
        key.next_when(valid & is(PAYLOAD) & first.q, byte);
        sum.next_when(valid & is(PAYLOAD), mux(first.q, byte, sum.q ^ byte));
        let ends = (valid & is(CHECK)).named("ends");
        m.output("good_o", ends & byte.eq(crc.q));
        m.output("bad_o", ends & byte.ne(crc.q));
        m.output("key_o", key.q);
        m.output("sum_o", sum.q);
    })
}
