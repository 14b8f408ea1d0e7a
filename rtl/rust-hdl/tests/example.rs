//! The shipped example, run.

#[path = "../examples/rust_hdl_uart.rs"]
#[allow(dead_code)]
mod example;

mod common;

use std::fs;

#[test]
fn the_uart_example_delivers_its_message_its_waves_and_its_verilog() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let report = example::run(folder.path(), 3000).expect("the example runs");
    assert_eq!(report.received, "Myelin carries rust-hdl");
    assert_eq!(report.cycles, 3000);
    assert!(report.our_cycles_per_second > report.threaded_cycles_per_second);
    for file in &report.files {
        let text = fs::read_to_string(file).expect("the file is written");
        assert!(!text.is_empty(), "{}", file.display());
        if file.extension().is_some_and(|extension| extension == "vcd") {
            assert!(text.contains("$scope module transmitter $end"), "the waves have the fields' names");
        }
    }
}

#[test]
fn the_uart_computes_the_same_under_rust_hdl_our_engines_and_icarus() {
    let compared = common::compare(&example::uart, 7, 3000).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(compared.moving, compared.outputs, "every output moves");
}
