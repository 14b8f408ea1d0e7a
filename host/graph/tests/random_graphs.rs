//! Random graphs of every operator: what the builder accepts survives export and import.
//!
//! A failure prints the command that replays it alone.

use myelin_graph::import::{self, Limits};
use myelin_graph::{
    Conv2d, Dense, FormatVersion, Graph, GraphBuilder, MaxPool2d, NonMaxSuppression, Op, Postprocess, Reduce,
    StridedSlice, Tensor, ValueId, export, precision_limit,
};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

const GRAPHS: u64 = 3000;
const STEPS: usize = 24;
const SEED_VARIABLE: &str = "MYELIN_GRAPH_SEED";

/// How many nodes of each operator were accepted.
type Coverage = BTreeMap<&'static str, usize>;

struct Maker<R> {
    rng: R,
    b: GraphBuilder,
    values: Vec<ValueId>,
    count: usize,
}

impl<R: Rng> Maker<R> {
    fn new(mut rng: R) -> Self {
        let mut b = GraphBuilder::new();
        let shapes: [&[usize]; 5] = [&[1, 4, 6, 6], &[2, 3, 5, 4], &[3, 8], &[2, 5, 6], &[1, 1, 7]];
        let shape = *shapes.choose(&mut rng).expect("there are shapes");
        let precision = *[8, 8, 8, 6, 4, 20].choose(&mut rng).expect("there are precisions");
        let x = b.input(shape, precision).expect("a valid input");
        Self { rng, b, values: vec![x], count: 0 }
    }

    fn name(&mut self) -> String {
        self.count += 1;
        // Names that need escapes, and names that are used twice by operators.
        let word = *["n", "layer \"x\"", "a\\b", "tab\t", "ä", "same"].choose(&mut self.rng).expect("there are words");
        if word == "same" { word.to_owned() } else { format!("{word}{}", self.count) }
    }

    fn value(&mut self) -> ValueId {
        *self.values.choose(&mut self.rng).expect("there is the input")
    }

    fn shape(&self, value: ValueId) -> Vec<usize> {
        self.b.shape(value).expect("a value of this builder").to_vec()
    }

    fn param(&mut self, shape: &[usize], precision: u8) -> Option<ValueId> {
        if shape.iter().product::<usize>() > 1 << 16 {
            return None;
        }
        let limit = precision_limit(precision);
        let rng = &mut self.rng;
        let count = shape.iter().product();
        let tensor = if precision <= 8 && rng.random() {
            let data = (0..count).map(|_| rng.random_range(-limit..=limit) as i8).collect();
            Tensor::from_i8(shape, data)
        } else {
            let data = (0..count).map(|_| rng.random_range(-limit..=limit)).collect();
            Tensor::from_i32(shape, data)
        };
        let name = format!("p{}", self.name());
        self.b.param(&name, tensor.ok()?, precision).ok()
    }

    fn small(&mut self) -> usize {
        // Mostly sensible, now and then not.
        match self.rng.random_range(0..40) {
            0 => *[0, 33, 4096, 4097, 1 << 24, usize::MAX].choose(&mut self.rng).expect("some"),
            _ => self.rng.random_range(1..4),
        }
    }

