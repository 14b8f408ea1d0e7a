//! What the commands refuse: a documented exit code, a message that says where, advice, no panic.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use common::{Run, Workplace};

const MODEL: &str = "models/digits_int8";
const INPUT: &str = "models/digits_int8/input.npy";

/// Runs a command that must be refused with `code`; answers the two lines on standard error.
fn refused(workplace: &Workplace, arguments: &[&str], code: i32) -> String {
    let run = workplace.run(&[arguments, &["--progress", "none"]].concat()).expect(code);
    assert_eq!(run.out, "", "{arguments:?} prints and fails");
    let lines: Vec<&str> = run.err.lines().collect();
    assert!(lines[0].starts_with("error[") && lines[0].contains("]: "), "{}", run.err);
    assert!(lines.len() == 2 && lines[1].starts_with("hint: "), "{}", run.err);
    run.err
}

#[test]
fn truncated_params_are_refused_wherever_they_end() {
    let workplace = Workplace::new();
    let params = std::fs::read(workplace.path(MODEL).join("params")).unwrap();
    for length in [0, 7, 8, 100, params.len() / 2, params.len() - 1] {
        std::fs::write(workplace.path(MODEL).join("params"), &params[..length]).unwrap();
        for arguments in [&["model", MODEL][..], &["infer", "--model", MODEL, "--input", INPUT]] {
            let message = refused(&workplace, arguments, 3);
            assert!(message.contains(MODEL) && message.contains("params"), "{length}: {message}");
        }
    }
}

