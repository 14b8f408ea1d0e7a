//! The load unit against what LOAD and LOADW say, with a memory that hesitates.

use std::collections::VecDeque;

use myelin_isa::{Architecture, Header, Instruction, UnitSet, WeightTarget};
use myelin_rtl::tensor::load_unit::{GIVE_LATENCY, load_unit};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, cells, chance, random};

/// Where one beat went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    Scratchpad { address: i64 },
    Weights { word: i64, bank: i64 },
    Biases { word: i64, quarter: i64 },
}

/// How willing the surroundings are, in percent.
#[derive(Clone, Copy)]
struct Rates {
    request_ready: u32,
    response: u32,
    blocked: u32,
}

const WILLING: Rates = Rates { request_ready: 100, response: 100, blocked: 0 };

/// Cycles from a request to its beat, at least.
const LATENCY: usize = 3;

/// What happened while one instruction ran, in cycles since it was taken.
#[derive(Default)]
struct Trace {
    requests: Vec<i64>,
    written: Vec<Written>,
    first_request: Option<usize>,
    last_beat: usize,
    give: usize,
}

fn offer(bench: &mut Bench, instruction: Option<Instruction>) {
    bench.set("instruction_valid_i", i64::from(instruction.is_some()));
    if let Some(instruction) = instruction {
        bench.set_all("instruction", &instruction.encode());
    }
}

fn written_now(bench: &mut Bench) -> Option<Written> {
    let to: Vec<Written> = [
        ("write_valid_o", Written::Scratchpad { address: bench.get("write_address_o") }),
        ("weight_valid_o", Written::Weights { word: bench.get("weight_address_o"), bank: bench.get("weight_bank_o") }),
        ("bias_valid_o", Written::Biases { word: bench.get("bias_address_o"), quarter: bench.get("bias_quarter_o") }),
    ]
    .into_iter()
    .filter_map(|(valid, written)| (bench.get(valid) != 0).then_some(written))
    .collect();
    assert!(to.len() <= 1, "one target at a time: {to:?}");
    to.first().copied()
}

/// Runs one instruction to its tokens; the unit is ready before and after.
fn run(bench: &mut Bench, random: &mut ChaCha8Rng, instruction: Instruction, rates: Rates) -> Trace {
    offer(bench, Some(instruction));
    assert_ne!(bench.get("instruction_ready_o"), 0);
    bench.set("response_valid_i", 0);
    bench.step();
    offer(bench, None);
    let mut trace = Trace::default();
    let mut asked: VecDeque<usize> = VecDeque::new();
    let mut stalled: Option<i64> = None;
    let mut response = false;
    for cycle in 1.. {
        assert!(cycle < 20_000, "{instruction:?} hangs");
        let request_ready = chance(random, rates.request_ready);
        bench.set("request_ready_i", i64::from(request_ready));
        // A beat offered stays until taken.
        response |= asked.front().is_some_and(|&due| due <= cycle) && chance(random, rates.response);
        bench.set("response_valid_i", i64::from(response));
        let blocked = chance(random, rates.blocked);
        bench.set("write_blocked_i", i64::from(blocked));
        let request = (bench.get("request_valid_o") != 0).then(|| bench.get("request_beat_o"));
        if stalled.is_some() {
            assert_eq!(request, stalled, "a request offered stays until taken");
        }
        stalled = request.filter(|_| !request_ready);
        if let Some(beat) = request.filter(|_| request_ready) {
            trace.requests.push(beat);
            trace.first_request.get_or_insert(cycle);
            asked.push_back(cycle + LATENCY);
        }
        let arrived = response && bench.get("response_ready_o") != 0;
        // Only what goes to the scratchpad waits for its write port.
        let waits = blocked && matches!(instruction, Instruction::Load { .. });
        assert_eq!(arrived, response && !waits, "a beat is taken at once");
        let written = written_now(bench);
        assert_eq!(written.is_some(), arrived, "each beat goes somewhere when it arrives");
        if let Some(written) = written {
            trace.written.push(written);
            asked.pop_front();
            response = false;
            trace.last_beat = cycle;
        }
        let give = bench.get("give_o");
        let ready = bench.get("instruction_ready_o") != 0;
        assert_ne!(bench.get("busy_o"), 0, "busy until the tokens are given");
        if ready {
            assert_eq!(give, i64::from(instruction.header().signal.0), "tokens in the first ready cycle");
            trace.give = cycle;
            return trace;
        }
        assert_eq!(give, 0, "no tokens before");
        bench.step();
    }
    trace
}

