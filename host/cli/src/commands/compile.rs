//! `myelin compile`: a model's program for a target, and what it is predicted to do.

use std::io::Write;

use myelin_compile::timing::{Interval, Recording, predict_recorded};
use myelin_compile::{HostOperator, Layer, LayerKind, Mapping, Model, Program, Target, compile_model};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::CompileArguments;
use crate::context::Context;
use crate::drawing::charts::{Point, roofline, timeline};
use crate::failure::{Failure, Verdict};
use crate::files;
use crate::model;
use crate::terminal::{Align, Table, grouped, percent};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: String,
    target: String,
    macs: u64,
    cycles: u64,
    /// Whether the cycles are a rough estimate: a run that long is not counted.
    estimated: bool,
    milliseconds: f64,
    /// Multiply-accumulates the model asks for, of those the arrays could have done.
    utilisation: f64,
    /// The same of the convolution layers and their cycles alone.
    convolution_utilisation: Option<f64>,
    instructions: u64,
    image_bytes: u64,
    memory_bytes: u64,
    bytes_read: u64,
    bytes_written: u64,
    /// Programs that run one after another; with one there are no host operators.
    programs: u64,
    /// What the processor does between the programs, exactly, and why.
    host_operators: Vec<HostOperatorReport>,
    layers: Vec<LayerReport>,
}

#[derive(Serialize)]
struct HostOperatorReport {
    name: String,
    operator: &'static str,
    elements: u64,
    reason: String,
}

#[derive(Serialize)]
struct LayerReport {
    name: String,
    kind: String,
    shape: [usize; 3],
    macs: u64,
    cycles: u64,
    utilisation: f64,
    mapping: Option<MappingReport>,
}

#[derive(Serialize)]
struct MappingReport {
    portions: u32,
    group_channels: u32,
    row_parts: u32,
    map_bytes_loaded: u64,
    weight_bytes_loaded: u64,
    bytes_stored: u64,
    /// array, post, weights or activations: which would take longest alone.
    bound: &'static str,
}

/// Compiles, writes what was asked for and prints the figures.
pub fn run(arguments: &CompileArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let target = if arguments.int6 {
        let text = format!("{},precision=int6", arguments.target);
        text.parse().expect("invariant: every target has a version of six bits")
    } else {
        arguments.target
    };
    let graph = model::named(&arguments.model, arguments.int6, context.progress())?;
    context.progress().step(&format!("compile {} for {target}", arguments.model));
    let compiled = compile_model(&graph, &target).map_err(|source| Failure::Compile {
        model: arguments.model.clone(),
        selector: target.to_string(),
        source: Box::new(source),
    })?;
    context.progress().clear();
    let title = format!("{} on {target}", arguments.model);
    if let Some(file) = &arguments.roofline {
        files::write(file, draw_roofline(&title, &compiled, &target).as_bytes())?;
    }
    if let Some(file) = &arguments.timeline {
        files::write(file, draw_timeline(&title, &compiled, &target).as_bytes())?;
    }
    if let Some(file) = &arguments.disassembly {
        let texts: Vec<String> = compiled.programs().map(Program::disassemble).collect();
        files::write(file, texts.join("\n").as_bytes())?;
    }
    let report = report(&arguments.model, &compiled, &target);
    if arguments.json {
        context.write_json(&report)?;
    } else {
        write(&report, arguments.report, context)?;
    }
    Ok(Verdict::Yes)
}

