//! `myelin explore`: the same model on many cards, by compiler and timing model.
//!
//! Every point is compiled and timed as a program of its own, so a point's cycles are those that the
//! card would count.

mod picture;
mod point;

use std::io::Write;
use std::sync::Mutex;

use rayon::prelude::*;
use serde::Serialize;

use self::point::Point;
use super::JSON_SCHEMA_VERSION;
use crate::arguments::{ExploreArguments, Values};
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::files;
use crate::model;
use crate::terminal::{Align, Table, grouped};

/// Most points of a sweep.
const POINTS_MAX: usize = 4096;
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: String,
    macs: u64,
    points: Vec<Point>,
}

/// Compiles and times every point, and says which are worth having.
pub fn run(arguments: &ExploreArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let targets = targets(arguments)?;
    let graph = model::named(&arguments.model, false, context.progress())?;
    context.progress().count("designs", targets.len() as u64);
    let progress = Mutex::new(context.progress());
    let point = |target: &String| {
        let point = Point::of(&graph, target);
        // Progress that nobody can see is no failure.
        if let Ok(mut progress) = progress.lock() {
            progress.advance();
        }
        point
    };
    let mut points: Vec<Point> = targets.par_iter().map(point).collect();
    context.progress().clear();
    point::mark_best(&mut points);
    let report = Report {
        schema_version: JSON_SCHEMA_VERSION,
        model: arguments.model.clone(),
        macs: graph.total_macs(),
        points,
    };
    if let Some(file) = &arguments.output {
        files::write(file, picture::draw(&report.points, &format!("{} on", report.model)).as_bytes())?;
    }
    if arguments.json {
        context.write_json(&report)?;
    } else {
        print(&report, context)?;
    }
    let any = report.points.iter().any(|point| point.result.is_some());
    Ok(if any { Verdict::Yes } else { Verdict::No })
}

/// The text of each target: what is swept behind what is not.
fn targets(arguments: &ExploreArguments) -> Result<Vec<String>, Failure> {
    let swept = [
        ("cells", &arguments.cells),
        ("rows", &arguments.rows),
        ("columns", &arguments.columns),
        ("lanes", &arguments.lanes),
        ("activations", &arguments.activations),
        ("weights", &arguments.weights),
    ];
    let texts = |values: &Option<Values>| -> Vec<String> {
        values.iter().flat_map(|values| &values.0).map(u32::to_string).collect()
    };
    let mut swept: Vec<(&str, Vec<String>)> = swept.iter().map(|&(name, values)| (name, texts(values))).collect();
    swept.push(("memory", arguments.memory.iter().map(ToString::to_string).collect()));
    let mut targets = vec![arguments.target.clone()];
    for (name, values) in swept.iter().filter(|(_, values)| !values.is_empty()) {
        let found = targets.len() * values.len();
        if found > POINTS_MAX {
            return Err(Failure::TooManyPoints { max: POINTS_MAX });
        }
        targets = targets
            .iter()
            .flat_map(|target| values.iter().map(move |value| format!("{target},{name}={value}")))
            .collect();
    }
    Ok(targets)
}

fn print(report: &Report, context: &mut Context) -> Result<(), Failure> {
    let columns = [
        ("", Align::Left),
        ("cells", Align::Right),
        ("array", Align::Right),
        ("lanes", Align::Right),
        ("memory", Align::Left),
        ("multipliers", Align::Right),
        ("on chip KiB", Align::Right),
        ("cycles", Align::Right),
        ("ms", Align::Right),
        ("use %", Align::Right),
        ("moved MB", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for point in &report.points {
        let mark = if point.best { "*" } else { "" };
        let design = point.design.as_ref().map(|design| {
            let array = format!("{}x{}", design.rows, design.columns);
            let memory = design.memory.clone();
            let (cells, lanes) = (design.cells.to_string(), design.lanes.to_string());
            [cells, array, lanes, memory, grouped(design.multipliers), grouped(design.on_chip_bytes >> 10)]
        });
        let design =
            design.unwrap_or_else(|| [point.target.clone(), "".into(), "".into(), "".into(), "".into(), "".into()]);
        let result = point.result.as_ref().map(|result| {
            let use_percent = format!("{:.1}", 100.0 * result.utilisation);
            let moved = format!("{:.1}", result.moved_bytes as f64 / 1e6);
            [grouped(result.cycles), format!("{:.3}", result.milliseconds), use_percent, moved]
        });
        let result = result.unwrap_or_else(|| ["refused".into(), "".into(), "".into(), "".into()]);
        table.row(std::iter::once(mark.to_owned()).chain(design).chain(result));
    }
    table.write(context)?;
    writeln!(context, "\n* no other is at least as good in multipliers, memory on chip and time")?;
    for point in &report.points {
        if let Some(refusal) = &point.refusal {
            writeln!(context, "refused {}: {refusal}", point.target)?;
        }
    }
    Ok(())
}
