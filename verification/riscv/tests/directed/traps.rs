//! Exceptions, interrupts and what they leave in the CSRs.

use myelin_riscv::encode::{EBREAK, ECALL, MRET, WFI, branch, csr, i, jal, jalr, li, load, op, store};
use myelin_riscv::machine::{Cause, Lines, Retired};
use myelin_rtl::cpu::CpuParameters;

use crate::program::{HANDLER, Program, REFUSED, START};

/// The first page beyond the program's that refuses.
fn refusing() -> u32 {
    (4..).map(|page| page << 12).find(|&address| REFUSED.refuse(address)).unwrap()
}

/// mepc, mcause, mtval and mstatus as the handler finds them after the last of `words`, with interrupts enabled.
#[track_caller]
fn found(words: &[u32]) -> [u32; 4] {
    let handler = [0x341, 0x342, 0x343, 0x300].map(|number| csr(2, 3, number, 0)).to_vec();
    let words = [&[csr(6, 0, 0x300, 8)], words].concat();
    let program = Program { handler, ..Program::of(&words) };
    let retired = program.run(words.len() + 4);
    let trap = &retired[words.len() - 1];
    assert!(trap.trap.is_some() && trap.next_pc == HANDLER && trap.register.is_none() && trap.access.is_none());
    let seen: Vec<u32> = retired[words.len()..].iter().map(|retired| retired.register.unwrap().1).collect();
    seen.try_into().unwrap()
}

/// MPIE set, MIE clear, MPP machine mode.
const STATUS: u32 = 0x1880;

#[test]
fn an_exception_leaves_its_place_cause_and_value() {
    assert_eq!(found(&[ECALL]), [START + 4, 11, 0, STATUS]);
    assert_eq!(found(&[EBREAK]), [START + 4, 3, 0, STATUS]);
    assert_eq!(found(&[0]), [START + 4, 2, 0, STATUS]);
    let at = START + 12;
    let base = |value: u32, word: u32| [&li(1, value)[..], &[word]].concat();
    assert_eq!(found(&base(0x3001, load(1, 3, 1, 0))), [at, 4, 0x3001, STATUS]);
    assert_eq!(found(&base(0x3000, load(2, 3, 1, 2))), [at, 4, 0x3002, STATUS]);
    assert_eq!(found(&base(0x3003, store(1, 3, 1, 0))), [at, 6, 0x3003, STATUS]);
    assert_eq!(found(&base(0x3000, store(2, 3, 1, -1))), [at, 6, 0x2fff, STATUS]);
    let refusing = refusing();
    assert_eq!(found(&base(refusing, load(0, 3, 1, 3))), [at, 5, refusing + 3, STATUS]);
    assert_eq!(found(&base(refusing, store(0, 3, 1, 2))), [at, 7, refusing + 2, STATUS]);
    assert_eq!(found(&base(0x4002, jalr(1, 1, 1))), [at, 0, 0x4002, STATUS], "the lowest bit is cleared first");
    assert_eq!(found(&[jal(1, 6)]), [START + 4, 0, START + 10, STATUS]);
    assert_eq!(found(&[branch(0, 0, 0, -2)]), [START + 4, 0, START + 2, STATUS]);
    // The jump retires, the fetch at its target does not.
    assert_eq!(found(&[&base(refusing, jalr(0, 1, 8))[..], &[0]].concat()), [refusing + 8, 1, refusing + 8, STATUS]);
}

#[test]
fn a_branch_not_taken_may_have_any_target() {
    let retired = &Program::of(&[branch(1, 0, 0, 6)]).run(1)[0];
    assert_eq!((retired.trap, retired.next_pc), (None, START + 4));
}

