//! Netlists of all PEs equal their source, and multipliers are as many as promised: with the system's Yosys.
//!
//! Without Yosys or Icarus these are skipped, visibly; with `MYELIN_REQUIRE_TOOLS=1` that fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::env;
use std::io::Write as _;

use myelin_synthesis::{Family, Promise, Yosys, check_netlist, netlist_subjects};

fn yosys(what: &str) -> Option<Yosys> {
    let icarus = env::split_paths(&env::var_os("PATH")?).any(|folder| folder.join("iverilog").is_file());
    if let (Ok(yosys), true) = (Yosys::system(), icarus) {
        return Some(yosys);
    }
    let line = format!("SKIPPED: {what} (install: apt-get install yosys iverilog)");
    let required = env::var("MYELIN_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    assert!(!required, "{line}, and MYELIN_REQUIRE_TOOLS=1 forbids to skip it");
    // Straight to the terminal: a test's captured output would not be seen.
    _ = writeln!(std::io::stderr(), "{line}");
    None
}

fn netlists_are_their_source(family: Family) {
    let Some(yosys) = yosys("netlists") else { return };
    let subjects = netlist_subjects(family.styles());
    for subject in subjects.iter().filter(|subject| subject.block == "pe" && subject.multiplier != "plain") {
        let found = check_netlist(&yosys, family, subject, 300, 1).unwrap();
        assert_eq!(found.different, 0, "{family}: {}: {:?}", subject.describe(), found.first);
        let outputs = subject.design.top().outputs.len() as u64;
        assert!(found.compared > 250 * outputs, "{family}: {}: only {}", subject.describe(), found.compared);
        let counted = &found.resources;
        assert_eq!(counted.promise, Promise::Kept, "{family}: {}: {:?}", subject.describe(), counted.cells);
    }
}

#[test]
fn netlists_for_ultrascale_plus_are_their_source_with_the_multipliers_promised() {
    netlists_are_their_source(Family::Xcup);
}

#[test]
fn netlists_for_ecp5_are_their_source_with_the_multipliers_promised() {
    netlists_are_their_source(Family::Ecp5);
}

#[test]
fn netlists_for_ice40_are_their_source_with_the_multipliers_promised() {
    netlists_are_their_source(Family::Ice40);
}

#[test]
fn netlists_for_cyclone_v_are_their_source_with_the_multipliers_promised() {
    netlists_are_their_source(Family::CycloneV);
}
