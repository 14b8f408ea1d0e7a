//! The store unit against what STORE and its CONFIG say, with a memory and a scratchpad port that hesitate.

use std::collections::VecDeque;

use myelin_isa::{Architecture, Header, Instruction, Unit, UnitSet, transfer_descriptor};
use myelin_rtl::tensor::scratchpad;
use myelin_rtl::tensor::store_unit::{BACK_LATENCY, BEATS_HELD, GIVE_LATENCY, IN_FLIGHT, OFFER_LATENCY, store_unit};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, cells, chance, operand, random};

/// How willing the surroundings are, in percent, and cycles from a write to its acknowledgement.
#[derive(Clone, Copy)]
struct Rates {
    offer: u32,
    blocked: u32,
    ready: u32,
    acknowledge: u32,
    latency: usize,
}

const WILLING: Rates = Rates { offer: 100, blocked: 0, ready: 100, acknowledge: 100, latency: 8 };

/// What happened: cycle and what.
#[derive(Default)]
struct Trace {
    taken: Vec<usize>,
    reads: Vec<usize>,
    /// Beat address and its bytes, in the order written.
    beats: Vec<(usize, (i64, Vec<i64>))>,
    acknowledged: Vec<usize>,
    gives: Vec<(usize, i64)>,
    arrivals: Vec<usize>,
}

/// Runs instructions until nothing is left to do.
fn run(
    cell: &Architecture,
    bench: &mut Bench,
    random: &mut ChaCha8Rng,
    held: &[i64],
    program: &[Instruction],
    rates: Rates,
) -> Trace {
    let lanes = cell.lanes() as usize;
    let mut trace = Trace::default();
    let mut reads: VecDeque<(usize, usize)> = VecDeque::new();
    let mut due: VecDeque<usize> = VecDeque::new();
    let (mut stalled, mut offered) = (None, false);
    for cycle in 0.. {
        assert!(cycle < 20_000, "{program:?} hangs");
        let next = program.get(trace.taken.len());
        offered = next.is_some() && (offered || chance(random, rates.offer));
        bench.set("instruction_valid_i", i64::from(offered));
        if let Some(next) = next {
            bench.set_all("instruction", &next.encode());
        }
        let is_blocked = chance(random, rates.blocked);
        let is_ready = chance(random, rates.ready);
        bench.set("read_blocked_i", i64::from(is_blocked));
        bench.set("write_ready_i", i64::from(is_ready));
        let acknowledge = due.front().is_some_and(|&due| due <= cycle) && chance(random, rates.acknowledge);
        bench.set("acknowledge_i", i64::from(acknowledge));
        if acknowledge {
            due.pop_front();
            trace.acknowledged.push(cycle);
        }
        // Data is there in its own cycle only.
        let data: Vec<i64> = match reads.pop_front_if(|&mut (due, _)| due == cycle) {
            Some((_, address)) => (0..lanes).map(|lane| held[(address + lane) % held.len()]).collect(),
            None => (0..lanes).map(|_| operand(random, cell.precision().bits())).collect(),
        };
        bench.set_all("data", &data);
        if bench.get("read_o") != 0 {
            assert!(!is_blocked, "no read while the post unit reads");
            reads.push_back((cycle + scratchpad::READ_LATENCY, bench.get("address_o") as usize));
            trace.reads.push(cycle);
        }
        let write =
            (bench.get("write_valid_o") != 0).then(|| (bench.get("write_beat_o"), bench.get_all("write", lanes)));
        if stalled.is_some() {
            assert_eq!(write, stalled, "a beat offered stays until taken");
        }
        stalled = write.clone().filter(|_| !is_ready);
        if let Some(write) = write.filter(|_| is_ready) {
            trace.beats.push((cycle, write));
            due.push_back(cycle + rates.latency);
        }
        if bench.get("give_o") != 0 {
            trace.gives.push((cycle, bench.get("give_o")));
        }
        if bench.get("arrive_o") != 0 {
            trace.arrivals.push(cycle);
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
            bench.set("instruction_valid_i", 0);
            bench.set("acknowledge_i", 0);
            assert_eq!(bench.get("busy_o"), 0, "idle when all is done");
            return trace;
        }
    }
    trace
}

