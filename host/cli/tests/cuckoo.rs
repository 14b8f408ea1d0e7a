//! The proof-of-work commands against the recorded proofs and counts.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::{Workplace, repository_path};
use serde_json::Value;

fn vectors(name: &str) -> Value {
    let text = std::fs::read_to_string(repository_path("verification/vectors").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}

fn list(values: &Value, prefix: &str) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), |digits| format!("{prefix}{digits}"));
    values.as_array().unwrap().iter().map(word).collect::<Vec<_>>().join(",")
}

/// The arguments that name a recorded case's graph, by its keys.
fn graph(case: &Value) -> Vec<String> {
    let keys = list(&case["keys"], "0x");
    let edge_bits = case["edge_bits"].to_string();
    ["--variant", text(case, "variant"), "--edge-bits", &edge_bits, "--keys", &keys].map(str::to_owned).into()
}

fn run(workplace: &Workplace, command: &[&str], graph: &[String], more: &[&str]) -> common::Run {
    let graph = graph.iter().map(String::as_str);
    let arguments: Vec<&str> = command.iter().copied().chain(graph).chain(more.iter().copied()).collect();
    workplace.run(&arguments)
}

#[test]
fn every_recorded_proof_gets_its_verdict() {
    let workplace = Workplace::new();
    let vectors = vectors("cuckoo.json");
    for case in vectors["proofs"].as_array().unwrap() {
        let (size, proof) = (case["proof_size"].to_string(), list(&case["proof"], ""));
        let more = ["--proof-size", &size, "--proof", &proof, "--json"];
        let valid = text(case, "verify") == "OK";
        let run = run(&workplace, &["cuckoo", "verify"], &graph(case), &more).expect(i32::from(!valid));
        let answer = run.json();
        assert_eq!((answer["valid"].as_bool(), answer["message"].as_str()), (Some(valid), case["verify"].as_str()));
        assert_eq!(answer["difficulty"].is_null(), !valid);
        if let Some(expected) = case.get("grin_unscaled_difficulty") {
            assert_eq!(&answer["difficulty"]["grin_unscaled"], expected, "{case}");
        }
    }
}

#[test]
fn a_block_of_the_cortex_chain_is_valid_and_one_changed_bit_is_not() {
    let workplace = Workplace::new();
    for case in vectors("cortex.json")["proofs"].as_array().unwrap() {
        let nonce = format!("0x{}", text(case, "nonce"));
        let graph =
            ["--variant", "cuckaroo", "--sip", "4-8", "--edge-bits", "30", "--nonce", &nonce].map(str::to_owned);
        let mut proof: Vec<u64> = case["proof"].as_array().unwrap().iter().map(|edge| edge.as_u64().unwrap()).collect();
        for (changed, code) in [(0, 0), (1, 1)] {
            proof[41] ^= changed;
            let edges = proof.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
            let more = ["--header", text(case, "seal_hash"), "--proof", &edges, "--json"];
            let answer = run(&workplace, &["cuckoo", "verify"], &graph, &more).expect(code).json();
            assert_eq!(answer["verdict"], ["valid", "non-matching"][code as usize]);
            if code == 0 {
                assert_eq!(answer["difficulty"]["cortex"], case["difficulty"]);
            }
        }
    }
}

#[test]
fn trimming_prints_the_recorded_counts() {
    let workplace = Workplace::new();
    let vectors = vectors("cuckoo.json");
    for case in vectors["trim_traces"].as_array().unwrap() {
        let expected = &case["alive_after_round"];
        let rounds = expected.as_array().unwrap().len().to_string();
        for algorithm in ["mean", "lean"] {
            let more = ["--rounds", &rounds, "--algorithm", algorithm, "--json"];
            let answer = run(&workplace, &["cuckoo", "trim"], &graph(case), &more).expect(0).json();
            assert_eq!(&answer["alive"], expected, "{}", case["variant"]);
        }
        let table = run(&workplace, &["cuckoo", "trim"], &graph(case), &["--rounds", "2"]).expect(0).out;
        assert_eq!(table.lines().count(), 3, "{table}");
    }
}

#[test]
fn recorded_proofs_are_found_and_accepted_as_they_are_printed() {
    let workplace = Workplace::new();
    let vectors = vectors("cuckoo.json");
    let small = |case: &&Value| case["verify"] == "OK" && case["edge_bits"].as_u64().unwrap() <= 15;
    for case in vectors["proofs"].as_array().unwrap().iter().filter(small) {
        let size = case["proof_size"].to_string();
        let found = run(&workplace, &["solve"], &graph(case), &["--proof-size", &size, "--threads", "1"]).expect(0).out;
        let line = found.lines().find(|line| *line == list(&case["proof"], "")).expect("the recorded proof is found");
        let more = ["--proof-size", &size, "--proof", line];
        run(&workplace, &["cuckoo", "verify"], &graph(case), &more).expect(0);
    }
}

