//! Sequencer: fetches the program and hands each unit its instructions in order.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `start_i`, `entry_i` | 1, pc | start at an instruction; ignored while running |
//! | `write_valid_i`, `write_address_i`, `write_word_i`, `write_data_i` | 1, pc, 2, 32 | write one word of the instruction memory |
//! | `load_valid_i`, `load_address_i`, `load_part_i`, `load_<k>_i` | 1, pc, 2, 32 | a part of an instruction, from memory |
//! | `loaded_i` | 1 | a LOADW of instructions is complete: a token for FENCE |
//! | `push_valid_<u>_o`, `push_ready_<u>_i` | 1 | the queue of unit u takes the instruction |
//! | `instruction_<k>_o` | 32 | the instruction |
//! | `all_idle_i` | 1 | all queues empty and all units idle (the cycle before counts) |
//! | `fault_i`, `fault_cause_i`, `fault_index_i` | 1, 4, pc | trap: why, and the instruction that caused it |
//! | `running_o`, `halted_o`, `trapped_o`, `cause_o`, `pc_o` | 1, 1, 1, 4, pc | state |
//! | `issued_o` | 1 | an instruction left |
//! | `stuck_o`, `fencing_o` | 1, 1 | one waits to leave; it is a FENCE |
//!
//! **Timing.** Two cycles per instruction (take from the memory, hand out and read the next one) while queues have
//! room; the first is handed out [`START_LATENCY`] cycles after `start_i`. SYNC waits until `all_idle_i`, then goes on or halts;
//! FENCE takes a token, in the cycle after `loaded_i` at the earliest. The program counter wraps at the
//! end of the memory.
//!
//! **Traps.** An opcode that is not an instruction, an instruction that (a cycle after it is there, handed out or not)
//! [`checks`] refuses, or a fault that something else reports stops the sequencer; `pc_o` then says which
//! instruction it was. Units finish what they hold, but a unit whose address was refused does not: reset
//! before the next start.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, choose, module, mux, tree_reduce, u};
use myelin_isa::{Architecture, Unit, encoding, opcode, register};

use super::descriptor::Offered;
use super::{checks, instruction_queue};
use crate::prim::bundle;

/// Cycles from the start to handing out the first instruction.
pub const START_LATENCY: usize = 3;
/// Cycles per instruction.
pub const INSTRUCTION_CYCLES: usize = 2;

/// Bits of a program counter.
pub fn pc_width(architecture: &Architecture) -> u32 {
    architecture.instruction_depth().trailing_zeros()
}

const _: () = assert!(instruction_queue::LATENCY >= 2, "an instruction that is refused is never offered to its unit");

