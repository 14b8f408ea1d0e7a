//! Several cells: barriers, shared memory and streamed programs, against the functional emulator, and
//! cells in simulators of their own against the card in one.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::emulate::Machine;
use myelin_compile::memory::MemoryModel;
use myelin_driver::Link;
use myelin_hdl::Design;
use myelin_isa::{Architecture, Header, Instruction, Precision, Unit, UnitSet, WeightTarget, register};
use myelin_rtl::tensor::card;
use myelin_sim::Simulator;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DEADLINE: Duration = Duration::from_secs(600);
const MEMORY_BEATS: u32 = 1 << 13;
/// Beats of each cell's part of a region.
const PART: u32 = 64;
/// Where the regions of the rounds begin; the first is random.
const REGIONS: [u32; 4] = [0, 1 << 10, 2 << 10, 3 << 10];
/// Where programs lie.
const PROGRAMS: u32 = 4 << 10;

fn architecture(cells: u32, sides: (u32, u32), lanes: u32) -> Architecture {
    let one = Architecture::new(sides.0, sides.1, Precision::Int8).unwrap();
    let card = one.with_lanes(lanes).unwrap().with_cells(cells).unwrap();
    card.with_activation_lanes(1 << 10).unwrap().with_instruction_depth(16).unwrap()
}

/// Three rounds, in each of which a cell copies, row by row, what another cell wrote in the round before.
fn rounds(architecture: &Architecture, cell: u32, rng: &mut ChaCha8Rng) -> Vec<Instruction> {
    let (cells, lanes) = (architecture.cells(), architecture.lanes());
    let none = Header::NONE;
    let mut program = Vec::new();
    // So that not all arrive at the same time.
    for _ in 0..rng.random_range(0..6) {
        let beats = rng.random_range(1..30);
        program.push(Instruction::Load { header: none, memory_beat: 0, destination: 16 * lanes, beats });
    }
    for round in 0..3u32 {
        let from = REGIONS[round as usize] + (cell + round) % cells * PART;
        let (rows, beats) = (rng.random_range(1..4), rng.random_range(1..4));
        let step = rng.random_range(beats..6);
        // Rows lie apart in memory and side by side in the scratchpad.
        let values = [rows - 1, step, beats * lanes];
        program.push(Instruction::Config { header: none, unit: Unit::Load, index: 0, values });
        let wait = if round == 0 { UnitSet::NONE } else { UnitSet::of(Unit::Store) };
        let header = Header { wait, signal: UnitSet::of(Unit::Store), meet: round > 0, ..none };
        program.push(Instruction::Load { header, memory_beat: from, destination: 0, beats });
        let values = [rows - 1, beats, beats * lanes];
        program.push(Instruction::Config { header: none, unit: Unit::Store, index: 0, values });
        let signal = if round == 2 { UnitSet::NONE } else { UnitSet::of(Unit::Load) };
        let header = Header { wait: UnitSet::of(Unit::Load), signal, arrive: round < 2, ..none };
        let to = REGIONS[round as usize + 1] + cell * PART;
        program.push(Instruction::Store { header, memory_beat: to, source: 0, beats });
    }
    program
}

/// Cuts a program into blocks of half the instruction memory, each of which loads the next and waits
/// for it; the last loads the first again, and halts.
fn streamed(architecture: &Architecture, program: &[Instruction], memory_beat: u32) -> Vec<Instruction> {
    let half = architecture.instruction_depth() as usize / 2;
    let beats = architecture.instruction_beats();
    let blocks: Vec<&[Instruction]> = program.chunks(half - 3).collect();
    let mut all = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let last = number + 1 == blocks.len();
        // The last one, too, comes to an even number of blocks, so that the first is loaded in its place.
        let next = if last { 0 } else { number + 1 };
        all.push(Instruction::LoadWeights {
            header: Header::NONE,
            target: WeightTarget::Instructions,
            memory_beat: memory_beat + (next * half) as u32 * beats,
            destination: ((number + 1) % 2 * half) as u32,
            beats: half as u32 * beats,
        });
        all.extend_from_slice(block);
        all.resize((number + 1) * half - 2, Instruction::Sync { halt: false });
        all.push(Instruction::Fence);
        all.push(Instruction::Sync { halt: last });
    }
    all
}

fn encoded(program: &[Instruction]) -> Vec<[u32; 4]> {
    program.iter().map(Instruction::encode).collect()
}

struct Case {
    memory: Vec<u8>,
    /// What the host writes into each cell.
    programs: Vec<Vec<[u32; 4]>>,
}

