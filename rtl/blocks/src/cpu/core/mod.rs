//! The soft core: RV32I (M on request) with machine mode, on one bus, an instruction at a time.
//!
//! ```text
//!                        +-----+
//!  bus_ready           ->|     |-> bus_valid, bus_write
//!  bus_error           ->|     |-> bus_address, bus_write_data
//!  bus_read_data       ->| cpu |-> bus_byte_enable
//!  timer_interrupt     ->|     |-> retire_*
//!  external_interrupt  ->|     |
//!                        +-----+
//! ```
//!
//! **Parameters.** [`CpuParameters`]: first instruction, multiplier, shifter, register file, time of decisions, counters.
//!
//! | port | width | meaning | after reset |
//! |---|---|---|---|
//! | `bus_valid_o` | 1 | a request, held with all it says until ready | 0 |
//! | `bus_write_o` | 1 | it writes | |
//! | `bus_address_o` | 32 | byte address of the word: the low two bits are 0 | |
//! | `bus_byte_enable_o` | 4 | the bytes of the word that are read or written | |
//! | `bus_write_data_o` | 32 | what is written, at its place in the word | |
//! | `bus_ready_i` | 1 | the request is done, the earliest in the cycle in which it comes | |
//! | `bus_error_i` | 1 | with ready: it has failed, and has changed nothing | |
//! | `bus_read_data_i` | 32 | with ready: the word read | |
//! | `timer_interrupt_i` | 1 | mip.MTIP | |
//! | `external_interrupt_i` | 1 | mip.MEIP | |
//! | `retire_*_o` | | what was done: see `retire.rs` | |
//!
//! **Timing.** With [`Decision::Executing`] the next instruction is requested while the present one executes, where that cannot
//! jump, access memory or trap; with [`Decision::Ahead`] an instruction is decided on in a cycle of its own, in which its registers
//! are read, and the next one is requested when it has ended. In cycles, with a memory that is ready one cycle after the request:
//!
//! | instruction | executing | ahead |
//! |---|---|---|
//! | arithmetic, LUI, AUIPC, FENCE | 2 | 4 |
//! | shifts: barrel / serial by n | 4 / 4 + n / 4 + n % 4 | 1 more |
//! | branches: not taken / taken | 3 / 4 | 5 |
//! | JAL, JALR | 3 | 4 |
//! | loads, stores | 5 | 6 |
//! | CSR instructions / MRET | 6 / 5 | 7 / 6 |
//! | products by a multiplier block / serial products and division | 10 / 37 | 11 / 38 |
//! | a trap, from the cycle that finds it to the first instruction of its handler | 7 | 8 |
//!
//! An interrupt is taken in the place of the next instruction; it must stay until its source is served.
//!
//! **Numbers.** RISC-V unprivileged ISA 20240411, RV32I 2.1, M 2.0, Zicsr, Zifencei (nothing is cached, so
//! FENCE.I does nothing), privileged ISA 20240411, machine mode only. Every encoding that is not an
//! instruction of these is illegal. mtval is the address of a misaligned or failed access or jump, and 0
//! for every other trap. WFI waits. `csr.rs` lists the CSRs. Not there: atomics, floating point,
//! compressed instructions, user mode, physical memory protection, debug mode, performance counters.
//!
//! **Judged** by `verification/riscv`, retirement by retirement, and proved in `verification/formal`.
//!
//! **Why so.** One carry chain adds, subtracts, compares, and computes every address: a LUT more before
//! each of its inputs costs less than a second adder. Four CSRs lie in the register file's memory, which
//! has room for them in every block RAM. The data register is address, loaded word and shift register in
//! turn. Block RAM leaves open what is read of a word while it is written, so the core never does both in
//! one cycle; only an instruction that comes in the very cycle of its request, while another is written
//! back, costs a cycle for that. What the adder adds is decided while the instruction comes.
//!
//! **Compressed instructions** are left out: memory is not what is short. A Rust image with `core::fmt`
//! is 7.8 kB of RV32I and 5.1 kB of RV32IMC; either board has 64 KiB for it.

mod decide;

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, ModuleBuilder, Register, Signal, choose, concat, module, mux, u};

use decide::{Decisions, decided};

