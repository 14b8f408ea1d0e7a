//! The sequencer: fetch, SYNC, traps, restart.

use myelin_isa::{Architecture, Header, Instruction, PostOperands, Unit, UnitSet, WeightTarget, register};
use myelin_rtl::tensor::instruction_queue;
use myelin_rtl::tensor::sequencer::{INSTRUCTION_CYCLES, START_LATENCY, sequencer};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, cells, chance, random};

fn new(cell: &Architecture) -> Bench {
    let mut bench = Bench::new(&sequencer(cell));
    bench.set_all("push_ready", &[1; 4]);
    bench.set("all_idle_i", 1);
    bench
}

fn write(bench: &mut Bench, entry: usize, program: &[[u32; 4]]) {
    for (index, words) in program.iter().enumerate() {
        for (word, &data) in words.iter().enumerate() {
            bench.set("write_valid_i", 1);
            bench.set("write_address_i", (entry + index) as i64);
            bench.set("write_word_i", word as i64);
            bench.set("write_data_i", data);
            bench.step();
        }
    }
    bench.set("write_valid_i", 0);
}

fn start(bench: &mut Bench, entry: usize) {
    bench.set("start_i", 1);
    bench.set("entry_i", entry as i64);
    bench.step();
    bench.set("start_i", 0);
}

/// The unit that is offered an instruction in this cycle, with its words.
fn offered(bench: &mut Bench) -> Option<(usize, [u32; 4])> {
    let units: Vec<usize> = (0..4).filter(|unit| bench.get(&format!("push_valid_{unit}_o")) != 0).collect();
    assert!(units.len() <= 1, "one unit at a time, not {units:?}");
    let words = bench.get_all("instruction", 4);
    units.first().map(|&unit| (unit, std::array::from_fn(|word| words[word] as u32)))
}

fn some_instruction(random: &mut ChaCha8Rng) -> Instruction {
    let header = Header {
        wait: UnitSet(random.random_range(0..16)),
        signal: UnitSet(random.random_range(0..16)),
        stamp: random.random(),
        meet: random.random(),
        arrive: random.random(),
    };
    let operands = PostOperands {
        half: random.random_range(0..2),
        raw: random.random(),
        look_up: random.random(),
        lane_count: random.random_range(1..=4),
        source: random.random(),
        destination: random.random(),
        bias_word: random.random_range(0..4),
    };
    let values = [(); 3].map(|()| random.random());
    let (memory_beat, beats) = (random.random(), random.random_range(1..u32::MAX));
    // The one address that begins a word in every scratchpad.
    let destination = 0;
    let word = random.random_range(0..4);
    match random.random_range(0..9) {
        0 | 1 => Instruction::Config { header, unit: Unit::ALL[random.random_range(1..3)], index: 3, values },
        2 => Instruction::Load { header, memory_beat, destination, beats },
        3 => Instruction::LoadWeights { header, target: WeightTarget::Biases, memory_beat, destination: word, beats },
        4 => Instruction::Convolve {
            header,
            half: 1,
            accumulate: false,
            row_address: 9,
            x_start: -1,
            y_start: -2,
            weight_base: 15,
        },
        5 => Instruction::Drain { header, operands },
        6 => Instruction::Elementwise { header, operands },
        7 => Instruction::Pool { header, operands },
        _ => Instruction::Store { header, memory_beat, source: destination, beats },
    }
}

const HALT: Instruction = Instruction::Sync { halt: true };

#[test]
fn each_unit_gets_its_instructions_in_program_order_whenever_its_queue_has_room() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let mut bench = new(&cell);
        for run in 0..6 {
            let length = random.random_range(1..20);
            let mut program: Vec<Instruction> = (0..length).map(|_| some_instruction(&mut random)).collect();
            program.push(HALT);
            // Anywhere, also across the end of the memory.
            let depth = cell.instruction_depth() as usize;
            let entry = random.random_range(0..depth);
            for (index, instruction) in program.iter().enumerate() {
                write(&mut bench, (entry + index) % depth, &[instruction.encode()]);
            }
            start(&mut bench, entry);
            let mut handed = Vec::new();
            let mut issued = 0;
            for cycle in 0.. {
                assert!(cycle < 2000, "{cell} seed {seed} run {run} hangs");
                let ready = [(); 4].map(|()| chance(&mut random, 40));
                bench.set_all("push_ready", &ready.map(i64::from));
                // Stable while it waits, and taken once.
                if let Some((unit, words)) = offered(&mut bench).filter(|&(unit, _)| ready[unit]) {
                    handed.push((unit, words));
                }
                issued += usize::from(bench.get("issued_o") != 0);
                if bench.get("running_o") == 0 {
                    break;
                }
                bench.step();
            }
            let expected: Vec<(usize, [u32; 4])> = (program.iter())
                .filter_map(|instruction| Some((instruction.unit()? as usize, instruction.encode())))
                .collect();
            assert_eq!(handed, expected, "{cell} seed {seed} run {run}");
            assert_eq!(issued, program.len(), "the halting SYNC counts");
            assert_ne!(bench.get("halted_o"), 0);
            assert_eq!(bench.get("trapped_o"), 0);
            assert_eq!(bench.get("pc_o") as usize, (entry + program.len() - 1) % depth, "stays at the SYNC");
        }
    }
}

