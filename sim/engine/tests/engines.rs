//! The compiled engine against the reference, on random designs.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use myelin_hdl::Design;
use myelin_sim::random::{SplitMix64, design};
use myelin_sim::{Engine, Input, Output, PowerUp, Simulator};

/// Replays one seed: `MYELIN_SEED=123 cargo test -p myelin-sim --test engines`.
const SEED_VARIABLE: &str = "MYELIN_SEED";

/// How many random designs are run, if the environment does not say.
const DESIGNS: u64 = 400;

/// How many of them `rustc` compiles.
const AOT_DESIGNS: u64 = 8;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
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
    let design = design(seed);
    let mut random = SplitMix64::new(seed ^ 0x5eed);
    let power_up = if random.one_in(2) { PowerUp::Zero } else { PowerUp::Random { seed } };
    let mut pair = Pair::new(&design, engine, power_up);
    let sinks = [Sink::default(), Sink::default()];
    let traced = random.one_in(4);
    if traced {
        for (sim, sink) in pair.sims.iter_mut().zip(&sinks) {
            sim.trace_vcd(sink.clone(), &[]).unwrap();
        }
    }
    let mut saved = None;
    while pair.sims[0].cycle() < cycles {
        for index in 0..pair.inputs.len() {
            let input = pair.inputs[index];
            let bits = random.value(input.ty());
            if random.one_in(2) {
                pair.both("poke", |sim| sim.poke(input, bits));
            }
        }
        let active = random.one_in(10);
        pair.both("reset", |sim| sim.set_reset(active));
        if random.one_in(2) {
            for index in 0..pair.outputs.len() {
                let output = pair.outputs[index];
                pair.both("output", |sim| sim.peek(output));
            }
        }
        let count = if random.one_in(5) { 1 + random.below(300) as u64 } else { 1 };
        let count = count.min(cycles - pair.sims[0].cycle());
        let _ = pair.both("check", |sim| sim.steps(count));
        if random.one_in(8) {
            pair.both("state", |sim| sim.checkpoint());
        }
        if random.one_in(50) && !traced {
            match saved.take() {
                Some(checkpoint) => pair.both("restore", |sim| sim.restore(&checkpoint).is_ok()),
                None => {
                    saved = Some(pair.sims[random.below(2)].checkpoint());
                    true
                }
            };
        }
    }
    pair.both("covers", |sim| sim.covers());
    pair.both("state", |sim| sim.checkpoint());
    pair.both("end of trace", |sim| sim.stop_trace().is_ok());
    let [compiled, reference] = sinks.map(|sink| sink.0.lock().unwrap().clone());
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

fn run_named(engine: Engine, seed: u64, cycles: u64) {
    let result = std::panic::catch_unwind(|| run(engine, seed, cycles));
    if let Err(panic) = result {
        eprintln!("replay: {SEED_VARIABLE}={seed} cargo test -p myelin-sim --test engines");
        std::panic::resume_unwind(panic);
    }
}

fn run_all(engine: Engine, variable: &str, designs: u64, cycles: u64) {
    match std::env::var(SEED_VARIABLE) {
        Ok(seed) => run_named(engine, seed.parse().unwrap(), 300),
        Err(_) => {
            let count = std::env::var(variable).map_or(designs, |count| count.parse().unwrap());
            (0..count).for_each(|seed| run_named(engine, seed, cycles));
        }
    }
}

#[test]
fn compiled_and_reference_engine_agree_on_random_designs() {
    run_all(Engine::Compiled, "MYELIN_DESIGNS", DESIGNS, 60);
}

#[test]
fn ahead_of_time_and_reference_engine_agree_on_random_designs() {
    // Each design takes rustc about a second.
    run_all(Engine::AheadOfTime, "MYELIN_AOT_DESIGNS", AOT_DESIGNS, 300);
}
