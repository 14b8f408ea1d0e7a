//! What a stick can find out about itself: memory, flash, and the core by a small program with a known answer.

use myelin_isa::framing::{TestResult, Verdict};
use myelin_isa::stick::flash_command;
use myelin_isa::{Architecture, Header, Instruction, PostOperands, Unit, WeightTarget, post_descriptor, register};

use crate::core::Core;
use crate::flash::Flash;

/// Bytes of device memory that are tested: its beginning and its end.
const TESTED_BYTES: u32 = 4096;
/// Steps in which the program must have halted.
const STEPS_MAX: u32 = 1_000_000;
/// Shift of the drain.
const SHIFT: u32 = 5;

const PASSED: TestResult = TestResult { verdict: Verdict::Passed, detail: 0 };

const fn failed(detail: u32) -> TestResult {
    TestResult { verdict: Verdict::Failed, detail }
}

/// Address lines and data bits of device memory: each word of the beginning and the end says its address, then the inverse.
pub fn memory(core: &mut impl Core) -> TestResult {
    let bytes = core.memory_bytes() & !3;
    let tested = TESTED_BYTES.min(bytes / 2);
    let words = || (0..tested).step_by(4).flat_map(move |at| [at, bytes - tested + at]);
    for inversion in [0, u32::MAX] {
        for address in words() {
            core.write_memory(address, &(address ^ inversion ^ 0x5a5a_1234).to_le_bytes());
        }
        for address in words() {
            let mut found = [0; 4];
            let is_there = core.read_memory(address, &mut found);
            if !is_there || u32::from_le_bytes(found) != address ^ inversion ^ 0x5a5a_1234 {
                return failed(address);
            }
        }
    }
    PASSED
}

/// Whether the flash has its size, and reads the same twice.
pub fn flash(flash: &mut impl Flash) -> TestResult {
    let bytes = flash.bytes();
    if !bytes.is_power_of_two() || bytes < myelin_isa::stick::flash_layout::OBJECTS {
        return failed(bytes);
    }
    let (mut once, mut again) = ([0; 64], [0; 64]);
    for address in (0..bytes).step_by((bytes / 16).max(flash_command::SECTOR_BYTES) as usize) {
        flash.read(address, &mut once);
        flash.read(address, &mut again);
        if once != again {
            return failed(address);
        }
    }
    PASSED
}

/// A pixel of `rows` channels through all PEs, biased, rounded, clamped and stored.
pub fn core(core: &mut impl Core) -> TestResult {
    let cell = *core.architecture();
    let beats = Beats::of(&cell);
    if u64::from(beats.end) * u64::from(cell.lanes()) > u64::from(core.memory_bytes()) {
        return TestResult { verdict: Verdict::Skipped, detail: 0 };
    }
    core.restart();
    write_operands(core, &cell, &beats);
    for (index, instruction) in program(&cell, &beats).iter().enumerate() {
        for (word, value) in instruction.encode().into_iter().enumerate() {
            core.write_register(register::INSTRUCTIONS + 16 * index as u32 + 4 * word as u32, value);
        }
    }
    core.write_register(register::START, 0);
    for _ in 0..STEPS_MAX {
        if core.interrupt() {
            break;
        }
        core.step();
    }
    let status = core.read_register(register::STATUS);
    let mut found = [0; 4 * Architecture::SIDE_MAX as usize];
    let found = &mut found[..cell.columns() as usize];
    let is_there = core.read_memory(beats.result * cell.lanes(), found);
    let is_right = (0..).zip(&*found).all(|(column, &value)| value as i8 == expected(&cell, column));
    core.restart();
    if is_there && is_right && status & 7 == register::STATUS_HALTED { PASSED } else { failed(status) }
}

/// Where everything lies in device memory.
struct Beats {
    weights: u32,
    weight_beats: u32,
    biases: u32,
    result: u32,
    end: u32,
}

impl Beats {
    fn of(cell: &Architecture) -> Beats {
        let map_beats = cell.rows().max(cell.columns()).div_ceil(cell.lanes());
        let weight_beats = cell.weight_steps() * cell.weight_word_beats();
        let weights = map_beats;
        let biases = weights + weight_beats;
        let result = biases + cell.bias_word_beats();
        Beats { weights, weight_beats, biases, result, end: result + map_beats }
    }
}

