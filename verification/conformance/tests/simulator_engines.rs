//! The compiled engines against the interpreter on random designs, in all that the simulator shows:
//! failing checks, covers, every register and memory, checkpoints, waves.
//!
//! `MYELIN_RANDOM_DESIGNS=3000 cargo test --release -p myelin-conformance --test simulator_engines`
//! runs more; `MYELIN_AOT_DESIGNS=n` says how many of them `rustc` compiles, and
//! `MYELIN_RANDOM_SEED=n` where the seeds begin.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Cursor, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

use myelin_conformance::random_design::{Properties, RandomConfig, random_bits, random_design};
use myelin_hdl::Design;
use myelin_sim::{Engine, Input, Output, PowerUp, Simulator};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How many random designs are run, if the environment does not say.
const DESIGNS: u64 = 300;

/// How many of them `rustc` compiles.
const AOT_DESIGNS: u64 = 8;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Cursor<Vec<u8>>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.lock().unwrap().seek(to)
    }
}

struct Pair {
    sims: [Simulator; 2],
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

impl Pair {
    fn new(design: &Design, engine: Engine, power_up: PowerUp) -> Pair {
        let sims = [engine, Engine::Interpreted]
            .map(|engine| Simulator::builder(design).engine(engine).power_up(power_up).build().unwrap());
        let top = design.top();
        let inputs = top.inputs.iter().map(|port| sims[0].input(&port.name).unwrap()).collect();
        let outputs = top.outputs.iter().map(|port| sims[0].output(&port.name).unwrap()).collect();
        Pair { sims, inputs, outputs }
    }

    fn both<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, mut f: impl FnMut(&mut Simulator) -> T) -> T {
        let [compiled, reference] = &mut self.sims;
        let (left, right) = (f(compiled), f(reference));
        assert_eq!(left, right, "{what} at cycle {}", reference.cycle());
        left
    }
}

fn run(engine: Engine, seed: u64, cycles: u64) {
    // Larger arrays than outside tools would build in time, and checks that fail now and then.
    let config =
        RandomConfig { operations: 20, array_values: 6000, properties: Properties::MayFail, ..RandomConfig::default() };
    let design = random_design(seed, &config);
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let power_up = if random.random_bool(0.5) { PowerUp::Zero } else { PowerUp::Random { seed } };
    let mut pair = Pair::new(&design, engine, power_up);
    let sinks = [Sink::default(), Sink::default()];
    let traced = random.random_ratio(1, 4);
    if traced {
        for (sim, sink) in pair.sims.iter_mut().zip(&sinks) {
            match seed % 2 {
                0 => sim.trace_vcd(sink.clone(), &[]).unwrap(),
                _ => sim.trace_fst(sink.clone(), &[]).unwrap(),
            }
        }
    }
    let mut saved = None;
    while pair.sims[0].cycle() < cycles {
        for index in 0..pair.inputs.len() {
            let input = pair.inputs[index];
            let bits = random_bits(&mut random, input.ty());
            if random.random_ratio(1, 2) {
                pair.both("poke", |sim| sim.poke(input, bits));
            }
        }
        let active = random.random_ratio(1, 10);
        pair.both("reset", |sim| sim.set_reset(active));
        if random.random_ratio(1, 2) {
            for index in 0..pair.outputs.len() {
                let output = pair.outputs[index];
                pair.both("output", |sim| sim.peek(output));
            }
        }
        let count = if random.random_ratio(1, 5) { random.random_range(1..=300) } else { 1 };
        let count = count.min(cycles - pair.sims[0].cycle());
        let _ = pair.both("check", |sim| sim.steps(count));
        if random.random_ratio(1, 8) {
            pair.both("state", |sim| sim.checkpoint());
        }
        if random.random_ratio(1, 50) && !traced {
            match saved.take() {
                Some(checkpoint) => pair.both("restore", |sim| sim.restore(&checkpoint).is_ok()),
                None => {
                    saved = Some(pair.sims[random.random_range(0..2)].checkpoint());
                    true
                }
            };
        }
    }
    pair.both("covers", |sim| sim.covers());
    pair.both("state", |sim| sim.checkpoint());
    pair.both("end of trace", |sim| sim.stop_trace().is_ok());
    let [compiled, reference] = sinks.map(|sink| sink.0.lock().unwrap().get_ref().clone());
    if seed % 2 == 1 {
        assert!(compiled == reference, "the bytes of the waves differ");
        return;
    }
    let text = |bytes: &[u8]| -> Vec<String> { String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect() };
    let (left, right) = (text(&compiled), text(&reference));
    let at = left.iter().zip(&right).position(|(left, right)| left != right).unwrap_or(left.len().min(right.len()));
    if let (Some(line), Some(other)) = (left.get(at), right.get(at)) {
        let id = line.rsplit(' ').next().unwrap();
        let name = left.iter().find(|line| line.starts_with("$var") && line.contains(&format!(" {id} ")));
        let time = left[..at].iter().rev().find(|line| line.starts_with('#'));
        assert_eq!(line, other, "line {} of the waves, {name:?} at {time:?}", at + 1);
    }
    assert_eq!(left.len(), right.len(), "lines of the waves");
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn run_all(test: &str, engine: Engine, (variable, designs): (&str, u64), cycles: u64) {
    let first = setting("MYELIN_RANDOM_SEED", 1);
    for seed in first..first + setting(variable, designs) {
        if let Err(panic) = std::panic::catch_unwind(|| run(engine, seed, cycles)) {
            let settings = format!("MYELIN_RANDOM_SEED={seed} {variable}=1");
            eprintln!("replay: {settings} cargo test -p myelin-conformance --test simulator_engines {test}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn compiled_engine_shows_what_the_interpreter_shows() {
    let test = "compiled_engine_shows_what_the_interpreter_shows";
    run_all(test, Engine::Compiled, ("MYELIN_RANDOM_DESIGNS", DESIGNS), 60);
}

#[test]
fn ahead_of_time_engine_shows_what_the_interpreter_shows() {
    // Each design takes rustc about a second.
    let test = "ahead_of_time_engine_shows_what_the_interpreter_shows";
    run_all(test, Engine::AheadOfTime, ("MYELIN_AOT_DESIGNS", AOT_DESIGNS), 300);
}
