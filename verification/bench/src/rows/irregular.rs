//! Row 3: irregular logic.

use myelin_hdl::{Design, DesignError};

use super::contest::{self, Entry, Outcome};
use crate::designs::irregular;
use crate::error::BenchError;
use crate::measure::Effort;
use crate::report::{Section, Side, Target};
use crate::verilator::{Style, Text, Verilator};

/// Our better engine over Verilator.
const WANTED: f64 = 1.0;

/// A design and what it is called.
type Named = (&'static str, fn() -> Result<Design, DesignError>);

/// The designs.
pub const DESIGNS: [Named; 3] = [
    ("queues", irregular::queues),
    ("switch and arbiters", irregular::switch),
    ("state machines", irregular::machines),
];

/// One of [`DESIGNS`].
///
/// # Errors
/// As [`contest::run`].
pub fn one(named: Named, verilator: &Verilator, effort: Effort) -> Result<Outcome, BenchError> {
    let (name, design) = named;
    let design = design()?;
    let emitted = Text::emitted(&design);
    let entries = [Style::HIERARCHICAL, Style::FLAT].map(|style| Entry { name: "emitted", text: &emitted, style });
    contest::run(name, &design, &irregular::drive(), &entries, verilator, effort)
}

/// All of [`DESIGNS`]; `outcomes` are added to.
///
/// # Errors
/// As [`contest::run`].
pub fn run(
    verilator: &Verilator,
    effort: Effort,
    outcomes: &mut Vec<Outcome>,
) -> Result<(Section, Vec<Target>), BenchError> {
    let mut section = contest::section("Irregular logic");
    let mut targets = Vec::new();
    for named in DESIGNS {
        let outcome = one(named, verilator, effort)?;
        section.lines.extend(outcome.lines());
        let what = format!("{}, better engine over Verilator", outcome.design);
        targets.push(Target::new(what, Side::AtLeast, WANTED, outcome.best_ratio(), "x"));
        outcomes.push(outcome);
    }
    Ok((section, targets))
}