#[test]
fn instructions_leave_at_the_stated_cycles() {
    let mut bench = new(&cells()[0]);
    let drain = some_instruction(&mut random(1)).encode();
    write(&mut bench, 3, &[drain, drain, drain, HALT.encode()]);
    bench.set("start_i", 1);
    bench.set("entry_i", 3);
    let mut cycles = Vec::new();
    for cycle in 0..20 {
        if offered(&mut bench).is_some() {
            cycles.push(cycle);
        }
        bench.step();
        bench.set("start_i", 0);
    }
    assert_eq!(cycles, [0, 1, 2].map(|index| START_LATENCY + index * INSTRUCTION_CYCLES));
}

#[test]
fn sync_waits_for_all_units_and_goes_on() {
    let mut bench = new(&cells()[1]);
    let work = some_instruction(&mut random(2)).encode();
    write(&mut bench, 0, &[Instruction::Sync { halt: false }.encode(), work, HALT.encode()]);
    bench.set("all_idle_i", 0);
    start(&mut bench, 0);
    for _ in 0..10 {
        assert_eq!(offered(&mut bench), None);
        assert_eq!(bench.get("pc_o"), 0);
        bench.step();
    }
    bench.set("all_idle_i", 1);
    bench.step();
    bench.set("all_idle_i", 0);
    bench.step();
    assert_eq!(offered(&mut bench).map(|(_, words)| words), Some(work));
    (0..10).for_each(|_| bench.step());
    assert_ne!(bench.get("running_o"), 0, "waits at the halt");
    bench.set("all_idle_i", 1);
    bench.step();
    assert_eq!(bench.get("running_o"), 0);
    assert_ne!(bench.get("halted_o"), 0);
}

#[test]
fn a_fence_waits_for_a_load_of_instructions_that_no_fence_has_waited_for() {
    let mut bench = new(&cells()[0]);
    let work = some_instruction(&mut random(3)).encode();
    let fence = Instruction::Fence.encode();
    write(&mut bench, 0, &[fence, work, fence, work, HALT.encode()]);
    let load = |bench: &mut Bench| {
        bench.set("loaded_i", 1);
        bench.step();
        bench.set("loaded_i", 0);
    };
    start(&mut bench, 0);
    for _ in 0..10 {
        assert_eq!((offered(&mut bench), bench.get("pc_o")), (None, 0));
        bench.step();
    }
    load(&mut bench);
    // Done in this cycle; then the next fetch.
    assert_ne!(bench.get("issued_o"), 0);
    (0..INSTRUCTION_CYCLES).for_each(|_| bench.step());
    assert_eq!(offered(&mut bench).map(|(_, words)| words), Some(work));
    (0..10).for_each(|_| bench.step());
    assert_eq!(bench.get("pc_o"), 2, "one token, one fence");
    // Tokens wait for their fences.
    load(&mut bench);
    load(&mut bench);
    (0..10).for_each(|_| bench.step());
    assert_ne!(bench.get("halted_o"), 0);
    start(&mut bench, 2);
    (0..10).for_each(|_| bench.step());
    assert_eq!((bench.get("halted_o"), bench.get("pc_o")), (0, 2), "the third token is forgotten");
}

