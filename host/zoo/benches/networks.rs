//! Whole networks on every path this machine has but the scalar one: best time of a few rounds,
//! interleaved, one thread. Answers of the paths must agree.
//!
//!     cargo bench -p myelin-zoo                              # the table
//!     cargo bench -p myelin-zoo -- squeezenet1.1 caffenet    # where their time goes, step by step

use myelin_cpu::{Network, Options, Path};
use myelin_zoo::Architecture;
use std::time::{Duration, Instant};

const ROUNDS: usize = 8;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if asked.is_empty() {
        return table();
    }
    for name in asked {
        match Architecture::ALL.into_iter().find(|architecture| architecture.name() == name) {
            Some(architecture) => steps(architecture),
            None => println!("there is no network {name}"),
        }
    }
}

/// Least time of every step on the fastest path, and the bytes it moves.
fn steps(architecture: Architecture) {
    let graph = architecture.build(1).expect("the architectures are valid");
    let input: Vec<i32> = (0..graph.input_shape().elements()).map(|i| i32::from((i * 97 % 255) as u8 as i8)).collect();
    let network = Network::prepare(&graph, &Options::default()).expect("available");
    let mut workspace = network.workspace();
    let mut best = network.profile(&mut workspace, &input).expect("the network runs");
    for _ in 0..20 * ROUNDS {
        let steps = network.profile(&mut workspace, &input).expect("the network runs");
        for (best, step) in best.iter_mut().zip(steps) {
            best.time = best.time.min(step.time);
        }
    }
    let total: Duration = best.iter().map(|step| step.time).sum();
    println!("{architecture} on {}: {:.3} ms in {} steps", network.path(), total.as_secs_f64() * 1e3, best.len());
    println!("{:>6}{:>12}{:>12}{:>10}{:>12}", "step", "kind", "us", "share, %", "GB/s");
    for (index, step) in best.iter().enumerate() {
        let seconds = step.time.as_secs_f64();
        let (share, rate) = (100.0 * seconds / total.as_secs_f64(), step.bytes as f64 / seconds / 1e9);
        println!("{index:>6}{:>12}{:>12.1}{share:>10.1}{rate:>12.1}", step.name, seconds * 1e6);
    }
}

fn table() {
    println!("{:<18}{:>8}{:>13}{:>10}{:>10}{:>12}", "network", "GMAC", "path", "ms", "GMAC/s", "prepare ms");
    for architecture in Architecture::ALL {
        let graph = architecture.build(1).expect("the architectures are valid");
        let macs = graph.total_macs() as f64;
        let input: Vec<i8> = (0..graph.input_shape().elements()).map(|i| (i * 97 % 255) as u8 as i8).collect();
        let mut networks = Vec::new();
        for path in Path::available().into_iter().filter(|&path| path != Path::Scalar) {
            let start = Instant::now();
            let network = Network::prepare(&graph, &Options { threads: 1, path: Some(path) }).expect("available");
            let prepare = start.elapsed();
            let workspace = network.workspace();
            networks.push((network, workspace, prepare, Duration::MAX));
        }
        let mut answer: Option<Vec<u8>> = None;
        for _ in 0..ROUNDS {
            for (network, workspace, _, best) in &mut networks {
                let start = Instant::now();
                let output = network.run(workspace, &input).expect("the network runs");
                *best = start.elapsed().min(*best);
                let expected = answer.get_or_insert_with(|| output.bytes().to_vec());
                assert_eq!(output.bytes(), expected, "{architecture} on {}", network.path());
            }
        }
        for (network, _, prepare, best) in &networks {
            let (ms, path) = (best.as_secs_f64() * 1e3, network.path().name());
            let (rate, prepare) = (macs / best.as_secs_f64() / 1e9, prepare.as_secs_f64() * 1e3);
            println!("{:<18}{:>8.3}{path:>13}{ms:>10.2}{rate:>10.1}{prepare:>12.0}", architecture.name(), macs / 1e9);
        }
    }
}
