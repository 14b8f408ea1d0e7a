//! Proofs of the hardware primitives: for all inputs, at all times, by Yosys and an SMT solver.
//!
//! A [`Proof`] is a small design: the block's own logic, ghost registers that watch it, and the
//! sentences that must hold. Its emitted Verilog, with `FORMAL` defined, is what is proved, so the
//! emitter is under proof as well. Each proof carries [`Mutant`]s, planted bugs that must make it
//! fail, and cover points that must be reachable, so that no proof holds for want of a case.
//!
//! `cargo run -p myelin-formal -- setup` installs the solver, `... -- prove` runs all.

mod proof;
mod proofs;
mod run;
mod table;
mod tools;
mod watch;

pub use proof::{Method, Mutant, Proof};
pub use proofs::all;
pub use run::{Outcome, Verdict, prove, prove_mutant, verilog_of};
pub use table::{markdown, sentences, text};
pub use tools::{ToolError, Tools, set_up};
