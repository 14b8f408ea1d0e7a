//! Compiles a C program that links the library as the chain's miner does, and drives it.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use myelin_golden::cuckoo::{EdgeBits, Graph, Keys, ProofSize, Sip, Variant, cortex, verify};
use serde_json::Value;

/// A way to spoil a proof.
type Change = fn(&mut Vec<u64>);

const HEADER: &[u8; 32] = b"a header of exactly thirty-two b";

/// The folder of the libraries, which cargo builds beside the tests; copies above may be older ones.
fn libraries() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// How the chain's build may link: the archive, or the shared library.
#[derive(Clone, Copy, Debug)]
enum Linking {
    Static,
    Shared,
}

fn compile(folder: &Path, linking: Linking) -> PathBuf {
    let program = folder.join(format!("miner-{linking:?}"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/miner.c");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "gcc".into()));
    compiler.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]).arg(&program).arg(source);
    match linking {
        Linking::Static => compiler.arg(libraries().join("libcudaminer.a")).args(["-ldl", "-lm"]),
        Linking::Shared => compiler.arg("-L").arg(libraries()).args(["-l:libcudaminer.so"]),
    };
    let compiled = compiler.output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    program
}

fn run(program: &Path, arguments: &[&str], input: &str) -> (String, String) {
    let mut command = Command::new(program);
    command.args(arguments).env("LD_LIBRARY_PATH", libraries());
    command.env("MYELIN_CUCKOO_EDGE_BITS", "13").env("MYELIN_THREADS", "1").env("MYELIN_MEMORY", "64M");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(done.status.success(), "{:?}\n{out}{err}", done.status);
    (out, err)
}

/// What the solver finds in the same graphs, asked directly.
fn expected(graphs: u64) -> Vec<String> {
    use myelin_cuckoo::{Cancel, Options, Parameters, Solver};
    let parameters = Parameters::new(myelin_cuckoo::Variant::Cuckaroo, myelin_cuckoo::Sip::FourEight, 13, 42).unwrap();
    let mut solver = Solver::new(parameters, &Options::default()).unwrap();
    let mut lines = Vec::new();
    for nonce in 0..graphs {
        let keys = myelin_cuckoo::Keys::of_header(&cortex::header(HEADER, nonce));
        for proof in solver.solve(&keys, &Cancel::new(), &mut |_| {}).unwrap() {
            let edges: Vec<String> = proof.iter().map(u64::to_string).collect();
            lines.push(format!("{nonce} {}", edges.join(" ")));
        }
    }
    lines
}

#[test]
fn a_c_program_mines_on_two_threads_and_finds_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = expected(400);
    expected.sort();
    assert!(expected.len() >= 3, "some of 400 graphs have a cycle");
    for linking in [Linking::Static, Linking::Shared] {
        let (out, err) = run(&compile(folder.path(), linking), &["200"], "");
        let mut found: Vec<&str> = out.lines().collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{linking:?}");
        assert!(err.contains("device 1: cpu, 1 threads, 64 MiB, 13 edge bits") && err.contains("variant 0"), "{err}");
        for line in found {
            let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            let keys = Keys::of_header(&cortex::header(HEADER, numbers[0]));
            let graph = Graph::new(Variant::Cuckaroo, Sip::FourEight, EdgeBits::new(13).unwrap(), keys);
            assert!(verify(&graph, ProofSize::MAIN, &numbers[1..]).is_valid());
        }
    }
}

#[test]
fn recorded_blocks_get_the_references_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verification/vectors/cortex.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut input = String::new();
    let mut codes = Vec::new();
    for case in vectors["proofs"].as_array().unwrap() {
        let proof: Vec<u64> = case["proof"].as_array().unwrap().iter().map(|edge| edge.as_u64().unwrap()).collect();
        let changes: [(i32, Change); 5] = [
            (1, |_| {}),
            (5, |proof| proof[41] ^= 1),
            (4, |proof| proof.swap(0, 1)),
            (4, |proof| proof[7] = proof[6]),
            (3, |proof| proof[41] = 1 << 30),
        ];
        for (code, change) in changes {
            let mut proof = proof.clone();
            change(&mut proof);
            let edges: Vec<String> = proof.iter().map(u64::to_string).collect();
            let (hash, nonce) = (case["seal_hash"].as_str().unwrap(), case["nonce"].as_str().unwrap());
            input += &format!("{hash} {nonce} {}\n", edges.join(" "));
            codes.push(code.to_string());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    // The verifier is the chain's, whatever size the solver was told.
    let (out, _) = run(&compile(folder.path(), Linking::Static), &[], &input);
    assert_eq!(out.lines().collect::<Vec<_>>(), codes);
}

#[test]
fn the_library_exports_the_chains_five_functions() {
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(libraries().join("libcudaminer.so")).output();
    let output = output.unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    names.retain(|name| name.starts_with("Cuckoo") || name.starts_with("Find"));
    names.sort_unstable();
    let expected =
        ["CuckooFinalize", "CuckooInitialize", "CuckooVerifyProof_cuckaroo", "FindCycles", "FindSolutionsByGPU"];
    assert_eq!(names, expected);
}
