//! A virtual stick and a host that uses it, each a process of its own.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::process::Stdio;

use common::Workplace;

#[test]
fn a_host_cannot_tell_it_from_hardware() {
    let workplace = Workplace::new();
    let stick = workplace.stick(&[]);
    let infer = ["infer", "--model", "models/digits_int8", "--input", "models/digits_int8/input.npy"];
    let on_stick = |more: &[&str]| workplace.run(&[&infer[..], &["--device", "tty:stick"], more].concat());
    let run = on_stick(&["--index", "3", "--check"]).expect(0);
    assert!(run.out.contains("bit-exact") || run.out.contains("equal"), "{}", run.out);
    let run = workplace.run(&["selftest", "--device", "tty:stick", "--pictures", "5"]).expect(0);
    for test in ["stick's memory", "stick's flash", "stick's core", "INT8", "INT6"] {
        assert!(run.out.lines().any(|line| line.contains(test) && line.contains("passed")), "{test}: {}", run.out);
    }
    drop(stick);
    let run = on_stick(&[]).expect(5);
    assert!(run.err.contains("hint:"), "{}", run.err);
    // What it has left behind is in nobody's way.
    drop(workplace.stick(&["--faults", "drop=5,corrupt=5,duplicate=5,truncate=5,seed=3"]));
    let stick = workplace.stick(&["--faults", "drop=5,corrupt=5,duplicate=5,truncate=5,seed=3"]);
    on_stick(&["--check"]).expect(0);
    drop(stick);
}

#[test]
fn a_node_on_a_stick_verifies_every_recorded_answer() {
    let workplace = Workplace::new();
    let stick = workplace.stick(&["--faults", "drop=2,corrupt=2,unplug=1,seed=5"]);
    let run = loop {
        let run = workplace.run(&["verify", "models/recorded.jsonl", "--device", "tty:stick"]);
        // The stick may be away just when it is opened.
        if run.code != 5 {
            break run;
        }
    };
    assert!(run.expect(0).out.contains("34 of 34 answers as recorded"));
    drop(stick);
}

#[test]
fn a_node_goes_on_with_one_of_two_sticks() {
    let workplace = Workplace::new();
    let (first, second) = (workplace.stick_at("first", &[]), workplace.stick_at("second", &[]));
    let verify = ["verify", "models/recorded.jsonl", "--device", "tty:first", "--device", "tty:second", "--json"];
    let both = workplace.run(&verify).expect(0).json();
    assert_eq!(
        (&both["device"], &both["mismatches"]),
        (&"tty:first tty:second".into(), &serde_json::json!([])),
        "{both}"
    );
    // One is pulled while the other answers.
    let running = workplace.command(&verify).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(first);
    let output = running.wait_with_output().unwrap();
    // Unless it was pulled before it was opened.
    assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
    drop(second);
}

#[test]
fn several_cells_are_no_stick() {
    let workplace = Workplace::new();
    let run = workplace.run(&["stick", "--target", "card-u50", "--for", "0"]).expect(2);
    assert!(run.err.contains("16 cells"), "{}", run.err);
}

#[test]
fn new_firmware_goes_over_the_line_and_runs() {
    let workplace = Workplace::new();
    let _stick = workplace.stick(&["--faults", "drop=5,corrupt=5,seed=3"]);
    let firmware = |more: &[&str]| workplace.run(&[&["firmware", "--device", "tty:stick"], more].concat());
    let before = firmware(&["--json"]).expect(0).json();
    assert!(before["slot"].is_null() && before["updated"].is_null(), "{before}");
    for (slot, counter) in [(0, 1), (1, 2), (0, 3)] {
        let update = firmware(&["--update", "--image", "bitstreams/firmware/stick-ecp5.bin", "--json"]);
        let after = update.expect(0).json();
        assert_eq!((&after["slot"], &after["counter"]), (&slot.into(), &counter.into()), "{after}");
        assert!(after["updated"] == true && after["boots"].as_u64() > before["boots"].as_u64(), "{after}");
    }
    let shown = firmware(&[]).expect(0).out;
    assert!(shown.contains("slot A, image 3") && shown.contains("faults     none"), "{shown}");
    workplace.run(&["selftest", "--device", "tty:stick", "--pictures", "2"]).expect(0);
}

#[test]
fn what_is_no_firmware_for_a_stick_is_refused() {
    let workplace = Workplace::new();
    let _stick = workplace.stick(&[]);
    let firmware = |more: &[&str]| workplace.run(&[&["firmware", "--device"], more].concat());
    assert!(firmware(&["cpu"]).expect(2).err.contains("cpu is no stick"));
    assert!(firmware(&["tty:stick", "--update"]).expect(4).err.contains("this program has none"));
    std::fs::write(workplace.path("large"), vec![0; 1 << 16]).unwrap();
    firmware(&["tty:stick", "--update", "--image", "large"]).expect(3);
    std::fs::write(workplace.path("empty"), []).unwrap();
    let refused = firmware(&["tty:stick", "--update", "--image", "empty"]).expect(5);
    assert!(refused.err.contains("begin a firmware image"), "{}", refused.err);
}
