//! The store unit against what STORE says, with a memory and a scratchpad port that hesitate.

use std::collections::VecDeque;

use myelin_isa::{Architecture, Header, Instruction, UnitSet};
use myelin_rtl::tensor::scratchpad;
use myelin_rtl::tensor::store_unit::store_unit;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::bench::{Bench, cells, chance, operand, random};

/// Cycles a beat takes on a memory that is always ready.
const BEAT_CYCLES: usize = 4;

struct Stored {
    /// Beat address and its bytes, in the order written.
    beats: Vec<(i64, Vec<i64>)>,
    /// Cycle of the tokens, counted from the instruction's.
    give: usize,
}

/// Runs one instruction to its tokens; `blocked` and `ready` are percent.
fn run(
    cell: &Architecture,
    bench: &mut Bench,
    random: &mut ChaCha8Rng,
    held: &[i64],
    instruction: Instruction,
    (blocked, ready): (u32, u32),
) -> Stored {
    let lanes = cell.lanes() as usize;
    bench.set("instruction_valid_i", 1);
    bench.set_all("instruction", &instruction.encode());
    assert_ne!(bench.get("instruction_ready_o"), 0);
    bench.step();
    bench.set("instruction_valid_i", 0);
    let mut reads: VecDeque<(usize, usize)> = VecDeque::new();
    let mut stalled = None;
    let mut beats = Vec::new();
    for cycle in 1.. {
        assert!(cycle < 20_000, "{instruction:?} hangs");
        let is_blocked = chance(random, blocked);
        let is_ready = chance(random, ready);
        bench.set("read_blocked_i", i64::from(is_blocked));
        bench.set("write_ready_i", i64::from(is_ready));
        // Data is there in its own cycle only.
        let data: Vec<i64> = match reads.pop_front_if(|&mut (due, _)| due == cycle) {
            Some((_, address)) => (0..lanes).map(|lane| held[(address + lane) % held.len()]).collect(),
            None => (0..lanes).map(|_| operand(random, cell.precision().bits())).collect(),
        };
        bench.set_all("data", &data);
        if bench.get("read_o") != 0 {
            assert!(!is_blocked, "no read while the post unit reads");
            reads.push_back((cycle + scratchpad::READ_LATENCY, bench.get("address_o") as usize));
        }
        let write =
            (bench.get("write_valid_o") != 0).then(|| (bench.get("write_beat_o"), bench.get_all("write", lanes)));
        if stalled.is_some() {
            assert_eq!(write, stalled, "a beat offered stays until taken");
        }
        stalled = write.clone().filter(|_| !is_ready);
        beats.extend(write.filter(|_| is_ready));
        let give = bench.get("give_o");
        assert_ne!(bench.get("busy_o"), 0, "busy until the tokens are given");
        if bench.get("instruction_ready_o") != 0 {
            assert_eq!(give, i64::from(instruction.header().signal.0), "tokens in the first ready cycle");
            return Stored { beats, give: cycle };
        }
        assert_eq!(give, 0, "no tokens before");
        bench.step();
    }
    unreachable!("the loop ends by returning")
}

fn contents(cell: &Architecture, random: &mut ChaCha8Rng) -> Vec<i64> {
    (0..cell.activation_lanes()).map(|_| operand(random, cell.precision().bits())).collect()
}

#[test]
fn beats_are_the_scratchpads_lanes_as_bytes_under_random_backpressure() {
    for (seed, cell) in (0..).zip(cells()) {
        let mut random = random(seed);
        let (lanes, size) = (cell.lanes() as usize, cell.activation_lanes() as usize);
        let mut bench = Bench::new(&store_unit(&cell));
        for rates in [(0, 100), (50, 50), (80, 20), (0, 10), (90, 100)] {
            for _ in 0..5 {
                let held = contents(&cell, &mut random);
                let (memory_beat, beats) = (random.random::<u32>(), random.random_range(1..12));
                let source = random.random_range(0..size / lanes) * lanes;
                let header = Header { signal: UnitSet(random.random_range(0..16)), ..Header::default() };
                let instruction = Instruction::Store { header, memory_beat, source: source as u32, beats };
                let stored = run(&cell, &mut bench, &mut random, &held, instruction, rates);
                let expected: Vec<(i64, Vec<i64>)> = (0..beats)
                    .map(|beat| {
                        let at = source + beat as usize * lanes;
                        // A lane becomes a sign-extended byte.
                        let bytes = (0..lanes).map(|lane| held[(at + lane) % size].rem_euclid(256)).collect();
                        (i64::from(memory_beat.wrapping_add(beat)), bytes)
                    })
                    .collect();
                assert_eq!(stored.beats, expected, "{cell} seed {seed} {instruction:?}");
            }
        }
    }
}

#[test]
fn a_beat_takes_the_stated_cycles_on_a_willing_memory() {
    for cell in cells() {
        let mut random = random(9);
        let mut bench = Bench::new(&store_unit(&cell));
        let held = contents(&cell, &mut random);
        let instruction = Instruction::Store { header: Header::default(), memory_beat: 0, source: 0, beats: 6 };
        let stored = run(&cell, &mut bench, &mut random, &held, instruction, (0, 100));
        assert_eq!(stored.give, 6 * BEAT_CYCLES + 1, "{cell}");
    }
}

#[test]
fn a_reset_at_any_cycle_leaves_it_ready() {
    let cell = cells()[0];
    for cycles in 0..10 {
        let mut bench = Bench::new(&store_unit(&cell));
        bench.set("instruction_valid_i", 1);
        let header = Header { signal: UnitSet(15), ..Header::default() };
        bench.set_all("instruction", &Instruction::Store { header, memory_beat: 0, source: 0, beats: 1 }.encode());
        bench.set("write_ready_i", 1);
        bench.step();
        bench.set("instruction_valid_i", 0);
        (0..cycles).for_each(|_| bench.step());
        bench.reset();
        assert_ne!(bench.get("instruction_ready_o"), 0, "after {cycles}");
        for port in ["read_o", "write_valid_o", "give_o", "busy_o"] {
            assert_eq!(bench.get(port), 0, "{port} after {cycles}");
        }
    }
}
