//! Cycles per second of a weight-stationary systolic array.
//!
//! `cargo bench -p myelin-sim` prints a table. Every run's result is compared between engines.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::time::{Duration, Instant};

use myelin_sim::random::SplitMix64;
use myelin_sim::{Engine, Simulator};

use self::shared::{array, processor_time};

#[allow(dead_code, reason = "each benchmark uses its part")]
mod shared;

/// New activations every few cycles, weights now and then; a hash of what came out.
fn drive(sim: &mut Simulator, rows: usize, columns: usize, turns: u64, cycles_per_turn: u64) -> u64 {
    let mut random = SplitMix64::new(1);
    let inputs = |name: &str, count: usize| -> Vec<_> {
        (0..count).map(|index| sim.input(&format!("{name}_{index}_i")).unwrap()).collect()
    };
    let (activations, loads, swaps) = (inputs("activation", rows), inputs("load", rows), inputs("swap", rows));
    let weights = inputs("weight", columns);
    let outputs: Vec<_> = (0..columns).map(|index| sim.output(&format!("sum_{index}_o")).unwrap()).collect();
    let mut hash = 0_u64;
    for turn in 0..turns {
        activations.iter().for_each(|&input| sim.poke(input, random.bits() & 0xff));
        weights.iter().for_each(|&input| sim.poke(input, random.bits() & 0xff));
        loads.iter().for_each(|&input| sim.poke(input, u64::from(turn % 8 < 2)));
        swaps.iter().for_each(|&input| sim.poke(input, u64::from(turn % 8 == 3)));
        sim.steps(cycles_per_turn).unwrap();
        for &output in &outputs {
            hash = hash.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ sim.peek(output);
        }
    }
    hash
}

fn main() {
    println!("{:>9} {:>12} {:>14} {:>14}", "array", "engine", "build", "cycles/CPU s");
    // One size alone, for a profiler.
    let chosen: Option<usize> = std::env::var("MYELIN_SIZE").ok().map(|size| size.parse().unwrap());
    for size in [8, 16, 32, 64].into_iter().filter(|size| chosen.is_none_or(|chosen| chosen == *size)) {
        let design = array(size, size);
        let mut hashes = Vec::new();
        for engine in [Engine::Compiled, Engine::AheadOfTime, Engine::Interpreted] {
            // Time on the clock: other threads and processes do the work.
            let start = Instant::now();
            let mut sim = Simulator::builder(&design).engine(engine).build().unwrap();
            sim.step().unwrap();
            let build = start.elapsed();
            let few = if engine == Engine::Interpreted { 2 } else { 20 };
            hashes.push(drive(&mut sim, size, size, few.min(2), 5));
            let (mut cycles, mut time) = (0, Duration::ZERO);
            let mut per_turn = 100;
            while time < Duration::from_millis(700) {
                let start = processor_time();
                drive(&mut sim, size, size, few, per_turn);
                time += processor_time().checked_sub(start).unwrap();
                cycles += few * per_turn;
                if engine != Engine::Interpreted {
                    per_turn = (per_turn * 2).min(20_000);
                }
                if engine == Engine::Interpreted {
                    break;
                }
            }
            let rate = cycles as f64 / time.as_secs_f64();
            println!(
                "{:>9} {:>12} {:>14} {:>14.0}",
                format!("{size}x{size}"),
                format!("{engine:?}"),
                format!("{build:.1?}"),
                rate
            );
        }
        assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "engines differ");
    }
}
