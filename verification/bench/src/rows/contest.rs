//! One design under all our engines and all of Verilator's models.

use myelin_hdl::Design;
use myelin_sim::Engine;

use crate::error::BenchError;
use crate::measure::{Effort, Rate, measure};
use crate::report::{Cell, Section};
use crate::subject::{Drive, Ours, Subject, name_of};
use crate::verilator::{Model, Style, Text, Verilator};

/// Our engines that are measured.
pub const ENGINES: [Engine; 2] = [Engine::Compiled, Engine::AheadOfTime];

/// A text with the way Verilator translates it, and what both are called.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Whose text.
    pub name: &'a str,
    /// The text.
    pub text: &'a Text,
    /// How it is translated.
    pub style: Style,
}

/// What the contest gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Name of the design.
    pub design: String,
    /// Our engines, in the order of [`ENGINES`], then Verilator's models.
    pub rates: Vec<Rate>,
}

impl Outcome {
    /// Our rate over Verilator's best.
    pub fn ratio(&self, engine: Engine) -> f64 {
        let ours = self.rates.iter().find(|rate| rate.name == name_of(engine));
        ours.map_or(0.0, |rate| rate.cycles_per_second) / self.best_of_verilator()
    }

    /// Our better engine's rate over Verilator's best.
    pub fn best_ratio(&self) -> f64 {
        ENGINES.into_iter().map(|engine| self.ratio(engine)).fold(0.0, f64::max)
    }

    /// The rate of Verilator's best model.
    pub fn best_of_verilator(&self) -> f64 {
        self.rates.iter().skip(ENGINES.len()).map(|rate| rate.cycles_per_second).fold(0.0, f64::max)
    }

    /// Its lines in a section with `head`.
    pub fn lines(&self) -> Vec<Vec<Cell>> {
        let best = self.best_of_verilator();
        let line = |(index, rate): (usize, &Rate)| {
            let design = if index == 0 { self.design.as_str() } else { "" };
            let speed = rate.cycles_per_second;
            vec![
                design.into(),
                rate.name.as_str().into(),
                Cell::Count(speed),
                Cell::Count(rate.worst),
                Cell::Number(speed / best, 2),
            ]
        };
        self.rates.iter().enumerate().map(line).collect()
    }
}

/// An empty section for outcomes.
pub fn section(title: &str) -> Section {
    Section::new(title, &["design", "simulator", "cycles/CPU s", "worst turn", "x Verilator's best"])
}

/// Runs it.
///
/// # Errors
/// If anything cannot be built or fails, or outputs differ.
pub fn run(
    name: &str,
    design: &Design,
    drive: &Drive,
    entries: &[Entry<'_>],
    verilator: &Verilator,
    effort: Effort,
) -> Result<Outcome, BenchError> {
    let inputs: Vec<String> = match drive {
        Drive::Itself { .. } => Vec::new(),
        Drive::Recorded(_) => design.top().inputs.iter().map(|port| port.name.clone()).collect(),
    };
    let mut subjects: Vec<Box<dyn Subject>> = Vec::new();
    for engine in ENGINES {
        subjects.push(Box::new(Ours::new(design, engine, drive)?));
    }
    for entry in entries {
        let called = format!("Verilator, {}, {}", entry.name, entry.style.name);
        if !called.contains(&verilator.models) {
            continue;
        }
        eprintln!("{name}: {called}");
        let model = Model { name: called, text: entry.text, style: entry.style, drive, inputs: inputs.clone() };
        subjects.push(Box::new(model.start(verilator)?));
    }
    let rates = measure(name, &mut subjects, effort)?;
    for rate in &rates {
        eprintln!("{name}: {} {:.3} M cycles/CPU s", rate.name, rate.cycles_per_second / 1e6);
    }
    Ok(Outcome { design: name.to_owned(), rates })
}
