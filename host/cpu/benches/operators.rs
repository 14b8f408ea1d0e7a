//! Every operator beside `memcpy`: bytes moved per second, on one thread, on the fastest path.
//!
//! An operator that does little with an element should not be slower than memory. Each case is a graph
//! of the operator alone; its step is timed inside the network ([`Network::profile`]), so that bringing
//! the input in and the answer out does not count. In the same rounds `memcpy` copies as many bytes as
//! the step moves. That copy may stay in cache; memory itself is `memcpy` between buffers far beyond the
//! caches, at the top. Answers are checked against golden first.
//!
//! `cargo bench -p myelin-cpu --bench operators [-- FILTER]`; `MYELIN_CPU_PATH` chooses another path.

use myelin_cpu::{Network, Options, StepReport};
use myelin_graph::{
    Conv2d, Dense, Graph, GraphBuilder, MaxPool2d, NonMaxSuppression, Op, Postprocess, Reduce, StridedSlice, Tensor,
    ValueId, export,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds of each case; the best counts.
const ROUNDS: usize = 30;

const SHAPE: [usize; 4] = [1, 128, 56, 56];

struct Case {
    name: &'static str,
    /// Precision of the input: 8 for bytes, more for words.
    precision: u8,
    /// The kind of step that is measured, and which one of that kind.
    step: (&'static str, usize),
    build: fn(&mut Builder, ValueId) -> Vec<ValueId>,
}

/// A graph being built, with constants of its own.
struct Builder {
    b: GraphBuilder,
    rng: ChaCha8Rng,
    count: usize,
}

impl Builder {
    fn op(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.count += 1;
        self.b.op(&format!("n{}", self.count), op, inputs).expect("a valid operator")
    }

    fn param(&mut self, shape: &[usize], limit: i32) -> ValueId {
        self.count += 1;
        let rng = &mut self.rng;
        let values = (0..shape.iter().product()).map(|_| rng.random_range(-limit..=limit)).collect();
        let precision = if limit < 128 { 8 } else { 24 };
        let tensor = Tensor::from_i32(shape, values).expect("a valid tensor");
        self.b.param(&format!("p{}", self.count), tensor, precision).expect("a valid parameter")
    }

    /// The same value as a picture with the channel last.
    fn picture(&mut self, x: ValueId) -> ValueId {
        self.op(max_pool(1, 1), &[x])
    }
}

fn requantise(shift_bit: u8) -> Op {
    Op::CvmRightShift { precision: 8, shift_bit }
}

fn max_pool(window: usize, stride: usize) -> Op {
    Op::MaxPool2d(MaxPool2d { pool_size: [window; 2], strides: [stride; 2], padding: [0; 2], ceil_mode: false })
}

fn reduce(axes: &[usize]) -> Reduce {
    Reduce { axes: axes.to_vec(), keepdims: false, exclude: false }
}

/// One value for each channel, against the whole picture, requantised where that widens it.
fn channel(s: &mut Builder, x: ValueId, op: Op) -> Vec<ValueId> {
    let other = s.param(&[1, SHAPE[1], 1, 1], 127);
    let y = s.op(op, &[x, other]);
    vec![s.op(requantise(3), &[y])]
}

fn conv(s: &mut Builder, x: ValueId, conv: Conv2d) -> Vec<ValueId> {
    let w = s.param(&[conv.channels, SHAPE[1] / conv.groups, conv.kernel[0], conv.kernel[1]], 127);
    let y = s.op(Op::Conv2d(Conv2d { use_bias: false, ..conv }), &[x, w]);
    vec![s.op(requantise(9), &[y])]
}

const CASES: &[Case] = &[
    Case { name: "relu", precision: 8, step: ("map", 0), build: |s, x| vec![s.op(Op::Relu, &[x])] },
    Case { name: "abs", precision: 8, step: ("map", 0), build: |s, x| vec![s.op(Op::Abs, &[x])] },
    Case { name: "negative", precision: 8, step: ("map", 0), build: |s, x| vec![s.op(Op::Negative, &[x])] },
    Case {
        name: "clip",
        precision: 8,
        step: ("map", 0),
        build: |s, x| vec![s.op(Op::Clip { a_min: -20, a_max: 60 }, &[x])],
    },
    Case { name: "shift 8 bit", precision: 8, step: ("map", 0), build: |s, x| vec![s.op(requantise(2), &[x])] },
    Case { name: "shift 32 bit", precision: 24, step: ("map", 0), build: |s, x| vec![s.op(requantise(16), &[x])] },
    Case {
        name: "cvm_clip 32 bit",
        precision: 24,
        step: ("map", 0),
        build: |s, x| vec![s.op(Op::CvmClip { precision: 8 }, &[x])],
    },
    Case { name: "cvm_precision", precision: 8, step: ("map", 0), build: |s, x| vec![s.op(Op::CvmPrecision, &[x])] },
    Case {
        name: "cvm_lut",
        precision: 8,
        step: ("map", 0),
        build: |s, x| {
            let table = s.param(&[128], 127);
            vec![s.op(Op::CvmLut { in_dim: 128 }, &[x, table])]
        },
    },
    Case {
        name: "elemwise_add, shift",
        precision: 8,
        step: ("map", 0),
        build: |s, x| {
            let other = s.param(&SHAPE, 127);
            let y = s.op(Op::ElemwiseAdd, &[x, other]);
            vec![s.op(requantise(1), &[y])]
        },
    },
    Case {
        name: "elemwise_add 32 bit",
        precision: 24,
        step: ("map", 0),
        build: |s, x| {
            let other = s.param(&SHAPE, 1 << 20);
            vec![s.op(Op::ElemwiseAdd, &[x, other])]
        },
    },
    Case {
        name: "broadcast_add channel",
        precision: 8,
        step: ("binary", 0),
        build: |s, x| channel(s, x, Op::BroadcastAdd),
    },
    Case {
        name: "broadcast_mul channel",
        precision: 8,
        step: ("binary", 0),
        build: |s, x| channel(s, x, Op::BroadcastMul),
    },
    Case {
        name: "broadcast_max channel",
        precision: 8,
        step: ("binary", 0),
        build: |s, x| channel(s, x, Op::BroadcastMax),
    },
    Case {
        name: "broadcast_div channel",
        precision: 8,
        step: ("binary", 0),
        build: |s, x| channel(s, x, Op::BroadcastDiv),
    },
    Case {
        name: "broadcast_mul channel last",
        precision: 8,
        step: ("binary", 0),
        build: |s, x| {
            let x = s.picture(x);
            channel(s, x, Op::BroadcastMul)
        },
    },
    Case {
        name: "broadcast_greater whole",
        precision: 8,
        step: ("binary", 0),
        build: |s, x| {
            let other = s.param(&SHAPE, 127);
            vec![s.op(Op::BroadcastGreater, &[x, other])]
        },
    },
    Case {
        name: "where",
        precision: 8,
        step: ("where", 0),
        build: |s, x| {
            let (condition, other) = (s.param(&SHAPE, 1), s.param(&SHAPE, 127));
            vec![s.op(Op::Where, &[condition, x, other])]
        },
    },
    Case {
        name: "max_pool 2x2 s2",
        precision: 8,
        step: ("max_pool", 0),
        build: |s, x| vec![s.op(max_pool(2, 2), &[x])],
    },
    Case {
        name: "max_pool 3x3 s2",
        precision: 8,
        step: ("max_pool", 0),
        build: |s, x| vec![s.op(max_pool(3, 2), &[x])],
    },
    Case {
        name: "channel to the end",
        precision: 8,
        step: ("gather", 0),
        build: |s, x| conv(s, x, Conv2d::square(16, 1)),
    },
    Case {
        name: "channel from the end",
        precision: 8,
        step: ("gather", 1),
        build: |s, x| {
            let x = s.picture(x);
            vec![s.op(Op::Flatten, &[x])]
        },
    },
    Case {
        name: "upsampling 2",
        precision: 8,
        step: ("gather", 1),
        build: |s, x| vec![s.op(Op::Upsampling { scale: 2 }, &[x])],
    },
    Case {
        name: "concatenate",
        precision: 8,
        step: ("gather", 0),
        build: |s, x| {
            let y = s.op(Op::Relu, &[x]);
            let z = s.op(Op::Concatenate { axis: 1 }, &[x, y]);
            vec![s.op(Op::Abs, &[z])]
        },
    },
    Case {
        name: "concatenate channel last",
        precision: 8,
        step: ("gather", 1),
        build: |s, x| {
            let (x, y) = (s.picture(x), s.op(max_pool(1, 1), &[x]));
            let z = s.op(Op::Concatenate { axis: 1 }, &[x, y]);
            vec![s.op(max_pool(1, 1), &[z])]
        },
    },
    Case {
        name: "repeat along channels",
        precision: 8,
        step: ("gather", 0),
        build: |s, x| {
            let y = s.op(Op::Repeat { repeats: 2, axis: 1 }, &[x]);
            vec![s.op(Op::Abs, &[y])]
        },
    },
    Case {
        name: "repeat along columns",
        precision: 8,
        step: ("gather", 0),
        build: |s, x| {
            let y = s.op(Op::Repeat { repeats: 2, axis: 3 }, &[x]);
            vec![s.op(Op::Abs, &[y])]
        },
    },
    Case {
        name: "tile",
        precision: 8,
        step: ("gather", 0),
        build: |s, x| {
            let y = s.op(Op::Tile { reps: vec![1, 1, 2, 2] }, &[x]);
            vec![s.op(Op::Abs, &[y])]
        },
    },
    Case {
        name: "transpose rows and columns",
        precision: 8,
        step: ("gather", 0),
        build: |s, x| {
            let y = s.op(Op::Transpose { axes: vec![0, 1, 3, 2] }, &[x]);
            vec![s.op(Op::Abs, &[y])]
        },
    },
    Case {
        name: "transpose 32 bit",
        precision: 24,
        step: ("gather", 0),
        build: |s, x| {
            let y = s.op(Op::Transpose { axes: vec![0, 2, 3, 1] }, &[x]);
            vec![s.op(Op::Abs, &[y])]
        },
    },
    Case {
        name: "strided_slice 2 of columns",
        precision: 8,
        step: ("gather", 0),
        build: |s, x| {
            let slice = StridedSlice { begin: vec![], end: vec![], stride: vec![1, 1, 1, 2] };
            let y = s.op(Op::StridedSlice(slice), &[x]);
            vec![s.op(Op::Abs, &[y])]
        },
    },
    Case {
        name: "slice_like rows",
        precision: 8,
        step: ("gather", 0),
        build: |s, x| {
            let like = s.param(&[1, 1, SHAPE[2] / 2, 1], 1);
            let y = s.op(Op::SliceLike { axes: vec![2] }, &[x, like]);
            vec![s.op(Op::Abs, &[y])]
        },
    },
    Case {
        name: "take channels",
        precision: 8,
        step: ("take", 0),
        build: |s, x| {
            let indices = s.param(&[SHAPE[1]], 127);
            vec![s.op(Op::Take { axis: Some(1) }, &[x, indices])]
        },
    },
    Case {
        name: "take single elements",
        precision: 8,
        step: ("take", 0),
        build: |s, x| {
            let indices = s.param(&[1 << 17], (1 << 19) - 1);
            vec![s.op(Op::Take { axis: None }, &[x, indices])]
        },
    },
    Case {
        name: "cvm_lut computed table",
        precision: 8,
        step: ("take", 0),
        build: |s, x| {
            let table = s.param(&[128], 127);
            let table = s.op(Op::Abs, &[table]);
            vec![s.op(Op::CvmLut { in_dim: 128 }, &[x, table])]
        },
    },
    Case {
        name: "sum rows and columns",
        precision: 8,
        step: ("reduce", 0),
        build: |s, x| vec![s.op(Op::Sum(reduce(&[2, 3])), &[x])],
    },
    Case {
        name: "sum, channel last",
        precision: 8,
        step: ("spatial", 0),
        build: |s, x| {
            let x = s.picture(x);
            vec![s.op(Op::Sum(reduce(&[2, 3])), &[x])]
        },
    },
    Case {
        name: "sum channels",
        precision: 8,
        step: ("reduce", 0),
        build: |s, x| vec![s.op(Op::Sum(reduce(&[1])), &[x])],
    },
    Case {
        name: "sum columns",
        precision: 8,
        step: ("reduce", 0),
        build: |s, x| vec![s.op(Op::Sum(reduce(&[3])), &[x])],
    },
    Case { name: "max rows", precision: 8, step: ("reduce", 0), build: |s, x| vec![s.op(Op::Max(reduce(&[2])), &[x])] },
    Case {
        name: "max all 32 bit",
        precision: 24,
        step: ("reduce", 0),
        build: |s, x| vec![s.op(Op::Max(reduce(&[])), &[x])],
    },
    Case {
        name: "get_valid_counts",
        precision: 8,
        step: ("valid_counts", 0),
        build: |s, x| {
            let x = s.op(Op::Reshape { shape: vec![1, -1, 8] }, &[x]);
            let op = Op::GetValidCounts { score_threshold: 0 };
            let outputs = s.b.apply("valid", op, &[x]).expect("a valid operator");
            vec![outputs[1]]
        },
    },
    Case {
        name: "dense 1024",
        precision: 8,
        step: ("conv", 0),
        build: |s, x| {
            let x = s.op(Op::Reshape { shape: vec![98, -1] }, &[x]);
            let x = s.op(Op::StridedSlice(StridedSlice { begin: vec![0], end: vec![1], stride: vec![1] }), &[x]);
            let w = s.param(&[1024, 4096], 127);
            vec![s.op(Op::Dense(Dense { units: 1024, use_bias: false }), &[x, w])]
        },
    },
    Case {
        // Four, so that the weights of one have left the caches when its turn comes again.
        name: "dense 4096, from memory",
        precision: 8,
        step: ("conv", 1),
        build: |s, x| {
            let x = s.op(Op::Reshape { shape: vec![98, -1] }, &[x]);
            let slice = StridedSlice { begin: vec![0], end: vec![1], stride: vec![1] };
            let mut x = s.op(Op::StridedSlice(slice), &[x]);
            for _ in 0..4 {
                let w = s.param(&[4096, 4096], 127);
                x = s.op(Op::Dense(Dense { units: 4096, use_bias: false }), &[x, w]);
                x = s.op(requantise(12), &[x]);
            }
            vec![x]
        },
    },
    Case {
        name: "depthwise 3x3",
        precision: 8,
        step: ("depthwise", 0),
        build: |s, x| conv(s, x, Conv2d::square(SHAPE[1], 3).with_padding(1).with_groups(SHAPE[1])),
    },
    Case {
        name: "depthwise 3x3 s2",
        precision: 8,
        step: ("depthwise", 0),
        build: |s, x| conv(s, x, Conv2d::square(SHAPE[1], 3).with_padding(1).with_stride(2).with_groups(SHAPE[1])),
    },
    Case {
        name: "depthwise 3x3 dilated",
        precision: 8,
        step: ("depthwise", 0),
        build: |s, x| {
            let conv_2 = Conv2d { dilation: [2, 2], ..Conv2d::square(SHAPE[1], 3).with_padding(2) };
            conv(s, x, conv_2.with_groups(SHAPE[1]))
        },
    },
];

/// Boxes of the suppression, whose work grows with their square.
const BOXES: usize = 1000;

fn suppression() -> Graph {
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, BOXES, 6], 8).expect("a valid input");
    let count = b.param("count", Tensor::from_i32(&[1], vec![BOXES as i32]).expect("a tensor"), 16).expect("a count");
    let op = NonMaxSuppression { iou_threshold: 50, force_suppress: true, top_k: -1, max_output_size: -1 };
    let y = b.op("nms", Op::NonMaxSuppression(op), &[x, count]).expect("a suppression");
    b.finish(vec![y], Postprocess::None).expect("a valid graph")
}

