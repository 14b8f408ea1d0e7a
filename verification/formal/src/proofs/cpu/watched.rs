//! The core beside what it ought to be: the state that the ISA knows, followed retirement by retirement.
//!
//! Of the general registers, and of the CSRs that are words, one each is followed, chosen freely: what
//! holds for it holds for all.

use std::sync::Arc;

use myelin_hdl::{Module, ModuleBuilder, Register, Signal, choose, concat, module, mux, u};
use myelin_rtl::cpu::{CpuParameters, Decision, Inputs, Inside, Watched, Words, declare};

use super::isa::{Instance, Isa, isa};
use crate::watch::implies;

/// Everything that is compared.
struct Proof<'a> {
    m: &'a ModuleBuilder,
    inside: Inside,
    /// What the ISA says about the instruction that is there.
    isa: Isa,
    /// The bus.
    ready: Signal,
    error: Signal,
    read_data: Signal,
    /// The instruction's operands, from the state execute on.
    operands: [Signal; 2],
    /// The load or store of the instruction has failed.
    failed: Signal,
    /// A trap that is no interrupt is wanted for this instruction, and why.
    exception: Signal,
    cause: Signal,
    reset_vector: i64,
    /// The instruction's result waits in the data register: a shift's, or any if decided ahead.
    waiting: Signal,
    /// Which bit of a shifted value is followed.
    bit: Signal,
}

/// The core and what watches it.
pub(super) fn watched(parameters: &CpuParameters) -> Arc<Module> {
    module("cpu_proof", |m| {
        m.doc("Soft core with what watches it.");
        let inside = declare(m, parameters, Watched::Yes);
        let proof = Proof::new(m, inside, parameters);
        proof.addresses();
        proof.states();
        proof.work();
        proof.bus();
        proof.registers();
        proof.csr_words();
        proof.csr_bits();
        proof.interrupts();
        proof.retirement();
        proof.traps();
    })
}