use super::csr::{self, Csrs, Events, Interrupts, MEPC, MTVAL, MTVEC, Named};
use super::decode::{Classes, Decoded, decode};
use super::execute::{Next, Results, Selects, Sources, execute, gate};
use super::inside::{Inputs, Inside, Request, Words};
use super::load_store::{byte_enable, narrowing, to_bus};
use super::multiply;
use super::parameters::{CpuParameters, Decision, Multiply, Shift};
use super::register_file::{ADDRESS_WIDTH, Watched, register_file};
use super::retire::Retirement;
use super::shift::{Direction, coarse, fine, serial};
use super::states::States;

/// Builds the core.
pub fn cpu(parameters: &CpuParameters) -> Arc<Module> {
    module("cpu", |m| {
        m.doc("RV32 soft core with machine mode, on one bus, an instruction at a time.");
        declare(m, parameters, Watched::No);
    })
}

/// State besides [`States`] and the CSRs.
struct State {
    /// Word address of the instruction.
    pc: Register,
    /// Word address of the next.
    fetch_pc: Register,
    instruction: Register,
    /// The instruction could not be fetched.
    fault: Register,
    /// Address of an access, then the word loaded; what is shifted; product or quotient.
    data: Register,
    /// Which byte of the word is accessed.
    offset: Register,
    /// A trap is being entered.
    trapping: Register,
}

impl State {
    fn new(m: &ModuleBuilder, parameters: &CpuParameters) -> State {
        State {
            pc: m.register("pc_q", u(30)),
            fetch_pc: m.register("fetch_pc_q", u(30)).reset(i64::from(parameters.reset_vector() / 4)),
            instruction: m.register("instruction_q", u(32)),
            fault: m.register("fetch_fault_q", u(1)),
            data: m.register("data_q", u(32)),
            offset: m.register("offset_q", u(2)),
            trapping: m.register("trapping_q", u(1)).reset(0),
        }
    }
}

/// Everything that the parts of the core share.
struct Core<'a> {
    m: &'a ModuleBuilder,
    parameters: &'a CpuParameters,
    inputs: Inputs,
    s: States,
    state: State,
    /// The general registers and the CSRs that are words.
    registers: InstanceHandle,
    /// The two registers read.
    first: Signal,
    second: Signal,
    named: Named,
    classes: Classes<Register>,
    d: Decoded,
    selects: Selects,
    interrupts: Interrupts,
    watched: Watched,
}

/// What goes into the register file.
struct Written {
    write: Signal,
    /// A general register is written.
    general: Signal,
    data: Signal,
}

/// The whole core, ports included, in the open module `m`: [`cpu`] and its proof share it.
pub fn declare(m: &ModuleBuilder, parameters: &CpuParameters, watched: Watched) -> Inside {
    let inputs = Inputs {
        ready: m.input("bus_ready_i", u(1)),
        error: m.input("bus_error_i", u(1)),
        read_data: m.input("bus_read_data_i", u(32)),
        timer: m.input("timer_interrupt_i", u(1)),
        external: m.input("external_interrupt_i", u(1)),
    };
    let pending = [inputs.timer, inputs.external];
    let state = State::new(m, parameters);
    let csrs = Csrs::new(m, parameters);
    let named = csr::named(m, parameters, state.instruction.q);
    let classes = Classes::registers(m);
    let registers = m.instance("registers", &register_file(parameters.registers(), parameters.decision(), watched));
    let states = States::new(m);
    let mut d = decode(m, parameters, state.instruction.q, &classes, named.legal);
    d.immediate = decided(m, parameters, &states, "immediate", d.immediate);
    let core = Core {
        m,
        parameters,
        s: states,
        d,
        classes,
        selects: Selects::new(m),
        interrupts: csrs.interrupts(m, pending),
        first: registers.output("first_o"),
        second: registers.output("second_o"),
        inputs,
        state,
        registers,
        named,
        watched,
    };

    // 0 but in the two states that work on it, so that it is among the operands without being asked for.
    let csr_value = m.register("csr_value_q", u(32)).reset(0);
    let read = csrs.read(m, parameters, &core.named, pending);
    csr_value.next_when(core.s.csr_read.q | core.s.csr_new.q, gate(read, core.s.csr_read.q));
    m.assert("a_csr_is_an_operand_in_its_states", core.s.csr_old.q | core.s.csr_new.q | !csr_value.q.any());
    let results = core.compute(csr_value.q);
    let decisions = core.decide(&results);
    let events = Events {
        trap: decisions.trap,
        cause: decisions.cause,
        returns: decisions.begins & core.d.mret,
        writes: core.s.csr_new.q & core.named.writes,
        value: if core.ahead() { results.logic } else { results.result },
        retires: decisions.retires & !core.state.trapping.q,
        waits: core.s.wait.q,
    };
    let (retirement_cause, enables) = (csrs.cause.q, csrs.enables());
    csrs.drive(&core.named, &events);
    let written = core.write_back(&results, &decisions, retirement_cause);
    core.fetch(&results, &decisions, retirement_cause);
    core.read_registers(&decisions);
    let request = core.request(&decisions);
    let (done, shift_left, multiplier) = core.work(&results, &decisions);
    core.next_states(&results, &decisions, done, written.write);
    core.checks(retirement_cause, &decisions);
    let retirement = core.retirement(&results, &decisions, &written, retirement_cause);
    retirement.outputs(m);
    let watched = (watched == Watched::Yes).then(|| watch(m, &core.registers));
    let Core { s: states, state, first, second, interrupts, inputs, .. } = core;
    Inside {
        retirement,
        states,
        fetch_pc: byte_address(m, state.fetch_pc.q),
        fault: state.fault.q,
        trapping: state.trapping.q,
        operands: [first, second],
        csr: results.old,
        data: state.data.q,
        offset: state.offset.q,
        takes: decisions.takes,
        shift_left,
        multiplier,
        enables,
        request,
        interrupts: [interrupts.timer, interrupts.external],
        inputs,
        watched,
    }
}

