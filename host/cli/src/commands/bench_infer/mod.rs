//! `myelin bench infer`: how fast this processor infers.

mod clock;
mod cold;
mod measure;
mod peer;
mod picture;
mod report;
mod workload;

use myelin_cpu::Path;
use myelin_driver::DriverError;

use crate::arguments::{BenchInferArguments, Peer};
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::files;
use report::Report;
pub use workload::Workload;

/// Measures, and writes table, JSON and picture.
pub fn run(arguments: &BenchInferArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let paths = paths(&arguments.path)?;
    if let Some(folder) = &arguments.cold {
        cold::run(folder, arguments.path.first().copied(), arguments.json, context)?;
        return Ok(Verdict::Yes);
    }
    let workloads = match &arguments.network[..] {
        [] if arguments.layers => Workload::layers(),
        [] => Workload::networks(),
        named => named.to_vec(),
    };
    // An installed onnxruntime is used without asking.
    let peer = arguments.against.or_else(|| Some(Peer::Onnxruntime).filter(|peer| peer.is_installed()));
    if let Some(peer) = peer.filter(|peer| !peer.is_installed()) {
        peer.install(context.progress())?;
    }
    let mut measured = Vec::new();
    for workload in workloads {
        let rounds = arguments.rounds.get();
        measured.push(measure::measure(workload, &paths, rounds, peer, context.progress())?);
    }
    context.progress().clear();
    let report = Report::new(&measured, arguments.rounds.get(), peer);
    if let Some(file) = &arguments.picture {
        let title = format!("Inference on one thread of {}, GMAC/s", report::processor());
        files::write(file, picture::draw(&report, &title).as_bytes())?;
    }
    if arguments.json {
        context.write_json(&report)?
    } else {
        report.write(context)?
    }
    Ok(Verdict::Yes)
}

/// Those asked for, each of which this machine must have; or all it has.
fn paths(asked: &[Path]) -> Result<Vec<Path>, Failure> {
    if asked.is_empty() {
        return Ok(Path::available());
    }
    let mut paths: Vec<Path> = Vec::new();
    for path in asked {
        let lacking = |source| DriverError::Cpu { step: "choose kernels", selector: format!("cpu:{path}"), source };
        let path = path.checked().map_err(lacking)?;
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    Ok(paths)
}
