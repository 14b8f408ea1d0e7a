//! Device memory in block RAM: the tensor cell's memory port and the bus share it.
//!
//! ```text
//!            +---------------+
//!  bus_*   ->|               |<- request_*  beats to read
//!            | device_memory |-> response_*
//!            |               |<- store_*    beats to write
//!            +---------------+-> store_acknowledge
//! ```
//!
//! | port | width | meaning | in reset |
//! |---|---|---|---|
//! | `bus_*` | | subordinate end, byte by byte; addresses wrap at the size | |
//! | `request_*`, `response_*`, `store_*` | | the cell's memory port ([`crate::tensor::cell`]) | valid is 0 |
//!
//! **Timing.** One access a cycle: the bus first, then stores, then reads. A beat read is offered [`LATENCY`] cycles after its request, and
//! one beat a cycle can pass; a beat written is acknowledged in the cycle after: what is asked later sees it. A bus access is
//! answered [`ANSWER`] cycles later. As the bus makes an access every fourth cycle at most, the cell gets most of the cycles; stores come
//! one a cycle at most and end, so that reads go on.
//!
//! **Why registers before and behind the block RAM.** Its blocks are spread over the part: the ways to them and back take a cycle each.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, SinglePort, concat, module, mux, select, u};

use crate::bus::{Answer, Request};
use crate::prim::{bundle, fifo};

/// Cycles from a request to its beat.
pub const LATENCY: usize = 4;
/// Cycles from an access by the bus to its answer.
pub const ANSWER: usize = 3;
/// Beats on their way to the cell, at most.
const BEATS_HELD: usize = 8;

/// Builds a memory of `bytes` bytes with beats of `lanes` bytes, both powers of two.
///
/// # Panics
/// If they are not, there are fewer than eight lanes, or fewer than four beats.
pub fn device_memory(bytes: u32, lanes: u32) -> Arc<Module> {
    assert!(bytes.is_power_of_two() && lanes.is_power_of_two(), "{bytes} bytes of {lanes} lanes: powers of two");
    assert!(lanes >= 8 && bytes >= 4 * lanes, "{bytes} bytes of {lanes} lanes: too few");
    let (byte_bits, lane_bits) = (bytes.trailing_zeros(), lanes.trailing_zeros());
    let count = lanes as usize;
    module("device_memory", |m| {
        m.doc("Device memory in block RAM: the tensor cell's memory port and the bus share it.");
        let request = Request::input(m, "bus", byte_bits);
        let load_valid = m.input("request_valid_i", u(1));
        let load_beat = m.input("request_beat_i", u(32));
        let response_ready = m.input("response_ready_i", u(1));
        let store_valid = m.input("store_valid_i", u(1));
        let store_beat = m.input("store_beat_i", u(32));
        let store = bundle::inputs(m, "store", count, u(8));
        let beat_of = |address: Signal| address.slice(0, byte_bits - lane_bits);

        // Beats on their way to the cell: in the memory's register, or in the queue.
        let queue = m.instance("beats", &fifo::fifo(BEATS_HELD, count, u(8)));
        let held = m.register("held_q", u(4)).reset(0);
        let room = held.q.ne(BEATS_HELD as i64).named("room");
        // An access in the registers before the memory, in the memory, and behind it.
        let under_way = ["accessing_0_q", "accessing_1_q", "answered_q"].map(|name| m.register(name, u(1)).reset(0));
        let [first, second, answered] = under_way.map(|register| register.q);
        let access = (request.valid & !first & !second & !answered).named("access");
        for (register, before) in under_way.into_iter().zip([access, first, second]) {
            register.next(before);
        }
        let stored = (store_valid & !access).named("stored");
        let loaded = (load_valid & room & !access & !store_valid).named("loaded");

        let in_beat = request.address.slice(2, lane_bits - 2);
        let enables: Vec<Signal> = (0..count)
            .map(|lane| stored | in_beat.eq((lane / 4) as i64) & request.enables.bit(lane as u32 % 4))
            .collect();
        let data: Vec<Signal> =
            (0..count).map(|lane| mux(access, request.data.slice(8 * (lane as u32 % 4), 8), store[lane])).collect();
        let beat = mux(
            access,
            beat_of(request.address.shift_right(lane_bits)),
            mux(stored, beat_of(store_beat), beat_of(load_beat)),
        );
        let memory = m.memory("beats_held", (bytes / lanes) as usize, count, u(8)).style(MemoryStyle::Block);
        let several = |name: &str, values: &[Signal]| -> Vec<Signal> {
            values.iter().enumerate().map(|(lane, &value)| m.delay(&format!("{name}_{lane}_q"), value)).collect()
        };
        let read = memory.single_port(SinglePort {
            address: m.delay("beat_q", beat),
            enable: m.delay_reset("enable_q", access | stored | loaded),
            write: m.delay("write_q", mux(access, request.write, stored)),
            lane_enables: Some(&several("lane_enable", &enables)),
            data: &several("data", &data),
        });
        let read = several("read", &read);

        let in_memory = m.delay_reset("loading_1_q", m.delay_reset("loading_0_q", loaded));
        let arrives = m.delay_reset("arrives_q", in_memory);
        queue.input("push_valid_i", arrives).input("pop_ready_i", response_ready);
        bundle::connect(&queue, "push", &read);
        m.assert("a_beat_read_has_a_place", !arrives | queue.output("push_ready_o"));
        let left = (queue.output("pop_valid_o") & response_ready).named("left");
        held.next(held.q.wrapping_add(loaded).wrapping_sub(left));
        let acknowledge = m.delay_reset("acknowledge_q", stored);

        m.output("request_ready_o", room & !access & !store_valid);
        m.output("response_valid_o", queue.output("pop_valid_o"));
        bundle::outputs(m, "response", &bundle::of(&queue, "pop", count));
        m.output("store_ready_o", !access);
        m.output("store_acknowledge_o", acknowledge);
        let words: Vec<Signal> = read.chunks(4).map(|b| concat(&[b[3], b[2], b[1], b[0]])).collect();
        // The address stays until the answer.
        let word = select(in_beat, &words);
        Answer { ready: answered, data: word }.output(m, "bus");
    })
}
