//! `myelin sim`: a design on its own bench.

use std::io::Write;
use std::time::Instant;

use myelin_sim::{CheckFailure, Coverage, FailureTrace, FailureWaves, SimError};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::SimArguments;
use crate::bench::{Bench, BenchDesign, CellBench, Outcome, StreamBench};
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::report::SimulationSpeed;
use crate::terminal::{Mark, grouped};
use crate::waves;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    design: String,
    seed: u64,
    /// What answers are counted in.
    answers: &'static str,
    /// Answers compared and found right.
    right: u64,
    /// The wrong answer that ended the run; null if there is none.
    wrong: Option<String>,
    /// The check that ended the run; null if there is none.
    failure: Option<FailureJson>,
    simulation: Option<SimulationSpeed>,
    /// Null if it was not asked for.
    coverage: Option<CoverageJson>,
}

#[derive(Serialize)]
struct FailureJson {
    name: String,
    path: String,
    cycle: u64,
    file: &'static str,
    line: u32,
    message: String,
    /// Where the cycles before it are; null if they could not be written.
    waves: Option<String>,
}

#[derive(Serialize)]
struct CoverageJson {
    covers_met: usize,
    bits: u64,
    toggled_bits: u64,
    #[serde(flatten)]
    coverage: Coverage,
}

impl From<&CheckFailure> for FailureJson {
    fn from(failure: &CheckFailure) -> FailureJson {
        FailureJson {
            name: failure.name.clone(),
            path: failure.path.clone(),
            cycle: failure.cycle,
            file: failure.location.file,
            line: failure.location.line,
            message: failure.to_string(),
            waves: match &*failure.waves {
                FailureWaves::Written { path, .. } => Some(path.display().to_string()),
                FailureWaves::NotKept | FailureWaves::NotWritten { .. } => None,
            },
        }
    }
}

impl From<Coverage> for CoverageJson {
    fn from(coverage: Coverage) -> CoverageJson {
        CoverageJson {
            covers_met: coverage.covers_met(),
            bits: coverage.bits(),
            toggled_bits: coverage.toggled_bits(),
            coverage,
        }
    }
}

/// Runs the bench and reports.
pub fn run(arguments: &SimArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let name = arguments.design.to_string();
    let failed = |source: SimError| Failure::Simulation { selector: name.clone(), source: Box::new(source) };
    let mut bench: Box<dyn Bench> = match arguments.design {
        BenchDesign::Cell(cell) => Box::new(CellBench::new(cell, arguments.seed, context.progress())?),
        design => Box::new(StreamBench::new(design, arguments.seed).map_err(failed)?),
    };
    let scopes: Vec<&str> = arguments.scope.iter().map(String::as_str).collect();
    let sim = bench.simulator();
    waves::begin(sim, &arguments.waves, &arguments.scope, &name)?;
    if arguments.coverage {
        sim.cover_toggles(&scopes).map_err(failed)?;
    }
    sim.keep_failure_waves(FailureTrace::to(&arguments.failure_waves).scopes(&scopes)).map_err(failed)?;

    let (first, begun) = (sim.cycle(), Instant::now());
    context.progress().count("cycles", arguments.cycles);
    let outcome = bench.run(arguments.cycles, context.progress())?;
    let time = begun.elapsed();
    context.progress().clear();

    let sim = bench.simulator();
    waves::end(sim, &arguments.waves, &name)?;
    let speed = SimulationSpeed::new(sim.cycle() - first, time);
    let coverage = arguments.coverage.then(|| sim.coverage());
    let verdict = if outcome.is_clean() { Verdict::Yes } else { Verdict::No };
    if arguments.json {
        context.write_json(&Report {
            schema_version: JSON_SCHEMA_VERSION,
            design: name,
            seed: arguments.seed,
            answers: outcome.what,
            right: outcome.right,
            wrong: outcome.wrong,
            failure: outcome.failure.as_ref().map(FailureJson::from),
            simulation: speed,
            coverage: coverage.map(CoverageJson::from),
        })?;
    } else {
        print(arguments, &outcome, speed, coverage.as_ref(), context)?;
    }
    Ok(verdict)
}

fn print(
    arguments: &SimArguments,
    outcome: &Outcome,
    speed: Option<SimulationSpeed>,
    coverage: Option<&Coverage>,
    context: &mut Context,
) -> Result<(), Failure> {
    let colour = context.colour();
    writeln!(context, "{:<9} {}, seed {}", "design", arguments.design, arguments.seed)?;
    let right = format!("{} {} as expected", grouped(outcome.right), outcome.what);
    let mark = if outcome.is_clean() { Mark::Good } else { Mark::Strong };
    writeln!(context, "{:<9} {}", "answers", colour.paint(mark, &right))?;
    if let Some(wrong) = &outcome.wrong {
        writeln!(context, "{:<9} {}", "WRONG", colour.paint(Mark::Bad, wrong))?;
    }
    if let Some(failure) = &outcome.failure {
        writeln!(context, "{:<9} {}", "FAILED", colour.paint(Mark::Bad, &failure.to_string()))?;
    }
    if let Some((path, _)) = arguments.waves.file() {
        writeln!(context, "{:<9} {}", "waves", path.display())?;
    }
    if let Some(coverage) = coverage {
        writeln!(context, "\n{}", coverage.to_string().trim_end())?;
    }
    if let Some(speed) = speed {
        writeln!(context, "\n{}", speed.describe())?;
    }
    Ok(())
}
