//! Random designs: interpreter = Cranelift = ahead of time = Icarus = Verilator in every output in
//! every cycle, and, but for Verilator, in every register after the last.
//!
//! `MYELIN_RANDOM_DESIGNS=2000 cargo test -p myelin-conformance --test random_designs` runs a campaign;
//! `MYELIN_RANDOM_SEED=n` says where its seeds begin. A failure names the seed in the port.

use myelin_conformance::cosim::{Engine, compare, response};
use myelin_conformance::lint::lint;
use myelin_conformance::random_design::{RandomConfig, batch, random_module, random_trace};
use myelin_conformance::tools::{Tool, are_present, available};

/// Designs in one build of Verilator.
const BATCH: u64 = 20;
/// Designs shown to a linter at once.
const LINT_BATCH: u64 = 30;
const CYCLES: usize = 150;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number of designs or a seed"))
}

fn engines() -> Vec<Engine> {
    Engine::ALL.into_iter().filter(|engine| are_present(engine.tools())).collect()
}

#[test]
fn all_engines_agree_on_random_designs() {
    available("random designs under Icarus", &[Tool::Icarus]);
    available("random designs under Verilator", &[Tool::Verilator, Tool::Cxx]);
    let (first, count) = (setting("MYELIN_RANDOM_SEED", 1), setting("MYELIN_RANDOM_DESIGNS", 20));
    let config = RandomConfig::default();
    for start in (first..first + count).step_by(BATCH as usize) {
        let seeds = start..(start + BATCH).min(first + count);
        let replay = format!(
            "MYELIN_RANDOM_SEED={start} MYELIN_RANDOM_DESIGNS={} cargo test -p myelin-conformance --test random_designs",
            seeds.end - start
        );
        let tops: Vec<_> = seeds.map(|seed| random_module(seed, &config)).collect();
        let design = batch("random_batch", &tops);
        let trace = random_trace(&design, start, CYCLES);
        let answer = |engine| match response(engine, &design, &trace) {
            Ok(response) => response,
            Err(error) => panic!("{error:?}: {error}\nreplay: {replay}"),
        };
        let (judge, others) = engines().split_first().map(|(judge, others)| (*judge, others.to_vec())).expect("ours");
        let expected = answer(judge);
        for engine in others {
            if let Err(difference) = compare(&design, &expected, &answer(engine)) {
                panic!("{difference}\nreplay: {replay}");
            }
        }
    }
}

#[test]
fn random_designs_are_lint_clean() {
    let (first, count) = (setting("MYELIN_RANDOM_SEED", 1), setting("MYELIN_RANDOM_DESIGNS", 30));
    for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
        if !available(&format!("lint of random designs by {tool}"), &[tool]) {
            continue;
        }
        for start in (first..first + count).step_by(LINT_BATCH as usize) {
            let seeds = start..(start + LINT_BATCH).min(first + count);
            let tops: Vec<_> = seeds.map(|seed| random_module(seed, &RandomConfig::default())).collect();
            if let Err(error) = lint(&batch("random_batch", &tops), tool) {
                panic!("seeds from {start}: {error}");
            }
        }
    }
}
