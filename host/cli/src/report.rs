//! What an inference cost, for people and for programs; shared by `demo` and `infer`.

use std::io::{self, Write};
use std::time::Duration;

use myelin_driver::{CycleReport, LayerReport};
use serde::Serialize;

use crate::terminal::{Align, Table, grouped, percent};

/// The counters of one inference.
#[derive(Serialize)]
pub struct TimingJson {
    cycles: u32,
    predicted_cycles: u64,
    macs: u64,
    macs_per_cycle: u32,
    utilisation: f64,
    convolutions: Option<LayerJson>,
    counters: serde_json::Map<String, serde_json::Value>,
    stamps: Vec<u32>,
    layers: Vec<LayerJson>,
}

#[derive(Serialize)]
struct LayerJson {
    name: String,
    kind: String,
    cycles: Option<u32>,
    predicted_cycles: u64,
    macs: u64,
    utilisation: Option<f64>,
}

impl From<&LayerReport> for LayerJson {
    fn from(layer: &LayerReport) -> LayerJson {
        LayerJson {
            name: layer.name.clone(),
            kind: layer.kind.to_string(),
            cycles: layer.cycles,
            predicted_cycles: layer.predicted_cycles,
            macs: layer.macs,
            utilisation: layer.utilisation,
        }
    }
}

impl From<&CycleReport> for TimingJson {
    fn from(report: &CycleReport) -> TimingJson {
        TimingJson {
            cycles: report.cycles(),
            predicted_cycles: report.predicted_cycles,
            macs: report.macs,
            macs_per_cycle: report.macs_per_cycle,
            utilisation: report.utilisation(),
            convolutions: report.convolutions().as_ref().map(LayerJson::from),
            counters: report.counters.named().iter().map(|&(name, value)| (name.to_owned(), value.into())).collect(),
            stamps: report.stamps.clone(),
            layers: report.layers.iter().map(LayerJson::from).collect(),
        }
    }
}

/// Writes the table of layers, then the convolutions together and the whole inference.
pub fn write_layers(report: &CycleReport, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new(&[
        ("layer", Align::Left),
        ("kind", Align::Left),
        ("cycles", Align::Right),
        ("predicted", Align::Right),
        ("MACs", Align::Right),
        ("MAC utilisation, %", Align::Right),
    ]);
    let dash = || "-".to_owned();
    let convolutions = report.convolutions();
    for layer in report.layers.iter().chain(&convolutions) {
        let (macs, utilisation) = match (layer.macs, layer.utilisation) {
            (0, _) => (dash(), dash()),
            (macs, utilisation) => (grouped(macs), utilisation.map_or_else(dash, percent)),
        };
        let cycles = layer.cycles.map_or_else(dash, grouped);
        let predicted = grouped(layer.predicted_cycles);
        table.row([layer.name.clone(), layer.kind.to_string(), cycles, predicted, macs, utilisation]);
    }
    table.row([
        "inference".to_owned(),
        String::new(),
        grouped(report.cycles()),
        grouped(report.predicted_cycles),
        grouped(report.macs),
        percent(report.utilisation()),
    ]);
    table.write(out)
}

/// How fast cycles were simulated.
#[derive(Clone, Copy, Serialize)]
pub struct SimulationSpeed {
    /// Cycles simulated, the host's accesses included.
    pub cycles: u64,
    /// Wall clock time.
    pub seconds: f64,
    /// The one by the other.
    pub cycles_per_second: f64,
}

impl SimulationSpeed {
    /// From what was measured; `None` if nothing was simulated.
    pub fn new(cycles: u64, time: Duration) -> Option<SimulationSpeed> {
        // A clock may be too coarse for a short run.
        let seconds = time.as_secs_f64().max(1e-6);
        (cycles > 0).then(|| SimulationSpeed { cycles, seconds, cycles_per_second: cycles as f64 / seconds })
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        let (cycles, speed) = (grouped(self.cycles), grouped(self.cycles_per_second as u64));
        format!("simulated {cycles} cycles in {:.3} s: {speed} cycles/s", self.seconds)
    }
}
