//! Random graphs on every path against golden.
//!
//! `MYELIN_RANDOM_GRAPHS=10000 cargo test --release -p myelin-cpu --test random_graphs` is the
//! campaign; a failure prints the command that replays it alone.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::random_graph::{Coverage, random_graph};
use myelin_cpu::Path;
use std::panic::{AssertUnwindSafe, catch_unwind};

const GRAPHS_VARIABLE: &str = "MYELIN_RANDOM_GRAPHS";
const SEED_VARIABLE: &str = "MYELIN_GRAPH_SEED";
const GRAPHS: u64 = 400;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

fn check(seed: u64, paths: &[Path], coverage: &mut Coverage) -> bool {
    let Some((graph, inputs)) = random_graph(seed, coverage) else { return false };
    let golden = common::golden(&graph);
    for &path in paths {
        let threads = 1 + usize::from(seed.is_multiple_of(8));
        let network = common::network(&graph, path, threads);
        for (i, input) in inputs.iter().enumerate() {
            common::compare(&golden, &network, input, &format!("seed {seed}, input {i}"));
        }
    }
    true
}

#[test]
fn every_path_answers_random_graphs_as_golden_does() {
    let only = number(SEED_VARIABLE);
    let count = number(GRAPHS_VARIABLE).unwrap_or(GRAPHS);
    let seeds = only.map_or(0..count, |seed| seed..seed + 1);
    let paths = common::paths();
    let (mut coverage, mut finished) = (Coverage::new(), 0);
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| check(seed, &paths, &mut coverage))) {
            Ok(done) => finished += u64::from(done),
            Err(_) => panic!(
                "a random graph failed; replay with\n  \
                 {SEED_VARIABLE}={seed} cargo test -p myelin-cpu --test random_graphs"
            ),
        }
    }
    println!("{finished} graphs on {paths:?}: {coverage:?}");
    if only.is_none() {
        assert!(finished > count * 9 / 10, "only {finished} graphs finished");
        assert_eq!(coverage.len(), 37, "an operator never occurred: {coverage:?}");
    }
}
