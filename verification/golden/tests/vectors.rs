//! Every case of `verification/vectors/cvm.json` against the official runtime's CPU device: answers
//! to the byte, return codes, sizes and operation counts.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use myelin_golden::{Model, operation_count};
use serde_json::Value;

fn cases() -> Vec<Value> {
    serde_json::from_slice(&common::read("verification/vectors/cvm.json")).unwrap()
}

fn number(case: &Value, key: &str) -> u64 {
    case[key].as_u64().unwrap_or_else(|| panic!("{}: {key}", case["name"]))
}

fn bytes(case: &Value, key: &str) -> Vec<u8> {
    common::unhex(case[key].as_str().unwrap())
}

#[test]
fn every_case_equals_the_official_cpu_device() {
    let cases = cases();
    assert_eq!(cases.len(), 34);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let symbol = serde_json::to_vec(&case["symbol"]).unwrap();
        let model = Model::parse(&symbol, &bytes(case, "params_hex"));
        let model = model.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(operation_count(&symbol).unwrap(), number(case, "gas_ops"), "{name}");
        assert_eq!(model.operation_count().unwrap(), number(case, "gas_ops"), "{name}");
        assert_eq!(model.storage_size(), number(case, "storage_size"), "{name}");
        assert_eq!(model.input_length() as u64, number(case, "input_len"), "{name}");
        assert_eq!(model.output_length() as u64, number(case, "output_len"), "{name}");
        assert_eq!(model.input_type_size() as u64, number(case, "input_type_size"), "{name}");
        assert_eq!(model.output_type_size() as u64, number(case, "output_type_size"), "{name}");

        let input: Vec<i8> = bytes(case, "input_hex").iter().map(|&byte| byte as i8).collect();
        let code = match model.run(&input) {
            Ok(output) => {
                assert_eq!(output.to_bytes(), bytes(case, "out_cpu"), "{name}");
                0
            }
            Err(error) => error.class().code() as u64,
        };
        assert_eq!(code, number(case, "rc_cpu"), "{name}");
    }
}

#[test]
fn where_cpu_and_formal_differ_the_cpu_device_is_followed() {
    let differing: Vec<Value> =
        cases().into_iter().filter(|case| case["rc_cpu"] == 0 && case["out_cpu"] != case["out_formal"]).collect();
    let names: Vec<&str> = differing.iter().map(|case| case["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "cvm_right_shift_b1_p8",
            "cvm_right_shift_b16_p16",
            "cvm_right_shift_b24_p8",
            "cvm_right_shift_b30_p2",
            "sum_2_5_1_3_ax3_CPU_BUG",
        ]
    );
    for case in &differing {
        let symbol = serde_json::to_vec(&case["symbol"]).unwrap();
        let model = Model::parse(&symbol, &bytes(case, "params_hex")).unwrap();
        let input: Vec<i8> = bytes(case, "input_hex").iter().map(|&byte| byte as i8).collect();
        assert_ne!(model.run(&input).unwrap().to_bytes(), bytes(case, "out_formal"));
    }
}

#[test]
fn labels_of_the_mnist_like_model_follow_argmax() {
    let mut case = cases().pop().unwrap();
    case["symbol"]["postprocess"] = "argmax".into();
    let symbol = serde_json::to_vec(&case["symbol"]).unwrap();
    let model = Model::parse(&symbol, &bytes(&case, "params_hex")).unwrap();
    assert_eq!((model.output_length(), model.output_type_size()), (4, 4));
    // The input of the facts: x_i = ((97 i + 5) mod 255) - 127.
    let input: Vec<i8> = (0..784).map(|i| ((97 * i + 5) % 255 - 127) as i8).collect();
    let output = model.run(&input).unwrap();
    assert_eq!(output.to_bytes(), [2, 0, 0, 0]);
    assert_eq!(output.heads()[0].data, [4, -14, 14, -16, 5, -10, -3, -2, 1, -1]);
}
