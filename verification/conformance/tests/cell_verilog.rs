//! The whole cell, and a card of two, as emitted Verilog: lint-clean, and cycle for cycle what our simulator computes.

#![allow(clippy::unwrap_used)]

use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::compile;
use myelin_conformance::cosim::{Engine, Trace, cosimulate};
use myelin_conformance::lint::lint;
use myelin_conformance::tools::{Tool, available};
use myelin_driver::{Device, Session};
use myelin_graph::{Conv2d, Graph, GraphBuilder, Postprocess, Tensor};
use myelin_hdl::Design;
use myelin_isa::{Architecture, Precision};
use myelin_rtl::tensor::card::top;

/// Cycles of reset that a [`SimulatedCell`] begins with.
const RESET_CYCLES: usize = 2;

fn design(architecture: &Architecture) -> Design {
    Design::new(top(architecture)).unwrap()
}

fn shapes() -> Vec<Architecture> {
    let cells =
        [(4, 4, Precision::Int6), (8, 8, Precision::Int8), (12, 10, Precision::Int8), (16, 16, Precision::Int6)]
            .map(|(rows, columns, precision)| Architecture::new(rows, columns, precision).unwrap());
    let card = Architecture::new(4, 4, Precision::Int8).and_then(|cell| cell.with_lanes(8)?.with_cells(2)).unwrap();
    cells.into_iter().chain([card]).collect()
}

/// A strided, padded convolution with requantisation and ReLU; values from a fixed recurrence.
fn one_layer(limit: i32) -> Graph {
    let mut state = 7u32;
    let mut values = |count: usize, limit: i32| -> Vec<i8> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as i32 % (2 * limit + 1) - limit) as i8
        };
        (0..count).map(|_| next()).collect()
    };
    let precision = if limit == 31 { 6 } else { 8 };
    let mut graph = GraphBuilder::new();
    let data = graph.input(&[1, 5, 7, 6], precision).unwrap();
    let weights = Tensor::from_i8(&[11, 5, 3, 3], values(11 * 5 * 9, limit)).unwrap();
    let weights = graph.param("weights", weights, precision).unwrap();
    let bias = graph.param("bias", Tensor::from_i8(&[11], values(11, limit)).unwrap(), precision).unwrap();
    let attributes = Conv2d {
        channels: 11,
        kernel: [3, 3],
        strides: [2, 1],
        padding: [1, 2],
        dilation: [1, 1],
        groups: 1,
        use_bias: true,
    };
    let sums = graph.conv2d("conv", data, weights, Some(bias), attributes).unwrap();
    let small = graph.cvm_right_shift("requantise", sums, precision, 7).unwrap();
    let head = graph.relu("relu", small).unwrap();
    graph.finish(vec![head], Postprocess::None).unwrap()
}

/// Loads weights and runs one inference on our simulator; what every input was driven with.
fn stimulus(design: &Design, architecture: Architecture) -> Trace {
    let limit = architecture.precision().limit();
    let program = compile(&one_layer(limit), &architecture).unwrap();
    let mut cell = SimulatedCell::new(architecture, SimulationOptions::default()).unwrap();
    cell.start_recording();
    let mut session = Session::load(cell, program).unwrap();
    let picture: Vec<i32> = (0..5 * 7 * 6).map(|index| index * 37 % (2 * limit + 1) - limit).collect();
    session.run(&picture).unwrap();
    let mut trace = Trace::in_reset(design, RESET_CYCLES);
    session.link_mut().take_recording().into_iter().for_each(|inputs| trace.push(inputs));
    trace
}

fn same_outputs_in_every_cycle(engine: Engine) {
    if available("the tensor cell, cycle by cycle", engine.tools()) {
        for architecture in shapes() {
            let design = design(&architecture);
            let trace = stimulus(&design, architecture);
            cosimulate(&design, &trace, &[Engine::Compiled, engine]).unwrap();
        }
    }
}

#[test]
fn our_interpreter_runs_a_layer_with_the_same_outputs_in_every_cycle() {
    same_outputs_in_every_cycle(Engine::Interpreted);
}

#[test]
fn verilator_runs_a_layer_with_the_same_outputs_in_every_cycle() {
    same_outputs_in_every_cycle(Engine::Verilator);
}

#[test]
fn icarus_runs_a_layer_with_the_same_outputs_in_every_cycle() {
    same_outputs_in_every_cycle(Engine::Icarus);
}

#[test]
fn emitted_cells_are_accepted_without_a_warning() {
    for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
        if available("lint of the tensor cell", &[tool]) {
            for architecture in shapes() {
                lint(&design(&architecture), tool).unwrap();
            }
        }
    }
}
