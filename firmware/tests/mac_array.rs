//! The driver of the UP5K's MAC array on a model of it: every program does what it does in software.
//!
//! A failure names its seed; `MYELIN_CASES=<n>` runs that many.
#![allow(clippy::unwrap_used)]

use common::mac::{ACTIVATIONS, MacModel, Modelled, WEIGHTS};
use common::{Owned, load, run};
use myelin_compile::compile;
use myelin_firmware::functional::{HardwareArray, Run};
use myelin_firmware::{Core, FunctionalCore, MacArray, SoftwareArray};
use myelin_isa::{Architecture, Header, Instruction, PostOperands, Precision, Unit, WeightTarget, register};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use random_layer::{layer, network};

mod common;
// The generator alone: the crate around it builds simulators and all hardware.
#[allow(dead_code, reason = "a part is used")]
#[path = "../../verification/conformance/src/random_layer.rs"]
mod random_layer;

fn cases(default: u64) -> u64 {
    std::env::var("MYELIN_CASES").map_or(default, |count| count.parse().unwrap())
}

/// Cells of the array's shape; their scratchpads fit the SPRAM.
fn architecture(precision: Precision) -> Architecture {
    let cell = Architecture::new(4, 4, precision).unwrap().with_activation_lanes(32768).unwrap();
    cell.with_weight_words(4096).unwrap().with_accumulator_depth(128).unwrap()
}

/// A core on the model of the array.
fn modelled(owned: &mut Owned, architecture: Architecture) -> FunctionalCore<'_, Modelled<'_>> {
    owned.core_with(architecture, |software| {
        let array = HardwareArray::new(&architecture, MacModel::new(), software, ACTIVATIONS, WEIGHTS).unwrap();
        Modelled { array, streams: 0 }
    })
}

#[test]
fn compiled_programs_run_on_the_array_alone_and_answer_as_in_software() {
    let mut runs = 0;
    for seed in 0..cases(60) {
        let cell = architecture(if seed % 3 == 2 { Precision::Int6 } else { Precision::Int8 });
        let case = if seed % 2 == 0 { layer(seed, &cell) } else { network(seed, &cell) };
        let Ok(program) = compile(&case.graph, &cell) else { continue };
        let (mut with, mut without) =
            (Owned::new(&cell, program.memory_beats), Owned::new(&cell, program.memory_beats));
        let (mut with, mut without) = (modelled(&mut with, cell), without.core(cell));
        let expected = common::answers(&mut without, &program, &case.pictures);
        assert_eq!(common::answers(&mut with, &program, &case.pictures), expected, "seed {seed}");
        let array = with.array();
        assert_eq!(array.streams, 0, "seed {seed}: a tile was left to software");
        runs += u64::from(array.array.runs());
    }
    assert!(runs > 1000, "{runs} runs");
}

/// Any run at all, most of which an array can do.
fn random_run(random: &mut ChaCha8Rng, first: bool) -> Run {
    let wild = random.random_bool(0.2);
    let columns = random.random_range(1..=16);
    let mut near =
        |low: i32, high: i32| if wild { random.random_range(-70_000..70_000) } else { random.random_range(low..=high) };
    let (x_start, x_step, y_start) = (near(-9, 40), near(-3, 9), near(-4, 4));
    Run {
        index: 128 * random.random_range(0..2),
        columns,
        rows: random.random_range(1..=128 / columns),
        chunks: random.random_range(1..=9),
        lanes: random.random_range(0..=40),
        first_word: 4 * random.random_range(0..100),
        row_address: random.random_range(0..34_000),
        row_step: if wild { random.random() } else { random.random_range(0..300) },
        x_start,
        x_step,
        x_limit: random.random_range(-1..200),
        y_start,
        y_step: random.random_range(0..4),
        y_limit: random.random_range(0..9),
        first,
    }
}