#[test]
fn instructions_loaded_while_it_runs_are_what_it_fetches_next() {
    for cell in cells() {
        let mut random = random(4);
        let mut bench = new(&cell);
        let depth = cell.instruction_depth() as usize;
        let words_per_beat = (cell.lanes() as usize / 4).min(4);
        // A program of three times the memory, each half of which is loaded by the other.
        let length = 3 * depth;
        let program: Vec<Instruction> = (0..length).map(|_| some_instruction(&mut random)).collect();
        let fenced = |index: usize| (index + 1).is_multiple_of(depth / 2);
        let words = |index: usize| match index {
            _ if index == length - 1 => HALT.encode(),
            _ if fenced(index) => Instruction::Fence.encode(),
            _ => program[index].encode(),
        };
        write(&mut bench, 0, &(0..depth / 2).map(words).collect::<Vec<_>>());
        start(&mut bench, 0);
        let mut handed = Vec::new();
        let (mut loading, mut part) = (depth / 2, 0);
        for cycle in 0.. {
            assert!(cycle < 20 * length, "{cell} hangs");
            bench.set("load_valid_i", 0);
            bench.set("loaded_i", 0);
            // The half after the one that runs, part by part.
            let begun = (handed.len() + handed.len() / (depth / 2)) / (depth / 2);
            if loading < length && loading / (depth / 2) == begun + 1 && chance(&mut random, 90) {
                bench.set("load_valid_i", 1);
                bench.set("load_address_i", (loading % depth) as i64);
                bench.set("load_part_i", part as i64);
                let words = words(loading);
                bench.set_all("load", &words[part * words_per_beat..][..words_per_beat]);
                part += 1;
                if part * words_per_beat == 4 {
                    (loading, part) = (loading + 1, 0);
                    bench.set("loaded_i", i64::from(loading.is_multiple_of(depth / 2)));
                }
            }
            if let Some((_, words)) = offered(&mut bench) {
                handed.push(words);
            }
            if bench.get("running_o") == 0 {
                break;
            }
            bench.step();
        }
        let expected: Vec<[u32; 4]> = (0..length - 1).filter(|&index| !fenced(index)).map(words).collect();
        assert_eq!(handed, expected, "{cell}");
        assert_ne!(bench.get("halted_o"), 0);
    }
}

#[test]
fn what_is_not_an_instruction_traps_and_the_next_start_clears_it() {
    for word in [0, 11, 12, 13, 14, 15] {
        let mut bench = new(&cells()[2]);
        write(&mut bench, 0, &[[word, 1, 2, 3], HALT.encode()]);
        start(&mut bench, 0);
        for _ in 0..5 {
            assert_eq!(offered(&mut bench), None, "{word:#x}");
            bench.step();
        }
        assert_eq!(bench.get("running_o"), 0, "{word:#x}");
        assert_eq!(bench.get("halted_o"), 0);
        assert_ne!(bench.get("trapped_o"), 0);
        assert_eq!(bench.get("cause_o"), i64::from(register::TRAP_OPCODE));
        assert_eq!(bench.get("pc_o"), 0, "names the instruction");
        start(&mut bench, 1);
        assert_eq!(bench.get("trapped_o"), 0);
        (0..5).for_each(|_| bench.step());
        assert_ne!(bench.get("halted_o"), 0);
    }
}

#[test]
fn a_fault_traps_while_running_and_is_ignored_otherwise() {
    let mut bench = new(&cells()[0]);
    bench.set("all_idle_i", 0);
    bench.set("fault_i", 1);
    bench.set("fault_cause_i", register::TRAP_OVERFLOW);
    bench.set("fault_index_i", 17);
    bench.step();
    assert_eq!(bench.get("trapped_o"), 0);
    bench.set("fault_i", 0);
    write(&mut bench, 0, &[HALT.encode()]);
    start(&mut bench, 0);
    (0..5).for_each(|_| bench.step());
    bench.set("fault_i", 1);
    // Even in the very cycle of the halt.
    bench.set("all_idle_i", 1);
    bench.step();
    assert_eq!(bench.get("cause_o"), i64::from(register::TRAP_OVERFLOW));
    assert_eq!((bench.get("running_o"), bench.get("halted_o")), (0, 0));
    assert_eq!(bench.get("pc_o"), 17, "whose fault it was");
}

