//! What was measured, for people and for programs.

use std::fs;
use std::io::Write;

use serde::Serialize;

use super::measure::{Measured, PathTime};
use super::workload::Workload;
use crate::arguments::Peer;
use crate::commands::JSON_SCHEMA_VERSION;
use crate::context::Context;
use crate::failure::Failure;
use crate::terminal::{Align, Mark, Table, grouped};

/// The best rate of the chain's official runtime per core, in GMAC/s.
///
/// **Source.** A 3x3 convolution of 64 channels on 56x56, measured on its CPU device, b5a2518.
pub const OFFICIAL_GMAC_PER_SECOND: f64 = 2.9;

/// Everything.
#[derive(Serialize)]
pub struct Report {
    schema_version: u32,
    processor: String,
    /// Runnable processes of the last minute, five and fifteen, as the system counts them.
    load_average: Option<String>,
    threads: u32,
    clock: &'static str,
    rounds: u32,
    /// Whom it is compared with; null if there is nobody.
    pub peer: Option<PeerJson>,
    pub networks: Vec<Network>,
    geometric_means: Vec<GeometricMean>,
}

/// Another engine.
#[derive(Serialize)]
pub struct PeerJson {
    pub name: &'static str,
    /// As it says itself; null if it ran nothing.
    version: Option<String>,
}

/// One network.
#[derive(Serialize)]
pub struct Network {
    pub name: String,
    input_shape: Vec<usize>,
    macs: u64,
    pub paths: Vec<Path>,
    peer_milliseconds: Option<f64>,
    pub peer_gmac_per_second: Option<f64>,
}

/// One path on it.
#[derive(Serialize)]
pub struct Path {
    pub path: &'static str,
    milliseconds: f64,
    pub gmac_per_second: f64,
    prepare_milliseconds: f64,
    rounds: u32,
    /// How many times as fast as the peer.
    ratio_to_peer: Option<f64>,
    /// How many times the official runtime's best rate.
    ratio_to_official: f64,
}

/// A path over several networks, digits left out.
#[derive(Serialize)]
struct GeometricMean {
    path: &'static str,
    networks: usize,
    ratio_to_peer: f64,
}

impl Report {
    pub fn new(measured: &[Measured], rounds: u32, peer: Option<Peer>) -> Report {
        let version = measured.iter().find_map(|measured| Some(measured.peer.as_ref()?.1.clone()));
        Report {
            schema_version: JSON_SCHEMA_VERSION,
            processor: processor(),
            load_average: fs::read_to_string("/proc/loadavg").ok().map(|text| text.trim().to_owned()),
            threads: 1,
            clock: "CPU time of the thread (of the process for a peer), least of the rounds",
            rounds,
            peer: peer.map(|peer| PeerJson { name: peer.name(), version }),
            networks: measured.iter().map(network).collect(),
            geometric_means: geometric_means(measured),
        }
    }

    /// Writes the table.
    pub fn write(&self, context: &mut Context) -> Result<(), Failure> {
        let mut table = Table::new(&self.columns().iter().map(|(name, align)| (&**name, *align)).collect::<Vec<_>>());
        for network in &self.networks {
            table.row(row(network, self.peer.is_some()));
        }
        let colour = context.colour();
        writeln!(context, "{}", colour.paint(Mark::Strong, &self.processor))?;
        writeln!(context, "one thread, {} rounds: {}", self.rounds, self.clock)?;
        if let Some(load) = &self.load_average {
            writeln!(context, "load average {load}")?;
        }
        writeln!(context)?;
        table.write(context)?;
        writeln!(context)?;
        for GeometricMean { path, networks, ratio_to_peer } in &self.geometric_means {
            let (name, version) =
                self.peer.as_ref().map_or(("", ""), |peer| (peer.name, peer.version.as_deref().unwrap_or("")));
            let line = format!("{path}: {ratio_to_peer:.2} times as fast as {name} {version}");
            writeln!(context, "{} (geometric mean, {networks} networks)", colour.paint(Mark::Strong, &line))?;
        }
        if self.peer.is_none() {
            writeln!(context, "--against onnxruntime compares with onnxruntime's INT8 on the same shapes")?;
        }
        Ok(())
    }

    fn columns(&self) -> Vec<(String, Align)> {
        let mut columns = vec![("network".to_owned(), Align::Left), ("MACs, M".to_owned(), Align::Right)];
        let paths = self.networks.first().map_or(&[][..], |network| &network.paths);
        columns.extend(paths.iter().map(|path| (format!("{}, ms", path.path), Align::Right)));
        columns.push(("GMAC/s".to_owned(), Align::Right));
        columns.push(("x official".to_owned(), Align::Right));
        if let Some(peer) = &self.peer {
            columns.extend([(format!("{}, ms", peer.name), Align::Right), (format!("x {}", peer.name), Align::Right)]);
        }
        columns
    }
}

fn row(network: &Network, with_peer: bool) -> Vec<String> {
    let mut cells = vec![network.name.clone(), grouped(network.macs / 1_000_000)];
    cells.extend(network.paths.iter().map(|path| milliseconds(path.milliseconds)));
    let Some(best) = network.paths.iter().max_by(|a, b| a.gmac_per_second.total_cmp(&b.gmac_per_second)) else {
        return cells;
    };
    cells.extend([format!("{:.1}", best.gmac_per_second), format!("{:.1}", best.ratio_to_official)]);
    if with_peer {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        cells.push(or_dash(network.peer_milliseconds.map(milliseconds)));
        cells.push(or_dash(best.ratio_to_peer.map(|ratio| format!("{ratio:.2}"))));
    }
    cells
}

fn milliseconds(time: f64) -> String {
    if time < 1.0 { format!("{time:.4}") } else { format!("{time:.2}") }
}

fn network(measured: &Measured) -> Network {
    let path = |time: &PathTime| Path {
        path: time.path.name(),
        milliseconds: 1e3 * time.best.as_secs_f64(),
        gmac_per_second: measured.rate(time.best),
        prepare_milliseconds: 1e3 * time.prepare.as_secs_f64(),
        rounds: time.rounds,
        ratio_to_peer: measured.ratio(time),
        ratio_to_official: measured.rate(time.best) / OFFICIAL_GMAC_PER_SECOND,
    };
    Network {
        name: measured.workload.to_string(),
        input_shape: measured.input_shape.clone(),
        macs: measured.macs,
        paths: measured.paths.iter().map(path).collect(),
        peer_milliseconds: measured.peer.as_ref().map(|(time, _)| 1e3 * time.as_secs_f64()),
        peer_gmac_per_second: measured.peer.as_ref().map(|(time, _)| measured.rate(*time)),
    }
}

/// Over everything but the digits networks, which are too small to say much of kernels.
fn geometric_means(measured: &[Measured]) -> Vec<GeometricMean> {
    let counted: Vec<&Measured> =
        measured.iter().filter(|measured| !matches!(measured.workload, Workload::Digits(_))).collect();
    let paths = counted.first().map_or(&[][..], |measured| &measured.paths);
    let mean = |index: usize| {
        let ratios: Option<Vec<f64>> = counted.iter().map(|m| m.ratio(m.paths.get(index)?)).collect();
        let ratios = ratios.filter(|ratios| !ratios.is_empty())?;
        let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
        Some((ratios.len(), (logarithms / ratios.len() as f64).exp()))
    };
    let means = paths.iter().enumerate().filter_map(|(index, time)| {
        let (networks, ratio_to_peer) = mean(index)?;
        Some(GeometricMean { path: time.path.name(), networks, ratio_to_peer })
    });
    means.collect()
}

/// The processor's name, where the system tells.
pub fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