/// Builds the sequencer.
pub fn sequencer(architecture: &Architecture) -> Arc<Module> {
    let pc_ty = u(pc_width(architecture));
    let units = Unit::ALL.len();
    module("sequencer", |m| {
        m.doc("Sequencer: fetches the program and hands each unit its instructions in order.");
        let start_request = m.input("start_i", u(1));
        let entry = m.input("entry_i", pc_ty);
        let write_valid = m.input("write_valid_i", u(1));
        let write_address = m.input("write_address_i", pc_ty);
        let write_word = m.input("write_word_i", u(2));
        let write_data = m.input("write_data_i", u(32));
        let words_per_beat = (architecture.lanes() as usize / 4).min(4);
        let load_valid = m.input("load_valid_i", u(1));
        let load_address = m.input("load_address_i", pc_ty);
        let load_part = m.input("load_part_i", u(2));
        let load_words = bundle::inputs(m, "load", words_per_beat, u(32));
        let loaded = m.input("loaded_i", u(1));
        let push_ready = bundle::inputs(m, "push_ready", units, u(1));
        let all_idle = m.input("all_idle_i", u(1));
        let fault = m.input("fault_i", u(1));
        let fault_cause = m.input("fault_cause_i", u(4));
        let fault_index = m.input("fault_index_i", pc_ty);

        let running = m.register("running_q", u(1)).reset(0);
        let fetched = m.register("fetched_q", u(1)).reset(0);
        let pc = m.register("pc_q", pc_ty).reset(0);
        let start = (start_request & !running.q).named("start");

        let program = m
            .memory("instructions", architecture.instruction_depth() as usize, 4, u(32))
            .style(MemoryStyle::Block)
            .collisions_are_unused();
        let part_of = |word: usize| load_part.eq((word / words_per_beat) as i64);
        let enables: Vec<Signal> =
            (0..4).map(|word| mux(write_valid, write_word.eq(word as i64), part_of(word))).collect();
        // The host writes while nothing runs: which of the two it is comes from its end, which is early.
        let data: Vec<Signal> =
            (0..4).map(|word| mux(write_valid, write_data, load_words[word % words_per_beat])).collect();
        let address = mux(write_valid, write_address, load_address);
        program.write_lanes(address, load_valid | write_valid, &enables, &data);
        // A read, a register behind the memory, then handing out, beside which the next one is read.
        let fetch_pc = m.register("fetch_pc_q", pc_ty).reset(0);
        let held = m.register("held_q", u(1)).reset(0);
        let take = (fetched.q & !held.q).named("take");
        let taken = |name: &str, value: Signal| {
            let register = m.register(name, value.ty());
            register.next_when(take, value);
            register.q
        };
        let read = program.read(fetch_pc.q, running.q);
        let coming = Offered::new(read.clone());
        let words: Vec<Signal> =
            read.into_iter().enumerate().map(|(word, read)| taken(&format!("word_{word}_q"), read)).collect();
        let current = Offered::new(words.clone());

        // Which unit: by opcode; a CONFIG names its unit. Known with the words.
        let holding = (running.q & held.q).named("holding");
        let any =
            |codes: &[u32]| tree_reduce(&codes.iter().map(|&code| coming.is(code)).collect::<Vec<_>>(), |a, b| a | b);
        let config_unit = coming.field(0, encoding::CONFIG_UNIT);
        let config = |unit: Unit| coming.is(opcode::CONFIG) & config_unit.eq(unit as i64);
        let target = [
            taken("for_load_q", any(&[opcode::LOAD, opcode::LOADW]) | config(Unit::Load)),
            taken("for_array_q", coming.is(opcode::CONV) | config(Unit::Array)),
            taken("for_post_q", any(&[opcode::DRAIN, opcode::ELTW, opcode::POOL]) | config(Unit::Post)),
            taken("for_store_q", coming.is(opcode::STORE) | config(Unit::Store)),
        ];
        let sync = taken("sync_q", coming.is(opcode::SYNC));
        let fence = taken("fence_q", coming.is(opcode::FENCE));
        let known = (tree_reduce(&target, |a, b| a | b) | sync | fence).named("known");
        let refused = checks::refused(architecture, &current);
        // Looked at for a cycle longer than it takes to hand out: a unit gets it even later, and never after a trap.
        let refused_q = m.register("refused_q", u(1)).reset(0);
        refused_q.next(holding & (refused.operand | refused.address));
        let bad_operand = m.delay("bad_operand_q", refused.operand);
        let refuses = (running.q & refused_q.q).named("refuses");
        let pc_before = m.delay("pc_before_q", pc.q);
        let accepted: Vec<Signal> = (target.iter().zip(&push_ready)).map(|(&target, &ready)| target & ready).collect();
        let synced = (sync & all_idle).named("synced");
        let loads = m.register("loads_q", u(4)).reset(0);
        let fenced = (fence & loads.q.any()).named("fenced");
        // What a run before left is forgotten.
        loads.next(mux(start, 0, loads.q.wrapping_add(loaded).wrapping_sub(holding & fenced)));
        let done = (holding & (tree_reduce(&accepted, |a, b| a | b) | synced | fenced)).named("done");
        let halt = (holding & synced & current.field(0, encoding::HALT)).named("halt");
        let bad_opcode = (holding & !known).named("bad_opcode");
        let faulty = (running.q & fault).named("faulty");
        let trap = (faulty | bad_opcode | refuses).named("trap");

        running.next(choose(running.q).when(start, 1).when(trap | halt, 0).end());
        fetched.next(choose(running.q & !held.q).when(trap | take, 0).when(done, 1).end());
        held.next(choose(held.q).when(!running.q | done | trap, 0).when(take, 1).end());
        fetch_pc.next(choose(fetch_pc.q).when(start, entry).when(take, fetch_pc.q.wrapping_add(1)).end());
        pc.next(
            choose(pc.q)
                .when(start, entry)
                .when(faulty, fault_index)
                .when(refuses, pc_before)
                .when(done & !halt, pc.q.wrapping_add(1))
                .end(),
        );
        let halted = m.register("halted_q", u(1)).reset(0);
        halted.next(choose(halted.q).when(start, 0).when(halt & !trap, 1).end());
        let cause = m.register("cause_q", u(4)).reset(0);
        let cause_of = |refused: u32| i64::from(refused);
        cause.next(
            choose(cause.q)
                .when(start, 0)
                .when(faulty, fault_cause)
                .when(refuses & bad_operand, cause_of(register::TRAP_OPERAND))
                .when(refuses, cause_of(register::TRAP_ADDRESS))
                .when(bad_opcode, cause_of(register::TRAP_OPCODE))
                .end(),
        );

        for (unit, &target) in target.iter().enumerate() {
            m.output(&format!("push_valid_{unit}_o"), holding & target);
        }
        bundle::outputs(m, "instruction", &words);
        m.output("running_o", running.q);
        m.output("halted_o", halted.q);
        m.output("trapped_o", cause.q.any());
        m.output("cause_o", cause.q);
        m.output("pc_o", pc.q);
        m.output("issued_o", done);
        m.output("stuck_o", holding & !done & !trap);
        m.output("fencing_o", fence);
    })
}
