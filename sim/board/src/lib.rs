//! Virtual boards: simulated designs behind the links a real board has.

mod card;
mod control;
mod port;

pub use card::{SimulatedCell, SimulationOptions};
