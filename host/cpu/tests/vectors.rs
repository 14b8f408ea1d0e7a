//! Models of the official library on every path: answers to the byte.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use myelin_golden::npy;
use myelin_graph::import::{self, Limits};
use serde_json::Value;

#[test]
fn every_recorded_case_is_answered_to_the_byte_on_every_path() {
    let text = std::fs::read(common::repository_path("verification/vectors/cvm.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&text).unwrap();
    assert_eq!(cases.len(), 34);
    for path in common::paths() {
        for case in &cases {
            let name = case["name"].as_str().unwrap();
            let symbol = serde_json::to_vec(&case["symbol"]).unwrap();
            let params = common::unhex(case["params_hex"].as_str().unwrap());
            let graph = import::cvm(&symbol, &params, &Limits::default()).unwrap();
            let network = common::network(&graph, path, 1);
            let input: Vec<i8> =
                common::unhex(case["input_hex"].as_str().unwrap()).into_iter().map(|b| b as i8).collect();
            let mut workspace = network.workspace();
            let code = match network.run(&mut workspace, &input) {
                Ok(output) => {
                    let expected = common::unhex(case["out_cpu"].as_str().unwrap());
                    assert_eq!(output.bytes(), expected, "{name} on {path}");
                    0
                }
                Err(error) => error.class() as u64,
            };
            assert_eq!(code, case["rc_cpu"].as_u64().unwrap(), "{name} on {path}");
        }
    }
}

#[test]
fn digits_are_answered_with_the_official_logits_on_every_path() {
    for path in common::paths() {
        for dir in ["digits_int8", "digits_int6"] {
            let dir = common::repository_path("models").join(dir);
            let graph = import::import_dir(&dir, &Limits::default()).unwrap();
            let read = |file: &str| npy::read(&std::fs::read(dir.join(file)).unwrap()).unwrap();
            let (images, logits) = (read("input.npy"), read("official_logits.npy"));
            let network = common::network(&graph, path, 2);
            let mut workspace = network.workspace();
            let size = graph.input_shape().elements();
            let pictures = images.data.chunks_exact(size).zip(logits.data.chunks_exact(10));
            assert!(pictures.len() > 0);
            for (image, logits) in pictures {
                let output = network.run_i32(&mut workspace, image).unwrap();
                assert_eq!(output.heads()[0].values, logits);
            }
        }
    }
}
