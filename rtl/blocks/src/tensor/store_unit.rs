//! Store unit: executes STORE, from the activation scratchpad to the memory port.
//!
//! ```text
//!  instruction -> front: reads --> scratchpad --> queue of 8 beats --> memory
//!                   | up to 4 in flight                                  |
//!                   v                                                    |
//!                 back:  counts acknowledgements <-----------------------+
//!                   +--> tokens and arrivals at the barrier, in order
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `instruction_valid_i`, `instruction_<k>_i`, `instruction_ready_o` | 1, 32, 1 | instruction whose tokens are there |
//! | `read_blocked_i` | 1 | the post unit reads the shared scratchpad port this cycle |
//! | `read_o`, `address_o`, `data_<k>_i` | 1, address, `bits` | shared scratchpad port |
//! | `write_valid_o`, `write_beat_o`, `write_<k>_o`, `write_ready_i` | 1, 32, u8, 1 | beats to memory, a stream |
//! | `acknowledge_i` | 1 | a beat has become visible to all who read; in the order of the writes |
//! | `arrive_o` | 1 | a STORE that arrives at the barrier is complete |
//! | `give_o`, `busy_o` | 4, 1 | tokens given; an instruction is not complete |
//! | `memory_beats_i` | 32 | beats of memory that may be written; 0: all |
//! | `fault_o` | 1 | an address of the instruction taken last is outside its memory; stays until reset |
//!
//! **Timing.** A beat a cycle while port and memory are free. An instruction taken in cycle 0 reads
//! from cycle 1 on; the next is taken in the cycle after its last read, if fewer than [`IN_FLIGHT`] are
//! in flight. A beat read in cycle r is offered to the memory from cycle `r + `[`OFFER_LATENCY`] on; at
//! most [`BEATS_HELD`] are between read and memory. Tokens are given, and `arrive_o` is high,
//! [`GIVE_LATENCY`] cycle after the last acknowledgement is counted: one a cycle, as it comes, but not
//! before the cycle after what was before it is complete. A CONFIG takes the front for one cycle and
//! completes in its turn, [`BACK_LATENCY`] cycles after it was taken at the earliest; its tokens are given
//! [`GIVE_LATENCY`] cycle later. So is an instruction of no beats.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, concat, module, mux, s, u};
use myelin_isa::{Architecture, encoding, opcode, transfer_descriptor as descriptor};

use super::descriptor::{Offered, registers};
use super::load_unit::lanes_inside;
use super::pe::operand_ty;
use super::rows::{Moves, Rows};
use super::scratchpad;
use crate::prim::{bundle, fifo};

/// Cycles from reading a beat to offering it to the memory.
pub const OFFER_LATENCY: usize = scratchpad::READ_LATENCY + fifo::LATENCY;
/// Beats between read and memory, at most: enough for one a cycle.
pub const BEATS_HELD: usize = 8;
const _: () = assert!(BEATS_HELD > OFFER_LATENCY, "a beat a cycle");
/// Instructions taken and not complete, at most.
pub const IN_FLIGHT: usize = 4;
/// Cycles from taking an instruction without beats to its completion, at least.
pub const BACK_LATENCY: usize = 2;
/// Cycles from the last acknowledgement to the tokens.
pub const GIVE_LATENCY: usize = 1;

