//! The load unit against what LOAD, LOADW and its CONFIG say, with a memory that hesitates.

use std::collections::VecDeque;

use myelin_isa::{Architecture, Header, Instruction, Unit, UnitSet, WeightTarget, transfer_descriptor};
use myelin_rtl::tensor::load_unit::{BACK_LATENCY, GIVE_LATENCY, IN_FLIGHT, load_unit};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, cells, chance, random};

/// Where one beat went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    Scratchpad { address: i64 },
    Weights { word: i64, part: i64 },
    Biases { word: i64, part: i64 },
    Program { instruction: i64, part: i64 },
    Table { entry: i64 },
}

/// How willing the surroundings are, in percent.
#[derive(Clone, Copy)]
struct Rates {
    offer: u32,
    request_ready: u32,
    response: u32,
    blocked: u32,
}

const WILLING: Rates = Rates { offer: 100, request_ready: 100, response: 100, blocked: 0 };

/// What happened while instructions ran: cycle and what.
#[derive(Default)]
struct Trace {
    taken: Vec<usize>,
    requests: Vec<(usize, i64)>,
    written: Vec<(usize, Written)>,
    /// In which cycle each beat was first offered.
    offered: Vec<usize>,
    /// By cycle: the write port was taken.
    blocked: Vec<bool>,
    gives: Vec<(usize, i64)>,
    loaded: Vec<usize>,
}

fn offer(bench: &mut Bench, instruction: Option<&Instruction>) {
    bench.set("instruction_valid_i", i64::from(instruction.is_some()));
    if let Some(instruction) = instruction {
        bench.set_all("instruction", &instruction.encode());
    }
}

fn written_now(bench: &mut Bench) -> Option<Written> {
    let part = bench.get("part_o");
    let to: Vec<Written> = [
        ("write_valid_o", Written::Scratchpad { address: bench.get("write_address_o") }),
        ("weight_valid_o", Written::Weights { word: bench.get("weight_address_o"), part }),
        ("bias_valid_o", Written::Biases { word: bench.get("bias_address_o"), part }),
        ("program_valid_o", Written::Program { instruction: bench.get("program_address_o"), part }),
        ("table_valid_o", Written::Table { entry: bench.get("table_entry_o") }),
    ]
    .into_iter()
    .filter_map(|(valid, written)| (bench.get(valid) != 0).then_some(written))
    .collect();
    assert!(to.len() <= 1, "one target at a time: {to:?}");
    to.first().copied()
}

/// Runs instructions until nothing is left to do; the memory answers after `latency` cycles at the earliest.
fn run(bench: &mut Bench, random: &mut ChaCha8Rng, program: &[Instruction], rates: Rates, latency: usize) -> Trace {
    let mut trace = Trace::default();
    let mut asked: VecDeque<usize> = VecDeque::new();
    let (mut stalled, mut response, mut offered) = (None, false, false);
    for cycle in 0.. {
        assert!(cycle < 20_000, "{program:?} hangs");
        let next = program.get(trace.taken.len());
        offered = next.is_some() && (offered || chance(random, rates.offer));
        offer(bench, next.filter(|_| offered));
        let request_ready = chance(random, rates.request_ready);
        bench.set("request_ready_i", i64::from(request_ready));
        // A beat offered stays until taken.
        if !response && asked.front().is_some_and(|&due| due <= cycle) && chance(random, rates.response) {
            response = true;
            trace.offered.push(cycle);
        }
        bench.set("response_valid_i", i64::from(response));
        let blocked = chance(random, rates.blocked);
        bench.set("write_blocked_i", i64::from(blocked));
        trace.blocked.push(blocked);

        let request = (bench.get("request_valid_o") != 0).then(|| bench.get("request_beat_o"));
        if stalled.is_some() {
            assert_eq!(request, stalled, "a request offered stays until taken");
        }
        stalled = request.filter(|_| !request_ready);
        if let Some(beat) = request.filter(|_| request_ready) {
            trace.requests.push((cycle, beat));
            asked.push_back(cycle + latency);
        }
        let arrived = response && bench.get("response_ready_o") != 0;
        let written = written_now(bench);
        assert_eq!(written.is_some(), arrived, "each beat goes somewhere when it arrives");
        if let Some(written) = written {
            assert!(!blocked || !matches!(written, Written::Scratchpad { .. }), "the write port is taken");
            trace.written.push((cycle, written));
            asked.pop_front();
            response = false;
        }
        if bench.get("give_o") != 0 {
            trace.gives.push((cycle, bench.get("give_o")));
        }
        if bench.get("loaded_o") != 0 {
            trace.loaded.push(cycle);
        }
        if offered && bench.get("instruction_ready_o") != 0 {
            trace.taken.push(cycle);
            offered = false;
        }
        let working = trace.gives.len() < trace.taken.len() - usize::from(trace.taken.last() == Some(&cycle));
        if working || trace.gives.last().is_some_and(|&(given, _)| given == cycle) {
            assert_ne!(bench.get("busy_o"), 0, "busy until the tokens are given");
        }
        bench.step();
        if trace.gives.len() == program.len() {
            offer(bench, None);
            bench.set("response_valid_i", 0);
            assert_eq!(bench.get("busy_o"), 0, "idle when all is done");
            return trace;
        }
    }
    trace
}

