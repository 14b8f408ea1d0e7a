//! Control and status registers, interrupts and the cause of a trap.
//!
//! mtvec, mscratch, mepc and mtval lie in the register file behind the general registers, at [`FIRST`]
//! plus the low three bits of their numbers: they cost neither flip-flops nor a multiplexer. What is
//! left is a few bits; the wide counters are optional.
//!
//! | CSR | here |
//! |---|---|
//! | mstatus | MIE, MPIE; MPP reads 3 |
//! | misa | what the core has; writes are ignored |
//! | mie, mip | MTIE, MEIE; MTIP, MEIP follow the inputs |
//! | mtvec | direct mode; the low two bits read 0 |
//! | mepc | the low two bits read 0 |
//! | mcause | the interrupt bit and four bits of code |
//! | mscratch, mtval | 32 bits |
//! | mvendorid, marchid, mimpid, mhartid, mconfigptr | 0 |
//! | mcycle, minstret and their upper halves | if asked for; mcycle stands still while WFI waits, so that a core at rest does |
//!
//! Access to any other, and writing a read-only one, is illegal.

use myelin_hdl::{ModuleBuilder, Register, Signal, choose, concat, mux, u};

use super::execute::{gate, spread};
use super::parameters::CpuParameters;

/// Where CSRs begin in the register file.
pub(super) const FIRST: i64 = 32;
/// mepc in the register file.
pub(super) const MEPC: i64 = FIRST + 1;
/// mtval in the register file.
pub(super) const MTVAL: i64 = FIRST + 3;
/// mtvec in the register file.
pub(super) const MTVEC: i64 = FIRST + 5;

/// The CSR that an instruction names. Valid for legal ones.
pub(super) struct Named {
    /// It exists and may be accessed as the instruction does.
    pub legal: Signal,
    /// The instruction writes it.
    pub writes: Signal,
    /// It lies in the register file.
    pub stored: Signal,
    /// It is mtvec or mepc, whose low bits are 0.
    pub is_vector: Signal,
    mstatus: Signal,
    misa: Signal,
    mie: Signal,
    mcause: Signal,
    mip: Signal,
    counter: Signal,
    counter_index: Signal,
}

/// Which CSR `instruction` names.
pub(super) fn named(m: &ModuleBuilder, parameters: &CpuParameters, instruction: Signal) -> Named {
    let number = instruction.slice(20, 12);
    let low = number.slice(0, 3);
    let exchange = instruction.slice(12, 2).eq(0b01);
    let writes = (exchange | instruction.slice(15, 5).any()).named("csr_writes");

    let in_setup = number.slice(3, 9).eq(0x300 >> 3) & (low.eq(0) | low.eq(1) | low.eq(4) | low.eq(5));
    let in_handling = number.slice(3, 9).eq(0x340 >> 3) & (!low.bit(2) | low.eq(4));
    let in_identity = number.slice(3, 9).eq(0xf10 >> 3) & low.ne(0) & (!low.bit(2) | !low.bit(1)) & !writes;
    // 0xb00, 0xb02, 0xb80 and 0xb82.
    let is_counter = concat(&[number.slice(8, 4), number.slice(2, 5), number.bit(0)]).eq(0b10_1100_0000);
    let in_counters = if parameters.counters() { is_counter } else { m.constant(u(1), 0) };
    let legal = in_setup | in_handling | in_identity | in_counters;

    // From here on only legal numbers count.
    let [common, handling] = [!number.bit(11), number.bit(6)];
    let setup = common & !handling;
    let trap = common & handling;
    let stored = mux(handling, !low.bit(2) & low.ne(2), low.eq(5)) & common;
    Named {
        legal: legal.named("csr_legal"),
        writes,
        stored: stored.named("csr_stored"),
        is_vector: low.slice(0, 2).eq(1),
        mstatus: setup & low.eq(0),
        misa: setup & low.eq(1),
        mie: setup & low.eq(4),
        mcause: trap & low.eq(2),
        mip: trap & low.eq(4),
        counter: if parameters.counters() { number.bit(11) & !number.bit(10) } else { m.constant(u(1), 0) },
        counter_index: concat(&[number.bit(1), number.bit(7)]),
    }
}

/// The flip-flops among the CSRs.
pub(super) struct Csrs {
    mie: Register,
    mpie: Register,
    timer_enable: Register,
    external_enable: Register,
    /// mcause: the interrupt bit above four bits of code.
    pub cause: Register,
    counters: Option<[Counter; 2]>,
    /// An instruction that counts retired in the cycle before.
    retired: Option<Register>,
}

struct Counter {
    low: Register,
    high: Register,
}

/// What happens to the CSRs in a cycle.
pub(super) struct Events {
    /// A trap is entered.
    pub trap: Signal,
    /// Its cause.
    pub cause: Signal,
    /// MRET returns.
    pub returns: Signal,
    /// `value` is written to the CSR named.
    pub writes: Signal,
    /// The value.
    pub value: Signal,
    /// An instruction retires.
    pub retires: Signal,
    /// WFI waits.
    pub waits: Signal,
}

/// Interrupts that are enabled one by one, and with all.
pub(super) struct Interrupts {
    /// One is pending and enabled, whether or not all are: ends a wait.
    pub wakes: Signal,
    /// The external interrupt is to be taken: as it was in the cycle before.
    pub external: Signal,
    /// The timer's interrupt likewise.
    pub timer: Signal,
    /// One of the two is to be taken: as it was in the cycle before.
    pub pending: Signal,
}

