//! Shapes that kernels treat specially, on every path against golden: groups of every width, depthwise,
//! and moves and folds beyond the sizes of random graphs.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use myelin_graph::{Conv2d, Graph, GraphBuilder, MaxPool2d, Op, Postprocess, Reduce, StridedSlice, Tensor, ValueId};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

fn check(graph: &Graph, rng: &mut ChaCha8Rng, what: &str) {
    let limit = myelin_graph::precision_limit(graph.input_precision());
    let golden = common::golden(graph);
    let count = graph.input_shape().elements();
    let random: Vec<i32> = (0..count).map(|_| rng.random_range(-limit..=limit)).collect();
    let extreme: Vec<i32> = (0..count).map(|_| *[-limit, limit].choose(rng).unwrap()).collect();
    let answers = [random, extreme].map(|input| (golden.run_i32(&input), input));
    for path in common::paths() {
        for threads in [1, 2] {
            let network = common::network(graph, path, threads);
            for (answer, input) in &answers {
                common::compare_answer(answer, &network, input, what);
            }
        }
    }
}

fn conv(shape: [usize; 4], conv: Conv2d, requantised: bool, rng: &mut ChaCha8Rng) -> Graph {
    let mut b = GraphBuilder::new();
    let x = b.input(&shape, 8).unwrap();
    let dims = [conv.channels, shape[1] / conv.groups, conv.kernel[0], conv.kernel[1]];
    let extreme: bool = rng.random();
    let weights = (0..dims.iter().product())
        .map(|_| if extreme { *[-127, 127].choose(rng).unwrap() } else { rng.random_range(-127i32..=127) })
        .map(|w| w as i8)
        .collect();
    let w = b.param("w", Tensor::from_i8(&dims, weights).unwrap(), 8).unwrap();
    let bias = (0..conv.channels).map(|_| rng.random_range(-9999..9999)).collect();
    let bias = b.param("b", Tensor::from_i32(&[conv.channels], bias).unwrap(), 16).unwrap();
    let mut y = b.conv2d("conv", x, w, Some(bias), conv).unwrap();
    if requantised {
        y = b.cvm_right_shift("shift", y, 8, 9).unwrap();
    }
    b.finish(vec![y], Postprocess::None).unwrap()
}

#[test]
fn groups_of_every_width_are_golden_on_every_path() {
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    // Groups, channels of a group in and out.
    let widths = [
        (16, 4, 4),
        (8, 8, 8),
        (4, 16, 16),
        (2, 32, 32),
        (3, 64, 64),
        (6, 4, 4),
        (12, 4, 8),
        (8, 4, 2),
        (5, 8, 4),
        (4, 12, 4),
        (2, 4, 40),
        (7, 3, 5),
        (4, 8, 16),
        (10, 8, 1),
    ];
    for (groups, group_in, group_out) in widths {
        for (kernel, strides, dilation, padding) in
            [([3, 3], [1, 1], [1, 1], [1, 1]), ([3, 2], [2, 1], [1, 2], [2, 0]), ([1, 1], [1, 1], [1, 1], [0, 0])]
        {
            let channels = groups * group_out;
            let attributes = Conv2d { channels, kernel, strides, padding, dilation, groups, use_bias: true };
            let shape = [1 + usize::from(groups == 6), groups * group_in, 9, 11];
            let graph = conv(shape, attributes, rng.random(), &mut rng);
            check(&graph, &mut rng, &format!("{groups} groups of {group_in} to {group_out}, kernel {kernel:?}"));
        }
    }
}

#[test]
fn depthwise_convolutions_are_golden_on_every_path() {
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    for channels in [8, 16, 17, 31, 33, 64, 65, 100, 130, 1030] {
        for (kernel, strides, dilation, padding) in [
            ([3, 3], [1, 1], [1, 1], [1, 1]),
            ([5, 1], [1, 2], [1, 1], [2, 0]),
            ([2, 4], [2, 1], [2, 1], [3, 3]),
            ([1, 1], [1, 1], [1, 1], [0, 0]),
        ] {
            let attributes = Conv2d { channels, kernel, strides, padding, dilation, groups: channels, use_bias: true };
            let (h, w) = if channels > 1000 { (6, 5) } else { (8, 13) };
            let graph = conv([1 + channels % 2, channels, h, w], attributes, rng.random(), &mut rng);
            check(&graph, &mut rng, &format!("{channels} channels, kernel {kernel:?}"));
        }
    }
}

/// A graph of one operator, and one of the same operator on a picture with the channel last.
fn moves(op: &Op, shape: [usize; 4], precision: u8) -> [Graph; 2] {
    [false, true].map(|picture| {
        let mut b = GraphBuilder::new();
        let mut x: ValueId = b.input(&shape, precision).unwrap();
        if picture {
            let pool = MaxPool2d { pool_size: [1; 2], strides: [1; 2], padding: [0; 2], ceil_mode: false };
            x = b.op("picture", Op::MaxPool2d(pool), &[x]).unwrap();
        }
        let y = b.op("moved", op.clone(), &[x]).unwrap();
        // Something behind it, so that its own result is stored as the planner likes.
        let z = b.op("behind", Op::Negative, &[y]).unwrap();
        b.finish(vec![z, y], Postprocess::None).unwrap()
    })
}

