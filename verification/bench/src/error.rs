//! What can go wrong while measuring.

use std::io;
use std::path::PathBuf;

use myelin_hdl::DesignError;
use myelin_programs::ProgramError;
use myelin_sim::{CheckFailure, SimError};

/// Why there is no number.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Two simulators of one design do not agree.
    #[error("compare outputs of {design} after {cycles} cycles: {first} says {expected:#x}, {second} {found:#x}")]
    Disagreement {
        /// Which design.
        design: String,
        /// Clock cycles since reset.
        cycles: u64,
        /// Who said it first.
        first: String,
        /// Digest of its outputs.
        expected: u64,
        /// Who says something else.
        second: String,
        /// Digest of its outputs.
        found: u64,
    },
    /// Our simulator does not take the design.
    #[error("simulate")]
    Simulator(#[from] SimError),
    /// An assertion of the design failed.
    #[error("simulate: {0}")]
    Check(#[from] CheckFailure),
    /// A design could not be made.
    #[error("make the design")]
    Design(#[from] DesignError),
    /// There is no cell of this size.
    #[error("make a cell of {size} x {size}: {reason}")]
    Size {
        /// Rows and columns.
        size: usize,
        /// Why not.
        reason: String,
    },
    /// The reference run on the simulated card failed.
    #[error("record {what}: {reason}")]
    Recording {
        /// What was to be recorded.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// A program could not be started, or failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A built simulator answered something that is not a time and a digest.
    #[error("read from {program}: expected nanoseconds and a digest, found {found:?}")]
    Answer {
        /// Which.
        program: String,
        /// The line.
        found: String,
    },
    /// A file or folder could not be used.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl BenchError {
    /// Makes an [`BenchError::File`] of an input or output error.
    pub fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> BenchError {
        let path = path.into();
        move |source| BenchError::File { action, path, source }
    }
}
