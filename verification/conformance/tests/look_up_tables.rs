//! Look-up tables: what becomes of them on cells, emulated and simulated, and which are left to the processor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Shared, agrees};
use myelin_board::{SimulatedCell, SimulationOptions};
use myelin_compile::emulate::Session;
use myelin_compile::{
    CompileError, HostReason, LayerKind, Model, Program, Refusal, Target, compile_for, compile_model, compile_resident,
    compile_streamed,
};
use myelin_conformance::random_layer::Case;
use myelin_golden::Model as Golden;
use myelin_graph::import::{self, Limits};
use myelin_graph::{Conv2d, Graph, GraphBuilder, GraphError, MaxPool2d, Op, Postprocess, Tensor, ValueId, export};
use myelin_isa::{Instruction, WeightTarget};

const CELL: &str = "custom,rows=8,columns=8";

fn graph(build: impl Fn(&mut GraphBuilder, ValueId) -> Result<Vec<ValueId>, GraphError>) -> Graph {
    graph_of(8, build)
}

fn graph_of(bits: u8, build: impl Fn(&mut GraphBuilder, ValueId) -> Result<Vec<ValueId>, GraphError>) -> Graph {
    let mut b = GraphBuilder::new();
    let data = b.input(&[1, 3, 5, 4], bits).unwrap();
    let heads = build(&mut b, data).unwrap();
    b.finish(heads, Postprocess::None).unwrap()
}

/// A 1 x 1 convolution with weights of both signs.
fn mix(b: &mut GraphBuilder, name: &str, x: ValueId, channels: usize) -> Result<ValueId, GraphError> {
    let inputs = b.shape(x).unwrap()[1];
    let weights = (0..channels * inputs).map(|i| (i * 37 % 23) as i8 - 11).collect();
    let weights = Tensor::from_i8(&[channels, inputs, 1, 1], weights)?;
    let w = b.param(&format!("{name}_weight"), weights, 8)?;
    b.conv2d(name, x, w, None, Conv2d::square(channels, 1))
}

/// `count` entries of `precision` bits that differ from name to name.
fn table(b: &mut GraphBuilder, name: &str, x: ValueId, (count, precision): (usize, u8)) -> Result<ValueId, GraphError> {
    let limit = (1i64 << (precision - 1)) - 1;
    let seed: i64 = name.bytes().map(i64::from).sum();
    let entry = |i: i64| ((i * i * 7919 + i * seed) % (2 * limit + 1) - limit) as i32;
    let entries = Tensor::from_i32(&[count], (0..count as i64).map(entry).collect())?;
    let param = b.param(&format!("{name}_table"), entries, precision)?;
    b.op(name, Op::CvmLut { in_dim: count }, &[x, param])
}

/// Two pictures, so that a run meets the table that the one before left.
fn pictures(graph: &Graph) -> Vec<Vec<i32>> {
    let limit = (1 << (graph.input_precision() - 1)) - 1;
    let count = graph.input_shape().elements() as i32;
    let of = |value: &dyn Fn(i32) -> i32| (0..count).map(|i| value(i) % (2 * limit + 1) - limit).collect();
    vec![of(&|i| i * 4), of(&|i| i * 53 + 11)]
}

fn equals_golden(case: &Case, program: &Program) {
    let (symbol, params) = export::cvm(&case.graph);
    let golden = Golden::parse(&symbol, &params).unwrap();
    let mut session = Session::new(program).unwrap();
    for picture in &case.pictures {
        let expected = golden.run_i32(picture).unwrap();
        let expected: Vec<&Vec<i32>> = expected.heads().iter().map(|head| &head.data).collect();
        assert!(session.infer(picture).unwrap().iter().eq(expected), "{}", program.disassemble());
    }
}

/// The program, after it and the streamed one have answered as golden does, emulated and in RTL, in the
/// cycles that were predicted, with nothing left to the processor.
fn compiled(graph: &Graph, target: &str) -> Program {
    let target: Target = target.parse().unwrap();
    let case = Case { seed: 0, architecture: target.architecture, graph: graph.clone(), pictures: pictures(graph) };
    let device = Shared::new(SimulatedCell::of_target(target, SimulationOptions::default()).unwrap());
    let program = compile_for(graph, &target).unwrap();
    let streamed = compile_streamed(graph, &target.architecture, &target.memory).unwrap();
    for program in [&program, &streamed] {
        equals_golden(&case, program);
        agrees(&case, program.clone(), &device);
    }
    let model = compile_model(graph, &target).unwrap();
    assert_eq!((model.steps.len(), model.host_operators().count()), (1, 0));
    program
}

fn kinds(program: &Program) -> Vec<LayerKind> {
    program.layers.iter().map(|layer| layer.kind).collect()
}

/// LOADWs of tables from the entry on.
fn loads(program: &Program, entry: u32) -> usize {
    let is_table = |i: &&Instruction| matches!(i, Instruction::LoadWeights { target: WeightTarget::Table, .. });
    program.cells[0].instructions[entry as usize..].iter().filter(is_table).count()
}

