//! Entry and traps.
//!
//! The entry sets stack and trap vector, clears bss and calls `main` with what the boot code left in a0. A trap or a panic leaves a record
//! in memory that no entry clears, and resets: the next boot logs it.

use core::panic::PanicInfo;

use myelin_isa::framing::{FaultEntry, fault};
use myelin_isa::stick::{memory, system};

use crate::mmio;

core::arch::global_asm!(
    ".section .start, \"ax\"",
    ".globl _start",
    "_start:",
    "la sp, _stack_top",
    "la t0, {trap}",
    "csrw mtvec, t0",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "1: bgeu t0, t1, 2f",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "j 1b",
    "2: call main",
    "3: j 3b",
    trap = sym trap_entry,
);

/// Where a trap goes: nothing of the state before it is needed any more.
#[unsafe(naked)]
unsafe extern "C" fn trap_entry() -> ! {
    core::arch::naked_asm!(
        ".balign 4",
        "la sp, _stack_top",
        "csrr a0, mcause",
        "csrr a1, mepc",
        "j {trapped}",
        trapped = sym trapped,
    )
}

/// The last fault, kept over resets; valid if the words say so.
#[unsafe(link_section = ".noinit")]
static mut RECORD: [u32; 4] = [0; 4];
const MAGIC: u32 = u32::from_le_bytes(*b"MYFR");

fn record(kind: u32, code: u32, detail: u32) -> ! {
    let words = [MAGIC, kind | code << 16, detail, !(MAGIC ^ (kind | code << 16) ^ detail)];
    // SAFETY: one core, no interrupts: nobody else has the record.
    unsafe { (&raw mut RECORD).write_volatile(words) };
    loop {
        mmio::write(memory::SYSTEM + system::REBOOT, system::REBOOT_RESET);
    }
}

extern "C" fn trapped(cause: u32, pc: u32) -> ! {
    record(fault::EXCEPTION.into(), cause & 0xffff, pc)
}

/// Takes the record of the fault before the last reset.
pub fn last_fault() -> Option<FaultEntry> {
    // SAFETY: as in `record`.
    let words = unsafe { (&raw const RECORD).read_volatile() };
    // SAFETY: likewise; it is reported once.
    unsafe { (&raw mut RECORD).write_volatile([0; 4]) };
    let [magic, kinds, detail, check] = words;
    let is_record = magic == MAGIC && check == !(MAGIC ^ kinds ^ detail);
    is_record.then_some(FaultEntry {
        boot: 0,
        uptime_ms: 0,
        kind: kinds as u16,
        code: (kinds >> 16) as u16,
        detail,
    })
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    record(fault::FIRMWARE.into(), 0, 0)
}
