//! `myelin model`: a model's layers and their cost.

use std::io::Write;

use myelin_graph::{Graph, Node, NodeId};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::{ModelArguments, ModelCommand};
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::model::LoadedModel;
use crate::terminal::{Align, Mark, Table, grouped};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: String,
    format: &'static str,
    input: Value,
    outputs: Vec<Value>,
    layers: Vec<Layer>,
    macs: u64,
    parameters: u64,
    operation_count: u64,
    storage_bytes: u64,
    /// The first operator that the chain's CPU device cannot run, if there is one.
    unrunnable_on_chain: Option<String>,
}

#[derive(Serialize)]
struct Value {
    name: String,
    shape: Vec<usize>,
    precision_bits: u8,
}

#[derive(Serialize)]
struct Layer {
    name: String,
    operator: &'static str,
    input_shape: Vec<usize>,
    output_shape: Vec<usize>,
    input_precision_bits: u8,
    output_precision_bits: u8,
    parameters: u64,
    macs: u64,
}

/// Prints the layers and the totals, or builds.
pub fn run(arguments: &ModelArguments, context: &mut Context) -> Result<Verdict, Failure> {
    if let Some(ModelCommand::Build(arguments)) = &arguments.command {
        return super::model_build::run(arguments, context);
    }
    let folder = arguments.model.as_deref().expect("invariant: the parser requires a folder or `build`");
    let model = LoadedModel::read(folder)?;
    let report = report(&model);
    if arguments.json {
        context.write_json(&report)?;
    } else {
        print(&report, context)?;
    }
    Ok(Verdict::Yes)
}

fn report(model: &LoadedModel) -> Report {
    let graph = &model.graph;
    let value = |id| Value {
        name: graph.producer(id).name.clone(),
        shape: graph.shape(id).to_vec(),
        precision_bits: graph.precision(id),
    };
    Report {
        schema_version: JSON_SCHEMA_VERSION,
        model: model.path.display().to_string(),
        format: graph.version().as_str(),
        input: value(graph.input()),
        outputs: graph.heads().iter().map(|&head| value(head)).collect(),
        layers: graph.operators().map(|(id, node)| layer(graph, id, node)).collect(),
        macs: graph.total_macs(),
        parameters: graph.params().map(|(_, tensor)| tensor.elements() as u64).sum(),
        operation_count: graph.operation_count(),
        storage_bytes: graph.storage_size(),
        unrunnable_on_chain: graph.unrunnable_on_chain().map(|id| graph.node(id).name.clone()),
    }
}

fn layer(graph: &Graph, id: NodeId, node: &Node) -> Layer {
    let parameters = node.inputs.iter().filter_map(|&operand| graph.param(operand));
    // Operators have an operand; the output stands in so that nothing can panic.
    let input = node.inputs.first().copied().unwrap_or(node.output());
    Layer {
        name: node.name.clone(),
        operator: node.op.name(),
        input_shape: graph.shape(input).to_vec(),
        output_shape: graph.shape(node.output()).to_vec(),
        input_precision_bits: graph.precision(input),
        output_precision_bits: graph.precision(node.output()),
        parameters: parameters.map(|tensor| tensor.elements() as u64).sum(),
        macs: graph.macs(id),
    }
}

fn print(report: &Report, context: &mut Context) -> Result<(), Failure> {
    let mut table = Table::new(&[
        ("layer", Align::Left),
        ("operator", Align::Left),
        ("input", Align::Left),
        ("output", Align::Left),
        ("in, bit", Align::Right),
        ("out, bit", Align::Right),
        ("parameters", Align::Right),
        ("MACs", Align::Right),
    ]);
    let or_dash = |count: u64| if count == 0 { "-".to_owned() } else { grouped(count) };
    for layer in &report.layers {
        table.row([
            layer.name.clone(),
            layer.operator.to_owned(),
            shape(&layer.input_shape),
            shape(&layer.output_shape),
            layer.input_precision_bits.to_string(),
            layer.output_precision_bits.to_string(),
            or_dash(layer.parameters),
            or_dash(layer.macs),
        ]);
    }
    let colour = context.colour();
    writeln!(context, "{}", colour.paint(Mark::Strong, &format!("{} ({})", report.model, report.format)))?;
    writeln!(context)?;
    table.write(context)?;
    writeln!(context)?;
    let mut values = vec![("input", &report.input)];
    values.extend(report.outputs.iter().map(|output| ("output", output)));
    for (what, value) in values {
        writeln!(context, "{what:<20} {} {}, {} bit", value.name, shape(&value.shape), value.precision_bits)?;
    }
    for (what, count, unit) in [
        ("MACs", report.macs, ""),
        ("parameters", report.parameters, ""),
        ("operation count", report.operation_count, "  (the chain's, from which gas follows)"),
        ("storage", report.storage_bytes, " byte"),
    ] {
        writeln!(context, "{what:<20} {}{unit}", grouped(count))?;
    }
    if let Some(name) = &report.unrunnable_on_chain {
        writeln!(context, "{:<20} the chain's CPU device cannot run {name:?}", "note")?;
    }
    Ok(())
}

/// Lengths of axes as in 1x3x224x224.
pub fn shape(dimensions: &[usize]) -> String {
    let words: Vec<String> = dimensions.iter().map(usize::to_string).collect();
    words.join("x")
}
