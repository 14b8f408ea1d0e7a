//! How the use of a program fails.

use std::io;

/// Why a program gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not there.
    #[error("find {program}: not there (install: {install})")]
    Missing {
        /// Which, and where it was looked for.
        program: String,
        /// The commands that install it.
        install: &'static str,
    },
    /// It could not be started.
    #[error("start {program}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended with an error of its own.
    #[error("run {program}: {output}")]
    Failed {
        /// Which.
        program: String,
        /// The end of what it said.
        output: String,
    },
}
