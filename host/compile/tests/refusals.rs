//! What is refused, where, and in which words.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use myelin_compile::memory::MemoryModel;
use myelin_compile::{CompileError, Refusal, compile, compile_resident};
use myelin_graph::{Conv2d, Graph, GraphBuilder, GraphError, MaxPool2d, Op, Postprocess, Reduce, Tensor, ValueId};
use myelin_isa::{Architecture, Precision};

fn cell() -> Architecture {
    Architecture::new(8, 8, Precision::Int8).unwrap()
}

/// A graph on a 4 x 6 x 6 input.
fn graph(build: impl Fn(&mut GraphBuilder, ValueId) -> Result<ValueId, GraphError>) -> Graph {
    graph_of(&[1, 4, 6, 6], 8, build)
}

fn graph_of(
    shape: &[usize],
    precision: u8,
    build: impl Fn(&mut GraphBuilder, ValueId) -> Result<ValueId, GraphError>,
) -> Graph {
    let mut b = GraphBuilder::new();
    let data = b.input(shape, precision).unwrap();
    let head = build(&mut b, data).unwrap();
    b.finish(vec![head], Postprocess::None).unwrap()
}

fn refuse(graph: &Graph, cell: &Architecture) -> CompileError {
    compile(graph, cell).map(drop).unwrap_err()
}

/// Why a graph does not fit on the cell as a whole.
fn refuse_resident(graph: &Graph, cell: &Architecture) -> CompileError {
    compile_resident(graph, cell, &MemoryModel::IDEAL).map(drop).unwrap_err()
}

/// A 3 x 3 convolution of `channels` channels with all weights `weight`.
fn conv(
    b: &mut GraphBuilder,
    name: &str,
    x: ValueId,
    channels: usize,
    weight: i8,
    bias: Option<i32>,
) -> Result<ValueId, GraphError> {
    let inputs = b.shape(x).unwrap()[1];
    let weights = vec![weight; channels * inputs * 9];
    let w = b.param(&format!("{name}_weight"), Tensor::from_i8(&[channels, inputs, 3, 3], weights)?, 8)?;
    let bias = match bias {
        None => None,
        Some(bias) => {
            Some(b.param(&format!("{name}_bias"), Tensor::from_i32(&[channels], vec![bias; channels])?, 31)?)
        }
    };
    b.conv2d(name, x, w, bias, Conv2d::square(channels, 3).with_padding(1))
}

fn refusal(graph: &Graph) -> (String, Refusal) {
    match refuse(graph, &cell()) {
        CompileError::Unsupported { place, refusal } => (place.layer, refusal),
        other => panic!("{other}"),
    }
}

#[test]
fn an_operator_without_hardware_is_named() {
    let graph = graph(|b, x| b.op("mirror", Op::Negative, &[x]));
    let error = refuse(&graph, &cell());
    assert_eq!(error.to_string(), "layer \"mirror\" (negative): the cell has no such operator");
    assert!(error.hint().is_some());
}

#[test]
fn operators_that_no_head_needs_do_not_matter() {
    let mut b = GraphBuilder::new();
    let data = b.input(&[1, 4, 6, 6], 8).unwrap();
    b.op("mirror", Op::Negative, &[data]).unwrap();
    let head = b.relu("relu", data).unwrap();
    compile(&b.finish(vec![head], Postprocess::None).unwrap(), &cell()).unwrap();
}

#[test]
fn a_batch_is_refused() {
    let graph = graph_of(&[2, 4, 6, 6], 8, |b, x| b.relu("relu", x));
    assert!(matches!(refuse(&graph, &cell()), CompileError::Batch { found: 2, .. }));
}

#[test]
fn an_input_of_three_axes_is_refused() {
    let graph = graph_of(&[1, 4, 6], 8, |b, x| b.relu("relu", x));
    assert_eq!(refusal(&graph), ("data".to_owned(), Refusal::InputRank { axes: 3 }));
}

