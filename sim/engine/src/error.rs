//! What can go wrong: making a simulator, finding a name, and checks of the design itself.

use std::fmt;
use std::path::PathBuf;

use myelin_hdl::{CheckKind, SourceLocation};

/// Why a simulator cannot be made or a thing in it not be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// No port, register, memory or scope of this name.
    #[error("find {kind} {name:?} in {scope}: there is {available}")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// The name given.
        name: String,
        /// Where the search ended.
        scope: String,
        /// What is there instead, as a list.
        available: String,
    },
    /// A checkpoint of another design.
    #[error("restore checkpoint: it was taken of design {found}, this is {expected}")]
    OtherDesign {
        /// Digest of the simulated design.
        expected: String,
        /// Digest in the checkpoint.
        found: String,
    },
    /// The native code generator refused.
    #[error("compile {design} to native code: {reason}")]
    Codegen {
        /// Name of the top module.
        design: String,
        /// What the generator said.
        reason: String,
    },
    /// A wave file could not be written.
    #[error("write waves")]
    Wave(#[from] std::io::Error),
    /// A check failed while the simulator was stepped.
    #[error(transparent)]
    Check(#[from] CheckFailure),
}

impl SimError {
    pub(crate) fn not_found<'a>(
        kind: &'static str,
        name: &str,
        scope: &str,
        available: impl Iterator<Item = &'a str>,
    ) -> SimError {
        /// Names listed before the list is cut.
        const LISTED: usize = 64;
        let mut names: Vec<&str> = available.take(LISTED + 1).collect();
        if names.len() > LISTED {
            names[LISTED] = "...";
        }
        let available = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        SimError::NotFound { kind, name: name.to_owned(), scope: scope.to_owned(), available }
    }
}

/// An assertion or assumption that did not hold at a rising edge.
///
/// The edge itself has happened: registers and memories hold what they took at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFailure {
    /// Assertion or assumption.
    pub kind: CheckKind,
    /// The sentence it states.
    pub name: String,
    /// Path of the instance it stands in, the top module's name first.
    pub path: String,
    /// Rising edges before the failing one.
    pub cycle: u64,
    /// Where it was written.
    pub location: SourceLocation,
    /// The cycles before it.
    pub waves: Box<FailureWaves>,
}

/// What became of the waves around a failing check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureWaves {
    /// Not asked for, or an earlier failure has them.
    NotKept,
    /// They are in a file, and what the failing edge made of it with them.
    Written {
        /// Which.
        path: PathBuf,
        /// The first cycle shown.
        first_cycle: u64,
        /// The failing cycle.
        last_cycle: u64,
    },
    /// They were asked for, and the file could not be written.
    NotWritten {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            CheckKind::Assert => "assertion",
            CheckKind::Assume => "assumption",
            CheckKind::Cover => "cover",
        };
        let CheckFailure { name, path, cycle, location, .. } = self;
        write!(f, "{kind} {path}.{name} failed at cycle {cycle} ({}:{})", location.file, location.line)?;
        match &*self.waves {
            FailureWaves::NotKept => Ok(()),
            FailureWaves::Written { path, first_cycle, last_cycle } => {
                write!(f, "; waves of cycles {first_cycle} to {last_cycle} are in {}", path.display())
            }
            FailureWaves::NotWritten { path, reason } => {
                write!(f, "; waves could not be written to {}: {reason}", path.display())
            }
        }
    }
}

impl std::error::Error for CheckFailure {}