#[test]
fn a_table_joins_its_convolution_and_stays_loaded() {
    let graph = graph(|b, x| {
        let y = mix(b, "a", x, 9)?;
        let y = b.cvm_right_shift("requant", y, 8, 4)?;
        Ok(vec![table(b, "lut", y, (100, 8))?])
    });
    let program = compiled(&graph, CELL);
    assert_eq!(kinds(&program), [LayerKind::Convolution]);
    assert_eq!((loads(&program, program.load_entry), loads(&program, program.infer_entry)), (1, 0));
    // It takes no cycle: the same with the requantisation alone.
    let plain = self::graph(|b, x| {
        let y = mix(b, "a", x, 9)?;
        Ok(vec![b.cvm_right_shift("requant", y, 8, 4)?])
    });
    let plain = compile_for(&plain, &CELL.parse().unwrap()).unwrap();
    assert_eq!(program.prediction.cycles, plain.prediction.cycles);
    compiled(&graph, "custom,rows=5,columns=4,lanes=32,cells=4");
}

#[test]
fn a_table_of_stored_values_is_a_layer_of_its_own() {
    let graph = graph(|b, x| {
        let y = table(b, "lut", x, (40, 8))?;
        let z = mix(b, "a", y, 4)?;
        Ok(vec![b.cvm_right_shift("requant", z, 8, 5)?])
    });
    for target in [CELL, "custom,rows=4,columns=4,cells=2"] {
        let program = compiled(&graph, target);
        assert_eq!(kinds(&program), [LayerKind::LookUp, LayerKind::Convolution], "{target}");
    }
}

#[test]
fn what_follows_a_table_is_done_to_its_entries() {
    let graph = graph(|b, x| {
        let y = mix(b, "a", x, 5)?;
        let y = b.cvm_right_shift("requant", y, 8, 4)?;
        // Wider than lanes until the shift; the second table's indices are then what the first gives.
        let y = table(b, "wide", y, (120, 20))?;
        let y = b.relu("relu", y)?;
        let y = b.cvm_right_shift("narrow", y, 8, 13)?;
        let y = b.cvm_clip("clip", y, 6)?;
        Ok(vec![table(b, "again", y, (300, 8))?])
    });
    let program = compiled(&graph, CELL);
    assert_eq!(kinds(&program), [LayerKind::Convolution]);
    assert_eq!(loads(&program, 0), 1);
}

#[test]
fn indices_that_only_the_table_limits_need_no_lanes() {
    let graph = graph(|b, x| {
        let y = mix(b, "a", x, 5)?;
        Ok(vec![table(b, "lut", y, (128, 8))?])
    });
    compiled(&graph, CELL);
    compiled(&graph, "custom,rows=4,columns=8,cells=4");
}

#[test]
fn several_tables_take_turns_between_sums_joints_and_pools() {
    let graph = graph(|b, x| {
        let y = mix(b, "a", x, 6)?;
        let y = b.cvm_right_shift("requant0", y, 8, 4)?;
        let first = table(b, "first", y, (90, 7))?;
        let second = table(b, "second", y, (33, 7))?;
        let pooled = b.max_pool2d("pool", first, MaxPool2d::square(2, 1))?;
        let pooled = table(b, "third", pooled, (200, 8))?;
        let sum = b.elemwise_add("sum", first, second)?;
        let sum = b.cvm_clip("clip", sum, 8)?;
        let joined = b.concatenate("joined", &[sum, second, first], 1)?;
        let z = table(b, "fourth", joined, (64, 8))?;
        let z = mix(b, "b", z, 7)?;
        let z = b.cvm_right_shift("requant1", z, 8, 6)?;
        let heads = [z, pooled].map(|head| (head, format!("head{}", head.index())));
        heads.into_iter().map(|(head, name)| b.flatten(&name, head)).collect()
    });
    let program = compiled(&graph, CELL);
    assert!(loads(&program, program.infer_entry) >= 4 && loads(&program, program.load_entry) > 0);
    compiled(&graph, "custom,rows=6,columns=4,cells=4,lanes=16,accumulators=16,instructions=64");
}

#[test]
fn a_pool_taken_apart_looks_up_behind_it() {
    let graph = graph(|b, x| {
        let y = mix(b, "a", x, 6)?;
        let y = b.max_pool2d("pool", y, MaxPool2d::square(3, 1))?;
        let y = b.cvm_right_shift("requant", y, 8, 4)?;
        Ok(vec![table(b, "lut", y, (99, 8))?])
    });
    let joined = compiled(&graph, CELL);
    assert_eq!(kinds(&joined), [LayerKind::Convolution]);
    let torn = compiled(&graph, &format!("{CELL},accumulators=8"));
    assert_eq!(kinds(&torn), [LayerKind::Convolution, LayerKind::Pool]);
}

