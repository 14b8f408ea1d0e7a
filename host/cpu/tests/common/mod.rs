//! Shared by the tests: data of the repository, golden beside the engine on every path.
#![allow(dead_code, reason = "not every test binary uses every helper")]
#![allow(clippy::unwrap_used, reason = "a broken fixture is a failed test")]

pub mod random_graph;

use myelin_cpu::{Network, Options, Path};
use myelin_graph::{Graph, export};
use std::path::PathBuf;

/// A file of the repository.
pub fn repository_path(relative: &str) -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative)
}

/// The bytes a string of hexadecimal digits stands for.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

/// The path that `MYELIN_CPU_PATH` names, which this machine must run; without it all that this machine
/// runs, and the others are named on standard output.
pub fn paths() -> Vec<Path> {
    if let Some(path) = Path::from_environment().unwrap() {
        return vec![path.checked().unwrap()];
    }
    let missing: Vec<&str> = Path::ALL.iter().filter(|p| !p.is_available()).map(|p| p.name()).collect();
    println!("skipped, this machine lacks them: {} paths: {}", missing.len(), missing.join(", "));
    Path::available()
}

/// A network for one path; one thread where the target has no more.
pub fn network(graph: &Graph, path: Path, threads: usize) -> Network {
    let threads = if cfg!(target_family = "wasm") { 1 } else { threads };
    Network::prepare(graph, &Options { threads, path: Some(path) }).unwrap()
}

/// Golden's reading of a graph.
pub fn golden(graph: &Graph) -> myelin_golden::Model {
    let (symbol, params) = export::cvm(graph);
    myelin_golden::Model::parse(&symbol, &params).unwrap()
}

/// That the engine and golden answer alike: heads, bytes, or the class of the refusal.
pub fn compare(golden: &myelin_golden::Model, network: &Network, input: &[i32], what: &str) {
    compare_answer(&golden.run_i32(input), network, input, what);
}

/// [`compare`] with an answer of golden.
pub fn compare_answer(
    golden: &Result<myelin_golden::Output, myelin_golden::Error>,
    network: &Network,
    input: &[i32],
    what: &str,
) {
    let mut workspace = network.workspace();
    // Twice, so that what a run leaves behind is seen.
    for run in 0..2 {
        let what = format!("{what}, path {}, run {run}", network.path());
        match (golden, network.run_i32(&mut workspace, input)) {
            (Ok(expected), Ok(found)) => {
                for (i, (expected, found)) in expected.heads().iter().zip(found.heads()).enumerate() {
                    assert_eq!(found.shape[..], expected.shape[..], "{what}, head {i}");
                    let wrong = expected.data.iter().zip(&found.values).position(|(a, b)| a != b);
                    if let Some(at) = wrong {
                        let (expected, found) = (expected.data[at], found.values[at]);
                        panic!("{what}, head {i}: element {at} is {found}, golden says {expected}");
                    }
                }
                assert_eq!(found.bytes(), expected.to_bytes(), "{what}");
            }
            (Err(expected), Err(found)) => {
                assert_eq!(found.class() as i32, expected.class().code(), "{what}: {found}, golden: {expected}");
            }
            (expected, found) => {
                let found = found.map(|output| output.bytes().len());
                panic!("{what}: {found:?}, golden: {:?}", expected.as_ref().map(|output| output.to_bytes().len()));
            }
        }
    }
}
