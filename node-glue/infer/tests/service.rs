//! The service over real sockets: transcripts, many clients, hostile ones, stopping.
//!
//! One minute of load: `MYELIN_LOAD_SECONDS=60 cargo test --release -p myelin-infer --test service
//! clients -- --nocapture`
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{Client, EXAMPLE, SlowEngine, array, hash, mnist, put_input, put_model};
use myelin_infer::service::{Server, ServiceConfig};
use myelin_infer::{CpuEngine, FileRef, GuardedEngine, InfoHash, Node, NodeConfig, to_hex};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tempfile::TempDir;

const INPUT: &str = "0x05C1000000000000000000000000000000000077";
const RUNTIME: &str = r#"{"data":"0x63766d206b65726e656c2072756e74696d65206572726f72","info":"error"}"#;
const LOGIC: &str = r#"{"data":"0x63766d206b65726e656c206c6f676963206572726f72","info":"error"}"#;
const UNKNOWN: &str = concat!(
    r#"{"data":"0x756e6b6e6f776e20726571756573742070726f70657274792074797065","info":"error","#,
    r#""message":"unknown request property type"}"#
);

/// A storage with the example's model and input.
fn storage() -> TempDir {
    let case = mnist();
    let dir = tempfile::tempdir().unwrap();
    put_model(dir.path(), EXAMPLE, &case.symbol, &case.params);
    put_input(dir.path(), INPUT, &array(&case.input));
    dir
}

fn start(storage: &TempDir, change: impl FnOnce(&mut ServiceConfig, &mut NodeConfig)) -> Server {
    let mut service = ServiceConfig::new("127.0.0.1:0".parse().unwrap());
    let mut node = NodeConfig::new(storage.path());
    change(&mut service, &mut node);
    let engine = GuardedEngine::new(CpuEngine::default(), CpuEngine::portable());
    service.faults = engine.faults();
    Server::start(Node::new(&node, engine), service).unwrap()
}

/// A request of the protocol in the node's order of members.
fn by_file(model: &str, input: &str, model_size: u64, input_size: u64, network: i64) -> String {
    format!(
        r#"{{"type":1,"model":"{model}","input":"{input}","modelSize":{model_size},"inputSize":{input_size},"cvm_version":1,"cvm_networkid":{network}}}"#
    )
}

fn by_content(model: &str, content: &[u8], version: i64) -> String {
    let input = to_hex(content);
    format!(
        r#"{{"type":2,"model":"{model}","input":"{input}","modelSize":12950,"cvm_version":{version},"cvm_networkid":21}}"#
    )
}

