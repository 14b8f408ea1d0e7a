//! Writing waves, as VCD or FST.
//!
//! Cycle `n` is shown from time `10 n` to `10 n + 10`: the clock rises at `10 n` (the edge that
//! ends cycle `n - 1`) and falls at `10 n + 5`, and everything shows the value it had settled to
//! when the next edge sampled it.
//!
//! Nothing is looked at value by value until it has changed: an engine copies its watched lines
//! ([`crate::samples`]), [`changes`] finds what differs in 64 cycles of a line at once, and a format
//! writes what has.

mod changes;
mod format;
mod fst;
mod growing;
mod outline;
mod request;
mod tracer;
mod vcd;

pub(crate) use self::outline::stem;
pub use self::request::{WaveFormat, Waves};
pub(crate) use self::tracer::Wave;
