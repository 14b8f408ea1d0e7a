//! Compiles a design to native code and simulates it cycle by cycle.
//!
//! A [`Simulator`] is made from a [`myelin_hdl::Design`]. Values move through typed handles that
//! are looked up once by name; a step is one rising edge of the clock.
//!
//! ```
//! use myelin_hdl::{Design, module, u};
//! use myelin_sim::Simulator;
//!
//! let counter = module("counter", |m| {
//!     let enable = m.input("enable_i", u(1));
//!     let count = m.register("count_q", u(8)).reset(0);
//!     count.next_when(enable, count.q.wrapping_add(1));
//!     m.output("count_o", count.q);
//! });
//! let mut sim = Simulator::new(&Design::new(counter)?)?;
//! let (enable, count) = (sim.input("enable_i")?, sim.output("count_o")?);
//! sim.reset(1)?;
//! sim.poke(enable, 1);
//! sim.steps(300)?;
//! assert_eq!(sim.peek(count), 300 % 256);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Time.** `poke` sets inputs for the coming edge; `peek` shows outputs as they settle with the
//! present inputs and state; [`Simulator::step`] is the edge: everything samples what was there
//! before it.
//!
//! **Checks.** Assertions and assumptions are evaluated at every edge out of reset, and a failure
//! is an error of that step; covers are counted.
//!
//! **Debugging.** [`Simulator::trace`] writes VCD or FST of chosen scopes and cycles;
//! [`Simulator::keep_failure_waves`] writes the cycles before a failing check, and its error names
//! the file; [`Simulator::cover_toggles`] and [`Simulator::coverage`] report what a run has not met;
//! [`Simulator::checkpoint`], [`Simulator::restore`] and [`Simulator::fork`] go back and try again;
//! [`find_missing_resets`] compares two power-up states. What is not asked for costs nothing.
//!
//! **Engines.** [`Engine::Compiled`] is native code; [`Engine::Interpreted`] evaluates the IR node
//! by node as its definition reads, and is what the compiled one is judged by.

#![allow(clippy::result_large_err, reason = "a failed check carries where and when, and ends a run: it is rare")]

mod aot;
mod buffer;
mod checkpoint;
mod compiled;
mod coverage;
mod engine;
mod error;
mod hierarchy;
mod interpret;
mod native;
mod observe;
mod plan;
mod power_up;
pub mod random;
mod recorder;
mod samples;
mod simulator;
mod toggles;
mod wave;

pub use checkpoint::Checkpoint;
pub use coverage::{Coverage, RegisterToggles};
pub use error::{CheckFailure, FailureWaves, SimError};
pub use power_up::{MissingResets, PowerUpDifference, ResetSearch, find_missing_resets};
pub use recorder::FailureTrace;
pub use simulator::{
    Builder, Cover, Engine, Input, MemoryHandle, Output, OutputSet, PowerUp, RegisterHandle, Simulator,
};
pub use wave::{WaveFormat, Waves};
