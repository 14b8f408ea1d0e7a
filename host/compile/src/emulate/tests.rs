//! Hand-written programs, one behaviour each.

use super::{EmulateError, Fault, Machine, Memory};
use myelin_isa::{
    Architecture, DecodeError, Header, Instruction, PostOperands, Precision, Unit, UnitSet, WeightTarget,
};

const NONE: Header = Header::NONE;

fn waits(unit: Unit) -> Header {
    Header { wait: UnitSet::of(unit), ..NONE }
}

fn signals(unit: Unit) -> Header {
    Header { signal: UnitSet::of(unit), ..NONE }
}

fn cell(precision: Precision) -> Architecture {
    Architecture::new(4, 4, precision).unwrap()
}

fn run(machine: &mut Machine, program: &[Instruction]) -> Result<(), EmulateError> {
    let mut words: Vec<[u32; 4]> = program.iter().map(Instruction::encode).collect();
    words.push(Instruction::Sync { halt: true }.encode());
    machine.set_instructions(&words)?;
    machine.run(0).map(|_| ())
}

fn fault(program: &[Instruction]) -> Fault {
    run(&mut Machine::new(cell(Precision::Int8), 64), program).unwrap_err().fault
}

fn config(unit: Unit, index: u8, values: [u32; 3]) -> Instruction {
    Instruction::Config { header: NONE, unit, index, values }
}

/// A one-pixel, one-tap walk: four lanes from a map of one row of four lanes.
fn array_config() -> [Instruction; 3] {
    [
        config(Unit::Array, 0, [1 | 1 << 16, 1 | 1 << 16 | 1 << 24, 1 | 4 << 16]),
        config(Unit::Array, 3, [4, 4, 1 | 1 << 16]),
        config(Unit::Array, 6, [4, 4, 4]),
    ]
}

fn post_config(outer: u32, destination_outer: u32, requantise: u32) -> [Instruction; 5] {
    [
        config(Unit::Post, 0, [1 | 1 << 8 | outer << 16, 1 | 1 << 16, 1 | 1 << 16]),
        config(Unit::Post, 3, [0, 0, 0]),
        config(Unit::Post, 6, [0, 0, 0]),
        config(Unit::Post, 9, [0, 0, 0]),
        config(Unit::Post, 12, [destination_outer, requantise, 0]),
    ]
}

fn convolve(header: Header) -> Instruction {
    Instruction::Convolve { header, half: 1, accumulate: false, row_address: 0, x_start: 0, y_start: 0, weight_base: 2 }
}

fn operands(raw: bool) -> PostOperands {
    PostOperands { half: 1, raw, lane_count: 4, source: 0, destination: 21, bias_word: 1 }
}

/// Loads four lanes, four rows of weights and biases, convolves one pixel and drains it.
fn one_pixel(precision: Precision, post: [Instruction; 5], raw: bool) -> Machine {
    let mut machine = Machine::new(cell(precision), 16);
    let memory = machine.memory_mut();
    memory[..4].copy_from_slice(&[1, 2, 3, 0xfc]);
    for (row, weights) in [[1, 10, 0, 31], [1, 0, 0, 31], [1, 0, 5, 31], [1, 0, 0xff, 0xe1]].iter().enumerate() {
        memory[4 + 4 * row..8 + 4 * row].copy_from_slice(weights);
    }
    for (column, bias) in [100i32, -1000, 70000, -3].iter().enumerate() {
        memory[20 + 4 * column..24 + 4 * column].copy_from_slice(&bias.to_le_bytes());
    }
    let load = Instruction::Load { header: NONE, memory_beat: 0, destination: 0, beats: 1 };
    let weights = |header, target, memory_beat, destination| Instruction::LoadWeights {
        header,
        target,
        memory_beat,
        destination,
        beats: 4,
    };
    let mut program = vec![
        load,
        weights(NONE, WeightTarget::Weights, 1, 2),
        weights(Header { signal: UnitSet::of(Unit::Array), ..NONE }, WeightTarget::Biases, 5, 1),
    ];
    program.extend(array_config());
    program.push(convolve(Header { wait: UnitSet::of(Unit::Load), ..signals(Unit::Post) }));
    program.extend(post);
    program.push(Instruction::Drain { header: Header { stamp: true, ..waits(Unit::Array) }, operands: operands(raw) });
    run(&mut machine, &program).unwrap();
    machine
}

#[test]
fn one_pixel_is_convolved_biased_and_requantised() {
    let machine = one_pixel(Precision::Int8, post_config(1, 0, 3 | 0x81 << 8 | 0x7f << 16), false);
    assert_eq!(machine.accumulators(1, 0), [2, 10, 19, 31 * 10]);
    // (102, -990, 70019, 307) / 8, half up, within +-127.
    assert_eq!(machine.activations()[21..25], [13, -124, 127, 38]);
}

#[test]
fn raw_values_come_in_planes_low_bits_first() {
    let machine = one_pixel(Precision::Int8, post_config(4, 4, 0), true);
    let plane = |p: usize, i: usize| machine.activations()[21 + 4 * p + i] as u8;
    let values: Vec<i32> = (0..4).map(|i| i32::from_le_bytes([0, 1, 2, 3].map(|p| plane(p, i)))).collect();
    assert_eq!(values, [102, -990, 70019, 307]);
}

