//! `myelin infer`: a model on one input, or on a whole batch.

use std::io::Write;
use std::time::{Duration, Instant};

use myelin_driver::{Device, Inference, Output};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::InferArguments;
use crate::context::Context;
use crate::device::{Comparison, Difference, GoldenDevice, Opened, open};
use crate::failure::{Failure, Verdict};
use crate::input::Inputs;
use crate::model::LoadedModel;
use crate::report::{SimulationSpeed, TimingJson, write_layers};
use crate::terminal::{Mark, grouped};
use crate::waves;

/// Values of an output printed for people; JSON has all.
const VALUES_PRINTED: usize = 16;

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    model: String,
    device: String,
    input: String,
    index: usize,
    outputs: Vec<OutputJson>,
    /// What the counters say; null from a device without.
    timing: Option<TimingJson>,
    /// How fast it was simulated; null where nothing was.
    simulation: Option<SimulationSpeed>,
    /// The comparison with golden; null if it was not asked for.
    golden: Option<Check>,
}

#[derive(Serialize)]
struct OutputJson {
    name: String,
    shape: Vec<usize>,
    /// Row-major.
    values: Vec<i32>,
}

#[derive(Serialize)]
struct Check {
    exact: bool,
    values: usize,
    differences: usize,
    first_difference: Option<Difference>,
}

#[derive(Serialize)]
struct BatchReport {
    schema_version: u32,
    model: String,
    device: String,
    input: String,
    inputs: usize,
    /// How many answers equal golden's to the last bit.
    exact: usize,
    /// The first input whose answer does not; null if there is none.
    first_mismatch: Option<Mismatch>,
    /// Cycles of the fastest and the slowest input; null from a device without.
    cycles_min: Option<u32>,
    cycles_max: Option<u32>,
    simulation: Option<SimulationSpeed>,
}

#[derive(Serialize)]
struct Mismatch {
    index: usize,
    #[serde(flatten)]
    difference: Difference,
}

/// Runs one input, or all.
pub fn run(arguments: &InferArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let model = LoadedModel::read(&arguments.model)?;
    let inputs = Inputs::read(&arguments.input, model.graph.input_shape())?;
    if arguments.all {
        run_all(arguments, &model, &inputs, context)
    } else {
        run_one(arguments, &model, &inputs, context)
    }
}

fn run_one(
    arguments: &InferArguments,
    model: &LoadedModel,
    inputs: &Inputs,
    context: &mut Context,
) -> Result<Verdict, Failure> {
    let input = inputs.get(arguments.index)?;
    let mut opened = open(&arguments.device, model, context.progress())?;
    let selector = arguments.device.to_string();
    if arguments.waves.file().is_some() {
        let Some(cell) = opened.simulated() else { return Err(Failure::NoWaves { selector }) };
        waves::begin(cell.simulator(), &arguments.waves, &arguments.scope, &selector)?;
    }
    context.progress().step(&format!("run input {}", arguments.index));
    let (inference, speed) = timed(&mut opened, input)?;
    if let Some(cell) = opened.simulated() {
        waves::end(cell.simulator(), &arguments.waves, &selector)?;
    }
    let comparison = match arguments.check {
        true => {
            context.progress().step("compare with golden");
            Some(Comparison::new(&inference, &GoldenDevice::new(model)?.run(input)?))
        }
        false => None,
    };
    context.progress().clear();

    let verdict = comparison.as_ref().map_or(Verdict::Yes, Comparison::verdict);
    if arguments.json {
        context.write_json(&Report {
            schema_version: JSON_SCHEMA_VERSION,
            model: model.path.display().to_string(),
            device: arguments.device.to_string(),
            input: arguments.input.display().to_string(),
            index: arguments.index,
            outputs: outputs(model, &inference),
            timing: inference.report.as_ref().map(TimingJson::from),
            simulation: speed,
            golden: comparison.map(Check::from),
        })?;
    } else {
        print(arguments, model, &inference, speed, comparison.as_ref(), context)?;
    }
    Ok(verdict)
}

