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
    PostOperands { half: 1, raw, look_up: false, lane_count: 4, source: 0, destination: 21, bias_word: 1 }
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
    assert_eq!(machine.cell(0).accumulators(1, 0), [2, 10, 19, 31 * 10]);
    // (102, -990, 70019, 307) / 8, half up, within +-127.
    assert_eq!(machine.cell(0).activations()[21..25], [13, -124, 127, 38]);
}

/// POOLs that copy four lanes, from `source` to 40, looked up.
fn copy_looked_up(precision: Precision, header: Header, source: u32) -> Vec<Instruction> {
    let operands =
        PostOperands { half: 0, raw: false, look_up: true, lane_count: 4, source, destination: 40, bias_word: 0 };
    let limit = precision.limit() as u32;
    let mut program = post_config(1, 0, (0x100 - limit) << 8 | limit << 16).to_vec();
    program.push(Instruction::Pool { header, operands });
    program
}

fn load_table(header: Header, destination: u32, beats: u32) -> Instruction {
    Instruction::LoadWeights { header, target: WeightTarget::Table, memory_beat: 1, destination, beats }
}

#[test]
fn lanes_are_looked_up_in_the_table_of_their_column() {
    for (precision, lanes) in [(Precision::Int8, [0, 5, -1i8, -127]), (Precision::Int6, [0, 31, -1, -31])] {
        let entries = cell(precision).table_entries();
        let mut machine = Machine::new(cell(precision), 1 + entries);
        machine.memory_mut()[..4].copy_from_slice(&lanes.map(|lane| lane as u8));
        for entry in 0..entries as usize {
            for column in 0..4 {
                machine.memory_mut()[4 + 4 * entry + column] = (entry * 3 + column * 7) as u8;
            }
        }
        let load = Instruction::Load { header: NONE, memory_beat: 0, destination: 0, beats: 1 };
        let mut program = vec![load, load_table(signals(Unit::Post), 0, entries)];
        program.extend(copy_looked_up(precision, waits(Unit::Load), 0));
        run(&mut machine, &program).unwrap();
        let unused = 8 - precision.bits();
        let expected: Vec<i8> = (lanes.iter().enumerate())
            .map(|(column, &lane)| (precision.entry(lane) as usize * 3 + column * 7) as u8)
            .map(|byte| (byte << unused) as i8 >> unused)
            .collect();
        assert_eq!(machine.cell(0).activations()[40..44], expected, "{precision}");
    }
}

#[test]
fn a_table_is_read_and_written_in_the_order_that_tokens_say() {
    let race = Fault::Race { unit: Unit::Post, other: Unit::Load, memory: Memory::Table, address: 9 };
    let program = [vec![load_table(NONE, 9, 1)], copy_looked_up(Precision::Int8, NONE, 0)].concat();
    assert_eq!(fault(&program), race);
    let beyond = Fault::Address { memory: Memory::Table, address: 256, available: 256 };
    assert_eq!(fault(&[load_table(NONE, 250, 7)]), beyond);
}

#[test]
fn clamps_that_no_lane_can_keep_to_are_refused() {
    let configured = |precision, low: i8, high: i8| {
        let requantise = u32::from(low as u8) << 8 | u32::from(high as u8) << 16;
        let program = [config(Unit::Post, 12, [0, requantise, 0])];
        run(&mut Machine::new(cell(precision), 4), &program).map_err(|error| error.fault)
    };
    for (precision, limit) in [(Precision::Int6, 31), (Precision::Int8, 127)] {
        assert_eq!(configured(precision, -limit - 1, limit), Ok(()));
        assert_eq!(configured(precision, 5, 5), Ok(()));
        assert_eq!(configured(precision, 6, 5), Err(Fault::Clamp { found: 6, min: -limit - 1, max: 5 }));
    }
    assert_eq!(configured(Precision::Int6, -31, 32), Err(Fault::Clamp { found: 32, min: -32, max: 31 }));
    assert_eq!(configured(Precision::Int6, -33, 31), Err(Fault::Clamp { found: -33, min: -32, max: 31 }));
}

#[test]
fn raw_values_come_in_planes_low_bits_first() {
    let machine = one_pixel(Precision::Int8, post_config(4, 4, 0), true);
    let plane = |p: usize, i: usize| machine.cell(0).activations()[21 + 4 * p + i] as u8;
    let values: Vec<i32> = (0..4).map(|i| i32::from_le_bytes([0, 1, 2, 3].map(|p| plane(p, i)))).collect();
    assert_eq!(values, [102, -990, 70019, 307]);
}

