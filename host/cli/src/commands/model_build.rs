//! `myelin model build`: a well-known network in the chain's format.

use std::io::Write;

use myelin_graph::{Graph, GraphError, export, npy};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use super::model::shape;
use crate::arguments::ModelBuildArguments;
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::files;
use crate::terminal::{Align, Mark, Table, grouped};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    network: &'static str,
    seed: u64,
    folder: String,
    input_shape: Vec<usize>,
    output_shapes: Vec<Vec<usize>>,
    operators: usize,
    macs: u64,
    parameters: u64,
    operation_count: u64,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    name: &'static str,
    bytes: u64,
}

/// Builds and writes.
pub fn run(arguments: &ModelBuildArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let name = arguments.name.name();
    context.progress().step(&format!("build {name} with seed {}", arguments.seed));
    let invalid = |_: GraphError| -> ! { unreachable!("invariant: the networks keep the graph's rules") };
    let (network, seed) = (arguments.name, arguments.seed);
    let graph = if arguments.int6 { network.build_int6(seed) } else { network.build(seed) };
    let graph = graph.unwrap_or_else(|error| invalid(error));
    context.progress().step(&format!("export {name}"));
    let (symbol, params) = export::cvm(&graph);
    let input = npy::write_i8(graph.input_shape(), &seeded_input(&graph, arguments.seed));
    let input = input.expect("invariant: the input has its shape's elements");
    files::make_folder(&arguments.output)?;
    let mut written = Vec::new();
    for (file, bytes) in [("symbol", &symbol), ("params", &params), ("input.npy", &input)] {
        let path = arguments.output.join(file);
        context.progress().step(&format!("write {}", path.display()));
        files::write(&path, bytes)?;
        written.push(File { name: file, bytes: bytes.len() as u64 });
    }
    context.progress().clear();
    let report = Report {
        schema_version: JSON_SCHEMA_VERSION,
        network: name,
        seed: arguments.seed,
        folder: arguments.output.display().to_string(),
        input_shape: graph.input_shape().to_vec(),
        output_shapes: graph.heads().iter().map(|&head| graph.shape(head).to_vec()).collect(),
        operators: graph.operators().count(),
        macs: graph.total_macs(),
        parameters: graph.params().map(|(_, tensor)| tensor.elements() as u64).sum(),
        operation_count: graph.operation_count(),
        files: written,
    };
    if arguments.json {
        context.write_json(&report)?;
    } else {
        print(&report, context)?;
    }
    Ok(Verdict::Yes)
}

/// Bytes over the whole range, -128 left out.
///
/// **Source.** Knuth's 64-bit linear congruential generator, its top byte.
pub fn seeded_input(graph: &Graph, seed: u64) -> Vec<i8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 56) as u8).cast_signed().max(-127)
    };
    std::iter::repeat_with(next).take(graph.input_shape().elements()).collect()
}

fn print(report: &Report, context: &mut Context) -> Result<(), Failure> {
    let colour = context.colour();
    let title = format!("{} with seed {} in {}", report.network, report.seed, report.folder);
    writeln!(context, "{}\n", colour.paint(Mark::Strong, &title))?;
    writeln!(context, "{:<20} {}", "input", shape(&report.input_shape))?;
    for output in &report.output_shapes {
        writeln!(context, "{:<20} {}", "output", shape(output))?;
    }
    for (what, count) in [
        ("operators", report.operators as u64),
        ("MACs", report.macs),
        ("parameters", report.parameters),
        ("operation count", report.operation_count),
    ] {
        writeln!(context, "{what:<20} {}", grouped(count))?;
    }
    writeln!(context)?;
    let mut table = Table::new(&[("file", Align::Left), ("bytes", Align::Right)]);
    for File { name, bytes } in &report.files {
        table.row([(*name).to_owned(), grouped(*bytes)]);
    }
    Ok(table.write(context)?)
}