/// Values of both signs, of few bits, different for neighbours.
fn activation(row: u32) -> i32 {
    (row * 7 % 31) as i32 - 15
}

fn weight(row: u32, column: u32) -> i32 {
    ((row * 5 + column * 11) % 29) as i32 - 14
}

fn bias(column: u32) -> i32 {
    100 * (column as i32) - 333
}

fn expected(cell: &Architecture, column: u32) -> i8 {
    let sum: i32 = (0..cell.rows()).map(|row| activation(row) * weight(row, column)).sum();
    let value = ((sum + bias(column)) >> (SHIFT - 1)) + 1;
    let limit = cell.precision().limit();
    (value >> 1).clamp(-limit, limit) as i8
}

fn write_operands(core: &mut impl Core, cell: &Architecture, beats: &Beats) {
    let lanes = cell.lanes();
    for byte in 0..beats.end * lanes {
        core.write_memory(byte, &[0]);
    }
    for row in 0..cell.rows() {
        core.write_memory(row, &[activation(row) as u8]);
        // Bank `row / steps` of word `row % steps`.
        let (bank, step) = (row / cell.weight_steps(), row % cell.weight_steps());
        let per_beat = cell.weight_banks_per_beat();
        let beat = beats.weights + step * cell.weight_word_beats() + bank / per_beat;
        let at = beat * lanes + bank % per_beat * cell.weight_row_lanes();
        for column in 0..cell.columns() {
            core.write_memory(at + column, &[weight(row, column) as u8]);
        }
    }
    for column in 0..cell.columns() {
        core.write_memory(beats.biases * lanes + 4 * column, &bias(column).to_le_bytes());
    }
}

/// Everything one after another: after each step all units are idle.
fn program(cell: &Architecture, beats: &Beats) -> [Instruction; 18] {
    let header = Header::NONE;
    let wait = Instruction::Sync { halt: false };
    let config = |unit, index, values| Instruction::Config { header, unit, index, values };
    let load_weights =
        |target, memory_beat, beats| Instruction::LoadWeights { header, target, memory_beat, destination: 0, beats };
    let map_beats = beats.weights;
    let result_lane = map_beats * cell.lanes();
    let limit = cell.precision().limit();
    let requantise = SHIFT | u32::from(-limit as u8) << 8 | u32::from(limit as u8) << 16;
    let operands = PostOperands {
        half: 0,
        raw: false,
        look_up: false,
        lane_count: cell.columns() as u8,
        source: 0,
        destination: result_lane,
        bias_word: 0,
    };
    let clear = |unit| config(unit, 0, [0; 3]);
    const _: () = assert!(post_descriptor::REQUANTISE == 13 && post_descriptor::COUNT == 15);
    [
        clear(Unit::Load),
        clear(Unit::Store),
        Instruction::Load { header, memory_beat: 0, destination: 0, beats: map_beats },
        load_weights(WeightTarget::Weights, beats.weights, beats.weight_beats),
        load_weights(WeightTarget::Biases, beats.biases, cell.bias_word_beats()),
        // One pixel, one chunk, one row of `rows` lanes.
        config(Unit::Array, 0, [1 | 1 << 16, 1 | 1 << 16 | 1 << 24, 1 | cell.rows() << 16]),
        config(Unit::Array, 3, [0; 3]),
        config(Unit::Array, 6, [0, 0, cell.rows()]),
        wait,
        Instruction::Convolve {
            header,
            half: 0,
            accumulate: false,
            row_address: 0,
            x_start: 0,
            y_start: 0,
            weight_base: 0,
        },
        // One window of one, from a map of one pixel.
        config(Unit::Post, 0, [1 | 1 << 8 | 1 << 16, 1 | 1 << 16, 1 | 1 << 16]),
        config(Unit::Post, 3, [0; 3]),
        config(Unit::Post, 12, [0, requantise, 0]),
        wait,
        Instruction::Drain { header, operands },
        wait,
        Instruction::Store { header, memory_beat: beats.result, source: result_lane, beats: map_beats },
        Instruction::Sync { halt: true },
    ]
}
