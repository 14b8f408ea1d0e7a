//! A model as a running program.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use myelin_programs::ProgramError;

use crate::error::BenchError;
use crate::subject::Subject;

/// A model that waits for numbers of cycles. It ends when dropped.
pub struct Program {
    name: String,
    path: PathBuf,
    child: Child,
    /// Closed to end the program.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Program {
    pub(super) fn start(name: &str, path: &Path, arguments: &[PathBuf]) -> Result<Program, BenchError> {
        let failed = |source| ProgramError::Start { program: path.display().to_string(), source };
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it was asked to be a pipe"));
        Ok(Program { name: name.to_owned(), path: path.to_owned(), child, requests, answers })
    }

    fn failed(&self, source: std::io::Error) -> BenchError {
        BenchError::File { action: "talk to", path: self.path.clone(), source }
    }
}

impl Subject for Program {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&mut self, cycles: u64) -> Result<(Duration, u64), BenchError> {
        let requests = self.requests.as_mut().expect("it is open until the end");
        let mut line = String::new();
        writeln!(requests, "{cycles}")
            .and_then(|()| requests.flush())
            .and_then(|()| self.answers.read_line(&mut line))
            .map_err(|source| self.failed(source))?;
        let answer = line.split_once(' ').and_then(|(took, digest)| {
            let digest = u64::from_str_radix(digest.trim(), 16).ok()?;
            Some((Duration::from_nanos(took.parse().ok()?), digest))
        });
        answer.ok_or_else(|| BenchError::Answer { program: self.path.display().to_string(), found: line })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.requests.take());
        // It ends by itself when there is nothing more to read.
        _ = self.child.wait();
    }
}
