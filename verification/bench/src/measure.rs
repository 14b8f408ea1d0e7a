//! Rates of several subjects of one design, measured in turn and held against each other.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use crate::error::BenchError;
use crate::subject::Subject;

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Turns that each subject gets; the best counts.
    pub rounds: u32,
    /// Processor time of a turn.
    pub turn: Duration,
    /// Cycles compared one by one before the first turn.
    pub compared_cycles: u64,
}

impl Effort {
    /// For numbers that are kept.
    pub const FULL: Effort = Effort { rounds: 5, turn: Duration::from_millis(300), compared_cycles: 500 };
    /// For a first look.
    pub const QUICK: Effort = Effort { rounds: 2, turn: Duration::from_millis(60), compared_cycles: 100 };
}

/// What one subject reached.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Rate {
    /// Who.
    pub name: String,
    /// Cycles per second of processor time, best turn.
    pub cycles_per_second: f64,
    /// The same, worst turn.
    pub worst: f64,
    /// Cycles simulated in all.
    pub cycles: u64,
}

/// Cycles from which the length of a piece is found.
const TRIAL: u64 = 1000;

/// Runs the subjects in turn. Every one goes through the same cycles, one by one at first, then in
/// pieces, and after each their outputs must be those of whoever was there first.
///
/// # Errors
/// [`BenchError::Disagreement`], and whatever the subjects fail with.
pub fn measure(design: &str, subjects: &mut [Box<dyn Subject>], effort: Effort) -> Result<Vec<Rate>, BenchError> {
    let mut judge = Judge { design, known: HashMap::new() };
    let mut rates = Vec::new();
    // A turn has at least four pieces; so the slowest decides.
    let mut piece = u64::MAX;
    for subject in subjects.iter_mut() {
        let mut rate = Rate { name: subject.name().to_owned(), cycles_per_second: 0.0, worst: f64::MAX, cycles: 0 };
        for _ in 0..effort.compared_cycles {
            judge.run(&mut **subject, &mut rate.cycles, 1)?;
        }
        judge.run(&mut **subject, &mut rate.cycles, TRIAL)?;
        let took = judge.run(&mut **subject, &mut rate.cycles, TRIAL)?;
        let speed = TRIAL as f64 / took.as_secs_f64();
        piece = piece.min((speed * effort.turn.as_secs_f64() / 4.0) as u64).max(1);
        rates.push(rate);
    }
    for _ in 0..effort.rounds {
        for (subject, rate) in subjects.iter_mut().zip(&mut rates) {
            let (mut took, mut cycles) = (Duration::ZERO, 0);
            while took < effort.turn {
                took += judge.run(&mut **subject, &mut rate.cycles, piece)?;
                cycles += piece;
            }
            let speed = cycles as f64 / took.as_secs_f64();
            rate.cycles_per_second = rate.cycles_per_second.max(speed);
            rate.worst = rate.worst.min(speed);
        }
    }
    Ok(rates)
}

/// Knows what was said first after how many cycles.
struct Judge<'a> {
    design: &'a str,
    known: HashMap<u64, (String, u64)>,
}

impl Judge<'_> {
    fn run(&mut self, subject: &mut dyn Subject, cycles: &mut u64, piece: u64) -> Result<Duration, BenchError> {
        let (took, found) = subject.run(piece)?;
        *cycles += piece;
        let (first, expected) = self.known.entry(*cycles).or_insert_with(|| (subject.name().to_owned(), found));
        if *expected == found {
            return Ok(took);
        }
        let (design, second) = (self.design.to_owned(), subject.name().to_owned());
        Err(BenchError::Disagreement {
            design,
            cycles: *cycles,
            first: first.clone(),
            expected: *expected,
            second,
            found,
        })
    }
}
