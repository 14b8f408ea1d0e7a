//! How long the edge-trimming core takes: a model that is equal to the hardware, cycle by cycle, for
//! graphs that can be trimmed in software, and what follows from it for boards and larger graphs.

pub mod board;
pub mod estimate;
pub mod model;
