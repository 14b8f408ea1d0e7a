//! What can go wrong.

use crate::path::Path;

/// Why a graph was not solved. That a graph has no cycle is no error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The number of edge bits is none the solver has.
    #[error("check edge bits: expected 10 to 32, found {found}")]
    EdgeBits {
        /// The number found.
        found: u32,
    },
    /// The proof size is none a cycle can have.
    #[error("check proof size: expected an even number from 2 to 256, found {found}")]
    ProofSize {
        /// The number found.
        found: usize,
    },
    /// The number of threads is none the solver has.
    #[error("check threads: expected 1 to 1024, found {found}")]
    Threads {
        /// The number found.
        found: usize,
    },
    /// The memory given is less than the graph needs. Nothing has been allocated.
    #[error(
        "plan memory for {variant} with {edge_bits} edge bits, {threads} threads, {algorithm} trimming: \
         needs {needed} bytes, limit is {limit}"
    )]
    Memory {
        /// The variant's name.
        variant: &'static str,
        /// Its edge bits.
        edge_bits: u32,
        /// Threads asked for.
        threads: usize,
        /// The algorithm's name.
        algorithm: &'static str,
        /// The least that would do.
        needed: u64,
        /// What was given.
        limit: u64,
    },
    /// The operating system does not give the memory.
    #[error("allocate {bytes} bytes: the system has no such memory")]
    Allocation {
        /// What was asked for.
        bytes: u64,
    },
    /// This machine lacks the instructions.
    #[error("choose path {path}: this machine has not its instructions")]
    PathUnavailable {
        /// The path asked for.
        path: Path,
    },
    /// The caller ended it.
    #[error("solve: cancelled")]
    Cancelled,
    /// More edges survived than any fair graph leaves, so that they do not fit the planned memory.
    #[error("trim: more edges survived than memory was planned for")]
    Crowded,
    /// A cycle found is no proof: the machine has miscomputed.
    #[error("check a found cycle: it is none, this machine has miscomputed")]
    Miscomputed,
}

impl Error {
    /// Whether the same call can succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Allocation { .. } | Error::Cancelled | Error::Miscomputed)
    }
}