#[test]
fn raw_planes_of_six_bits_end_with_two_sign_extended_bits() {
    let machine = one_pixel(Precision::Int6, post_config(6, 4, 0), true);
    let plane = |p: usize, i: usize| i32::from(machine.cell(0).activations()[21 + 4 * p + i]);
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

/// A cell whose beats are twice its side: 4x4 with eight lanes.
fn wide() -> Architecture {
    cell(Precision::Int8).with_lanes(8).unwrap()
}

fn numbered(architecture: Architecture, beats: u32) -> Machine {
    let mut machine = Machine::new(architecture, beats);
    machine.memory_mut().iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
    machine
}

#[test]
fn rows_of_a_transfer_lie_as_the_descriptor_says() {
    let mut machine = numbered(cell(Precision::Int8), 32);
    let program = [
        // Three rows of two beats: every five beats in memory, every three words in the scratchpad.
        config(Unit::Load, 0, [2, 5, 12]),
        Instruction::Load { header: signals(Unit::Store), memory_beat: 1, destination: 8, beats: 2 },
        // Backwards: the last word first.
        config(Unit::Store, 0, [1, 0u32.wrapping_sub(2), 24]),
        Instruction::Store { header: waits(Unit::Load), memory_beat: 30, source: 8, beats: 1 },
    ];
    run(&mut machine, &program).unwrap();
    let row = |first: i8| -> Vec<i8> { (first..first + 8).collect() };
    assert_eq!(machine.cell(0).activations()[8..16], row(4));
    assert_eq!(machine.cell(0).activations()[16..20], [0; 4]);
    assert_eq!(machine.cell(0).activations()[20..28], row(24));
    assert_eq!(machine.cell(0).activations()[32..40], row(44));
    assert_eq!(machine.memory()[120..124], [4, 5, 6, 7]);
    assert_eq!(machine.memory()[112..116], [44, 45, 46, 47]);
}

#[test]
fn rows_beyond_a_memory_are_named() {
    let load = Instruction::Load { header: NONE, memory_beat: 0, destination: 0, beats: 1 };
    let address = Fault::Address { memory: Memory::External, address: 64, available: 64 };
    assert_eq!(fault(&[config(Unit::Load, 0, [1, 64, 4]), load]), address);
    assert_eq!(fault(&[config(Unit::Load, 0, [1, 1, 6]), load]), Fault::Unaligned { lane: 6, lanes: 4 });
}

#[test]
fn wide_beats_carry_several_banks_and_shorter_bias_words() {
    let load = |target, memory_beat, destination, beats| Instruction::LoadWeights {
        header: NONE,
        target,
        memory_beat,
        destination,
        beats,
    };
    // 8x8 cells have two weight ports: one beat of 16 lanes is a word, two are a bias word.
    let architecture = Architecture::new(8, 8, Precision::Int8).unwrap().with_lanes(16).unwrap();
    let mut machine = numbered(architecture, 8);
    run(&mut machine, &[load(WeightTarget::Weights, 1, 3, 2), load(WeightTarget::Biases, 4, 2, 2)]).unwrap();
    let bank = |word: usize, bank: usize| &machine.cell(0).weights[(word * 2 + bank) * 8..][..8];
    assert_eq!(bank(3, 0), [16, 17, 18, 19, 20, 21, 22, 23]);
    assert_eq!(bank(3, 1), [24, 25, 26, 27, 28, 29, 30, 31]);
    assert_eq!(bank(4, 1), [40, 41, 42, 43, 44, 45, 46, 47]);
    let bias = |column: u8| i32::from_le_bytes([0, 1, 2, 3].map(|byte| 64 + 4 * column + byte));
    assert_eq!(machine.cell(0).biases[16..24], [0, 1, 2, 3, 4, 5, 6, 7].map(bias));
    // With one port the second half of each beat is not used.
    let mut machine = numbered(wide(), 8);
    run(&mut machine, &[load(WeightTarget::Weights, 1, 3, 2)]).unwrap();
    assert_eq!(machine.cell(0).weights[12..20], [8, 9, 10, 11, 16, 17, 18, 19]);
    let half = run(&mut machine, &[load(WeightTarget::Biases, 0, 0, 1)]).unwrap_err().fault;
    assert_eq!(half, Fault::Field { field: "beats (whole bias words)", found: 1, min: 2, max: 2 });
}

#[test]
fn an_accumulating_convolution_adds_to_what_is_there() {
    let mut machine = Machine::new(cell(Precision::Int8), 16);
    machine.memory_mut()[..4].copy_from_slice(&[1, 2, 3, 4]);
    machine.memory_mut()[4..8].copy_from_slice(&[10, 0, 0xff, 1]);
    let weights = Instruction::LoadWeights {
        header: signals(Unit::Array),
        target: WeightTarget::Weights,
        memory_beat: 1,
        destination: 2,
        beats: 1,
    };
    let mut program = vec![Instruction::Load { header: NONE, memory_beat: 0, destination: 0, beats: 1 }, weights];
    program.extend(array_config());
    program.push(convolve(waits(Unit::Load)));
    let Instruction::Convolve { header, half, row_address, x_start, y_start, weight_base, .. } = convolve(NONE) else {
        unreachable!("it is a CONV");
    };
    let again = Instruction::Convolve { header, half, accumulate: true, row_address, x_start, y_start, weight_base };
    program.extend([again, again]);
    run(&mut machine, &program).unwrap();
    assert_eq!(machine.cell(0).accumulators(1, 0), [30, 0, -3, 3]);
}

fn halt() -> Instruction {
    Instruction::Sync { halt: true }
}

fn instructions_to_memory(machine: &mut Machine, program: &[Instruction]) {
    let at = machine.memory_mut().chunks_exact_mut(4);
    let words = program.iter().flat_map(Instruction::encode);
    at.zip(words).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()));
}

