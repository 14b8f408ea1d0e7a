//! The shared memory: limits, order, fairness, latencies.

use super::{Bandwidth, Grant, MemoryModel, SharedMemory, Wish};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BEAT_BYTES: u32 = 16;

/// What happened in one cycle.
struct Cycle {
    grants: Vec<Grant>,
    /// By cell: the beat taken.
    taken: Vec<Option<u32>>,
    acknowledged: Vec<bool>,
}

fn step(memory: &mut SharedMemory, wishes: &[Wish], ready: impl Fn(usize) -> bool) -> Cycle {
    let cells = wishes.len();
    let acknowledged = (0..cells).map(|cell| memory.acknowledged(cell)).collect();
    let mut grants = vec![Grant::default(); cells];
    memory.arbitrate(wishes, &mut grants);
    let taken = (0..cells).map(|cell| if ready(cell) { memory.take(cell) } else { None }).collect();
    memory.advance(1);
    Cycle { grants, taken, acknowledged }
}

fn granted(cycle: &Cycle) -> u64 {
    cycle.grants.iter().map(|grant| u64::from(grant.read) + u64::from(grant.write)).sum()
}

/// A random model with random traffic; replayed by its seed.
fn random_traffic(seed: u64, cycles: usize) -> (MemoryModel, Vec<Vec<Wish>>, Vec<Cycle>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let model = MemoryModel {
        bandwidth: random
            .random_bool(0.8)
            .then(|| Bandwidth { bytes: random.random_range(1..200), cycles: random.random_range(1..8) }),
        read_latency: random.random_range(1..40),
        write_latency: random.random_range(1..40),
    };
    let cells = 1 << random.random_range(0..5);
    let [reads, writes, readiness]: [f64; 3] = core::array::from_fn(|_| random.random_range(0.05..1.0));
    let mut memory = SharedMemory::new(model, cells, BEAT_BYTES);
    // A wish stays until it is granted, as a stream's valid does.
    let mut wishes = vec![Wish::default(); cells as usize];
    let mut next = 0;
    let mut asked = Vec::new();
    let mut done = Vec::new();
    for _ in 0..cycles {
        for wish in &mut wishes {
            if wish.read.is_none() && random.random_bool(reads) {
                wish.read = Some(next);
                next += 1;
            }
            wish.write |= random.random_bool(writes);
        }
        asked.push(wishes.clone());
        let ready: Vec<bool> = (0..cells).map(|_| random.random_bool(readiness)).collect();
        let cycle = step(&mut memory, &wishes, |cell| ready[cell]);
        for (wish, grant) in wishes.iter_mut().zip(&cycle.grants) {
            wish.read = wish.read.filter(|_| !grant.read);
            wish.write &= !grant.write;
        }
        done.push(cycle);
    }
    (model, asked, done)
}

#[test]
fn no_window_of_time_moves_more_than_the_bandwidth_and_the_credit_saved() {
    for seed in 0..40 {
        let (model, asked, cycles) = random_traffic(seed, 600);
        let Some(bandwidth) = model.bandwidth else { continue };
        let saved = 4 * u64::from(BEAT_BYTES) * asked[0].len() as u64;
        let mut total = vec![0u64];
        for cycle in &cycles {
            total.push(total[total.len() - 1] + granted(cycle) * u64::from(BEAT_BYTES));
        }
        for start in (0..cycles.len()).step_by(7) {
            for end in (start + 1..=cycles.len()).step_by(11) {
                let allowed = (end - start) as u64 * u64::from(bandwidth.bytes) / u64::from(bandwidth.cycles) + saved;
                assert!(total[end] - total[start] <= allowed, "seed {seed}: cycles {start} to {end}");
            }
        }
    }
}

#[test]
fn a_memory_that_is_asked_for_more_moves_all_its_bandwidth() {
    for (bytes, cycles) in [(1, 4), (15, 1), (2000, 3), (40, 3)] {
        let model = MemoryModel { bandwidth: Some(Bandwidth { bytes, cycles }), read_latency: 3, write_latency: 3 };
        let mut memory = SharedMemory::new(model, 16, BEAT_BYTES);
        let wishes = [Wish { read: Some(0), write: true }; 16];
        const CYCLES: u64 = 6000;
        for _ in 0..CYCLES {
            step(&mut memory, &wishes, |_| true);
        }
        let moved = memory.beats_moved() * u64::from(BEAT_BYTES);
        let limit = CYCLES * u64::from(bytes) / u64::from(cycles);
        // Two beats a cell and cycle are asked for.
        let limit = limit.min(CYCLES * 32 * u64::from(BEAT_BYTES));
        assert!(moved + 2 * u64::from(BEAT_BYTES) >= limit, "{bytes}/{cycles}: {moved} of {limit} bytes");
    }
}

