//! Shared by the tests: vectors, and solvers of every kind.
#![allow(dead_code, clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::num::NonZeroUsize;
use std::path::Path as FilePath;

use myelin_cuckoo::{Algorithm, Options, Parameters, Path, Sip, Solver, Variant};
use serde_json::Value;

pub const ALGORITHMS: [Algorithm; 2] = [Algorithm::Mean, Algorithm::Lean];

/// A file of `verification/vectors`.
pub fn vectors(name: &str) -> Value {
    let path = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../verification/vectors").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
}

/// The parameters of a case of `cuckoo.json`.
pub fn parameters(case: &Value, proof_size: usize) -> Parameters {
    let variant = Variant::from_name(case["variant"].as_str().unwrap()).unwrap();
    Parameters::new(variant, Sip::TwoFour, case["edge_bits"].as_u64().unwrap() as u32, proof_size).unwrap()
}

pub fn options(algorithm: Algorithm, path: Path, threads: usize) -> Options {
    Options { threads: NonZeroUsize::new(threads).unwrap(), memory_limit: 1 << 30, algorithm, path: Some(path) }
}

pub fn solver(parameters: &Parameters, options: &Options) -> Solver {
    Solver::new(*parameters, options).unwrap()
}