/// Zeros below a word address.
fn byte_address(m: &ModuleBuilder, word: Signal) -> Signal {
    concat(&[word, m.constant(u(2), 0)])
}

/// The words that a proof looks at.
fn watch(m: &ModuleBuilder, registers: &InstanceHandle) -> Words {
    let chosen = [0, 1].map(|index| {
        let address = m.input(&format!("watch_{index}_i"), u(ADDRESS_WIDTH));
        registers.input(&format!("watch_{index}_i"), address);
        (address, registers.output(&format!("watch_{index}_o")))
    });
    Words { chosen, zero: registers.output("zero_o") }
}

impl Core<'_> {
    fn byte_address(&self, word: Signal) -> Signal {
        byte_address(self.m, word)
    }

    fn compute(&self, csr_value: Signal) -> Results {
        let from = Sources {
            register: self.first,
            first: self.first | csr_value,
            second: self.second,
            pc: self.byte_address(self.state.pc.q),
        };
        execute(self.m, self.parameters.decision(), &self.s, &self.d, &self.selects, &from)
    }

    /// Whether decisions about an instruction are registers.
    fn ahead(&self) -> bool {
        self.parameters.decision() == Decision::Ahead
    }

    /// The address of the instruction that follows.
    fn link(&self) -> Signal {
        self.byte_address(self.state.fetch_pc.q)
    }

    /// Writes a register: the result, the link or what the data register holds; or a CSR among them.
    fn write_back(&self, results: &Results, decisions: &Decisions, cause: Signal) -> Written {
        let (s, d, m) = (&self.s, &self.d, self.m);
        let own = if self.ahead() { s.write_back.q } else { decisions.computes | s.write_back.q };
        let general = (own | s.csr_old.q) & d.rd.any();
        let to_csr = s.csr_new.q & self.named.writes & self.named.stored;
        let write = (general | s.trap_pc.q | s.trap_value.q | to_csr).named("writes_register");
        // In the data register is the address of a misaligned jump, misaligned or failed load or store.
        let value = s.trap_value.q & (cause.slice(2, 3).eq(1) | !cause.any());
        let (offset, funct3) = (self.state.offset.q, d.funct3);
        let mut narrows = narrowing(offset, funct3, d.load & !s.trap_value.q);
        if self.ahead() {
            // Known in the cycle before; before trap_value comes trap_pc.
            let known = narrowing(offset, funct3, d.load & !s.trap_pc.q).delayed(m);
            let unused = !(s.write_back.q | s.trap_value.q);
            m.assert("a_word_is_narrowed_as_the_instruction_says", unused | known.agrees(&narrows));
            narrows = known;
        }
        let loaded = narrows.value_of(self.state.data.q);
        // Decided ahead, neither what the adder gives nor a link comes here.
        let chosen = if self.ahead() {
            mux(s.write_back.q | value, loaded, results.logic)
        } else {
            let link = self.link();
            let later = s.write_back.q | value;
            choose(results.result).when(later, loaded).when(s.execute.q & (d.jal | d.jalr), link).end()
        };
        // Vectors are word addresses; the target of JALR is even.
        let clears_two = s.csr_new.q & self.named.is_vector;
        let clears_one = clears_two | (s.trap_value.q & d.jalr);
        let data = concat(&[chosen.slice(2, 30), chosen.bit(1) & !clears_two, chosen.bit(0) & !clears_one]);
        let data = data.named("register_data");

        let number = concat(&[m.constant(u(3), csr::FIRST >> 3), d.rs2.slice(0, 3)]);
        let address = choose(d.rd).when(s.trap_pc.q, MEPC).when(s.trap_value.q, MTVAL).when(s.csr_new.q, number).end();
        self.registers.input("write_i", write).input("write_address_i", address).input("write_data_i", data);
        Written { write, general, data }
    }

    /// The address of the next instruction, and the instruction when it comes.
    fn fetch(&self, results: &Results, decisions: &Decisions, cause: Signal) {
        let fetched = decisions.fetched;
        let state = &self.state;
        let target = mux(fetched, state.fetch_pc.q.wrapping_add(1), results.result.slice(2, 30));
        state.fetch_pc.next_when(fetched | decisions.jumps, target);
        state.pc.next_when(fetched, state.fetch_pc.q);
        state.instruction.next_when(fetched, self.inputs.read_data);
        state.fault.next_when(fetched, self.inputs.error);
        self.classes.drive(fetched, self.inputs.read_data);
        let value_is_pc = cause.eq(1);
        let next = if self.ahead() {
            // The instruction executes in the cycle after the one in which its registers are read.
            let never = self.m.constant(u(1), 0);
            Next {
                arrives: self.s.registers.q,
                coming: state.instruction.q,
                held: never,
                trap: decisions.trap,
                value_is_pc,
                d: &self.d,
            }
        } else {
            let coming = self.inputs.read_data;
            Next { arrives: fetched, coming, held: self.s.registers.q, trap: decisions.trap, value_is_pc, d: &self.d }
        };
        self.selects.drive(&self.s, &next);
        state.trapping.next(choose(state.trapping.q).when(decisions.trap, 1).when(self.s.jump.q, 0).end());
    }

    /// Reads the registers of an instruction as it comes, or a CSR.
    fn read_registers(&self, decisions: &Decisions) {
        let (s, d) = (&self.s, &self.d);
        let stored = concat(&[self.m.constant(u(3), csr::FIRST >> 3), d.rs2.slice(0, 3)]);
        // Decided ahead, an instruction reads its registers when it is there.
        let coming = if self.ahead() { self.state.instruction.q } else { self.inputs.read_data };
        let fetched = if self.ahead() { self.m.constant(u(1), 0) } else { decisions.fetched };
        let first = choose(coming.slice(15, 5))
            .when(s.registers.q, d.rs1)
            .when(s.csr_read.q, gate(stored, self.named.stored))
            .when(s.vector.q, mux(self.state.trapping.q, MTVEC, MEPC))
            .end();
        let second = choose(coming.slice(20, 5)).when(s.registers.q, d.rs2).when(s.csr_read.q, d.rs1).end();
        self.registers
            .input("read_i", fetched | s.registers.q | s.csr_read.q | s.vector.q)
            .input("first_address_i", first)
            .input("second_address_i", second);
    }

    /// The bytes accessed by a load or store.
    fn accessed(&self) -> Signal {
        byte_enable(self.state.offset.q, self.d.funct3)
    }

    fn request(&self, decisions: &Decisions) -> Request {
        let memory = self.s.memory.q;
        let address = mux(memory, self.state.data.q.slice(2, 30), self.state.fetch_pc.q);
        let request = Request {
            valid: decisions.fetches | memory,
            write: memory & self.d.store,
            address: self.byte_address(address),
            byte_enable: mux(memory, self.accessed(), 0b1111),
            write_data: to_bus(self.second, self.d.funct3),
        };
        self.m.output("bus_valid_o", request.valid);
        self.m.output("bus_write_o", request.write);
        self.m.output("bus_address_o", request.address);
        self.m.output("bus_byte_enable_o", request.byte_enable);
        self.m.output("bus_write_data_o", request.write_data);
        request
    }

    /// The data register, and the units that take several cycles: whether shifter and multiplier are
    /// done, the places by which is still to be shifted, and what a proof sees of the multiplier.
    fn work(&self, results: &Results, decisions: &Decisions) -> ([Signal; 2], Signal, Option<[Signal; 2]>) {
        let (s, d, m) = (&self.s, &self.d, self.m);
        let data = &self.state.data;
        let to = Direction { right: d.funct3.bit(2), arithmetic: d.alternative };
        let amount = results.second.slice(0, 5);
        let never = m.constant(u(1), 0);
        // Decided ahead, a link goes this way, too; of a jump that traps the address is wanted.
        let result = if self.ahead() {
            let links = (d.jal | d.jalr) & !results.offset.bit(1);
            mux(links, self.link(), results.result)
        } else {
            results.result
        };
        let computed = choose(result).when(s.memory.q, self.inputs.read_data);
        let (computed, shifted, left) = match self.parameters.shift() {
            Shift::Barrel => {
                let (left, value) = fine(m, data.q, s.execute.q, amount, to);
                let begun = computed.when(s.execute.q & d.shift, coarse(self.first, amount, to));
                (begun.when(s.shift.q, value), s.shift.q, left)
            }
            Shift::Serial => {
                let step = serial(m, data.q, s.execute.q, amount, to);
                (computed.when(s.shift.q, step.next), s.shift.q & step.done, step.left)
            }
        };
        let (computed, multiplied, multiplier) = match self.parameters.multiply() {
            Multiply::None => (computed, never, None),
            style => {
                let unit = m.instance("multiplier", &multiply::unit(style, self.watched));
                unit.input("start_i", decisions.begins & d.multiply)
                    .input("function_i", d.funct3)
                    .input("first_i", self.first)
                    .input("second_i", self.second);
                let watched =
                    (self.watched == Watched::Yes).then(|| ["working_o", "steps_left_o"].map(|o| unit.output(o)));
                (computed.when(s.multiply.q, unit.output("result_o")), s.multiply.q & unit.output("done_o"), watched)
            }
        };
        let shifts = match self.parameters.shift() {
            Shift::Barrel => s.shift.q,
            // One that is done holds its value.
            Shift::Serial => s.shift.q & !shifted,
        };
        // One that fails keeps its address.
        let read = s.memory.q & self.inputs.ready & !self.inputs.error;
        data.next_when(s.execute.q | s.branch.q | read | shifts | multiplied, computed.end());
        let offset = &self.state.offset;
        offset.next_when(s.execute.q, results.offset);
        ([shifted, multiplied], left, multiplier)
    }

    fn checks(&self, cause: Signal, decisions: &Decisions) {
        let (s, m, trapping) = (&self.s, self.m, self.state.trapping.q);
        m.assert("exactly_one_state", s.exactly_one());
        let present = !(s.start.q | s.fetch.q);
        let same = self.classes.are_those_of(self.state.instruction.q);
        m.assert("classes_are_those_of_the_instruction", !present | same);
        let arrived = if self.ahead() { s.execute.q } else { s.execute.q | s.registers.q };
        self.selects.checks(m, s, &self.d, (arrived, self.state.instruction.q), cause);
        m.assert("nothing_is_fetched_while_a_register_of_it_may_change", !(decisions.fetches & s.memory.q));
        m.cover("an_interrupt_is_taken", s.jump.q & trapping & cause.bit(4));
        m.cover("an_exception_is_taken", s.jump.q & trapping & !cause.bit(4));
        m.cover("an_instruction_comes_while_another_is_written_back", s.registers.q);
    }

    fn retirement(&self, results: &Results, decisions: &Decisions, written: &Written, cause: Signal) -> Retirement {
        let (s, d, m) = (&self.s, &self.d, self.m);
        let address = m.register("retire_address_q", u(32));
        address.next_when(s.execute.q, results.sum);
        let on_csr = s.csr_new.q;
        let writes = written.general | (on_csr & d.rd.any());
        let target = self.byte_address(results.result.slice(2, 30));
        let next_pc = mux(decisions.jumps, target, self.byte_address(self.state.fetch_pc.q));
        let reads_memory = s.write_back.q & d.load;
        Retirement {
            valid: decisions.retires,
            trap: self.state.trapping.q,
            cause,
            instruction: self.state.instruction.q,
            pc: self.byte_address(self.state.pc.q),
            next_pc,
            rs1_value: mux(on_csr, self.second, self.first),
            rs2_value: self.second,
            rd: gate(d.rd, writes),
            rd_value: mux(on_csr, results.old, written.data),
            memory_address: address.q,
            read_mask: gate(self.accessed(), reads_memory),
            write_mask: gate(self.accessed(), s.memory.q & d.store),
            read_data: self.state.data.q,
            write_data: to_bus(self.second, d.funct3),
        }
    }
}
