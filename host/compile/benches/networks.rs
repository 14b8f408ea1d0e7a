//! The nine networks of the reference workload compiled for every shipped target: what each is predicted to
//! take, and how long compiling took. Everything that must hold between a program, its prediction and the
//! model is checked; a network that does not compile, or not whole, ends the run.
//!
//!     cargo bench -p myelin-compile --bench networks                           # some minutes
//!     cargo bench -p myelin-compile --bench networks -- stick-up5k vgg16       # only these

use myelin_compile::{Model, Program, Target, compile_model};
use myelin_graph::Graph;
use myelin_zoo::Architecture;
use std::time::Instant;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wanted = |names: &mut dyn Iterator<Item = String>, name: &str| {
        let known: Vec<String> = names.collect();
        let some = asked.iter().any(|word| known.contains(word));
        !some || asked.iter().any(|word| word == name)
    };
    println!(
        "{:<18}{:<12}{:>16}{:>14}{:>10}{:>14}{:>12}{:>12}",
        "network", "target", "cycles", "ms", "MACs, %", "instructions", "image, MB", "compile, s"
    );
    for network in Architecture::ALL {
        if !wanted(&mut Architecture::ALL.iter().map(|known| known.name().to_owned()), network.name()) {
            continue;
        }
        let graph = network.build(1).expect("the architectures are valid");
        for (name, target) in Target::NAMES.into_iter().zip(Target::named()) {
            if !wanted(&mut Target::NAMES.iter().map(|&known| known.to_owned()), name) {
                continue;
            }
            let start = Instant::now();
            let model = compile_model(&graph, &target).unwrap_or_else(|error| panic!("{network} for {name}: {error}"));
            let seconds = start.elapsed().as_secs_f64();
            let program = checked(&graph, &model, &target, &format!("{network} for {name}"));
            let cycles = program.prediction.cycles;
            let share = program.macs() as f64 / cycles as f64 / f64::from(target.architecture.macs());
            println!(
                "{:<18}{name:<12}{:>16}{:>14.3}{:>10.1}{:>14}{:>12.1}{seconds:>12.1}",
                network.name(),
                format!("{}{cycles}", if program.estimated { "~" } else { "" }),
                target.milliseconds(cycles),
                100.0 * share,
                program.instruction_count(),
                program.image.len() as f64 / 1e6,
            );
        }
    }
}

/// The only program of a model, after all that must hold of it.
fn checked<'m>(graph: &Graph, model: &'m Model, target: &Target, what: &str) -> &'m Program {
    assert_eq!(model.host_operators().count(), 0, "{what}: a part is left to the processor");
    let program = model.programs().next().expect("invariant: a model has a program");
    let (prediction, beat) = (&program.prediction, program.beat_bytes() as u64);
    assert_eq!(program.macs(), graph.total_macs(), "{what}: multiply-accumulates");
    let slots = u128::from(prediction.cycles) * u128::from(target.architecture.macs());
    assert!(slots >= u128::from(program.macs()), "{what}: more multiply-accumulates than the arrays can do");
    let layers: u64 = program.layers.iter().map(|layer| layer.cycles).sum();
    assert!(layers <= prediction.cycles, "{what}: layers take {layers} of {} cycles", prediction.cycles);
    assert!(program.image.len() as u64 <= u64::from(program.memory_beats) * beat, "{what}: image beyond the memory");
    if program.estimated {
        assert!(prediction.cycles > 100_000_000, "{what}: estimated although it is short");
        return program;
    }
    let parameters: u64 = graph.params().map(|(_, tensor)| tensor.elements() as u64).sum();
    assert!(prediction.beats_read * beat >= parameters, "{what}: fewer bytes read than the weights have");
    if let Some(bandwidth) = target.memory.bandwidth {
        let moved = u128::from((prediction.beats_read + prediction.beats_written) * beat);
        let possible = u128::from(prediction.cycles) * u128::from(bandwidth.bytes) / u128::from(bandwidth.cycles);
        // What has been saved up before the first beat.
        let saved = u128::from(4 * beat * u64::from(target.architecture.cells()));
        assert!(moved <= possible + saved, "{what}: {moved} bytes moved, {possible} are possible");
    }
    program
}
