//! Load unit: executes LOAD and LOADW, from the memory port into scratchpad, weights and biases.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `instruction_valid_i`, `instruction_<k>_i`, `instruction_ready_o` | 1, 32, 1 | instruction whose tokens are there |
//! | `request_valid_o`, `request_beat_o`, `request_ready_i` | 1, 32, 1 | read requests, a stream |
//! | `response_valid_i`, `response_<k>_i`, `response_ready_o` | 1, u8, 1 | beats, a stream in the order of the requests |
//! | `write_blocked_i` | 1 | the scratchpad's write port is taken this cycle |
//! | `write_valid_o`, `write_address_o` | 1, address | beat to the scratchpad (all lanes, aligned) |
//! | `weight_valid_o`, `weight_address_o`, `weight_bank_o` | | beat to the weight store |
//! | `bias_valid_o`, `bias_address_o`, `bias_quarter_o` | | beat to the bias memory |
//! | `give_o`, `busy_o` | 4, 1 | tokens given; an instruction is not complete |
//!
//! **Timing.** One request and one beat per cycle. With a memory that answers after M cycles, an
//! instruction taken in cycle 0 requests from cycle 1 on, and gives its tokens
//! [`GIVE_LATENCY`] cycles after its last beat; the next is taken in the same cycle.

use std::sync::Arc;

use myelin_hdl::{Module, choose, module, mux, u};
use myelin_isa::{Architecture, WeightTarget, encoding, opcode};

use super::descriptor::Offered;
use super::{bias_store, scratchpad, weight_store};
use crate::prim::bundle;

/// Cycles from the last beat to the tokens: the scratchpad's write latency, so that whoever takes
/// one finds the data.
pub const GIVE_LATENCY: usize = scratchpad::WRITE_LATENCY;

/// Builds the unit.
pub fn load_unit(architecture: &Architecture) -> Arc<Module> {
    let address_ty = u(scratchpad::address_width(architecture));
    let weight_ty = u(weight_store::address_width(architecture));
    let bank_ty = u(weight_store::bank_width(architecture));
    let bias_ty = u(bias_store::address_width(architecture));
    module("load_unit", |m| {
        m.doc("Load unit: memory port to activation scratchpad, weight store and bias memory.");
        let instruction_valid = m.input("instruction_valid_i", u(1));
        let offered = Offered::new(bundle::inputs(m, "instruction", 4, u(32)));
        let request_ready = m.input("request_ready_i", u(1));
        let response_valid = m.input("response_valid_i", u(1));
        let write_blocked = m.input("write_blocked_i", u(1));

        let running = m.register("running_q", u(1)).reset(0);
        let flushing = m.register("flushing_q", u(1)).reset(0);
        let ready = (!running.q & !flushing.q).named("ready");
        let start = (instruction_valid & ready).named("start");
        let to_weights_d =
            offered.is(opcode::LOADW) & !offered.field(0, encoding::TARGET).eq(WeightTarget::Biases as i64);
        let to_biases_d =
            offered.is(opcode::LOADW) & offered.field(0, encoding::TARGET).eq(WeightTarget::Biases as i64);
        let to_weights = m.register("to_weights_q", u(1));
        to_weights.next_when(start, to_weights_d);
        let to_biases = m.register("to_biases_q", u(1));
        to_biases.next_when(start, to_biases_d);
        let signal = m.register("signal_q", u(4));
        signal.next_when(start, offered.signal);

        let requests_left = m.register("requests_left_q", u(32)).reset(0);
        let requested = (requests_left.q.any() & request_ready).named("requested");
        requests_left.next(
            choose(requests_left.q)
                .when(start, offered.words[3])
                .when(requested, requests_left.q.wrapping_sub(1))
                .end(),
        );
        let beat = m.register("beat_q", u(32));
        beat.next(choose(beat.q).when(start, offered.words[1]).when(requested, beat.q.wrapping_add(1)).end());

        let to_scratchpad = (!to_weights.q & !to_biases.q).named("to_scratchpad");
        let response_ready = (running.q & !(to_scratchpad & write_blocked)).named("response_ready");
        let arrived = (response_valid & response_ready).named("arrived");
        let beats_left = m.register("beats_left_q", u(32)).reset(0);
        beats_left
            .next(choose(beats_left.q).when(start, offered.words[3]).when(arrived, beats_left.q.wrapping_sub(1)).end());
        let last = (arrived & beats_left.q.eq(1)).named("last");
        running.next(choose(running.q).when(start, 1).when(last, 0).end());
        flushing.next(choose(flushing.q).when(last, 1).when(flushing.q, 0).end());

        // Scratchpad: a word of lanes a beat. Weights: a bank a beat. Biases: a quarter word a beat.
        let address = m.register("address_q", address_ty);
        let address_start = offered.words[2].truncate(address_ty.width());
        address.next(
            choose(address.q)
                .when(start, address_start)
                .when(arrived, address.q.wrapping_add(i64::from(architecture.lanes())))
                .end(),
        );
        let bank = m.register("bank_q", bank_ty);
        let bank_last = bank.q.eq(i64::from(architecture.weight_ports()) - 1);
        bank.next(
            choose(bank.q)
                .when(start, 0)
                .when(arrived, mux(bank_last, m.constant(bank_ty, 0), bank.q.wrapping_add(1)))
                .end(),
        );
        let word = m.register("word_q", weight_ty);
        let word_start = offered.words[2].truncate(weight_ty.width());
        word.next(choose(word.q).when(start, word_start).when(arrived & bank_last, word.q.wrapping_add(1)).end());
        let quarter = m.register("quarter_q", u(2));
        quarter.next(choose(quarter.q).when(start, 0).when(arrived, quarter.q.wrapping_add(1)).end());
        let bias = m.register("bias_q", bias_ty);
        let bias_start = offered.words[2].truncate(bias_ty.width());
        bias.next(choose(bias.q).when(start, bias_start).when(arrived & quarter.q.eq(3), bias.q.wrapping_add(1)).end());

        let give = m.register("give_q", u(4)).reset(0);
        give.next(mux(flushing.q, signal.q, 0));
        let give_pending = m.register("give_pending_q", u(1)).reset(0);
        give_pending.next(flushing.q);

        m.output("instruction_ready_o", ready);
        m.output("request_valid_o", requests_left.q.any());
        m.output("request_beat_o", beat.q);
        m.output("response_ready_o", response_ready);
        m.output("write_valid_o", arrived & to_scratchpad);
        m.output("write_address_o", address.q);
        m.output("weight_valid_o", arrived & to_weights.q);
        m.output("weight_address_o", word.q);
        m.output("weight_bank_o", bank.q);
        m.output("bias_valid_o", arrived & to_biases.q);
        m.output("bias_address_o", bias.q);
        m.output("bias_quarter_o", quarter.q);
        m.output("give_o", give.q);
        m.output("busy_o", running.q | flushing.q | give_pending.q);
        m.assert("beats_come_only_when_asked_for", !(response_valid & !running.q));
    })
}
