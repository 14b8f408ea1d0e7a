//! What the core does with an instruction: whether it traps, jumps, writes or ends, and the state that follows.

use myelin_hdl::{ModuleBuilder, Signal, choose, mux, u};

use super::Core;
use crate::cpu::execute::Results;
use crate::cpu::load_store::misaligned;
use crate::cpu::parameters::{CpuParameters, Decision};
use crate::cpu::states::States;

/// What is decided about the present instruction.
pub(super) struct Decisions {
    /// A trap is entered, for `cause`.
    pub(super) trap: Signal,
    pub(super) cause: Signal,
    /// In the state execute: the instruction does what it says.
    pub(super) proceeds: Signal,
    /// The same for instructions without an address, known earlier.
    pub(super) begins: Signal,
    /// It has a result in that state, which it writes at once, or in the next if decided ahead.
    pub(super) computes: Signal,
    /// The next instruction is requested while this one ends.
    pub(super) fetches: Signal,
    /// The present request for an instruction is answered.
    pub(super) fetched: Signal,
    /// In the state branch: it is taken.
    pub(super) takes: Signal,
    /// The result is the address of the next instruction.
    pub(super) jumps: Signal,
    /// The instruction, or the entry of a trap, ends.
    pub(super) retires: Signal,
    /// It ends, and the next is not yet requested.
    pub(super) leaves: Signal,
}

/// What follows from the instruction alone, from the state execute on: a register if decided ahead.
pub(super) fn decided(m: &ModuleBuilder, parameters: &CpuParameters, s: &States, name: &str, value: Signal) -> Signal {
    match parameters.decision() {
        Decision::Executing => value,
        Decision::Ahead => {
            let register = m.delay(&format!("{name}_q"), value);
            let comes = s.start.q | s.fetch.q | s.registers.q;
            m.assert(&format!("{name}_is_that_of_the_instruction"), comes | register.eq(value));
            register
        }
    }
}

impl Core<'_> {
    pub(super) fn decide(&self, results: &Results) -> Decisions {
        let (s, d) = (&self.s, &self.d);
        let [execute, memory, branch] = [s.execute.q, s.memory.q, s.branch.q];
        let [ready, error] = [self.inputs.ready, self.inputs.error];
        let early = match self.parameters.decision() {
            Decision::Executing => self.interrupts.pending | self.state.fault.q | d.illegal | d.ecall | d.ebreak,
            Decision::Ahead => {
                let by_itself = self.state.fault.q | d.illegal | d.ecall | d.ebreak;
                self.interrupts.pending | decided(self.m, self.parameters, s, "traps_by_itself", by_itself)
            }
        };
        let early = early.named("traps_early");
        // Decided ahead, a branch is in its state whether it is taken or not.
        let takes = if self.ahead() { branch & self.m.delay("taken_q", results.taken) } else { branch };
        let bad_access = (d.load | d.store) & misaligned(results.offset, d.funct3);
        let bad_target = results.offset.bit(1);
        let bad = (bad_access | ((d.jal | d.jalr) & bad_target)).named("is_misaligned");
        let failed = (memory & ready & error).named("access_failed");
        let trap = (execute & (early | bad)) | (takes & bad_target) | failed;
        let begins = (execute & !early).named("begins");
        let proceeds = (begins & !bad).named("proceeds");

        let straight = ((d.alu & !d.shift) | d.lui | d.auipc).named("is_straight");
        let straight = decided(self.m, self.parameters, s, "straight", straight);
        // Decided ahead, a result goes through the data register as that of a shift does.
        let ends = || if self.ahead() { begins & d.fence } else { begins & (straight | d.fence) };
        let fetches = match self.parameters.decision() {
            Decision::Executing => s.fetch.q | s.write_back.q | ends(),
            Decision::Ahead => s.fetch.q | s.write_back.q,
        };
        let fetches = fetches.named("fetches");
        let links = d.jal | d.jalr;
        let branches = takes & !bad_target;
        let jumps = (proceeds & links) | branches | s.jump.q;
        let stored = memory & ready & !error & d.store;
        let goes_on = stored | s.csr_new.q | (s.wait.q & self.interrupts.wakes);
        let leaves = if self.ahead() {
            // The link of a jump is still to be written.
            branches | s.jump.q | (branch & !takes) | ends() | goes_on
        } else {
            jumps | (begins & d.branch & !results.taken) | goes_on
        };
        Decisions {
            trap: trap.named("trap"),
            cause: self.cause(bad_access),
            proceeds,
            begins,
            computes: (begins & straight) | (proceeds & links),
            fetches,
            fetched: (fetches & ready).named("fetched"),
            takes,
            jumps: jumps.named("jumps"),
            retires: (leaves | s.write_back.q | ends()).named("retires"),
            leaves: leaves.named("leaves"),
        }
    }

    /// Why a trap is entered: the interrupt bit and the code.
    fn cause(&self, bad_access: Signal) -> Signal {
        let d = &self.d;
        let of_access = |load: i64, store: i64| mux(d.store, self.m.constant(u(5), store), load);
        choose(self.m.constant(u(5), 0))
            .when(self.s.memory.q, of_access(5, 7))
            .when(self.s.branch.q, 0)
            .when(self.interrupts.pending, mux(self.interrupts.external, 16 + 11, 16 + 7))
            .when(self.state.fault.q, 1)
            .when(d.illegal, 2)
            .when(d.ebreak, 3)
            .when(d.ecall, 11)
            .when(bad_access, of_access(4, 6))
            .end()
            .named("cause")
    }

    pub(super) fn next_states(&self, results: &Results, decisions: &Decisions, done: [Signal; 2], written: Signal) {
        let (s, d) = (&self.s, &self.d);
        let [shifted, multiplied] = done;
        let Decisions { proceeds, begins, fetches, fetched, .. } = *decisions;
        let [ready, error] = [self.inputs.ready, self.inputs.error];
        let wakes = self.interrupts.wakes;
        s.start.next(0);
        s.fetch.next((fetches & !ready) | s.start.q | decisions.leaves);
        if self.ahead() {
            s.execute.next(s.registers.q);
            s.registers.next(fetched);
        } else {
            s.execute.next((fetched & !written) | s.registers.q);
            s.registers.next(fetched & written);
        }
        // Decided ahead, a branch that is not taken goes there, too.
        s.branch.next(if self.ahead() { begins & d.branch } else { begins & d.branch & results.taken });
        s.memory.next((proceeds & (d.load | d.store)) | (s.memory.q & !ready));
        s.shift.next((begins & d.shift) | (s.shift.q & !shifted));
        s.multiply.next((begins & d.multiply) | (s.multiply.q & !multiplied));
        let loaded = s.memory.q & ready & !error & d.load;
        let ends = loaded | shifted | multiplied;
        s.write_back.next(if self.ahead() { ends | decisions.computes } else { ends });
        s.csr_read.next(begins & d.csr);
        s.csr_old.next(s.csr_read.q);
        s.csr_new.next(s.csr_old.q);
        s.trap_pc.next(decisions.trap);
        s.trap_value.next(s.trap_pc.q);
        s.vector.next(s.trap_value.q | (begins & d.mret));
        s.jump.next(s.vector.q);
        s.wait.next((begins & d.wfi) | (s.wait.q & !wakes));
    }
}
