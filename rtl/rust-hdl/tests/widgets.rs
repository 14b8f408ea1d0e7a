//! rust-hdl's widget library: each widget is lowered and held against rust-hdl, or refused for a stated reason.

mod common;
mod library;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use common::{Compared, Failure};
use library::widgets;

const HEAD: &str = "\
# rust-hdl 0.46 widgets and this front end

Written by the test `widgets` (`MYELIN_BLESS=1 cargo test -p myelin-rust-hdl --test widgets`), which runs
each lowered widget under the interpreter, the compiled simulator and, as Verilog, Icarus, and compares every
output in every cycle with rust-hdl's own simulator on three seeded stimuli. An output *moves* if it changed
at least once.

| widget | cycles equal | outputs moving | or refused because |
|---|---:|---:|---|
";

#[test]
fn every_widget_computes_what_rust_hdl_computes_or_is_refused_as_documented() {
    let mut table = HEAD.to_owned();
    let mut failures = Vec::new();
    for (name, outcome) in widgets() {
        match outcome() {
            Ok(Compared { cycles, moving, outputs, engines }) => {
                assert!(moving > 0, "{name}: no output ever changed, so nothing was compared");
                assert!(engines.len() >= 2, "{name}: both engines of our simulator are there");
                _ = writeln!(table, "| `{name}` | {cycles} | {moving} of {outputs} | |");
            }
            Err(Failure::Refused(error)) => _ = writeln!(table, "| `{name}` | | | {error} |"),
            Err(Failure::Other(what)) => failures.push(format!("{name}: {what}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("WIDGETS.md");
    if std::env::var_os("MYELIN_BLESS").is_some() {
        fs::write(&path, &table).expect("the package's folder can be written");
    }
    let known = fs::read_to_string(&path).expect("WIDGETS.md is part of the package");
    assert_eq!(table, known, "set MYELIN_BLESS=1 to rewrite WIDGETS.md, then review it");
}