    fn axes(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|_| self.rng.random()).collect()
    }

    /// Tries to add one operator; nothing happens if it does not fit.
    fn step(&mut self, coverage: &mut Coverage) {
        let x = self.value();
        let shape = self.shape(x);
        let Some((op, inputs)) = self.operator(x, &shape) else { return };
        let (name, op_name) = (self.name(), op.name());
        if let Ok(outputs) = self.b.apply(&name, op, &inputs) {
            *coverage.entry(op_name).or_default() += 1;
            // Keeps graphs from growing beyond what is quick to look at.
            let small = |&v: &ValueId| self.b.shape(v).is_some_and(|s| s.elements() <= 1 << 14);
            self.values.extend(outputs.into_iter().filter(small));
        }
    }

    fn operator(&mut self, x: ValueId, shape: &[usize]) -> Option<(Op, Vec<ValueId>)> {
        let rank = shape.len();
        let axis = self.rng.random_range(0..=rank);
        let unary = |op| Some((op, vec![x]));
        match self.rng.random_range(0..27) {
            0 | 1 => self.conv2d(x, shape),
            2 => {
                let units = self.rng.random_range(1..9);
                let use_bias = self.rng.random();
                let mut inputs = vec![x, self.param(&[units, *shape.last()?], 8)?];
                if use_bias {
                    inputs.push(self.param(&[units], 16)?);
                }
                Some((Op::Dense(Dense { units, use_bias }), inputs))
            }
            3 => unary(Op::MaxPool2d(MaxPool2d {
                pool_size: [self.small(), self.small()],
                strides: [self.small(), self.small()],
                padding: [self.rng.random_range(0..2), self.rng.random_range(0..2)],
                ceil_mode: self.rng.random(),
            })),
            4 => unary(Op::Upsampling { scale: self.small() }),
            5 => {
                let (precision, shift_bit) = (self.rng.random_range(1..33), self.rng.random_range(1..33));
                let right = self.rng.random_range(0..4) > 0;
                unary(match right {
                    true => Op::CvmRightShift { precision: precision.min(8), shift_bit },
                    false => Op::CvmLeftShift { precision, shift_bit: shift_bit / 4 },
                })
            }
            6 => unary(Op::CvmClip { precision: self.rng.random_range(0..12) }),
            7 => {
                let (a_min, a_max) = (self.rng.random_range(-100..100), self.rng.random_range(-100..100));
                unary(Op::Clip { a_min, a_max })
            }
            8 => {
                let length = self.rng.random_range(1..20);
                Some((Op::CvmLut { in_dim: length }, vec![x, self.param(&[length], 7)?]))
            }
            9 => {
                let ops = [Op::Relu, Op::Abs, Op::Negative, Op::CvmPrecision, Op::Flatten];
                unary(ops.choose(&mut self.rng)?.clone())
            }
            10 => {
                let op = [Op::ElemwiseAdd, Op::ElemwiseSub].choose(&mut self.rng)?.clone();
                Some((op, vec![x, x]))
            }
            11 | 12 => {
                let ops = [
                    Op::BroadcastAdd,
                    Op::BroadcastSub,
                    Op::BroadcastMul,
                    Op::BroadcastMax,
                    Op::BroadcastDiv,
                    Op::BroadcastGreater,
                ];
                let op = ops.choose(&mut self.rng)?.clone();
                let mut other = shape[self.rng.random_range(0..rank)..].to_vec();
                let at = self.rng.random_range(0..other.len());
                other[at] = 1;
                let other = self.param(&other, 8)?;
                Some((op, vec![x, other]))
            }
            13 | 14 => {
                let axes = self.axes(rank);
                let (keepdims, exclude) = (self.rng.random(), self.rng.random());
                let reduce = Reduce { axes, keepdims, exclude };
                unary(if self.rng.random() { Op::Sum(reduce) } else { Op::Max(reduce) })
            }
            15 => Some((Op::Concatenate { axis }, vec![x; self.rng.random_range(1..4)])),
            16 => unary(Op::Repeat { repeats: self.small(), axis }),
            17 => {
                let count = self.rng.random_range(1..=rank);
                let reps = (0..count).map(|_| self.small()).collect();
                unary(Op::Tile { reps })
            }
            18 => {
                let codes = [-4, -3, -2, -1, -1, 0, 0, 1, 2, 3, shape[0] as i64];
                let count = self.rng.random_range(1..5);
                let shape = (0..count).map(|_| *codes.choose(&mut self.rng).expect("codes"));
                unary(Op::Reshape { shape: shape.collect() })
            }
            19 => unary(Op::ExpandDims { axis, num_newaxis: self.rng.random_range(1..3) }),
            20 => unary(Op::Squeeze { axes: (0..rank).filter(|&i| shape[i] == 1).collect() }),
            21 => {
                let mut axes: Vec<usize> = (0..rank).collect();
                axes.rotate_left(self.rng.random_range(0..rank));
                axes.swap(0, self.rng.random_range(0..rank));
                unary(Op::Transpose { axes })
            }
            22 => {
                let rng = &mut self.rng;
                let mut list =
                    |low, high| (0..rng.random_range(0..=rank)).map(|_| rng.random_range(low..high)).collect();
                let (begin, end, stride) = (list(-7i64, 7), list(-7, 7), list(-2, 3));
                unary(Op::StridedSlice(StridedSlice { begin, end, stride }))
            }
            23 => {
                let mut like = shape.to_vec();
                let axes = self.axes(rank);
                for &axis in &axes {
                    like[axis] = like[axis].div_ceil(2);
                }
                Some((Op::SliceLike { axes }, vec![x, self.param(&like, 8)?]))
            }
            24 => {
                let indices = self.param(&[2, 3], 6)?;
                let axis = (axis < rank).then_some(axis);
                Some((Op::Take { axis }, vec![x, indices]))
            }
            25 => {
                let (condition, other) = (self.param(shape, 2)?, self.param(shape, 8)?);
                Some((Op::Where, vec![condition, x, other]))
            }
            _ => {
                if rank != 3 || self.rng.random() {
                    let score_threshold = self.rng.random_range(-5..50);
                    return unary(Op::GetValidCounts { score_threshold });
                }
                let op = Op::NonMaxSuppression(NonMaxSuppression {
                    iou_threshold: self.rng.random_range(1..100),
                    force_suppress: self.rng.random(),
                    top_k: self.rng.random_range(-1..4),
                    max_output_size: self.rng.random_range(-1..4),
                });
                Some((op, vec![x, self.param(&[shape[0]], 6)?]))
            }
        }
    }

    fn conv2d(&mut self, x: ValueId, shape: &[usize]) -> Option<(Op, Vec<ValueId>)> {
        let &[_, c, _, _] = shape else { return None };
        let groups = if self.rng.random() { 1 } else { c };
        let attributes = Conv2d {
            channels: groups * self.rng.random_range(1..4),
            kernel: [self.rng.random_range(1..4), self.rng.random_range(1..4)],
            strides: [self.small(), self.small()],
            padding: [self.rng.random_range(0..3), self.rng.random_range(0..3)],
            dilation: [self.rng.random_range(1..3), self.rng.random_range(1..3)],
            groups,
            use_bias: self.rng.random(),
        };
        let [kh, kw] = attributes.kernel;
        let mut inputs = vec![x, self.param(&[attributes.channels, c / groups, kh, kw], 8)?];
        if attributes.use_bias {
            inputs.push(self.param(&[attributes.channels], 18)?);
        }
        Some((Op::Conv2d(attributes), inputs))
    }

    fn finish(mut self) -> Option<Graph> {
        let words = ["", "argmax", "detection", "softmax", "\"quoted\""];
        let postprocess = Postprocess::from(*words.choose(&mut self.rng)?);
        let heads = (0..self.rng.random_range(1..4)).map(|_| self.value()).collect();
        self.b.finish(heads, postprocess).ok()
    }
}

