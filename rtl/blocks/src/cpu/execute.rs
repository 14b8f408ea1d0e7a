//! The one adder, the logic and the comparison, and what goes into them in each state.

use myelin_hdl::{ModuleBuilder, Register, Signal, concat, mux, u};

use super::decode::{Classes, Decoded};
use super::parameters::Decision;
use super::states::States;

/// What goes into the adder in the next cycle: registers, so that nothing is decided before the carry chain.
pub(super) struct Selects {
    /// The first operand is the instruction's address; zero if neither this nor the register.
    first_is_pc: Register,
    first_is_register: Register,
    /// The second operand is a register; else it is the immediate.
    second_is_register: Register,
    /// The second operand is inverted and 1 is added: a subtraction, or the clearing of bits in a CSR.
    inverts: Register,
    /// The state says what is computed, not the instruction.
    special: Register,
}

/// What the next cycle's operands depend on.
pub(super) struct Next<'a> {
    /// An instruction comes, whose operands these are.
    pub arrives: Signal,
    /// Which.
    pub coming: Signal,
    /// The present choice stays.
    pub held: Signal,
    /// A trap is entered.
    pub trap: Signal,
    /// mtval is the address of the instruction.
    pub value_is_pc: Signal,
    /// The instruction that is there.
    pub d: &'a Decoded,
}

impl Selects {
    pub(super) fn new(m: &ModuleBuilder) -> Selects {
        let bit = |name: &str| m.register(name, u(1));
        Selects {
            first_is_pc: bit("first_is_pc_q"),
            first_is_register: bit("first_is_register_q"),
            second_is_register: bit("second_is_register_q"),
            inverts: bit("inverts_second_q"),
            special: bit("operands_are_special_q"),
        }
    }

    /// Chooses for the next cycle.
    pub(super) fn drive(&self, s: &States, next: &Next) {
        let (coming, function) = (Classes::of(next.coming), next.coming.slice(12, 3));
        let own = next.d.funct3;
        // A branch compares in the state execute, and adds in the next.
        let target = coming.auipc | coming.jal;
        let compares = (coming.op | coming.op_immediate) & function.slice(1, 2).eq(0b01);
        let subtracts = coming.op & !function.any() & next.coming.bit(30);
        let to_branch = s.execute.q & next.d.branch;
        let clears = s.csr_old.q & own.slice(0, 2).all();
        let replaces = own.slice(0, 2).eq(0b01);
        let select = |register: &Register, of_instruction: Signal, of_state: Signal| {
            let held = mux(next.held, register.q, of_state);
            register.next(mux(next.arrives, of_instruction, held));
        };
        let pc_again = next.trap | to_branch | (s.trap_pc.q & next.value_is_pc);
        select(&self.first_is_pc, target, pc_again);
        let reads_csr = s.vector.q | s.csr_read.q | (s.csr_old.q & !replaces);
        select(&self.first_is_register, !target & !coming.lui, reads_csr);
        select(&self.second_is_register, coming.op | coming.branch, s.csr_old.q & !own.bit(2));
        select(&self.inverts, compares | subtracts | coming.branch, clears);
        self.special.next(next.trap | s.trap_pc.q | s.vector.q | s.csr_read.q | s.csr_old.q);
    }
}

impl Selects {
    /// That what was chosen is what the state and the instruction want.
    pub(super) fn checks(
        &self,
        m: &ModuleBuilder,
        s: &States,
        d: &Decoded,
        (arrived, instruction): (Signal, Signal),
        cause: Signal,
    ) {
        let state = |state: &Register| state.q;
        let special = state(&s.trap_pc) | state(&s.trap_value) | state(&s.jump) | state(&s.csr_old) | state(&s.csr_new);
        m.assert("states_are_special_as_chosen", state(&s.start) | self.special.q.eq(special));
        let class = Classes::of(instruction);
        let relative = class.auipc | class.jal;
        let compares = d.alu & d.funct3.slice(1, 2).eq(0b01);
        // Of an instruction of M nothing is computed here.
        let subtracts = class.op & !d.funct3.any() & d.alternative;
        let inverts = compares | subtracts | class.branch;
        let own = self.first_is_pc.q.eq(relative)
            & self.first_is_register.q.eq(!relative & !class.lui)
            & self.second_is_register.q.eq(class.op | class.branch)
            & (self.inverts.q.eq(inverts) | d.multiply);
        m.assert("an_instruction_has_its_operands", !arrived | own);
        let plain = !self.second_is_register.q & !self.inverts.q;
        let target = self.first_is_pc.q & !self.first_is_register.q & plain;
        m.assert("a_branch_adds_to_its_address", !state(&s.branch) | target);
        let is_pc = self.first_is_pc.q & !self.first_is_register.q;
        m.assert("a_trap_takes_its_address", !state(&s.trap_pc) | is_pc);
        let value = self.first_is_pc.q.eq(cause.eq(1)) & !self.first_is_register.q;
        m.assert("a_failed_fetch_shows_its_address", !state(&s.trap_value) | value);
        let register = self.first_is_register.q & !self.first_is_pc.q;
        m.assert("vectors_and_csrs_come_from_registers", !(state(&s.jump) | state(&s.csr_old)) | register);
        let replaces = d.funct3.slice(0, 2).eq(0b01);
        let csr = self.first_is_register.q.eq(!replaces)
            & !self.first_is_pc.q
            & self.second_is_register.q.eq(!d.funct3.bit(2))
            & self.inverts.q.eq(d.funct3.slice(0, 2).all());
        m.assert("a_csr_gets_its_operands", !state(&s.csr_new) | csr);
    }
}

