//! The one adder, the logic and the comparison, and what goes into them in each state.

use myelin_hdl::{ModuleBuilder, Signal, concat, mux, u};

use super::decode::Decoded;
use super::states::States;

/// What the operands are chosen from.
pub(super) struct Sources {
    /// First register read, or the CSR in the states that work on one.
    pub first: Signal,
    /// Second register read.
    pub second: Signal,
    /// Address of the instruction, 32 bits.
    pub pc: Signal,
    /// mtval is the address of a load, a store or a jump.
    pub value_is_sum: Signal,
    /// mtval is the address of the instruction.
    pub value_is_pc: Signal,
}

/// What comes out.
pub(super) struct Results {
    /// The CSR, in the states that work on one.
    pub old: Signal,
    /// Second operand, before it is inverted for a subtraction.
    pub second: Signal,
    /// First operand plus (minus) the second, modulo 2^32.
    pub sum: Signal,
    /// The branch is taken.
    pub taken: Signal,
    /// What the state is to compute.
    pub result: Signal,
}

/// Computes. The second operand is inverted and 1 carried in to subtract, so there is one carry chain.
pub(super) fn execute(m: &ModuleBuilder, s: &States, d: &Decoded, from: &Sources) -> Results {
    let [execute, csr_new] = [s.execute.q, s.csr_new.q];
    let function = d.funct3;

    // States in which the instruction does not say what the operands are.
    let value_elsewhere = s.trap_value.q & !from.value_is_sum;
    let works_on_csr = (s.csr_old.q | csr_new).named("works_on_csr");
    let special = (s.trap_pc.q | value_elsewhere | s.jump.q | works_on_csr).named("operands_are_special");
    let replaces = csr_new & function.slice(0, 2).eq(0b01);
    let target = d.auipc | d.jal | (d.branch & !execute);
    let first_is_pc = mux(special, s.trap_pc.q | (value_elsewhere & from.value_is_pc), target).named("first_is_pc");
    let first_is_register =
        mux(special, (works_on_csr & !replaces) | s.jump.q, !target & !d.lui).named("first_is_register");
    let first = (gate(from.first, first_is_register) | gate(from.pc, first_is_pc)).named("first_operand");

    let second_is_register = mux(csr_new, !function.bit(2), d.op | (d.branch & execute)).named("second_is_register");
    let compares = d.alu & function.slice(1, 2).eq(0b01);
    let minus = compares | (d.op & !function.any() & d.alternative) | (d.branch & execute);
    let inverts = mux(csr_new, function.slice(0, 2).all(), minus & !special).named("inverts_second");
    let plain = mux(second_is_register, from.second, d.immediate);
    let second = (plain ^ spread(inverts, 32)).named("second_operand");

    // A sign or zero above, so that the carry chain compares as well; the carry enters below.
    let unsigned = mux(d.branch, function.bit(1), function.bit(0)).named("compares_unsigned");
    let [first_top, second_top] = [first.bit(31) & !unsigned, mux(unsigned, inverts, second.bit(31))];
    let one = m.constant(u(1), 1);
    let chain = concat(&[first_top, first, one]).wrapping_add(concat(&[second_top, second, inverts]));
    let sum = chain.slice(1, 32).named("sum");
    let less = chain.bit(33).named("less");
    let equal = !sum.any().named("differs");
    let taken = (mux(function.bit(2), less, equal) ^ function.bit(0)).named("taken");

    let which = mux(special, m.constant(u(2), 1), function.slice(0, 2));
    let which = mux(csr_new, concat(&[one, function.slice(0, 2).all()]), which).named("logic_function");
    let logic =
        mux(which.bit(1), mux(which.bit(0), first & second, first | second), mux(which.bit(0), first, first ^ second))
            .named("logic");
    let adds = (!special & !(d.alu & function.any())).named("result_is_sum");
    let combines = (special | (d.alu & (function.bit(2) | function.eq(0b001)))).named("result_is_logic");
    let is_less = less & !special & compares;
    let result = gate(sum, adds) | gate(logic, combines) | is_less.extend(u(32));
    Results { old: from.first, second: plain, sum, taken, result: result.named("result") }
}

/// `value` where `enable`, else 0.
pub(super) fn gate(value: Signal, enable: Signal) -> Signal {
    value & spread(enable, value.width())
}

/// `bit` in every place.
pub(super) fn spread(bit: Signal, width: u32) -> Signal {
    if width == 1 { bit } else { concat(&vec![bit; width as usize]) }
}
