//! One design of a sweep, and what a model takes on it.

use myelin_compile::{Target, compile_for};
use myelin_graph::Graph;
use myelin_isa::Architecture;
use serde::Serialize;

/// A design and what came of it.
#[derive(Clone, Serialize)]
pub struct Point {
    /// As it can be given again.
    pub target: String,
    /// `None` where there is no such design.
    #[serde(flatten)]
    pub design: Option<Design>,
    /// `None` where it cannot run the model.
    #[serde(flatten)]
    pub result: Option<Outcome>,
    /// Why it has no result.
    pub refusal: Option<String>,
    /// No other is at least as good in multipliers, memory on chip and time.
    pub best: bool,
}

/// What is built.
#[derive(Clone, Serialize)]
pub struct Design {
    pub cells: u32,
    pub rows: u32,
    pub columns: u32,
    pub lanes: u32,
    pub activation_lanes: u32,
    pub memory: String,
    pub clock_mhz: u32,
    pub multipliers: u32,
    pub on_chip_bytes: u64,
}

/// What one inference takes.
#[derive(Clone, Serialize)]
pub struct Outcome {
    pub cycles: u64,
    pub milliseconds: f64,
    pub utilisation: f64,
    pub moved_bytes: u64,
}

impl Point {
    /// Compiles and times a graph for the target of this text.
    pub fn of(graph: &Graph, text: &str) -> Point {
        let point = |target, design, result, refusal| Point { target, design, result, refusal, best: false };
        let target: Target = match text.parse() {
            Ok(target) => target,
            Err(error) => return point(text.to_owned(), None, None, Some(error.to_string())),
        };
        let design = Some(Design::of(&target));
        match compile_for(graph, &target) {
            Ok(program) => {
                let prediction = &program.prediction;
                let slots = prediction.cycles as f64 * f64::from(target.architecture.macs());
                let result = Outcome {
                    cycles: prediction.cycles,
                    milliseconds: target.milliseconds(prediction.cycles),
                    utilisation: program.macs() as f64 / slots.max(1.0),
                    moved_bytes: (prediction.beats_read + prediction.beats_written) * program.beat_bytes() as u64,
                };
                point(target.to_string(), design, Some(result), None)
            }
            Err(error) => point(target.to_string(), design, None, Some(error.to_string())),
        }
    }

    /// Multipliers, memory on chip, time: less is better.
    fn costs(&self) -> Option<[f64; 3]> {
        let (design, result) = (self.design.as_ref()?, self.result.as_ref()?);
        Some([f64::from(design.multipliers), design.on_chip_bytes as f64, result.milliseconds])
    }
}

impl Design {
    fn of(target: &Target) -> Design {
        let cell = &target.architecture;
        Design {
            cells: cell.cells(),
            rows: cell.rows(),
            columns: cell.columns(),
            lanes: cell.lanes(),
            activation_lanes: cell.activation_lanes(),
            memory: target.memory.to_string(),
            clock_mhz: target.clock_mhz,
            multipliers: cell.macs(),
            on_chip_bytes: on_chip_bytes(cell),
        }
    }
}

/// Bytes of all memories in all cells.
fn on_chip_bytes(cell: &Architecture) -> u64 {
    let [columns, bits] = [cell.columns(), cell.precision().bits()].map(u64::from);
    let activations = u64::from(cell.activation_lanes()) * bits / 8;
    let weights = u64::from(cell.weight_words()) * u64::from(cell.weight_ports()) * columns * bits / 8;
    let biases = u64::from(cell.bias_words()) * columns * 4;
    let accumulators = 2 * u64::from(cell.accumulator_depth()) * columns * 4;
    let instructions = 16 * u64::from(cell.instruction_depth());
    u64::from(cell.cells()) * (activations + weights + biases + accumulators + instructions)
}

/// Marks the points that no other is at least as good as in everything and better in something.
pub fn mark_best(points: &mut [Point]) {
    let costs: Vec<Option<[f64; 3]>> = points.iter().map(Point::costs).collect();
    let beats = |a: &[f64; 3], b: &[f64; 3]| a != b && a.iter().zip(b).all(|(a, b)| a <= b);
    for (point, mine) in points.iter_mut().zip(&costs) {
        point.best = mine.is_some_and(|mine| !costs.iter().flatten().any(|other| beats(other, &mine)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_best_unless_another_is_better_in_something_and_worse_in_nothing() {
        let point = |multipliers, on_chip_bytes, milliseconds| {
            let target: Target = "custom".parse().unwrap();
            let design = Design { multipliers, on_chip_bytes, ..Design::of(&target) };
            let result = Outcome { cycles: 1, milliseconds, utilisation: 1.0, moved_bytes: 0 };
            let (design, result) = (Some(design), Some(result));
            Point { target: target.to_string(), design, result, refusal: None, best: false }
        };
        let refused = Point { result: None, ..point(1, 1, 0.0) };
        let mut points =
            [point(16, 10, 4.0), point(16, 10, 4.0), point(16, 20, 4.0), point(64, 5, 9.0), point(8, 10, 5.0), refused];
        mark_best(&mut points);
        assert_eq!(points.map(|point| point.best), [true, true, false, true, true, false]);
    }

    #[test]
    fn memory_on_chip_is_counted_in_all_cells() {
        let target: Target = "custom,cells=2,rows=4,columns=4".parse().unwrap();
        // Lanes, weights, biases, accumulators, instructions.
        assert_eq!(on_chip_bytes(&target.architecture), 2 * ((32 << 10) + (128 << 10) + 4096 + 8192 + 16384));
    }
}