fn report(model: &str, compiled: &Model, target: &Target) -> Report {
    let beat = u64::from(target.architecture.lanes());
    let sum = |of: fn(&Program) -> u64| compiled.programs().map(of).sum::<u64>();
    let (macs, cycles) = (sum(Program::macs), sum(|program| program.prediction.cycles));
    let share = |macs: u64, cycles: u64| macs as f64 / f64::from(target.architecture.macs()) / cycles.max(1) as f64;
    let layer = |layer: &Layer| LayerReport {
        name: layer.name.clone(),
        kind: layer.kind.to_string(),
        shape: layer.shape,
        macs: layer.macs,
        cycles: layer.cycles,
        utilisation: share(layer.macs, layer.cycles),
        mapping: layer.mapping.map(|mapping| mapped(&mapping, target, beat)),
    };
    let layers = compiled.programs().flat_map(|program| &program.layers);
    let convolutions = layers.filter(|layer| layer.kind == LayerKind::Convolution);
    let (convolved, convolving) =
        convolutions.fold((0, 0), |(macs, cycles), layer| (macs + layer.macs, cycles + layer.cycles));
    Report {
        schema_version: JSON_SCHEMA_VERSION,
        model: model.to_owned(),
        target: target.to_string(),
        macs,
        cycles,
        estimated: compiled.programs().any(|program| program.estimated),
        milliseconds: target.milliseconds(cycles),
        utilisation: share(macs, cycles),
        convolution_utilisation: (convolved > 0).then(|| share(convolved, convolving)),
        instructions: sum(|program| program.instruction_count() as u64),
        image_bytes: sum(|program| program.image.len() as u64),
        memory_bytes: compiled.programs().map(|program| u64::from(program.memory_beats) * beat).max().unwrap_or(0),
        bytes_read: sum(|program| program.prediction.beats_read) * beat,
        bytes_written: sum(|program| program.prediction.beats_written) * beat,
        programs: compiled.programs().count() as u64,
        host_operators: host_operators(compiled),
        layers: compiled.programs().flat_map(|program| &program.layers).map(layer).collect(),
    }
}

fn host_operators(compiled: &Model) -> Vec<HostOperatorReport> {
    let report = |operator: &HostOperator| HostOperatorReport {
        name: operator.name.clone(),
        operator: operator.operator,
        elements: operator.elements,
        reason: operator.reason.to_string(),
    };
    compiled.host_operators().map(report).collect()
}

fn mapped(mapping: &Mapping, target: &Target, beat: u64) -> MappingReport {
    let cells = u64::from(target.architecture.cells());
    let (weights, maps) = (mapping.weight_beats_loaded, mapping.map_beats_loaded + mapping.beats_stored);
    // Each port moves a beat a cycle each way; all together what memory gives.
    let shared = target
        .memory
        .bandwidth
        .map_or(0, |bandwidth| (weights + maps) * beat * u64::from(bandwidth.cycles) / u64::from(bandwidth.bytes));
    let ports = (weights + mapping.map_beats_loaded).max(mapping.beats_stored) / cells;
    let moved = if weights > maps { "weights" } else { "activations" };
    let candidates =
        [(mapping.array_cycles / cells, "array"), (mapping.post_cycles / cells, "post"), (shared.max(ports), moved)];
    let (_, bound) = candidates.into_iter().max_by_key(|&(cycles, _)| cycles).unwrap_or((0, "array"));
    MappingReport {
        portions: mapping.portions,
        group_channels: mapping.group_channels,
        row_parts: mapping.row_parts,
        map_bytes_loaded: mapping.map_beats_loaded * beat,
        weight_bytes_loaded: weights * beat,
        bytes_stored: mapping.beats_stored * beat,
        bound,
    }
}

