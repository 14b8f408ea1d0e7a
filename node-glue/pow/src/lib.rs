//! A miner's side of a node and of a pool.
//!
//! ```text
//!  pool  <--stratum-->  client/  --jobs-->   Board   --->  one thread a device: GraphSolver
//!  node  <--getWork-->           <--shares-- golden judges every proof  <---'
//! ```
//! [`Work`] is what chain and pool ask for; the [`Board`] holds the newest and tells devices when theirs
//! is of no more use; each device walks its own part of the nonces. A proof leaves only if
//! `myelin_golden` says that it is one and that it reaches the target. The [`Miner`] has it all on
//! threads of its own, keeps the connection, and counts in [`Statistics`].
//!
//! Whatever a pool sends can at worst end its connection: lines and bodies have a longest length, every
//! wait has a deadline, and what makes no sense is counted and ends the connection when it goes on.

mod backoff;
mod board;
mod client;
mod endpoint;
mod error;
mod miner;
mod nonce;
mod service;
mod solver;
mod statistics;
mod trimmer;
pub mod wire;
mod work;
mod worker;

pub use board::{Board, Lease, Posted};
pub use client::{Account, Timing};
pub use endpoint::{Endpoint, EndpointError, Transport};
pub use error::{MineError, PoolError, SolveError};
pub use miner::{Device, Miner, MinerConfig, Until};
pub use nonce::Nonces;
pub use solver::{CpuSolver, GraphSolver};
pub use statistics::{DeviceReport, JobReport, Outcome, PoolReport, Report, Statistics};
pub use trimmer::TrimmerSolver;
pub use work::{Chain, Job, Judgement, Methods, Rules, Share, Work};
