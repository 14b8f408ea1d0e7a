//! Primitives shared by all cores.

pub mod block_fifo;
pub mod bundle;
pub mod fifo;
pub mod lanes;
pub mod level;
pub mod loop_nest;
pub mod reserved_fifo;
pub mod skid_buffer;
