//! Branches, jumps, fences.

use myelin_riscv::encode::{branch, i, jal, jalr, li};

use crate::program::{Program, START};

/// Where the program goes on after the instruction, with `a` in x1 and `b` in x2.
#[track_caller]
fn goes_to(instruction: u32, a: u32, b: u32) -> u32 {
    let words = [&li(1, a)[..], &li(2, b), &[instruction]].concat();
    Program::of(&words).run(5)[4].next_pc
}

const AT: u32 = START + 16;

#[test]
fn branches_compare_as_they_say() {
    let (min, max, ones) = (0x8000_0000, 0x7fff_ffff, 0xffff_ffff);
    let cases = [
        (0, 5, 5, true),
        (0, 5, 0x8000_0005, false),
        (0, 0, 0, true),
        (1, 5, 5, false),
        (1, 0, min, true),
        (4, min, max, true),
        (4, max, min, false),
        (4, 3, 3, false),
        (4, ones, 0, true),
        (5, min, max, false),
        (5, max, min, true),
        (5, 3, 3, true),
        (6, min, max, false),
        (6, max, min, true),
        (6, 0, ones, true),
        (6, 3, 3, false),
        (7, min, max, true),
        (7, 0, ones, false),
        (7, 3, 3, true),
    ];
    for (funct3, a, b, taken) in cases {
        let next = goes_to(branch(funct3, 1, 2, 0x40), a, b);
        assert_eq!(next, if taken { AT + 0x40 } else { AT + 4 }, "funct3 {funct3} of {a:#x} and {b:#x}");
    }
}

#[test]
fn branches_reach_4_kib_both_ways() {
    assert_eq!(goes_to(branch(0, 0, 0, 4092), 0, 0), AT + 4092);
    assert_eq!(goes_to(branch(0, 0, 0, -4096), 0, 0), AT - 4096);
    assert_eq!(goes_to(branch(0, 0, 0, -4), 0, 0), AT - 4);
}

#[test]
fn jumps_link_the_next_instruction() {
    let retired = Program::of(&[jal(1, 8), 0, jal(0, 0x1000)]).run(2);
    assert_eq!((retired[0].register, retired[0].next_pc), (Some((1, START + 4)), START + 8));
    assert_eq!((retired[1].register, retired[1].next_pc), (None, START + 0x1008));
    assert_eq!(goes_to(jal(1, -0x10_0000), 0, 0), AT.wrapping_sub(0x10_0000));
    assert_eq!(goes_to(jal(1, 0xf_fffc), 0, 0), AT + 0xf_fffc);
}

#[test]
fn an_indirect_jump_clears_the_lowest_bit_and_may_overwrite_its_base() {
    let words = [&li(1, 0x4001)[..], &[jalr(1, 1, 0x10)]].concat();
    let retired = &Program::of(&words).run(3)[2];
    assert_eq!((retired.register, retired.next_pc), (Some((1, START + 12)), 0x4010));
    assert_eq!(goes_to(jalr(3, 1, -4), 0, 0), 0xffff_fffc);
}

#[test]
fn fences_do_nothing() {
    for fence in [i(0x0f, 0, 0, 0, 0x0ff), i(0x0f, 1, 0, 0, 0), i(0x0f, 0, 3, 4, -1)] {
        let retired = &Program::of(&[fence]).run(1)[0];
        assert_eq!((retired.register, retired.next_pc, retired.trap), (None, START + 4, None));
    }
}

#[test]
fn the_program_counter_wraps() {
    let retired = Program::of(&[&li(1, 0xffff_fffc)[..], &[jalr(0, 1, 0)]].concat()).run(4);
    assert_eq!(retired[3].pc, 0xffff_fffc);
    assert_eq!(goes_to(jal(0, -0x2000), 0, 0), AT.wrapping_sub(0x2000));
}
