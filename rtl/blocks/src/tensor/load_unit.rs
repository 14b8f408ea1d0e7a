//! Load unit: executes LOAD and LOADW, from the memory port into scratchpad, weights, biases,
//! instruction memory and tables.
//!
//! ```text
//!  instruction -> front: requests --> memory
//!                   | up to 4 in flight
//!                   v
//!                 back:  beats <----- memory
//!                   |--> scratchpad, weights, biases, instructions, tables
//!                   +--> tokens, in order
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `instruction_valid_i`, `instruction_<k>_i`, `instruction_ready_o` | 1, 32, 1 | instruction whose tokens are there |
//! | `request_valid_o`, `request_beat_o`, `request_ready_i` | 1, 32, 1 | read requests, a stream |
//! | `response_valid_i`, `response_<k>_i`, `response_ready_o` | 1, u8, 1 | beats, a stream in the order of the requests |
//! | `write_blocked_i` | 1 | the scratchpad's write port is taken this cycle |
//! | `write_valid_o`, `write_address_o` | 1, address | beat to the scratchpad (all lanes, aligned) |
//! | `weight_valid_o`, `weight_address_o` | 1, address | beat to the weight store |
//! | `bias_valid_o`, `bias_address_o` | 1, address | beat to the bias memory |
//! | `program_valid_o`, `program_address_o` | 1, pc | beat to the instruction memory |
//! | `table_valid_o`, `table_entry_o` | 1, `bits` | beat to the post unit's tables |
//! | `part_o` | [`PART_WIDTH`] | which part of the word at that address: weights, biases, instructions |
//! | `loaded_o` | 1 | a LOADW of instructions is complete: a token for FENCE |
//! | `give_o`, `busy_o` | 4, 1 | tokens given; an instruction is not complete |
//! | `memory_beats_i` | 32 | beats of memory that may be read; 0: all |
//! | `index_i` | pc | number of the instruction that is offered |
//! | `fault_o`, `fault_index_o` | 1, pc | an address is outside its memory (the cycle before); of which instruction |
//!
//! **Timing.** One request and one beat per cycle. An instruction taken in cycle 0 requests from
//! cycle 1 on; the next is taken in the cycle after its last request was accepted, if fewer than
//! [`IN_FLIGHT`] are in flight: requests of one instruction follow those of the one before, however
//! long the memory takes. Beats are taken from cycle [`BACK_LATENCY`] on, and not before the cycle after
//! what was before is complete. Tokens, and `loaded_o`, are
//! given [`GIVE_LATENCY`] cycles after the last beat. A CONFIG takes the front for one cycle and
//! completes in its turn: at the back in cycle [`BACK_LATENCY`], or in the cycle after the last beat
//! of what was before it; its tokens are given [`GIVE_LATENCY`] cycles later. So is an instruction of
//! no beats.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, concat, module, mux, tree_reduce, u};
use myelin_isa::{Architecture, WeightTarget, encoding, opcode, transfer_descriptor as descriptor};

use super::descriptor::{Offered, registers};
use super::rows::{Moves, Rows};
use super::{bias_store, scratchpad, sequencer, weight_store};
use crate::prim::{bundle, fifo};

/// Cycles from the last beat to the tokens: whoever takes one reads two cycles later at the earliest, and finds the data.
pub const GIVE_LATENCY: usize = 2;
const _: () = assert!(GIVE_LATENCY + 2 >= scratchpad::WRITE_LATENCY, "written before it is read");
/// Instructions taken and not complete, at most.
pub const IN_FLIGHT: usize = 4;
/// Cycles from taking an instruction to taking its first beat, at least.
pub const BACK_LATENCY: usize = 2;
/// Bits of the number of a part of a word.
pub const PART_WIDTH: u32 = 3;

/// Whether a lane address lies in the scratchpad and begins a word.
pub fn lanes_inside(architecture: &Architecture, address: Signal) -> Signal {
    let aligned = !address.slice(0, architecture.lanes().trailing_zeros()).any();
    aligned & address.lt(i64::from(architecture.activation_lanes()))
}