fn price(model: &str, model_size: u64) -> String {
    format!(r#"{{"type":3,"model":"{model}","modelSize":{model_size},"cvm_networkid":43}}"#)
}

#[test]
fn the_example_of_the_facts_is_answered_to_the_letter() {
    let storage = storage();
    let server = start(&storage, |_, _| ());
    let mut client = Client::connect(server.address());
    let transcript = [
        (price(EXAMPLE, 12950), r#"{"data":"0x000000000010de32","info":"ok"}"#),
        (by_file(EXAMPLE, INPUT, 12950, 912, 43), r#"{"data":"0x04f20ef005f6fdfe01ff","info":"ok"}"#),
        (
            by_file(&EXAMPLE.to_lowercase(), &INPUT.to_lowercase(), 12950, 912, 43),
            r#"{"data":"0x04f20ef005f6fdfe01ff","info":"ok"}"#,
        ),
        (by_content(EXAMPLE, &mnist().input, 1), r#"{"data":"0x04f20ef005f6fdfe01ff","info":"ok"}"#),
        (by_content(EXAMPLE, &mnist().input, 0), r#"{"data":"0x04f20ef005f6fdfe01ff","info":"ok"}"#),
        (by_content(EXAMPLE, &[0; 3], 1), RUNTIME),
        (price(&hash(9), 12950), RUNTIME),
        (price(EXAMPLE, 1), RUNTIME),
        (by_file(EXAMPLE, &hash(9), 12950, 912, 43), RUNTIME),
        (by_file(EXAMPLE, INPUT, 12950, 1, 43), RUNTIME),
        (by_file("", "", 0, 0, 0), RUNTIME),
        (r#"{"type":4,"infohash":"0x00","rawSize":1,"cvm_networkid":21}"#.to_owned(), UNKNOWN),
        (r#"{"type":0}"#.to_owned(), UNKNOWN),
        ("nonsense".to_owned(), UNKNOWN),
        (String::new(), UNKNOWN),
    ];
    for (request, expected) in transcript {
        let (status, head, reply) = client.ask("POST", "/infer", request.as_bytes());
        assert_eq!((status, &*reply), (200, expected), "{request}");
        assert!(head.to_lowercase().contains("content-type: text/plain; charset=utf-8"), "{head}");
    }
    put_input(storage.path(), &hash(5), b"no array");
    assert_eq!(client.infer(&by_file(EXAMPLE, &hash(5), 12950, 912, 43)), LOGIC);
    let (status, _, reply) = client.ask("GET", "/infer", b"");
    assert_eq!((status, reply.contains("request method not POST")), (200, true));
    assert_eq!(client.ask("POST", "/other", b"").0, 404);
    server.stop();
}

#[test]
fn health_metrics_and_the_index_are_served() {
    let storage = storage();
    let server = start(&storage, |_, _| ());
    let mut client = Client::connect(server.address());
    for _ in 0..3 {
        client.infer(&by_file(EXAMPLE, INPUT, 12950, 912, 43));
    }
    client.infer("nonsense");
    assert_eq!(client.ask("GET", "/healthz", b""), (200, client.ask("GET", "/healthz", b"").1, "ok\n".to_owned()));
    let (status, _, text) = client.ask("GET", "/metrics", b"");
    assert_eq!(status, 200);
    for line in [
        "myelin_infer_requests_total{kind=\"infer_file\",outcome=\"ok\"} 3",
        "myelin_infer_requests_total{kind=\"none\",outcome=\"bad_request\"} 1",
        "myelin_infer_result_hits_total 2",
        "myelin_infer_result_misses_total 1",
        "myelin_infer_model_misses_total 1",
        "myelin_infer_models 1",
        "myelin_infer_device_faults_total 0",
        "myelin_infer_request_seconds_count 4",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    let (_, _, index) = client.ask("GET", "/models", b"");
    let index: Value = serde_json::from_str(&index).unwrap();
    assert_eq!(index[1]["kind"], "model");
    assert_eq!(index[1]["infohash"], InfoHash::parse(EXAMPLE).unwrap().to_string());
    assert_eq!((index[0]["kind"].as_str(), index[0]["bytes"].as_u64()), (Some("input"), Some(912)));
    server.stop();
}

/// Resident memory of this process in KiB.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn thirty_two_clients_get_right_answers_and_memory_does_not_grow() {
    let seconds = std::env::var("MYELIN_LOAD_SECONDS").map_or(2, |text| text.parse().unwrap());
    let (case, storage) = (mnist(), storage());
    // A small budget of results, so that both remembered and computed answers are seen.
    let server = start(&storage, |_, node| node.result_bytes = 8 << 10);
    let address = server.address();
    let golden = myelin_golden::Model::parse(&case.symbol, &case.params).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(32);
    let questions: Vec<(String, String)> = (0..64)
        .map(|_| {
            let input: Vec<i8> = (0..case.input.len()).map(|_| rng.random()).collect();
            let output = golden.run(&input).unwrap().to_bytes();
            let bytes: Vec<u8> = input.iter().map(|&value| value.cast_unsigned()).collect();
            (by_content(EXAMPLE, &bytes, 1), format!(r#"{{"data":"{}","info":"ok"}}"#, to_hex(&output)))
        })
        .collect();
    let run = |time: Duration| -> usize {
        let end = Instant::now() + time;
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..32)
                .map(|seed| {
                    let questions = &questions;
                    scope.spawn(move || {
                        let mut rng = ChaCha8Rng::seed_from_u64(seed);
                        let mut client = Client::connect(address);
                        let mut count = 0;
                        while Instant::now() < end {
                            let (question, answer) = &questions[rng.random_range(0..questions.len())];
                            assert_eq!(&client.infer(question), answer);
                            count += 1;
                            // Now and then a new connection.
                            if rng.random_ratio(1, 50) {
                                client = Client::connect(address);
                            }
                        }
                        count
                    })
                })
                .collect();
            clients.into_iter().map(|client| client.join().unwrap()).sum()
        })
    };
    run(Duration::from_secs(1));
    let before = resident_kib();
    let count = run(Duration::from_secs(seconds));
    let after = resident_kib();
    println!("{count} right answers in {seconds} s; resident memory {before} KiB, then {after} KiB");
    assert!(count >= 32);
    assert!(after < before + (16 << 10), "memory grew from {before} to {after} KiB");
    server.stop();
}

#[test]
fn http_adds_little_to_a_small_models_time() {
    let (case, storage) = (mnist(), storage());
    let server = start(&storage, |_, node| node.result_bytes = 0);
    let mut client = Client::connect(server.address());
    let question = by_content(EXAMPLE, &case.input, 1);
    let direct = Node::new(
        &NodeConfig { result_bytes: 0, ..NodeConfig::new(storage.path()) },
        GuardedEngine::new(CpuEngine::default(), CpuEngine::portable()),
    );
    let model = FileRef { hash: EXAMPLE, size: 12950 };
    let median = |ask: &mut dyn FnMut()| {
        let mut times: Vec<Duration> = (0..500)
            .map(|_| {
                let start = Instant::now();
                ask();
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let over_http = median(&mut || assert!(client.infer(&question).contains("0x04f20ef0")));
    let kernel = median(&mut || assert_eq!(*direct.infer_content(model, &case.input, 21).unwrap(), *case.output));
    println!("median over HTTP {over_http:?}, without {kernel:?}");
    // The aim is 1 ms on an idle machine; tests run on busy ones.
    assert!(over_http < kernel + Duration::from_millis(20));
    server.stop();
}

#[test]
fn hostile_clients_are_refused_and_others_go_on() {
    let storage = storage();
    let server = start(&storage, |service, _| {
        service.body_bytes = 100_000;
        service.read_deadline = Duration::from_millis(300);
    });
    let address = server.address();
    let good = by_file(EXAMPLE, INPUT, 12950, 912, 43);
    let patience = Duration::from_secs(5);

    // A body beyond the limit, whether or not the length admits it.
    let (status, ..) = Client::connect(address).ask("POST", "/infer", &vec![b' '; 100_001]);
    assert_eq!(status, 413);
    let mut chunked = Client::connect(address);
    chunked.send(b"POST /infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    for _ in 0..200 {
        // The server may have had enough already.
        if chunked.send(format!("3e8\r\n{}\r\n", "x".repeat(1000)).as_bytes()).is_err() {
            break;
        }
    }
    // A head that never ends, a body that never comes, one cut short.
    let mut slow = Client::connect(address);
    slow.send(b"POST /infer HTTP/1.1\r\nHo").unwrap();
    assert!(slow.is_closed_within(patience));
    let mut waiting = Client::connect(address);
    waiting.send(b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{").unwrap();
    assert_eq!(waiting.reply().0, 408);
    drop(waiting);
    // What is not HTTP.
    let mut noise = Client::connect(address);
    noise.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").unwrap();
    noise.reply();
    // Paths that lead out, lengths that lie, nesting.
    let mut client = Client::connect(address);
    for hash in
        ["../../../../etc/passwd", "0x..%2f..%2f..%2f..%2fetc%2fpasswd%00000000000000", "0x\\u0000", &"a".repeat(80)]
    {
        let (_, _, reply) = client.ask("POST", "/infer", by_file(hash, hash, u64::MAX, u64::MAX, 21).as_bytes());
        assert_eq!(reply, RUNTIME, "{hash}");
    }
    assert!(client.infer(&"[".repeat(90_000)).contains("unknown request"));
    assert!(client.infer(&"{\"type\":".repeat(12_000)).contains("unknown request"));
    assert_eq!(client.infer(&good), r#"{"data":"0x04f20ef005f6fdfe01ff","info":"ok"}"#);
    server.stop();
}

#[test]
fn mutated_requests_never_harm() {
    let storage = storage();
    let server = start(&storage, |_, _| ());
    let mut client = Client::connect(server.address());
    let seeds = [by_file(EXAMPLE, INPUT, 12950, 912, 43), by_content(EXAMPLE, &[1, 2], 1), price(EXAMPLE, 12950)];
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for round in 0..1500 {
        let mut body = seeds[round % seeds.len()].clone().into_bytes();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..body.len());
            match rng.random_range(0..4) {
                0 => body[at] = rng.next_u32() as u8,
                1 => drop(body.remove(at)),
                2 => body.truncate(at.max(1)),
                _ => body.insert(at, b"{}[]\",:0-e"[rng.random_range(0..10)]),
            }
        }
        let (status, _, reply) = client.ask("POST", "/infer", &body);
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(status, 200, "round {round}: {}", body.escape_ascii());
        assert!(reply["data"].as_str().unwrap().starts_with("0x"), "round {round}");
        assert!(matches!(reply["info"].as_str(), Some("ok" | "error")), "round {round}");
    }
    server.stop();
}

fn start_slow(storage: &TempDir, run: Duration, change: impl FnOnce(&mut ServiceConfig)) -> Server {
    let mut service = ServiceConfig::new("127.0.0.1:0".parse().unwrap());
    service.workers = 1;
    change(&mut service);
    Server::start(Node::new(&NodeConfig::new(storage.path()), SlowEngine(run)), service).unwrap()
}

#[test]
fn a_late_answer_is_a_runtime_error_in_time_and_remembered_for_the_retry() {
    let storage = storage();
    let server = start_slow(&storage, Duration::from_millis(1500), |service| {
        service.answer_deadline = Duration::from_millis(100);
    });
    let mut client = Client::connect(server.address());
    let request = by_file(EXAMPLE, INPUT, 12950, 912, 43);
    assert_eq!(client.infer(&request), RUNTIME);
    let end = Instant::now() + Duration::from_secs(20);
    while client.infer(&request) == RUNTIME {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(client.infer(&request), r#"{"data":"0x04f20ef005f6fdfe01ff","info":"ok"}"#);
    server.stop();
}

#[test]
fn a_full_queue_refuses_at_once() {
    let storage = storage();
    let server = start_slow(&storage, Duration::from_millis(1000), |service| service.queue = 1);
    let address = server.address();
    let replies: Vec<(u16, String)> = std::thread::scope(|scope| {
        let ask = |number: u8| {
            let request = by_content(EXAMPLE, &[number; 784], 1);
            let (status, _, reply) = Client::connect(address).ask("POST", "/infer", request.as_bytes());
            (status, reply)
        };
        let asked: Vec<_> = (0..8).map(|number| scope.spawn(move || ask(number))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let refused = replies.iter().filter(|reply| **reply == (503, RUNTIME.to_owned())).count();
    let answered = replies.iter().filter(|(status, reply)| *status == 200 && reply.contains("\"ok\"")).count();
    assert_eq!(refused + answered, 8, "{replies:?}");
    assert!(refused >= 5 && answered >= 1, "{replies:?}");
    server.stop();
}

#[test]
fn stopping_answers_what_is_under_way_and_takes_nothing_more() {
    let storage = storage();
    let server = start(&storage, |_, _| ());
    let address = server.address();
    let body = by_file(EXAMPLE, INPUT, 12950, 912, 43);
    let mut client = Client::connect(address);
    let head = format!("POST /infer HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
    client.send(head.as_bytes()).unwrap();
    client.send(&body.as_bytes()[..50]).unwrap();
    // The head must have been taken before the service stops.
    std::thread::sleep(Duration::from_millis(200));
    let stopping = std::thread::spawn(move || server.stop());
    std::thread::sleep(Duration::from_millis(200));
    client.send(&body.as_bytes()[50..]).unwrap();
    let (status, _, reply) = client.reply();
    assert_eq!((status, &*reply), (200, r#"{"data":"0x04f20ef005f6fdfe01ff","info":"ok"}"#));
    stopping.join().unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}
