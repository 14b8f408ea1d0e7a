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
//! **Engines.** [`Engine::Compiled`] is native code; [`Engine::Interpreted`] evaluates the IR node
//! by node as its definition reads, and is what the compiled one is judged by.

mod checkpoint;
mod compiled;
mod engine;
mod error;
mod hierarchy;
mod interpret;
mod native;
mod plan;
pub mod random;
mod simulator;
mod wave;

pub use checkpoint::Checkpoint;
pub use error::{CheckFailure, SimError};
pub use simulator::{Builder, Cover, Engine, Input, MemoryHandle, Output, PowerUp, RegisterHandle, Simulator};
