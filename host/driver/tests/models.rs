//! Models of which a part is the processor's, on emulated cells, against golden.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;
#[path = "../../cpu/tests/common/random_graph.rs"]
mod random_graph;

use common::EmulatedCells;
use myelin_compile::{HostReason, Model, Step, Target, compile_model};
use myelin_cpu::Options;
use myelin_driver::{Deadlines, Device, DriverError, Inference, ModelSession};
use myelin_graph::{Conv2d, Graph, GraphBuilder, MaxPool2d, Op, Postprocess, Reduce, Tensor, ValueId, export};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use random_graph::{Coverage, random_graph};

/// Bytes of the cells' memory.
const MEMORY_BYTES: usize = 1 << 21;

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

fn golden(graph: &Graph, input: &[i32]) -> Result<Vec<Vec<i32>>, i32> {
    let (symbol, params) = export::cvm(graph);
    let model = myelin_golden::Model::parse(&symbol, &params).unwrap();
    let answer = model.run_i32(input).map_err(|error| error.class().code())?;
    Ok(answer.heads().iter().map(|head| head.data.clone()).collect())
}

fn session(graph: &Graph, model: Model, target: &Target) -> ModelSession<EmulatedCells> {
    let link = EmulatedCells::new(target.architecture, MEMORY_BYTES);
    ModelSession::load(link, graph, model, &Options::default(), Deadlines::default()).unwrap()
}

fn values(inference: &Inference) -> Vec<Vec<i32>> {
    inference.outputs.iter().map(|output| output.values.clone()).collect()
}

/// Seeded layers of a network of four axes, now and then one that cells have no means for.
struct Layers {
    rng: ChaCha8Rng,
    b: GraphBuilder,
    count: usize,
}

impl Layers {
    fn name(&mut self) -> String {
        self.count += 1;
        format!("n{}", self.count)
    }

    fn op(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        let name = self.name();
        self.b.op(&name, op, inputs).unwrap()
    }

    fn param(&mut self, shape: &[usize], limit: i8) -> ValueId {
        let count = shape.iter().product();
        let data = (0..count).map(|_| self.rng.random_range(-limit..=limit)).collect();
        let name = format!("p{}", self.name());
        self.b.param(&name, Tensor::from_i8(shape, data).unwrap(), 8).unwrap()
    }

    fn requantised(&mut self, x: ValueId, shift_bit: u8) -> ValueId {
        self.op(Op::CvmRightShift { precision: 8, shift_bit }, &[x])
    }

    fn conv(&mut self, x: ValueId) -> ValueId {
        let channels = self.b.shape(x).unwrap()[1];
        let size = *[1, 3].choose(&mut self.rng).unwrap();
        let outputs = if self.rng.random() { channels } else { self.rng.random_range(1..12) };
        let w = self.param(&[outputs, channels, size, size], 60);
        let name = self.name();
        let y = self.b.conv2d(&name, x, w, None, Conv2d::square(outputs, size).with_padding(size / 2)).unwrap();
        let shift = self.rng.random_range(5..10);
        self.requantised(y, shift)
    }

    /// Something that no cell does.
    fn foreign(&mut self, x: ValueId) -> ValueId {
        let channels = self.b.shape(x).unwrap()[1];
        match self.rng.random_range(0..7) {
            0 => self.op(Op::Abs, &[x]),
            1 => self.op(Op::Negative, &[x]),
            2 => {
                let table = self.param(&[100], 127);
                self.op(Op::CvmLut { in_dim: 100 }, &[x, table])
            }
            3 => {
                let factors = self.param(&[channels, 1, 1], 127);
                let y = self.op(Op::BroadcastMul, &[x, factors]);
                self.requantised(y, 7)
            }
            4 => self.op(Op::Transpose { axes: vec![0, 1, 3, 2] }, &[x]),
            5 => {
                let y = self.op(Op::Max(Reduce { axes: vec![1], keepdims: true, exclude: false }), &[x]);
                let z = self.op(Op::BroadcastSub, &[x, y]);
                self.op(Op::CvmClip { precision: 8 }, &[z])
            }
            _ => {
                let y = self.op(Op::Repeat { repeats: 2, axis: 1 }, &[x]);
                self.op(Op::CvmClip { precision: 7 }, &[y])
            }
        }
    }
}

