//! Our simulator against the newest Verilator, both measured in one run, outputs compared.
//!
//! `cargo run --release -p myelin-bench` prints the table.

pub mod child;
pub mod clock;
pub mod designs;
mod error;
pub mod measure;
pub mod picture;
pub mod report;
pub mod rows;
pub mod subject;
pub mod verilator;

use std::path::PathBuf;

pub use error::BenchError;

/// Where everything that is made goes: the workspace's `target`.
pub fn target_folder() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target"));
    folder.canonicalize().unwrap_or(folder)
}