/// What a program should do: requests and writes of each instruction.
fn expected(cell: &Architecture, program: &[Instruction]) -> Vec<(Vec<i64>, Vec<Written>)> {
    let mut descriptor = [0u32; transfer_descriptor::COUNT as usize];
    let wrap = |value: u32, size: u32| i64::from(value % size);
    let mut all = Vec::new();
    for instruction in program {
        let (mut requests, mut written) = (Vec::new(), Vec::new());
        match *instruction {
            Instruction::Config { index, values, .. } => {
                if index == 0 {
                    descriptor = values;
                }
            }
            Instruction::Load { memory_beat, destination, beats, .. } => {
                for row in 0..=descriptor[usize::from(transfer_descriptor::ROWS)] & 0xffff {
                    let from = |register: u8| row.wrapping_mul(descriptor[usize::from(register)]);
                    for beat in 0..beats {
                        let request = memory_beat.wrapping_add(from(transfer_descriptor::MEMORY_STEP));
                        requests.push(i64::from(request.wrapping_add(beat)));
                        let address = destination.wrapping_add(from(transfer_descriptor::LANE_STEP));
                        let address = address.wrapping_add(beat * cell.lanes());
                        written.push(Written::Scratchpad { address: wrap(address, cell.activation_lanes()) });
                    }
                }
            }
            Instruction::LoadWeights { target, memory_beat, destination, beats, .. } => {
                for beat in 0..beats {
                    requests.push(i64::from(memory_beat.wrapping_add(beat)));
                    let at = |parts: u32| (destination + beat / parts, i64::from(beat % parts));
                    written.push(match target {
                        WeightTarget::Weights => {
                            let (word, part) = at(cell.weight_word_beats());
                            Written::Weights { word: wrap(word, cell.weight_words()), part }
                        }
                        WeightTarget::Biases => {
                            let (word, part) = at(cell.bias_word_beats());
                            Written::Biases { word: wrap(word, cell.bias_words()), part }
                        }
                        WeightTarget::Instructions => {
                            let (instruction, part) = at(cell.instruction_beats());
                            Written::Program { instruction: wrap(instruction, cell.instruction_depth()), part }
                        }
                        WeightTarget::Table => Written::Table { entry: wrap(at(1).0, cell.table_entries()) },
                    });
                }
            }
            other => unreachable!("{other:?} is not for the load unit"),
        }
        all.push((requests, written));
    }
    all
}

/// Each instruction gives a token to someone, so that its end shows.
fn some_header(random: &mut ChaCha8Rng) -> Header {
    Header { signal: UnitSet(random.random_range(1..16)), ..Header::NONE }
}

