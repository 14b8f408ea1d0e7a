//! The Verilog emitter: one readable Verilog-2005 module per distinct body.
//!
//! The text is made for people and for tools alike: declared names are kept, every operation is one
//! explicitly sized temporary, and nothing relies on Verilog's context-dependent widths and signs.
//! It is free of warnings in Verilator (`--lint-only -Wall`), Icarus (`-Wall`) and Yosys, and equal
//! designs always give equal text.
//!
//! **State.** Every register, memory, read register (`<memory>_read<port>_q`) and instance appears
//! under its own name, so that a test bench can reach it; what nobody reads is gathered in a wire
//! whose name starts with `unused`.
//!
//! **Checks.** Assertions, assumptions and covers stand under `` `ifdef FORMAL`` with their names as
//! labels; [`Options::simulation_checks`] adds them as run-time errors for simulators.

mod body;
mod checks;
mod emit;
mod live;
mod names;
mod signals;
mod state;
mod text;
mod values;

pub use emit::{Options, SimulationChecks, SourceComments, VerilogFile, emit, emit_single, emit_with, write_files};
pub use names::{is_reserved, memory_read_names};
