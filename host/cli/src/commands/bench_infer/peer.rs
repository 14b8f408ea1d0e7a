//! Peers: other engines, each in a process of its own that runs one workload and ends when its pipes close.
//!
//! A peer's process writes `ready VERSION`, then reads numbers, one a line, runs so often and answers
//! with the CPU seconds it took.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use myelin_graph::{Graph, export};
use myelin_programs::{Package, ProgramError, PythonEnvironment, run};

use super::measure::repeats;
use super::workload::Workload;
use crate::arguments::Peer;
use crate::failure::Failure;
use crate::files;
use crate::terminal::Progress;

/// Where the Python environment of onnxruntime is, relative to the present folder.
const VENV: &str = "target/onnxruntime-venv";
/// What is installed there.
const PACKAGES: &[Package] = &[
    Package { name: "onnxruntime", version: "1.31.1" },
    Package { name: "onnx", version: "1.23.2" },
    Package { name: "numpy", version: "2.4.6" },
];
const ONNXRUNTIME: &str = include_str!("onnxruntime.py");
/// Where oneDNN's program is built, relative to the present folder.
const ONEDNN_FOLDER: &str = "target/onednn-bench";
const ONEDNN: &str = include_str!("onednn.cpp");

impl Peer {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Onnxruntime => "onnxruntime",
            Peer::Onednn => "oneDNN",
        }
    }

    /// Whether it can be started.
    pub fn is_installed(self) -> bool {
        match self {
            Peer::Onnxruntime => environment().missing().is_none(),
            Peer::Onednn => {
                let source = fs::read_to_string(Path::new(ONEDNN_FOLDER).join("onednn.cpp"));
                source.is_ok_and(|source| source == ONEDNN) && onednn().exists()
            }
        }
    }

    /// Gets it from PyPI, or compiles it against the system's library.
    pub fn install(self, progress: &mut Progress) -> Result<(), Failure> {
        match self {
            Peer::Onnxruntime => {
                progress.step(&format!("install onnxruntime from PyPI into {VENV}"));
                installed("install onnxruntime from PyPI", environment().install())
            }
            Peer::Onednn => {
                progress.step(&format!("compile a program against oneDNN in {ONEDNN_FOLDER}"));
                files::make_folder(Path::new(ONEDNN_FOLDER))?;
                let source = Path::new(ONEDNN_FOLDER).join("onednn.cpp");
                files::write(&source, ONEDNN.as_bytes())?;
                let compiler = std::env::var_os("CXX").unwrap_or_else(|| "g++".into());
                let mut command = Command::new(compiler);
                command.args(["-std=c++17", "-O2", "-o"]).arg(onednn()).arg(source).arg("-ldnnl");
                installed("compile against oneDNN (Debian: libdnnl-dev)", run(&mut command))
            }
        }
    }

    /// Starts it on a workload; `None` if it has no means to run that.
    pub fn start(self, workload: Workload, graph: &Graph, input: &[i8]) -> Result<Option<Runner>, Failure> {
        let (mut command, model) = match (self, workload) {
            (Peer::Onnxruntime, _) => {
                let mut command = Command::new(environment().program("python"));
                command.args(["-c", ONNXRUNTIME]);
                (command, Some(model(graph, input)))
            }
            (Peer::Onednn, Workload::Layer(layer)) => {
                let mut command = Command::new(onednn());
                command.args([layer.channels, layer.side, layers(graph)].map(|size| size.to_string()));
                command.env("OMP_NUM_THREADS", "1");
                (command, None)
            }
            (Peer::Onednn, _) => return Ok(None),
        };
        let lost = |error: io::Error| Failure::Peer { step: self.start_step(), reason: error.to_string() };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().map_err(lost)?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (requests, answers) = pipes.expect("invariant: both streams were asked to be pipes");
        let mut runner = Runner {
            peer: self,
            process,
            requests,
            answers: BufReader::new(answers),
            best: Duration::MAX,
            version: String::new(),
        };
        if let Some(model) = model {
            runner.requests.write_all(&model).map_err(lost)?;
        }
        let ready = runner.read()?;
        let version = ready.strip_prefix("ready ").ok_or_else(|| runner.odd(&ready))?.to_owned();
        runner.version = version;
        Ok(Some(runner))
    }

    fn start_step(self) -> &'static str {
        match self {
            Peer::Onnxruntime => "run onnxruntime",
            Peer::Onednn => "run oneDNN",
        }
    }
}

/// Convolutions of a stack.
fn layers(graph: &Graph) -> usize {
    graph.operators().filter(|&(id, _)| graph.macs(id) > 0).count()
}

fn environment() -> PythonEnvironment {
    PythonEnvironment::at(VENV, PACKAGES)
}

fn onednn() -> PathBuf {
    Path::new(ONEDNN_FOLDER).join("onednn")
}

fn installed<T>(step: &'static str, outcome: Result<T, ProgramError>) -> Result<(), Failure> {
    match outcome {
        Ok(_) => Ok(()),
        Err(ProgramError::Start { source, .. }) => Err(Failure::Peer { step, reason: source.to_string() }),
        Err(error) => Err(Failure::Peer { step, reason: error.to_string() }),
    }
}

/// The files a node would read, so that shapes, attributes and weights are the same, and the input; their
/// lengths on a line before them. They go through the pipe, so an interrupt leaves nothing behind.
fn model(graph: &Graph, input: &[i8]) -> Vec<u8> {
    let (symbol, params) = export::cvm(graph);
    let mut bytes = format!("{} {} {}\n", symbol.len(), params.len(), input.len()).into_bytes();
    bytes.extend_from_slice(&symbol);
    bytes.extend_from_slice(&params);
    bytes.extend(input.iter().map(|&value| value.cast_unsigned()));
    bytes
}

/// A peer's process with a workload.
pub struct Runner {
    peer: Peer,
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    best: Duration,
    /// What it says of itself.
    pub version: String,
}

impl Runner {
    /// CPU time of the workload once: the mean of a reading.
    pub fn run(&mut self) -> Result<Duration, Failure> {
        let repeats = repeats(self.best);
        let lost = |error: io::Error| Failure::Peer { step: self.peer.start_step(), reason: error.to_string() };
        writeln!(self.requests, "{}", repeats).and_then(|()| self.requests.flush()).map_err(lost)?;
        let line = self.read()?;
        let seconds = line.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let time = seconds.ok_or_else(|| self.odd(&line))? / repeats;
        self.best = time.min(self.best);
        Ok(time)
    }

    fn read(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        let reason = match self.answers.read_line(&mut line) {
            Ok(0) => "it has ended; what it said stands above".to_owned(),
            Ok(_) => return Ok(line.trim_end().to_owned()),
            Err(error) => error.to_string(),
        };
        Err(Failure::Peer { step: self.peer.start_step(), reason })
    }

    fn odd(&self, line: &str) -> Failure {
        Failure::Peer { step: self.peer.start_step(), reason: format!("it answers {line:?}") }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // It may have ended already; either way it is waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
