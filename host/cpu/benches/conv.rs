//! Convolution layers on every path this machine has: GMAC/s, and ratios from one interleaved run.
//!
//! Each case is a network of a few equal layers (convolution, bias, rectifier, requantisation), so
//! that bringing the picture in and out weighs little. One thread. Answers are checked first: the
//! scalar path against golden, every other path against the scalar one.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use myelin_cpu::{Network, Options, Path, Workspace};
use myelin_graph::{Conv2d, Graph, GraphBuilder, KeepDims, Postprocess, Tensor, export};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds of the interleaved comparison.
const ROUNDS: usize = 15;

struct Case {
    name: &'static str,
    /// Channels before the first and behind every layer.
    channels: &'static [usize],
    side: usize,
    kernel: usize,
    groups: usize,
}

const CASES: [Case; 9] = [
    Case { name: "3x3 64->64 56x56", channels: &[64; 5], side: 56, kernel: 3, groups: 1 },
    Case { name: "3x3 256->256 14x14", channels: &[256; 5], side: 14, kernel: 3, groups: 1 },
    Case { name: "3x3 512->512 7x7", channels: &[512; 5], side: 7, kernel: 3, groups: 1 },
    Case { name: "1x1 64<->256 56x56", channels: &[64, 256, 64, 256, 64], side: 56, kernel: 1, groups: 1 },
    Case { name: "1x1 256<->1024 14x14", channels: &[256, 1024, 256, 1024, 256], side: 14, kernel: 1, groups: 1 },
    Case { name: "1x1 512<->2048 7x7", channels: &[512, 2048, 512, 2048, 512], side: 7, kernel: 1, groups: 1 },
    Case { name: "3x3 64 groups of 4 56x56", channels: &[256; 5], side: 56, kernel: 3, groups: 64 },
    Case { name: "3x3 64 groups of 16 14x14", channels: &[1024; 5], side: 14, kernel: 3, groups: 64 },
    Case { name: "3x3 depthwise 128 56x56", channels: &[128; 5], side: 56, kernel: 3, groups: 128 },
];

fn graph(case: &Case) -> Graph {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut b = GraphBuilder::new();
    let mut x = b.input(&[1, case.channels[0], case.side, case.side], 8).expect("a valid input");
    for (i, pair) in case.channels.windows(2).enumerate() {
        let shape = [pair[1], pair[0] / case.groups, case.kernel, case.kernel];
        let count = shape.iter().product::<usize>();
        let weights = (0..count).map(|_| rng.random_range(-127i32..=127) as i8).collect();
        let tensor = Tensor::from_i8(&shape, weights).expect("a valid tensor");
        let w = b.param(&format!("w{i}"), tensor, 8).expect("valid weights");
        let bias = (0..pair[1]).map(|_| rng.random_range(-9999..9999)).collect();
        let tensor = Tensor::from_i32(&[pair[1]], bias).expect("a valid tensor");
        let bias = b.param(&format!("b{i}"), tensor, 16).expect("a valid bias");
        let conv = Conv2d::square(pair[1], case.kernel).with_padding(case.kernel / 2).with_groups(case.groups);
        let y = b.conv2d(&format!("conv{i}"), x, w, Some(bias), conv).expect("a valid convolution");
        let y = b.relu(&format!("relu{i}"), y).expect("a rectifier");
        // Keeps about the spread of the data.
        let shift = 7 + (shape[1] * shape[2] * shape[3]).ilog2().div_ceil(2) as u8;
        x = b.cvm_right_shift(&format!("shift{i}"), y, 8, shift).expect("a requantisation");
    }
    let y = b.sum("sum", x, &[2, 3], KeepDims::No).expect("a sum");
    b.finish(vec![y], Postprocess::None).expect("a valid graph")
}

fn networks(graph: &Graph) -> Vec<(Path, Network, Workspace)> {
    let of = |path| {
        let network = Network::prepare(graph, &Options { threads: 1, path: Some(path) }).expect("an available path");
        let workspace = network.workspace();
        (path, network, workspace)
    };
    Path::available().into_iter().map(of).collect()
}

/// Every path's answer to one picture, which must be golden's.
fn check(case: &Case, graph: &Graph, networks: &mut [(Path, Network, Workspace)], input: &[i8]) {
    let (symbol, params) = export::cvm(graph);
    let golden = myelin_golden::Model::parse(&symbol, &params).expect("golden reads it");
    let expected = golden.run(input).expect("golden runs it").to_bytes();
    for (path, network, workspace) in networks {
        let found = network.run(workspace, input).expect("the engine runs it");
        assert_eq!(found.bytes(), expected, "{} on {path}", case.name);
    }
}

fn bench(c: &mut Criterion) {
    eprintln!("{:<28}{:>10}{:>14}{:>10}{:>12}", "case", "MMAC", "path", "GMAC/s", "x scalar");
    for case in &CASES {
        let graph = graph(case);
        let macs = graph.total_macs();
        let input: Vec<i8> = (0..graph.input_shape().elements()).map(|i| (i * 89 % 251) as u8 as i8 / 2).collect();
        let mut networks = networks(&graph);
        check(case, &graph, &mut networks, &input);
        let mut best = vec![Duration::MAX; networks.len()];
        for _ in 0..ROUNDS {
            for ((_, network, workspace), best) in networks.iter_mut().zip(&mut best) {
                let start = Instant::now();
                black_box(network.run(workspace, black_box(&input)).expect("it ran before"));
                *best = start.elapsed().min(*best);
            }
        }
        for ((path, _, _), time) in networks.iter().zip(&best) {
            let rate = macs as f64 / time.as_secs_f64() / 1e9;
            let ratio = best[0].as_secs_f64() / time.as_secs_f64();
            eprintln!("{:<28}{:>10.0}{:>14}{rate:>10.1}{ratio:>12.2}", case.name, macs as f64 / 1e6, path.name());
        }
        let mut group = c.benchmark_group(case.name);
        group.throughput(Throughput::Elements(macs));
        for (path, network, workspace) in &mut networks {
            // The scalar path takes long and is measured above.
            if *path != Path::Scalar {
                group.bench_function(BenchmarkId::from_parameter(path.name()), |b| {
                    b.iter(|| {
                        black_box(network.run(workspace, black_box(&input)).expect("it ran before").bytes().len())
                    })
                });
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = layers;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .without_plots();
    targets = bench
}
criterion_main!(layers);
