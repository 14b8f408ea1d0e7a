//! The core in our simulator beside the model, retirement by retirement.

mod bench;
mod divergence;
mod ports;
mod run;

pub use bench::{Asked, Bench, Purpose, Reply, extensions};
pub use divergence::{Divergence, Mismatch};
pub use run::{Case, Summary, run};
