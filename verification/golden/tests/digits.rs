//! Both digits models against what the chain's official runtime answered for every test picture.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use myelin_golden::{Model, Tensor, npy};

fn array(model: &str, file: &str) -> Tensor {
    npy::read(&common::read(&format!("models/{model}/{file}"))).unwrap()
}

/// Runs all pictures; returns how many the model gets right.
fn every_picture_equals_the_official_answer(model: &str) -> usize {
    let path = |file| format!("models/{model}/{file}");
    let parsed = Model::parse(&common::read(&path("symbol")), &common::read(&path("params")));
    let parsed = parsed.unwrap();
    assert_eq!(parsed.operation_count().unwrap(), 1_139_022);
    assert_eq!(parsed.input_shape(), [1, 1, 8, 8]);
    assert_eq!((parsed.input_length(), parsed.input_type_size()), (64, 1));
    assert_eq!((parsed.output_length(), parsed.output_type_size()), (40, 4));

    let (pictures, logits) = (array(model, "input.npy"), array(model, "official_logits.npy"));
    assert_eq!((&pictures.shape[..], &logits.shape[..]), (&[899, 1, 8, 8][..], &[899, 10][..]));
    let labels = common::read(&path("labels.npy"));
    let labels = &labels[labels.len() - 899..];
    let mut correct = 0;
    for (index, picture) in pictures.data.chunks_exact(64).enumerate() {
        let output = parsed.run_i32(picture).unwrap();
        let expected = &logits.data[index * 10..][..10];
        assert_eq!(output.heads()[0].data, expected, "{model}, picture {index}");
        let bytes: Vec<u8> = expected.iter().flat_map(|logit| logit.to_le_bytes()).collect();
        assert_eq!(output.to_bytes(), bytes);
        let best = expected.iter().max().unwrap();
        let digit = expected.iter().position(|logit| logit == best).unwrap();
        correct += usize::from(digit == usize::from(labels[index]));
    }
    correct
}

#[test]
fn int8_digits_equal_the_official_answers() {
    let correct = every_picture_equals_the_official_answer("digits_int8");
    assert_eq!(correct, 880, "97.89 % of 899");
}

#[test]
fn int6_digits_equal_the_official_answers() {
    let correct = every_picture_equals_the_official_answer("digits_int6");
    assert_eq!(correct, 878, "97.66 % of 899");
}

#[test]
fn bytes_and_values_give_the_same_answer() {
    let path = |file| format!("models/digits_int8/{file}");
    let model = Model::parse(&common::read(&path("symbol")), &common::read(&path("params")));
    let model = model.unwrap();
    let pictures = array("digits_int8", "input.npy");
    let bytes: Vec<i8> = pictures.data[..64].iter().map(|&value| value as i8).collect();
    assert_eq!(model.run(&bytes).unwrap(), model.run_i32(&pictures.data[..64]).unwrap());
    assert!(model.run(&bytes[1..]).is_err());
    assert!(model.run_i32(&pictures.data[..65]).is_err());
}
