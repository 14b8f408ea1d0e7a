//! Several cells: what they share, how barriers order them, and what they must not do.

use super::{CellOrder, EmulateError, Fault, Machine, Priority, RaceDetection};
use myelin_isa::{Architecture, Header, Instruction, Precision, Unit, UnitSet};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ORDERS: [CellOrder; 3] = [CellOrder::Ascending, CellOrder::Descending, CellOrder::Interleaved];

fn machine(cells: u32, races: RaceDetection) -> Machine {
    let architecture = Architecture::new(4, 4, Precision::Int8).unwrap().with_cells(cells).unwrap();
    let mut machine = Machine::with_race_detection(architecture, 32, races);
    machine.memory_mut().iter_mut().enumerate().for_each(|(i, byte)| *byte = i as u8);
    machine
}

fn run(machine: &mut Machine, programs: &[Vec<Instruction>], cells: CellOrder) -> Result<(), EmulateError> {
    for (cell, program) in (0..).zip(programs) {
        let mut words: Vec<[u32; 4]> = program.iter().map(Instruction::encode).collect();
        words.push(Instruction::Sync { halt: true }.encode());
        machine.set_cell_instructions(cell, &words)?;
    }
    machine.run_with_priority(0, Priority { cells, ..Priority::DEFAULT }).map(|_| ())
}

/// The fault, which must be there in every order.
fn fault(programs: &[Vec<Instruction>]) -> Fault {
    let faults = ORDERS.map(|order| run(&mut machine(2, RaceDetection::On), programs, order).unwrap_err());
    faults[0].fault
}

fn load(memory_beat: u32, destination: u32) -> Instruction {
    Instruction::Load { header: Header::NONE, memory_beat, destination, beats: 1 }
}

fn store(memory_beat: u32, source: u32) -> Instruction {
    Instruction::Store { header: Header::NONE, memory_beat, source, beats: 1 }
}

fn with(instruction: Instruction, change: impl Fn(&mut Header)) -> Instruction {
    let mut instruction = instruction;
    match &mut instruction {
        Instruction::Load { header, .. } | Instruction::Store { header, .. } => change(header),
        _ => unreachable!("only these are made here"),
    }
    instruction
}

fn meets(instruction: Instruction) -> Instruction {
    with(instruction, |header| header.meet = true)
}

fn arrives(instruction: Instruction) -> Instruction {
    with(instruction, |header| header.arrive = true)
}

fn waits(unit: Unit, instruction: Instruction) -> Instruction {
    with(instruction, |header| header.wait = UnitSet::of(unit))
}

fn signals(unit: Unit, instruction: Instruction) -> Instruction {
    with(instruction, |header| header.signal = UnitSet::of(unit))
}

/// Each loads a beat of its own, stores it where it is asked for, and loads the other's.
fn exchange(cell: u32) -> Vec<Instruction> {
    vec![
        signals(Unit::Store, load(cell, 0)),
        waits(Unit::Load, arrives(store(8 + cell, 0))),
        signals(Unit::Store, meets(load(9 - cell, 8))),
        waits(Unit::Load, store(12 + cell, 8)),
    ]
}

#[test]
fn cells_exchange_what_they_stored_before_a_barrier() {
    for order in ORDERS {
        let mut machine = machine(2, RaceDetection::On);
        run(&mut machine, &[exchange(0), exchange(1)], order).unwrap();
        assert_eq!(machine.memory()[48..56], [4, 5, 6, 7, 0, 1, 2, 3], "{order:?}");
        // And again: what was before a start is complete for all.
        run(&mut machine, &[exchange(0), exchange(1)], order).unwrap();
    }
}

#[test]
fn a_read_of_what_another_cell_writes_in_the_same_epoch_is_a_race() {
    let race = fault(&[vec![store(3, 0)], vec![load(3, 0)]]);
    assert_eq!(race, Fault::CellRace { unit: Unit::Load, other: Unit::Store, other_cell: 0, beat: 3 });
    // The barrier before it does not help.
    let both = |rest: Instruction| vec![arrives(store(20, 0)), meets(load(21, 0)), rest];
    let mut second = both(load(3, 8));
    second[0] = arrives(store(22, 0));
    let race = fault(&[both(store(3, 8)), second]);
    assert_eq!(race, Fault::CellRace { unit: Unit::Load, other: Unit::Store, other_cell: 0, beat: 3 });
}

#[test]
fn two_cells_that_write_a_beat_in_the_same_epoch_race() {
    let race = fault(&[vec![store(3, 0)], vec![store(3, 0)]]);
    assert_eq!(race, Fault::CellRace { unit: Unit::Store, other: Unit::Store, other_cell: 0, beat: 3 });
}

