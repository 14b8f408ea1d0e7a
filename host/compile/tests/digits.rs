//! The digits models, compiled for several cells, against the official runtime's answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use myelin_compile::emulate::Session;
use myelin_compile::{CompileError, Program, compile, required_precision};
use myelin_graph::{Graph, import, npy};
use myelin_isa::{Architecture, Precision};
use std::path::PathBuf;

const NPY_BYTES_MAX: u64 = 1 << 24;

fn dir(precision: Precision) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models").join(format!("digits_{precision}"))
}

fn digits(precision: Precision) -> Graph {
    import::import_dir(dir(precision), &import::Limits::default()).unwrap()
}

fn array(precision: Precision, file: &str) -> Vec<i64> {
    npy::read(dir(precision).join(file), NPY_BYTES_MAX).unwrap().to_i64()
}

fn check(precision: Precision, (rows, columns): (u32, u32)) -> Program {
    let cell = Architecture::new(rows, columns, precision).unwrap();
    let program = compile(&digits(precision), &cell).unwrap();
    let (pictures, logits) = (array(precision, "input.npy"), array(precision, "official_logits.npy"));
    let mut session = Session::new(&program).unwrap();
    for (index, (picture, expected)) in pictures.chunks_exact(64).zip(logits.chunks_exact(10)).enumerate().step_by(90) {
        let picture: Vec<i32> = picture.iter().map(|&pixel| pixel as i32).collect();
        let answer = session.infer(&picture).unwrap();
        let answer: Vec<i64> = answer[0].iter().map(|&logit| i64::from(logit)).collect();
        assert_eq!(answer, expected, "picture {index} on {cell}");
    }
    program
}

#[test]
fn int8_digits_answer_as_the_official_runtime() {
    for cell in [(8, 8), (16, 16), (12, 10), (4, 4), (32, 32), (5, 31), (32, 4)] {
        check(Precision::Int8, cell);
    }
}

#[test]
fn int6_digits_answer_as_the_official_runtime() {
    for cell in [(8, 8), (16, 16), (12, 10), (4, 4), (32, 32), (7, 9)] {
        check(Precision::Int6, cell);
    }
}

#[test]
fn an_int6_model_runs_on_an_int8_cell_but_not_the_other_way() {
    let cell = Architecture::new(8, 8, Precision::Int8).unwrap();
    compile(&digits(Precision::Int6), &cell).unwrap();
    let cell = Architecture::new(8, 8, Precision::Int6).unwrap();
    let error = compile(&digits(Precision::Int8), &cell).unwrap_err();
    assert!(matches!(error, CompileError::Range { .. }), "{error}");
    assert_eq!(error.place().layer, "data");
    assert_eq!(required_precision(&digits(Precision::Int6)), Precision::Int6);
    assert_eq!(required_precision(&digits(Precision::Int8)), Precision::Int8);
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let cell = Architecture::new(12, 10, Precision::Int8).unwrap();
    let [a, b] = [0, 1].map(|_| compile(&digits(Precision::Int8), &cell).unwrap());
    assert_eq!(a, b);
    assert_eq!(a.cells, b.cells);
    assert_eq!(a.disassemble(), b.disassemble());
}

#[test]
fn layers_and_their_work_are_listed() {
    let program = check(Precision::Int8, (8, 8));
    let names: Vec<&str> = program.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["conv0", "conv1", "conv2", "conv3", "fc"]);
    let macs: Vec<u64> = program.layers.iter().map(|layer| layer.macs).collect();
    assert_eq!(macs, [9216, 73728, 147456, 73728, 2560]);
    assert!(program.layers.iter().enumerate().all(|(i, layer)| layer.stamp == Some(i as u32)));
}