#[test]
fn a_run_that_the_array_takes_is_the_one_that_was_asked_for() {
    let cell = architecture(Precision::Int8);
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..cases(400) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let lanes = cell.activation_lanes() as usize;
        let activations: Vec<i8> = (0..lanes).map(|_| random.random()).collect();
        let weights: Vec<i8> = (0..4 * cell.weight_words() as usize).map(|_| random.random()).collect();
        let mut totals = vec![0; SoftwareArray::accumulators(&cell)];
        let mut tile = vec![0; SoftwareArray::weights(&cell)];
        let software = SoftwareArray::new(&cell, &mut totals, &mut tile).unwrap();
        let mut array = HardwareArray::new(&cell, MacModel::new(), software, ACTIVATIONS, WEIGHTS).unwrap();
        let mut modelled = Modelled { array, streams: 0 };
        let run = random_run(&mut random, true);
        if modelled.run(&run, &activations, &weights).is_none() {
            refused += 1;
            continue;
        }
        taken += 1;
        for pixel in 0..run.rows * run.columns {
            let mut found = [0; 4];
            modelled.read(run.index + pixel, &mut found);
            assert_eq!(found, expected(&run, pixel, &activations, &weights), "seed {seed}, pixel {pixel}: {run:?}");
        }
        array = modelled.array;
        assert_eq!(array.runs(), 1);
    }
    assert!(taken > refused && refused > 0, "{taken} taken, {refused} refused");
}

/// A pixel's totals, as [`Run`] has them.
fn expected(run: &Run, pixel: u32, activations: &[i8], weights: &[i8]) -> [i32; 4] {
    let (row, column) = (i64::from(pixel / run.columns), i64::from(pixel % run.columns));
    let y = i64::from(run.y_start) + row * i64::from(run.y_step);
    let mut totals = [0; 4];
    for r in 0..4 * i64::from(run.chunks) {
        let x = i64::from(run.x_start) + column * i64::from(run.x_step) + r;
        let inside = (0..i64::from(run.x_limit)).contains(&x) && (0..i64::from(run.y_limit)).contains(&y);
        if !inside || r >= i64::from(run.lanes) {
            continue;
        }
        let lane = i64::from(run.row_address) + row * i64::from(run.row_step.cast_signed()) + x;
        let value = i32::from(activations[lane.rem_euclid(activations.len() as i64) as usize]);
        for (column, total) in totals.iter_mut().enumerate() {
            *total += value * i32::from(weights[4 * (run.first_word as usize + r as usize) + column]);
        }
    }
    totals
}

/// CONVs on one cell whose sums begin in the array, go on in software and in the array again, and a DRAIN of all.
fn changes_over() -> (Architecture, Vec<Instruction>) {
    let cell = architecture(Precision::Int8);
    let header = Header::NONE;
    let wait = Instruction::Sync { halt: false };
    let config = |unit, index, values| Instruction::Config { header, unit, index, values };
    let convolve = |accumulate, row_address| Instruction::Convolve {
        header,
        half: 1,
        accumulate,
        row_address,
        x_start: 0,
        y_start: 0,
        weight_base: 4,
    };
    let drain = |destination| Instruction::Drain {
        header,
        operands: PostOperands {
            half: 1,
            raw: false,
            look_up: false,
            lane_count: 4,
            source: 0,
            destination,
            bias_word: 0,
        },
    };
    // Eight pixels of four lanes each, in a row; the last lanes of the scratchpad are followed by the first.
    let last = cell.activation_lanes() - 16;
    let program = vec![
        Instruction::Load { header, memory_beat: 0, destination: 0, beats: 16 },
        Instruction::Load { header, memory_beat: 16, destination: last, beats: 4 },
        Instruction::LoadWeights { header, target: WeightTarget::Weights, memory_beat: 20, destination: 0, beats: 8 },
        Instruction::LoadWeights { header, target: WeightTarget::Biases, memory_beat: 28, destination: 0, beats: 4 },
        config(Unit::Array, 0, [8 | 1 << 16, 1 | 1 << 16 | 1 << 24, 1 | 4 << 16]),
        config(Unit::Array, 3, [0; 3]),
        config(Unit::Array, 6, [4, 0, 32]),
        config(Unit::Post, 0, [1 | 1 << 8 | 1 << 16, 8 | 1 << 16, 1 | 8 << 16]),
        config(Unit::Post, 3, [0, 1 << 16, 0]),
        config(Unit::Post, 6, [0, 1, 0]),
        config(Unit::Post, 9, [0, 4, 0]),
        config(Unit::Post, 12, [0, 6 | 0x80 << 8 | 0x7f << 16, 0]),
        wait,
        convolve(false, 0),
        convolve(true, last),
        convolve(true, 8),
        wait,
        drain(64),
        wait,
        convolve(false, 32),
        wait,
        drain(96),
        wait,
        Instruction::Store { header, memory_beat: 32, source: 64, beats: 16 },
        Instruction::Sync { halt: true },
    ];
    (cell, program)
}

