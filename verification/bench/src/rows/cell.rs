//! Row 2: the whole tensor cell running the digits model.

use myelin_isa::{Architecture, Precision};

use super::contest::{self, Entry, Outcome};
use crate::designs::cell;
use crate::error::BenchError;
use crate::measure::Effort;
use crate::report::{Section, Side, Target};
use crate::verilator::{Style, Text, Verilator};

/// Our better engine over Verilator.
const WANTED: f64 = 4.0;

/// A cell of `size` x `size`, replayed.
///
/// # Errors
/// As [`contest::run`], or if the model does not run.
pub fn one(size: usize, verilator: &Verilator, effort: Effort) -> Result<Outcome, BenchError> {
    let architecture = Architecture::new(size as u32, size as u32, Precision::Int8)
        .map_err(|error| BenchError::Size { size, reason: error.to_string() })?;
    let design = cell::design(&architecture)?;
    let drive = cell::record(&architecture)?;
    let emitted = Text::emitted(&design);
    let entries = [Style::HIERARCHICAL, Style::FLAT].map(|style| Entry { name: "emitted", text: &emitted, style });
    contest::run(&format!("tensor cell {size}x{size}"), &design, &drive, &entries, verilator, effort)
}

/// Cells of all `sizes`; `outcomes` are added to.
///
/// # Errors
/// As [`one`].
pub fn run(
    sizes: &[usize],
    verilator: &Verilator,
    effort: Effort,
    outcomes: &mut Vec<Outcome>,
) -> Result<(Section, Vec<Target>), BenchError> {
    let mut section = contest::section("Tensor cell running the digits model, inputs replayed, every output compared");
    let mut targets = Vec::new();
    for &size in sizes {
        let outcome = one(size, verilator, effort)?;
        section.lines.extend(outcome.lines());
        let what = format!("{}, better engine over Verilator", outcome.design);
        targets.push(Target::new(what, Side::AtLeast, WANTED, outcome.best_ratio(), "x"));
        outcomes.push(outcome);
    }
    Ok((section, targets))
}