fn graph(case: &Case) -> Graph {
    let mut b = GraphBuilder::new();
    let x = b.input(&SHAPE, case.precision).expect("a valid input");
    let mut s = Builder { b, rng: ChaCha8Rng::seed_from_u64(1), count: 0 };
    let heads = (case.build)(&mut s, x);
    s.b.finish(heads, Postprocess::None).expect("a valid graph")
}

/// The best report of one step of a kind, and the best time of `memcpy` for as many bytes.
fn measure(graph: &Graph, name: &str, (step, index): (&str, usize)) -> (StepReport, Duration) {
    let network = Network::prepare(graph, &Options::default()).expect("an available path");
    let mut workspace = network.workspace();
    let limit = myelin_graph::precision_limit(graph.input_precision());
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let input: Vec<i32> = (0..graph.input_shape().elements()).map(|_| rng.random_range(-limit..=limit)).collect();
    let (symbol, params) = export::cvm(graph);
    let golden = myelin_golden::Model::parse(&symbol, &params).expect("golden reads it");
    let expected = golden.run_i32(&input).expect("golden runs it").to_bytes();
    let found = network.run_i32(&mut workspace, &input).expect("the engine runs it");
    assert_eq!(found.bytes(), expected, "{name}");

    let mut best: Option<StepReport> = None;
    let mut copy = Duration::MAX;
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let reports = network.profile(&mut workspace, &input).expect("it ran before");
        let report = reports.into_iter().filter(|report| report.name == step).nth(index).expect("the step is there");
        from.resize(report.bytes as usize / 2, 1u8);
        to.resize(report.bytes as usize / 2, 0u8);
        let start = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        copy = copy.min(start.elapsed());
        best = Some(best.filter(|best| best.time <= report.time).unwrap_or(report));
    }
    (best.expect("invariant: there are rounds"), copy)
}

