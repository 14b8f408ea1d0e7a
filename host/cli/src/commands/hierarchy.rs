//! `myelin hierarchy`: a picture of a design's blocks and ports.

use std::io::Write;

use myelin_isa::Architecture;
use myelin_rtl::tensor::cell;
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::HierarchyArguments;
use crate::context::Context;
use crate::drawing;
use crate::failure::{Failure, Verdict};
use crate::files;
use crate::terminal::grouped;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    cell: String,
    file: String,
    width_pixels: u32,
    height_pixels: u32,
    /// Boxes drawn.
    boxes: u64,
    /// Instances that they stand for.
    instances: u64,
}

/// Draws and writes the file.
pub fn run(arguments: &HierarchyArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let (rows, columns) = arguments.cell;
    let architecture = Architecture::new(rows, columns, arguments.precision)
        .expect("invariant: the command line takes legal sizes only");
    context.progress().step(&format!("build cell {architecture}"));
    let drawing = drawing::draw(&cell::cell(&architecture), arguments.depth);
    context.progress().clear();
    files::write(&arguments.output, drawing.svg.as_bytes())?;
    let report = Report {
        schema_version: JSON_SCHEMA_VERSION,
        cell: architecture.to_string(),
        file: arguments.output.display().to_string(),
        width_pixels: drawing.width,
        height_pixels: drawing.height,
        boxes: drawing.boxes,
        instances: drawing.instances,
    };
    if arguments.json {
        context.write_json(&report)?;
    } else {
        let Report { cell, file, width_pixels, height_pixels, boxes, instances, .. } = report;
        let (boxes, instances) = (grouped(boxes), grouped(instances));
        writeln!(context, "cell {cell}: {boxes} boxes for {instances} instances in {file}")?;
        writeln!(context, "{width_pixels} x {height_pixels} pixels")?;
    }
    Ok(Verdict::Yes)
}
