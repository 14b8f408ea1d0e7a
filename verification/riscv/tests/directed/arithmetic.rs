//! OP, OP-IMM, LUI, AUIPC and M.

use myelin_riscv::encode::{addi, auipc, i, li, lui, op};
use myelin_rtl::cpu::CpuParameters;

use crate::program::{Program, START, check};

const MIN: u32 = 0x8000_0000;
const MAX: u32 = 0x7fff_ffff;
const ONES: u32 = 0xffff_ffff;

fn of(funct3: u32, funct7: u32) -> u32 {
    op(funct3, funct7, 3, 1, 2)
}

fn immediate(funct3: u32, value: i32) -> u32 {
    i(0x13, funct3, 3, 1, value)
}

#[test]
fn sums_and_differences_wrap() {
    let (add, sub) = (of(0, 0), of(0, 0x20));
    check(&[
        (add, 1, 2, 3),
        (add, ONES, 1, 0),
        (add, MAX, 1, MIN),
        (add, MIN, MIN, 0),
        (sub, 5, 7, 0xffff_fffe),
        (sub, 0, MIN, MIN),
        (sub, MIN, 1, MAX),
        (sub, 0x1234_5678, 0x1234_5678, 0),
        (immediate(0, -1), 0, 0, ONES),
        (immediate(0, 2047), MAX, 0, 0x8000_07fe),
        (immediate(0, -2048), 0, 0, 0xffff_f800),
    ]);
}

#[test]
fn comparisons_know_signs() {
    let (slt, sltu) = (of(2, 0), of(3, 0));
    check(&[
        (slt, MIN, MAX, 1),
        (slt, MAX, MIN, 0),
        (slt, ONES, 0, 1),
        (slt, 0, ONES, 0),
        (slt, MIN, 1, 1),
        (slt, 7, 7, 0),
        (sltu, MIN, MAX, 0),
        (sltu, MAX, MIN, 1),
        (sltu, 0, ONES, 1),
        (sltu, ONES, 0, 0),
        (sltu, ONES, ONES, 0),
        (immediate(2, -1), MIN, 0, 1),
        (immediate(2, -1), 0, 0, 0),
        (immediate(3, -1), 5, 0, 1),
        (immediate(3, 1), 0, 0, 1),
        (immediate(3, 1), 1, 0, 0),
    ]);
}

#[test]
fn logic_works_bit_by_bit_and_its_immediates_have_signs() {
    let (a, b) = (0xff00_ff00, 0x0f0f_0f0f);
    check(&[
        (of(4, 0), a, b, 0xf00f_f00f),
        (of(6, 0), a, b, 0xff0f_ff0f),
        (of(7, 0), a, b, 0x0f00_0f00),
        (immediate(4, -1), a, 0, 0x00ff_00ff),
        (immediate(6, 0x70f), a, 0, 0xff00_ff0f),
        (immediate(6, -16), 1, 0, 0xffff_fff1),
        (immediate(7, -256), a, 0, a),
        (immediate(7, 0x7ff), a, 0, 0x700),
    ]);
}

#[test]
fn shifts_take_five_bits_of_the_amount() {
    let (sll, srl, sra) = (of(1, 0), of(5, 0), of(5, 0x20));
    let arithmetic = 0x400;
    check(&[
        (sll, 1, 31, MIN),
        (sll, 0x8000_0001, 0, 0x8000_0001),
        (sll, 3, 32, 3),
        (sll, 3, ONES, MIN),
        (srl, MIN, 31, 1),
        (srl, MIN, 0xffff_ffe4, 0x0800_0000),
        (srl, ONES, 4, 0x0fff_ffff),
        (sra, MIN, 31, ONES),
        (sra, MIN, 1, 0xc000_0000),
        (sra, MAX, 30, 1),
        (sra, 0xf000_0000, 0x27, 0xffe0_0000),
        (immediate(1, 31), 1, 0, MIN),
        (immediate(1, 5), 0x0800_0001, 0, 0x20),
        (immediate(5, 31), MIN, 0, 1),
        (immediate(5, arithmetic | 31), MIN, 0, ONES),
        (immediate(5, arithmetic | 7), 0x7f00_0000, 0, 0x00fe_0000),
    ]);
    let every: Vec<_> = (0..32)
        .flat_map(|amount| {
            let value = 0x9abc_def1_u32;
            let negative = (value as i32 >> amount) as u32;
            [
                (sll, value, amount, value << amount),
                (srl, value, amount, value >> amount),
                (sra, value, amount, negative),
            ]
        })
        .collect();
    check(&every);
}

