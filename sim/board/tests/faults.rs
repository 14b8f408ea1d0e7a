//! Programs that cannot work: each traps with its cause and its instruction, none hangs, and after a reset
//! the cell works as before.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_driver::Link;
use myelin_isa::{Architecture, Header, Instruction, PostOperands, Precision, Unit, UnitSet, WeightTarget, register};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DEADLINE: Duration = Duration::from_secs(600);
const MEMORY_BEATS: u32 = 1 << 10;
const CYCLES_MAX: u32 = 3000;
const HEADER: Header = Header::NONE;
const HALT: Instruction = Instruction::Sync { halt: true };

fn architecture() -> Architecture {
    let cell = Architecture::new(4, 4, Precision::Int8).unwrap().with_activation_lanes(256).unwrap();
    let cell = cell.with_weight_words(64).unwrap().with_bias_words(8).unwrap();
    cell.with_accumulator_depth(16).unwrap().with_instruction_depth(32).unwrap()
}

fn device() -> SimulatedCell {
    let memory_bytes = u64::from(MEMORY_BEATS * architecture().lanes());
    let options = SimulationOptions { memory_bytes, ..SimulationOptions::default() };
    SimulatedCell::new(architecture(), options).unwrap()
}

/// Resets the cell, writes a program and runs it; STATUS and the cycles it took.
fn run(device: &mut SimulatedCell, words: &[[u32; 4]]) -> (u32, u32) {
    device.restart().unwrap();
    for (index, word) in (0..).zip(words.as_flattened()) {
        device.write32(register::INSTRUCTIONS + 4 * index, *word).unwrap();
    }
    device.write32(register::MEMORY_BEATS, MEMORY_BEATS).unwrap();
    device.write32(register::CYCLE_LIMIT, CYCLES_MAX).unwrap();
    device.write32(register::START, 0).unwrap();
    device.wait_interrupt(DEADLINE).unwrap();
    let status = device.read32(register::STATUS).unwrap();
    (status, device.read32(register::COUNTERS + 4 * register::COUNTER_CYCLES).unwrap())
}

fn encoded(program: &[Instruction]) -> Vec<[u32; 4]> {
    program.iter().map(Instruction::encode).collect()
}

fn config(unit: Unit, index: u8, values: [u32; 3]) -> Instruction {
    Instruction::Config { header: HEADER, unit, index, values }
}

fn signal(unit: Unit) -> Header {
    Header { signal: UnitSet::of(unit), ..HEADER }
}

fn wait(unit: Unit) -> Header {
    Header { wait: UnitSet::of(unit), ..HEADER }
}

fn load(memory_beat: u32, destination: u32, beats: u32) -> Instruction {
    Instruction::Load { header: HEADER, memory_beat, destination, beats }
}

fn convolve(header: Header, half: u8, weight_base: u16) -> Instruction {
    Instruction::Convolve { header, half, accumulate: false, row_address: 0, x_start: 0, y_start: 0, weight_base }
}

fn drain(header: Header, half: u8, source: u32) -> Instruction {
    let operands =
        PostOperands { half, raw: false, look_up: false, lane_count: 4, source, destination: 0, bias_word: 0 };
    Instruction::Drain { header, operands }
}

/// An array of `columns` x `rows` pixels over `chunks` chunks, and a post unit that drains them.
fn descriptors(columns: u32, rows: u32, chunks: u32) -> Vec<Instruction> {
    vec![
        config(Unit::Array, 0, [columns | rows << 16, chunks | 1 << 16 | 1 << 24, 8 | 4 << 16]),
        config(Unit::Array, 3, [4, 4, 0]),
        config(Unit::Array, 6, [4, 4, 64]),
        config(Unit::Post, 0, [1 | 1 << 8 | 1 << 16, columns | rows << 16, rows | columns << 16]),
        config(Unit::Post, 3, [0, 1 | 1 << 16, 0]),
        config(Unit::Post, 6, [0, 1, columns]),
        config(Unit::Post, 9, [0, 4, 4 * columns]),
        config(Unit::Post, 12, [0, 1 | 0x81 << 8 | 0x7f << 16, 0]),
    ]
}

