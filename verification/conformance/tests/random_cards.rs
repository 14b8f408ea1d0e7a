//! Random programs on simulated cells and cards: memory against the emulator, cycles against the
//! timing model.
//!
//! A failure names cells and seed; `MYELIN_SEED=<seed>` runs that case alone on every card,
//! `MYELIN_CASES=<n>` runs that many on each.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::emulate::{CellOrder, Machine, Priority};
use myelin_compile::memory::{Bandwidth, MemoryModel};
use myelin_compile::{CellProgram, timing};
use myelin_conformance::random_card::{Case, case};
use myelin_driver::Link;
use myelin_hdl::Poison;
use myelin_isa::{Unit, register};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DEADLINE: Duration = Duration::from_secs(600);

/// A memory for the case, by its seed: fast or slow, near or far.
fn memory_model(seed: u64) -> MemoryModel {
    let mut random = ChaCha8Rng::seed_from_u64(!seed);
    MemoryModel {
        bandwidth: random
            .random_bool(0.7)
            .then(|| Bandwidth { bytes: random.random_range(1..150), cycles: random.random_range(1..8) }),
        read_latency: random.random_range(1..60),
        write_latency: random.random_range(1..60),
    }
}

/// What memory holds after each of two runs, in whatever order things happen.
fn emulated(case: &Case, programs: &[CellProgram]) -> Vec<Vec<u8>> {
    let beats = (case.memory.len() / case.architecture.lanes() as usize) as u32;
    let mut memories = [
        Priority::DEFAULT,
        Priority { units: [Unit::Store, Unit::Post, Unit::Array, Unit::Load], cells: CellOrder::Descending },
    ]
    .map(|priority| {
        let mut machine = Machine::new(case.architecture, beats);
        for (cell, program) in (0..).zip(programs) {
            machine.set_cell_instructions(cell, &program.resident_words(&case.architecture)).unwrap();
        }
        let run = |_| {
            machine.memory_mut().copy_from_slice(&case.memory);
            let run = machine.run_with_priority(0, priority);
            run.unwrap_or_else(|error| panic!("seed {} on {}: {error}", case.seed, case.architecture));
            machine.memory().to_vec()
        };
        (0..2).map(run).collect::<Vec<_>>()
    });
    assert_eq!(memories[0], memories[1], "seed {}", case.seed);
    core::mem::take(&mut memories[0])
}

fn agrees(case: &Case, poison: Option<Poison>) {
    let at = format!("seed {} on {}", case.seed, case.architecture);
    let cells = case.architecture.cells();
    let programs: Vec<CellProgram> =
        case.programs.iter().map(|instructions| CellProgram { instructions: instructions.clone() }).collect();
    let expected = emulated(case, &programs);
    let memory = memory_model(case.seed);
    let predicted = timing::predict(&case.architecture, memory, &programs, 0).unwrap_or_else(|e| panic!("{at}: {e}"));

    let options = SimulationOptions { memory, poison, ..SimulationOptions::default() };
    let mut card = SimulatedCell::new(case.architecture, options).unwrap();
    card.write_at(0, &case.memory, DEADLINE).unwrap();
    for (cell, program) in (0..).zip(&programs) {
        for (index, word) in (0..).zip(program.resident_words(&case.architecture).into_iter().flatten()) {
            card.write32(cell * register::END + register::INSTRUCTIONS + 4 * index, word).unwrap();
        }
    }
    let all = if cells == 1 { 0 } else { cells * register::END };
    // Twice: a program that was loaded over leaves its beginning in place.
    for expected in expected {
        let moved = card.beats_moved();
        card.write_at(0, &case.memory, DEADLINE).unwrap();
        card.write32(all + register::START, 0).unwrap();
        card.wait_interrupt(DEADLINE).unwrap();
        let mut found = vec![0; expected.len()];
        card.read_at(0, &mut found, DEADLINE).unwrap();
        assert!(found == expected, "{at}: memory differs from the emulator's");
        for (cell, counters) in (0..).zip(&predicted.cells) {
            let mut read = |address: u32| u64::from(card.read32(cell * register::END + address).unwrap());
            assert_eq!(read(register::STATUS) & 7, u64::from(register::STATUS_HALTED), "{at}, cell {cell}");
            let counted = core::array::from_fn(|index| read(register::COUNTERS + 4 * index as u32));
            assert_eq!(counted, counters.named().map(|(_, value)| value), "{at}, {memory}, cell {cell}");
        }
        for (index, &stamp) in (0..).zip(&predicted.stamps) {
            assert_eq!(u64::from(card.read32(register::STAMPS + 4 * index).unwrap()), stamp, "{at}, stamp {index}");
        }
        assert_eq!(card.beats_moved() - moved, predicted.beats_read + predicted.beats_written, "{at}");
    }
}

fn random_programs(cells: u32, cases: u64, poison: Option<Poison>) {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    match number("MYELIN_SEED") {
        Some(seed) => agrees(&case(seed, cells), poison),
        None => (0..number("MYELIN_CASES").unwrap_or(cases)).for_each(|seed| agrees(&case(seed, cells), poison)),
    }
}

#[test]
fn random_programs_on_one_cell() {
    random_programs(1, 20, None);
}

#[test]
fn random_programs_on_two_cells() {
    random_programs(2, 8, None);
}

#[test]
fn random_programs_on_eight_cells() {
    random_programs(8, 2, None);
}

#[test]
fn random_programs_use_no_lane_that_is_written_while_it_is_read() {
    for poison in [Poison::Complement, Poison::Written] {
        random_programs(1, 10, Some(poison));
        random_programs(2, 4, Some(poison));
    }
}
