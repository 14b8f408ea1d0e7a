//! From a model's files to its first answer.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use myelin_cpu::{Network, Options};
use myelin_driver::DriverError;
use myelin_graph::import::{self, Limits};
use serde::Serialize;

use super::clock::thread_time;
use super::report::processor;
use crate::commands::JSON_SCHEMA_VERSION;
use crate::commands::model_build::seeded_input;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::terminal::{Align, Table};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    processor: String,
    model: String,
    path: &'static str,
    steps: Vec<Step>,
    cpu_milliseconds: f64,
    wall_milliseconds: f64,
}

#[derive(Serialize)]
struct Step {
    step: &'static str,
    cpu_milliseconds: f64,
    wall_milliseconds: f64,
}

/// Takes the time of each step, once, on one thread.
pub fn run(folder: &Path, path: Option<myelin_cpu::Path>, json: bool, context: &mut Context) -> Result<(), Failure> {
    let mut steps = Vec::new();
    let mut clock = Clock { wall: Instant::now(), cpu: thread_time() };
    let mut done = |step| steps.push(clock.step(step));
    let limits = Limits::default();
    let symbol = files::read(&folder.join("symbol"), limits.symbol_bytes)?;
    let params = files::read(&folder.join("params"), limits.params_bytes)?;
    done("read");
    let refused = |source| Failure::Model { path: folder.to_owned(), source };
    let graph = import::cvm(&symbol, &params, &limits).map_err(refused)?;
    drop((symbol, params));
    done("check");
    let failed = |step| move |source| DriverError::Cpu { step, selector: "cpu".to_owned(), source };
    let network = Network::prepare(&graph, &Options { threads: 1, path }).map_err(failed("prepare"))?;
    done("pack");
    let input = seeded_input(&graph, 1);
    let mut workspace = network.workspace();
    network.run_i32(&mut workspace, &input.into_iter().map(i32::from).collect::<Vec<i32>>()).map_err(failed("run"))?;
    done("first answer");
    let total = |time: fn(&Step) -> f64| steps.iter().map(time).sum();
    let report = Report {
        schema_version: JSON_SCHEMA_VERSION,
        processor: processor(),
        model: folder.display().to_string(),
        path: network.path().name(),
        cpu_milliseconds: total(|step| step.cpu_milliseconds),
        wall_milliseconds: total(|step| step.wall_milliseconds),
        steps,
    };
    if json { context.write_json(&report) } else { print(&report, context) }
}

struct Clock {
    wall: Instant,
    cpu: Duration,
}

impl Clock {
    /// What has passed since the last step.
    fn step(&mut self, step: &'static str) -> Step {
        let now = Clock { wall: Instant::now(), cpu: thread_time() };
        let (wall, cpu) = (now.wall - self.wall, now.cpu.saturating_sub(self.cpu));
        *self = now;
        Step { step, cpu_milliseconds: 1e3 * cpu.as_secs_f64(), wall_milliseconds: 1e3 * wall.as_secs_f64() }
    }
}

fn print(report: &Report, context: &mut Context) -> Result<(), Failure> {
    writeln!(context, "{} on {}, {}, one thread\n", report.model, report.path, report.processor)?;
    let right = Align::Right;
    let mut table = Table::new(&[("step", Align::Left), ("CPU, ms", right), ("wall clock, ms", right)]);
    for Step { step, cpu_milliseconds, wall_milliseconds } in &report.steps {
        table.row([(*step).to_owned(), format!("{cpu_milliseconds:.1}"), format!("{wall_milliseconds:.1}")]);
    }
    let total = [report.cpu_milliseconds, report.wall_milliseconds].map(|time| format!("{time:.1}"));
    table.row(std::iter::once("cold start".to_owned()).chain(total));
    Ok(table.write(context)?)
}