/// Loads, convolves, drains and stores as a program should.
fn legal() -> Vec<Instruction> {
    let mut program = vec![
        load(0, 0, 32),
        Instruction::LoadWeights {
            header: HEADER,
            target: WeightTarget::Weights,
            memory_beat: 32,
            destination: 0,
            beats: 64,
        },
        Instruction::LoadWeights {
            header: signal(Unit::Array),
            target: WeightTarget::Biases,
            memory_beat: 96,
            destination: 0,
            beats: 32,
        },
    ];
    program.extend(descriptors(4, 4, 2));
    let both = Header { wait: UnitSet::of(Unit::Load), ..signal(Unit::Post) };
    program.push(convolve(both, 1, 0));
    program.push(drain(Header { wait: UnitSet::of(Unit::Array), ..signal(Unit::Store) }, 1, 0));
    program.push(Instruction::Store { header: wait(Unit::Post), memory_beat: 512, source: 0, beats: 16 });
    program.push(HALT);
    program
}

#[test]
fn each_fault_traps_with_its_cause_and_its_instruction() {
    let store = |memory_beat, source, beats| Instruction::Store { header: HEADER, memory_beat, source, beats };
    let loadw = |target, destination, beats| Instruction::LoadWeights {
        header: HEADER,
        target,
        memory_beat: 0,
        destination,
        beats,
    };
    let with = |before: Vec<Instruction>, rest: &[Instruction]| [before, rest.to_vec()].concat();
    let tokens = vec![config(Unit::Load, 0, [0; 3]); 16].into_iter().map(|_| Instruction::Config {
        header: signal(Unit::Store),
        unit: Unit::Load,
        index: 0,
        values: [0; 3],
    });
    let endless = vec![Instruction::Sync { halt: false }; 32];
    let rows = config(Unit::Load, 0, [3, 500, 64]);
    let cases: Vec<(&str, Vec<Instruction>, u32, Option<u32>)> = vec![
        ("no counts", vec![convolve(HEADER, 0, 0), HALT], register::TRAP_OPERAND, Some(0)),
        ("no counts to drain", vec![drain(HEADER, 0, 0), HALT], register::TRAP_OPERAND, Some(0)),
        ("memory read", vec![load(MEMORY_BEATS - 2, 0, 3), load(0, 0, 1), HALT], register::TRAP_ADDRESS, Some(0)),
        ("memory read by rows", vec![rows, load(0, 0, 2), HALT], register::TRAP_ADDRESS, Some(1)),
        ("memory written", vec![load(0, 0, 1), store(MEMORY_BEATS - 2, 0, 3), HALT], register::TRAP_ADDRESS, Some(1)),
        ("lanes written", vec![load(0, 248, 2), load(0, 252, 2), HALT], register::TRAP_ADDRESS, Some(1)),
        ("lanes read", vec![store(0, 252, 2), HALT], register::TRAP_ADDRESS, Some(0)),
        ("weights written", vec![loadw(WeightTarget::Weights, 63, 2), HALT], register::TRAP_ADDRESS, Some(0)),
        ("biases written", vec![loadw(WeightTarget::Biases, 7, 5), HALT], register::TRAP_ADDRESS, Some(0)),
        ("table written", vec![loadw(WeightTarget::Table, 250, 7), HALT], register::TRAP_ADDRESS, Some(0)),
        ("weights read", with(descriptors(4, 4, 2), &[convolve(HEADER, 0, 60), HALT]), register::TRAP_ADDRESS, Some(8)),
        ("accumulators", with(descriptors(4, 5, 1), &[convolve(HEADER, 0, 0), HALT]), register::TRAP_ADDRESS, Some(8)),
        ("drained", with(descriptors(4, 4, 1), &[drain(HEADER, 0, 1), HALT]), register::TRAP_ADDRESS, Some(8)),
        (
            "one half",
            with(descriptors(4, 4, 8), &[convolve(HEADER, 0, 0), drain(HEADER, 0, 0), HALT]),
            register::TRAP_CONFLICT,
            Some(9),
        ),
        ("no token", vec![drain(wait(Unit::Store), 0, 0), HALT], register::TRAP_DEADLOCK, Some(1)),
        ("no fence", vec![load(0, 0, 1), Instruction::Fence, HALT], register::TRAP_DEADLOCK, Some(1)),
        ("tokens", with(tokens.collect(), &[HALT]), register::TRAP_TOKENS, None),
        ("endless", endless, register::TRAP_CYCLES, None),
        (
            "barrier",
            vec![
                Instruction::Load { header: Header { meet: true, ..HEADER }, memory_beat: 0, destination: 0, beats: 1 },
                HALT,
            ],
            register::TRAP_CYCLES,
            Some(1),
        ),
    ];
    let mut device = device();
    for (name, program, cause, index) in cases {
        let (status, cycles) = run(&mut device, &encoded(&program));
        assert_eq!(status & 7, register::STATUS_TRAPPED, "{name}: {status:#x}");
        assert_eq!(status >> 4 & 15, cause, "{name}: {status:#x}");
        if let Some(index) = index {
            assert_eq!(status >> 16, index, "{name}: {status:#x}");
        }
        assert!(cycles <= CYCLES_MAX + 3, "{name}: {cycles}");
    }
}

