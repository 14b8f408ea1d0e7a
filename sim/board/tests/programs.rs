//! Hand-made programs on the simulated cell, against the functional emulator.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::emulate::Machine;
use myelin_driver::Link;
use myelin_isa::{
    Architecture, Header, Instruction, PostOperands, Precision, Unit, UnitSet, WeightTarget, array_descriptor,
    post_descriptor, register,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DEADLINE: Duration = Duration::from_secs(600);
const MEMORY_BEATS: u32 = 1 << 14;
const OUTPUT_BEAT: u32 = 1 << 13;

/// One convolution as a program: load everything, one CONV, one DRAIN, store.
fn convolution(architecture: &Architecture, rng: &mut ChaCha8Rng) -> (Vec<Instruction>, Vec<u8>, u32) {
    let (rows, columns, lanes) = (architecture.rows(), architecture.columns(), architecture.lanes());
    let channels = rng.random_range(1..=20u32);
    let (height, width) = (rng.random_range(1..=6u32), rng.random_range(1..=6u32));
    let (kernel_h, kernel_w) = (rng.random_range(1..=3u32), rng.random_range(1..=3u32));
    let pad = rng.random_range(0..=2u32).max((kernel_h.max(kernel_w)).saturating_sub(height.min(width)));
    let (stride, dilation) = (rng.random_range(1..=2u32), 1);
    let out_h = (height + 2 * pad - kernel_h) / stride + 1;
    let out_w = (width + 2 * pad - kernel_w) / stride + 1;
    let run = channels * if rng.random_bool(0.5) { kernel_w } else { 1 };
    let kernel_columns = if run == channels { kernel_w } else { 1 };
    let chunks = run.div_ceil(rows);
    let tiles = chunks * kernel_columns * kernel_h;
    let pitch = width * channels;
    let map_beats = (height * pitch).div_ceil(lanes);
    let weight_beats = tiles * architecture.weight_steps() * architecture.weight_ports();
    let limit = architecture.precision().limit();
    let mut memory = vec![0u8; (MEMORY_BEATS * lanes) as usize];
    let (weight_beat, bias_beat) = (map_beats, map_beats + weight_beats);
    let mut value = || rng.random_range(-limit..=limit) as u8;
    memory[..(bias_beat * lanes) as usize].fill_with(&mut value);
    for column in 0..columns as usize {
        let bias: i32 = rng.random_range(-100_000..100_000);
        memory[(bias_beat * lanes) as usize + 4 * column..][..4].copy_from_slice(&bias.to_le_bytes());
    }
    let lane_count = rng.random_range(1..=columns);
    let raw = rng.random_bool(0.3);
    let outer = if raw { architecture.precision().planes() } else { 1 };
    let base = 64 * lanes; // A map that does not begin at zero, so that padding addresses stay inside.
    let output = 256 * lanes + rng.random_range(0..lanes);
    let config = |unit: Unit, index: u8, values: [u32; 3]| Instruction::Config {
        header: Header::default(),
        unit,
        index,
        values,
    };
    let wait = |unit: Unit| Header { wait: UnitSet::of(unit), ..Header::default() };
    let signal = |unit: Unit| Header { signal: UnitSet::of(unit), ..Header::default() };
    assert_eq!(array_descriptor::PIXELS, 0);
    assert_eq!(post_descriptor::WINDOW, 0);
    let pixels = out_w | out_h << 16;
    let plane = out_h * out_w * lane_count;
    let shift = rng.random_range(0..=20u32);
    let low = if rng.random_bool(0.5) { 0u32 } else { (-limit) as u8 as u32 };
    let requantise = shift | low << 8 | (limit as u32) << 16;
    let output_beats = (outer * plane).div_ceil(lanes) + 1;
    let program = vec![
        Instruction::LoadWeights {
            header: signal(Unit::Array),
            target: WeightTarget::Weights,
            memory_beat: weight_beat,
            destination: 3,
            beats: weight_beats,
        },
        Instruction::LoadWeights {
            header: signal(Unit::Post),
            target: WeightTarget::Biases,
            memory_beat: bias_beat,
            destination: 1,
            beats: 4,
        },
        Instruction::Load { header: signal(Unit::Array), memory_beat: 0, destination: base, beats: map_beats },
        config(Unit::Array, 0, [pixels, chunks | kernel_columns << 16 | kernel_h << 24, height | run << 16]),
        config(Unit::Array, 3, [stride * pitch, dilation * pitch, stride | dilation << 16]),
        Instruction::Config {
            header: wait(Unit::Load),
            unit: Unit::Array,
            index: 6,
            values: [stride * channels, dilation * channels, pitch],
        },
        Instruction::Convolve {
            header: Header {
                wait: UnitSet::of(Unit::Load),
                signal: UnitSet::of(Unit::Post),
                stamp: false,
                ..Header::NONE
            },
            half: 1,
            accumulate: false,
            row_address: base.wrapping_sub(pad * pitch),
            x_start: -((pad * channels) as i32),
            y_start: -(pad as i16),
            weight_base: 3,
        },
        config(Unit::Post, 0, [1 | 1 << 8 | outer << 16, pixels, out_h | out_w << 16]),
        config(Unit::Post, 3, [0, 1 | 1 << 16, 0]),
        config(Unit::Post, 6, [0, 1, out_w]),
        config(Unit::Post, 9, [0, lane_count, out_w * lane_count]),
        Instruction::Config { header: wait(Unit::Load), unit: Unit::Post, index: 12, values: [plane, requantise, 0] },
        Instruction::Drain {
            header: Header {
                wait: UnitSet::of(Unit::Array),
                signal: UnitSet::of(Unit::Store),
                stamp: true,
                ..Header::NONE
            },
            operands: PostOperands {
                half: 1,
                raw,
                look_up: false,
                lane_count: lane_count as u8,
                source: 0,
                destination: output,
                bias_word: 1,
            },
        },
        Instruction::Store {
            header: wait(Unit::Post),
            memory_beat: OUTPUT_BEAT,
            source: output - output % lanes,
            beats: output_beats,
        },
        Instruction::Sync { halt: true },
    ];
    (program, memory, output_beats)
}

fn run_both(architecture: Architecture, seed: u64) {
    let mut cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
    // Both keep their scratchpads from case to case, so stale lanes must agree too.
    let mut machine = Machine::new(architecture, MEMORY_BEATS);
    let lanes = architecture.lanes() as usize;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for case in 0..6 {
        let (program, memory, output_beats) = convolution(&architecture, &mut rng);
        let words: Vec<[u32; 4]> = program.iter().map(Instruction::encode).collect();
        machine.memory_mut().copy_from_slice(&memory);
        machine.set_instructions(&words).unwrap();
        machine.run(0).unwrap();

        cell.reset().unwrap();
        cell.write_at(0, &memory, DEADLINE).unwrap();
        for (index, word) in words.as_flattened().iter().enumerate() {
            cell.write32(register::INSTRUCTIONS + 4 * index as u32, *word).unwrap();
        }
        cell.write32(register::START, 0).unwrap();
        cell.wait_interrupt(DEADLINE).unwrap();
        let status = cell.read32(register::STATUS).unwrap();
        assert_eq!(status & 7, register::STATUS_HALTED, "status {status:#x}");
        let start = OUTPUT_BEAT as usize * lanes;
        let mut found = vec![0; output_beats as usize * lanes];
        cell.read_at(start as u64, &mut found, DEADLINE).unwrap();
        let expected = &machine.memory()[start..][..found.len()];
        assert_eq!(found, expected, "{architecture} seed {seed} case {case}: {program:#?}");
        assert!(expected.iter().any(|&byte| byte != 0) || case > 0, "the first case is not all zero");
    }
}

#[test]
fn a_convolution_equals_the_emulator_on_every_shape_of_cell() {
    for (seed, rows, columns, precision) in [
        (1, 4, 4, Precision::Int8),
        (2, 8, 8, Precision::Int8),
        (3, 12, 10, Precision::Int8),
        (4, 8, 8, Precision::Int6),
        (5, 5, 9, Precision::Int6),
        (6, 16, 16, Precision::Int8),
    ] {
        run_both(Architecture::new(rows, columns, precision).unwrap(), seed);
    }
}
