//! How building and flashing fail.

use std::io;

use myelin_programs::ProgramError;

/// Why there is no bitstream, or it does not go to a board.
#[derive(Debug, thiserror::Error)]
pub enum BitstreamError {
    /// A program is not there, could not be started, or failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A file could not be written or read.
    #[error("{action} {file}")]
    File {
        /// What was attempted.
        action: &'static str,
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program's answer is not what it should be.
    #[error("{program}: {reason}")]
    Answer {
        /// Which program.
        program: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Placed, but too slow.
    #[error("{board}: {found:.2} MHz after placement, expected at least {expected:.2} MHz")]
    Timing {
        /// Which board.
        board: String,
        /// What was reached.
        found: f64,
        /// What its clock is.
        expected: f64,
    },
    /// A file is no manifest.
    #[error("manifest {file}: {reason}")]
    Manifest {
        /// Which file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Something is not what the manifest says.
    #[error("{subject} is {found}, expected {expected} (by the manifest)")]
    Mismatch {
        /// What.
        subject: &'static str,
        /// What it is.
        found: String,
        /// What the manifest says.
        expected: String,
    },
}

impl BitstreamError {
    /// For [`Result::map_err`] of what is done to a file.
    pub(crate) fn file(action: &'static str, file: &std::path::Path) -> impl FnOnce(io::Error) -> BitstreamError {
        let file = file.display().to_string();
        move |source| BitstreamError::File { action, file, source }
    }
}