/// CONVs of one pixel and one tile follow each other faster than their sums come down: the sum that leaves 32
/// bits is of the one that is named all the same.
#[test]
fn an_overflow_names_its_convolution_among_short_ones() {
    let mut device = device();
    device.write_at(0, &[0x7f; 512], DEADLINE).unwrap();
    let weights = Instruction::LoadWeights {
        header: signal(Unit::Array),
        target: WeightTarget::Weights,
        memory_beat: 0,
        destination: 0,
        beats: 4,
    };
    let mut program = vec![load(0, 0, 1), weights];
    program.extend(descriptors(1, 1, 1));
    program.extend([convolve(wait(Unit::Load), 0, 0), HALT]);
    assert_eq!(run(&mut device, &encoded(&program)).0 & 7, register::STATUS_HALTED);
    // Nothing but CONVs that add up, around and around.
    let add = Instruction::Convolve {
        header: HEADER,
        half: 0,
        accumulate: true,
        row_address: 0,
        x_start: 0,
        y_start: 0,
        weight_base: 0,
    };
    let depth = architecture().instruction_depth();
    for (index, word) in (0..).zip(encoded(&vec![add; depth as usize]).as_flattened()) {
        device.write32(register::INSTRUCTIONS + 4 * index, *word).unwrap();
    }
    device.write32(register::CYCLE_LIMIT, 0).unwrap();
    device.write32(register::START, 0).unwrap();
    device.wait_interrupt(DEADLINE).unwrap();
    let status = device.read32(register::STATUS).unwrap();
    assert_eq!((status & 7, status >> 4 & 15), (register::STATUS_TRAPPED, register::TRAP_OVERFLOW), "{status:#x}");
    // So many fit 32 bits, the first program's among them: the next one overflows.
    let fit = i32::MAX as u32 / (4 * 127 * 127);
    assert_eq!(status >> 16, (fit - 1) % depth, "{status:#x}");
}

#[test]
fn a_start_forgets_the_tokens_that_the_run_before_left() {
    let start = 8;
    let fetch = |destination| Instruction::LoadWeights {
        header: HEADER,
        target: WeightTarget::Instructions,
        memory_beat: 0,
        destination,
        beats: architecture().instruction_beats(),
    };
    let signals = Instruction::Config { header: signal(Unit::Store), unit: Unit::Load, index: 0, values: [0; 3] };
    let awaits = Instruction::Config { header: wait(Unit::Load), unit: Unit::Store, index: 0, values: [0; 3] };
    let meets = Header { meet: true, ..HEADER };
    let arrives =
        Instruction::Store { header: Header { arrive: true, ..HEADER }, memory_beat: 512, source: 0, beats: 1 };
    let joins = Instruction::Load { header: meets, memory_beat: 0, destination: 0, beats: 1 };
    for (name, gives, takes, cause) in [
        ("between units", signals, awaits, register::TRAP_DEADLOCK),
        ("for FENCE", fetch(30), Instruction::Fence, register::TRAP_DEADLOCK),
        ("of the barrier", arrives, joins, register::TRAP_CYCLES),
    ] {
        let mut program = vec![HALT; 16];
        (program[0], program[start]) = (gives, takes);
        // The same run gives and takes.
        let mut whole = program.clone();
        whole[1] = takes;
        let mut device = device();
        assert_eq!(run(&mut device, &encoded(&whole)).0 & 7, register::STATUS_HALTED, "{name}");
        assert_eq!(run(&mut device, &encoded(&program)).0 & 7, register::STATUS_HALTED, "{name}");
        device.write32(register::START, start as u32).unwrap();
        device.wait_interrupt(DEADLINE).unwrap();
        let status = device.read32(register::STATUS).unwrap();
        assert_eq!((status & 7, status >> 4 & 15), (register::STATUS_TRAPPED, cause), "{name}: {status:#x}");
    }
}

