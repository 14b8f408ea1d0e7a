//! One stimulus, several engines, every output compared in every cycle.
//!
//! ```no_run
//! use myelin_conformance::cosim::{Engine, Trace, cosimulate};
//! # fn design() -> myelin_hdl::Design { unimplemented!() }
//! let design = design();
//! // Two cycles in reset, then a hundred of one input counting up.
//! let mut trace = Trace::in_reset(&design, 2);
//! (0..100).for_each(|count| trace.push(vec![count]));
//! cosimulate(&design, &trace, &[Engine::Interpreted, Engine::Icarus, Engine::Verilator])?;
//! # Ok::<(), myelin_conformance::cosim::CosimError>(())
//! ```
//!
//! **A cycle.** Reset and inputs are set, everything settles, all outputs are noted, and then the
//! clock rises once. After the last cycle all registers are noted, but for Verilator, which may have
//! none of them left.
//!
//! **Power-up.** Every engine starts from the same state: registers and the registers of
//! synchronous read ports hold 0 (whatever their reset value), memories their stated contents or 0. So
//! outputs are compared from the first cycle on and no bit is exempt. The emitted Verilog states no
//! such thing and is not changed for it: our simulator is poked, the bench for Icarus deposits the
//! zeros through hierarchical names at time 0, Verilator is told `--x-initial 0`. What this cannot
//! show: how a design behaves from unknown state; the simulator's random power-up is for that.
//!
//! **Unknown values.** An `x` or `z` under Icarus is never equal to anything. None can arise from
//! state, so one that shows is a defect of the emitter.

mod engine;
mod error;
mod icarus;
mod ours;
mod registers;
mod trace;
mod verilator;
pub(crate) mod work;

pub use engine::{Engine, cosimulate, response};
pub use error::{CosimError, Disagreement};
pub use trace::{Cycle, Reset, Response, Trace, compare};
pub use verilator::{CxxOptimisation, Verilated};