fn check(seed: u64, coverage: &mut Coverage) -> Option<Graph> {
    let mut maker = Maker::new(ChaCha8Rng::seed_from_u64(seed));
    for _ in 0..STEPS {
        maker.step(coverage);
    }
    let graph = maker.finish()?;
    let (symbol, params) = export::cvm(&graph);
    let again = import::cvm(&symbol, &params, &Limits::default());
    assert_eq!(again.as_ref(), Ok(&graph));
    assert_eq!(graph.version(), FormatVersion::V1_1);
    let operations = import::operation_count(&symbol, &Limits::default());
    assert_eq!(operations, Ok(graph.operation_count()));
    check_golden(&graph, &symbol, &params);
    Some(graph)
}

/// The golden model, which shares no code with this crate, reads the same facts from the files.
fn check_golden(graph: &Graph, symbol: &[u8], params: &[u8]) {
    let golden = myelin_golden::Model::parse(symbol, params).expect("golden reads it too");
    assert_eq!(golden.input_shape(), &graph.input_shape()[..]);
    assert_eq!(golden.input_length() as u64, graph.input_length());
    assert_eq!(golden.output_length() as u64, graph.output_length());
    assert_eq!(golden.output_type_size() as u64, graph.output_type_size());
    assert_eq!(golden.storage_size(), graph.storage_size());
    let operations = golden.operation_count().expect("golden counts it too");
    assert_eq!(operations, graph.operation_count());
}

#[test]
fn every_accepted_graph_survives_export_and_import() {
    let only = std::env::var(SEED_VARIABLE).ok().map(|s| s.parse::<u64>().expect("a number"));
    let seeds = only.map_or(0..GRAPHS, |seed| seed..seed + 1);
    let (mut coverage, mut finished) = (Coverage::new(), 0);
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| check(seed, &mut coverage))) {
            Ok(graph) => finished += usize::from(graph.is_some()),
            Err(_) => panic!(
                "a random graph failed; replay with\n  \
                 {SEED_VARIABLE}={seed} cargo test -p myelin-graph --test random_graphs"
            ),
        }
    }
    println!("{finished} graphs of {coverage:?}");
    if only.is_none() {
        assert!(finished as u64 > GRAPHS * 9 / 10, "only {finished} graphs finished");
        assert_eq!(coverage.len(), 37, "an operator was never accepted: {coverage:?}");
        assert!(coverage.values().all(|&n| n >= 20), "{coverage:?}");
    }
}