/// What a legal program leaves in memory.
fn result(device: &mut SimulatedCell) -> Vec<u8> {
    let (status, _) = run(device, &encoded(&legal()));
    assert_eq!(status & 7, register::STATUS_HALTED, "{status:#x}");
    let mut found = vec![0; 64];
    device.read_at(512 * 4, &mut found, DEADLINE).unwrap();
    found
}

/// Fills memory as the legal program wants it.
fn fill(device: &mut SimulatedCell) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut bytes: Vec<u8> = (0..512 * 4).map(|_| rng.random()).collect();
    // Biases that no sum makes overflow.
    bytes[96 * 4..].iter_mut().skip(2).step_by(4).for_each(|byte| *byte = 0);
    bytes[96 * 4..].iter_mut().skip(3).step_by(4).for_each(|byte| *byte = 0);
    device.write_at(0, &bytes, DEADLINE).unwrap();
}

fn never_hangs(seeds: std::ops::Range<u64>, program: impl Fn(&mut ChaCha8Rng) -> Vec<[u32; 4]>) {
    let mut device = device();
    fill(&mut device);
    let expected = result(&mut device);
    assert!(expected.iter().any(|&byte| byte != 0));
    let mut causes = std::collections::BTreeMap::new();
    for seed in seeds.clone() {
        let words = program(&mut ChaCha8Rng::seed_from_u64(seed));
        let (status, cycles) = run(&mut device, &words);
        let ended = status & 7;
        assert!(ended == register::STATUS_HALTED || ended == register::STATUS_TRAPPED, "seed {seed}: {status:#x}");
        assert!(cycles <= CYCLES_MAX + 3, "seed {seed}: {cycles} cycles");
        *causes.entry(status >> 4 & 15).or_insert(0) += 1;
        if seed.is_multiple_of(16) {
            fill(&mut device);
            assert_eq!(result(&mut device), expected, "after seed {seed}");
        }
    }
    assert!(causes.len() >= 3, "{causes:?}");
}

#[test]
fn random_words_never_hang_it_and_a_reset_brings_it_back() {
    never_hangs(0..400, |rng| {
        let opcode = |rng: &mut ChaCha8Rng| if rng.random_bool(0.9) { rng.random_range(1..11) } else { rng.random() };
        (0..32)
            .map(|_| {
                // Few tokens and small numbers, or the first instruction ends it all.
                let tokens = if rng.random_bool(0.2) { rng.random::<u32>() & 0xff0 } else { 0 };
                let word0 = opcode(rng) & 15 | tokens | rng.random::<u32>() & 0xffff_f000;
                let mut operand = || {
                    let bits = rng.random_range(0..33);
                    rng.random::<u32>() & (1u64 << bits).wrapping_sub(1) as u32
                };
                [word0, operand(), operand(), operand()]
            })
            .collect()
    });
}

#[test]
fn mutated_programs_never_hang_it_and_a_reset_brings_it_back() {
    never_hangs(1000..1600, |rng| {
        let mut words = encoded(&legal());
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..words.len());
            match rng.random_range(0..4) {
                0 => words[at][rng.random_range(0..4usize)] ^= 1 << rng.random_range(0..32),
                1 => drop(words.remove(at)),
                2 => {
                    let other = rng.random_range(0..words.len());
                    words.swap(at, other);
                }
                _ => words[at][rng.random_range(0..4usize)] = rng.random(),
            }
        }
        words.resize(32, HALT.encode());
        words
    });
}
