//! `mine` through the command line, against a pool that accepts only what golden verifies.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;

use common::{Run, Workplace};
use myelin_golden::cuckoo::{EdgeBits, Graph, Keys, ProofSize, Sip, Variant, cortex, verify};
use serde_json::{Value, json};

const SEAL_HASH: &str = "40a45fbfca40832fb4c704880c87875958d9bc0646bfe6323444e59cb6ec78b3";

fn bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Whether a submission is a proof of the one job there is, with 12 edge bits.
fn is_proof(params: &Value) -> bool {
    let text = |at: usize| params[at].as_str().unwrap().strip_prefix("0x").unwrap().to_owned();
    let nonce = u64::from_str_radix(&text(0), 16).unwrap();
    let proof: Vec<u64> =
        bytes(&text(2)).chunks_exact(4).map(|word| u32::from_be_bytes(word.try_into().unwrap()).into()).collect();
    let keys = Keys::of_header(&cortex::header(&bytes(SEAL_HASH).try_into().unwrap(), nonce));
    let graph = Graph::new(Variant::Cuckaroo, Sip::FourEight, EdgeBits::new(12).unwrap(), keys);
    text(1) == SEAL_HASH && verify(&graph, ProofSize::MAIN, &proof).is_valid()
}

fn serve(mut stream: TcpStream) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).unwrap();
        let result = match request["method"].as_str().unwrap() {
            "eth_submitLogin" => json!(request["params"] == json!(["wallet", "secret"]) && request["worker"] == "rig"),
            "eth_getWork" => {
                let target = format!("0x{}", "ff".repeat(32));
                json!([format!("0x{SEAL_HASH}"), "0x00", target, "0x685ddc"])
            }
            "eth_submitWork" => json!(is_proof(&request["params"])),
            other => panic!("{other}"),
        };
        if writeln!(stream, "{}", json!({"id": request["id"], "jsonrpc": "2.0", "result": result})).is_err() {
            return;
        }
    }
}

/// A pool for as long as the test lives.
fn pool() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Of every miner here: on a small graph, for a share target that every proof meets.
const COMMON: &str = "--wallet wallet --password secret --worker rig --methods eth --edge-bits 12 --threads 1";

/// `mine`, what all miners here have, and more.
fn mine<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["mine"], &COMMON.split(' ').collect::<Vec<&str>>()[..], more].concat()
}

#[test]
fn shares_are_mined_and_reported_as_lines_of_json() {
    let workplace = Workplace::new();
    let good = format!("stratum+tcp://{}", pool());
    for device in ["cpu", "sim:cuckoo-12"] {
        let run = workplace
            .run(&mine(&[
                "--pool",
                "stratum+tcp://127.0.0.1:1",
                "--pool",
                &good,
                "--memory",
                "64M",
                "--device",
                device,
                "--shares",
                "2",
                "--seed",
                "5",
                "--report",
                "0.2",
                "--json",
                "--verbose",
                "--log",
                "json",
            ]))
            .expect(0);
        let reports: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let last = reports.last().unwrap();
        let counts = &last["devices"][0];
        assert_eq!((last["schema_version"].as_u64(), counts["device"].as_str()), (Some(1), Some(device)));
        assert!(counts["accepted"].as_u64().unwrap() >= 2 && counts["rejected"] == 0, "{last}");
        assert!(last["pools"][0]["failures"].as_u64().unwrap() >= 1 && last["pools"][1]["connections"] == 1, "{last}");
        for line in run.err.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("a log line in JSON: {line}"));
        }
        assert!(run.err.contains("new block to work on") && run.err.contains("Accepted"), "{}", run.err);
    }
}

#[test]
fn a_signal_ends_it_with_a_table_and_status_is_served_until_then() {
    let workplace = Workplace::new();
    let good = format!("stratum+tcp://{}", pool());
    let mut command = workplace.command(&mine(&["--pool", &good, "--listen", "127.0.0.1:0"]));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("status  http://").unwrap().trim_end_matches('/').to_owned();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: miner\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    while !get("/healthz").starts_with("HTTP/1.1 200") {
        std::thread::yield_now();
    }
    assert!(get("/metrics").contains("myelin_pow_height 6839772"));
    let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut table = String::new();
    out.read_to_string(&mut table).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[1].starts_with("device  graphs  graphs/s  cycles  accepted") && lines[2].starts_with("cpu"),
        "{table}"
    );
}

#[test]
fn what_cannot_be_mined_is_refused() {
    let workplace = Workplace::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let with_pool = |more: &[&'static str]| -> Vec<&'static str> {
        [&["mine", "--pool", "stratum+tcp://127.0.0.1:1", "--wallet", "w", "--for", "0"][..], more].concat()
    };
    for (arguments, code, expected) in [
        (vec!["mine"], 2, "--pool"),
        (vec!["mine", "--pool", "stratum+tcp://127.0.0.1:1"], 2, "--wallet"),
        (vec!["mine", "--pool", "http://127.0.0.1:1", "--wallet", "w"], 2, "--node"),
        (vec!["mine", "--node", "stratum+tcp://127.0.0.1:1"], 2, "--pool"),
        (with_pool(&["--tls-ca", "Cargo.toml", "--edge-bits", "12"]), 3, "hint: --tls-ca takes PEM"),
        (with_pool(&["--device", "gpu"]), 2, "sim:cuckoo-"),
        (with_pool(&["--device", "sim:cuckoo-12"]), 2, "12 edge bits, this chain's 30"),
        (with_pool(&["--proof-size", "41"]), 2, "even"),
        (with_pool(&["--memory", "64M"]), 4, "hint: --memory"),
        (with_pool(&["--chain", "grin", "--edge-bits", "12", "--node", "http://127.0.0.1:1"]), 2, "hint: "),
    ] {
        let run: Run = workplace.run(&arguments).expect(code);
        assert!(run.err.contains(expected) && run.out.is_empty(), "{arguments:?}: {}", run.err);
    }
    let listen = ["mine", "--node", "http://127.0.0.1:1", "--edge-bits", "12", "--for", "0", "--listen", &taken];
    let run = workplace.run(&listen).expect(7);
    assert!(run.err.contains("hint: another process"), "{}", run.err);
}