#[test]
fn a_value_that_is_not_requantised_cannot_be_stored() {
    let graph = graph(|b, x| {
        let y = conv(b, "a", x, 4, 1, None)?;
        let z = conv(b, "b", x, 4, 1, None)?;
        b.elemwise_add("sum", y, z)
    });
    let error = refuse(&graph, &cell());
    let expected = "layer \"a\" (conv2d): the result reaches -4572..=4572, an int8 lane holds +-127";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_int6_cell_names_the_layer_whose_weights_are_wide() {
    let graph = graph_of(&[1, 4, 6, 6], 6, |b, x| {
        let y = conv(b, "a", x, 4, 31, None)?;
        let y = b.cvm_right_shift("requant", y, 6, 5)?;
        conv(b, "b", y, 4, -32, None)
    });
    let cell = Architecture::new(8, 8, Precision::Int6).unwrap();
    let error = refuse(&graph, &cell);
    assert_eq!(error.place().layer, "b");
    assert!(matches!(error, CompileError::Range { what: "a weight", .. }), "{error}");
}

/// The chain's precision rules leave no graph that could overflow; the proof's own refusals are
/// tested beside it.
#[test]
fn the_widest_sums_that_the_chain_admits_are_accepted() {
    let widest = graph(|b, x| conv(b, "a", x, 4, 127, Some((1 << 30) - 1)));
    compile(&widest, &cell()).unwrap();
}

#[test]
fn two_shifts_without_room_between_them_are_refused() {
    let graph = graph(|b, x| {
        let y = conv(b, "a", x, 4, 127, None)?;
        let y = b.cvm_right_shift("first", y, 16, 2)?;
        b.cvm_right_shift("second", y, 8, 8)
    });
    assert_eq!(refusal(&graph), ("second".to_owned(), Refusal::SecondShift));
}

#[test]
fn two_shifts_with_a_stored_value_between_them_are_two_layers() {
    let graph = graph(|b, x| {
        let y = conv(b, "a", x, 4, 127, None)?;
        let y = b.cvm_right_shift("first", y, 8, 12)?;
        b.cvm_right_shift("second", y, 8, 1)
    });
    let names: Vec<String> = compile(&graph, &cell()).unwrap().layers.into_iter().map(|layer| layer.name).collect();
    assert_eq!(names, ["a", "second"]);
}

#[test]
fn constants_are_no_activations() {
    let graph = graph(|b, x| {
        let c = b.param("c", Tensor::from_i8(&[1, 4, 6, 6], vec![1; 144])?, 8)?;
        b.elemwise_add("sum", x, c)
    });
    assert_eq!(refusal(&graph), ("sum".to_owned(), Refusal::ConstantOperand));
}

#[test]
fn computed_weights_are_refused() {
    let graph = graph_of(&[1, 16], 8, |b, x| b.dense("fc", x, x, None));
    assert_eq!(refusal(&graph), ("fc".to_owned(), Refusal::ComputedParameter));
}

#[test]
fn only_channels_can_be_joined() {
    let rows = graph(|b, x| b.concatenate("join", &[x, x], 2));
    assert_eq!(refusal(&rows), ("join".to_owned(), Refusal::JoinedAxis));
    let flattened = graph(|b, x| {
        let flat = b.flatten("flat", x)?;
        b.concatenate("join", &[flat, flat], 1)
    });
    assert_eq!(refusal(&flattened), ("join".to_owned(), Refusal::JoinedAxis));
}

#[test]
fn sums_of_differently_ordered_values_are_refused() {
    let graph = graph(|b, x| {
        let flat = b.flatten("flat", x)?;
        let w = b.param("w", Tensor::from_i8(&[144, 144], vec![0; 144 * 144])?, 8)?;
        let y = b.dense("fc", flat, w, None)?;
        b.elemwise_add("sum", flat, y)
    });
    let (layer, refusal) = refusal(&graph);
    assert_eq!(layer, "sum");
    assert_eq!(refusal, Refusal::Order { a: [4, 6, 6], b: [144, 1, 1] });
}

#[test]
fn a_pool_of_wide_values_needs_its_windows_in_one_tile() {
    let pooled = graph(|b, x| {
        let y = conv(b, "a", x, 4, 127, None)?;
        b.max_pool2d("pool", y, MaxPool2d::square(3, 2))
    });
    compile(&pooled, &cell()).unwrap();
    let small = cell().with_accumulator_depth(16).unwrap();
    let error = refuse_resident(&pooled, &small);
    let refusal = Refusal::WidePool { accumulators: 16 };
    assert!(matches!(&error, CompileError::Unsupported { refusal: found, .. } if *found == refusal), "{error}");
}

#[test]
fn memories_that_are_too_small_are_named_with_the_layer_and_the_numbers() {
    let two = graph(|b, x| {
        let y = conv(b, "a", x, 64, 1, None)?;
        let y = b.cvm_right_shift("requant", y, 8, 6)?;
        conv(b, "b", y, 64, 1, None)
    });
    let needed = |cell: Architecture| match refuse_resident(&two, &cell) {
        CompileError::Capacity { place, memory, needed, available, .. } => (place.layer, memory, needed, available),
        other => panic!("{other}"),
    };
    let small = cell().with_activation_lanes(1024).unwrap();
    assert_eq!(needed(small), ("requant".to_owned(), "the activation scratchpad", 144 + 64 * 36, 1024));
    let small = cell().with_weight_words(1024).unwrap();
    // 3 x 2 tiles for each of 8 x 8 columns, 4 words each, then as much of b as overruns.
    let words = 3 * 2 * 8 * 4;
    let b_words = 3 * 24 * 4;
    assert_eq!(needed(small), ("b".to_owned(), "the weight scratchpad", words + 3 * b_words, 1024));
    let small = cell().with_instruction_depth(16).unwrap();
    assert_eq!(needed(small).1, "the instruction memory");
}

#[test]
fn a_cell_without_room_for_one_result_is_refused_with_what_it_takes() {
    let graph = graph(|b, x| conv(b, "a", x, 4, 1, None));
    // Three rows of three pixels of four lanes, in rows of 24; four lanes of results in two planes.
    let small = cell().with_activation_lanes(64).unwrap();
    let error = refuse(&graph, &small).to_string();
    assert_eq!(error, "layer \"a\" (conv2d): the activation scratchpad needs 88 lanes, 56 are available");
    compile(&graph, &cell().with_activation_lanes(128).unwrap()).unwrap();
}

#[test]
fn sums_over_other_axes_than_rows_and_columns_are_refused() {
    let axes = Reduce { axes: vec![1], keepdims: true, exclude: false };
    let graph = graph(|b, x| b.op("total", Op::Sum(axes.clone()), &[x]));
    assert_eq!(refusal(&graph), ("total".to_owned(), Refusal::ReducedAxes));
}

#[test]
fn biases_that_do_not_fit_are_refused() {
    let graph = graph(|b, x| {
        let biases: Vec<i32> = (0..32).collect();
        let w = b.param("w", Tensor::from_i8(&[32, 4, 1, 1], vec![1; 128])?, 8)?;
        let bias = b.param("b", Tensor::from_i32(&[32], biases)?, 8)?;
        b.conv2d("a", x, w, Some(bias), Conv2d::square(32, 1))
    });
    let error = refuse_resident(&graph, &cell().with_bias_words(2).unwrap());
    let expected = "layer \"a\" (conv2d): the bias memory needs 3 words, 2 are available";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn sizes_beyond_the_instructions_fields_are_refused() {
    let tall = graph_of(&[1, 1, 40000, 1], 8, |b, x| {
        let w = b.param("w", Tensor::from_i8(&[1, 1, 1, 1], vec![1])?, 8)?;
        b.conv2d("a", x, w, None, Conv2d::square(1, 1))
    });
    let cell = cell().with_activation_lanes(1 << 20).unwrap();
    assert!(matches!(refuse(&tall, &cell), CompileError::Limit { found: 40000, max: 0x7fff, .. }));
}
