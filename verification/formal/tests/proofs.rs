//! Every proof holds, every planted bug is caught, and the README says what is proved.
//!
//! Without Yosys or a solver the proofs are skipped, visibly; with `MYELIN_REQUIRE_TOOLS=1` that fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write as _;
use std::{env, fs};

use myelin_formal::{Tools, Verdict, all, markdown, prove, prove_mutant, text};
use myelin_programs::ProgramError;

/// The tools, or `None` after saying what is skipped and how to get them.
fn tools(what: &str) -> Option<Tools> {
    match Tools::find() {
        Ok(tools) => Some(tools),
        Err(ProgramError::Missing { program, install }) => {
            let line = format!("SKIPPED: {what}, {program} is missing (install: {install})");
            let required = env::var("MYELIN_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
            assert!(!required, "{line}, and MYELIN_REQUIRE_TOOLS=1 forbids to skip it");
            // Straight to the terminal: a test's captured output would not be seen.
            _ = writeln!(std::io::stderr(), "{line}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_proof_holds() {
    let Some(tools) = tools("the proofs") else { return };
    let mut failed = String::new();
    for proof in all() {
        let outcome = prove(&proof, &tools).unwrap();
        let report = text(&proof, &outcome);
        println!("{report}");
        if outcome.verdict != Verdict::Proved {
            failed += &report;
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn every_planted_bug_is_caught() {
    let Some(tools) = tools("the planted bugs") else { return };
    let mut missed = Vec::new();
    for proof in all() {
        for mutant in proof.mutants {
            let verdict = prove_mutant(&proof, mutant, &tools).unwrap().verdict;
            println!("{}: {}: {verdict:?}", proof.name, mutant.bug);
            if !matches!(&verdict, Verdict::Refuted(broken) if !broken.is_empty()) {
                missed.push((proof.name, mutant.bug, verdict));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn every_proof_has_a_planted_bug_and_states_its_holes() {
    for proof in all() {
        assert!(!proof.mutants.is_empty(), "{} cannot be seen to fail", proof.name);
        assert!(!proof.holes.is_empty() && !proof.assumed.is_empty(), "{}", proof.name);
    }
}

const BEGIN: &str = "<!-- proofs: generated, refresh with MYELIN_BLESS=1 cargo test -p myelin-formal -->\n";
const END: &str = "<!-- end of proofs -->\n";

#[test]
fn the_readmes_table_is_that_of_the_proofs() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(file).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the table's begin");
    let (table, after) = rest.split_once(END).expect("the README has the table's end");
    let expected = markdown(&all());
    if env::var("MYELIN_BLESS").is_ok_and(|value| value == "1") {
        fs::write(file, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
    } else {
        assert_eq!(table, expected, "MYELIN_BLESS=1 cargo test -p myelin-formal refreshes it");
    }
}
