//! Virtual boards: simulated designs behind the links a real board has.

mod card;
mod control;
mod port;
mod trimmer;

pub use card::{SimulatedCell, SimulationOptions};
pub use trimmer::SimulatedTrimmer;
