//! The table of all proofs: for people at the terminal, and for the README.

use std::fmt::Write as _;

use crate::proof::Proof;
use crate::run::{Outcome, Verdict};

/// The README's table. It has no times, so that it changes only with the proofs.
pub fn markdown(proofs: &[Proof]) -> String {
    let mut text = String::from(
        "| proof | what is proved | assumed besides starting in reset | method | holes | planted bugs it catches |\n\
         |---|---|---|---|---|---|\n",
    );
    for proof in proofs {
        let bugs: Vec<&str> = proof.mutants.iter().map(|mutant| mutant.bug).collect();
        let Proof { name, subject, proved, assumed, holes, .. } = proof;
        let method = proof.method.describe();
        _ = writeln!(text, "| `{name}`: {subject} | {proved} | {assumed} | {method} | {holes} | {} |", bugs.join("; "));
    }
    text
}

/// The sentences of one proof, as they stand in the emitted Verilog.
pub fn sentences(proof: &Proof) -> String {
    use myelin_hdl::CheckKind::{Assert, Assume, Cover};
    let mut text = format!("{}: {}\n", proof.name, proof.subject);
    for (what, kind) in [("assumed", Assume), ("proved", Assert), ("reached", Cover)] {
        for name in proof.checks(kind) {
            _ = writeln!(text, "  {what:8} {name}");
        }
    }
    text
}

/// One proof's outcome for the terminal.
pub fn text(proof: &Proof, outcome: &Outcome) -> String {
    let verdict = match &outcome.verdict {
        Verdict::Proved => "proved".to_owned(),
        Verdict::Refuted(names) => format!("REFUTED: {}", names.join(", ")),
        Verdict::NotInductive(names) => format!("NOT INDUCTIVE: {}", names.join(", ")),
        Verdict::Unreachable(names) => format!("UNREACHABLE: {}", names.join(", ")),
    };
    let Proof { name, subject, proved, assumed, holes, .. } = proof;
    let (method, seconds) = (proof.method.describe(), outcome.seconds);
    format!(
        "{name}: {verdict} ({method}, {seconds:.1} s)\n  subject  {subject}\n  proved   {proved}\n  assumed  {assumed}\n  holes    {holes}\n"
    )
}