fn write(report: &Report, layers: bool, context: &mut Context) -> Result<(), Failure> {
    if layers {
        let names = [
            ("layer", Align::Left),
            ("kind", Align::Left),
            ("result", Align::Left),
            ("cycles", Align::Right),
            ("MAC utilisation, %", Align::Right),
            ("bands", Align::Right),
            ("channels together", Align::Right),
            ("row parts", Align::Right),
            ("maps read, B", Align::Right),
            ("weights read, B", Align::Right),
            ("written, B", Align::Right),
            ("bound by", Align::Left),
        ];
        let mut table = Table::new(&names);
        for layer in &report.layers {
            let [channels, rows, columns] = layer.shape;
            let dash = || "-".to_owned();
            let of = |value: fn(&MappingReport) -> u64| layer.mapping.as_ref().map_or_else(dash, |m| grouped(value(m)));
            table.row([
                layer.name.clone(),
                layer.kind.clone(),
                format!("{channels}x{rows}x{columns}"),
                grouped(layer.cycles),
                if layer.macs == 0 { dash() } else { percent(layer.utilisation) },
                of(|m| u64::from(m.portions)),
                of(|m| u64::from(m.group_channels)),
                of(|m| u64::from(m.row_parts)),
                of(|m| m.map_bytes_loaded),
                of(|m| m.weight_bytes_loaded),
                of(|m| m.bytes_stored),
                layer.mapping.as_ref().map_or_else(dash, |m| m.bound.to_owned()),
            ]);
        }
        table.write(context)?;
    }
    let Report { model, target, cycles, milliseconds, utilisation, .. } = report;
    let (cycles, utilisation) = (grouped(*cycles), percent(*utilisation));
    let convolutions = |share| format!(" ({} % in convolutions)", percent(share));
    let convolutions = report.convolution_utilisation.map_or_else(String::new, convolutions);
    let about = if report.estimated { "about " } else { "" };
    writeln!(
        context,
        "{model} on {target}: {about}{cycles} cycles, {milliseconds:.3} ms, MAC utilisation {utilisation} %{convolutions}"
    )?;
    let [instructions, image, memory] = [report.instructions, report.image_bytes, report.memory_bytes].map(grouped);
    writeln!(context, "{instructions} instructions; image {image} bytes, {memory} bytes of external memory")?;
    let [read, written] = [report.bytes_read, report.bytes_written].map(grouped);
    writeln!(context, "{read} bytes read, {written} bytes written for one inference")?;
    write_host_operators(report, context)
}

fn write_host_operators(report: &Report, context: &mut Context) -> Result<(), Failure> {
    if report.host_operators.is_empty() {
        return Ok(());
    }
    let (operators, programs) = (report.host_operators.len(), report.programs);
    writeln!(context, "\n{operators} operators are left to the processor, beside {programs} programs")?;
    let names = [("operator", Align::Left), ("kind", Align::Left), ("elements", Align::Right), ("why", Align::Left)];
    let mut table = Table::new(&names);
    for operator in &report.host_operators {
        let HostOperatorReport { name, operator, elements, reason } = operator;
        table.row([name.clone(), (*operator).to_owned(), grouped(*elements), reason.clone()]);
    }
    table.write(context)?;
    Ok(())
}

fn draw_roofline(title: &str, compiled: &Model, target: &Target) -> String {
    let beat = f64::from(target.architecture.lanes());
    let point = |layer: &Layer| {
        let mapping = layer.mapping.filter(|_| layer.macs > 0 && layer.cycles > 0)?;
        let beats = mapping.map_beats_loaded + mapping.weight_beats_loaded + mapping.beats_stored;
        let intensity = layer.macs as f64 / (beats.max(1) as f64 * beat);
        Some(Point { name: layer.name.clone(), intensity, speed: layer.macs as f64 / layer.cycles as f64 })
    };
    let points: Vec<Point> = compiled.programs().flat_map(|program| &program.layers).filter_map(point).collect();
    let ports = beat * f64::from(target.architecture.cells());
    let shared = target.memory.bandwidth.map(|bandwidth| f64::from(bandwidth.bytes) / f64::from(bandwidth.cycles));
    roofline(title, &points, f64::from(target.architecture.macs()), shared.map_or(ports, |shared| shared.min(ports)))
}

/// The programs one after another, without what the processor takes between them.
fn draw_timeline(title: &str, compiled: &Model, target: &Target) -> String {
    let (mut intervals, mut cycles) = (Vec::new(), 0);
    for program in compiled.programs() {
        let prediction = predict_recorded(
            &program.architecture,
            target.memory,
            &program.cells,
            program.infer_entry,
            Recording::Intervals,
        )
        .expect("invariant: it has been predicted when it was compiled");
        let later =
            |interval: Interval| Interval { start: interval.start + cycles, end: interval.end + cycles, ..interval };
        intervals.extend(prediction.intervals.into_iter().map(later));
        cycles += prediction.cycles;
    }
    timeline(title, &intervals, cycles, target.architecture.cells())
}
