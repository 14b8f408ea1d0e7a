//! A folder for one run, and outside programs run in it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use myelin_hdl::Design;
use myelin_hdl::verilog::{Options, VerilogFile, emit_with, write_files};
use tempfile::TempDir;

use super::error::CosimError;

/// A folder that goes when dropped, or stays where `MYELIN_KEEP` names a folder to keep runs in.
pub(crate) struct Work {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl Work {
    pub(crate) fn new(name: &str) -> Result<Work, CosimError> {
        static RUN: AtomicU32 = AtomicU32::new(0);
        let failed = |path: PathBuf| |source| CosimError::File { action: "make folder", path, source };
        if let Some(keep) = env::var_os("MYELIN_KEEP") {
            let run = RUN.fetch_add(1, Ordering::Relaxed);
            let path = Path::new(&keep).join(format!("{name}-{}-{run}", std::process::id()));
            fs::create_dir_all(&path).map_err(failed(path.clone()))?;
            return Ok(Work { path, _temporary: None });
        }
        let temporary = tempfile::Builder::new().prefix("myelin-").tempdir().map_err(failed(env::temp_dir()))?;
        Ok(Work { path: temporary.path().to_owned(), _temporary: Some(temporary) })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the design's Verilog, as anyone gets it, and returns the names of the files.
    pub(crate) fn write_verilog(&self, design: &Design) -> Result<Vec<String>, CosimError> {
        self.write_verilog_with(design, Options::default())
    }

    /// Writes the design's Verilog and returns the names of the files.
    pub(crate) fn write_verilog_with(&self, design: &Design, options: Options) -> Result<Vec<String>, CosimError> {
        let files: Vec<VerilogFile> = emit_with(design, options);
        write_files(&self.path, &files).map_err(|source| CosimError::File {
            action: "write Verilog to",
            path: self.path.clone(),
            source,
        })?;
        Ok(files.into_iter().map(|file| file.name).collect())
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<(), CosimError> {
        let path = self.path(name);
        fs::write(&path, contents).map_err(|source| CosimError::File { action: "write", path, source })
    }

    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, CosimError> {
        let path = self.path(name);
        fs::read(&path).map_err(|source| CosimError::File { action: "read", path, source })
    }

    /// Runs a program in the folder and returns all it said; it must succeed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<String, CosimError> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.path).stdin(Stdio::null());
        let output = command.output().map_err(|source| CosimError::Start { program: program.to_owned(), source })?;
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if output.status.success() {
            Ok(said)
        } else {
            let status = output.status.to_string();
            Err(CosimError::Tool { program: program.to_owned(), status, output: said })
        }
    }
}
