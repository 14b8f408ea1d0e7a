//! Shared by the tests: runs the binary in a folder of its own that has the project's models.
#![allow(dead_code, clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A file of the repository.
pub fn repository_path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap().join(relative)
}

/// A fresh folder with copies of the models, to run commands in.
pub struct Workplace(TempDir);

impl Workplace {
    pub fn new() -> Workplace {
        let folder = tempfile::tempdir().unwrap();
        for part in ["models/digits_int8", "models/digits_int6", "bitstreams/images", "bitstreams/firmware"] {
            let (from, to) = (repository_path(part), folder.path().join(part));
            std::fs::create_dir_all(&to).unwrap();
            // What a build of a bitstream has left beside the image is not looked at.
            let files = std::fs::read_dir(from).unwrap().map(Result::unwrap);
            for file in files.filter(|file| file.file_type().unwrap().is_file()) {
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
        std::fs::copy(repository_path("models/recorded.jsonl"), folder.path().join("models/recorded.jsonl")).unwrap();
        Workplace(folder)
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    /// The binary, in this folder, with no colour settings from outside.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_myelin"));
        command.args(arguments).current_dir(self.0.path()).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// A virtual stick at `tty:stick`, which is there when this returns.
    pub fn stick(&self, more: &[&str]) -> Stick {
        self.stick_at("stick", more)
    }

    /// As [`Workplace::stick`], at another path.
    pub fn stick_at(&self, path: &str, more: &[&str]) -> Stick {
        let stick = ["stick", "--path", path, "--target", "custom,rows=8,columns=8"];
        let mut command = self.command(&[&stick[..], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains(&format!("tty:{path}")), "{line}");
        Stick(child)
    }
}

/// A virtual stick's process; it is killed when this is dropped.
pub struct Stick(Child);

impl Drop for Stick {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What a command did.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Run {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let code = status.code().expect("the command ends by itself");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let run = Run { code, out: text(stdout), err: text(stderr) };
        assert!(!run.err.contains("panicked"), "{}", run.err);
        run
    }

    /// The run, if it ended with this code.
    pub fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, code, "standard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}
