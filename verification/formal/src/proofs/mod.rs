//! The proofs, one file for each block.

mod barrier;
mod block_fifo;
mod bus_arbiter;
mod convolution;
mod counter_store;
mod cpu;
mod fifo;
mod look_up_table;
mod loop_nest;
mod network;
mod packing;
mod post_lane;
mod reserved_fifo;
mod rows;
mod skid_buffer;
mod tokens;

use crate::proof::Proof;

/// All proofs, in the order of the table.
pub fn all() -> Vec<Proof> {
    [
        fifo::proofs(),
        block_fifo::proofs(),
        reserved_fifo::proofs(),
        skid_buffer::proofs(),
        tokens::proofs(),
        loop_nest::proofs(),
        barrier::proofs(),
        convolution::proofs(),
        rows::proofs(),
        post_lane::proofs(),
        look_up_table::proofs(),
        packing::proofs(),
        cpu::proofs(),
        counter_store::proofs(),
        network::proofs(),
        bus_arbiter::proofs(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
