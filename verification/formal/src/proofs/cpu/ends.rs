//! Every instruction ends: as a count of the cycles that an instruction may still take in each state.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Signal, choose, module, mux, u};
use myelin_rtl::cpu::{CpuParameters, Inside, Multiply, Watched, declare};

use crate::watch::implies;

/// Cycles that a request waits for the bus, at most.
const WAITS: i64 = 3;
/// Steps of a division, or of a product without a multiplier block.
const STEPS: i64 = 33;
/// Cycles after `execute`, at most: a division's, or a serial shift's by 31 or a load's that fails.
const fn after_execute(multiply: Multiply) -> i64 {
    if matches!(multiply, Multiply::None) { 11 } else { STEPS + 1 }
}
/// Width of what is counted.
const WIDTH: u32 = 8;

/// Cycles from the end of one instruction to that of the next, waits of [`WAITS`] included.
pub(super) const fn bound(multiply: Multiply) -> i64 {
    // A reset, the request, the registers.
    after_execute(multiply) + 1 + 1 + (WAITS + 1) + 1
}

/// The core, and beside it how long the instruction takes already and may take yet.
pub(super) fn watched(parameters: &CpuParameters) -> Arc<Module> {
    module("cpu_ends_proof", |m| {
        m.doc("Soft core with what counts its cycles.");
        let inside = declare(m, parameters, Watched::Yes);
        let s = &inside.states;
        let waits = m.register("bus_waits_q", u(3)).reset(0);
        let waiting = inside.request.valid & !inside.inputs.ready;
        waits.next(mux(waiting, waits.q.wrapping_add(1), 0));
        m.assume("the_bus_answers_in_time", implies(waits.q.eq(WAITS), !waiting));
        m.assert("the_bus_has_answered_in_time", waits.q.le(WAITS));

        let opcode = inside.retirement.instruction.slice(2, 5);
        m.assert("an_access_is_a_load_or_a_store", implies(s.memory.q, opcode.eq(0) | opcode.eq(8)));

        let elapsed = m.register("elapsed_q", u(WIDTH)).reset(0);
        let ends = inside.retirement.valid;
        // WFI waits for as long as no interrupt comes.
        elapsed.next(choose(elapsed.q.wrapping_add(1)).when(ends, 0).when(s.wait.q, elapsed.q).end());
        let left = cycles_left(m, &inside, parameters.multiply(), waits.q);
        let limit = bound(parameters.multiply());
        m.assert("the_instruction_ends_in_time", (elapsed.q + left).le(limit));
        m.assert("an_instruction_has_ended_in_time", elapsed.q.le(limit));

        match inside.multiplier {
            Some([working, steps]) => {
                m.assert("the_multiplier_works_exactly_in_its_state", working.eq(s.multiply.q));
                m.assert("its_steps_are_bounded", implies(working, steps.le(STEPS)));
            }
            None => m.assert("there_is_no_multiplier", !s.multiply.q),
        }
        m.cover("a_trap_after_a_failed_access_ends", ends & inside.retirement.trap & inside.retirement.cause.eq(5));
        m.cover("an_instruction_ends_after_waits", ends & elapsed.q.gt(2 * WAITS));
    })
}

/// Cycles until the instruction ends, at most, the present one not counted.
fn cycles_left(m: &ModuleBuilder, inside: &Inside, multiply: Multiply, waits: Signal) -> Signal {
    let s = &inside.states;
    let count = |cycles: i64| m.constant(u(WIDTH), cycles);
    let answer = count(WAITS).wrapping_sub(waits.extend(u(WIDTH)));
    // As for the serial shifter; the barrel shifter ends in the first cycle.
    let left = inside.shift_left;
    let shift = left.slice(2, 3).extend(u(WIDTH)).wrapping_add(left.slice(0, 2).extend(u(WIDTH))).wrapping_add(1);
    let steps = inside.multiplier.map_or(count(0), |[_, steps]| steps.extend(u(WIDTH)).wrapping_add(1));
    let execute = after_execute(multiply) + 1;
    // Behind an access is a trap, which takes four cycles.
    choose(count(0))
        .when(s.start.q, execute + 1 + (WAITS + 1) + 1)
        .when(s.fetch.q, answer.wrapping_add(execute + 2))
        .when(s.registers.q, execute + 1)
        .when(s.execute.q, execute)
        .when(s.memory.q, answer.wrapping_add(4))
        .when(s.branch.q, 4)
        .when(s.shift.q, shift)
        .when(s.multiply.q, steps)
        .when(s.csr_read.q, 2)
        .when(s.csr_old.q, 1)
        .when(s.trap_pc.q, 3)
        .when(s.trap_value.q, 2)
        .when(s.vector.q, 1)
        .end()
}