/// What the operands are chosen from.
pub(super) struct Sources {
    /// First register read.
    pub register: Signal,
    /// First register read, or the CSR in the states that work on one.
    pub first: Signal,
    /// Second register read.
    pub second: Signal,
    /// Address of the instruction, 32 bits.
    pub pc: Signal,
}

/// What comes out.
pub(super) struct Results {
    /// The CSR, in the states that work on one.
    pub old: Signal,
    /// Second operand, before it is inverted for a subtraction.
    pub second: Signal,
    /// First operand plus (minus) the second, modulo 2^32.
    pub sum: Signal,
    /// The low two bits of an address: the same, but not from the long carry chain.
    pub offset: Signal,
    /// The branch is taken.
    pub taken: Signal,
    /// What the state is to compute.
    pub result: Signal,
    /// The same in states that are special.
    pub logic: Signal,
}

/// Computes. The second operand is inverted and 1 carried in to subtract, so there is one carry chain.
pub(super) fn execute(
    m: &ModuleBuilder,
    decision: Decision,
    s: &States,
    d: &Decoded,
    by: &Selects,
    from: &Sources,
) -> Results {
    let function = d.funct3;
    let (inverts, special) = (by.inverts.q, by.special.q);
    let first = gate(from.first, by.first_is_register.q) | gate(from.pc, by.first_is_pc.q);
    let first = first.named("first_operand");
    let plain = mux(by.second_is_register.q, from.second, d.immediate);
    let second = (plain ^ spread(inverts, 32)).named("second_operand");

    // A sign or zero above, so that the carry chain compares as well; the carry enters below.
    let unsigned = mux(d.branch, function.bit(1), function.bit(0)).named("compares_unsigned");
    let [first_top, second_top] = [first.bit(31) & !unsigned, mux(unsigned, inverts, second.bit(31))];
    let low = match decision {
        Decision::Executing => first.slice(0, 2),
        // An instruction's address ends in zeros, and only loads, stores and jumps are asked.
        Decision::Ahead => gate(from.register.slice(0, 2), !by.first_is_pc.q),
    };
    let offset = low.wrapping_add(d.immediate.slice(0, 2)).named("address_offset");
    let one = m.constant(u(1), 1);
    let chain = concat(&[first_top, first, one]).wrapping_add(concat(&[second_top, second, inverts]));
    let sum = chain.slice(1, 32).named("sum");
    let less = chain.bit(33).named("less");
    let equal = match decision {
        Decision::Executing => !sum.any().named("differs"),
        // Beside the carry chain instead of behind it.
        Decision::Ahead => from.first.eq(plain).named("equals"),
    };
    let taken = (mux(function.bit(2), less, equal) ^ function.bit(0)).named("taken");

    let which = mux(special, m.constant(u(2), 1), function.slice(0, 2));
    let which = mux(s.csr_new.q, concat(&[one, function.slice(0, 2).all()]), which).named("logic_function");
    let logic =
        mux(which.bit(1), mux(which.bit(0), first & second, first | second), mux(which.bit(0), first, first ^ second))
            .named("logic");
    let adds = (!special & !(d.alu & function.any())).named("result_is_sum");
    let combines = (special | (d.alu & (function.bit(2) | function.eq(0b001)))).named("result_is_logic");
    let is_less = less & !special & d.alu & function.slice(1, 2).eq(0b01);
    let result = gate(sum, adds) | gate(logic, combines) | is_less.extend(u(32));
    Results { old: from.first, second: plain, sum, offset, taken, result: result.named("result"), logic }
}

/// `value` where `enable`, else 0.
pub(super) fn gate(value: Signal, enable: Signal) -> Signal {
    value & spread(enable, value.width())
}

/// `bit` in every place.
pub(super) fn spread(bit: Signal, width: u32) -> Signal {
    if width == 1 { bit } else { concat(&vec![bit; width as usize]) }
}