#[test]
fn sums_that_change_over_to_software_are_exact() {
    let (cell, program) = changes_over();
    let words: Vec<[u32; 4]> = program.iter().map(Instruction::encode).collect();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let image: Vec<u8> = (0..32 * cell.lanes()).map(|_| random.random()).collect();
    let mut memories = Vec::new();
    let (mut with, mut without) = (Owned::new(&cell, 64), Owned::new(&cell, 64));
    let mut with = modelled(&mut with, cell);
    let mut without = without.core(cell);
    let cores: [&mut dyn Core; 2] = [&mut with, &mut without];
    for core in cores {
        assert!(core.write_memory(0, &image));
        load(core, &words);
        assert_eq!(run(core, 0) & 0xf7, register::STATUS_HALTED);
        let mut memory = vec![0; core.memory_bytes() as usize];
        assert!(core.read_memory(0, &mut memory));
        memories.push(memory);
    }
    assert!(memories[0] == memories[1]);
    // The first and the last CONV; what wraps around the scratchpad is software's, and what adds to that.
    let array = with.array();
    assert_eq!(array.array.runs(), 2);
    assert!(array.streams > 0);
}

#[test]
fn a_total_beyond_32_bits_traps_and_the_next_run_is_clean() {
    let cell = architecture(Precision::Int8);
    let header = Header::NONE;
    let config = |index, values| Instruction::Config { header, unit: Unit::Array, index, values };
    let convolve = |accumulate| Instruction::Convolve {
        header,
        half: 0,
        accumulate,
        row_address: 0,
        x_start: 0,
        y_start: 0,
        weight_base: 0,
    };
    let wait = Instruction::Sync { halt: false };
    // 255 x 64 tiles of 4 x 128 x 128 each: 2^31 is reached in the third CONV.
    let mut program = vec![
        Instruction::Load { header, memory_beat: 0, destination: 0, beats: 1 },
        Instruction::LoadWeights { header, target: WeightTarget::Weights, memory_beat: 0, destination: 0, beats: 4096 },
        config(0, [1 | 1 << 16, 1 | 255 << 16 | 4 << 24, 1 | 4 << 16]),
        config(3, [0; 3]),
        config(6, [0, 0, 4]),
        wait,
        convolve(false),
    ];
    program.extend((0..40).map(|_| convolve(true)));
    program.push(Instruction::Sync { halt: true });
    let words: Vec<[u32; 4]> = program.iter().map(Instruction::encode).collect();
    let image = vec![0x80; 4096 * cell.lanes() as usize];
    let mut ends = Vec::new();
    let (mut with, mut without) = (Owned::new(&cell, 4096), Owned::new(&cell, 4096));
    let mut with = modelled(&mut with, cell);
    let mut without = without.core(cell);
    let cores: [&mut dyn Core; 2] = [&mut with, &mut without];
    for core in cores {
        assert!(core.write_memory(0, &image));
        load(core, &words);
        ends.push(run(core, 0));
        core.restart();
        load(core, &[Instruction::Sync { halt: true }.encode()]);
        assert_eq!(run(core, 0), register::STATUS_HALTED);
    }
    assert_eq!(ends[0] & 0xff, register::STATUS_TRAPPED | register::TRAP_OVERFLOW << 4);
    assert_eq!(ends[0], ends[1], "array and software trap at the same instruction");
    let mut image = image;
    image.fill(1);
    assert!(with.write_memory(0, &image));
    load(&mut with, &[&words[..7], &words[words.len() - 1..]].concat());
    assert_eq!(run(&mut with, 0) & 0xff, register::STATUS_HALTED, "the array's overflow is cleared");
}
