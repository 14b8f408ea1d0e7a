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

use super::measure::repeats;
use super::workload::Workload;
use crate::arguments::Peer;
use crate::failure::Failure;
use crate::files;
use crate::terminal::Progress;

/// Where the Python environment of onnxruntime is, relative to the present folder.
const VENV: &str = "target/onnxruntime-venv";
/// What is installed there.
const PACKAGES: [&str; 3] = ["onnxruntime==1.31.1", "onnx==1.23.2", "numpy==2.4.6"];
/// Written last when the environment is complete; holds the packages.
const COMPLETE: &str = "myelin-packages.txt";
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
            Peer::Onnxruntime => {
                let packages = fs::read_to_string(Path::new(VENV).join(COMPLETE));
                packages.is_ok_and(|packages| packages == PACKAGES.join("\n"))
            }
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
                progress.step(&format!("make a Python environment in {VENV}"));
                run("python3 -m venv", Command::new("python3").args(["-m", "venv", "--clear", VENV]))?;
                progress.step(&format!("install {} from PyPI", PACKAGES.join(", ")));
                let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
                run("pip install", Command::new(python()).args(pip).args(PACKAGES))?;
                files::write(&Path::new(VENV).join(COMPLETE), PACKAGES.join("\n").as_bytes())
            }
            Peer::Onednn => {
                progress.step(&format!("compile a program against oneDNN in {ONEDNN_FOLDER}"));
                files::make_folder(Path::new(ONEDNN_FOLDER))?;
                let source = Path::new(ONEDNN_FOLDER).join("onednn.cpp");
                files::write(&source, ONEDNN.as_bytes())?;
                let compiler = std::env::var_os("CXX").unwrap_or_else(|| "g++".into());
                let mut command = Command::new(compiler);
                command.args(["-std=c++17", "-O2", "-o"]).arg(onednn()).arg(source).arg("-ldnnl");
                run("compile against oneDNN (Debian: libdnnl-dev)", &mut command)
            }
        }
    }

    /// Starts it on a workload; `None` if it has no means to run that.
    pub fn start(self, workload: Workload, graph: &Graph, input: &[i8]) -> Result<Option<Runner>, Failure> {
        let (mut command, model) = match (self, workload) {
            (Peer::Onnxruntime, _) => {
                let mut command = Command::new(python());
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

fn python() -> PathBuf {
    Path::new(VENV).join("bin/python")
}

fn onednn() -> PathBuf {
    Path::new(ONEDNN_FOLDER).join("onednn")
}

fn run(step: &'static str, command: &mut Command) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| Failure::Peer { step, reason: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let error = said.lines().find(|line| line.contains("error")).or_else(|| said.lines().last());
    Err(Failure::Peer { step, reason: error.map_or_else(|| output.status.to_string(), str::to_owned) })
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
