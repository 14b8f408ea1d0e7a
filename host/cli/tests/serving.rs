//! `serve` and `verify`: a node's protocol and recorded answers through the command line.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use common::{Run, Workplace};

const MODEL: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

/// A storage with the digits network under [`MODEL`].
fn storage(workplace: &Workplace) {
    let folder = workplace.path("storage").join(MODEL).join("data");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["symbol", "params"] {
        std::fs::copy(workplace.path("models/digits_int8").join(file), folder.join(file)).unwrap();
    }
}

/// The service, and where it says that it listens.
fn start(workplace: &Workplace, more: &[&str]) -> (Child, String) {
    let serve = ["serve", "--listen", "127.0.0.1:0", "--storage", "storage", "--json", "--progress", "none"];
    let mut command = workplace.command(&[&serve[..], more].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !text.ends_with("}\n") {
        text += &(lines.next().expect("it says where it listens").unwrap() + "\n");
    }
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["schema_version"], 1);
    (child, told["listening"].as_str().unwrap().to_owned())
}

fn request(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{head} HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The second recorded picture and its answer, as a list of records has them.
fn recorded(workplace: &Workplace) -> (String, String) {
    let list = std::fs::read_to_string(workplace.path("models/recorded.jsonl")).unwrap();
    let record = list.lines().find(|line| line.contains("\"input\"")).unwrap();
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    assert_eq!(record["model"], "digits_int8");
    (record["input"].as_str().unwrap().to_owned(), record["expected"].as_str().unwrap().to_owned())
}

/// Ends the process as a system does, and waits for it.
fn terminate(child: Child) -> (Option<i32>, String) {
    let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_node_is_answered_on_every_kind_of_device_and_termination_is_clean() {
    let workplace = Workplace::new();
    storage(&workplace);
    let (input, expected) = recorded(&workplace);
    let two = ["--device", "sim:8x8", "--device", "sim:4x4", "--log", "json"];
    for more in
        [&[][..], &["--device", "sim:8x8", "--log", "json"], &two, &["--device", "cpu:scalar", "--eviction", "fifo"]]
    {
        let (child, address) = start(&workplace, more);
        let price = format!("{{\"type\":3,\"model\":\"0x{MODEL}\",\"modelSize\":99999,\"cvm_networkid\":21}}");
        let answer = request(&address, "POST /infer", &price);
        // 1139022, as eight bytes.
        assert!(answer.contains("200 OK") && answer.contains("0x000000000011614e"), "{more:?}: {answer}");
        let body = format!(
            "{{\"type\":2,\"model\":\"0x{MODEL}\",\"input\":\"{input}\",\"modelSize\":99999,\"cvm_version\":1,\
             \"cvm_networkid\":21}}"
        );
        let answer = request(&address, "POST /infer", &body);
        assert!(answer.contains(&expected) && answer.contains("\"ok\""), "{more:?}: {answer}");
        assert!(request(&address, "GET /healthz", "").contains("200 OK"));
        let metrics = request(&address, "GET /metrics", "");
        assert!(metrics.contains("device_faults_total 0"), "{more:?}: {metrics}");
        let in_use = ["sim:8x8", "sim:4x4"].map(|device| format!("device_in_use{{device=\"{device}\"}} 1"));
        let in_use = in_use.map(|line| metrics.contains(&line));
        assert_eq!(in_use, ["sim:8x8", "sim:4x4"].map(|device| more.contains(&device)), "{metrics}");
        let (code, log) = terminate(child);
        assert_eq!(code, Some(0), "{log}");
        let log_lines = || log.lines().filter(|line| line.contains("stopping"));
        assert_eq!(log_lines().count(), 1, "{log}");
        if more.contains(&"json") {
            assert!(log_lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");
        }
    }
}

#[test]
fn recorded_answers_are_verified_and_a_wrong_bit_is_found() {
    let workplace = Workplace::new();
    let list = std::fs::read_to_string(workplace.path("models/recorded.jsonl")).unwrap();
    let run = workplace.run(&["verify", "models/recorded.jsonl", "--progress", "counter"]).expect(0);
    assert!(run.out.contains("34 of 34 answers as recorded"), "{}", run.out);
    assert!(run.err.contains("34/34 answers"), "{}", run.err);
    let run = workplace.run(&["verify", "models/recorded.jsonl", "--device", "sim:8x8"]).expect(0);
    assert!(run.out.contains("34 of 34"), "{}", run.out);

    let (_, expected) = recorded(&workplace);
    let last = if expected.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{last}", &expected[..expected.len() - 1]);
    std::fs::write(workplace.path("models/wrong.jsonl"), list.replace(&expected, &wrong)).unwrap();
    let run = workplace.run(&["verify", "models/wrong.jsonl"]).expect(1);
    assert!(run.out.contains("33 of 34") && run.out.contains("first difference in byte 39"), "{}", run.out);
    let answer = workplace.run(&["verify", "models/wrong.jsonl", "--json"]).expect(1).json();
    assert_eq!((&answer["schema_version"], &answer["records"]), (&1.into(), &34.into()));
    let [mismatch] = &answer["mismatches"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!((&mismatch["found"], &mismatch["expected"]), (&expected.into(), &wrong.into()));
}

#[test]
fn what_serve_and_verify_cannot_do_is_refused_with_advice() {
    let workplace = Workplace::new();
    std::fs::write(workplace.path("list"), "{\"model\": 7}\n").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, code, expected) in [
        (&["serve", "--storage", "nowhere"][..], 3, "nowhere: is not a folder"),
        (&["serve", "--storage", "models", "--device", "golden"], 2, "golden"),
        (&["serve", "--storage", "models", "--listen", &taken], 7, "--listen 127.0.0.1:0"),
        (&["serve", "--storage", "models", "--device", "cpu:neon"], 4, "neon"),
        (&["verify", "nowhere"], 3, "nowhere"),
        (&["verify", "list"], 3, "line 1"),
        (&["verify", "list", "--device", "golden"], 2, "golden"),
        (&["model", "build", "squeezenet1.1", "-o", "list/net"], 6, "list/net"),
        (&["bench", "infer", "--network", "digits_int8", "--path", "neon"], 4, "neon"),
        (&["bench", "infer", "--cold", "nowhere"], 3, "nowhere/symbol"),
    ] {
        if cfg!(target_arch = "aarch64") && expected == "neon" {
            continue;
        }
        let run = workplace.run(&[arguments, &["--progress", "none"]].concat()).expect(code);
        assert_eq!(run.out, "", "{arguments:?}");
        let lines: Vec<&str> = run.err.lines().filter(|line| !line.contains("INFO")).collect();
        assert!(lines.len() == 2 && lines[1].starts_with("hint: ") && run.err.contains(expected), "{}", run.err);
    }
    for (arguments, expected) in [
        (&["serve"][..], "--storage"),
        (&["serve", "--storage", "models", "--for", "soon"], "seconds"),
        (&["serve", "--storage", "models", "--eviction", "random"], "fifo"),
        (&["model", "build", "resnet51", "-o", "x"], "resnet50"),
        (&["bench", "infer", "--network", "resnet51"], "conv3x3-"),
        (&["bench", "infer", "--layers", "--network", "nin"], "--network"),
        (&["bench"], "Usage"),
        (&["model"], "<DIR>"),
    ] {
        let run: Run = workplace.run(arguments).expect(2);
        assert!(run.err.contains(expected), "{arguments:?}: {}", run.err);
    }
}