#[test]
fn what_no_unit_could_do_traps_before_a_unit_gets_it() {
    let header = Header::NONE;
    let config = |unit, index, values| Instruction::Config { header, unit, index, values };
    let load = |destination, beats| Instruction::Load { header, memory_beat: 1, destination, beats };
    let loadw =
        |target, destination| Instruction::LoadWeights { header, target, memory_beat: 1, destination, beats: 1 };
    let convolve = |weight_base| Instruction::Convolve {
        header,
        half: 0,
        accumulate: false,
        row_address: 0,
        x_start: 0,
        y_start: 0,
        weight_base,
    };
    let operands =
        PostOperands { half: 0, raw: false, look_up: false, lane_count: 4, source: 0, destination: 0, bias_word: 0 };
    let drain = |lane_count, bias_word| Instruction::Drain {
        header,
        operands: PostOperands { lane_count, bias_word, ..operands },
    };
    let (operand, address) = (register::TRAP_OPERAND, register::TRAP_ADDRESS);
    let cell = cells()[0];
    for (instruction, cause) in [
        (load(0, 0), operand),
        (load(4, 1), 0),
        (load(6, 1), address),
        (load(cell.activation_lanes(), 1), address),
        (loadw(WeightTarget::Weights, 15), 0),
        (loadw(WeightTarget::Weights, 16), address),
        (loadw(WeightTarget::Biases, 4), address),
        (loadw(WeightTarget::Instructions, 31), 0),
        (loadw(WeightTarget::Instructions, 32), address),
        (loadw(WeightTarget::Table, 255), 0),
        (loadw(WeightTarget::Table, 256), address),
        (Instruction::Store { header, memory_beat: 1, source: 0, beats: 0 }, operand),
        (Instruction::Store { header, memory_beat: 1, source: 1, beats: 1 }, address),
        (convolve(15), 0),
        (convolve(16), address),
        (drain(4, 3), 0),
        (drain(0, 3), operand),
        (drain(5, 3), operand),
        (drain(4, 4), address),
        // A bias is of no consequence to a POOL.
        (Instruction::Pool { header, operands: PostOperands { bias_word: 9, ..operands } }, 0),
        (config(Unit::Array, 0, [1 | 1 << 16, 1 | 1 << 16 | 1 << 24, 0]), 0),
        (config(Unit::Array, 0, [1, 1 | 1 << 16 | 1 << 24, 0]), operand),
        (config(Unit::Array, 0, [1 | 1 << 16, 1 | 1 << 24, 0]), operand),
        (config(Unit::Array, 9, [1; 3]), operand),
        (config(Unit::Array, 1, [1; 3]), operand),
        (config(Unit::Post, 0, [1 | 1 << 8 | 1 << 16, 1 | 1 << 16, 0]), 0),
        (config(Unit::Post, 0, [1 | 1 << 16, 1 | 1 << 16, 0]), operand),
        (config(Unit::Post, 12, [0; 3]), 0),
        (config(Unit::Post, 12, [0, 0x7f_80_1f, 0]), 0),
        (config(Unit::Post, 12, [0, 0x05_06_00, 0]), operand),
        (config(Unit::Post, 15, [0; 3]), operand),
        (config(Unit::Load, 0, [0; 3]), 0),
        (config(Unit::Store, 3, [0; 3]), operand),
    ] {
        let mut bench = new(&cell);
        write(&mut bench, 0, &[HALT.encode(), instruction.encode(), HALT.encode()]);
        start(&mut bench, 1);
        let (mut handed, mut trapped) = (None, None);
        for cycle in 0..7 {
            handed = handed.or(offered(&mut bench).map(|_| cycle));
            trapped = trapped.or((bench.get("trapped_o") != 0).then_some(cycle));
            bench.step();
        }
        assert_eq!(bench.get("cause_o"), i64::from(cause), "{instruction:?}");
        // A trap that is there when the queue would offer the instruction keeps it from its unit.
        let queued = handed.unwrap() + instruction_queue::LATENCY;
        assert!(if cause == 0 { trapped.is_none() } else { trapped.unwrap() <= queued }, "{instruction:?}");
        assert_eq!(bench.get("pc_o"), if cause == 0 { 2 } else { 1 }, "{instruction:?}");
    }
}

#[test]
fn clamps_that_a_lane_of_six_bits_cannot_keep_to_trap() {
    let cell = cells()[2];
    for (low, high, cause) in [(-32i32, 31, 0), (-31, 32, register::TRAP_OPERAND), (-33, 31, register::TRAP_OPERAND)] {
        let requantise = (low as u32 & 0xff) << 8 | high << 16;
        let values = [0, requantise, 0];
        let config = Instruction::Config { header: Header::NONE, unit: Unit::Post, index: 12, values };
        let mut bench = new(&cell);
        write(&mut bench, 0, &[config.encode(), HALT.encode()]);
        start(&mut bench, 0);
        (0..4).for_each(|_| bench.step());
        assert_eq!(bench.get("cause_o"), i64::from(cause), "{low} to {high}");
    }
}

#[test]
fn a_start_while_running_is_ignored() {
    let mut bench = new(&cells()[0]);
    bench.set("all_idle_i", 0);
    write(&mut bench, 0, &[HALT.encode(), [0; 4]]);
    start(&mut bench, 0);
    (0..4).for_each(|_| bench.step());
    start(&mut bench, 1);
    (0..4).for_each(|_| bench.step());
    assert_eq!(bench.get("pc_o"), 0);
    assert_ne!(bench.get("running_o"), 0);
}

#[test]
fn a_reset_at_any_cycle_stops_it() {
    let work = some_instruction(&mut random(5)).encode();
    for cycles in 0..10 {
        let mut bench = new(&cells()[0]);
        write(&mut bench, 0, &[work, work, HALT.encode()]);
        start(&mut bench, 0);
        (0..cycles).for_each(|_| bench.step());
        bench.reset();
        for port in ["running_o", "halted_o", "trapped_o", "pc_o", "issued_o"] {
            assert_eq!(bench.get(port), 0, "{port} after {cycles} cycles");
        }
        assert_eq!(offered(&mut bench), None);
    }
}