fn load_instructions(memory_beat: u32, destination: u32, count: u32) -> Instruction {
    let beats = 4 * count;
    Instruction::LoadWeights { header: NONE, target: WeightTarget::Instructions, memory_beat, destination, beats }
}

#[test]
fn a_program_loads_what_follows_and_wraps() {
    let architecture = cell(Precision::Int8).with_instruction_depth(16).unwrap();
    let mut machine = Machine::new(architecture, 64);
    let load = |beat: u32| Instruction::Load { header: NONE, memory_beat: beat, destination: 4 * beat, beats: 1 };
    // Instructions 14, 15, 0 and 1: the program runs over the end of its memory.
    instructions_to_memory(&mut machine, &[load(40), load(41), load(42), halt()]);
    machine.memory_mut()[160..172].fill(7);
    let mut program = vec![Instruction::Sync { halt: false }; 11];
    program.extend([load_instructions(0, 14, 4), Instruction::Fence, Instruction::Sync { halt: false }]);
    let words: Vec<[u32; 4]> = program.iter().map(Instruction::encode).collect();
    machine.set_instructions(&words).unwrap();
    machine.run(11).unwrap();
    assert_eq!(machine.cell(0).activations()[160..172], [7; 12]);
}

#[test]
fn instructions_are_not_run_before_they_are_fenced() {
    let mut machine = Machine::new(cell(Precision::Int8), 64);
    instructions_to_memory(&mut machine, &[halt()]);
    let program = |between: Instruction| [load_instructions(0, 2, 1), between].map(|i| i.encode());
    machine.set_instructions(&program(config(Unit::Array, 0, [0; 3]))).unwrap();
    let error = machine.run(0).unwrap_err();
    assert_eq!((error.instruction, error.fault), (2, Fault::Unfenced));
    machine.set_instructions(&program(Instruction::Fence)).unwrap();
    assert_eq!(machine.run(0).unwrap().cells[0].instructions, 3);
    // A SYNC does too, but leaves the token.
    machine.set_instructions(&program(Instruction::Sync { halt: false })).unwrap();
    assert_eq!(machine.run(0).unwrap_err().fault, Fault::OtherTokenLeft { of: "a LOADW of instructions" });
}

#[test]
fn a_fence_without_a_load_never_ends() {
    assert_eq!(fault(&[Instruction::Fence]), Fault::Fence);
}

#[test]
fn the_barrier_orders_what_is_loaded_behind_what_was_stored() {
    let mut machine = numbered(cell(Precision::Int8), 4);
    let store = |arrive| Instruction::Store { header: Header { arrive, ..NONE }, memory_beat: 1, source: 8, beats: 1 };
    let load = |meet| Instruction::Load { header: Header { meet, ..NONE }, memory_beat: 1, destination: 16, beats: 1 };
    let race = Fault::Race { unit: Unit::Store, other: Unit::Load, memory: Memory::External, address: 1 };
    assert_eq!(run(&mut machine, &[store(true), load(false)]).unwrap_err().fault, race);
    assert_eq!(run(&mut machine, &[store(true), load(true)]), Ok(()));
    assert_eq!(machine.cell(0).activations()[16..20], [0; 4]);
    let never = Fault::Barrier { missing: 0 };
    assert_eq!(run(&mut machine, &[store(false), load(true)]).unwrap_err().fault, never);
}
