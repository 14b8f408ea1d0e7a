//! Random programs of the compiler on the firmware's functional core, against emulator and golden.
//!
//! A failure names its seed; `MYELIN_CASES=<n>` runs that many.
#![allow(clippy::unwrap_used)]

use common::{Owned, agrees_with_emulator, load, run};
use myelin_compile::emulate::{EmulateError, Fault, Machine, RaceDetection};
use myelin_compile::{Program, compile};
use myelin_firmware::Core;
use myelin_golden::Model;
use myelin_graph::export;
use myelin_isa::{Architecture, Instruction, Precision, register};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use random_layer::{Case, layer, network, random_architecture};

mod common;
// The generator alone: the crate around it builds simulators and all hardware.
#[allow(dead_code, reason = "a part is used")]
#[path = "../../verification/conformance/src/random_layer.rs"]
mod random_layer;

fn cases(default: u64) -> u64 {
    std::env::var("MYELIN_CASES").map_or(default, |count| count.parse().unwrap())
}

fn agrees_with_golden(case: &Case, program: &Program) {
    let (symbol, params) = export::cvm(&case.graph);
    let golden = Model::parse(&symbol, &params).unwrap();
    let what = format!("seed {} on {}", case.seed, case.architecture);
    let answers = agrees_with_emulator(program, &case.pictures, &what);
    for (picture, answer) in case.pictures.iter().zip(answers) {
        let expected = golden.run_i32(picture).unwrap();
        assert!(answer.iter().eq(expected.heads().iter().map(|head| &head.data)), "{what}");
    }
}

#[test]
fn random_layers_leave_the_memory_that_the_emulator_leaves() {
    for seed in 0..cases(150) {
        let case = layer(seed, &random_architecture(seed));
        agrees_with_golden(&case, &compile(&case.graph, &case.architecture).unwrap());
    }
}

#[test]
fn random_networks_leave_the_memory_that_the_emulator_leaves() {
    for seed in 0..cases(100) {
        let case = network(seed, &random_architecture(seed ^ 0x77));
        agrees_with_golden(&case, &compile(&case.graph, &case.architecture).unwrap());
    }
}

/// The cause in STATUS that stands for a fault of the emulator; `None` for what the hardware does not notice.
fn cause(fault: Fault) -> Option<u32> {
    Some(match fault {
        Fault::Decode(_) => register::TRAP_OPCODE,
        Fault::Address { .. } | Fault::Unaligned { .. } => register::TRAP_ADDRESS,
        Fault::Field { .. } | Fault::EmptyWindow { .. } => register::TRAP_OPERAND,
        Fault::Overflow { .. } => register::TRAP_OVERFLOW,
        Fault::Deadlock { .. } | Fault::Barrier { .. } | Fault::Fence => register::TRAP_DEADLOCK,
        Fault::TokenOverflow { .. } | Fault::BarrierOverflow { .. } => register::TRAP_TOKENS,
        _ => return None,
    })
}

/// Runs words on both with the same memory; answers what the emulator found.
fn same_end(architecture: Architecture, words: &[[u32; 4]], image: &[u8], what: &str) -> Result<(), EmulateError> {
    let beats = (image.len() as u32).div_ceil(architecture.lanes()) + 8;
    let mut machine = Machine::with_race_detection(architecture, beats, RaceDetection::Off);
    machine.set_instructions(words).unwrap();
    machine.memory_mut()[..image.len()].copy_from_slice(image);
    let expected = machine.run(0);
    let mut owned = Owned::new(&architecture, beats);
    let mut core = owned.core(architecture);
    load(&mut core, words);
    assert!(core.write_memory(0, image));
    let status = run(&mut core, 0);
    match &expected {
        Ok(_) => {
            assert_eq!(status & 0xff, register::STATUS_HALTED, "{what}");
            let mut memory = vec![0; machine.memory().len()];
            assert!(core.read_memory(0, &mut memory));
            assert!(memory == machine.memory(), "{what}: device memory differs");
        }
        Err(error) => {
            if let Some(cause) = cause(error.fault) {
                assert_eq!(status & 0xff, register::STATUS_TRAPPED | cause << 4, "{what}: {error}");
            }
        }
    }
    expected.map(|_| ())
}

#[test]
fn changed_programs_trap_for_the_cause_that_the_emulator_names() {
    let mut causes = std::collections::BTreeMap::new();
    for seed in 0..cases(600) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let case = layer(seed % 40, &random_architecture(seed % 40));
        let program = compile(&case.graph, &case.architecture).unwrap();
        let mut words = program.cells[0].resident_words(&case.architecture);
        // Not SYNC: without its end a program runs for ever, and the emulator has no limit.
        let is_sync = |words: [u32; 4]| matches!(Instruction::decode(words), Ok(Instruction::Sync { .. }));
        let at = random.random_range(0..words.len());
        if is_sync(words[at]) {
            continue;
        }
        // The word with the opcode as often as the operands.
        let word = if random.random_bool(0.5) { 0 } else { random.random_range(1..4) };
        let bit = random.random_range(0..if word == 0 { 12 } else { 32 });
        words[at][word] ^= 1 << bit;
        if is_sync(words[at]) {
            continue;
        }
        let before = words.len();
        words.truncate(case.architecture.instruction_depth() as usize);
        assert_eq!(before, words.len());
        let end = same_end(case.architecture, &words, &program.image, &format!("seed {seed}, word {word}, bit {bit}"));
        *causes.entry(end.err().and_then(|error| cause(error.fault))).or_insert(0) += 1;
    }
    println!("causes: {causes:?}");
    assert!(causes.len() >= 4, "{causes:?}");
}

#[test]
fn a_program_that_streams_its_instructions_runs() {
    let cell = Architecture::new(8, 8, Precision::Int8).unwrap().with_instruction_depth(16).unwrap();
    let mut streamed = 0;
    for seed in 0..cases(20) {
        let case = layer(seed, &random_architecture(3));
        let target = myelin_compile::Target { architecture: cell, ..myelin_compile::Target::named()[0] };
        let Ok(program) = myelin_compile::compile_for(&case.graph, &target) else { continue };
        if program.cells[0].instructions.len() > 16 {
            streamed += 1;
        }
        agrees_with_golden(&Case { architecture: cell, ..case }, &program);
    }
    assert!(streamed > 0);
}
