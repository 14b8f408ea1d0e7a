//! Verilator: found or installed, its models built, run beside ours and asked for times.

mod model;
mod program;
mod tool;

pub use model::{Model, Ports, Style, Text};
pub use program::Program;
pub use tool::{VERSION, Verilator};
