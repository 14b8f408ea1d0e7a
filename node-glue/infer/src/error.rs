//! What a node is told when there is no answer, and what a log says of it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::hash::InfoHash;
pub use myelin_graph::ErrorClass;

/// The text a node knows a logic error by.
pub const LOGIC_TEXT: &str = "cvm kernel logic error";
/// The text a node knows a runtime error by.
pub const RUNTIME_TEXT: &str = "cvm kernel runtime error";

/// The text of a class, as consensus spells it.
///
/// **Source.** CortexTheseus 5c9b016f6, `inference/synapse/errors.go`.
pub fn class_text(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Logic => LOGIC_TEXT,
        ErrorClass::Runtime => RUNTIME_TEXT,
    }
}

/// Why an engine has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The model or input is refused, by every machine alike: a verdict.
    #[error("{reason}")]
    Refused {
        /// How the chain classes it.
        class: ErrorClass,
        /// What the engine says.
        reason: String,
    },
    /// The model would take more memory than allowed; known before it is taken.
    #[error("needs {needed} bytes of memory, {allowed} are allowed")]
    Memory {
        /// What it needs.
        needed: u64,
        /// The most it may take.
        allowed: u64,
    },
    /// The run was given up at its deadline. Another engine would be no faster.
    #[error("given up at its deadline")]
    Late,
    /// This engine could not tell; another one may.
    #[error("device fault: {reason}")]
    Fault {
        /// What happened.
        reason: String,
    },
}

impl EngineError {
    /// The class in which the chain's runtime reports it.
    pub fn class(&self) -> ErrorClass {
        match self {
            EngineError::Refused { class, .. } => *class,
            EngineError::Fault { .. } | EngineError::Memory { .. } | EngineError::Late => ErrorClass::Runtime,
        }
    }
}

/// What was being done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Reading, checking and preparing it.
    Load,
    /// Running it.
    Run,
    /// Counting its operations.
    Price,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Doing::Load => "load",
            Doing::Run => "run",
            Doing::Price => "price",
        })
    }
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// A hash is not 40 hexadecimal digits.
    #[error("read {what} hash: expected 40 hexadecimal digits")]
    Hash {
        /// Whose.
        what: &'static str,
    },
    /// A file of the storage cannot be read.
    #[error("read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A path of the storage is not a regular file.
    #[error("read {}: is not a regular file", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// A file is longer than the chain says.
    #[error("read {}: {found} bytes, the chain says at most {max}", path.display())]
    FileSize {
        /// Which.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The most it may have.
        max: u64,
    },
    /// An input file is not an array the node reads.
    #[error("read input: {0}")]
    Array(#[from] crate::npy::ArrayError),
    /// An input has too few bytes.
    #[error("read input: {found} bytes, the model takes {expected}")]
    InputLength {
        /// What the model takes.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// Loading the model would take more memory than allowed.
    #[error("load model {model}: needs {needed} bytes of memory, {allowed} are allowed")]
    Memory {
        /// Which.
        model: InfoHash,
        /// An upper bound of what it needs.
        needed: u64,
        /// The budget.
        allowed: u64,
    },
    /// The model cannot be loaded or run.
    #[error("{doing} model {model}")]
    Engine {
        /// What was being done.
        doing: Doing,
        /// Which.
        model: InfoHash,
        /// Why.
        #[source]
        source: EngineError,
    },
}

impl InferError {
    /// What the node is told.
    ///
    /// When executing, a node tells only an unreadable input array (logic) from everything else
    /// (runtime); when asked for gas it passes the runtime's own class on.
    ///
    /// **Source.** CortexTheseus 5c9b016f6, `inference/synapse`: `infer`, `getGasByInfoHashWithSize`.
    pub fn class(&self) -> ErrorClass {
        match self {
            InferError::Array(_) => ErrorClass::Logic,
            InferError::Engine { doing: Doing::Price, source, .. } => source.class(),
            _ => ErrorClass::Runtime,
        }
    }
}
