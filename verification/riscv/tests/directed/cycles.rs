//! Cycles of every kind of instruction, as the core's datasheet states them.

use myelin_riscv::encode::{branch, csr, i, jal, load, op, store};
use myelin_rtl::cpu::{CpuParameters, Decision, Multiply};

use crate::program::{Program, START};

/// Cycles from one to the next of many alike, which each go on to the instruction behind.
#[track_caller]
fn cycles(core: &CpuParameters, instruction: u32) -> u64 {
    let [few, many] = [10, 30].map(|count| Program::of(&vec![instruction; count]).cycles(core, count));
    assert!((many - few).is_multiple_of(20));
    (many - few) / 20
}

#[test]
fn instructions_take_the_cycles_stated() {
    let small = CpuParameters::small(START).unwrap().with_multiply(Multiply::Serial);
    let fast = CpuParameters::fast(START).unwrap();
    let quick = fast.with_decision(Decision::Executing);
    let all = [
        ("ADD", op(0, 0, 1, 2, 3), 2, 4),
        ("LUI", 0x0000_10b7, 2, 4),
        ("FENCE", 0x0000_000f, 2, 4),
        ("BNE, not taken", branch(1, 0, 0, 4), 3, 5),
        ("BEQ, taken", branch(0, 0, 0, 4), 4, 5),
        ("JAL", jal(1, 4), 3, 4),
        ("LW", load(2, 1, 0, 0x7fc), 5, 6),
        ("SB", store(0, 1, 0, 0x7fc), 5, 6),
        ("CSRRW", csr(1, 1, 0x340, 2), 6, 7),
        ("DIV", op(4, 1, 1, 2, 3), 37, 38),
    ];
    for (name, instruction, executing, ahead) in all {
        for (core, expected) in [(&small, executing), (&quick, executing), (&fast, ahead)] {
            assert_eq!(cycles(core, instruction), expected, "{name}");
        }
    }
    assert_eq!(cycles(&quick, op(0, 1, 1, 2, 3)), 10, "MUL by blocks");
    assert_eq!(cycles(&fast, op(0, 1, 1, 2, 3)), 11, "MUL by blocks, decided ahead");
    assert_eq!(cycles(&small, op(0, 1, 1, 2, 3)), 37, "MUL, serial");
    for amount in [0, 1, 3, 4, 7, 31] {
        let shift = i(0x13, 1, 1, 2, amount);
        assert_eq!(cycles(&quick, shift), 4);
        assert_eq!(cycles(&fast, shift), 5);
        assert_eq!(cycles(&small, shift), 4 + amount as u64 / 4 + amount as u64 % 4, "by {amount}");
    }
}