fn some_load(cell: &Architecture, random: &mut ChaCha8Rng) -> Instruction {
    let header = some_header(random);
    // Also across the end of the beat addresses.
    let memory_beat = random.random_range(0..1000u32).wrapping_sub(10);
    let beats = random.random_range(1..14);
    let words = |random: &mut ChaCha8Rng, words: u32| random.random_range(0..words);
    match random.random_range(0..7) {
        0 | 1 => {
            let destination = words(random, cell.activation_lanes() / cell.lanes()) * cell.lanes();
            Instruction::Load { header, memory_beat, destination, beats }
        }
        2 => {
            let (target, destination) = (WeightTarget::Weights, words(random, cell.weight_words()));
            Instruction::LoadWeights { header, target, memory_beat, destination, beats }
        }
        3 => {
            let (target, destination) = (WeightTarget::Biases, words(random, cell.bias_words()));
            Instruction::LoadWeights { header, target, memory_beat, destination, beats }
        }
        4 => {
            let (target, destination) = (WeightTarget::Instructions, words(random, cell.instruction_depth()));
            Instruction::LoadWeights { header, target, memory_beat, destination, beats }
        }
        5 => {
            let (target, destination) = (WeightTarget::Table, words(random, cell.table_entries()));
            Instruction::LoadWeights { header, target, memory_beat, destination, beats }
        }
        _ => {
            let rows = random.random_range(0..4);
            let memory_step = random.random_range(0..100u32).wrapping_sub(50);
            let lane_step = words(random, cell.activation_lanes() / cell.lanes()) * cell.lanes();
            Instruction::Config { header, unit: Unit::Load, index: 0, values: [rows, memory_step, lane_step] }
        }
    }
}

#[test]
fn beats_go_where_the_instructions_say_under_random_backpressure() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let mut bench = Bench::new(&load_unit(&cell));
        let mild = Rates { offer: 70, request_ready: 50, response: 60, blocked: 30 };
        let harsh = Rates { offer: 30, request_ready: 10, response: 90, blocked: 80 };
        let mut program = vec![];
        for (rates, latency) in [(WILLING, 3), (mild, 1), (harsh, 30), (WILLING, 40), (mild, 5)] {
            // The descriptor of one run is still there in the next: each begins with a CONFIG.
            let header = some_header(&mut random);
            program.clear();
            program.push(Instruction::Config { header, unit: Unit::Load, index: 0, values: [0; 3] });
            program.extend((0..14).map(|_| some_load(&cell, &mut random)));
            let trace = run(&mut bench, &mut random, &program, rates, latency);
            let case = format!("{cell} lanes {} seed {seed} latency {latency} {program:?}", cell.lanes());
            let (requests, written): (Vec<_>, Vec<_>) = expected(&cell, &program).into_iter().unzip();
            assert_eq!(trace.requests.iter().map(|r| r.1).collect::<Vec<_>>(), requests.concat(), "{case}");
            assert_eq!(trace.written.iter().map(|w| w.1).collect::<Vec<_>>(), written.concat(), "{case}");
            let signals: Vec<i64> = program.iter().map(|i| i64::from(i.header().signal.0)).collect();
            assert_eq!(trace.gives.iter().map(|g| g.1).collect::<Vec<_>>(), signals, "{case}");
            assert_timing(&program, &requests, &trace, rates.offer == 100, &case);
        }
    }
}

