//! Row 7: the edge-trimming core, graph after graph.

use myelin_isa::cuckoo::{Core, Sip, Variant};

use super::contest::{self, Entry, Outcome};
use crate::designs::trimmer;
use crate::error::BenchError;
use crate::measure::Effort;
use crate::report::{Section, Side, Target};
use crate::verilator::{Style, Text, Verilator};

/// Our better engine over Verilator.
const WANTED: f64 = 1.0;

/// The Cortex chain's core of so many edge bits and lanes, replayed.
///
/// # Errors
/// As [`contest::run`], or if there is no such core.
pub fn one(edge_bits: u32, lanes: u32, verilator: &Verilator, effort: Effort) -> Result<Outcome, BenchError> {
    let core = Core::new(Variant::Cuckaroo, Sip::FourEight, edge_bits, lanes)
        .map_err(|error| BenchError::Recording { what: "a graph's trimming", reason: error.to_string() })?;
    let design = trimmer::design(&core)?;
    let drive = trimmer::record(&design, &core)?;
    let emitted = Text::emitted(&design);
    let entries = [Style::HIERARCHICAL, Style::FLAT].map(|style| Entry { name: "emitted", text: &emitted, style });
    contest::run(&core.to_string(), &design, &drive, &entries, verilator, effort)
}

/// Cores of `edge_bits` with each number of lanes; `outcomes` are added to.
///
/// # Errors
/// As [`one`].
pub fn run(
    edge_bits: u32,
    lanes: &[u32],
    verilator: &Verilator,
    effort: Effort,
    outcomes: &mut Vec<Outcome>,
) -> Result<(Section, Vec<Target>), BenchError> {
    let mut section = contest::section("Edge-trimming core, graph after graph, every output compared");
    let mut targets = Vec::new();
    for &lanes in lanes {
        let outcome = one(edge_bits, lanes, verilator, effort)?;
        section.lines.extend(outcome.lines());
        let what = format!("{}, better engine over Verilator", outcome.design);
        targets.push(Target::new(what, Side::AtLeast, WANTED, outcome.best_ratio(), "x"));
        outcomes.push(outcome);
    }
    Ok((section, targets))
}