#[test]
fn reads_of_a_cell_arrive_in_order_one_a_cycle_and_not_before_the_latency() {
    for seed in 0..40 {
        let (model, asked, cycles) = random_traffic(seed, 600);
        let cells = asked[0].len();
        for cell in 0..cells {
            let accepted = |(at, cycle): ((usize, &Vec<Wish>), &Cycle)| {
                at.1[cell].read.filter(|_| cycle.grants[cell].read).map(|beat| (at.0, beat))
            };
            let accepted: Vec<(usize, u32)> = asked.iter().enumerate().zip(&cycles).filter_map(accepted).collect();
            let taken = cycles.iter().enumerate().filter_map(|(at, cycle)| Some((at, cycle.taken[cell]?)));
            for ((at, beat), (begun, expected)) in taken.zip(accepted) {
                assert_eq!(beat, expected, "seed {seed}, cell {cell}");
                assert!(at >= begun + model.read_latency as usize, "seed {seed}, cell {cell}");
            }
        }
    }
}

#[test]
fn a_cell_that_is_always_ready_gets_every_read_after_exactly_the_latency() {
    let mut memory = SharedMemory::new(MemoryModel::IDEAL, 2, BEAT_BYTES);
    let mut arrivals = Vec::new();
    for cycle in 0..40u32 {
        let wish = Wish { read: (cycle % 3 == 0).then_some(cycle), write: false };
        arrivals.extend(step(&mut memory, &[Wish::default(), wish], |_| true).taken[1].map(|beat| (cycle, beat)));
    }
    assert_eq!(arrivals.len(), 11);
    assert!(arrivals.iter().all(|&(cycle, beat)| cycle == beat + 8), "{arrivals:?}");
}

#[test]
fn writes_are_acknowledged_after_exactly_the_latency() {
    for seed in 0..40 {
        let (model, asked, cycles) = random_traffic(seed, 300);
        let latency = model.write_latency as usize;
        for cell in 0..asked[0].len() {
            for at in latency..cycles.len() {
                assert_eq!(cycles[at].acknowledged[cell], cycles[at - latency].grants[cell].write, "seed {seed}");
            }
        }
    }
}

#[test]
fn no_port_is_passed_over_by_another_twice() {
    for seed in 0..40 {
        let (_, asked, cycles) = random_traffic(seed, 400);
        let cells = asked[0].len();
        let wishes = |at: usize, port: usize| {
            let wish = asked[at][port / 2];
            if port % 2 == 1 { wish.read.is_some() } else { wish.write }
        };
        let served = |at: usize, port: usize| {
            let grant = cycles[at].grants[port / 2];
            if port % 2 == 1 { grant.read } else { grant.write }
        };
        for port in 0..2 * cells {
            // Grants of each other port since this one began to wait.
            let mut passed = vec![0; 2 * cells];
            for at in 0..cycles.len() {
                if !wishes(at, port) || served(at, port) {
                    passed.fill(0);
                    continue;
                }
                (0..2 * cells).for_each(|other| passed[other] += u32::from(served(at, other)));
                // Once before its turn in the cycle it came up, once behind it.
                assert!(passed.iter().all(|&count| count <= 2), "seed {seed}: port {port} waits, {passed:?}");
            }
        }
    }
}

#[test]
fn idle_cycles_may_be_skipped() {
    let model = MemoryModel { bandwidth: Some(Bandwidth { bytes: 7, cycles: 2 }), read_latency: 9, write_latency: 5 };
    let wishes = [Wish { read: Some(1), write: true }, Wish { read: None, write: true }];
    let mut stepped = SharedMemory::new(model, 2, BEAT_BYTES);
    for _ in 0..20 {
        step(&mut stepped, &wishes, |_| true);
    }
    while let Some(event) = (0..2).filter_map(|cell| stepped.next_event(cell)).min() {
        let mut skipped = stepped.clone();
        skipped.advance(event - skipped.cycle());
        while stepped.cycle() < event {
            step(&mut stepped, &[Wish::default(); 2], |_| true);
        }
        assert_eq!((skipped.credit, skipped.first, skipped.cycle), (stepped.credit, stepped.first, stepped.cycle));
        step(&mut stepped, &[Wish::default(); 2], |_| true);
    }
}

#[test]
fn a_restart_forgets_what_was_before() {
    let mut memory = SharedMemory::new(MemoryModel::DDR3, 2, BEAT_BYTES);
    let wishes = [Wish { read: Some(1), write: true }; 2];
    let first: Vec<u64> = (0..50).map(|_| granted(&step(&mut memory, &wishes, |_| true))).collect();
    memory.restart();
    let second: Vec<u64> = (0..50).map(|_| granted(&step(&mut memory, &wishes, |_| true))).collect();
    assert_eq!(first, second);
}

#[test]
fn models_are_printed_as_they_are_read() {
    for (name, model) in MemoryModel::PRESETS {
        assert_eq!(model.to_string(), name);
        assert_eq!(name.parse(), Ok(model));
    }
    for text in ["108:81:40", "2000/3:1:60", "unlimited:8:9"] {
        assert_eq!(text.parse::<MemoryModel>().map(|model| model.to_string()).as_deref(), Ok(text));
    }
    for text in ["", "sram", "0:1:1", "1:0:1", "1/0:1:1", "1:1", "1:1:1:1", "-1:1:1"] {
        assert!(text.parse::<MemoryModel>().is_err(), "{text:?}");
    }
}