#[test]
fn raw_planes_of_six_bits_end_with_two_sign_extended_bits() {
    let machine = one_pixel(Precision::Int6, post_config(6, 4, 0), true);
    let plane = |p: usize, i: usize| i32::from(machine.activations()[21 + 4 * p + i]);
    let value = |i| (0..6).fold(0i32, |v, p| v | (plane(p, i) & if p == 5 { 3 } else { 63 }) << (6 * p));
    assert_eq!([value(0), value(1), value(2), value(3)], [102, -990, 70019, 307]);
    assert_eq!(plane(5, 1), -1);
}

#[test]
fn bytes_from_memory_keep_the_low_bits_and_return_sign_extended() {
    let mut machine = Machine::new(cell(Precision::Int6), 4);
    machine.memory_mut()[..4].copy_from_slice(&[0x3f, 0x20, 0x1f, 0xe1]);
    let program = [
        Instruction::Load { header: signals(Unit::Store), memory_beat: 0, destination: 8, beats: 1 },
        Instruction::Store { header: waits(Unit::Load), memory_beat: 2, source: 8, beats: 1 },
    ];
    run(&mut machine, &program).unwrap();
    assert_eq!(machine.memory()[8..12], [0xff, 0xe0, 0x1f, 0xe1]);
}

#[test]
fn a_wait_that_cannot_end_is_a_deadlock() {
    let missing = UnitSet::of(Unit::Load);
    assert_eq!(fault(&[convolve(waits(Unit::Load))]), Fault::Deadlock { unit: Unit::Array, missing });
}

#[test]
fn the_sixteenth_outstanding_token_is_an_error() {
    let load =
        |beat| Instruction::Load { header: signals(Unit::Store), memory_beat: beat, destination: 4 * beat, beats: 1 };
    let program: Vec<Instruction> = (0..16).map(load).collect();
    assert_eq!(fault(&program), Fault::TokenOverflow { from: Unit::Load, to: Unit::Store, max: 15 });
}

#[test]
fn accesses_that_no_token_orders_are_a_race() {
    let load = Instruction::Load { header: NONE, memory_beat: 0, destination: 8, beats: 1 };
    let store = Instruction::Store { header: NONE, memory_beat: 2, source: 8, beats: 1 };
    let race = Fault::Race { unit: Unit::Store, other: Unit::Load, memory: Memory::Activations, address: 8 };
    assert_eq!(fault(&[load, store]), race);
    let sync = Instruction::Sync { halt: false };
    assert_eq!(run(&mut Machine::new(cell(Precision::Int8), 4), &[load, sync, store]), Ok(()));
}

#[test]
fn tokens_order_accesses_through_a_third_unit() {
    let program = [
        Instruction::Load { header: signals(Unit::Array), memory_beat: 0, destination: 8, beats: 1 },
        Instruction::Config {
            header: Header { wait: UnitSet::of(Unit::Load), ..signals(Unit::Store) },
            unit: Unit::Array,
            index: 0,
            values: [0; 3],
        },
        Instruction::Store { header: waits(Unit::Array), memory_beat: 2, source: 8, beats: 1 },
    ];
    assert_eq!(run(&mut Machine::new(cell(Precision::Int8), 4), &program), Ok(()));
}

#[test]
fn addresses_beyond_a_memory_are_named() {
    let load = Instruction::Load { header: NONE, memory_beat: 64, destination: 0, beats: 1 };
    assert_eq!(fault(&[load]), Fault::Address { memory: Memory::External, address: 64, available: 64 });
    let load = Instruction::Load { header: NONE, memory_beat: 0, destination: 2, beats: 1 };
    assert_eq!(fault(&[load]), Fault::Unaligned { lane: 2, lanes: 4 });
    let load = Instruction::Load { header: NONE, memory_beat: 0, destination: (32 << 10) - 4, beats: 2 };
    let address = (32 << 10) + 3;
    assert_eq!(fault(&[load]), Fault::Address { memory: Memory::Activations, address, available: 32 << 10 });
}

#[test]
fn empty_memory_and_running_off_the_end_are_errors() {
    let mut machine = Machine::new(cell(Precision::Int8), 1);
    machine.set_instructions(&[[0; 4]]).unwrap();
    assert_eq!(machine.run(0).unwrap_err().fault, Fault::Decode(DecodeError::Opcode(0)));
    let end = Fault::Address { memory: Memory::Instructions, address: 1, available: 1 };
    assert_eq!(machine.run(1).unwrap_err().fault, end);
}

#[test]
fn an_accumulator_that_leaves_32_bits_is_an_error() {
    let mut machine = Machine::new(cell(Precision::Int8), 16);
    machine.memory_mut()[..8].copy_from_slice(&[127, 0, 0, 0, 127, 0, 0, 0]);
    machine.memory_mut()[20..24].copy_from_slice(&i32::MAX.to_le_bytes());
    let weights = |target, memory_beat, destination, beats| Instruction::LoadWeights {
        header: NONE,
        target,
        memory_beat,
        destination,
        beats,
    };
    let mut program = vec![
        Instruction::Load { header: NONE, memory_beat: 0, destination: 0, beats: 1 },
        weights(WeightTarget::Weights, 1, 2, 1),
        weights(WeightTarget::Biases, 5, 1, 4),
        Instruction::Sync { halt: false },
    ];
    program.extend(array_config());
    program.push(convolve(signals(Unit::Post)));
    program.extend(post_config(1, 0, 0));
    program.push(Instruction::Drain { header: waits(Unit::Array), operands: operands(false) });
    let error = run(&mut machine, &program).unwrap_err();
    let value = i64::from(i32::MAX) + 127 * 127;
    assert_eq!((error.mnemonic, error.fault), ("DRAIN", Fault::Overflow { column: 0, value }));
}