#[test]
fn cells_of_six_bits_look_up_in_tables_of_64_entries() {
    let graph = graph_of(6, |b, x| {
        let y = table(b, "first", x, (31, 6))?;
        let y = mix(b, "a", y, 9)?;
        let y = b.cvm_right_shift("requant", y, 6, 5)?;
        let wide = table(b, "second", y, (200, 11))?;
        Ok(vec![b.cvm_right_shift("narrow", wide, 6, 5)?])
    });
    for target in ["custom,rows=8,columns=8,precision=int6", "custom,rows=6,columns=4,cells=4,precision=int6,lanes=32"]
    {
        let program = compiled(&graph, target);
        assert_eq!(kinds(&program), [LayerKind::LookUp, LayerKind::Convolution], "{target}");
    }
}

/// The chain's own case has three axes, which cells have not: the same numbers as one row.
#[test]
fn the_official_runtimes_answers_are_found() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/cvm.json");
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut tried = 0;
    for case in cases.iter().filter(|case| case["name"].as_str().unwrap().starts_with("cvm_lut")) {
        let bytes = |key: &str| {
            let text = case[key].as_str().unwrap();
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect::<Vec<u8>>()
        };
        let official = import::cvm(case["symbol"].to_string().as_bytes(), &bytes("params_hex"), &Limits::default());
        let official = official.unwrap();
        let (_, lut) = official.operators().next().unwrap();
        let table = official.param(lut.inputs[1]).unwrap();
        let picture: Vec<i8> = bytes("input_hex").iter().map(|&byte| byte as i8).collect();
        let mut b = GraphBuilder::new();
        let x = b.input(&[1, picture.len()], 8).unwrap();
        let param = b.param("table", (**table).clone(), 8).unwrap();
        let y = b.op("lut", lut.op.clone(), &[x, param]).unwrap();
        let graph = b.finish(vec![y], Postprocess::None).unwrap();
        let program = compiled(&graph, CELL);
        let answer = Session::new(&program).unwrap().infer(&picture).unwrap();
        let expected: Vec<i32> = bytes("out_cpu").iter().map(|&byte| i32::from(byte as i8)).collect();
        assert_eq!(answer, [expected]);
        tried += 1;
    }
    assert!(tried > 0);
}

/// The operators left to the processor, each with its reason.
fn left(graph: &Graph) -> Vec<(String, HostReason)> {
    let target: Target = CELL.parse().unwrap();
    let model: Model = compile_model(graph, &target).unwrap();
    model.host_operators().map(|operator| (operator.name.clone(), operator.reason.clone())).collect()
}

#[test]
fn tables_that_lanes_cannot_address_or_hold_are_left_to_the_processor() {
    let behind = |b: &mut GraphBuilder, y| {
        let y = b.cvm_clip("clip", y, 8)?;
        let z = mix(b, "b", y, 3)?;
        Ok(vec![b.cvm_right_shift("requant1", z, 8, 6)?])
    };
    let wide_index = graph(|b, x| {
        let y = mix(b, "a", x, 5)?;
        let y = b.cvm_right_shift("requant0", y, 9, 4)?;
        let y = table(b, "lut", y, (200, 8))?;
        behind(b, y)
    });
    let wide_entries = graph(|b, x| {
        let y = mix(b, "a", x, 5)?;
        let y = b.cvm_right_shift("requant0", y, 8, 4)?;
        let y = table(b, "lut", y, (100, 12))?;
        let y = b.elemwise_add("twice", y, y)?;
        behind(b, y)
    });
    for (graph, names, word) in [
        (&wide_index, &["lut"][..], "an index of the table"),
        (&wide_entries, &["lut", "twice", "clip"], "an entry of the table"),
    ] {
        let left = left(graph);
        assert_eq!(left.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
        let HostReason::Refused(CompileError::Range { what, .. }) = &left[0].1 else { panic!("{left:?}") };
        assert_eq!(*what, word);
    }
}

#[test]
fn a_head_of_wide_entries_is_left_to_the_processor_and_what_makes_its_indices_is_not() {
    let graph = graph(|b, x| {
        let y = mix(b, "a", x, 5)?;
        let y = b.cvm_right_shift("requant", y, 8, 4)?;
        let y = table(b, "lut", y, (100, 17))?;
        Ok(vec![b.relu("relu", y)?])
    });
    let left = left(&graph);
    assert_eq!(left.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["lut", "relu"]);
}

#[test]
fn a_computed_table_is_refused() {
    let graph = graph(|b, x| {
        let index = table(b, "fixed", x, (20, 8))?;
        let flat = b.flatten("flat", x)?;
        Ok(vec![b.op("lut", Op::CvmLut { in_dim: 60 }, &[index, flat])?])
    });
    let target: Target = CELL.parse().unwrap();
    let refused = compile_resident(&graph, &target.architecture, &target.memory);
    let Err(CompileError::Unsupported { refusal: Refusal::ComputedParameter, .. }) = refused else {
        panic!("{refused:?}")
    };
}
