//! The functional core: the digits models, traps, registers. Random programs: `random_programs.rs`.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use common::{Owned, agrees_with_emulator, load, run};
use myelin_compile::compile;
use myelin_firmware::Core;
use myelin_graph::{import, npy};
use myelin_isa::{Architecture, Instruction, Precision, register};

mod common;

#[test]
fn digits_answer_as_the_official_runtime() {
    for precision in [Precision::Int8, Precision::Int6] {
        let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models");
        let dir = models.join(format!("digits_{precision}"));
        let graph = import::import_dir(&dir, &import::Limits::default()).unwrap();
        let array = |file: &str| npy::read(dir.join(file), 1 << 24).unwrap().to_i64();
        let (pictures, logits) = (array("input.npy"), array("official_logits.npy"));
        for (rows, columns) in [(4, 4), (16, 16), (5, 31)] {
            let program = compile(&graph, &Architecture::new(rows, columns, precision).unwrap()).unwrap();
            let some = pictures.chunks_exact(64).zip(logits.chunks_exact(10)).step_by(120);
            let (pictures, logits): (Vec<Vec<i32>>, Vec<Vec<i32>>) = some
                .map(|(picture, logits)| {
                    (picture.iter().map(|&v| v as i32).collect(), logits.iter().map(|&v| v as i32).collect())
                })
                .unzip();
            let answers = agrees_with_emulator(&program, &pictures, &format!("{rows}x{columns} {precision}"));
            assert_eq!(answers.into_iter().map(|heads| heads[0].clone()).collect::<Vec<_>>(), logits);
        }
    }
}

#[test]
fn every_cause_is_reported_with_the_instruction_that_caused_it() {
    use myelin_isa::{Header, Unit, UnitSet};
    let cell = Architecture::new(4, 4, Precision::Int8).unwrap();
    let header = Header::NONE;
    let load_of = |memory_beat, destination, beats| Instruction::Load { header, memory_beat, destination, beats };
    let halt = Instruction::Sync { halt: true };
    let waits = Instruction::Store {
        header: Header { wait: UnitSet::of(Unit::Array), ..header },
        memory_beat: 0,
        source: 0,
        beats: 1,
    };
    let signals = load_of(0, 0, 1).with_header(Header { signal: UnitSet::of(Unit::Store), ..header });
    let programs = [
        (vec![load_of(0, 0, 1), halt], register::STATUS_HALTED, 1),
        (vec![load_of(0, 0, 0), halt], register::STATUS_TRAPPED | register::TRAP_OPERAND << 4, 0),
        (vec![load_of(0, 2, 1), halt], register::STATUS_TRAPPED | register::TRAP_ADDRESS << 4, 0),
        (vec![load_of(0, 0, 1), load_of(15, 0, 2), halt], register::STATUS_TRAPPED | register::TRAP_ADDRESS << 4, 1),
        (vec![load_of(0, 0, 1), load_of(0, 0, 1)], register::STATUS_TRAPPED | register::TRAP_OPCODE << 4, 2),
        (vec![waits, halt], register::STATUS_TRAPPED | register::TRAP_DEADLOCK << 4, 1),
        (vec![Instruction::Fence, halt], register::STATUS_TRAPPED | register::TRAP_DEADLOCK << 4, 0),
        ([vec![signals; 16], vec![halt]].concat(), register::STATUS_TRAPPED | register::TRAP_TOKENS << 4, 15),
    ];
    for (program, status, index) in programs {
        let mut owned = Owned::new(&cell, 16);
        let mut core = owned.core(cell);
        load(&mut core, &program.iter().map(Instruction::encode).collect::<Vec<_>>());
        assert_eq!(run(&mut core, 0), status | index << 16, "{program:?}");
        // Reset, it runs again.
        core.restart();
        assert_eq!(core.read_register(register::STATUS), 0);
        load(&mut core, &[halt.encode()]);
        assert_eq!(run(&mut core, 0), register::STATUS_HALTED);
    }
}

#[test]
fn a_run_over_its_limit_of_cycles_traps() {
    let cell = Architecture::new(4, 4, Precision::Int8).unwrap();
    let mut owned = Owned::new(&cell, 16);
    let mut core = owned.core(cell);
    // Round and round: 1024 of these, and the program counter wraps.
    load(&mut core, &vec![Instruction::Sync { halt: false }.encode(); 1024]);
    core.write_register(register::CYCLE_LIMIT, 10_000);
    assert_eq!(run(&mut core, 0) & 0xff, register::STATUS_TRAPPED | register::TRAP_CYCLES << 4);
    let cycles = core.read_register(register::COUNTERS + 4 * register::COUNTER_CYCLES);
    assert_eq!(cycles, 10_000);
}

#[test]
fn registers_are_those_of_a_cell() {
    let cell = Architecture::new(5, 31, Precision::Int6).unwrap();
    let mut owned = Owned::new(&cell, 16);
    let mut core = owned.core(cell);
    assert_eq!(core.read_register(register::ID), register::ID_VALUE);
    assert_eq!(core.read_register(register::SHAPE), 5 | 31 << 8 | 6 << 16 | 5 << 24);
    let [low, high] = [register::SPECIFICATION_LOW, register::SPECIFICATION_HIGH];
    let specification = u64::from(core.read_register(high)) << 32 | u64::from(core.read_register(low));
    assert_eq!(specification, cell.specification());
    for address in [register::END, 0x3c, u32::MAX, register::INSTRUCTIONS, 1, register::COUNTERS + 2] {
        assert_eq!(core.read_register(address), 0);
    }
    assert!(!core.read_memory(16 * 32 - 1, &mut [0; 2]) && !core.write_memory(u32::MAX, &[0; 2]));
    assert!(core.write_memory(16 * 32 - 2, &[1, 2]));
    core.restart();
    let mut kept = [0; 2];
    assert!(core.read_memory(16 * 32 - 2, &mut kept) && kept == [1, 2]);
    core.reset();
    assert!(core.read_memory(16 * 32 - 2, &mut kept) && kept == [0, 0]);
}