/// Builds the unit.
pub fn store_unit(architecture: &Architecture) -> Arc<Module> {
    let lanes = architecture.lanes() as usize;
    let address_ty = u(scratchpad::address_width(architecture));
    module("store_unit", |m| {
        m.doc("Store unit: activation scratchpad to memory port.");
        let instruction_valid = m.input("instruction_valid_i", u(1));
        let offered = Offered::new(bundle::inputs(m, "instruction", 4, u(32)));
        let read_blocked = m.input("read_blocked_i", u(1));
        let data = bundle::inputs(m, "data", lanes, operand_ty(architecture));
        let write_ready = m.input("write_ready_i", u(1));
        let acknowledge = m.input("acknowledge_i", u(1));
        let memory_beats = m.input("memory_beats_i", u(32));

        // Front: reads of one instruction after the other.
        let in_flight = m.instance("in_flight", &fifo::fifo(IN_FLIGHT, 2, u(32)));
        let flying = m.register("flying_q", u(IN_FLIGHT.ilog2() + 1)).reset(0);
        let reading = m.register("reading_q", u(1)).reset(0);
        let ready = (!reading.q & flying.q.ne(IN_FLIGHT as i64)).named("ready");
        let taken = (instruction_valid & ready).named("taken");
        let is_config = offered.is(opcode::CONFIG).named("is_config");
        let held = registers(m, descriptor::COUNT, taken & is_config, &offered);
        let rows_less_one = held[usize::from(descriptor::ROWS)].slice(0, 16);
        let beats = mux(is_config, 0, offered.words[3]).named("beats");
        let start = (taken & beats.any()).named("start");
        let beats_held = m.register("beats_held_q", u(BEATS_HELD.ilog2() + 1)).reset(0);
        let room = beats_held.q.ne(BEATS_HELD as i64).named("room");
        // Nothing is written beyond the memory; who waits for it waits until the reset after the trap.
        let faulty = m.register("fault_q", u(1)).reset(0);
        let read = (reading.q & !read_blocked & room).named("read");
        let reads = Rows::new(m, "read");
        reading.next(choose(reading.q).when(start, 1).when(read & reads.last, 0).end());
        let never = m.constant(u(1), 0);
        let moves = Moves { idle: !reading.q, advance: read, follows: never };
        let is_one = offered.words[3].eq(1).named("beats_are_one");
        let reads = reads.walk(moves, offered.words[3], is_one, rows_less_one);
        let lane_step = held[usize::from(descriptor::LANE_STEP)];
        let address = reads.follow(m, "address", offered.words[2], i64::from(architecture.lanes()), lane_step);
        let memory_step = held[usize::from(descriptor::MEMORY_STEP)];
        let beat = reads.follow(m, "beat", offered.words[1], 1, memory_step);

        let beyond = (memory_beats.any() & beat.ge(memory_beats)).named("beyond");
        let outside = (reading.q & (beyond | !lanes_inside(architecture, address))).named("outside");
        faulty.next(faulty.q | outside);

        // A queue behind the scratchpad, so that what was read has a place when the memory waits.
        let mut valid = (read & !beyond).named("read_inside");
        for stage in 0..scratchpad::READ_LATENCY {
            valid = m.delay_reset(&format!("read_{stage}_q"), valid);
        }
        let beat = m.delay_by("beat_travelling", beat, scratchpad::READ_LATENCY);
        let bytes: Vec<Signal> = data.iter().map(|&value| value.extend(s(8)).cast_unsigned()).collect();
        let queue = m.instance("beats", &fifo::fifo(BEATS_HELD, lanes, u(8)));
        let beat_queue = m.instance("beat_addresses", &fifo::fifo(BEATS_HELD, 1, u(32)));
        queue.input("push_valid_i", valid).input("pop_ready_i", write_ready);
        bundle::connect(&queue, "push", &bytes);
        beat_queue.input("push_valid_i", valid).input("pop_ready_i", write_ready).input("push_0_i", beat);
        m.assert("a_beat_read_has_a_place", !valid | queue.output("push_ready_o"));
        let written = (queue.output("pop_valid_o") & write_ready).named("written");
        beats_held.next(beats_held.q.wrapping_add(read).wrapping_sub(written));

        // Back: acknowledgements of one instruction after the other.
        let arrive = offered.field(0, encoding::ARRIVE) & !is_config;
        let spare = m.constant(u(16 - 2 - 5), 0);
        let kind = concat(&[rows_less_one, spare, is_one, beats.any(), arrive, offered.signal]);
        in_flight.input("push_valid_i", taken);
        bundle::connect(&in_flight, "push", &[kind, beats]);
        let [kind, beats] = bundle::of(&in_flight, "pop", 2)[..] else { unreachable!("two lanes") };
        let running = m.register("running_q", u(1)).reset(0);
        let awaiting = m.register("awaiting_q", u(1)).reset(0);
        let counts = Rows::new(m, "acknowledged");
        // While the back completes a CONFIG it counts no acknowledgement: some wait.
        let waiting = m.register("waiting_q", u(3)).reset(0);
        let acknowledged = (awaiting.q & (acknowledge | waiting.q.any())).named("acknowledged");
        waiting.next(waiting.q.wrapping_add(acknowledge).wrapping_sub(acknowledged));
        let complete = (running.q & (!awaiting.q | acknowledged & counts.last)).named("complete");
        let next = (in_flight.output("pop_valid_o") & (!running.q | complete)).named("next");
        in_flight.input("pop_ready_i", !running.q | complete);
        running.next(choose(running.q).when(next, 1).when(complete, 0).end());
        awaiting.next(choose(awaiting.q).when(next, kind.bit(5)).when(complete, 0).end());
        flying.next(flying.q.wrapping_add(taken).wrapping_sub(complete));
        // The first of those in flight is taken while none is awaited, whether it is there or not: that comes late.
        let always = m.constant(u(1), 1);
        let moves = Moves { idle: !awaiting.q, advance: acknowledged, follows: always };
        let counts = counts.walk(moves, beats, kind.bit(6), kind.slice(16, 16));
        let outcome = m.register("outcome_q", u(5));
        outcome.next_when(counts.takes(), kind.slice(0, 5));

        let give = m.register("give_q", u(4)).reset(0);
        give.next(mux(complete, outcome.q.slice(0, 4), 0));
        let arrives = m.register("arrive_q", u(1)).reset(0);
        arrives.next(complete & outcome.q.bit(4));
        let give_pending = m.register("give_pending_q", u(1)).reset(0);
        give_pending.next(complete);

        m.output("instruction_ready_o", ready);
        m.output("fault_o", faulty.q);
        m.output("read_o", read);
        m.output("address_o", address.truncate(address_ty.width()));
        m.output("write_valid_o", queue.output("pop_valid_o"));
        m.output("write_beat_o", beat_queue.output("pop_0_o"));
        bundle::outputs(m, "write", &bundle::of(&queue, "pop", lanes));
        m.output("arrive_o", arrives.q);
        m.output("give_o", give.q);
        m.output("busy_o", flying.q.any() | give_pending.q);
        m.assert("acknowledgements_come_only_for_beats_written", !(acknowledge & !flying.q.any()));
    })
}