/// A network with a side branch across whatever comes, and two heads.
fn network(seed: u64) -> Graph {
    let mut layers = Layers { rng: ChaCha8Rng::seed_from_u64(seed), b: GraphBuilder::new(), count: 0 };
    let shape = [1, layers.rng.random_range(1..5), layers.rng.random_range(3..9), layers.rng.random_range(3..9)];
    let mut x = layers.b.input(&shape, 8).unwrap();
    x = layers.conv(x);
    let mut side = x;
    for _ in 0..layers.rng.random_range(2..12) {
        x = match layers.rng.random_range(0..10) {
            0..=2 => layers.foreign(x),
            3 | 4 => layers.conv(x),
            5 => layers.op(Op::Relu, &[x]),
            6..=8 if layers.b.shape(side).unwrap() == layers.b.shape(x).unwrap() => {
                let y = layers.op(Op::ElemwiseAdd, &[x, side]);
                side = layers.op(Op::CvmClip { precision: 8 }, &[y]);
                side
            }
            _ => {
                let pool = MaxPool2d { pool_size: [2; 2], strides: [1; 2], padding: [0; 2], ceil_mode: false };
                let large = layers.b.shape(x).unwrap()[2..].iter().all(|&side| side >= 2);
                if large { layers.op(Op::MaxPool2d(pool), &[x]) } else { layers.conv(x) }
            }
        };
    }
    let flat = layers.op(Op::Flatten, &[x]);
    let heads = if layers.rng.random() { vec![flat] } else { vec![flat, layers.op(Op::Flatten, &[side])] };
    layers.b.finish(heads, Postprocess::None).unwrap()
}

#[test]
fn networks_with_foreign_layers_answer_as_golden_does_on_cells_and_processor() {
    let targets = [
        "custom,rows=4,columns=4",
        "custom,rows=8,columns=4,lanes=8,activations=512",
        "custom,rows=4,columns=4,cells=2",
    ];
    let (mut divided, mut programs_max, mut several_inputs) = (0, 0, 0);
    for seed in 0..300 {
        let graph = network(seed);
        let target = target(targets[seed as usize % targets.len()]);
        let model = compile_model(&graph, &target).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(model, compile_model(&graph, &target).unwrap(), "seed {seed}: another program");
        divided += usize::from(model.steps.len() > 1);
        programs_max = programs_max.max(model.programs().count());
        several_inputs += model.programs().filter(|program| program.inputs.len() > 1).count();
        let count = graph.input_shape().elements();
        let mut session = session(&graph, model, &target);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for run in 0..2 {
            let input: Vec<i32> = (0..count).map(|_| rng.random_range(-200..200)).collect();
            let found = values(&session.run(&input).unwrap());
            assert_eq!(found, golden(&graph, &input).unwrap(), "seed {seed}, run {run}, {target}");
        }
    }
    println!("{divided} networks divided, at most {programs_max} programs, {several_inputs} with several inputs");
    assert!(divided > 60 && programs_max > 2 && several_inputs > 5, "{divided}, {programs_max}, {several_inputs}");
}

#[test]
fn any_graph_that_leaves_the_array_something_to_do_answers_as_golden_does() {
    let target = target("custom,rows=4,columns=4");
    let (mut ran, mut divided, mut failed) = (0, 0, 0);
    for seed in 0..400 {
        let Some((graph, inputs)) = random_graph(seed, &mut Coverage::new()) else { continue };
        let Ok(model) = compile_model(&graph, &target) else { continue };
        divided += usize::from(model.steps.len() > 1);
        let mut session = session(&graph, model, &target);
        for input in &inputs {
            match (golden(&graph, input), session.run(input)) {
                (Ok(expected), Ok(found)) => assert_eq!(values(&found), expected, "seed {seed}"),
                (Err(class), Err(DriverError::Cpu { source, .. })) => {
                    assert_eq!(class, source.class() as i32, "seed {seed}: {source}");
                    failed += 1;
                }
                // Rows of heads that cannot be joined: the heads themselves are there.
                (Err(class), Ok(_)) => assert_eq!(class, 1, "seed {seed}"),
                (expected, found) => panic!("seed {seed}: {found:?}, golden {expected:?}"),
            }
        }
        ran += 1;
    }
    println!("{ran} graphs, {divided} divided; {failed} runs without an answer");
    assert!(ran > 60 && divided > 40, "{ran}, {divided}");
}

