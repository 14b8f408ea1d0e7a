//! Well-known networks streamed through cards: the functional emulator against the CPU backend.

#![allow(clippy::unwrap_used)]

use myelin_compile::emulate::{CellOrder, Priority, RaceDetection, Session};
use myelin_compile::{Program, Target, compile_for};
use myelin_graph::Graph;
use myelin_isa::Unit;
use myelin_zoo::Architecture as Zoo;

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

/// Values that depend on place and channel.
fn picture(graph: &Graph) -> Vec<i8> {
    let count = graph.input_shape().elements();
    (0..count).map(|i| ((i * 7919 + i / 13) % 255) as i32 - 127).map(|value| value as i8).collect()
}

fn equals_the_cpu(graph: &Graph, program: &Program, priority: Priority, races: RaceDetection) {
    let picture = picture(graph);
    let mut session = Session::with_options(program, priority, races).unwrap();
    let network = myelin_cpu::Network::prepare(graph, &myelin_cpu::Options::default()).unwrap();
    let mut workspace = network.workspace();
    let expected = network.run(&mut workspace, &picture).unwrap();
    // Twice: the first run leaves what the second starts from.
    for run in 0..2 {
        let heads = session.infer(&picture).unwrap();
        assert!(heads.iter().zip(expected.heads()).all(|(a, b)| *a == b.values), "run {run}");
    }
}

#[test]
fn squeezenet_on_cards_and_sticks_equals_the_cpu() {
    let graph = Zoo::SqueezeNet1_1.build(1).unwrap();
    for (name, units) in [
        ("card-u50", Unit::ALL),
        ("card-a10", [Unit::Store, Unit::Post, Unit::Array, Unit::Load]),
        ("stick-ecp5", [Unit::Array, Unit::Load, Unit::Store, Unit::Post]),
    ] {
        let program = compile_for(&graph, &target(name)).unwrap();
        let priority = Priority { units, cells: CellOrder::Interleaved };
        equals_the_cpu(&graph, &program, priority, RaceDetection::Off);
    }
}

#[test]
fn squeezenet_of_six_bits_on_a_card_of_six_bits_equals_the_cpu() {
    let graph = Zoo::SqueezeNet1_1.build_int6(1).unwrap();
    let program = compile_for(&graph, &target("card-u50,precision=int6")).unwrap();
    let priority = Priority { units: Unit::ALL, cells: CellOrder::Ascending };
    equals_the_cpu(&graph, &program, priority, RaceDetection::Off);
}

#[test]
fn squeezenet_has_no_races_between_units_or_cells() {
    let graph = Zoo::SqueezeNet1_1.build(2).unwrap();
    let program = compile_for(&graph, &target("card-u50,cells=4,activations=65536,weights=256")).unwrap();
    let priority = Priority { units: Unit::ALL, cells: CellOrder::Descending };
    equals_the_cpu(&graph, &program, priority, RaceDetection::On);
}

#[test]
fn the_same_model_and_target_give_the_same_program() {
    let graph = Zoo::SqueezeNet1_1.build(1).unwrap();
    let program = || compile_for(&graph, &target("card-u50")).unwrap();
    assert_eq!(program(), program());
}