fn expected(cell: &Architecture, instruction: Instruction) -> (Vec<i64>, Vec<Written>) {
    let wrap = |value: i64, size: u32| value % i64::from(size);
    let (memory_beat, beats) = match instruction {
        Instruction::Load { memory_beat, beats, .. } | Instruction::LoadWeights { memory_beat, beats, .. } => {
            (i64::from(memory_beat), i64::from(beats))
        }
        other => unreachable!("{other:?} is not for the load unit"),
    };
    let written = (0..beats).map(|beat| match instruction {
        Instruction::LoadWeights { target: WeightTarget::Weights, destination, .. } => {
            let ports = i64::from(cell.weight_ports());
            let word = wrap(i64::from(destination) + beat / ports, cell.weight_words());
            Written::Weights { word, bank: beat % ports }
        }
        Instruction::LoadWeights { target: WeightTarget::Biases, destination, .. } => {
            Written::Biases { word: wrap(i64::from(destination) + beat / 4, cell.bias_words()), quarter: beat % 4 }
        }
        Instruction::Load { destination, .. } => {
            let address = i64::from(destination) + beat * i64::from(cell.lanes());
            Written::Scratchpad { address: wrap(address, cell.activation_lanes()) }
        }
        other => unreachable!("{other:?} is not for the load unit"),
    });
    ((0..beats).map(|beat| (memory_beat + beat) % (1 << 32)).collect(), written.collect())
}

fn some_load(cell: &Architecture, random: &mut ChaCha8Rng) -> Instruction {
    let header = Header { signal: UnitSet(random.random_range(0..16)), ..Header::default() };
    // Also across the end of the beat addresses.
    let memory_beat = random.random_range(0..1000u32).wrapping_sub(10);
    let beats = random.random_range(1..40);
    match random.random_range(0..3) {
        0 => {
            let destination = random.random_range(0..cell.activation_lanes() / cell.lanes()) * cell.lanes();
            Instruction::Load { header, memory_beat, destination, beats }
        }
        1 => {
            let (target, destination) = (WeightTarget::Weights, random.random_range(0..cell.weight_words()));
            Instruction::LoadWeights { header, target, memory_beat, destination, beats }
        }
        _ => {
            let (target, destination) = (WeightTarget::Biases, random.random_range(0..cell.bias_words()));
            Instruction::LoadWeights { header, target, memory_beat, destination, beats: beats.div_ceil(4) * 4 }
        }
    }
}

#[test]
fn beats_go_where_the_instruction_says_under_random_backpressure() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let mut bench = Bench::new(&load_unit(&cell));
        let mild = Rates { request_ready: 50, response: 60, blocked: 30 };
        let harsh = Rates { request_ready: 10, response: 90, blocked: 80 };
        for rates in [WILLING, mild, harsh, WILLING, mild] {
            for _ in 0..6 {
                let instruction = some_load(&cell, &mut random);
                let trace = run(&mut bench, &mut random, instruction, rates);
                let (requests, written) = expected(&cell, instruction);
                assert_eq!(trace.requests, requests, "{cell} seed {seed} {instruction:?}");
                assert_eq!(trace.written, written, "{cell} seed {seed} {instruction:?}");
                assert_eq!(trace.give, trace.last_beat + GIVE_LATENCY, "{cell} seed {seed} {instruction:?}");
            }
        }
    }
}

#[test]
fn a_willing_memory_gets_a_request_and_gives_a_beat_each_cycle() {
    let cell = cells()[0];
    let mut bench = Bench::new(&load_unit(&cell));
    let header = Header::default();
    let instruction = Instruction::Load { header, memory_beat: 7, destination: 0, beats: 5 };
    let trace = run(&mut bench, &mut random(1), instruction, WILLING);
    assert_eq!((trace.first_request, trace.last_beat), (Some(1), 5 + LATENCY));
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
        offer(
            &mut bench,
            Some(Instruction::Load { header: Header::default(), memory_beat: 0, destination: 0, beats: 3 }),
        );
        bench.set("request_ready_i", 1);
        bench.step();
        offer(&mut bench, None);
        (0..cycles).for_each(|_| bench.step());
        bench.reset();
        assert_ne!(bench.get("instruction_ready_o"), 0, "after {cycles}");
        for port in ["request_valid_o", "busy_o", "give_o", "write_valid_o", "weight_valid_o", "bias_valid_o"] {
            assert_eq!(bench.get(port), 0, "{port} after {cycles}");
        }
    }
}
