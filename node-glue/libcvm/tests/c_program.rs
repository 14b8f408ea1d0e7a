//! Compiles a C program that loads the library as a node does and runs it over every recorded case.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn repository_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(relative)
}

/// The shared library, which cargo builds beside the tests; the copy above them may be an older one.
fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().join("libcvm_runtime.so");
    assert!(path.exists(), "cargo builds {} with its tests", path.display());
    path
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or("");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Writes the cases as the program reads them, and says how many.
fn write_cases(folder: &Path) -> usize {
    let text = fs::read(repository_path("verification/vectors/cvm.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&text).unwrap();
    for (number, case) in cases.iter().enumerate() {
        let write = |kind: &str, bytes: &[u8]| fs::write(folder.join(format!("{number}.{kind}")), bytes).unwrap();
        write("symbol", &serde_json::to_vec(&case["symbol"]).unwrap());
        write("params", &unhex(&case["params_hex"]));
        write("input", &unhex(&case["input_hex"]));
        write("output", &unhex(&case["out_cpu"]));
        let names =
            ["rc_cpu", "gas_ops", "storage_size", "input_len", "output_len", "input_type_size", "output_type_size"];
        let facts: Vec<String> = names.iter().map(|name| case[name].as_u64().unwrap().to_string()).collect();
        write("facts", facts.join(" ").as_bytes());
    }
    cases.len()
}

#[test]
fn a_c_program_drives_all_twelve_functions_over_every_case() {
    let folder = tempfile::tempdir().unwrap();
    let count = write_cases(folder.path());
    assert_eq!(count, 34);
    let program = folder.path().join("node");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node.c");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "gcc".into()));
    compiler.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-pedantic", "-pthread", "-o"]);
    let compiled = compiler.arg(&program).arg(source).arg("-ldl").output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    for device in ["cpu", "cpu:scalar", "sim:8x8", "xdma:none"] {
        let mut node = Command::new(&program);
        node.arg(library()).arg(folder.path()).arg(count.to_string()).env("MYELIN_DEVICE", device);
        let run = node.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{device}: {:?}\n{out}{err}", run.status);
        assert_eq!(out, "34 cases\n");
        assert_eq!(err.contains("using cpu"), device.starts_with("xdma"), "{err}");
    }
}

#[test]
fn the_library_exports_the_twelve_functions_and_nothing_else_of_that_name() {
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library()).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    names.retain(|name| name.starts_with("CVM"));
    names.sort_unstable();
    let expected = [
        "CVMAPIFreeModel",
        "CVMAPIGetGasFromGraphFile",
        "CVMAPIGetGasFromModel",
        "CVMAPIGetInputLength",
        "CVMAPIGetInputTypeSize",
        "CVMAPIGetOutputLength",
        "CVMAPIGetOutputTypeSize",
        "CVMAPIGetPreprocessMethod",
        "CVMAPIGetStorageSize",
        "CVMAPIGetVersion",
        "CVMAPIInference",
        "CVMAPILoadModel",
    ];
    assert_eq!(names, expected);
}
