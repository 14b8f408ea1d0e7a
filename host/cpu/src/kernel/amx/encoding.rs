//! The bytes of the instructions that the kernels emit, held against the manual's encodings and against
//! the system's assembler where there is one.
//!
//! **Source.** Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: LDTILECFG
//! `VEX.128.NP.0F38.W0 49 !(11):000:bbb`, TILELOADD `VEX.128.F2.0F38.W0 4B !(11):rrr:100`, TILESTORED
//! `VEX.128.F3.0F38.W0 4B !(11):rrr:100`, TDPBSSD `VEX.128.F2.0F38.W0 5E 11:rrr:bbb`, first operand in
//! rrr, second in bbb, third in VEX.vvvv.

use super::{CONFIGURATION, Configuration, PIXELS, ROW_BYTES, ROWS, WEIGHTS};
use std::arch::asm;
use std::process::Command;

/// The code of one instruction, which is jumped over.
macro_rules! code_of {
    ($text:expr) => {{
        let (start, end): (*const u8, *const u8);
        // SAFETY: nothing is executed but the jump and two additions to the instruction pointer.
        unsafe {
            asm!(
                "lea {start}, [rip + 2f]",
                "lea {end}, [rip + 3f]",
                "jmp 3f",
                "2:",
                $text,
                "3:",
                start = out(reg) start,
                end = out(reg) end,
                options(nostack, nomem),
            );
        }
        // SAFETY: the code of this function, as long as it says.
        unsafe { std::slice::from_raw_parts(start, end as usize - start as usize) }.to_vec()
    }};
}

/// Mandatory prefixes, as VEX.pp.
const NONE: u8 = 0;
const F3: u8 = 2;
const F2: u8 = 3;
/// Registers as operands of addresses.
const RAX: u8 = 0;
const RCX: u8 = 1;

/// Three bytes of VEX prefix for the low registers, map 0F38, W0, 128 bits, then the opcode.
fn vex(prefix: u8, third: u8, opcode: u8) -> Vec<u8> {
    let (inverted_rxb, map_0f38) = (0b111 << 5, 0b00010);
    vec![0xC4, inverted_rxb | map_0f38, (!third & 0xF) << 3 | prefix, opcode]
}

/// `[RAX + RCX*1]` with `register` in rrr: a ModRM of an index byte, and that byte.
fn indexed(register: u8) -> [u8; 2] {
    [register << 3 | 0b100, RCX << 3 | RAX]
}

/// Every instruction of the kernels: its text, the bytes this compiler makes, the manual's.
fn instructions() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    let configure = [vex(NONE, 0, 0x49), vec![RAX]].concat();
    all.push((tile_configure!("rax"), code_of!(tile_configure!("rax")), configure));
    macro_rules! loads {
        ($($r:literal)*) => {$({
            let text = tile_load!($r, "rax", "rcx");
            let bytes = [vex(F2, 0, 0x4B), indexed($r).to_vec()].concat();
            all.push((text, code_of!(tile_load!($r, "rax", "rcx")), bytes));
        })*};
    }
    macro_rules! results {
        ($($r:literal)*) => {$({
            let text = tile_store!($r, "rax", "rcx");
            let bytes = [vex(F3, 0, 0x4B), indexed($r).to_vec()].concat();
            all.push((text, code_of!(tile_store!($r, "rax", "rcx")), bytes));
            let bytes = [vex(F2, WEIGHTS, 0x5E), vec![0b11 << 6 | $r << 3 | PIXELS]].concat();
            all.push((tile_multiply!($r), code_of!(tile_multiply!($r)), bytes));
        })*};
    }
    loads!(0 1 2 3 4 5);
    results!(0 1 2 3);
    all
}

#[test]
fn instructions_have_the_encodings_of_the_manual() {
    let all = instructions();
    assert_eq!(all.len(), 15);
    for (text, found, expected) in all {
        assert_eq!(found, expected, "{text}: {found:02x?}, the manual says {expected:02x?}");
    }
}

#[test]
fn the_systems_assembler_makes_the_same_bytes() {
    let folder = std::env::temp_dir().join(format!("myelin-amx-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, object, raw) = (folder.join("amx.s"), folder.join("amx.o"), folder.join("amx.bin"));
    let text: String = instructions().iter().map(|(text, ..)| format!("{text}\n")).collect();
    std::fs::write(&source, format!(".intel_syntax noprefix\n.text\n{text}")).unwrap();
    let run = |command: &mut Command| command.output().ok().filter(|output| output.status.success());
    let assembled = run(Command::new("as").arg("--64").arg(&source).arg("-o").arg(&object));
    let copied = assembled
        .and_then(|_| run(Command::new("objcopy").args(["-O", "binary", "-j", ".text"]).arg(&object).arg(&raw)));
    let bytes = copied.map(|_| std::fs::read(&raw).unwrap());
    std::fs::remove_dir_all(&folder).unwrap();
    let Some(bytes) = bytes else {
        eprintln!("skipped: no `as` and `objcopy` that know AMX");
        return;
    };
    let ours: Vec<u8> = instructions().into_iter().flat_map(|(_, found, _)| found).collect();
    assert!(bytes.starts_with(&ours), "as: {bytes:02x?}, ours: {ours:02x?}");
    // Sections may be filled up with zeros or NOPs, but not with another instruction's worth.
    assert!(bytes.len() - ours.len() < 16);
}

#[test]
fn the_configuration_has_the_layout_of_the_manual() {
    // Palette at 0, start row at 1, bytes a row from 16 as words, rows from 48 as bytes.
    assert_eq!(size_of::<Configuration>(), 64);
    // SAFETY: 64 bytes without padding.
    let bytes = unsafe { std::mem::transmute::<Configuration, [u8; 64]>(CONFIGURATION) };
    let mut expected = [0u8; 64];
    expected[0] = 1;
    for register in 0..8 {
        expected[16 + 2 * register..][..2].copy_from_slice(&(ROW_BYTES as u16).to_le_bytes());
        expected[48 + register] = ROWS as u8;
    }
    assert_eq!(bytes, expected);
}
