//! A virtual stick and a host that uses it, each a process of its own.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use common::Workplace;

/// A stick that says that it is there.
fn start(workplace: &Workplace, more: &[&str]) -> Child {
    let mut command = workplace.command(&[&["stick", "--target", "custom,rows=8,columns=8"], more].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("tty:stick"), "{line}");
    child
}

/// Ends it without asking.
fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_host_cannot_tell_it_from_hardware() {
    let workplace = Workplace::new();
    let stick = start(&workplace, &[]);
    let infer = ["infer", "--model", "models/digits_int8", "--input", "models/digits_int8/input.npy"];
    let on_stick = |more: &[&str]| workplace.run(&[&infer[..], &["--device", "tty:stick"], more].concat());
    let run = on_stick(&["--index", "3", "--check"]).expect(0);
    assert!(run.out.contains("bit-exact") || run.out.contains("equal"), "{}", run.out);
    let run = workplace.run(&["selftest", "--device", "tty:stick", "--pictures", "5"]).expect(0);
    for test in ["stick's memory", "stick's flash", "stick's core", "INT8", "INT6"] {
        assert!(run.out.lines().any(|line| line.contains(test) && line.contains("passed")), "{test}: {}", run.out);
    }
    end(stick);
    let run = on_stick(&[]).expect(5);
    assert!(run.err.contains("hint:"), "{}", run.err);
    // What it has left behind is in nobody's way.
    end(start(&workplace, &["--faults", "drop=5,corrupt=5,duplicate=5,truncate=5,seed=3"]));
    let stick = start(&workplace, &["--faults", "drop=5,corrupt=5,duplicate=5,truncate=5,seed=3"]);
    on_stick(&["--check"]).expect(0);
    end(stick);
}

#[test]
fn a_node_on_a_stick_verifies_every_recorded_answer() {
    let workplace = Workplace::new();
    let stick = start(&workplace, &["--faults", "drop=2,corrupt=2,unplug=1,seed=5"]);
    let run = loop {
        let run = workplace.run(&["verify", "models/recorded.jsonl", "--device", "tty:stick"]);
        // The stick may be away just when it is opened.
        if run.code != 5 {
            break run;
        }
    };
    assert!(run.expect(0).out.contains("34 of 34 answers as recorded"));
    end(stick);
}

#[test]
fn several_cells_are_no_stick() {
    let workplace = Workplace::new();
    let run = workplace.run(&["stick", "--target", "card-u50", "--for", "0"]).expect(2);
    assert!(run.err.contains("16 cells"), "{}", run.err);
}