#[test]
fn an_overwriting_cell_must_know_that_the_other_has_read() {
    let writer = vec![arrives(store(20, 0)), signals(Unit::Store, meets(load(21, 8))), waits(Unit::Load, store(3, 8))];
    // The reader arrives without having waited for its own load.
    let hasty = vec![load(3, 0), arrives(store(22, 8)), meets(load(23, 8))];
    for order in ORDERS {
        let error = run(&mut machine(2, RaceDetection::On), &[writer.clone(), hasty.clone()], order).unwrap_err();
        assert!(matches!(error.fault, Fault::CellRace { beat: 3, .. }), "{order:?}: {error}");
    }
    let patient = vec![signals(Unit::Store, load(3, 0)), waits(Unit::Load, arrives(store(22, 8))), meets(load(23, 8))];
    for order in ORDERS {
        run(&mut machine(2, RaceDetection::On), &[writer.clone(), patient.clone()], order).unwrap();
    }
}

#[test]
fn a_barrier_that_a_cell_never_reaches_names_it() {
    let lonely = vec![arrives(store(20, 0)), meets(load(21, 0))];
    assert_eq!(fault(&[lonely, vec![load(1, 0)]]), Fault::Barrier { missing: 1 });
}

#[test]
fn tokens_left_for_the_next_run_are_an_error() {
    let both = |rest: Instruction| [vec![arrives(store(20, 0)), rest], vec![arrives(store(22, 0)), rest]];
    assert_eq!(fault(&both(load(1, 8))), Fault::OtherTokenLeft { of: "the barrier" });
    let left = Fault::TokenLeft { from: Unit::Load, to: Unit::Store };
    assert_eq!(fault(&[vec![signals(Unit::Store, load(1, 8))], vec![]]), left);
}

#[test]
fn a_cell_sixteen_barriers_ahead_is_an_error() {
    assert_eq!(fault(&[vec![arrives(store(20, 0)); 16], vec![]]), Fault::BarrierOverflow { max: 15 });
}

#[test]
fn an_error_names_its_cell() {
    let error = run(&mut machine(2, RaceDetection::On), &[vec![], vec![load(1, 1)]], CellOrder::Ascending);
    let message = error.unwrap_err().to_string();
    assert_eq!(message, "cell 1, instruction 0 (LOAD): activation lane 1 is not a multiple of 4");
}

/// Programs of loads, stores and barriers in rounds; most have races, by design not all.
fn random_programs(random: &mut ChaCha8Rng, cells: u32) -> Vec<Vec<Instruction>> {
    let rounds = random.random_range(1..4);
    let beats = random.random_range(4..28);
    let tidy = random.random_bool(0.7);
    let program = |cell: u32| {
        let mut program = Vec::new();
        for _ in 0..rounds {
            let (from, to) = (random.random_range(0..beats), random.random_range(0..beats));
            program.push(signals(Unit::Store, load(from, 8)));
            let result = waits(Unit::Load, store(to, 8));
            program.push(if tidy { arrives(result) } else { result });
            let scratch = meets(load(28 + cell, 16));
            program.push(if tidy { scratch } else { load(28 + cell, 16) });
            // What follows overwrites the lanes that were stored.
            program.push(Instruction::Sync { halt: false });
        }
        program
    };
    (0..cells).map(program).collect()
}

#[test]
fn the_order_of_cells_changes_neither_results_nor_whether_there_is_a_race() {
    let (mut clean, mut racing) = (0, 0);
    for seed in 0..600 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let cells = [2, 4][random.random_range(0..2)];
        let programs = random_programs(&mut random, cells);
        let runs = ORDERS.map(|order| {
            let mut machine = machine(cells, RaceDetection::On);
            let result = run(&mut machine, &programs, order);
            if let Err(error) = &result {
                assert!(matches!(error.fault, Fault::CellRace { .. }), "seed {seed}, {order:?}: {error}");
            }
            result.is_ok().then(|| machine.memory().to_vec())
        });
        assert!(runs.iter().all(|run| *run == runs[0]), "seed {seed}");
        if let Some(memory) = &runs[0] {
            let mut unchecked = machine(cells, RaceDetection::Off);
            run(&mut unchecked, &programs, CellOrder::Descending).unwrap();
            assert_eq!(unchecked.memory(), memory, "seed {seed}");
            clean += 1;
        } else {
            racing += 1;
        }
    }
    assert!(clean > 50 && racing > 50, "{clean} programs without races, {racing} with");
}
