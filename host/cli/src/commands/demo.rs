//! `myelin demo`: a handwritten digit, recognised by a simulated systolic array.

use std::io::Write;
use std::path::Path;

use myelin_driver::{Device, Selector};
use myelin_golden::npy;
use myelin_isa::{Architecture, Precision};

use super::infer::{timed, verdict_line};
use crate::arguments::DemoArguments;
use crate::context::Context;
use crate::device::{Comparison, GoldenDevice, open};
use crate::failure::{Failure, Verdict};
use crate::model::LoadedModel;
use crate::report::write_layers;
use crate::terminal::{Mark, bar, grouped, picture};

/// A network with its test pictures, as it ships in `models/`.
struct Digits {
    name: &'static str,
    symbol: &'static [u8],
    params: &'static [u8],
    pictures: &'static [u8],
    labels: &'static [u8],
}

macro_rules! digits {
    ($name:literal) => {
        Digits {
            name: $name,
            symbol: include_bytes!(concat!("../../../../models/", $name, "/symbol")),
            params: include_bytes!(concat!("../../../../models/", $name, "/params")),
            pictures: include_bytes!(concat!("../../../../models/", $name, "/input.npy")),
            labels: include_bytes!(concat!("../../../../models/", $name, "/labels.npy")),
        }
    };
}

const DIGITS_INT8: Digits = digits!("digits_int8");
const DIGITS_INT6: Digits = digits!("digits_int6");

/// Side of a picture in pixels.
const SIDE: usize = 8;
const PIXELS: usize = SIDE * SIDE;
/// Rows and columns of the cell unless another device is asked for.
const SIDE_DEFAULT: u32 = 16;
/// Characters of the longest bar.
const BAR_LENGTH: usize = 30;

impl Digits {
    /// All pictures, one behind the other.
    fn pictures(&self) -> Vec<i32> {
        npy::read(self.pictures).expect("invariant: the built-in pictures are an array").data
    }

    /// The digit that people say a picture shows. The array of bytes is the end of its file.
    fn label(&self, index: usize, count: usize) -> u8 {
        self.labels[self.labels.len() - count + index]
    }
}

/// Draws, runs, compares.
pub fn run(arguments: &DemoArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let digits = if arguments.int6 { DIGITS_INT6 } else { DIGITS_INT8 };
    let pictures = digits.pictures();
    let count = pictures.len() / PIXELS;
    let index = arguments.index;
    let pixels = pictures.chunks_exact(PIXELS).nth(index).ok_or(Failure::Index { index, count })?;
    let label = digits.label(index, count);

    let model = LoadedModel::from_bytes(Path::new(digits.name), digits.symbol.to_vec(), digits.params.to_vec())?;
    let selector = selector(arguments);
    let mut opened = open(selector, &model, context.progress())?;
    context.progress().step("run the picture");
    let (inference, speed) = timed(&mut opened, pixels)?;
    context.progress().step("compare with golden");
    let comparison = Comparison::new(&inference, &GoldenDevice::new(&model)?.run(pixels)?);
    context.progress().clear();

    let logits = inference.outputs.first().map_or(&[][..], |output| &output.values);
    let (model_line, device_line) = (describe_model(&model), describe_device(selector));
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
    arguments.device.unwrap_or_else(|| {
        let cell = Architecture::new(SIDE_DEFAULT, SIDE_DEFAULT, precision);
        Selector::SimulatedCell(cell.expect("invariant: the default is a legal size"))
    })
}

fn describe_model(model: &LoadedModel) -> String {
    let graph = &model.graph;
    let layers = graph.operators().filter(|&(id, _)| graph.macs(id) > 0).count();
    format!("{}, {layers} layers with {} multiply-accumulates", model.path.display(), grouped(graph.total_macs()))
}

fn describe_device(selector: Selector) -> String {
    match selector {
        Selector::Golden => "golden, the reference model".to_owned(),
        Selector::SimulatedCell(cell) => {
            let (rows, columns) = (cell.rows(), cell.columns());
            let (pes, precision) = (cell.macs(), cell.precision());
            format!(
                "{selector}, systolic array of {rows} x {columns} = {pes} {precision} PEs, simulated cycle by cycle"
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
    fn built_in_pictures_have_a_label_each() {
        for digits in [DIGITS_INT8, DIGITS_INT6] {
            let pictures = digits.pictures();
            assert_eq!(pictures.len(), 899 * PIXELS);
            assert!((0..899).all(|index| digits.label(index, 899) < 10));
            assert_eq!([0, 1, 2].map(|index| digits.label(index, 899)), [6, 5, 9]);
        }
    }

    #[test]
    fn the_first_of_equal_logits_wins() {
        assert_eq!(first_greatest(&[-3, 7, 7]), 1);
    }
}