/// Convolution, foreign operator, convolution; the first result is added at the end.
fn bridged(foreign: Op) -> Graph {
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, 2, 5, 5], 8).unwrap();
    let w = b.param("w", Tensor::from_i8(&[2, 2, 1, 1], vec![1, 2, -3, 4]).unwrap(), 8).unwrap();
    let first = b.conv2d("first", x, w, None, Conv2d::square(2, 1)).unwrap();
    let first = b.cvm_right_shift("requant0", first, 8, 4).unwrap();
    let y = b.op("foreign", foreign, &[first]).unwrap();
    let y = b.conv2d("second", y, w, None, Conv2d::square(2, 1)).unwrap();
    let y = b.cvm_right_shift("requant1", y, 8, 2).unwrap();
    let y = b.op("add", Op::ElemwiseAdd, &[first, y]).unwrap();
    b.finish(vec![y], Postprocess::None).unwrap()
}

#[test]
fn the_model_names_what_is_left_to_the_processor_and_why() {
    let target = target("custom,rows=4,columns=4");
    let graph = bridged(Op::Abs);
    let model = compile_model(&graph, &target).unwrap();
    let [Step::Device(before), Step::Host(host), Step::Device(after)] = &model.steps[..] else {
        panic!("{} steps", model.steps.len())
    };
    assert_eq!((before.program.inputs.len(), after.program.inputs.len()), (1, 2));
    let [operator] = &host.operators[..] else { panic!("{:?}", host.operators) };
    assert_eq!((operator.name.as_str(), operator.operator, operator.elements), ("foreign", "abs", 50));
    assert_eq!(operator.reason.to_string(), "the cell has no such operator");
    let mut session = session(&graph, model, &target);
    let input: Vec<i32> = (0..50).map(|i| i * 29 % 255 - 127).collect();
    for _ in 0..2 {
        let inference = session.run(&input).unwrap();
        assert_eq!(values(&inference), golden(&graph, &input).unwrap());
        let layers: Vec<String> = inference.report.unwrap().layers.into_iter().map(|layer| layer.name).collect();
        assert_eq!(layers.first().map(String::as_str), Some("first"));
        assert!(layers.iter().any(|name| name == "second"), "{layers:?}");
    }
    // The first program, from it to the second, back, and again.
    assert_eq!(session.link_mut().resets, 4);
    let error = session.run(&[0; 49]).unwrap_err();
    assert!(matches!(error, DriverError::InputLength { found: 49, expected: 50, .. }), "{error}");
}

#[test]
fn a_model_that_fits_the_device_is_one_program_and_one_without_the_array_is_refused() {
    let target = target("custom,rows=4,columns=4");
    let model = compile_model(&bridged(Op::Relu), &target).unwrap();
    assert_eq!((model.steps.len(), model.host_operators().count()), (1, 0));

    let mut b = GraphBuilder::new();
    let x = b.input(&[1, 2, 5, 5], 8).unwrap();
    let y = b.op("abs", Op::Abs, &[x]).unwrap();
    let y = b.op("relu", Op::Relu, &[y]).unwrap();
    let graph = b.finish(vec![y], Postprocess::None).unwrap();
    let error = compile_model(&graph, &target).unwrap_err();
    assert_eq!(error.to_string(), "layer \"abs\" (abs): the cell has no such operator");
}

#[test]
fn layers_between_foreign_ones_that_do_not_need_the_array_stay_on_the_processor() {
    let target = target("custom,rows=4,columns=4");
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, 2, 5, 5], 8).unwrap();
    let w = b.param("w", Tensor::from_i8(&[2, 2, 1, 1], vec![1, 2, -3, 4]).unwrap(), 8).unwrap();
    let y = b.conv2d("conv", x, w, None, Conv2d::square(2, 1)).unwrap();
    let y = b.cvm_right_shift("requant", y, 8, 4).unwrap();
    let y = b.op("abs0", Op::Abs, &[y]).unwrap();
    let pool = MaxPool2d { pool_size: [2; 2], strides: [1; 2], padding: [0; 2], ceil_mode: false };
    let y = b.op("pool", Op::MaxPool2d(pool), &[y]).unwrap();
    let y = b.op("abs1", Op::Abs, &[y]).unwrap();
    let graph = b.finish(vec![y], Postprocess::None).unwrap();
    let model = compile_model(&graph, &target).unwrap();
    let host: Vec<(&str, bool)> = model
        .host_operators()
        .map(|operator| (operator.name.as_str(), operator.reason == HostReason::Shallow))
        .collect();
    assert_eq!(host, [("abs0", false), ("pool", true), ("abs1", false)]);
    let input: Vec<i32> = (0..50).map(|i| i * 29 % 255 - 127).collect();
    let found = session(&graph, model, &target).run(&input).unwrap();
    assert_eq!(values(&found), golden(&graph, &input).unwrap());
}