#[test]
fn encodings_beside_the_instructions_are_illegal() {
    let illegal = [
        0x0000_0000,
        0xffff_ffff,
        load(3, 1, 1, 0),
        load(6, 1, 1, 0),
        load(7, 1, 1, 0),
        store(3, 1, 1, 0),
        store(4, 1, 1, 0),
        branch(2, 1, 1, 8),
        branch(3, 1, 1, 8),
        i(0x67, 1, 1, 1, 0),
        i(0x13, 1, 1, 1, 0x400),
        i(0x13, 1, 1, 1, 0x20),
        i(0x13, 5, 1, 1, 0x420),
        i(0x0f, 2, 0, 0, 0),
        op(1, 0x20, 1, 1, 1),
        op(7, 0x20, 1, 1, 1),
        op(0, 0x21, 1, 1, 1),
        op(0, 0x02, 1, 1, 1),
        // Right but for the lowest bits, the destination, the source.
        0x0010_0092,
        ECALL | 1 << 7,
        EBREAK | 1 << 15,
        MRET | 1 << 7,
        WFI | 1 << 19,
        csr(4, 1, 0x300, 0),
        // SRET, URET, DRET, SFENCE.VMA, an atomic, a floating-point load.
        0x1020_0073,
        0x0020_0073,
        0x7b20_0073,
        0x1200_0073,
        0x0000_202f,
        0x0000_2007,
    ];
    for word in illegal {
        let trap = Program::of(&[word]).run(1)[0].trap.map(|trap| trap.cause);
        assert_eq!(trap, Some(Cause::IllegalInstruction), "{word:#010x}");
    }
    for funct3 in 0..8 {
        let without = CpuParameters::small(START).unwrap();
        let trap = Program::of(&[op(funct3, 1, 1, 1, 1)]).run_on(&without, 1)[0].trap.map(|trap| trap.cause);
        assert_eq!(trap, Some(Cause::IllegalInstruction), "without M, funct3 {funct3}");
    }
}

#[test]
fn a_return_goes_back_and_enables_as_before() {
    // Handler: mepc += 4, return.
    let handler = vec![csr(2, 5, 0x341, 0), i(0x13, 0, 5, 5, 4), csr(1, 0, 0x341, 5), MRET];
    let words = [csr(6, 0, 0x300, 8), ECALL, csr(2, 3, 0x300, 0), csr(7, 0, 0x300, 8), ECALL, csr(2, 4, 0x300, 0)];
    let retired = Program { handler, ..Program::of(&words) }.run(14);
    let of = |pc: u32| retired.iter().find(|retired| retired.pc == pc && retired.trap.is_none()).unwrap();
    assert_eq!(of(START + 8).register, Some((3, 0x1888)));
    assert_eq!(of(START + 20).register, Some((4, 0x1880)));
}

/// What retires with lines high from the start, interrupts enabled one by one as `enables` says, then all.
fn interrupted(lines: Lines, enables: u32) -> Vec<Retired> {
    let words = [&li(1, enables)[..], &[csr(1, 0, 0x304, 1), csr(6, 0, 0x300, 8), op(0, 0, 2, 1, 1)]].concat();
    Program { lines, ..Program::of(&words) }.run(5)
}

#[test]
fn interrupts_come_when_enabled_and_the_external_one_first() {
    let both = Lines { timer: true, external: true };
    let (timer, external) = (Lines { timer: true, external: false }, Lines { timer: false, external: true });
    let cases = [
        (both, 0x880, Some(Cause::ExternalInterrupt)),
        (both, 0x080, Some(Cause::TimerInterrupt)),
        (both, 0x800, Some(Cause::ExternalInterrupt)),
        (both, 0x000, None),
        (timer, 0x880, Some(Cause::TimerInterrupt)),
        (timer, 0x800, None),
        (external, 0x880, Some(Cause::ExternalInterrupt)),
        (external, 0x080, None),
    ];
    for (lines, enables, cause) in cases {
        let retired = &interrupted(lines, enables)[4];
        assert_eq!(retired.trap.map(|trap| trap.cause), cause, "{lines:?} {enables:#x}");
        assert_eq!(retired.next_pc, if cause.is_some() { HANDLER } else { START + 20 });
    }
}

#[test]
fn nothing_interrupts_while_interrupts_are_disabled() {
    let lines = Lines { timer: true, external: true };
    let words = [&li(1, 0x880)[..], &[csr(1, 0, 0x304, 1), csr(2, 2, 0x344, 0), op(0, 0, 2, 1, 1)]].concat();
    let retired = Program { lines, ..Program::of(&words) }.run(5);
    assert_eq!(retired[3].register, Some((2, 0x880)), "mip shows the lines");
    assert!(retired.iter().all(|retired| retired.trap.is_none()));
}

#[test]
fn waiting_ends_with_an_interrupt_even_while_interrupts_are_disabled() {
    let lines = Lines { timer: true, external: false };
    let words = [&li(1, 0x080)[..], &[csr(1, 0, 0x304, 1), WFI, op(0, 0, 2, 1, 1)]].concat();
    let retired = Program { lines, ..Program::of(&words) }.run(5);
    assert_eq!((retired[3].next_pc, retired[3].trap), (START + 16, None));
    assert_eq!(retired[4].register, Some((2, 0x100)));
}
