//! The core's blocks as state machines in software: every queue, switch, lane and bank, without the
//! hashes, whose results are given. What it answers is what the hardware counts.

mod bank;
mod lane;
mod machine;
mod network;
mod sequencer;

pub use machine::{Modelled, run};

/// An edge on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// What is counted here: a key.
    pub(crate) key: u32,
    /// The key on the other side.
    pub(crate) other: u32,
    pub(crate) edge: u32,
    /// Onward: it stays, and is not just sent to clear.
    pub(crate) stays: bool,
}
