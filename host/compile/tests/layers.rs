//! What small graphs become: which operators share a layer, and what is stored where.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use myelin_compile::emulate::Session;
use myelin_compile::memory::MemoryModel;
use myelin_compile::{LayerKind, Output, OutputEncoding, Program, compile, compile_resident};
use myelin_graph::{Conv2d, GraphBuilder, GraphError, MaxPool2d, Postprocess, Tensor, ValueId};
use myelin_isa::{Architecture, Instruction, Precision};

fn cell() -> Architecture {
    Architecture::new(8, 8, Precision::Int8).unwrap()
}

fn program(
    cell: &Architecture,
    shape: &[usize],
    build: impl Fn(&mut GraphBuilder, ValueId) -> Result<Vec<ValueId>, GraphError>,
) -> Program {
    let mut b = GraphBuilder::new();
    let data = b.input(shape, 8).unwrap();
    let heads = build(&mut b, data).unwrap();
    compile(&b.finish(heads, Postprocess::None).unwrap(), cell).unwrap()
}

fn kinds(program: &Program) -> Vec<LayerKind> {
    program.layers.iter().map(|layer| layer.kind).collect()
}

fn drains(program: &Program) -> usize {
    program.cells[0].instructions.iter().filter(|i| matches!(i, Instruction::Drain { .. })).count()
}

/// A 1 x 1 convolution of `channels` channels, all weights 1.
fn mix(b: &mut GraphBuilder, name: &str, x: ValueId, channels: usize) -> Result<ValueId, GraphError> {
    let inputs = b.shape(x).unwrap()[1];
    let ones = Tensor::from_i8(&[channels, inputs, 1, 1], vec![1; channels * inputs])?;
    let w = b.param(&format!("{name}_weight"), ones, 8)?;
    b.conv2d(name, x, w, None, Conv2d::square(channels, 1))
}

#[test]
fn an_input_can_be_a_head() {
    let program = program(&cell(), &[1, 3, 2, 1], |b, x| Ok(vec![x, b.flatten("flat", x)?]));
    assert!(program.layers.is_empty());
    let heads = Session::new(&program).unwrap().infer(&[1i8, 2, 3, 4, 5, -128]).unwrap();
    // -128 is clamped as the chain does.
    assert_eq!(heads, [[1, 2, 3, 4, 5, -127], [1, 2, 3, 4, 5, -127]]);
}

#[test]
fn relu_clips_and_one_shift_join_their_convolution() {
    let program = program(&cell(), &[1, 2, 3, 3], |b, x| {
        let y = mix(b, "a", x, 4)?;
        let y = b.relu("relu", y)?;
        let y = b.cvm_right_shift("requant", y, 8, 1)?;
        Ok(vec![b.cvm_clip("clip", y, 5)?])
    });
    assert_eq!(kinds(&program), [LayerKind::Convolution]);
    let heads = Session::new(&program).unwrap().infer(&[3i8; 18]).unwrap();
    assert_eq!(heads, [[3; 36]]);
    let heads = Session::new(&program).unwrap().infer(&[-100i8; 18]).unwrap();
    assert_eq!(heads, [[0; 36]]);
    let heads = Session::new(&program).unwrap().infer(&[100i8; 18]).unwrap();
    assert_eq!(heads, [[15; 36]]);
}

#[test]
fn a_pool_joins_its_convolution_when_its_windows_fit_a_tile() {
    let build = |b: &mut GraphBuilder, x| {
        let y = mix(b, "a", x, 4)?;
        let y = b.cvm_right_shift("requant", y, 8, 1)?;
        Ok(vec![b.max_pool2d("pool", y, MaxPool2d::square(3, 2))?])
    };
    let whole = program(&cell(), &[1, 2, 7, 7], build);
    assert_eq!(kinds(&whole), [LayerKind::Convolution]);
    assert_eq!(whole.layers[0].shape, [4, 3, 3]);
    let torn = program(&cell().with_accumulator_depth(32).unwrap(), &[1, 2, 7, 7], build);
    assert_eq!(kinds(&torn), [LayerKind::Convolution, LayerKind::Pool]);
    let picture: Vec<i32> = (0..98).collect();
    let [a, b] = [&whole, &torn].map(|program| Session::new(program).unwrap().infer(&picture).unwrap());
    assert_eq!(a, b);
}

#[test]
fn a_value_used_raw_and_requantised_is_drained_twice_not_computed_twice() {
    let program = program(&cell(), &[1, 2, 3, 3], |b, x| {
        let raw = mix(b, "a", x, 4)?;
        Ok(vec![raw, b.cvm_right_shift("requant", raw, 8, 1)?])
    });
    assert_eq!(kinds(&program), [LayerKind::Convolution]);
    assert_eq!((program.layers[0].tiles, drains(&program)), (1, 2));
    // +-254 takes nine bits, so two planes.
    let planes = |output: &Output| matches!(output.encoding, OutputEncoding::Planes { planes: 2, .. });
    assert!(planes(&program.outputs[0]) && !planes(&program.outputs[1]));
    let heads = Session::new(&program).unwrap().infer(&[-127i8; 18]).unwrap();
    assert_eq!(heads, [[-254; 36], [-127; 36]]);
}

