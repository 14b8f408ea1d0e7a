//! Weight scratchpad: one bank for each block of array rows, read in step with the array's skew.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `read_i`, `address_i` | 1, address | read one word (a row of weights for every block) |
//! | `weight_<b>_<c>_o` | `bits` | block b, column c; [`READ_LATENCY`]` + b * weight_steps` cycles after the address |
//! | `write_valid_i`, `write_address_i`, `write_part_i` | 1, address, [`PART_WIDTH`] | write the banks of one memory beat |
//! | `write_<n>_<c>_i` | `bits` | the n-th bank of that beat, column c |
//!
//! **Timing.** One word per cycle. Delaying a bank's address instead of its data keeps the skew
//! down to one address per block.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, module, u};
use myelin_isa::Architecture;

use super::load_unit::PART_WIDTH;
use super::pe::operand_ty;
use crate::prim::bundle;

/// Cycles from an address to block 0's weights.
pub const READ_LATENCY: usize = 3;

/// Bits of a word address.
pub fn address_width(architecture: &Architecture) -> u32 {
    architecture.weight_words().trailing_zeros()
}

/// Builds the store.
pub fn weight_store(architecture: &Architecture) -> Arc<Module> {
    let (columns, steps) = (architecture.columns() as usize, architecture.weight_steps() as usize);
    let operand = operand_ty(architecture);
    let address_ty = u(address_width(architecture));
    module("weight_store", |m| {
        m.doc("Weight scratchpad: one bank per block of array rows, each read one skew later than the one above.");
        let read = m.input("read_i", u(1));
        let address = m.input("address_i", address_ty);
        let write_valid = m.input("write_valid_i", u(1));
        let write_address = m.input("write_address_i", address_ty);
        let write_part = m.input("write_part_i", u(PART_WIDTH));
        let per_beat = architecture.weight_banks_per_beat() as usize;
        let write: Vec<Vec<Signal>> =
            (0..per_beat).map(|bank| bundle::inputs(m, &format!("write_{bank}"), columns, operand)).collect();

        let first_read = m.register("first_read_q", u(1)).reset(0);
        first_read.next(read);
        let (mut read, mut address) = (first_read.q, m.delay("first_address_q", address));
        for block in 0..architecture.weight_ports() as usize {
            let bank = m.memory(&format!("bank_{block}"), architecture.weight_words() as usize, columns, operand);
            let written = write_valid & write_part.eq((block / per_beat) as i64);
            bank.style(MemoryStyle::Block).collisions_are_unused().write(
                write_address,
                written,
                &write[block % per_beat],
            );
            let weights: Vec<Signal> = (bank.read(address, read).iter().enumerate())
                .map(|(column, &weight)| m.delay(&format!("weight_{block}_{column}_q"), weight))
                .collect();
            bundle::outputs(m, &format!("weight_{block}"), &weights);
            if block + 1 < architecture.weight_ports() as usize {
                read = m.delay_by(&format!("read_{block}"), read, steps);
                address = m.delay_by(&format!("address_{block}"), address, steps);
            }
        }
    })
}