#[test]
fn spoilt_symbols_are_refused_with_their_place() {
    let workplace = Workplace::new();
    let symbol = std::fs::read_to_string(workplace.path(MODEL).join("symbol")).unwrap();
    let unknown = symbol.replace("\"conv2d\"", "\"conv3d\"");
    let cut = &symbol[..symbol.len() / 2];
    for (text, expected) in [(&unknown[..], "conv3d"), (cut, "symbol byte"), ("", "symbol"), ("[]", "symbol byte 0")] {
        std::fs::write(workplace.path(MODEL).join("symbol"), text).unwrap();
        let message = refused(&workplace, &["model", MODEL], 3);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn missing_files_and_folders_are_named() {
    let workplace = Workplace::new();
    assert!(refused(&workplace, &["model", "nowhere"], 3).contains("read nowhere/symbol"));
    std::fs::remove_file(workplace.path(MODEL).join("params")).unwrap();
    assert!(refused(&workplace, &["model", MODEL], 3).contains("params"));
    std::fs::create_dir(workplace.path(MODEL).join("params")).unwrap();
    assert!(refused(&workplace, &["model", MODEL], 3).contains("is not a regular file"));
    let model = "models/digits_int6";
    assert!(refused(&workplace, &["infer", "--model", model, "--input", "no.npy"], 3).contains("read no.npy"));
}

#[test]
fn inputs_that_are_no_such_array_are_refused() {
    let workplace = Workplace::new();
    let array = std::fs::read(workplace.path(INPUT)).unwrap();
    let header = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let text = String::from_utf8_lossy(&array[..128]).into_owned();
        let at = text.find(from).unwrap_or_else(|| panic!("{from} in {text}"));
        // The first byte of the file is two in the lossy text.
        let mut array = array.clone();
        let at = at - (text.len() - 128);
        array[at..at + to.len()].copy_from_slice(to.as_bytes());
        array
    };
    for (bytes, expected) in [
        (Vec::new(), "not a NumPy array"),
        (array[..array.len() - 1].to_vec(), "bytes of data"),
        (header("|i1", "<f4"), "<f4"),
        (header("(899, 1, 8, 8)", "(899, 8, 8, 1)"), "[899, 8, 8, 1]"),
        (header("False", "True "), "fortran_order"),
    ] {
        std::fs::write(workplace.path("spoilt.npy"), bytes).unwrap();
        let message = refused(&workplace, &["infer", "--model", MODEL, "--input", "spoilt.npy"], 3);
        assert!(message.contains("spoilt.npy") && message.contains(expected), "{message}");
    }
}

#[test]
fn what_the_command_line_cannot_mean_is_usage() {
    let workplace = Workplace::new();
    let infer = ["infer", "--model", MODEL, "--input", INPUT];
    let with = |more: &[&'static str]| [&infer[..], more].concat();
    assert!(refused(&workplace, &["demo", "--index", "899"], 2).contains("0 to 898"));
    assert!(refused(&workplace, &with(&["--index", "899"]), 2).contains("there are 899"));
    assert!(refused(&workplace, &with(&["--device", "golden", "--vcd", "w.vcd"]), 2).contains("not simulated"));
    let message = refused(&workplace, &with(&["--vcd", "w.vcd", "--scope", "tensor_cell.nothing"]), 2);
    assert!(message.contains("tensor_cell.nothing"), "{message}");
    // These are the command line parser's own.
    for (arguments, expected) in [
        (
            &["demo", "--device", "fpga"][..],
            "sim:[<cells>x]<rows>x<columns>[:int6|int8] or sim:<target>[,<parameter>=<value>]... or cpu[:<path>] or golden",
        ),
        (&["demo", "--device", "xdma:0000:01:00.0"], "not supported in this version"),
        (&["demo", "--device", "sim:3x16"], "rows is 3, expected 4 to 32"),
        (&["verilog", "--cell", "16x64", "-o", "x"], "columns is 64, expected 4 to 32"),
        (&["verilog", "--cell", "16", "-o", "x"], "<rows>x<columns>"),
        (&["verilog", "--cell", "8x8", "--precision", "int7", "-o", "x"], "int6 or int8"),
        (&with(&["--scope", "tensor_cell"]), "--vcd"),
        (&with(&["--window", "1:2"]), "--vcd"),
        (&with(&["--vcd", "a.vcd", "--fst", "a.fst"]), "--fst"),
        (&with(&["--all", "--fst", "a.fst"]), "--all"),
        (&["sim", "fifo", "--fst", "a.fst", "--window", "9:3"], "<from>:<to>"),
        (&["sim", "fifo:3"], "power of two"),
        (&["sim", "uart"], "skid_buffer"),
        (&["sim", "fifo", "--cycles", "0"], "--cycles"),
        (&["hierarchy", "--cell", "8x64", "-o", "x.svg"], "columns is 64, expected 4 to 32"),
        (&["explore", "models/digits_int8", "--cells", "9..3"], "expected <from>..<to>"),
        (&["explore", "models/digits_int8", "--target", "card-u9"], "no target is called"),
        (
            &[
                "explore",
                "models/digits_int8",
                "--rows",
                "1..64",
                "--columns",
                "1..64",
                "--lanes",
                "1..1024",
                "--weights",
                "1..65536",
            ],
            "explore more than 4096 designs",
        ),
        (&with(&["--all", "--index", "3"]), "--index"),
        (&["frobnicate"], "frobnicate"),
        (&[], "Usage"),
    ] {
        let run = workplace.run(arguments).expect(2);
        assert!(run.err.contains(expected), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn a_model_beyond_the_cell_is_unsupported() {
    let workplace = Workplace::new();
    let arguments = ["infer", "--model", MODEL, "--input", INPUT, "--device", "sim:8x8:int6"];
    let message = refused(&workplace, &arguments, 4);
    assert!(message.contains("int6 lane") && message.contains("layer"), "{message}");
}

#[test]
fn what_cannot_be_written_is_named() {
    let workplace = Workplace::new();
    std::fs::write(workplace.path("file"), "in the way").unwrap();
    assert!(refused(&workplace, &["verilog", "--cell", "4x4", "-o", "file"], 6).contains("write file"));
    assert!(refused(&workplace, &["man", "-o", "file/man"], 6).contains("write file/man"));
    let infer = ["infer", "--model", MODEL, "--input", INPUT, "--device", "sim:4x4", "--vcd", "no/w.vcd"];
    assert!(refused(&workplace, &infer, 6).contains("write no/w.vcd"));
    assert!(refused(&workplace, &["sim", "fifo", "--fst", "no/w.fst"], 6).contains("write no/w.fst"));
    assert!(refused(&workplace, &["hierarchy", "--cell", "4x4", "-o", "no/c.svg"], 6).contains("write no/c.svg"));
    let scope = refused(&workplace, &["sim", "fifo", "--fst", "w.fst", "--scope", "queue"], 2);
    assert!(scope.contains("fifo_16x2x16"), "{scope}");
}

#[test]
fn a_closed_pipe_is_a_clean_exit() {
    let workplace = Workplace::new();
    for arguments in [
        &["demo", "--device", "golden"][..],
        &["model", MODEL],
        &["model", MODEL, "--json"],
        &["infer", "--model", MODEL, "--input", INPUT, "--device", "golden"],
        &["verilog", "--cell", "4x4", "-o", "v"],
        &["devices"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["infer", "--help"],
        &["--version"],
    ] {
        // Nobody reads: the other end is closed before the command begins.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = Run::of(workplace.command(arguments).args(["--progress", "none"]).stdout(writer)).expect(0);
        assert_eq!(run.err, "", "{arguments:?}");
    }
}

#[test]
fn nobody_listening_to_errors_is_no_panic() {
    let workplace = Workplace::new();
    for (arguments, code) in [(&["model", "nowhere"][..], 3), (&["demo", "--device", "sim:4x4"], 0), (&["what"], 2)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        // A panic would be code 101.
        Run::of(workplace.command(arguments).stderr(writer)).expect(code);
    }
}