fn contents(cell: &Architecture, random: &mut ChaCha8Rng) -> Vec<i64> {
    (0..cell.activation_lanes()).map(|_| operand(random, cell.precision().bits())).collect()
}

/// The beats of each instruction.
fn expected(cell: &Architecture, held: &[i64], program: &[Instruction]) -> Vec<Vec<(i64, Vec<i64>)>> {
    let mut descriptor = [0u32; transfer_descriptor::COUNT as usize];
    let beats_of = |instruction: &Instruction| match *instruction {
        Instruction::Config { values, .. } => {
            descriptor = values;
            vec![]
        }
        Instruction::Store { memory_beat, source, beats, .. } => {
            let rows = 0..=descriptor[usize::from(transfer_descriptor::ROWS)] & 0xffff;
            let places = rows.flat_map(|row| (0..beats).map(move |beat| (row, beat)));
            let bytes = places.map(|(row, beat)| {
                let memory = row.wrapping_mul(descriptor[usize::from(transfer_descriptor::MEMORY_STEP)]);
                let lane = row.wrapping_mul(descriptor[usize::from(transfer_descriptor::LANE_STEP)]);
                let at = source.wrapping_add(lane).wrapping_add(beat * cell.lanes()) as usize;
                // A lane becomes a sign-extended byte.
                let lanes = 0..cell.lanes() as usize;
                let bytes = lanes.map(|lane| held[(at + lane) % held.len()].rem_euclid(256)).collect();
                (i64::from(memory_beat.wrapping_add(memory).wrapping_add(beat)), bytes)
            });
            bytes.collect()
        }
        other => unreachable!("{other:?} is not for the store unit"),
    };
    program.iter().map(beats_of).collect()
}

fn some_store(cell: &Architecture, random: &mut ChaCha8Rng) -> Instruction {
    // Each gives a token to someone, so that its end shows.
    let signal = UnitSet(random.random_range(1..16));
    let header = Header { signal, arrive: random.random(), ..Header::NONE };
    let mut lane_address = || random.random_range(0..cell.activation_lanes() / cell.lanes()) * cell.lanes();
    let (source, lane_step) = (lane_address(), lane_address());
    if chance(random, 30) {
        let values = [random.random_range(0..4), random.random_range(0..100u32).wrapping_sub(50), lane_step];
        return Instruction::Config { header, unit: Unit::Store, index: 0, values };
    }
    Instruction::Store { header, memory_beat: random.random(), source, beats: random.random_range(1..9) }
}

#[test]
fn beats_are_the_scratchpads_lanes_as_bytes_under_random_backpressure() {
    let rates = |offer, blocked, ready, acknowledge, latency| Rates { offer, blocked, ready, acknowledge, latency };
    let all = [WILLING, rates(70, 50, 50, 50, 1), rates(40, 80, 20, 90, 20), rates(100, 0, 10, 100, 60)];
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let mut bench = Bench::new(&store_unit(&cell));
        for rates in all {
            let held = contents(&cell, &mut random);
            let header = Header { signal: UnitSet(1), ..Header::NONE };
            let mut program = vec![Instruction::Config { header, unit: Unit::Store, index: 0, values: [0; 3] }];
            program.extend((0..12).map(|_| some_store(&cell, &mut random)));
            let trace = run(&cell, &mut bench, &mut random, &held, &program, rates);
            let case = format!("{cell} lanes {} seed {seed} {program:?}", cell.lanes());
            let expected = expected(&cell, &held, &program);
            let beats: Vec<_> = trace.beats.iter().map(|beat| beat.1.clone()).collect();
            assert_eq!(beats, expected.concat(), "{case}");
            let signals: Vec<i64> = program.iter().map(|i| i64::from(i.header().signal.0)).collect();
            assert_eq!(trace.gives.iter().map(|give| give.1).collect::<Vec<_>>(), signals, "{case}");
            let counts: Vec<usize> = expected.iter().map(Vec::len).collect();
            assert_timing(&program, &counts, &trace, rates.offer == 100, &case);
        }
    }
}