#[test]
fn a_graph_without_a_proof_is_the_answer_no() {
    let workplace = Workplace::new();
    let arguments = ["solve", "--variant", "cuckaroo", "--edge-bits", "12", "--keys", "1,2,3,4", "--threads", "1"];
    assert_eq!(workplace.run(&arguments).expect(1).out, "");
    let answer = workplace.run(&[&arguments[..], &["--json"]].concat()).expect(1).json();
    assert_eq!(answer["proofs"].as_array().map(Vec::len), Some(0));
    assert!(answer["alive"].as_array().is_some_and(|alive| alive.len() > 2));
}

#[test]
fn what_cannot_be_solved_is_refused() {
    let workplace = Workplace::new();
    let solve = ["solve", "--variant", "cuckaroo", "--edge-bits", "30", "--sip", "4-8", "--keys", "1,2,3,4"];
    let little = workplace.run(&[&solve[..], &["--memory", "64M", "--threads", "1"]].concat()).expect(4);
    assert!(little.err.contains("hint: --memory "), "{}", little.err);
    for (more, expected) in [
        (&["--edge-bits", "19"][..], "--keys"),
        (&["--edge-bits", "9", "--keys", "1,2,3,4"], "10..=32"),
        (&["--edge-bits", "19", "--keys", "1,2,3"], "four words"),
        (&["--edge-bits", "19", "--keys", "1,2,3,4", "--nonce", "1"], "--nonce"),
        (&["--edge-bits", "19", "--keys", "1,2,3,4", "--header", "00"], "--header"),
        (&["--edge-bits", "19", "--header", "0"], "two hexadecimal digits"),
        (&["--edge-bits", "19", "--keys", "1,2,3,4", "--proof-size", "41"], "even"),
        (&["--edge-bits", "19", "--keys", "1,2,3,4", "--device", "fpga"], "device"),
    ] {
        let run = workplace.run(&[&["solve", "--variant", "cuckatoo"], more].concat()).expect(2);
        assert!(run.err.contains(expected), "{more:?}: {}", run.err);
    }
}

#[test]
fn a_simulated_core_trims_and_solves_as_the_processor_does() {
    let workplace = Workplace::new();
    let vectors = vectors("cuckoo.json");
    let small = |case: &&Value| case["verify"] == "OK" && case["edge_bits"].as_u64().unwrap() <= 10;
    for case in vectors["proofs"].as_array().unwrap().iter().filter(small) {
        let size = case["proof_size"].to_string();
        let on = |device: &str, command: &[&str], more: &[&str]| {
            run(&workplace, command, &graph(case), &[more, &["--device", device]].concat()).expect(0)
        };
        let solve = ["--proof-size", &size];
        let found = on("sim:cuckoo-10:2", &["solve"], &solve).out;
        assert_eq!(found, on("cpu", &["solve"], &solve).out);
        assert!(found.lines().any(|line| line == list(&case["proof"], "")), "{found}");
        let trim = ["--rounds", "12", "--json"];
        let [simulated, processor] =
            ["sim:cuckoo-10:2", "cpu"].map(|device| on(device, &["cuckoo", "trim"], &trim).json());
        assert_eq!(simulated["alive"], processor["alive"]);
        assert!(simulated["counters"]["hashes"].as_u64().unwrap() > 2048 && processor["counters"].is_null());
    }
    for (arguments, expected) in [
        (["--variant", "cuckaroo", "--edge-bits", "19"], "10 edge bits"),
        (["--variant", "cuckaroom", "--edge-bits", "10"], "cuckaroom"),
    ] {
        let more = ["--keys", "1,2,3,4", "--device", "sim:cuckoo-10"];
        let refused = workplace.run(&[&["solve"], &arguments[..], &more].concat()).expect(2);
        assert!(refused.err.contains(expected), "{}", refused.err);
    }
}

#[test]
fn plans_say_what_fits_and_what_holds_it_back() {
    let workplace = Workplace::new();
    let plan = |board: &str, bits: &str, code: i32| {
        let arguments = ["plan", "cuckoo", "--board", board, "--edge-bits", bits];
        let table = workplace.run(&arguments).expect(code).out;
        (table, workplace.run(&[&arguments[..], &["--json"]].concat()).expect(code).json())
    };
    let (table, answer) = plan("u55c", "30", 0);
    assert!(table.contains("Radeon VII") && table.contains("3.05"), "{table}");
    assert_eq!(answer["published"].as_array().unwrap().len(), 3);
    assert_eq!(answer["fastest"], "mean");
    let bounds = ["hashes", "clearing", "network", "borders", "memory"];
    for board in ["u50", "u55c", "vu9p", "ecp5", "up5k"] {
        let (_, answer) = plan(board, "15", 0);
        let lean = &answer["lean"];
        assert!(bounds.contains(&lean["bound"].as_str().unwrap()));
        let parts = ["hash_cycles", "list_cycles", "clearing_cycles", "border_cycles"];
        let sum: f64 = parts.iter().map(|part| lean[part].as_f64().unwrap()).sum();
        assert!((sum - lean["cycles"].as_f64().unwrap()).abs() < 1.0);
        assert!(lean["chip_bits"].as_f64() <= answer["board"]["chip_bits"].as_f64());
    }
    let (table, answer) = plan("up5k", "30", 1);
    assert!(table.contains("no lean design fits") && answer["fastest"].is_null(), "{table}");
}
