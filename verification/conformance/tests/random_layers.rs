//! Random layers and networks, compiled for random cells: the functional emulator against golden.
//!
//! A failure names its seed; `MYELIN_SEED=<seed>` runs that case alone, `MYELIN_CASES=<n>` runs
//! that many.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use myelin_compile::emulate::{Priority, RaceDetection, Session};
use myelin_compile::{OutputEncoding, Program, compile};
use myelin_conformance::random_layer::{Case, layer, network, random_architecture};
use myelin_golden::Model;
use myelin_graph::export;
use myelin_isa::{Architecture, Instruction, Unit, post_descriptor};

const CASES: u64 = 500;
/// Least share, in percent, of cases whose answer is not one number over and over.
const TELLING_MIN: u64 = 60;

/// Orders of preference among the units: each makes others fast and slow.
const PRIORITIES: [[Unit; 4]; 4] = [
    [Unit::Load, Unit::Array, Unit::Post, Unit::Store],
    [Unit::Post, Unit::Store, Unit::Array, Unit::Load],
    [Unit::Array, Unit::Load, Unit::Store, Unit::Post],
    [Unit::Store, Unit::Post, Unit::Load, Unit::Array],
];

/// Runs a case; answers its program and whether its answers tell anything.
fn agrees_with_golden(case: &Case) -> (Program, bool) {
    let (symbol, params) = export::cvm(&case.graph);
    let golden = Model::parse(&symbol, &params).unwrap();
    let program = compile(&case.graph, &case.architecture)
        .unwrap_or_else(|error| panic!("seed {} on {}: {error}", case.seed, case.architecture));
    let priority = Priority { units: PRIORITIES[(case.seed % 4) as usize], ..Priority::DEFAULT };
    let mut session = Session::with_options(&program, priority, RaceDetection::On).unwrap();
    let mut telling = false;
    for picture in &case.pictures {
        let expected = golden.run_i32(picture).unwrap();
        let expected: Vec<&Vec<i32>> = expected.heads().iter().map(|head| &head.data).collect();
        let answer = session.infer(picture).unwrap_or_else(|error| {
            panic!("seed {} on {}: {error}\n{}", case.seed, case.architecture, program.disassemble())
        });
        assert!(answer.iter().eq(expected), "seed {} on {}", case.seed, case.architecture);
        telling |= answer.iter().flatten().collect::<BTreeSet<_>>().len() > 1;
    }
    (program, telling)
}

/// What a program makes use of.
fn features(program: &Program, seen: &mut BTreeSet<String>) {
    let mut window = 1;
    for instruction in &program.cells[0].instructions {
        match *instruction {
            Instruction::Config { unit: Unit::Post, index: 0, values: [first, ..], .. } => {
                assert_eq!(post_descriptor::WINDOW, 0);
                window = first & 0xffff;
            }
            Instruction::Drain { operands, .. } => {
                let pooled = if window == 1 | 1 << 8 { "" } else { " pooled" };
                let raw = if operands.raw { " raw" } else { "" };
                let look_up = if operands.look_up { " look-up" } else { "" };
                seen.insert(format!("drain{pooled}{raw}{look_up}"));
            }
            _ => {}
        }
    }
    seen.extend(program.layers.iter().map(|layer| layer.kind.to_string()));
    for output in &program.outputs {
        seen.insert(match output.encoding {
            OutputEncoding::Lanes if output.pitch != output.shape[0] => "part of a buffer".to_owned(),
            OutputEncoding::Lanes => "lanes".to_owned(),
            OutputEncoding::Planes { planes, .. } => format!("{planes} planes"),
        });
    }
}

fn run(make: impl Fn(u64, &Architecture) -> Case) -> BTreeSet<String> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let count = number("MYELIN_CASES").unwrap_or(CASES);
    let alone = number("MYELIN_SEED");
    let seeds = alone.map_or(0..count, |seed| seed..seed + 1);
    let (mut seen, mut telling) = (BTreeSet::new(), 0);
    for seed in seeds {
        let (program, tells) = agrees_with_golden(&make(seed, &random_architecture(seed)));
        features(&program, &mut seen);
        telling += u64::from(tells);
    }
    assert!(alone.is_some() || telling * 100 >= count * TELLING_MIN, "only {telling} of {count} answers tell anything");
    seen
}

/// That the cases, unless they are only some, make use of `features`.
fn covers(seen: &BTreeSet<String>, features: &[&str]) {
    if ["MYELIN_SEED", "MYELIN_CASES"].iter().any(|name| std::env::var(name).is_ok()) {
        return;
    }
    for feature in features {
        assert!(seen.contains(*feature), "no case has {feature}: {seen:?}");
    }
}

#[test]
fn random_layers_on_random_cells_agree_with_golden() {
    let seen = run(layer);
    covers(&seen, &["convolution", "dense", "pool", "drain pooled", "drain raw", "2 planes", "3 planes"]);
    covers(&seen, &["drain look-up", "drain pooled look-up"]);
}

#[test]
fn random_networks_on_random_cells_agree_with_golden() {
    let seen = run(network);
    covers(&seen, &["convolution", "dense", "add", "pool", "copy", "drain pooled", "drain raw", "part of a buffer"]);
    covers(&seen, &["drain look-up", "look-up"]);
}