/// The cycles that the unit's documentation states, from the cycles in which port and memory were free.
fn assert_timing(program: &[Instruction], counts: &[usize], trace: &Trace, offered: bool, case: &str) {
    for (beat, &read) in trace.reads.iter().enumerate() {
        assert!(trace.beats[beat].0 >= read + OFFER_LATENCY, "{case}: beat {beat}");
        let room = beat.checked_sub(BEATS_HELD).map_or(0, |earlier| trace.beats[earlier].0 + 1);
        assert!(read >= room, "{case}: beat {beat}");
    }
    let (mut done, mut free) = (0, 0);
    let (mut completed, mut arrivals): (Vec<usize>, Vec<usize>) = Default::default();
    for (index, &count) in counts.iter().enumerate() {
        let taken = trace.taken[index];
        let room = index.checked_sub(IN_FLIGHT).map_or(0, |earlier| completed[earlier] + 1);
        assert!(taken >= free.max(room), "{case}: {index} taken in {taken}");
        if offered {
            assert_eq!(taken, free.max(room), "{case}: {index}");
        }
        let complete = if count == 0 {
            free = taken + 1;
            (taken + BACK_LATENCY).max(completed.last().map_or(0, |&before| before + 1))
        } else {
            assert!(trace.reads[done] > taken, "{case}: {index}");
            let mut counted = completed.last().copied();
            for &acknowledged in &trace.acknowledged[done..done + count] {
                counted = Some(acknowledged.max(counted.map_or(0, |before| before + 1)));
            }
            done += count;
            free = trace.reads[done - 1] + 1;
            counted.unwrap()
        };
        completed.push(complete);
        assert_eq!(trace.gives[index].0, complete + GIVE_LATENCY, "{case}: {index}");
        if matches!(program[index], Instruction::Store { header: Header { arrive: true, .. }, .. }) {
            arrivals.push(complete + GIVE_LATENCY);
        }
    }
    assert_eq!(trace.arrivals, arrivals, "{case}");
}

#[test]
fn a_willing_memory_gets_a_beat_each_cycle() {
    for cell in cells() {
        let mut random = random(9);
        let mut bench = Bench::new(&store_unit(&cell));
        let held = contents(&cell, &mut random);
        let header = Header { signal: UnitSet(1), ..Header::NONE };
        let store = |memory_beat| Instruction::Store { header, memory_beat, source: 0, beats: 7 };
        let trace = run(&cell, &mut bench, &mut random, &held, &[store(0), store(50)], WILLING);
        let written: Vec<usize> = trace.beats.iter().map(|beat| beat.0).collect();
        let first = 1 + OFFER_LATENCY;
        // One cycle between instructions: taking the next.
        assert_eq!(written, (first..first + 7).chain(first + 8..first + 15).collect::<Vec<_>>(), "{cell}");
        let ends = [first + 6, first + 14].map(|last| last + WILLING.latency + GIVE_LATENCY);
        assert_eq!(trace.gives.iter().map(|give| give.0).collect::<Vec<_>>(), ends, "{cell}");
    }
}

#[test]
fn an_acknowledgement_nobody_waits_for_is_caught() {
    let mut bench = Bench::new(&store_unit(&cells()[0]));
    bench.set("acknowledge_i", 1);
    assert_eq!(bench.step_fails().name, "acknowledgements_come_only_for_beats_written");
}

#[test]
fn a_reset_at_any_cycle_leaves_it_ready() {
    let cell = cells()[0];
    for cycles in 0..10 {
        let mut bench = Bench::new(&store_unit(&cell));
        bench.set("instruction_valid_i", 1);
        let header = Header { signal: UnitSet(15), arrive: true, ..Header::NONE };
        bench.set_all("instruction", &Instruction::Store { header, memory_beat: 0, source: 0, beats: 1 }.encode());
        bench.set("write_ready_i", 1);
        bench.step();
        bench.set("instruction_valid_i", 0);
        (0..cycles).for_each(|_| bench.step());
        bench.reset();
        assert_ne!(bench.get("instruction_ready_o"), 0, "after {cycles}");
        for port in ["read_o", "write_valid_o", "give_o", "busy_o", "arrive_o"] {
            assert_eq!(bench.get(port), 0, "{port} after {cycles}");
        }
    }
}