/// Bytes far beyond the caches, and the pieces of them that are timed: short enough to run undisturbed.
const BYTES: usize = 256 << 20;
const PIECE: usize = 8 << 20;

/// The best time of a piece, all pieces five times in turn.
fn best_piece(mut work: impl FnMut(std::ops::Range<usize>)) -> f64 {
    let mut best = Duration::MAX;
    for piece in (0..5).flat_map(|_| 0..BYTES / PIECE) {
        let start = Instant::now();
        work(piece * PIECE..(piece + 1) * PIECE);
        best = best.min(start.elapsed());
    }
    best.as_secs_f64()
}

/// Bytes that `memcpy` reads and writes in memory, in GB/s.
fn memory_rate() -> f64 {
    let (from, mut to) = (vec![1u8; BYTES], vec![0u8; BYTES]);
    let best = best_piece(|piece| {
        to[piece.clone()].copy_from_slice(black_box(&from[piece]));
        black_box(&mut to);
    });
    2.0 * PIECE as f64 / best / 1e9
}

/// Bytes that a plain loop reads from memory, in GB/s.
fn read_rate() -> f64 {
    let words = vec![1u64; BYTES / 8];
    let best = best_piece(|piece| {
        let words = black_box(&words[piece.start / 8..piece.end / 8]);
        black_box(words.iter().fold(0u64, |sum, &word| sum.wrapping_add(word)));
    });
    PIECE as f64 / best / 1e9
}

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let path = Network::prepare(&graph(&CASES[0]), &Options::default()).expect("an available path").path();
    let memory = memory_rate();
    let read = read_rate();
    println!("path {path}, one thread; bytes read and written once each");
    println!("beyond the caches: memcpy {memory:.1} GB/s, a plain read {read:.1} GB/s");
    println!("{:<28}{:>8}{:>10}{:>9}{:>10}{:>14}", "operator", "MB", "us", "GB/s", "x memory", "memcpy GB/s");
    let mut all: Vec<(&str, Graph, (&str, usize))> =
        CASES.iter().map(|case| (case.name, graph(case), case.step)).collect();
    all.push(("non_max_suppression 1000", suppression(), ("nms", 0)));
    for (name, graph, step) in all.iter().filter(|(name, ..)| name.contains(&filter)) {
        let (report, copy) = measure(graph, name, *step);
        let rate = |time: Duration| report.bytes as f64 / time.as_secs_f64() / 1e9;
        let (megabytes, us) = (report.bytes as f64 / 1e6, report.time.as_secs_f64() * 1e6);
        let (own, copied) = (rate(report.time), rate(copy));
        println!("{name:<28}{megabytes:>8.2}{us:>10.1}{own:>9.1}{:>10.2}{copied:>14.1}", own / memory);
    }
}