fn case(architecture: &Architecture, rng: &mut ChaCha8Rng) -> Case {
    let lanes = architecture.lanes() as usize;
    let mut memory = vec![0u8; MEMORY_BEATS as usize * lanes];
    memory[..PART as usize * architecture.cells() as usize * lanes].fill_with(|| rng.random());
    let mut programs = Vec::new();
    for cell in 0..architecture.cells() {
        let mut program = rounds(architecture, cell, rng);
        let half = architecture.instruction_depth() as usize / 2;
        // An even number of blocks: the last is in the second half, and reloads the first.
        while !program.len().div_ceil(half - 3).is_multiple_of(2) {
            program.push(Instruction::Sync { halt: false });
        }
        let at = PROGRAMS + cell * 256;
        let program = encoded(&streamed(architecture, &program, at));
        let pitch = architecture.instruction_beats() as usize * lanes;
        for (index, words) in program.iter().enumerate() {
            for (word, value) in words.iter().enumerate() {
                let start = at as usize * lanes + index * pitch + 4 * word;
                memory[start..start + 4].copy_from_slice(&value.to_le_bytes());
            }
        }
        programs.push(program[..half].to_vec());
    }
    Case { memory, programs }
}

/// Writes memory and programs.
fn write(device: &mut SimulatedCell, case: &Case) {
    device.write_at(0, &case.memory, DEADLINE).unwrap();
    for (cell, program) in (0..).zip(&case.programs) {
        for (index, word) in (0..).zip(program.as_flattened()) {
            device.write32(cell * register::END + register::INSTRUCTIONS + 4 * index, *word).unwrap();
        }
    }
}

/// Writes memory and programs and runs all cells; the memory it leaves.
fn run(device: &mut SimulatedCell, case: &Case) -> Vec<u8> {
    write(device, case);
    let cells = case.programs.len() as u32;
    let all = if cells == 1 { 0 } else { cells * register::END };
    // Twice: the second run finds the first block where it was.
    for _ in 0..2 {
        device.write32(all + register::START, 0).unwrap();
        device.wait_interrupt(DEADLINE).unwrap();
        for cell in 0..cells {
            let status = device.read32(cell * register::END + register::STATUS).unwrap();
            assert_eq!(status & 7, register::STATUS_HALTED, "cell {cell}: {status:#x}");
        }
    }
    let mut found = vec![0; case.memory.len()];
    device.read_at(0, &mut found, DEADLINE).unwrap();
    found
}

fn expected(architecture: &Architecture, case: &Case) -> Vec<u8> {
    let mut machine = Machine::new(*architecture, MEMORY_BEATS);
    machine.memory_mut().copy_from_slice(&case.memory);
    for (cell, program) in (0..).zip(&case.programs) {
        machine.set_cell_instructions(cell, program).unwrap();
    }
    machine.run(0).unwrap();
    machine.memory().to_vec()
}

#[test]
fn cells_exchange_through_memory_as_the_emulator_says_whatever_the_memorys_speed() {
    let shapes = [
        architecture(1, (4, 4), 4),
        architecture(2, (4, 4), 4),
        architecture(4, (4, 4), 16),
        architecture(8, (6, 5), 8),
    ];
    for (seed, architecture) in (0..).zip(shapes) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for (name, memory) in MemoryModel::PRESETS {
            let options = SimulationOptions { memory, ..SimulationOptions::default() };
            let mut device = SimulatedCell::new(architecture, options).unwrap();
            let case = case(&architecture, &mut rng);
            let expected = expected(&architecture, &case);
            let last = REGIONS[3] as usize * architecture.lanes() as usize;
            assert!(expected[last..].iter().any(|&byte| byte != 0), "{architecture} seed {seed}: something was copied");
            assert!(run(&mut device, &case) == expected, "{architecture} seed {seed} memory {name}");
        }
    }
}