#[test]
fn a_wide_head_after_relu_is_finished_by_the_host() {
    let program = program(&cell(), &[1, 4], |b, x| {
        let w = b.param("w", Tensor::from_i8(&[2, 4], vec![100, 100, 100, 100, -1, -1, -1, -1])?, 8)?;
        let y = b.dense("fc", x, w, None)?;
        Ok(vec![b.relu("relu", y)?])
    });
    let heads = Session::new(&program).unwrap().infer(&[100i8; 4]).unwrap();
    assert_eq!(heads, [[40_000, 0]]);
}

#[test]
fn concatenation_copies_nothing_that_is_computed_for_it() {
    let program = program(&cell(), &[1, 2, 3, 3], |b, x| {
        let y = mix(b, "a", x, 3)?;
        let y = b.cvm_right_shift("a_requant", y, 8, 1)?;
        let z = mix(b, "b", x, 5)?;
        let z = b.cvm_right_shift("b_requant", z, 8, 1)?;
        let inner = b.concatenate("inner", &[y, z], 1)?;
        let w = mix(b, "c", inner, 1)?;
        let w = b.cvm_right_shift("c_requant", w, 8, 3)?;
        // The input is already stored elsewhere.
        Ok(vec![b.concatenate("outer", &[w, inner, x], 1)?])
    });
    let names: Vec<&str> = program.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "outer"]);
    assert_eq!(program.layers[3].kind, LayerKind::Copy);
    let heads = Session::new(&program).unwrap().infer(&[8i8; 18]).unwrap();
    let channels: Vec<i32> = heads[0].chunks(9).map(|map| map[4]).collect();
    assert_eq!(channels, [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8]);
}

#[test]
fn the_channels_of_a_depthwise_layer_share_the_columns() {
    let depthwise = |cell: &Architecture| {
        program(cell, &[1, 16, 6, 6], |b, x| {
            let w = b.param("w", Tensor::from_i8(&[16, 1, 3, 3], vec![1; 144])?, 8)?;
            let y = b.conv2d("dw", x, w, None, Conv2d::square(16, 3).with_padding(1).with_groups(16))?;
            Ok(vec![b.cvm_right_shift("requant", y, 8, 3)?])
        })
    };
    assert_eq!(depthwise(&cell()).layers[0].tiles, 2);
    assert_eq!(depthwise(&Architecture::new(8, 5, Precision::Int8).unwrap()).layers[0].tiles, 4);
}

#[test]
fn memory_of_dead_maps_is_used_again() {
    let chain = |lanes: u32| {
        let cell = cell().with_activation_lanes(lanes).unwrap();
        let mut b = GraphBuilder::new();
        let mut x = b.input(&[1, 8, 8, 8], 8).unwrap();
        for i in 0..6 {
            x = mix(&mut b, &format!("conv{i}"), x, 8).unwrap();
            x = b.cvm_right_shift(&format!("requant{i}"), x, 8, 3).unwrap();
        }
        compile_resident(&b.finish(vec![x], Postprocess::None).unwrap(), &cell, &MemoryModel::IDEAL)
    };
    // Two maps of 512 lanes suffice for any depth.
    let program = chain(1024).unwrap();
    assert!(chain(512).is_err());
    let heads = Session::new(&program).unwrap().infer(&[64i8; 512]).unwrap();
    assert_eq!(heads, [[64; 512]]);
}

#[test]
fn a_dense_layer_may_be_longer_than_a_run() {
    let inputs = 1 << 17;
    let cell = Architecture::new(12, 4, Precision::Int8).unwrap();
    let cell = cell.with_activation_lanes(1 << 18).unwrap().with_weight_words(1 << 16).unwrap();
    let weights: Vec<i8> = (0..4 * inputs).map(|i| (i % 13 - 6) as i8).collect();
    let program = program(&cell, &[1, inputs as usize], |b, x| {
        let w = b.param("w", Tensor::from_i8(&[4, inputs as usize], weights.clone())?, 4)?;
        Ok(vec![b.dense("fc", x, w, None)?])
    });
    let picture: Vec<i32> = (0..inputs).map(|i| i % 127 - 63).collect();
    let sum = |weights: &[i8]| weights.iter().zip(&picture).map(|(&w, &x)| i32::from(w) * x).sum::<i32>();
    let expected: Vec<i32> = weights.chunks_exact(inputs as usize).map(sum).collect();
    assert_eq!(Session::new(&program).unwrap().infer(&picture).unwrap(), [expected]);
}
