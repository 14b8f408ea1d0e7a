//! What can go wrong in a co-simulation.

use std::io;
use std::path::PathBuf;

use myelin_hdl::Ty;
use myelin_sim::SimError;

use super::engine::Engine;

/// Why engines were not found equal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CosimError {
    /// They differ.
    #[error(transparent)]
    Disagreement(#[from] Disagreement),
    /// A file of the run could not be written or read.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// An outside program could not be started.
    #[error("start {program}")]
    Start {
        /// Which.
        program: String,
        /// Why it failed.
        source: io::Error,
    },
    /// An outside program failed, or complained where it should be silent.
    #[error("{program} ended with {status} and said:\n{output}")]
    Tool {
        /// Which.
        program: String,
        /// How it ended.
        status: String,
        /// All it said.
        output: String,
    },
    /// An outside program wrote something other than the response expected.
    #[error("read the response of {engine}: {reason}")]
    BadResponse {
        /// Which engine.
        engine: Engine,
        /// What is wrong with it.
        reason: String,
    },
    /// Our simulator could not be made, or a check of the design failed in it.
    #[error("simulate with {engine}")]
    Simulator {
        /// Which engine.
        engine: Engine,
        /// What happened.
        source: SimError,
    },
    /// The stimulus does not fit the design.
    #[error("stimulus of {design}, cycle {cycle}: {reason}")]
    BadTrace {
        /// Name of the top module.
        design: String,
        /// Which cycle.
        cycle: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// The first difference between two responses to one stimulus.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Disagreement {
    /// An output differs.
    #[error(
        "{found_by} disagrees with {expected_by} in cycle {cycle} on {port} ({ty}): expected {}, found {}",
        shown(*expected), shown(*found)
    )]
    Value {
        /// Cycle, from 0.
        cycle: usize,
        /// Name of the output.
        port: String,
        /// Its type.
        ty: Ty,
        /// Who is taken to be right.
        expected_by: String,
        /// Bits expected; `None`: not all known.
        expected: Option<u64>,
        /// Who is taken to be wrong.
        found_by: String,
        /// Bits found; `None`: not all known.
        found: Option<u64>,
    },
    /// A register holds something else after the last cycle.
    #[error(
        "{found_by} disagrees with {expected_by} after the last cycle on register {path}: expected {}, found {}",
        shown(*expected), shown(*found)
    )]
    Register {
        /// Instance names from the top's on, then the register's own.
        path: String,
        /// Who is taken to be right.
        expected_by: String,
        /// Bits expected; `None`: not all known.
        expected: Option<u64>,
        /// Who is taken to be wrong.
        found_by: String,
        /// Bits found; `None`: not all known.
        found: Option<u64>,
    },
    /// One response is shorter.
    #[error("{found_by} answered {found} cycles, {expected_by} {expected}")]
    Length {
        /// Who is taken to be right.
        expected_by: String,
        /// Its cycles.
        expected: usize,
        /// Who is taken to be wrong.
        found_by: String,
        /// Its cycles.
        found: usize,
    },
}

fn shown(bits: Option<u64>) -> String {
    bits.map_or("unknown bits".to_owned(), |bits| format!("{bits:#x}"))
}