#[test]
fn a_card_taken_apart_does_what_the_whole_card_does_in_every_cycle() {
    let architecture = architecture(2, (4, 4), 4);
    let options = SimulationOptions { memory: MemoryModel::DDR3, ..SimulationOptions::default() };
    let mut device = SimulatedCell::new(architecture, options).unwrap();
    let case = case(&architecture, &mut ChaCha8Rng::seed_from_u64(5));
    device.start_recording();
    let left = run(&mut device, &case);
    let recording = device.take_recording();

    let module = card::card(&architecture);
    let inputs = module.inputs.clone();
    let mut whole = Simulator::new(&Design::new(module).unwrap()).unwrap();
    let inputs: Vec<_> = inputs.iter().map(|port| (whole.input(&port.name).unwrap(), port.name.clone())).collect();
    let output = |whole: &Simulator, name: String| whole.output(&name).unwrap();
    whole.reset(2).unwrap();
    let mut memory = case.memory.clone();
    let mut interrupted = 0;
    for levels in &recording {
        let mut ready = [false; 2];
        for (level, (input, name)) in levels.iter().zip(&inputs) {
            whole.poke(*input, *level);
            for (cell, ready) in ready.iter_mut().enumerate() {
                *ready |= *name == format!("cell_{cell}_store_ready_i") && *level == 1;
            }
        }
        for (cell, ready) in ready.into_iter().enumerate() {
            let valid = output(&whole, format!("cell_{cell}_store_valid_o"));
            if ready && whole.peek(valid) == 1 {
                let beat = output(&whole, format!("cell_{cell}_store_beat_o"));
                let start = whole.peek(beat) as usize * architecture.lanes() as usize;
                for lane in 0..architecture.lanes() as usize {
                    let byte = output(&whole, format!("cell_{cell}_store_{lane}_o"));
                    memory[start + lane] = whole.peek(byte) as u8;
                }
            }
        }
        let interrupt = output(&whole, "interrupt_o".to_owned());
        interrupted += whole.peek(interrupt);
        whole.step().unwrap();
    }
    assert!(memory == left);
    assert!(interrupted > 0 && interrupted < recording.len() as u64);
}

#[test]
fn what_a_cell_is_asked_only_that_cell_answers() {
    let architecture = architecture(2, (4, 4), 4);
    let mut device = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
    // The second cell alone runs, and traps: no instruction has been written.
    device.write32(register::END + register::INSTRUCTIONS, 0).unwrap();
    device.write32(register::END + register::START, 0).unwrap();
    device.wait_interrupt(DEADLINE).unwrap();
    let status =
        |device: &mut SimulatedCell, cell: u32| device.read32(cell * register::END + register::STATUS).unwrap();
    assert_eq!(status(&mut device, 0) & 7, 0);
    assert_eq!(status(&mut device, 1) & 7, register::STATUS_TRAPPED);
    assert_eq!(status(&mut device, 2), 0, "the window of all cells is not read");
    for cell in 0..2 {
        assert_eq!(device.read32(cell * register::END + register::ID).unwrap(), register::ID_VALUE);
    }
    assert!(device.read32(3 * register::END).is_err());
}

#[test]
fn faults_of_several_cells_are_each_told_and_a_restart_brings_the_card_back() {
    const CYCLES_MAX: u32 = 20_000;
    let architecture = architecture(4, (4, 4), 4);
    let cells = architecture.cells();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut device = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
    let case = case(&architecture, &mut rng);
    let expected = expected(&architecture, &case);
    for faulty in 1..1u32 << cells {
        let is_faulty = |cell: u32| faulty >> cell & 1 == 1;
        device.restart().unwrap();
        write(&mut device, &case);
        // In place of the first block's fence, which comes behind whatever the cell has begun.
        let index = architecture.instruction_depth() / 2 - 2;
        for cell in (0..cells).filter(|&cell| is_faulty(cell)) {
            for word in 0..4 {
                let address = register::INSTRUCTIONS + 16 * index + 4 * word;
                device.write32(cell * register::END + address, u32::MAX).unwrap();
            }
        }
        let all = cells * register::END;
        device.write32(all + register::CYCLE_LIMIT, CYCLES_MAX).unwrap();
        device.write32(all + register::START, 0).unwrap();
        device.wait_interrupt(DEADLINE).unwrap();
        let status =
            |device: &mut SimulatedCell, cell: u32| device.read32(cell * register::END + register::STATUS).unwrap();
        // The first trap wakes the host; the others have theirs when they come to it.
        let has_ended = |status: u32| status & (register::STATUS_HALTED | register::STATUS_TRAPPED) != 0;
        let all_end = (0..CYCLES_MAX).any(|_| (0..cells).all(|cell| has_ended(status(&mut device, cell))));
        assert!(all_end, "cells {faulty:#06b}: one hangs");
        for cell in 0..cells {
            let status = status(&mut device, cell);
            if is_faulty(cell) {
                let expected = register::STATUS_TRAPPED | register::TRAP_OPCODE << 4 | index << 16;
                assert_eq!(status & !register::STATUS_BUSY, expected, "cells {faulty:#06b}, cell {cell}: {status:#x}");
            } else {
                // It waits at a barrier for those that will not come, until its time is over.
                let expected = register::STATUS_TRAPPED | register::TRAP_CYCLES << 4;
                assert_eq!(
                    status & 0xf7 & !register::STATUS_BUSY,
                    expected,
                    "cells {faulty:#06b}, cell {cell}: {status:#x}"
                );
            }
        }
        device.restart().unwrap();
        assert!(run(&mut device, &case) == expected, "cells {faulty:#06b}");
    }
}