impl Csrs {
    pub(super) fn new(m: &ModuleBuilder, parameters: &CpuParameters) -> Csrs {
        let bit = |name: &str| m.register(name, u(1)).reset(0);
        let counter = |name: &str| Counter {
            low: m.register(&format!("{name}_q"), u(32)).reset(0),
            high: m.register(&format!("{name}h_q"), u(32)).reset(0),
        };
        Csrs {
            mie: bit("mstatus_mie_q"),
            mpie: bit("mstatus_mpie_q"),
            timer_enable: bit("mie_timer_q"),
            external_enable: bit("mie_external_q"),
            cause: m.register("mcause_q", u(5)).reset(0),
            counters: parameters.counters().then(|| [counter("mcycle"), counter("minstret")]),
            retired: parameters.counters().then(|| bit("retired_q")),
        }
    }

    /// mstatus.MIE, mstatus.MPIE, mie.MTIE, mie.MEIE.
    pub(super) fn enables(&self) -> [Signal; 4] {
        [&self.mie, &self.mpie, &self.timer_enable, &self.external_enable].map(|register| register.q)
    }

    /// What the CSR named reads, as far as it is not in the register file; 0 otherwise.
    pub(super) fn read(
        &self,
        m: &ModuleBuilder,
        parameters: &CpuParameters,
        of: &Named,
        pending: [Signal; 2],
    ) -> Signal {
        let zero = |width: u32| m.constant(u(width), 0);
        let [timer, external] = pending;
        let enabled = concat(&[external & of.mip, timer & of.mip]);
        let enables = concat(&[self.external_enable.q & of.mie, self.timer_enable.q & of.mie]) | enabled;
        let [external, timer] = [enables.bit(1), enables.bit(0)];
        let cause = gate(self.cause.q, of.mcause);
        let mpp = spread(of.mstatus, 2);
        let [bit_3, bit_7] = [self.mie.q & of.mstatus, self.mpie.q & of.mstatus];
        let bits = concat(&[
            cause.bit(4),
            zero(18),
            mpp.bit(1),
            mpp.bit(0) | external,
            zero(3),
            bit_7 | timer,
            zero(3),
            cause.bit(3) | bit_3,
            cause.slice(0, 3),
        ]);
        let misa = gate(m.constant(u(32), i64::from(parameters.misa())), of.misa);
        let Some([cycles, instructions]) = &self.counters else { return (bits | misa).named("csr_value") };
        let [low, high] = [
            mux(of.counter_index.bit(1), instructions.low.q, cycles.low.q),
            mux(of.counter_index.bit(1), instructions.high.q, cycles.high.q),
        ];
        let counter = gate(mux(of.counter_index.bit(0), high, low), of.counter);
        (bits | misa | counter).named("csr_value")
    }

    /// Which interrupts are there; `pending` are timer and external.
    pub(super) fn interrupts(&self, m: &ModuleBuilder, pending: [Signal; 2]) -> Interrupts {
        let [timer, external] = [pending[0] & self.timer_enable.q, pending[1] & self.external_enable.q];
        let external_q = m.register("external_q", u(1)).reset(0);
        external_q.next(external & self.mie.q);
        let timer_q = m.register("timer_q", u(1)).reset(0);
        timer_q.next(timer & self.mie.q);
        Interrupts {
            wakes: (timer | external).named("interrupt_wakes"),
            external: external_q.q,
            timer: timer_q.q,
            pending: (external_q.q | timer_q.q).named("interrupt_pending"),
        }
    }

    /// Gives every register its next value.
    pub(super) fn drive(self, of: &Named, e: &Events) {
        let writes = |which: Signal| e.writes & which;
        let to_mstatus = writes(of.mstatus);
        self.mie.next(
            choose(self.mie.q).when(e.trap, 0).when(e.returns, self.mpie.q).when(to_mstatus, e.value.bit(3)).end(),
        );
        self.mpie.next(
            choose(self.mpie.q).when(e.trap, self.mie.q).when(e.returns, 1).when(to_mstatus, e.value.bit(7)).end(),
        );
        self.timer_enable.next_when(writes(of.mie), e.value.bit(7));
        self.external_enable.next_when(writes(of.mie), e.value.bit(11));
        let written = concat(&[e.value.bit(31), e.value.slice(0, 4)]);
        self.cause.next_when(e.trap | writes(of.mcause), mux(e.trap, e.cause, written));
        let (Some([cycles, instructions]), Some(retired)) = (self.counters, self.retired) else { return };
        let chosen = writes(of.counter);
        let [of_instructions, upper] = [of.counter_index.bit(1), of.counter_index.bit(0)];
        // A cycle late, which no CSR instruction is early enough to see.
        retired.next(e.retires & !(chosen & of_instructions));
        cycles.drive(!e.waits, (chosen & !of_instructions, upper), e.value);
        instructions.drive(retired.q, (chosen & of_instructions, upper), e.value);
    }
}

impl Counter {
    /// Counts where `counts`; a write to either half takes the place of counting.
    fn drive(&self, counts: Signal, (written, upper): (Signal, Signal), value: Signal) {
        let [low, high] = [written & !upper, written & upper];
        let carries = self.low.q.all();
        let (counts_low, counts_high) = (counts & !written, counts & !written & carries);
        self.low.next_when(low | counts_low, mux(low, value, self.low.q.wrapping_add(1)));
        self.high.next_when(high | counts_high, mux(high, value, self.high.q.wrapping_add(1)));
    }
}
