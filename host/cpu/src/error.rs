//! What can go wrong.

use crate::path::Path;
use myelin_graph::ErrorClass;
use thiserror::Error;

/// A refusal of the CPU engine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// This machine lacks the instructions of a path that was asked for.
    #[error("prepare network: this machine cannot run the path {path}, available are {available}")]
    PathUnavailable {
        /// The path asked for.
        path: Path,
        /// Names of the paths this machine can run.
        available: String,
    },
    /// The environment names a path that does not exist.
    #[error("read {variable}: there is no path {found:?}, expected one of {expected}")]
    PathName {
        /// The environment variable, or what else was read.
        variable: &'static str,
        /// The name found.
        found: String,
        /// The names that exist.
        expected: String,
    },
    /// The threads could not be started; a retry may help.
    #[error("start {threads} threads: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        reason: String,
    },
    /// The network would take more memory than allowed.
    #[error("prepare network: needs {needed} bytes of memory, {allowed} are allowed")]
    Memory {
        /// Bytes it would take.
        needed: u64,
        /// The most it may.
        allowed: u64,
    },
    /// A part of a graph that is not closed.
    #[error("prepare part of a graph: nothing gives {lacking:?}")]
    Part {
        /// The node whose value it needs.
        lacking: String,
    },
    /// The workspace belongs to another network.
    #[error("run network: the workspace was made for another network")]
    ForeignWorkspace,
    /// An input of the wrong length.
    #[error("run network: input has {found} {unit}, expected {expected}")]
    InputLength {
        /// Bytes or elements.
        unit: &'static str,
        /// The network's.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// The run was given up at its deadline; another may take less time.
    #[error("run network: not done at its deadline")]
    Deadline,
    /// The chain's CPU device fails on this operator whatever its input.
    #[error("run {operator}: the official CPU device always fails here")]
    NotOnCpu {
        /// The operator.
        operator: &'static str,
    },
    /// The chain's CPU device leaves memory it never wrote: no answer is lawful.
    #[error("run {operator}: undefined on the official CPU device: {reason}")]
    Undefined {
        /// The operator.
        operator: &'static str,
        /// What it does.
        reason: &'static str,
    },
    /// A count of boxes above the number of boxes.
    #[error("run non_max_suppression: {count} boxes counted, {limit} present")]
    BoxCount {
        /// The count found.
        count: i32,
        /// The boxes present.
        limit: usize,
    },
    /// Heads computed elsewhere that are not this graph's.
    #[error("write output: heads have {found:?} values, expected {expected:?}")]
    HeadLengths {
        /// The graph's.
        expected: Vec<usize>,
        /// Those found.
        found: Vec<usize>,
    },
    /// Heads that cannot be joined row by row.
    #[error("write output: {heads} heads cannot be joined row by row")]
    HeadRows {
        /// How many heads.
        heads: usize,
    },
}

impl Error {
    /// The chain's class; refusals that concern this machine only are runtime errors.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::InputLength { .. } | Self::BoxCount { .. } | Self::HeadRows { .. } => ErrorClass::Logic,
            _ => ErrorClass::Runtime,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Threads { .. } | Self::Deadline)
    }
}
