//! CSR instructions and registers.

use myelin_riscv::encode::{csr, li};
use myelin_riscv::machine::{Cause, Retired};
use myelin_rtl::cpu::CpuParameters;

use crate::program::{HANDLER, Program, START};

const RW: u32 = 1;
const RS: u32 = 2;
const RC: u32 = 3;
const RWI: u32 = 5;
const RSI: u32 = 6;
const RCI: u32 = 7;

/// What was in the CSR before `value` was written to it, and what it reads afterwards.
#[track_caller]
fn written(number: u32, value: u32) -> (u32, u32) {
    let words = [&li(1, value)[..], &[csr(RW, 3, number, 1), csr(RS, 4, number, 0)]].concat();
    let retired = Program::of(&words).run(4);
    (retired[2].register.unwrap().1, retired[3].register.unwrap().1)
}

#[test]
fn what_can_be_written_is_kept_and_the_rest_is_fixed() {
    let ones = 0xffff_ffff;
    assert_eq!(written(0x300, ones), (0x1800, 0x1888), "mstatus: MIE, MPIE; MPP is machine mode");
    assert_eq!(written(0x300, 0), (0x1800, 0x1800));
    assert_eq!(written(0x301, ones), (0x4000_1100, 0x4000_1100), "misa: RV32IM");
    assert_eq!(written(0x304, ones), (0, 0x880), "mie: MTIE, MEIE");
    assert_eq!(written(0x305, ones), (HANDLER, 0xffff_fffc), "mtvec: direct mode");
    assert_eq!(written(0x340, 0xdead_beef), (0, 0xdead_beef), "mscratch");
    assert_eq!(written(0x341, ones), (0, 0xffff_fffc), "mepc");
    assert_eq!(written(0x342, ones), (0, 0x8000_000f), "mcause");
    assert_eq!(written(0x343, ones), (0, ones), "mtval");
    assert_eq!(written(0x344, ones), (0, 0), "mip follows the lines");
}

#[test]
fn set_and_clear_change_the_bits_named() {
    let words = [
        &li(1, 0xff00_ff00)[..],
        &li(2, 0x0f0f_0f0f),
        &[
            csr(RW, 0, 0x340, 1),
            csr(RS, 3, 0x340, 2),
            csr(RC, 4, 0x340, 1),
            csr(RSI, 5, 0x340, 0b1_0000),
            csr(RCI, 6, 0x340, 0b0_0101),
            csr(RWI, 7, 0x340, 31),
            csr(RW, 1, 0x340, 1),
            csr(RS, 8, 0x340, 0),
        ],
    ]
    .concat();
    let seen: Vec<_> = Program::of(&words).run(12)[4..].iter().map(|retired| retired.register).collect();
    let expected = [
        None,
        Some((3, 0xff00_ff00)),
        Some((4, 0xff0f_ff0f)),
        Some((5, 0x000f_000f)),
        Some((6, 0x000f_001f)),
        Some((7, 0x000f_001a)),
        Some((1, 31)),
        Some((8, 0xff00_ff00)),
    ];
    assert_eq!(seen, expected);
}

fn is_illegal(retired: &Retired) -> bool {
    retired.trap.is_some_and(|trap| trap.cause == Cause::IllegalInstruction)
}

#[test]
fn reading_an_identity_is_legal_and_writing_it_is_not() {
    for number in 0xf11..=0xf15 {
        for read in [csr(RS, 3, number, 0), csr(RC, 3, number, 0), csr(RSI, 3, number, 0)] {
            assert_eq!(Program::of(&[read]).run(1)[0].register, Some((3, 0)));
        }
        for write in [csr(RW, 3, number, 0), csr(RS, 3, number, 1), csr(RCI, 3, number, 1), csr(RWI, 0, number, 0)] {
            assert!(is_illegal(&Program::of(&[write]).run(1)[0]), "{number:#x}");
        }
    }
}

#[test]
fn other_csrs_do_not_exist() {
    for number in
        [0x000, 0x302, 0x303, 0x306, 0x307, 0x310, 0x345, 0x348, 0xb01, 0xb03, 0xb81, 0xc00, 0xc80, 0xf10, 0xf16]
    {
        assert!(is_illegal(&Program::of(&[csr(RS, 3, number, 0)]).run(1)[0]), "{number:#x}");
    }
    let without = CpuParameters::small(START).unwrap();
    for number in [0xb00, 0xb02, 0xb80, 0xb82] {
        assert!(is_illegal(&Program::of(&[csr(RS, 3, number, 0)]).run_on(&without, 1)[0]), "{number:#x}");
    }
}

#[test]
fn instructions_are_counted_and_the_count_can_be_set() {
    let words = [
        csr(RS, 1, 0xb02, 0),
        csr(RS, 2, 0xb02, 0),
        csr(RWI, 0, 0xb02, 9),
        csr(RS, 3, 0xb02, 0),
        csr(RCI, 4, 0xb02, 0),
        csr(RWI, 0, 0xb82, 5),
        csr(RS, 5, 0xb02, 0),
        csr(RS, 6, 0xb82, 0),
    ];
    let seen: Vec<_> =
        Program::of(&words).run(8).iter().filter_map(|retired| retired.register.map(|(_, value)| value)).collect();
    // A write takes the place of counting itself.
    assert_eq!(seen, [0, 1, 9, 10, 11, 5]);
}

#[test]
fn a_count_carries_into_its_upper_half() {
    let words = [
        &li(1, 0xffff_fffe)[..],
        &[csr(RW, 0, 0xb02, 1), csr(RS, 2, 0xb82, 0), csr(RS, 3, 0xb02, 0), csr(RS, 4, 0xb82, 0)],
    ]
    .concat();
    let seen: Vec<_> = Program::of(&words).run(6)[3..].iter().map(|retired| retired.register.unwrap().1).collect();
    assert_eq!(seen, [0, 0xffff_ffff, 1]);
}

#[test]
fn cycles_pass() {
    let words = [csr(RS, 1, 0xb00, 0), csr(RS, 2, 0xb00, 0)];
    let small = CpuParameters::small(START).unwrap().with_counters();
    for (core, cycles) in [(small, 6), (CpuParameters::fast(START).unwrap(), 7)] {
        let seen = Program::of(&words).run_on(&core, 2);
        let [first, second] = [0, 1].map(|index: usize| seen[index].register.unwrap().1);
        assert_eq!(second - first, cycles, "cycles of a CSR instruction");
    }
}
