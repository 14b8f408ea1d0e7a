//! Virtual boards: simulated designs behind the links a real board has.

mod cell;

pub use cell::{MEMORY_LATENCY_CYCLES, SimulatedCell, SimulationOptions};
