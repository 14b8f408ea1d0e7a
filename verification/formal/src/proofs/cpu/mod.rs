//! The soft core: every instruction from any state, registers, traps, interrupts, the bus.

mod ends;
mod isa;
mod watched;

use myelin_hdl::Module;
use myelin_rtl::cpu::{CpuParameters, Decision, Multiply, RegisterFile, Shift};
use std::sync::Arc;

use crate::proof::{Method, Mutant, Proof};

/// A vector that none of the bits of is the same as its neighbour's.
const RESET_VECTOR: u32 = 0x5555_5554;

fn small() -> Arc<Module> {
    watched::watched(&CpuParameters::small(RESET_VECTOR).expect("invariant: a word's address"))
}

fn fast() -> Arc<Module> {
    let small = CpuParameters::small(RESET_VECTOR).expect("invariant: a word's address");
    let fast = small.with_shift(Shift::Barrel).with_registers(RegisterFile::Distributed).with_counters();
    watched::watched(&fast.with_decision(Decision::Ahead))
}

fn small_ends() -> Arc<Module> {
    ends::watched(&CpuParameters::small(RESET_VECTOR).expect("invariant: a word's address"))
}

fn fast_ends() -> Arc<Module> {
    ends::watched(&CpuParameters::fast(RESET_VECTOR).expect("invariant: a word's address"))
}

fn serial_ends() -> Arc<Module> {
    let small = CpuParameters::small(RESET_VECTOR).expect("invariant: a word's address");
    ends::watched(&small.with_multiply(Multiply::Serial))
}

const PROVED: &str = "every instruction of RV32I and Zicsr, whatever its operands and for any waiting of the bus: it \
                      retires only if legal, with the register, value, next address and access that the ISA states; \
                      any other word, and every misaligned or failed access or jump, traps with cause, mepc and mtval as \
                      stated and changes nothing else; an instruction executes at the address at which the one before \
                      went on; operands are what the last instruction to write their registers wrote, registers keep \
                      their values, register 0 its zero; CSRs read what was written, mstatus stacks and unstacks; an \
                      interrupt is taken exactly if enabled, pending and due; requests stay until answered; across \
                      resets at any time";
const ASSUMED: &str =
    "after a reset, which keeps the register file, register 0 is 0, as it is at power-up: nothing ever writes it";
const HOLES: &str = "M is not in the cores proved: its unit is simulated against plain arithmetic; the values of \
                     mcycle, minstret and mip are simulated only";

pub(super) fn proofs() -> Vec<Proof> {
    vec![
        Proof {
            name: "cpu_small",
            subject: "soft core as on the iCE40UP5K: RV32I, serial shifter",
            build: small,
            method: Method::Induction { base: 3, steps: 1 },
            reach_steps: 24,
            proved: PROVED,
            assumed: ASSUMED,
            holes: HOLES,
            mutants: &[
                Mutant { bug: "every word is legal", from: "wire is_legal = ", to: "wire is_legal = 1'd1 | " },
                Mutant {
                    bug: "accesses and jumps need not be aligned",
                    from: "wire is_misaligned = ",
                    to: "wire is_misaligned = 1'd0 & ",
                },
                Mutant {
                    bug: "unsigned comparisons know signs",
                    from: "wire compares_unsigned = ",
                    to: "wire compares_unsigned = 1'd0;\n  wire planted = ",
                },
                Mutant { bug: "loads do not extend signs", from: "wire load_sign = ", to: "wire load_sign = 1'd0 & " },
                Mutant {
                    bug: "immediates have no sign",
                    from: "wire immediate_sign = ",
                    to: "wire immediate_sign = 1'd0 & ",
                },
                Mutant {
                    bug: "the serial shifter takes fours for ones",
                    from: "wire shifts_four = |shift_left_q[4:2]",
                    to: "wire shifts_four = |shift_left_q[4:1]",
                },
                Mutant {
                    bug: "interrupts come whether or not they are enabled",
                    from: "wire interrupt_pending = ",
                    to: "wire interrupt_pending = timer_interrupt_i | ",
                },
                Mutant {
                    bug: "a failed access is taken for a good one",
                    from: "wire access_failed = ",
                    to: "wire access_failed = 1'd0 & ",
                },
                Mutant {
                    bug: "an instruction executes while its operands are still to be read",
                    from: "execute_state_q <= or_",
                    to: "execute_state_q <= fetched | or_",
                },
            ],
        },
        Proof {
            name: "cpu_fast",
            subject: "soft core as on the ECP5, without M: barrel shifter, counters, decisions ahead",
            build: fast,
            method: Method::Induction { base: 3, steps: 1 },
            reach_steps: 24,
            proved: PROVED,
            assumed: ASSUMED,
            holes: HOLES,
            mutants: &[
                Mutant {
                    bug: "the barrel shifter's first step fills with zeros",
                    from: "wire coarse_fill = ",
                    to: "wire coarse_fill = 1'd0 & ",
                },
                Mutant {
                    bug: "the barrel shifter's second step fills with zeros",
                    from: "wire fine_fill = ",
                    to: "wire fine_fill = 1'd0 & ",
                },
                Mutant { bug: "no CSR is legal", from: "wire csr_legal = ", to: "wire csr_legal = 1'd0 & " },
            ],
        },
        ends_proof(
            "cpu_ends_small",
            "soft core as on the iCE40UP5K",
            small_ends,
            "every instruction, whatever it is, retires or traps within 18 cycles of the end of the one before, resets at any time",
            &[
                Mutant {
                    bug: "the serial shifter takes ones for fours",
                    from: "wire shifts_four = ",
                    to: "wire shifts_four = 1'd0 & ",
                },
                Mutant {
                    bug: "a failed load is waited for",
                    from: "wire access_failed = ",
                    to: "wire access_failed = 1'd0 & ",
                },
            ],
        ),
        ends_proof(
            "cpu_ends_fast",
            "soft core as on the ECP5, M with a multiplier block",
            fast_ends,
            "every instruction, whatever it is, retires or traps within 41 cycles of the end of the one before, resets at any time",
            &[Mutant {
                bug: "a failed load is waited for",
                from: "wire access_failed = ",
                to: "wire access_failed = 1'd0 & ",
            }],
        ),
        ends_proof(
            "cpu_ends_serial",
            "soft core with a serial shifter, multiplier and divider",
            serial_ends,
            "every instruction, whatever it is, retires or traps within 41 cycles of the end of the one before, resets at any time",
            &[Mutant {
                bug: "a failed load is waited for",
                from: "wire access_failed = ",
                to: "wire access_failed = 1'd0 & ",
            }],
        ),
    ]
}

/// The proof that every instruction ends.
fn ends_proof(
    name: &'static str,
    subject: &'static str,
    build: fn() -> Arc<Module>,
    proved: &'static str,
    mutants: &'static [Mutant],
) -> Proof {
    Proof {
        name,
        subject,
        build,
        method: Method::Induction { base: 3, steps: 1 },
        reach_steps: 26,
        proved,
        assumed: "the bus answers each request within 3 cycles of waiting; cycles in which WFI waits are not counted",
        holes: "longer waits of the bus add theirs: each instruction makes two requests at most",
        mutants,
    }
}