#[test]
fn products_have_all_four_signs() {
    let [mul, mulh, mulhsu, mulhu] = [0, 1, 2, 3].map(|funct3| of(funct3, 1));
    check(&[
        (mul, 7, 6, 42),
        (mul, ONES, ONES, 1),
        (mul, MIN, 2, 0),
        (mul, 0x1_0001, 0x1_0001, 0x2_0001),
        (mulh, ONES, ONES, 0),
        (mulh, MIN, MIN, 0x4000_0000),
        (mulh, MIN, MAX, 0xc000_0000),
        (mulh, ONES, 1, ONES),
        (mulhsu, ONES, ONES, ONES),
        (mulhsu, MIN, ONES, MIN),
        (mulhsu, MAX, ONES, 0x7fff_fffe),
        (mulhsu, 1, MIN, 0),
        (mulhu, ONES, ONES, 0xffff_fffe),
        (mulhu, MIN, MIN, 0x4000_0000),
        (mulhu, 0, ONES, 0),
        (mulhu, 0x1_0000, 0x1_0000, 1),
    ]);
}

#[test]
fn division_rounds_to_zero_and_never_traps() {
    let [div, divu, rem, remu] = [4, 5, 6, 7].map(|funct3| of(funct3, 1));
    let minus = |value: u32| value.wrapping_neg();
    check(&[
        (div, 20, 6, 3),
        (div, minus(20), 6, minus(3)),
        (div, 20, minus(6), minus(3)),
        (div, minus(20), minus(6), 3),
        (div, 1, 0, ONES),
        (div, minus(1), 0, ONES),
        (div, 0, 0, ONES),
        (div, MIN, ONES, MIN),
        (div, MIN, 1, MIN),
        (div, MIN, MIN, 1),
        (div, MAX, MIN, 0),
        (divu, minus(20), 6, 715_827_879),
        (divu, MIN, ONES, 0),
        (divu, ONES, 1, ONES),
        (divu, 5, 0, ONES),
        (rem, 20, 6, 2),
        (rem, minus(20), 6, minus(2)),
        (rem, 20, minus(6), 2),
        (rem, minus(20), minus(6), minus(2)),
        (rem, minus(7), 0, minus(7)),
        (rem, MIN, ONES, 0),
        (rem, MIN, MAX, ONES),
        (remu, minus(20), 6, 2),
        (remu, MIN, ONES, MIN),
        (remu, 9, 0, 9),
    ]);
}

#[test]
fn upper_immediates_fill_the_upper_bits() {
    let words = [lui(3, 0xabcd_e000), auipc(4, 0xffff_f000), auipc(5, 0x7fff_f000), lui(6, 0)];
    let retired = Program::of(&words).run(4);
    let written: Vec<_> = retired.iter().map(|retired| retired.register.unwrap()).collect();
    let (second, third) = (START + 4 - 0x1000, START + 8 + 0x7fff_f000);
    assert_eq!(written, [(3, 0xabcd_e000), (4, second), (5, third), (6, 0)]);
}

#[test]
fn register_0_stays_0() {
    let words = [addi(0, 0, 5), lui(0, 0x5000), op(0, 0, 0, 0, 0), addi(1, 0, 7), op(0, 0, 2, 0, 1)];
    let retired = Program::of(&words).run(5);
    assert!(retired[..3].iter().all(|retired| retired.register.is_none()));
    assert_eq!(retired[4].register, Some((2, 7)));
}

#[test]
fn a_result_is_there_for_the_next_instruction() {
    let mut words = vec![addi(1, 0, 1)];
    words.extend((0..31).map(|_| op(0, 0, 1, 1, 1)));
    assert_eq!(Program::of(&words).run(32)[31].register, Some((1, MIN)));
}

#[test]
fn arithmetic_takes_two_cycles_or_four_where_the_memory_answers_in_the_next() {
    let [words, more] = [50, 150].map(|count| vec![op(0, 0, 1, 1, 2); count]);
    for (core, each) in [(CpuParameters::small(START).unwrap(), 2), (CpuParameters::fast(START).unwrap(), 4)] {
        let cycles = |words: &[u32]| Program::of(words).cycles(&core, words.len());
        assert_eq!(cycles(&more) - cycles(&words), 100 * each);
    }
}

#[test]
fn every_constant_can_be_loaded() {
    for value in [0, 1, 0x7ff, 0x800, 0xfff, 0x1000, MAX, MIN, ONES, 0xffff_f800, 0x7fff_f800] {
        assert_eq!(Program::of(&li(9, value)).run(2)[1].register, Some((9, value)));
    }
}