impl<'a> Proof<'a> {
    fn new(m: &'a ModuleBuilder, inside: Inside, parameters: &CpuParameters) -> Proof<'a> {
        let Inputs { ready, error, read_data, .. } = inside.inputs;
        let s = &inside.states;
        let execute = s.execute.q;
        let operands: Vec<Signal> = (inside.operands.iter().enumerate())
            .map(|(index, &operand)| {
                let held = m.register(&format!("operand_{index}_q"), u(32));
                held.next_when(execute, operand);
                mux(execute, operand, held.q).named(&format!("operand_{index}"))
            })
            .collect();
        let operands = [operands[0], operands[1]];
        let failed = m.register("access_failed_q", u(1)).reset(0);
        failed.next(mux(execute, 0, failed.q | (s.memory.q & ready & error)));
        let retirement = &inside.retirement;
        let of = Instance {
            word: retirement.instruction,
            pc: retirement.pc,
            operands,
            read: inside.data,
            counters: parameters.counters(),
        };
        let isa = isa(m, &of);
        let failed = failed.q & !execute;
        let access = |load: i64, store: i64| mux(isa.store, m.constant(u(4), store), load);
        let cause = choose(access(5, 7))
            .when(inside.fault, 1)
            .when(!isa.legal, 2)
            .when(isa.ebreak, 3)
            .when(isa.ecall, 11)
            .when(isa.misaligned_access, access(4, 6))
            .when(isa.misaligned_jump, 0)
            .end()
            .named("isa_cause");
        let exception =
            inside.fault | !isa.legal | isa.ebreak | isa.ecall | isa.misaligned_access | isa.misaligned_jump | failed;
        let exception = exception.named("isa_exception");
        let reset_vector = i64::from(parameters.reset_vector());
        let bit = stable(m, "shift_bit", m.input("shift_bit_i", u(5)));
        let waiting = match parameters.decision() {
            Decision::Executing => isa.shift,
            Decision::Ahead => isa.computes,
        };
        Proof {
            m,
            waiting,
            bit,
            inside,
            isa,
            ready,
            error,
            read_data,
            operands,
            failed,
            exception,
            cause,
            reset_vector,
        }
    }

    fn assert(&self, name: &str, condition: Signal, conclusion: Signal) {
        self.m.assert(name, implies(condition, conclusion));
    }

    /// Whether two values agree in the bit that is followed: any of them, so all. A solver takes much
    /// longer over all at once.
    fn same_bit(&self, a: Signal, b: Signal) -> Signal {
        a.shift_right_by(self.bit).bit(0).eq(b.shift_right_by(self.bit).bit(0))
    }

    /// No instruction is there: after reset, and while the first after a jump is fetched.
    fn absent(&self) -> Signal {
        self.inside.states.start.q | self.inside.states.fetch.q
    }

    /// An instruction has been executed in part, and no trap is being entered.
    fn under_way(&self) -> Signal {
        let s = &self.inside.states;
        !(self.absent() | s.registers.q | s.execute.q | self.inside.trapping)
    }

    /// MRET has begun, and has not yet retired.
    fn returning(&self) -> Signal {
        (self.inside.states.vector.q | self.inside.states.jump.q) & !self.inside.trapping
    }

    /// Each instruction is at the address at which the one before went on.
    fn addresses(&self) {
        let (m, s, retirement) = (self.m, &self.inside.states, &self.inside.retirement);
        let due = m.register("due_pc_q", u(32));
        let due_next = choose(due.q).when(s.start.q, self.reset_vector).when(retirement.valid, retirement.next_pc);
        due.next(due_next.end());
        self.assert(
            "the_first_instruction_is_at_the_reset_vector",
            s.start.q,
            self.inside.fetch_pc.eq(self.reset_vector),
        );
        self.assert("what_is_fetched_is_due", s.fetch.q, self.inside.fetch_pc.eq(due.q));
        self.assert("what_executes_is_due", !self.absent(), retirement.pc.eq(due.q));
        // A jump goes before its link is written.
        let gone = self.inside.states.write_back.q & self.isa.links;
        let following = self.inside.fetch_pc.eq(mux(gone, self.isa.target, retirement.pc.wrapping_add(4)));
        self.assert("what_follows_is_fetched_next", !self.absent(), following);
        let jumped = retirement.valid & retirement.next_pc.ne(retirement.pc.wrapping_add(4));
        m.cover("an_instruction_jumps", jumped & !retirement.trap);
    }

    /// In which states an instruction can be.
    fn states(&self) {
        let (s, isa) = (&self.inside.states, &self.isa);
        let trapping = self.inside.trapping;
        let branch = isa.branch & isa.legal & !self.inside.fault;
        let known = self.inside.takes.eq(isa.taken);
        self.assert("a_branch_is_one_and_known_to_be_taken_or_not", s.branch.q, branch & known);
        let good = !self.exception;
        self.assert("an_access_is_legal_and_aligned", s.memory.q, (isa.load | isa.store) & good);
        self.assert("a_shift_is_one", s.shift.q, isa.shift & good);
        self.assert("a_load_or_a_result_that_waits_writes_back", s.write_back.q, (isa.load | self.waiting) & good);
        let on_csr = s.csr_read.q | s.csr_old.q | s.csr_new.q;
        self.assert("a_csr_is_accessed_legally", on_csr, isa.csr & good);
        self.assert("a_wait_is_one", s.wait.q, isa.wfi & good);
        self.assert("a_return_is_one", self.returning(), isa.mret & good);
        self.assert("there_is_no_multiplier", s.multiply.q, self.m.constant(u(1), 0));
        let entering = s.trap_pc.q | s.trap_value.q;
        self.assert("a_trap_is_marked", entering, trapping);
        self.assert("only_a_trap_is_marked", trapping, entering | s.vector.q | s.jump.q);
        self.assert("nothing_under_way_has_failed", self.under_way(), !self.failed);
        let access = (isa.load | isa.store) & isa.legal & !isa.misaligned_access & !self.inside.fault;
        self.assert("only_an_access_fails", trapping & self.failed, access);
    }

    /// What the data register holds on the way.
    fn work(&self) {
        let (m, s, isa) = (self.m, &self.inside.states, &self.isa);
        let word = m.register("word_read_q", u(32));
        word.next_when(s.memory.q & self.ready, self.read_data);
        let data = self.inside.data;
        let later = s.branch.q | s.memory.q | s.shift.q | s.write_back.q | s.trap_pc.q | s.trap_value.q;
        let same = self.inside.operands[0].eq(self.operands[0]) & self.inside.operands[1].eq(self.operands[1]);
        self.assert("operands_stay", later, same);
        self.assert("a_word_read_is_that_of_the_bus", s.write_back.q & isa.load, data.eq(word.q));
        let offset = self.inside.offset.eq(isa.address.slice(0, 2));
        self.assert("the_offset_is_the_address_s", s.memory.q | (s.write_back.q & isa.load), offset);
        self.assert("the_address_waits_in_the_data_register", s.memory.q, data.eq(isa.address));
        self.assert(
            "a_shift_is_complete_when_it_is_written",
            s.write_back.q & isa.shift,
            self.same_bit(data, isa.value),
        );
        let other = s.write_back.q & self.waiting & !isa.shift;
        self.assert("a_result_that_waited_is_the_one_written", other, data.eq(isa.value));
        let left = self.inside.shift_left;
        let instruction = self.inside.retirement.instruction;
        let rest = mux(
            instruction.bit(14),
            mux(
                instruction.bit(30),
                data.cast_signed().shift_right_by(left).cast_unsigned(),
                data.shift_right_by(left),
            ),
            data.shift_left_by(left),
        );
        self.assert("what_is_left_completes_the_shift", s.shift.q, self.same_bit(rest, isa.value));
    }

    /// Requests stay until answered, and are what the instruction needs.
    fn bus(&self) {
        let (m, s, isa) = (self.m, &self.inside.states, &self.isa);
        let request = &self.inside.request;
        let waits = m.register("request_waits_q", u(1)).reset(0);
        waits.next(request.valid & !self.ready);
        let parts = [
            ("write", request.write),
            ("address", request.address),
            ("byte_enable", request.byte_enable),
            ("write_data", request.write_data),
        ];
        let same = parts.map(|(name, part)| m.delay(&format!("{name}_before_q"), part).eq(part));
        let data_same = same[3] | !request.write;
        self.assert("a_request_stays", waits.q, request.valid & same[0] & same[1] & same[2] & data_same);
        let access = s.memory.q & request.valid;
        self.assert("an_access_requests", s.memory.q, request.valid & request.write.eq(isa.store));
        let word = concat(&[isa.address.slice(2, 30), m.constant(u(2), 0)]);
        self.assert(
            "an_access_is_where_the_isa_says",
            access,
            request.address.eq(word) & request.byte_enable.eq(isa.mask),
        );
        let lanes: Vec<Signal> = (0..4).rev().map(|lane| spread(isa.mask.bit(lane), 8)).collect();
        self.assert(
            "a_store_stores_what_the_isa_says",
            access & isa.store,
            (request.write_data & concat(&lanes)).eq(isa.stored),
        );
        let fetch = request.valid & !s.memory.q;
        let whole = !request.write & request.address.eq(self.inside.fetch_pc) & request.byte_enable.all();
        self.assert("a_fetch_reads_a_word", fetch, whole);
        let [word, fault] =
            [("word_fetched_q", self.read_data), ("fetch_failed_q", self.error)].map(|(name, value)| {
                let register = m.register(name, value.ty());
                register.next_when(fetch & self.ready, value);
                register.q
            });
        let said = self.inside.retirement.instruction.eq(word) & self.inside.fault.eq(fault);
        self.assert("an_instruction_is_what_the_bus_said", !self.absent(), said);
        m.cover("a_store_waits_and_ends", s.memory.q & isa.store & waits.q & self.ready);
    }

    /// A general register holds what was last written to it.
    fn registers(&self) {
        let (m, s, retirement) = (self.m, &self.inside.states, &self.inside.retirement);
        let Words { chosen: [(index, watched), _], zero } = *self.words();
        let index = stable(m, "watch_0", index);
        let index_5 = index.slice(0, 5);
        m.assume("a_general_register_is_watched", !index.bit(5));
        let value = m.register("register_value_q", u(32));
        let writes = retirement.valid & !retirement.trap & retirement.rd.any() & retirement.rd.eq(index_5);
        value.next(choose(value.q).when(s.start.q, watched).when(writes, retirement.rd_value).end());
        // A CSR instruction writes its destination a cycle before it retires.
        let early = s.csr_new.q & retirement.rd.any() & retirement.rd.eq(index_5);
        let held = mux(early, retirement.rd_value, value.q);
        self.assert("a_register_keeps_what_was_written", !s.start.q, watched.eq(held));
        // Nothing ever writes it, but a proof does not look at what happens in reset.
        m.assume("register_0_is_0_after_reset", implies(s.start.q, zero.eq(0)));
        m.assert("register_0_is_0", zero.eq(0));
        let instruction = retirement.instruction;
        let [first, second] = [instruction.slice(15, 5), instruction.slice(20, 5)].map(|index| index.eq(index_5));
        let [a, b] = self.inside.operands;
        self.assert("the_first_operand_is_its_register_s", s.execute.q & first, a.eq(value.q));
        self.assert("the_second_operand_is_its_register_s", s.execute.q & second, b.eq(value.q));
        let on_csr = s.csr_old.q | s.csr_new.q;
        self.assert("a_csr_s_operand_is_its_register_s", on_csr & first, b.eq(value.q));
        m.cover("a_register_is_written_and_read", s.execute.q & first & index.any() & value.q.eq(0x1234_5000));
    }

    fn words(&self) -> &Words {
        self.inside.watched.as_ref().expect("invariant: the core is watched")
    }

    /// mtvec, mscratch, mepc and mtval.
    fn csr_words(&self) {
        let (m, s, retirement, isa) = (self.m, &self.inside.states, &self.inside.retirement, &self.isa);
        let [_, (index, watched)] = self.words().chosen;
        let index = stable(m, "watch_1", index);
        let is = |csr: i64| index.eq(csr);
        let [mscratch, mepc, mtval, mtvec] = [is(32), is(33), is(35), is(37)];
        m.assume("a_word_csr_is_watched", mscratch | mepc | mtval | mtvec);
        let number = choose(m.constant(u(12), 0x340)).when(mepc, 0x341).when(mtval, 0x343).when(mtvec, 0x305).end();
        let named = (isa.csr & retirement.instruction.slice(20, 12).eq(number)).named("names_the_watched_csr");
        let value = m.register("csr_value_followed_q", u(32));
        let written = self.csr_written(value.q);
        let written = mux(mepc | mtvec, written & m.constant(u(32), 0xffff_fffc), written);
        let writes = retirement.valid & !retirement.trap & named & isa.csr_writes;
        let trapped = retirement.valid & retirement.trap;
        let trap_value = self.trap_value();
        value.next(
            choose(value.q)
                .when(s.start.q, watched)
                .when(writes, written)
                .when(trapped & mepc, retirement.pc)
                .when(trapped & mtval, trap_value)
                .end(),
        );
        // A trap writes two of them on its way.
        let after_pc = self.inside.trapping & !s.trap_pc.q;
        let after_value = after_pc & !s.trap_value.q;
        let held = choose(value.q).when(mepc & after_pc, retirement.pc).when(mtval & after_value, trap_value).end();
        self.assert("a_csr_keeps_what_was_written", !s.start.q, watched.eq(held));
        let on_csr = s.csr_old.q | s.csr_new.q;
        self.assert("a_csr_reads_what_was_written", on_csr & named, self.inside.csr.eq(value.q));
        let vector = mux(self.inside.trapping, mtvec, mepc);
        self.assert("a_jump_goes_to_its_vector", s.jump.q & vector, self.inside.operands[0].eq(value.q));
        m.cover("a_csr_is_written", writes & value.q.ne(written));
    }

    /// What the CSR instruction writes over `old`.
    fn csr_written(&self, old: Signal) -> Signal {
        let instruction = self.inside.retirement.instruction;
        let operand = mux(instruction.bit(14), instruction.slice(15, 5), self.inside.retirement.rs1_value);
        choose(old & !operand)
            .when(instruction.slice(12, 2).eq(1), operand)
            .when(instruction.slice(12, 2).eq(2), old | operand)
            .end()
    }

    /// What the trap leaves in mtval.
    fn trap_value(&self) -> Signal {
        let interrupt = self.inside.retirement.cause.bit(4);
        let code = self.inside.retirement.cause.slice(0, 4);
        let access = code.ge(4) & code.le(7);
        choose(self.m.constant(u(32), 0))
            .when(interrupt, 0)
            .when(code.eq(0), self.isa.target)
            .when(code.eq(1), self.inside.retirement.pc)
            .when(access, self.isa.address)
            .end()
    }

    /// mstatus, mie and mcause.
    fn csr_bits(&self) {
        let (m, s, retirement, isa) = (self.m, &self.inside.states, &self.inside.retirement, &self.isa);
        let bit = |name: &str| m.register(name, u(1)).reset(0);
        let [mie, mpie, timer, external] =
            ["isa_mie_q", "isa_mpie_q", "isa_timer_enable_q", "isa_external_enable_q"].map(bit);
        let cause = m.register("isa_cause_q", u(5)).reset(0);
        let number = retirement.instruction.slice(20, 12);
        let writes = retirement.valid & !retirement.trap & isa.csr & isa.csr_writes;
        let old = self.inside.csr;
        let new = self.csr_written(old);
        let trapped = retirement.valid & retirement.trap;
        let returned = retirement.valid & !retirement.trap & isa.mret;
        let to = |csr: i64| writes & number.eq(csr);
        mie.next(choose(mie.q).when(trapped, 0).when(returned, mpie.q).when(to(0x300), new.bit(3)).end());
        mpie.next(choose(mpie.q).when(trapped, mie.q).when(returned, 1).when(to(0x300), new.bit(7)).end());
        timer.next_when(to(0x304), new.bit(7));
        external.next_when(to(0x304), new.bit(11));
        let written = concat(&[new.bit(31), new.slice(0, 4)]);
        cause.next(choose(cause.q).when(trapped, retirement.cause).when(to(0x342), written).end());

        let [core_mie, core_mpie, core_timer, core_external] = self.inside.enables;
        let trapping = self.inside.trapping;
        let expected_mie = choose(mie.q).when(trapping, 0).when(self.returning(), mpie.q).end();
        let expected_mpie = choose(mpie.q).when(trapping, mie.q).when(self.returning(), 1).end();
        let same = core_mie.eq(expected_mie) & core_mpie.eq(expected_mpie);
        m.assert("mstatus_stacks_and_unstacks", same);
        m.assert("mie_is_what_was_written", core_timer.eq(timer.q) & core_external.eq(external.q));
        self.assert("mcause_is_what_was_written", !trapping, retirement.cause.eq(cause.q));
        let place = |bit: Signal, at: u32| bit.extend(u(32)).shift_left_by(m.constant(u(5), i64::from(at)));
        let read = |csr: i64, value: Signal| {
            self.assert(&format!("csr_{csr:x}_reads_as_stated"), s.csr_old.q & isa.csr & number.eq(csr), old.eq(value));
        };
        read(0x300, place(mie.q, 3) | place(mpie.q, 7) | m.constant(u(32), 0x1800));
        read(0x301, m.constant(u(32), 0x4000_0100));
        read(0x304, place(timer.q, 7) | place(external.q, 11));
        read(0x342, place(cause.q.bit(4), 31) | cause.q.slice(0, 4).extend(u(32)));
        read(0xf14, m.constant(u(32), 0));
        let before = m.delay("csr_before_q", old);
        self.assert("a_csr_does_not_change_under_its_instruction", s.csr_new.q, old.eq(before));
    }

    /// An interrupt is taken in the place of an instruction exactly if it is enabled and was pending
    /// in the cycle before.
    fn interrupts(&self) {
        let (m, s) = (self.m, &self.inside.states);
        let Inputs { timer, external, .. } = self.inside.inputs;
        let [mie, _, timer_enable, external_enable] = self.inside.enables;
        let was = ["timer_was_q", "external_was_q"];
        let [timer_was, external_was] = [(was[0], timer), (was[1], external)].map(|(name, line)| m.delay(name, line));
        let due = [timer_was & timer_enable & mie, external_was & external_enable & mie];
        let agrees = self.inside.interrupts[0].eq(due[0]) & self.inside.interrupts[1].eq(due[1]);
        self.assert("an_interrupt_is_due_if_enabled_and_pending", s.execute.q, agrees);
        let was_due: Vec<Register> = ["timer_due_q", "external_due_q"].map(|name| m.register(name, u(1))).into();
        for (register, due) in was_due.iter().zip(due) {
            register.next_when(s.execute.q, due);
        }
        let executed = m.register("executed_q", u(1)).reset(0);
        executed.next(s.execute.q);
        let [timer_due, external_due] = [was_due[0].q, was_due[1].q];
        self.assert("an_interrupt_due_is_taken", executed.q & (timer_due | external_due), s.trap_pc.q);
        self.assert("what_is_under_way_is_not_interrupted", self.under_way(), !(timer_due | external_due));
        let cause = self.inside.retirement.cause;
        let expected = choose(self.cause.extend(u(5))).when(external_due, 16 + 11).when(timer_due, 16 + 7).end();
        self.assert("a_trap_has_its_cause", self.inside.trapping, cause.eq(expected));
        let reason = timer_due | external_due | self.exception;
        self.assert("a_trap_has_a_reason", self.inside.trapping, reason);
        let sum = (self.isa.misaligned_jump | self.isa.misaligned_access | self.failed) & !cause.bit(4);
        let address = mux(cause.any(), self.isa.address, self.isa.target);
        let entering = s.trap_pc.q | s.trap_value.q;
        let same = self.inside.data.slice(1, 31).eq(address.slice(1, 31));
        // JALR clears the lowest bit on the way.
        let indirect = self.inside.retirement.instruction.slice(0, 7).eq(0x67);
        let low = self.inside.data.bit(0).eq(address.bit(0)) | (!cause.any() & indirect);
        let concerns = sum & (!cause.any() | (cause.ge(4) & cause.le(7)));
        self.assert("the_faulting_address_waits_in_the_data_register", entering & concerns, same & low);
        m.cover("an_interrupt_is_taken_from_outside", s.jump.q & self.inside.trapping & cause.eq(16 + 11));
    }

    /// What retires without a trap is what the ISA says.
    fn retirement(&self) {
        let (isa, retirement) = (&self.isa, &self.inside.retirement);
        let done = (retirement.valid & !retirement.trap).named("retires_an_instruction");
        self.assert("only_a_good_instruction_retires", done, !self.exception);
        let direct = done & !isa.csr;
        self.assert("it_writes_the_register_the_isa_says", done, retirement.rd.eq(isa.rd));
        let whole = direct & !isa.shift & isa.rd.any();
        self.assert("it_writes_the_value_the_isa_says", whole, retirement.rd_value.eq(isa.value));
        let shifted = direct & isa.shift & isa.rd.any();
        self.assert("it_shifts_as_the_isa_says", shifted, self.same_bit(retirement.rd_value, isa.value));
        self.assert(
            "a_csr_instruction_writes_what_it_read",
            done & isa.csr & isa.rd.any(),
            retirement.rd_value.eq(self.inside.csr),
        );
        self.assert("it_goes_on_where_the_isa_says", done & !isa.mret, retirement.next_pc.eq(isa.next_pc));
        let word_address = concat(&[self.inside.operands[0].slice(2, 30), self.m.constant(u(2), 0)]);
        let vectored = done & isa.mret | (retirement.valid & retirement.trap);
        self.assert("traps_and_returns_go_to_their_vectors", vectored, retirement.next_pc.eq(word_address));
        let shown = retirement.read_mask.eq(mux(isa.load, isa.mask, 0));
        let shown = shown & retirement.write_mask.eq(mux(isa.store, isa.mask, 0));
        self.assert("it_accesses_what_the_isa_says", direct, shown);
        for (name, kind) in [("load", isa.load), ("store", isa.store), ("csr", isa.csr), ("mret", isa.mret)] {
            self.m.cover(&format!("an_instruction_retires_{name}"), done & kind);
        }
    }

    fn traps(&self) {
        let retirement = &self.inside.retirement;
        let trapped = retirement.valid & retirement.trap;
        let nothing = retirement.rd.eq(0) & retirement.read_mask.eq(0) & retirement.write_mask.eq(0);
        self.assert("a_trap_writes_no_register_and_no_memory", trapped, nothing);
        for code in [0, 2, 5] {
            self.m.cover(&format!("a_trap_has_cause_{code}"), trapped & retirement.cause.eq(code));
        }
    }
}

/// A free choice that stays until the next reset, as an assumption that also holds from any state.
fn stable(m: &ModuleBuilder, name: &str, choice: Signal) -> Signal {
    let before = m.delay(&format!("{name}_before_q"), choice);
    m.assume(&format!("{name}_is_stable"), choice.eq(before));
    choice
}

fn spread(bit: Signal, width: u32) -> Signal {
    concat(&vec![bit; width as usize])
}
