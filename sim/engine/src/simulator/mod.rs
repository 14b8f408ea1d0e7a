//! The front: what a user of the simulator holds.

mod build;
mod debug;
mod run;
mod state;

pub use build::{Builder, Engine, PowerUp};
pub use debug::Cover;
pub use run::{Input, Output, OutputSet, Simulator};
pub use state::{MemoryHandle, RegisterHandle};
