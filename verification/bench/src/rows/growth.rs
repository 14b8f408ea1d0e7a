//! Row 5: what grows with the number of instances, and what does not.

use myelin_sim::Engine;

use crate::child::{Child, Measured};
use crate::error::BenchError;
use crate::measure::Effort;
use crate::report::{Cell, Section, Side, Target};

/// Build time may grow by this part of the growth of instances. Ours: the issue says "not with
/// instances", and a little per instance is unavoidable (its place, its state).
const WANTED_PART: f64 = 0.1;

/// Builds the systolic array in all `sizes` with Cranelift, each in a fresh process.
///
/// # Errors
/// If a build fails.
pub fn run(sizes: &[usize], child: &Child, effort: Effort) -> Result<(Section, Vec<Target>), BenchError> {
    let head = ["design", "PEs", "distinct bodies", "build, CPU ms", "peak memory over the design's, MB", "kB per PE"];
    let mut section = Section::new("Growth with instances (Cranelift, a fresh process each)", &head);
    let mut found: Vec<(usize, Measured)> = Vec::new();
    for &size in sizes {
        let mut runs = Vec::new();
        for _ in 0..effort.rounds {
            runs.push(child.start(size, Engine::Compiled)?);
        }
        let best = runs.into_iter().min_by_key(|run| run.cpu_nanoseconds).unwrap_or_default();
        let (elements, memory) = ((size * size) as f64, best.memory_bytes as f64);
        section.lines.push(vec![
            format!("systolic {size}x{size}").into(),
            Cell::Count(elements),
            Cell::Count(best.bodies as f64),
            Cell::Number(best.cpu_nanoseconds as f64 / 1e6, 1),
            Cell::Number(memory / 1e6, 1),
            Cell::Number(memory / 1e3 / elements, 2),
        ]);
        found.push((size, best));
    }
    let mut targets = Vec::new();
    if let [(small, first), .., (large, last)] = found[..]
        && large > small
    {
        let instances = ((large * large) as f64) / ((small * small) as f64);
        for (what, first, last) in [
            ("build time", first.cpu_nanoseconds, last.cpu_nanoseconds),
            ("memory", first.memory_bytes, last.memory_bytes),
        ] {
            let what = format!("{what} from {small}x{small} to {large}x{large}, {instances} times the instances");
            let grown = last as f64 / first.max(1) as f64;
            targets.push(Target::new(what, Side::Below, instances * WANTED_PART, grown, "x"));
        }
    }
    Ok((section, targets))
}
