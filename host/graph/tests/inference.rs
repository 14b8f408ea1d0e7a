//! Shapes, precisions and rules of every operator, and the facts of finished graphs.

use myelin_graph::{
    Conv2d, ErrorClass, GraphBuilder, GraphError, GraphFault, KeepDims, MaxPool2d, NodeId, NonMaxSuppression, Op,
    Postprocess, Reduce, SliceAxis, StridedSlice, Tensor, ValueId,
};

/// An operand's shape and precision.
type Operand<'a> = (&'a [usize], u8);

/// Applies an operator to operands of these shapes and precisions; the results' shapes and
/// precisions.
fn infer(op: Op, operands: &[Operand<'_>]) -> Result<Vec<(Vec<usize>, u8)>, GraphFault> {
    let mut b = GraphBuilder::new();
    let mut inputs = Vec::new();
    for (i, &(shape, precision)) in operands.iter().enumerate() {
        let zeros = vec![0; shape.iter().product()];
        let tensor = Tensor::from_i8(shape, zeros).expect("a small shape");
        inputs.push(b.param(&format!("p{i}"), tensor, precision).expect("a valid parameter"));
    }
    let outputs = b.apply("op", op, &inputs).map_err(|e| e.fault)?;
    let shape = |v| b.shape(v).expect("a value of this builder").to_vec();
    let precision = |v| b.precision(v).expect("a value of this builder");
    Ok(outputs.into_iter().map(|v| (shape(v), precision(v))).collect())
}

#[track_caller]
fn assert_infers(op: Op, operands: &[Operand<'_>], shape: &[usize], precision: u8) {
    assert_eq!(infer(op, operands), Ok(vec![(shape.to_vec(), precision)]));
}

#[track_caller]
fn assert_refuses(op: Op, operands: &[Operand<'_>], message: &str) {
    let fault = infer(op, operands).expect_err("accepted");
    assert_eq!(fault.to_string(), message);
}

fn conv(channels: usize, size: usize) -> Conv2d {
    Conv2d::square(channels, size)
}

#[test]
fn convolutions_and_dense_layers() {
    let x: Operand<'_> = (&[2, 4, 9, 7], 8);
    let w: Operand<'_> = (&[6, 4, 3, 3], 8);
    // bits(4 * 3 * 3) = 6.
    assert_infers(Op::Conv2d(conv(6, 3)), &[x, w], &[2, 6, 7, 5], 22);
    let biased = Conv2d { use_bias: true, ..conv(6, 3).with_padding(1).with_stride(2) };
    assert_infers(Op::Conv2d(biased), &[x, w, (&[6], 16)], &[2, 6, 5, 4], 23);
    assert_infers(Op::Conv2d(biased), &[x, w, (&[6], 30)], &[2, 6, 5, 4], 31);
    let dilated = Conv2d { dilation: [4, 3], ..conv(6, 3) };
    assert_infers(Op::Conv2d(dilated), &[x, w], &[2, 6, 1, 1], 22);
    let grouped = conv(6, 3).with_groups(2);
    assert_infers(Op::Conv2d(grouped), &[x, (&[6, 2, 3, 3], 6)], &[2, 6, 7, 5], 19);
    // bits(64) = 7, bits(63) = 6.
    let dense = |units| Op::Dense(myelin_graph::Dense { units, use_bias: false });
    assert_infers(dense(5), &[(&[3, 64], 8), (&[5, 64], 4)], &[3, 5], 19);
    assert_infers(dense(5), &[(&[3, 63], 8), (&[5, 63], 4)], &[3, 5], 18);

    let rule = "conv2d: groups must divide input and output channels, found 3 groups of 4 -> 6 \
                channels";
    assert_refuses(Op::Conv2d(conv(6, 3).with_groups(3)), &[x, w], rule);
    let fit = "conv2d: the dilated kernel must fit the padded input, found a window of 9 over 7";
    assert_refuses(Op::Conv2d(Conv2d { dilation: [4, 4], ..conv(6, 3) }), &[x, w], fit);
    let wide = "conv2d needs a weight of at most 8 bits, found 9";
    assert_refuses(Op::Conv2d(conv(6, 3)), &[x, (w.0, 9)], wide);
    let bias = "conv2d: bias has shape (5), expected (6)";
    assert_refuses(Op::Conv2d(biased), &[x, w, (&[5], 8)], bias);
    assert_refuses(dense(5), &[(&[3, 4, 5], 8), (&[5, 5], 8)], "dense needs a 2-axis data, found shape (3, 4, 5)");
    let bias = infer(Op::Conv2d(biased), &[x, w, (&[5], 8)]).expect_err("accepted");
    assert_eq!(bias.class(), ErrorClass::Runtime);
}

#[test]
fn pools_and_upsampling() {
    let x: Operand<'_> = (&[1, 2, 7, 8], 8);
    assert_infers(Op::MaxPool2d(MaxPool2d::square(2, 2)), &[x], &[1, 2, 3, 4], 8);
    let ceil = MaxPool2d { ceil_mode: true, ..MaxPool2d::square(2, 2) };
    assert_infers(Op::MaxPool2d(ceil), &[x], &[1, 2, 4, 4], 8);
    let padded = MaxPool2d { padding: [1, 0], ..MaxPool2d::square(3, 2) };
    assert_infers(Op::MaxPool2d(padded), &[x], &[1, 2, 4, 3], 8);
    let rule = "max_pool2d: padding must be below pool_size, found 2 for a pool of 2";
    let pad = MaxPool2d { padding: [2, 0], ..MaxPool2d::square(2, 2) };
    assert_refuses(Op::MaxPool2d(pad), &[x], rule);
    let touch = "max_pool2d: the last window of ceil_mode must touch the input, found 2 windows \
                 over 1";
    let far = MaxPool2d { ceil_mode: true, padding: [1, 0], ..MaxPool2d::square(2, 2) };
    assert_refuses(Op::MaxPool2d(far), &[(&[1, 1, 1, 4], 8)], touch);
    let big = "max_pool2d: attribute pool_size is 9, expected 1 to 8";
    assert_refuses(Op::MaxPool2d(MaxPool2d::square(9, 1)), &[(&[1, 1, 8, 9], 8)], big);
    assert_infers(Op::Upsampling { scale: 3 }, &[x], &[1, 2, 21, 24], 8);
    assert_refuses(Op::Upsampling { scale: 0 }, &[x], "upsampling: attribute scale is 0, expected 1 to 4096");
}

#[test]
fn requantisation_and_clips() {
    let x: Operand<'_> = (&[2, 3], 20);
    let right = |precision, shift_bit| Op::CvmRightShift { precision, shift_bit };
    assert_infers(right(8, 32), &[x], x.0, 8);
    assert_refuses(right(8, 33), &[x], "cvm_right_shift: attribute shift_bit is 33, expected 1 to 32");
    assert_refuses(right(0, 1), &[x], "cvm_right_shift: attribute precision is 0, expected 1 to 32");
    let left = |precision, shift_bit| Op::CvmLeftShift { precision, shift_bit };
    assert_infers(left(32, 12), &[x], x.0, 32);
    let fault = infer(left(32, 13), &[x]).expect_err("accepted");
    assert_eq!(fault, GraphFault::LeftShift { precision: 20, shift_bit: 13 });
    assert_eq!(fault.class(), ErrorClass::Runtime);
    assert_infers(Op::CvmClip { precision: 4 }, &[x], x.0, 4);
    // The chain counts one bit more than needed.
    assert_infers(Op::Clip { a_min: -63, a_max: 62 }, &[x], x.0, 8);
    assert_infers(Op::Clip { a_min: -127, a_max: 127 }, &[x], x.0, 9);
    assert_infers(Op::Clip { a_min: 0, a_max: i32::MAX - 1 }, &[x], x.0, 32);
    assert_refuses(
        Op::Clip { a_min: 0, a_max: i32::MAX },
        &[x],
        "clip: the result needs 33 bits, at most 32 are possible",
    );
    assert_refuses(Op::Clip { a_min: 3, a_max: 3 }, &[x], "clip: a_min must be below a_max, found 3 and 3");
    assert_infers(Op::CvmPrecision, &[x], x.0, 6);
    assert_infers(Op::CvmLut { in_dim: 12 }, &[x, (&[3, 4], 5)], x.0, 5);
    assert_refuses(Op::CvmLut { in_dim: 11 }, &[x, (&[3, 4], 5)], "cvm_lut: table has shape (3, 4), expected (11)");
}

#[test]
fn elementwise_and_broadcast() {
    let (a, b): (Operand<'_>, Operand<'_>) = ((&[2, 3, 4], 7), (&[2, 3, 4], 9));
    for op in [Op::Relu, Op::Abs, Op::Negative] {
        assert_infers(op, &[a], a.0, 7);
    }
    assert_infers(Op::ElemwiseAdd, &[a, b], a.0, 10);
    assert_infers(Op::ElemwiseSub, &[b, a], a.0, 10);
    let shapes = "elemwise_add: second operand has shape (3, 4), expected (2, 3, 4)";
    assert_refuses(Op::ElemwiseAdd, &[a, (&[3, 4], 8)], shapes);
    let row: Operand<'_> = (&[3, 1], 9);
    assert_infers(Op::BroadcastAdd, &[a, row], a.0, 10);
    assert_infers(Op::BroadcastSub, &[row, a], a.0, 10);
    assert_infers(Op::BroadcastMul, &[a, row], a.0, 16);
    assert_infers(Op::BroadcastMax, &[a, row], a.0, 9);
    assert_infers(Op::BroadcastDiv, &[a, row], a.0, 7);
    assert_infers(Op::BroadcastGreater, &[a, row], a.0, 7);
    assert_infers(Op::BroadcastAdd, &[(&[5, 1, 4], 8), (&[6, 1, 3, 1], 8)], &[6, 5, 3, 4], 9);
    let shapes = "broadcast_add: second operand has shape (2), expected (2, 3, 4)";
    assert_refuses(Op::BroadcastAdd, &[a, (&[2], 8)], shapes);
    assert_refuses(
        Op::BroadcastMul,
        &[(a.0, 16), (a.0, 17)],
        "broadcast_mul: the result needs 33 bits, at most 32 are possible",
    );
    assert_infers(Op::Where, &[(a.0, 2), a, b], a.0, 2);
    assert_eq!(infer(Op::Where, &[(&[2], 2), a, a]), Err(GraphFault::RowCondition));
    assert_refuses(Op::Relu, &[a, a], "relu takes 1 operands, found 2");
}

#[test]
fn reductions() {
    let x: Operand<'_> = (&[2, 3, 4], 8);
    let reduce = |axes: &[usize], keepdims, exclude| Reduce { axes: axes.to_vec(), keepdims, exclude };
    // bits(3) = 2, bits(24) = 5, bits(8) = 4, bits(1) = 1.
    assert_infers(Op::Sum(reduce(&[1], false, false)), &[x], &[2, 4], 10);
    assert_infers(Op::Sum(reduce(&[1], true, false)), &[x], &[2, 1, 4], 10);
    assert_infers(Op::Sum(reduce(&[1], false, true)), &[x], &[3], 12);
    assert_infers(Op::Sum(reduce(&[], false, false)), &[x], &[1], 13);
    assert_infers(Op::Sum(reduce(&[], true, true)), &[x], &[1, 1, 1], 13);
    assert_infers(Op::Max(reduce(&[0, 1, 2], false, false)), &[x], &[1], 8);
    // Everything excluded: a copy.
    assert_infers(Op::Sum(reduce(&[0, 1, 2], false, true)), &[x], x.0, 9);
    let order = "sum: axes must ascend without repetition, found [1, 1]";
    assert_refuses(Op::Sum(reduce(&[1, 1], false, false)), &[x], order);
    let range = "max: attribute axis is 3, expected 0 to 2";
    assert_refuses(Op::Max(reduce(&[3], false, false)), &[x], range);
}

#[test]
fn moves() {
    let x: Operand<'_> = (&[2, 3, 4], 8);
    assert_infers(Op::Concatenate { axis: 1 }, &[x, (&[2, 5, 4], 11)], &[2, 8, 4], 11);
    let joins = "concatenate: operand has shape (2, 5, 3), expected (2, 3, 4)";
    assert_refuses(Op::Concatenate { axis: 1 }, &[x, (&[2, 5, 3], 8)], joins);
    assert_refuses(Op::Concatenate { axis: 0 }, &[], "concatenate takes 1 operands, found 0");
    assert_infers(Op::Repeat { repeats: 3, axis: 2 }, &[x], &[2, 3, 12], 8);
    assert_infers(Op::Tile { reps: vec![2, 5] }, &[x], &[2, 6, 20], 8);
    assert_infers(Op::Tile { reps: vec![7, 1, 1, 2] }, &[x], &[7, 2, 3, 8], 8);
    assert_infers(Op::Flatten, &[x], &[2, 12], 8);
    assert_infers(Op::Flatten, &[(&[5], 8)], &[5, 1], 8);
    assert_infers(Op::ExpandDims { axis: 3, num_newaxis: 2 }, &[x], &[2, 3, 4, 1, 1], 8);
    let room = "expand_dims: attribute num_newaxis is 4, expected 1 to 3";
    assert_refuses(Op::ExpandDims { axis: 0, num_newaxis: 4 }, &[x], room);
    assert_infers(Op::Squeeze { axes: vec![0, 2] }, &[(&[1, 3, 1], 8)], &[3], 8);
    assert_infers(Op::Squeeze { axes: vec![0, 1] }, &[(&[1, 1], 8)], &[1], 8);
    let ones = "squeeze: a squeezed axis must have length 1, found axis 1 of (2, 3, 4)";
    assert_refuses(Op::Squeeze { axes: vec![1] }, &[x], ones);
    assert_infers(Op::Transpose { axes: vec![2, 0, 1] }, &[x], &[4, 2, 3], 8);
    let once = "transpose: axes must name every axis once, found [0, 0, 1] for (2, 3, 4)";
    assert_refuses(Op::Transpose { axes: vec![0, 0, 1] }, &[x], once);
    assert_infers(Op::SliceLike { axes: vec![1] }, &[x, (&[9, 2], 8)], &[2, 2, 4], 8);
    assert_infers(Op::Take { axis: None }, &[x, (&[5, 6], 8)], &[5, 6], 8);
    assert_infers(Op::Take { axis: Some(1) }, &[x, (&[5, 6], 8)], &[2, 5, 6, 4], 8);
}

#[test]
fn reshape_codes() {
    let reshape = |shape: &[i64]| Op::Reshape { shape: shape.to_vec() };
    let x: Operand<'_> = (&[2, 3, 4], 8);
    for (codes, shape) in [
        (&[4, 0, 2][..], &[4, 3, 2][..]),
        (&[2, 0, 0], &[2, 3, 4]),
        (&[6, 1, -1], &[6, 1, 4]),
        (&[3, -1, 8], &[3, 1, 8]),
        (&[-1], &[24]),
        (&[-2], &[2, 3, 4]),
        (&[2, -2], &[2, 3, 4]),
        (&[-2, 1, 1], &[2, 3, 4, 1, 1]),
        (&[-3, 4], &[6, 4]),
        (&[0, -3], &[2, 12]),
        (&[-3, -2], &[6, 4]),
        (&[-4, 1, 2, -2], &[1, 2, 3, 4]),
        (&[2, -4, -1, 3, -2], &[2, 1, 3, 4]),
        (&[-9, 0, -9, -2], &[2, 3, 4]),
    ] {
        assert_infers(reshape(codes), &[x], shape, 8);
    }
    for codes in [
        &[5][..],
        &[-1, -1],
        &[0, 0, 0, 0],
        &[-5],
        // The chain's slip: -1 is the second code, so the second axis is inferred, and wrong.
        &[-2, -1],
        &[],
        &[-4, 3, 2, -2],
        &[-4, -1, -1, -2],
        &[-4, 2],
        &[-3, -3],
        &[i64::MAX, -1],
        &[-1, 7],
        &[1, 1, 1, 1, 1, 1, 24],
    ] {
        let fault = infer(reshape(codes), &[x]).expect_err("accepted");
        assert!(matches!(fault, GraphFault::Rule { op: "reshape", .. }), "{codes:?}: {fault}");
    }
}

#[test]
fn strided_slices() {
    let slice = |begin: &[i64], end: &[i64], stride: &[i64]| StridedSlice {
        begin: begin.to_vec(),
        end: end.to_vec(),
        stride: stride.to_vec(),
    };
    let axis = |begin, step, count| SliceAxis { begin, step, count };
    let whole = slice(&[0, 0, -1], &[2, 3, 0], &[1, 1, -1]);
    let expected = vec![axis(0, 1, 2), axis(0, 1, 3), axis(3, -1, 3)];
    assert_eq!(whole.resolve(&[2, 3, 4]), Some(expected));
    let x: Operand<'_> = (&[2, 3, 4], 8);
    assert_infers(Op::StridedSlice(whole), &[x], &[2, 3, 3], 8);
    let short = slice(&[1], &[2], &[]);
    assert_eq!(short.resolve(&[2, 9]), Some(vec![axis(1, 1, 1), axis(0, 1, 9)]));
    let clamped = slice(&[-100], &[100], &[4]);
    assert_eq!(clamped.resolve(&[9]), Some(vec![axis(0, 4, 3)]));
    let all_backwards = slice(&[100], &[-100], &[-2]);
    assert_eq!(all_backwards.resolve(&[9]), Some(vec![axis(8, -2, 5)]));
    for empty in [slice(&[1], &[1], &[]), slice(&[0], &[1], &[0]), slice(&[0], &[3], &[-1])] {
        assert_eq!(empty.resolve(&[4]), None);
    }
    let extreme = slice(&[i64::MIN], &[i64::MAX], &[i64::MIN]);
    assert_eq!(extreme.resolve(&[4]), None);
    let extreme = slice(&[i64::MAX], &[i64::MIN], &[i64::MIN]);
    assert_eq!(extreme.resolve(&[4]), Some(vec![axis(3, i64::MIN, 1)]));
}

#[test]
fn detection() {
    let boxes: Operand<'_> = (&[2, 5, 6], 9);
    let nms = NonMaxSuppression { iou_threshold: 50, force_suppress: false, top_k: -1, max_output_size: -1 };
    assert_infers(Op::NonMaxSuppression(nms), &[boxes, (&[2], 8)], boxes.0, 9);
    let count = "non_max_suppression: valid_count has shape (3), expected (2)";
    assert_refuses(Op::NonMaxSuppression(nms), &[boxes, (&[3], 8)], count);
    // bits(5 * 6 + 1) + 1.
    let counts = infer(Op::GetValidCounts { score_threshold: 0 }, &[boxes]);
    assert_eq!(counts, Ok(vec![(vec![2], 6), (vec![2, 5, 6], 9)]));
    let rows = "get_valid_counts: rows must have 2 to 31 entries, found (2, 5, 32)";
    assert_refuses(Op::GetValidCounts { score_threshold: 0 }, &[(&[2, 5, 32], 8)], rows);
}

#[test]
fn keeps_the_chains_limits() {
    let mut b = GraphBuilder::new();
    let x = b.input(&[1 << 15, 1 << 15], 8).expect("exactly 2^30 elements");
    assert_eq!(b.clone().finish(vec![x], Postprocess::None).map(|g| g.storage_size()), Ok(1 << 32));
    let y = b.relu("y", x).expect("as large again");
    let e = b.clone().finish(vec![y], Postprocess::None).expect_err("8 GiB accepted");
    assert_eq!(e.fault, GraphFault::StorageSize { found: 1 << 33, max: 1 << 32 });
    let e = b.op("z", Op::Repeat { repeats: 2, axis: 0 }, &[x]).expect_err("2^31 elements");
    let message = "node 2 \"z\": shape starting (65536, 32768) has element count 2147483648, \
                   expected 1 to 1073741824";
    assert_eq!(e.to_string(), message);
    // Two layers of 2^21 results, each of 3 * 2^17 operations: 1.5 * 2^40 together.
    let mut b = GraphBuilder::new();
    let x = b.input(&[1 << 11, 1 << 17], 6).expect("a valid input");
    let w = Tensor::from_i8(&[1 << 10, 1 << 17], vec![0; 1 << 27]).expect("a valid tensor");
    let w = b.param("w", w, 6).expect("a valid parameter");
    let y = b.dense("y", x, w, None).expect("a valid layer");
    let z = b.dense("z", x, w, None).expect("a valid layer");
    let e = b.finish(vec![y, z], Postprocess::None).expect_err("too many operations");
    assert_eq!(e.class(), ErrorClass::Logic);
    assert!(matches!(e.fault, GraphFault::OperationCount { max, .. } if max == 1 << 40), "{e}");
}

#[test]
fn an_error_leaves_the_builder_as_it_was() {
    let mut b = GraphBuilder::new();
    let x = b.input(&[2, 3], 8).expect("a valid input");
    assert!(b.input(&[2, 3], 8).is_err());
    assert!(b.param("p", Tensor::from_i8(&[1], vec![127]).expect("a tensor"), 7).is_err());
    assert!(b.param("data", Tensor::from_i8(&[1], vec![0]).expect("a tensor"), 7).is_err());
    assert!(b.param("p", Tensor::from_i8(&[1], vec![0]).expect("a tensor"), 33).is_err());
    assert!(b.op("t", Op::Transpose { axes: vec![0] }, &[x]).is_err());
    assert!(b.relu("r", ValueId(7)).is_err());
    let p = b.param("p", Tensor::from_i8(&[1], vec![63]).expect("a tensor"), 7);
    assert_eq!(p, Ok(ValueId(1)));
    let y = b.broadcast_mul("y", x, ValueId(1)).expect("a valid product");
    let e = b.clone().finish(vec![ValueId(3)], Postprocess::None).expect_err("a stray head");
    assert!(matches!(e, GraphError { node: None, fault: GraphFault::UnknownValue { .. } }));
    let g = b.finish(vec![y], Postprocess::None).expect("a valid graph");
    assert_eq!((g.node_count(), g.value_count()), (3, 3));
}

#[test]
fn answers_a_compilers_questions() -> Result<(), GraphError> {
    let mut b = GraphBuilder::new();
    let x = b.input(&[1, 4, 6, 6], 8)?;
    let w = b.param("w", Tensor::from_i8(&[4, 4, 3, 3], vec![3; 144])?, 8)?;
    let bias = b.param("b", Tensor::from_i32(&[4], vec![1000, -1000, 5, 0])?, 16)?;
    let c = b.conv2d("conv", x, w, Some(bias), conv(4, 3).with_padding(1))?;
    let q = b.cvm_right_shift("requant", c, 8, 9)?;
    let sum = b.elemwise_add("sum", q, x)?;
    let q2 = b.cvm_clip("clip", sum, 8)?;
    let pool = b.max_pool2d("pool", q2, MaxPool2d::square(2, 2))?;
    let mean = b.sum("total", pool, &[2, 3], KeepDims::No)?;
    let both = b.concatenate("both", &[mean, mean], 1)?;
    let g = b.finish(vec![both, mean], Postprocess::None)?;

    assert_eq!(g.consumers(x), [NodeId(3), NodeId(5)]);
    assert_eq!(g.consumers(mean), [NodeId(9), NodeId(9)]);
    assert_eq!(g.consumers(both), []);
    assert_eq!(g.producer(q).name, "requant");
    assert!(g.is_head(mean) && !g.is_head(q));
    assert_eq!(g.operators().count(), 7);
    assert_eq!(g.shape(pool).nchw(), Some([1, 4, 3, 3]));
    assert_eq!(g.param(w).map(|t| t.get(143)), Some(Some(3)));
    assert_eq!(g.param(c), None);
    let names: Vec<&str> = g.params().map(|(name, _)| name).collect();
    assert_eq!(names, ["w", "b"]);
    assert_eq!(g.macs(NodeId(3)), 4 * 36 * 36);
    assert_eq!(g.total_macs(), g.macs(NodeId(3)));
    assert_eq!(g.node(g.find("sum").expect("the node")).inputs, [q, x]);
    // Precision 8 + bits(9) = 12.
    assert_eq!((g.precision(mean), g.output_type_size(), g.output_length()), (12, 4, 48));
    assert_eq!((g.input_type_size(), g.input_length()), (1, 144));
    Ok(())
}

#[test]
fn lengths_follow_the_postprocessing() -> Result<(), GraphError> {
    let with = |postprocess| {
        let mut b = GraphBuilder::new();
        let x = b.input(&[2, 5, 6], 8)?;
        let y = b.relu("y", x)?;
        let z = b.concatenate("z", &[y, x], 2)?;
        let g = b.finish(vec![y, z], postprocess)?;
        Ok::<_, GraphError>((g.output_type_size(), g.output_length()))
    };
    assert_eq!(with(Postprocess::None)?, (1, 180));
    assert_eq!(with(Postprocess::Other("softmax".into()))?, (1, 180));
    // One index for each row of each head.
    assert_eq!(with(Postprocess::Argmax)?, (4, 4 * 20));
    // Five rows of 6 and 12: the batch does not count.
    assert_eq!(with(Postprocess::Detection)?, (4, 4 * 5 * 18));
    Ok(())
}
