//! Optimised designs: the same bits in every cycle, on every engine.
//!
//! `MYELIN_RANDOM_DESIGNS=n` and `MYELIN_RANDOM_SEED=n` as for `random_designs`.

use myelin_conformance::cosim::{Engine, compare, response};
use myelin_conformance::random_design::{RandomConfig, batch, random_module, random_trace};
use myelin_conformance::tools::available;
use myelin_hdl::Design;
use myelin_hdl::optimise::{Keep, Pass, apply, optimise};
use myelin_isa::{Architecture, Precision};
use myelin_rtl::tensor::cell::cell;

const CYCLES: usize = 100;
/// Designs in one run of an engine.
const BATCH: u64 = 20;
/// Passes rewrite bodies, however often a body is placed: short arrays do.
const CONFIG: RandomConfig = RandomConfig { array_values: 300, ..RandomConfig::DEFAULT };

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number of designs or a seed"))
}

/// Runs batches of random designs before and after `rewrite` and demands the same outputs, and the
/// same in the registers that are left: before on the interpreter, after on each engine.
fn changes_no_bit(test: &str, engines: &[Engine], rewrite: impl Fn(&Design) -> Design) {
    let engines: Vec<Engine> = engines.iter().copied().filter(|engine| available(test, engine.tools())).collect();
    let (first, count) = (setting("MYELIN_RANDOM_SEED", 1), setting("MYELIN_RANDOM_DESIGNS", 20));
    for start in (first..first + count).step_by(BATCH as usize) {
        let end = (start + BATCH).min(first + count);
        let tops: Vec<_> = (start..end).map(|seed| random_module(seed, &CONFIG)).collect();
        let before = batch("random_batch", &tops);
        let after = rewrite(&before);
        let trace = random_trace(&before, start, CYCLES);
        let replay = format!(
            "MYELIN_RANDOM_SEED={start} MYELIN_RANDOM_DESIGNS={} cargo test -p myelin-conformance --test optimise {test}",
            end - start
        );
        let answer = |engine, design| {
            response(engine, design, &trace).unwrap_or_else(|error| panic!("{error}\nreplay: {replay}"))
        };
        let expected = answer(Engine::Interpreted, &before);
        for &engine in &engines {
            if let Err(difference) = compare(&before, &expected, &answer(engine, &after)) {
                panic!("{difference}\nreplay: {replay}");
            }
        }
    }
}

fn passes_change_no_bit(test: &str, pass: Pass) {
    changes_no_bit(test, &[Engine::Interpreted], |design| apply(design, pass, Keep::Names));
    changes_no_bit(test, &[Engine::Interpreted, Engine::Icarus], |design| apply(design, pass, Keep::Ports));
}

#[test]
fn folding_changes_no_bit() {
    passes_change_no_bit("folding_changes_no_bit", Pass::Fold);
}

#[test]
fn simplifying_changes_no_bit() {
    passes_change_no_bit("simplifying_changes_no_bit", Pass::Simplify);
}

#[test]
fn common_values_change_no_bit() {
    passes_change_no_bit("common_values_change_no_bit", Pass::Common);
}

#[test]
fn narrowing_changes_no_bit() {
    passes_change_no_bit("narrowing_changes_no_bit", Pass::Narrow);
}

#[test]
fn sweeping_changes_no_bit() {
    passes_change_no_bit("sweeping_changes_no_bit", Pass::Dead);
}

#[test]
fn all_passes_change_no_bit_while_names_are_kept() {
    let test = "all_passes_change_no_bit_while_names_are_kept";
    let engines = [Engine::Interpreted, Engine::Compiled, Engine::Icarus];
    changes_no_bit(test, &engines, |design| optimise(design, Keep::Names));
}

#[test]
fn all_passes_change_no_bit_on_any_engine() {
    changes_no_bit("all_passes_change_no_bit_on_any_engine", &Engine::ALL, |design| optimise(design, Keep::Ports));
}

fn nodes(design: &Design) -> usize {
    design.modules().iter().map(|module| module.nodes.len()).sum()
}

#[test]
fn the_cell_gets_smaller_and_keeps_its_bodies() {
    let architecture = Architecture::new(8, 8, Precision::Int8).expect("a legal size");
    let before = Design::new(cell(&architecture)).expect("names are identifiers");
    let after = optimise(&before, Keep::Ports);
    assert!(nodes(&after) < nodes(&before), "{} nodes, {} before", nodes(&after), nodes(&before));
    assert_eq!(after.modules().len(), before.modules().len());
    let again = optimise(&after, Keep::Ports);
    assert_eq!(nodes(&again), nodes(&after), "a second time finds nothing");
    eprintln!("cell 8x8: {} nodes before, {} after", nodes(&before), nodes(&after));
}