fn print(
    arguments: &InferArguments,
    model: &LoadedModel,
    inference: &Inference,
    speed: Option<SimulationSpeed>,
    comparison: Option<&Comparison>,
    context: &mut Context,
) -> Result<(), Failure> {
    writeln!(context, "{:<12} {}", "model", model.path.display())?;
    writeln!(context, "{:<12} {}", "device", arguments.device)?;
    writeln!(context, "{:<12} {}, input {}", "input", arguments.input.display(), arguments.index)?;
    for output in outputs(model, inference) {
        let values: Vec<String> = output.values.iter().take(VALUES_PRINTED).map(i32::to_string).collect();
        let more = output.values.len().saturating_sub(VALUES_PRINTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        writeln!(context, "{:<12} {} {:?}: {}{more}", "output", output.name, output.shape, values.join(" "))?;
    }
    if let Some(best) = greatest(inference) {
        let colour = context.colour();
        writeln!(context, "{:<12} {}", "greatest", colour.paint(Mark::Strong, &format!("at {best}")))?;
    }
    if let Some(comparison) = comparison {
        writeln!(context, "{:<12} {}", "golden", verdict_line(comparison, context))?;
    }
    if let Some(report) = &inference.report {
        writeln!(context)?;
        write_layers(report, context)?;
    }
    if let Some(speed) = speed {
        writeln!(context, "\n{}", speed.describe())?;
    }
    Ok(())
}

/// Position of the greatest value, the first of several, where there is one output.
fn greatest(inference: &Inference) -> Option<usize> {
    let [output] = &inference.outputs[..] else { return None };
    let greatest = output.values.iter().max()?;
    output.values.iter().position(|value| value == greatest)
}

/// One line that says whether the answer is golden's.
pub fn verdict_line(comparison: &Comparison, context: &Context) -> String {
    let Comparison { values, differences, first } = comparison;
    if comparison.is_exact() {
        let line = format!("bit-exact with golden ({values} of {values} values equal)");
        return context.colour().paint(Mark::Good, &line);
    }
    let mut line = format!("NOT EXACT: {differences} of {values} values differ from golden");
    if let Some(Difference { output, position, device, golden }) = first {
        let value = |value: &Option<i32>| value.map_or("nothing".to_owned(), |value| value.to_string());
        line += &format!(", first {output}[{position}]: device {}, golden {}", value(device), value(golden));
    }
    context.colour().paint(Mark::Bad, &line)
}

/// Runs one input and measures the simulation, if it is one.
pub fn timed(opened: &mut Opened, input: &[i32]) -> Result<(Inference, Option<SimulationSpeed>), Failure> {
    let (cycle, begun) = (opened.cycle(), Instant::now());
    let inference = opened.device().run(input)?;
    let time = begun.elapsed();
    Ok((inference, SimulationSpeed::new(opened.cycle() - cycle, time)))
}

fn run_all(
    arguments: &InferArguments,
    model: &LoadedModel,
    inputs: &Inputs,
    context: &mut Context,
) -> Result<Verdict, Failure> {
    let mut opened = open(&arguments.device, model, context.progress())?;
    let mut golden = GoldenDevice::new(model)?;
    let mut report = BatchReport {
        schema_version: JSON_SCHEMA_VERSION,
        model: model.path.display().to_string(),
        device: arguments.device.to_string(),
        input: arguments.input.display().to_string(),
        inputs: inputs.count(),
        exact: 0,
        first_mismatch: None,
        cycles_min: None,
        cycles_max: None,
        simulation: None,
    };
    let (mut simulated_cycles, mut time) = (0, Duration::ZERO);
    context.progress().count("inputs", inputs.count() as u64);
    for index in 0..inputs.count() {
        let input = inputs.get(index)?;
        let (cycle, begun) = (opened.cycle(), Instant::now());
        let inference = opened.device().run(input)?;
        time += begun.elapsed();
        simulated_cycles += opened.cycle() - cycle;
        let comparison = Comparison::new(&inference, &golden.run(input)?);
        if comparison.is_exact() {
            report.exact += 1;
        } else if let (None, Some(difference)) = (&report.first_mismatch, comparison.first) {
            report.first_mismatch = Some(Mismatch { index, difference });
        }
        if let Some(cycles) = inference.report.map(|report| report.cycles()) {
            report.cycles_min = Some(report.cycles_min.map_or(cycles, |least| least.min(cycles)));
            report.cycles_max = Some(report.cycles_max.map_or(cycles, |most| most.max(cycles)));
        }
        context.progress().advance();
    }
    report.simulation = SimulationSpeed::new(simulated_cycles, time);
    context.progress().clear();

    let verdict = if report.exact == report.inputs { Verdict::Yes } else { Verdict::No };
    if arguments.json {
        context.write_json(&report)?
    } else {
        print_all(&report, verdict, context)?
    }
    Ok(verdict)
}

fn print_all(report: &BatchReport, verdict: Verdict, context: &mut Context) -> Result<(), Failure> {
    let line = format!("{} of {} answers bit-exact with golden", report.exact, report.inputs);
    let colour = context.colour();
    match (verdict, &report.first_mismatch) {
        (Verdict::Yes, _) => writeln!(context, "{}", colour.paint(Mark::Good, &line))?,
        (Verdict::No, None) => writeln!(context, "{}", colour.paint(Mark::Bad, &format!("NOT EXACT: {line}")))?,
        (Verdict::No, Some(Mismatch { index, difference })) => {
            let line = format!("NOT EXACT: {line}, first input {index}: {difference:?}");
            writeln!(context, "{}", colour.paint(Mark::Bad, &line))?;
        }
    }
    writeln!(context, "{:<12} {}", "model", report.model)?;
    writeln!(context, "{:<12} {}", "device", report.device)?;
    if let (Some(least), Some(most)) = (report.cycles_min, report.cycles_max) {
        let cycles = if least == most { grouped(least) } else { format!("{} to {}", grouped(least), grouped(most)) };
        writeln!(context, "{:<12} {cycles} an input", "cycles")?;
    }
    if let Some(speed) = report.simulation {
        writeln!(context, "{}", speed.describe())?;
    }
    Ok(())
}

/// The outputs in the shapes that the model gives them.
fn outputs(model: &LoadedModel, inference: &Inference) -> Vec<OutputJson> {
    let shapes = model.graph.heads().iter().map(|&head| model.graph.shape(head).to_vec());
    let outputs = inference.outputs.iter().zip(shapes);
    let outputs = outputs.map(|(Output { name, values }, shape)| OutputJson {
        name: name.clone(),
        shape,
        values: values.clone(),
    });
    outputs.collect()
}

impl From<Comparison> for Check {
    fn from(comparison: Comparison) -> Check {
        let exact = comparison.is_exact();
        let Comparison { values, differences, first } = comparison;
        Check { exact, values, differences, first_difference: first }
    }
}
