//! Networks on every path of kernels, in turns.

use std::time::Duration;

use myelin_cpu::{Network, Options, Path, Workspace};
use myelin_driver::DriverError;
use myelin_graph::Graph;

use super::clock::timed;
use super::workload::Workload;
use crate::arguments::Peer;
use crate::commands::model_build::seeded_input;
use crate::failure::Failure;
use crate::terminal::Progress;

/// CPU time after which a path is not run again on a network.
const ENOUGH: Duration = Duration::from_secs(2);
/// A reading takes at least about so long: short runs are repeated within it.
const READING: Duration = Duration::from_millis(2);
/// Most runs within a reading.
const REPEATS_MAX: u32 = 1000;

/// One workload on all engines.
pub struct Measured {
    pub workload: Workload,
    pub input_shape: Vec<usize>,
    pub macs: u64,
    pub paths: Vec<PathTime>,
    /// The peer's time, and what it says of itself; `None` if it did not run.
    pub peer: Option<(Duration, String)>,
}

/// One path on one workload.
pub struct PathTime {
    pub path: Path,
    /// Packing weights and planning memory.
    pub prepare: Duration,
    /// The least time of one run.
    pub best: Duration,
    /// Readings taken.
    pub rounds: u32,
}

impl Measured {
    /// Multiply-accumulates of a second, in units of 10^9.
    pub fn rate(&self, time: Duration) -> f64 {
        self.macs as f64 / time.as_secs_f64().max(1e-9) / 1e9
    }

    /// How many times faster than the peer.
    pub fn ratio(&self, path: &PathTime) -> Option<f64> {
        self.peer.as_ref().map(|(peer, _)| peer.as_secs_f64() / path.best.as_secs_f64().max(1e-9))
    }
}

/// Something that runs one network.
struct Contender {
    path: Path,
    network: Network,
    workspace: Workspace,
    prepare: Duration,
    best: Duration,
    spent: Duration,
    rounds: u32,
}

/// Measures one workload; all answers must agree.
pub fn measure(
    workload: Workload,
    paths: &[Path],
    rounds: u32,
    peer: Option<Peer>,
    progress: &mut Progress,
) -> Result<Measured, Failure> {
    progress.step(&format!("build {workload}"));
    let graph = workload.graph()?;
    let input = seeded_input(&graph, 1);
    let mut contenders = Vec::new();
    for &path in paths {
        progress.step(&format!("prepare {workload} for {path}"));
        contenders.push(Contender::new(&graph, path)?);
    }
    let mut peer = match peer {
        Some(peer) => {
            progress.step(&format!("build {workload} for {}", peer.name()));
            peer.start(workload, &graph, &input)?.map(|runner| (runner, Duration::MAX))
        }
        None => None,
    };
    let mut answer: Option<(Path, Vec<u8>)> = None;
    progress.count("rounds", u64::from(rounds));
    for _ in 0..rounds {
        for contender in contenders.iter_mut().filter(|contender| contender.spent < ENOUGH) {
            let bytes = contender.round(&input)?;
            let (reference, expected) = answer.get_or_insert_with(|| (contender.path, bytes.clone()));
            if bytes != *expected {
                let (network, path) = (workload.to_string(), contender.path.to_string());
                return Err(Failure::Disagreement { network, path, reference: reference.to_string() });
            }
        }
        if let Some((peer, best)) = &mut peer {
            *best = peer.run()?.min(*best);
        }
        progress.advance();
    }
    progress.clear();
    Ok(Measured {
        workload,
        input_shape: graph.input_shape().to_vec(),
        macs: graph.total_macs(),
        paths: contenders.iter().map(Contender::result).collect(),
        peer: peer.map(|(runner, best)| (best, runner.version.clone())),
    })
}

impl Contender {
    fn new(graph: &Graph, path: Path) -> Result<Contender, Failure> {
        let (network, prepare) = timed(|| Network::prepare(graph, &Options { threads: 1, path: Some(path) }));
        let network = network.map_err(|source| failed("prepare", path, source))?;
        let workspace = network.workspace();
        Ok(Contender { path, network, workspace, prepare, best: Duration::MAX, spent: Duration::ZERO, rounds: 0 })
    }

    /// One reading; answers what the network answered.
    fn round(&mut self, input: &[i8]) -> Result<Vec<u8>, Failure> {
        let repeats = repeats(self.best);
        let (network, workspace, path) = (&self.network, &mut self.workspace, self.path);
        let (answer, time) = timed(|| {
            for _ in 1..repeats {
                network.run(workspace, input)?;
            }
            network.run(workspace, input)
        });
        let answer = answer.map_err(|source| failed("run", path, source))?.bytes().to_vec();
        self.best = (time / repeats).min(self.best);
        self.spent += time;
        self.rounds += 1;
        Ok(answer)
    }

    fn result(&self) -> PathTime {
        PathTime { path: self.path, prepare: self.prepare, best: self.best, rounds: self.rounds }
    }
}

/// How often to run within a reading what took `before` when it was read last.
pub fn repeats(before: Duration) -> u32 {
    if before == Duration::MAX {
        return 1;
    }
    (READING.as_nanos() / before.as_nanos().max(1)).clamp(1, u128::from(REPEATS_MAX)) as u32
}

fn failed(step: &'static str, path: Path, source: myelin_cpu::Error) -> Failure {
    DriverError::Cpu { step, selector: format!("cpu:{path}"), source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_runs_are_repeated_and_long_ones_are_not() {
        assert_eq!(repeats(Duration::MAX), 1);
        assert_eq!(repeats(Duration::from_millis(5)), 1);
        assert_eq!(repeats(Duration::from_micros(100)), 20);
        assert_eq!(repeats(Duration::ZERO), REPEATS_MAX);
    }
}