/// Builds the unit.
pub fn load_unit(architecture: &Architecture) -> Arc<Module> {
    let address_ty = u(scratchpad::address_width(architecture));
    let weight_ty = u(weight_store::address_width(architecture));
    let bias_ty = u(bias_store::address_width(architecture));
    let pc_ty = u(sequencer::pc_width(architecture));
    let entry_ty = u(architecture.precision().bits());
    let parts_last = [
        architecture.weight_word_beats() - 1,
        architecture.bias_word_beats() - 1,
        architecture.instruction_beats() - 1,
        0,
    ];
    assert!(parts_last.iter().all(|&part| part < 1 << PART_WIDTH), "a part's number fits");
    module("load_unit", |m| {
        m.doc("Load unit: memory port to activation scratchpad, weight store, bias and instruction memory, tables.");
        let instruction_valid = m.input("instruction_valid_i", u(1));
        let offered = Offered::new(bundle::inputs(m, "instruction", 4, u(32)));
        let request_ready = m.input("request_ready_i", u(1));
        let response_valid = m.input("response_valid_i", u(1));
        let write_blocked = m.input("write_blocked_i", u(1));
        let memory_beats = m.input("memory_beats_i", u(32));
        let index = m.input("index_i", pc_ty);

        // Front: requests of one instruction after the other.
        let in_flight = m.instance("in_flight", &fifo::fifo(IN_FLIGHT, 5, u(32)));
        let flying = m.register("flying_q", u(IN_FLIGHT.ilog2() + 1)).reset(0);
        let requesting = m.register("requesting_q", u(1)).reset(0);
        let ready = (!requesting.q & flying.q.ne(IN_FLIGHT as i64)).named("ready");
        let taken = (instruction_valid & ready).named("taken");
        let is_config = offered.is(opcode::CONFIG).named("is_config");
        let held = registers(m, descriptor::COUNT, taken & is_config, &offered);
        let in_rows = offered.is(opcode::LOAD).named("in_rows");
        let rows_less_one = mux(in_rows, held[usize::from(descriptor::ROWS)].slice(0, 16), 0);
        let beats = mux(is_config, 0, offered.words[3]).named("beats");
        let start = (taken & beats.any()).named("start");
        let requested = (requesting.q & request_ready).named("requested");
        let requests = Rows::new(m, "request");
        requesting.next(choose(requesting.q).when(start, 1).when(requested & requests.last, 0).end());
        let never = m.constant(u(1), 0);
        let moves = Moves { idle: !requesting.q, advance: requested, follows: never };
        let is_one = offered.words[3].eq(1).named("beats_are_one");
        let requests = requests.walk(moves, offered.words[3], is_one, rows_less_one);
        let memory_step = held[usize::from(descriptor::MEMORY_STEP)];
        let request_beat = requests.follow(m, "request_beat", offered.words[1], 1, memory_step);

        // Nothing beyond the memory is asked for; who waits for it waits until the reset after the trap.
        let beyond = (memory_beats.any() & request_beat.ge(memory_beats)).named("beyond");
        let asking_outside = (requesting.q & beyond).named("asking_outside");
        let request_valid = (requesting.q & !beyond).named("request_valid");
        let front_index = m.register("front_index_q", pc_ty);
        front_index.next_when(taken, index);

        // A bit for each target; none is the scratchpad.
        let target = offered.field(0, encoding::TARGET);
        let to = |wanted: WeightTarget| offered.is(opcode::LOADW) & target.eq(wanted as i64);
        let [weights, biases, instructions, table] = WeightTarget::ALL.map(to);
        let spare = m.constant(u(16 - 2 - 4 - 4), 0);
        let amount = concat(&[is_one, beats.any()]);
        let kind = concat(&[rows_less_one, spare, amount, table, instructions, biases, weights, offered.signal]);
        in_flight.input("push_valid_i", taken);
        let lane_step = held[usize::from(descriptor::LANE_STEP)];
        let entry = [kind, offered.words[2], beats, lane_step, index.extend(u(32))];
        bundle::connect(&in_flight, "push", &entry);

        // Back: beats of one instruction after the other.
        let [kind, destination, beats, lane_step, index] = bundle::of(&in_flight, "pop", 5)[..] else {
            unreachable!("five lanes")
        };
        let running = m.register("running_q", u(1)).reset(0);
        let awaiting = m.register("awaiting_q", u(1)).reset(0);
        let counts = Rows::new(m, "beat");
        let to_scratchpad = m.register("to_scratchpad_q", u(1));
        let response_ready = (awaiting.q & !(to_scratchpad.q & write_blocked)).named("response_ready");
        let arrived = (response_valid & response_ready).named("arrived");
        let complete = (running.q & (!awaiting.q | arrived & counts.last)).named("complete");
        let next = (in_flight.output("pop_valid_o") & (!running.q | complete)).named("next");
        in_flight.input("pop_ready_i", !running.q | complete);
        running.next(choose(running.q).when(next, 1).when(complete, 0).end());
        awaiting.next(choose(awaiting.q).when(next, kind.bit(8)).when(complete, 0).end());
        flying.next(flying.q.wrapping_add(taken).wrapping_sub(complete));
        // The first of those in flight is taken while no beat is awaited, whether it is there or not: that comes late.
        let always = m.constant(u(1), 1);
        let moves = Moves { idle: !awaiting.q, advance: arrived, follows: always };
        let counts = counts.walk(moves, beats, kind.bit(9), kind.slice(16, 16));
        let keep = |name: &str, value: Signal| {
            let register = m.register(name, value.ty());
            register.next_when(counts.takes(), value);
            register.q
        };
        to_scratchpad.next_when(counts.takes(), !kind.slice(4, 4).any());
        let targets = keep("targets_q", kind.slice(4, 4));
        let signal = keep("signal_q", kind.slice(0, 4));
        let step = keep("lane_step_q", lane_step);
        let lanes = i64::from(architecture.lanes());
        let address = counts.follow(m, "address", destination, lanes, step);

        // Words in parts, for all other targets.
        let part = m.register("part_q", u(PART_WIDTH));
        let part_last = (targets.bits().iter().zip(parts_last))
            .map(|(&target, last)| target & part.q.eq(i64::from(last)))
            .collect::<Vec<_>>();
        let part_last = tree_reduce(&part_last, |a, b| a | b).named("part_last");
        part.next_when(counts.moves(), choose(part.q.wrapping_add(1)).when(counts.loads() | part_last, 0).end());
        let word = m.register("word_q", u(32));
        let next_word = mux(counts.loads(), destination, word.q.wrapping_add(1));
        word.next_when(counts.moves() & (counts.loads() | part_last), next_word);

        // An address that has left its memory wraps, and the cell traps.
        let misplaced = !lanes_inside(architecture, address);
        let beyond_word = |target: u32, size: u32| targets.bit(target) & word.q.ge(i64::from(size));
        let outside_target = tree_reduce(
            &[
                to_scratchpad.q & misplaced,
                beyond_word(0, architecture.weight_words()),
                beyond_word(1, architecture.bias_words()),
                beyond_word(3, architecture.table_entries()),
            ],
            |a, b| a | b,
        )
        .named("outside_target");
        let back_index = keep("back_index_q", index.truncate(pc_ty.width()));
        let fault = m.register("fault_q", u(1)).reset(0);
        fault.next(asking_outside | arrived & outside_target);
        let fault_index = m.delay("fault_index_q", mux(asking_outside, front_index.q, back_index));

        let completed = m.register("completed_q", u(1)).reset(0);
        completed.next(complete);
        let completed_signal = m.delay("completed_signal_q", signal);
        let completed_program = m.delay("completed_program_q", targets.bit(2));
        let give = m.register("give_q", u(4)).reset(0);
        give.next(mux(completed.q, completed_signal, 0));
        let loaded = m.register("loaded_q", u(1)).reset(0);
        loaded.next(completed.q & completed_program);
        let give_pending = m.register("give_pending_q", u(1)).reset(0);
        give_pending.next(completed.q);

        m.output("instruction_ready_o", ready);
        m.output("request_valid_o", request_valid);
        m.output("fault_o", fault.q);
        m.output("fault_index_o", fault_index);
        m.output("request_beat_o", request_beat);
        m.output("response_ready_o", response_ready);
        m.output("write_valid_o", arrived & to_scratchpad.q);
        m.output("write_address_o", address.truncate(address_ty.width()));
        m.output("weight_valid_o", arrived & targets.bit(0));
        m.output("weight_address_o", word.q.truncate(weight_ty.width()));
        m.output("bias_valid_o", arrived & targets.bit(1));
        m.output("bias_address_o", word.q.truncate(bias_ty.width()));
        m.output("program_valid_o", arrived & targets.bit(2));
        m.output("program_address_o", word.q.truncate(pc_ty.width()));
        m.output("table_valid_o", arrived & targets.bit(3));
        m.output("table_entry_o", word.q.truncate(entry_ty.width()));
        m.output("part_o", part.q);
        m.output("loaded_o", loaded.q);
        m.output("give_o", give.q);
        m.output("busy_o", flying.q.any() | completed.q | give_pending.q);
        m.assert("beats_come_only_when_asked_for", !(response_valid & !flying.q.any()));
    })
}