/// The cycles that the unit's documentation states, from the cycles in which the memory took and gave.
fn assert_timing(program: &[Instruction], requests: &[Vec<i64>], trace: &Trace, offered: bool, case: &str) {
    let (mut done, mut loaded) = (0, Vec::new());
    let mut completed: Vec<usize> = Vec::new();
    let mut free = 0;
    for (index, requests) in requests.iter().enumerate() {
        let taken = trace.taken[index];
        let room = index.checked_sub(IN_FLIGHT).map_or(0, |earlier| completed[earlier] + 1);
        assert!(taken >= free.max(room), "{case}: {index} taken in {taken}");
        if offered {
            assert_eq!(taken, free.max(room), "{case}: {index}");
        }
        let before = completed.last().map_or(0, |&before| before + 1);
        let complete = if requests.is_empty() {
            free = taken + 1;
            (taken + BACK_LATENCY).max(before)
        } else {
            let (first, last) = (done, done + requests.len() - 1);
            assert!(trace.requests[first].0 > taken, "{case}: {index}");
            let mut ready = before.max(taken + BACK_LATENCY);
            for (at, &(written, to)) in trace.written[first..=last].iter().enumerate() {
                let blocked = |cycle: usize| trace.blocked[cycle] && matches!(to, Written::Scratchpad { .. });
                let wanted = (ready.max(trace.offered[first + at])..).find(|&cycle| !blocked(cycle));
                assert_eq!(Some(written), wanted, "{case}: {index} beat {at}");
                ready = written + 1;
            }
            done = last + 1;
            free = trace.requests[last].0 + 1;
            trace.written[last].0
        };
        completed.push(complete);
        assert_eq!(trace.gives[index].0, complete + GIVE_LATENCY, "{case}: {index}");
        if matches!(program[index], Instruction::LoadWeights { target: WeightTarget::Instructions, .. }) {
            loaded.push(complete + GIVE_LATENCY);
        }
    }
    assert_eq!(trace.loaded, loaded, "{case}");
}

#[test]
fn a_willing_memory_gets_a_request_each_cycle_whatever_its_latency() {
    let cell = cells()[0];
    let header = Header { signal: UnitSet(1), ..Header::NONE };
    let load = |memory_beat| Instruction::Load { header, memory_beat, destination: 0, beats: 5 };
    let mut bench = Bench::new(&load_unit(&cell));
    let trace = run(&mut bench, &mut random(1), &[load(7), load(40), load(80)], WILLING, 20);
    let cycles: Vec<usize> = trace.requests.iter().map(|request| request.0).collect();
    // One cycle between instructions: taking the next.
    assert_eq!(cycles, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17]);
    let arrived: Vec<usize> = trace.written.iter().map(|written| written.0).collect();
    assert_eq!(arrived, cycles.iter().map(|cycle| cycle + 20).collect::<Vec<_>>());
}

#[test]
fn what_has_no_beats_completes_at_once() {
    let mut bench = Bench::new(&load_unit(&cells()[1]));
    let header = Header { signal: UnitSet(5), ..Header::NONE };
    let nothing = Instruction::Load { header, memory_beat: 3, destination: 0, beats: 0 };
    let trace = run(&mut bench, &mut random(1), &[nothing, nothing], WILLING, 3);
    assert_eq!(trace.gives, [(BACK_LATENCY + GIVE_LATENCY, 5), (BACK_LATENCY + GIVE_LATENCY + 1, 5)]);
    assert_eq!(trace.requests, []);
}

#[test]
fn a_beat_nobody_asked_for_is_caught() {
    let mut bench = Bench::new(&load_unit(&cells()[0]));
    bench.set("response_valid_i", 1);
    assert_eq!(bench.step_fails().name, "beats_come_only_when_asked_for");
}

#[test]
fn a_reset_at_any_cycle_leaves_it_ready() {
    let cell = cells()[1];
    for cycles in 0..12 {
        let mut bench = Bench::new(&load_unit(&cell));
        let load = Instruction::Load { header: Header::NONE, memory_beat: 0, destination: 0, beats: 3 };
        offer(&mut bench, Some(&load));
        bench.set("request_ready_i", 1);
        bench.step();
        offer(&mut bench, None);
        (0..cycles).for_each(|_| bench.step());
        bench.reset();
        assert_ne!(bench.get("instruction_ready_o"), 0, "after {cycles}");
        let outputs = ["request_valid_o", "busy_o", "give_o", "loaded_o"];
        let writes = ["write_valid_o", "weight_valid_o", "bias_valid_o", "program_valid_o", "table_valid_o"];
        for port in outputs.into_iter().chain(writes) {
            assert_eq!(bench.get(port), 0, "{port} after {cycles}");
        }
    }
}
