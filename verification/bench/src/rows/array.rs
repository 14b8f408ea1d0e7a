//! Row 1: the systolic INT8 array.

use myelin_isa::{Architecture, Precision};
use myelin_sim::Engine;

use super::contest::{self, Entry, Outcome};
use crate::designs::{systolic, tensor_array};
use crate::error::BenchError;
use crate::measure::Effort;
use crate::report::{Section, Side, Target};
use crate::verilator::{Style, Text, Verilator};

/// Ratios wanted of Cranelift and of the ahead-of-time engine.
fn wanted(size: usize) -> Option<(f64, f64)> {
    match size {
        16 => Some((6.0, 12.0)),
        32 => Some((10.0, 25.0)),
        _ => None,
    }
}

/// The array of `size` x `size` as emitted and in three texts by hand.
///
/// # Errors
/// As [`contest::run`].
pub fn systolic(size: usize, verilator: &Verilator, effort: Effort) -> Result<Outcome, BenchError> {
    let design = systolic::design(size, size)?;
    let emitted = Text::emitted(&design);
    let (elements, loops) = (systolic::by_hand_hierarchical(size, size), systolic::by_hand_flat(size, size));
    let in_place = systolic::by_hand_in_place(size, size);
    let entries = [
        Entry { name: "emitted", text: &emitted, style: Style::HIERARCHICAL },
        Entry { name: "emitted", text: &emitted, style: Style::FLAT },
        Entry { name: "by hand, a module per element", text: &elements, style: Style::HIERARCHICAL },
        Entry { name: "by hand, a module per element", text: &elements, style: Style::FLAT },
        Entry { name: "by hand, a module per element", text: &elements, style: Style::KEPT },
        Entry { name: "by hand, arrays and loops", text: &loops, style: Style::FLAT },
        Entry { name: "by hand, loops in place", text: &in_place, style: Style::FLAT },
    ];
    let drive = systolic::drive(size, size);
    contest::run(&format!("systolic {size}x{size}"), &design, &drive, &entries, verilator, effort)
}

/// The tensor cell's own array of `size` x `size`.
///
/// # Errors
/// As [`contest::run`].
pub fn tensor(size: usize, verilator: &Verilator, effort: Effort) -> Result<Outcome, BenchError> {
    let architecture = Architecture::new(size as u32, size as u32, Precision::Int8)
        .map_err(|error| BenchError::Size { size, reason: error.to_string() })?;
    let design = tensor_array::design(&architecture)?;
    let emitted = Text::emitted(&design);
    let entries = [Style::HIERARCHICAL, Style::FLAT].map(|style| Entry { name: "emitted", text: &emitted, style });
    let drive = tensor_array::drive(&architecture);
    contest::run(&format!("tensor array {size}x{size}"), &design, &drive, &entries, verilator, effort)
}

/// Both arrays in all `sizes`; `outcomes` are added to.
///
/// # Errors
/// As [`contest::run`].
pub fn run(
    sizes: &[usize],
    verilator: &Verilator,
    effort: Effort,
    outcomes: &mut Vec<Outcome>,
) -> Result<(Section, Vec<Target>), BenchError> {
    let mut section = contest::section("Systolic INT8 arrays, new data in every cycle, every sum gathered");
    let mut targets = Vec::new();
    for &size in sizes {
        for outcome in [systolic(size, verilator, effort)?, tensor(size, verilator, effort)?] {
            section.lines.extend(outcome.lines());
            let (cranelift, ahead_of_time) = wanted(size).unzip();
            for (engine, wanted) in [(Engine::Compiled, cranelift), (Engine::AheadOfTime, ahead_of_time)] {
                let Some(wanted) = wanted else { continue };
                let what = format!("{}, {} over Verilator", outcome.design, crate::subject::name_of(engine));
                targets.push(Target::new(what, Side::AtLeast, wanted, outcome.ratio(engine), "x"));
            }
            outcomes.push(outcome);
        }
    }
    Ok((section, targets))
}
