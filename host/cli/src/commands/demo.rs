//! `myelin demo`: a handwritten digit, recognised by a simulated systolic array.

use std::io::Write;

use myelin_driver::{Device, Selector};
use myelin_isa::{Architecture, Precision};

use super::infer::{timed, verdict_line};
use crate::arguments::DemoArguments;
use crate::context::Context;
use crate::device::{Comparison, GoldenDevice, open};
use crate::digits::{Digits, PIXELS, SIDE};
use crate::failure::{Failure, Verdict};
use crate::model::LoadedModel;
use crate::report::write_layers;
use crate::terminal::{Mark, bar, grouped, picture};

/// Rows and columns of the cell unless another device is asked for.
const SIDE_DEFAULT: u32 = 16;
/// Characters of the longest bar.
const BAR_LENGTH: usize = 30;

/// Draws, runs, compares.
pub fn run(arguments: &DemoArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let digits = Digits::of(if arguments.int6 { Precision::Int6 } else { Precision::Int8 });
    let pictures = digits.pictures();
    let count = pictures.len() / PIXELS;
    let index = arguments.index;
    let pixels = pictures.chunks_exact(PIXELS).nth(index).ok_or(Failure::Index { index, count })?;
    let label = digits.label(index, count);

    let model = digits.model()?;
    let selector = selector(arguments);
    let mut opened = open(&selector, &model, context.progress())?;
    context.progress().step("run the picture");
    let (inference, speed) = timed(&mut opened, pixels)?;
    context.progress().step("compare with golden");
    let comparison = Comparison::new(&inference, &GoldenDevice::new(&model)?.run(pixels)?);
    context.progress().clear();

    let logits = inference.outputs.first().map_or(&[][..], |output| &output.values);
    let (model_line, device_line) = (describe_model(&model), describe_device(&selector));
    writeln!(context, "{:<9} {index} of {count}, labelled {label}, not seen in training", "picture")?;
    writeln!(context, "{:<9} {model_line}", "network")?;
    writeln!(context, "{:<9} {device_line}\n", "device")?;
    write_picture_and_logits(pixels, logits, context)?;

    let digit = first_greatest(logits);
    let colour = context.colour();
    let verdict = verdict_line(&comparison, context);
    let answer = colour.paint(Mark::Strong, &format!("This is {}.", article(digit)));
    writeln!(context, "\n{answer}  {verdict}")?;
    if let Some(report) = &inference.report {
        writeln!(context)?;
        write_layers(report, context)?;
    }
    if let Some(speed) = speed {
        writeln!(context, "\n{}", speed.describe())?;
    }
    Ok(comparison.verdict())
}

/// The device asked for, or a cell of the network's precision.
fn selector(arguments: &DemoArguments) -> Selector {
    let precision = if arguments.int6 { Precision::Int6 } else { Precision::Int8 };
    arguments.device.clone().unwrap_or_else(|| {
        let cell = Architecture::new(SIDE_DEFAULT, SIDE_DEFAULT, precision);
        Selector::simulated(cell.expect("invariant: the default is a legal size"))
    })
}

fn describe_model(model: &LoadedModel) -> String {
    let graph = &model.graph;
    let layers = graph.operators().filter(|&(id, _)| graph.macs(id) > 0).count();
    format!("{}, {layers} layers with {} multiply-accumulates", model.path.display(), grouped(graph.total_macs()))
}

fn describe_device(selector: &Selector) -> String {
    match selector {
        Selector::Golden => "golden, the reference model".to_owned(),
        Selector::Cpu(_) => format!("{selector}, this machine's processor"),
        Selector::Stick(_) => format!("{selector}, a stick"),
        Selector::Simulated(target) => {
            let cell = target.architecture;
            let (rows, columns) = (cell.rows(), cell.columns());
            let (pes, precision) = (cell.macs(), cell.precision());
            let cells = if cell.cells() > 1 { format!("{} x ", cell.cells()) } else { String::new() };
            format!(
                "{selector}, systolic array of {cells}{rows} x {columns} = {pes} {precision} PEs, simulated cycle by cycle"
            )
        }
    }
}

/// The picture, with a line for each digit at its right.
fn write_picture_and_logits(pixels: &[i32], logits: &[i32], context: &mut Context) -> Result<(), Failure> {
    let colour = context.colour();
    let range = (logits.iter().copied().min().unwrap_or(0), logits.iter().copied().max().unwrap_or(0));
    let width = logits.iter().map(|logit| logit.to_string().len()).max().unwrap_or(0).max("logit".len());
    let mut right = vec![format!("digit  {:>width$}", "logit")];
    for (digit, &logit) in logits.iter().enumerate() {
        let line = format!("{digit:>5}  {logit:>width$}  {}", bar(logit, range, BAR_LENGTH, colour));
        let best = digit == first_greatest(logits);
        right.push(if best { colour.paint(Mark::Strong, &format!("{line} <")) } else { line });
    }
    // The picture in the middle of the taller text.
    let drawn = picture(pixels, SIDE, colour);
    let above = (right.len().saturating_sub(drawn.len())).div_ceil(2);
    let blank = " ".repeat(2 * SIDE);
    for (row, line) in right.iter().enumerate() {
        let pixels = row.checked_sub(above).and_then(|row| drawn.get(row)).unwrap_or(&blank);
        writeln!(context, "  {pixels}    {}", line.trim_end())?;
    }
    Ok(())
}

/// The digit as one says it.
fn article(digit: usize) -> String {
    if digit == 8 { "an 8".to_owned() } else { format!("a {digit}") }
}

/// The digit of the greatest logit, the first of several.
fn first_greatest(logits: &[i32]) -> usize {
    let greatest = logits.iter().max();
    logits.iter().position(|logit| Some(logit) == greatest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_logits_wins() {
        assert_eq!(first_greatest(&[-3, 7, 7]), 1);
    }
}
