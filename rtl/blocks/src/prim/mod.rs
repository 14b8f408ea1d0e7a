//! Primitives shared by all cores.

pub mod block_fifo;
pub mod bundle;
pub mod fifo;
pub mod lanes;
pub mod loop_nest;
pub mod skid_buffer;