#[test]
fn moves_and_folds_of_larger_pictures_are_golden_on_every_path() {
    let mut rng = ChaCha8Rng::seed_from_u64(43);
    let reduce = |axes: &[usize], keepdims, exclude| Reduce { axes: axes.to_vec(), keepdims, exclude };
    let slice = StridedSlice { begin: vec![0, -1, 2], end: vec![2, 0, 19], stride: vec![1, -3, 2] };
    let pool = |window: usize, padding: usize| {
        Op::MaxPool2d(MaxPool2d { pool_size: [window, 2], strides: [2, 1], padding: [padding, 0], ceil_mode: true })
    };
    let mut ops = vec![
        Op::Transpose { axes: vec![0, 2, 3, 1] },
        Op::Transpose { axes: vec![3, 1, 0, 2] },
        Op::Transpose { axes: vec![2, 3, 1, 0] },
        Op::Repeat { repeats: 2, axis: 3 },
        Op::Repeat { repeats: 3, axis: 1 },
        Op::Tile { reps: vec![2, 1, 2] },
        Op::StridedSlice(slice),
        Op::Upsampling { scale: 2 },
        Op::Flatten,
        pool(3, 1),
        pool(2, 0),
    ];
    let axes = [&[][..], &[1], &[2, 3], &[3], &[2], &[0, 2], &[0, 1, 3], &[1, 3]];
    for (i, axes) in axes.into_iter().enumerate() {
        let [keepdims, exclude] = [i % 3 == 1, i % 3 == 2];
        ops.push(Op::Sum(reduce(axes, keepdims, exclude)));
        ops.push(Op::Max(reduce(axes, false, false)));
    }
    for op in ops {
        for (shape, precision) in [([1, 70, 19, 21], 8), ([1, 24, 40, 1], 8), ([2, 17, 20, 9], 18)] {
            if matches!(op, Op::MaxPool2d(_)) && shape[3] < 2 {
                // The window is two wide.
                continue;
            }
            for graph in moves(&op, shape, precision) {
                check(&graph, &mut rng, &format!("{op:?} of {shape:?}, {precision} bits"));
            }
        }
    }
}

#[test]
fn a_run_is_given_up_at_its_deadline_and_the_workspace_stays_good() {
    // Computed weights, so the slowest of convolutions: minutes of work.
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, 64, 64, 64], 8).unwrap();
    let w = b.param("w", Tensor::from_i8(&[512, 64, 9, 9], vec![3; 512 * 64 * 81]).unwrap(), 8).unwrap();
    let w = b.op("computed", Op::Negative, &[w]).unwrap();
    let mut y = b.conv2d("conv", x, w, None, Conv2d::square(512, 9).with_padding(4)).unwrap();
    y = b.op("clip", Op::CvmClip { precision: 8 }, &[y]).unwrap();
    let graph = b.finish(vec![y], Postprocess::None).unwrap();
    let input = vec![1i8; graph.input_shape().elements()];
    for path in common::paths() {
        let network = common::network(&graph, path, 1);
        let mut workspace = network.workspace();
        let start = Instant::now();
        let late = network.run_until(&mut workspace, &input, start + Duration::from_millis(20));
        assert_eq!(late, Err(myelin_cpu::Error::Deadline), "{path}");
    }
}

#[test]
fn a_deadline_far_away_changes_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(44);
    let graph = conv([1, 16, 8, 8], Conv2d::square(16, 3).with_padding(1), true, &mut rng);
    let input = vec![1i8; graph.input_shape().elements()];
    let network = common::network(&graph, myelin_cpu::Path::fastest(), 1);
    let (mut a, mut b) = (network.workspace(), network.workspace());
    let far = Instant::now() + Duration::from_secs(3600);
    assert_eq!(network.run_until(&mut a, &input, far).unwrap(), network.run(&mut b, &input).unwrap());
}

#[test]
fn a_profile_names_every_step_and_what_it_moves() {
    let mut rng = ChaCha8Rng::seed_from_u64(45);
    let graph = conv([1, 16, 8, 8], Conv2d::square(16, 3).with_padding(1).with_groups(16), true, &mut rng);
    let network = common::network(&graph, myelin_cpu::Path::fastest(), 1);
    let mut workspace = network.workspace();
    let steps = network.profile(&mut workspace, &vec![1; graph.input_shape().elements()]).unwrap();
    let depthwise = steps.iter().find(|step| step.name == "depthwise").unwrap();
    // Data in and out, and nine weights filled up to twelve for every channel.
    assert_eq!(depthwise.bytes, 2 * 16 * 64 + 12 * 16);
}
