//! Store unit: executes STORE, from the activation scratchpad to the memory port.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `instruction_valid_i`, `instruction_<k>_i`, `instruction_ready_o` | 1, 32, 1 | instruction whose tokens are there |
//! | `read_blocked_i` | 1 | the post unit reads the shared scratchpad port this cycle |
//! | `read_o`, `address_o`, `data_<k>_i` | 1, address, `bits` | shared scratchpad port |
//! | `write_valid_o`, `write_beat_o`, `write_<k>_o`, `write_ready_i` | 1, 32, u8, 1 | beats to memory, a stream |
//! | `give_o`, `busy_o` | 4, 1 | tokens given; an instruction is not complete |
//!
//! **Timing.** A beat takes four cycles on a memory that is always ready: read, two cycles of
//! scratchpad latency, write. Outputs are small beside the work that made them.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, module, mux, s, u};
use myelin_isa::Architecture;

use super::descriptor::Offered;
use super::pe::operand_ty;
use super::scratchpad;
use crate::prim::bundle;

const IDLE: i64 = 0;
const READ: i64 = 1;
const WAIT: i64 = 2;
const TAKE: i64 = 3;
const WRITE: i64 = 4;
const _: () = assert!(scratchpad::READ_LATENCY == 2, "READ, WAIT, TAKE");

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

        let state = m.register("state_q", u(3)).reset(IDLE);
        let is = |value: i64| state.q.eq(value);
        let start = (is(IDLE) & instruction_valid).named("start");
        let read = (is(READ) & !read_blocked).named("read");
        let written = (is(WRITE) & write_ready).named("written");
        let beats_left = m.register("beats_left_q", u(32));
        let last = (written & beats_left.q.eq(1)).named("last");
        state.next(
            choose(state.q)
                .when(start, READ)
                .when(read, WAIT)
                .when(is(WAIT), TAKE)
                .when(is(TAKE), WRITE)
                .when(last, IDLE)
                .when(written, READ)
                .end(),
        );
        beats_left
            .next(choose(beats_left.q).when(start, offered.words[3]).when(written, beats_left.q.wrapping_sub(1)).end());
        let beat = m.register("beat_q", u(32));
        beat.next(choose(beat.q).when(start, offered.words[1]).when(written, beat.q.wrapping_add(1)).end());
        let address = m.register("address_q", address_ty);
        address.next(
            choose(address.q)
                .when(start, offered.words[2].truncate(address_ty.width()))
                .when(written, address.q.wrapping_add(i64::from(architecture.lanes())))
                .end(),
        );
        let signal = m.register("signal_q", u(4));
        signal.next_when(start, offered.signal);
        let taken: Vec<Signal> = (data.iter().enumerate())
            .map(|(lane, &value)| {
                let register = m.register(&format!("data_{lane}_q"), s(8));
                register.next_when(is(TAKE), value);
                register.q.cast_unsigned()
            })
            .collect();

        let give = m.register("give_q", u(4)).reset(0);
        give.next(mux(last, signal.q, 0));
        let give_pending = m.register("give_pending_q", u(1)).reset(0);
        give_pending.next(last);

        m.output("instruction_ready_o", is(IDLE));
        m.output("read_o", read);
        m.output("address_o", address.q);
        m.output("write_valid_o", is(WRITE));
        m.output("write_beat_o", beat.q);
        bundle::outputs(m, "write", &taken);
        m.output("give_o", give.q);
        m.output("busy_o", !is(IDLE) | give_pending.q);
    })
}
