//! Bias memory: one 32-bit bias for each column in a word.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `read_i`, `address_i` | 1, address | read one word; it stays at the outputs until the next read |
//! | `bias_<c>_o` | s32 | one cycle later |
//! | `write_valid_i`, `write_address_i`, `write_part_i` | 1, address, [`PART_WIDTH`] | write the part of a word that a memory beat is |
//! | `write_<k>_i` | u8 | the bytes of one memory beat: `lanes / 4` little-endian values |

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, concat, module, s, u};
use myelin_isa::Architecture;

use super::load_unit::PART_WIDTH;
use crate::prim::bundle;

/// Bits of a word address.
pub fn address_width(architecture: &Architecture) -> u32 {
    architecture.bias_words().trailing_zeros()
}

/// Builds the store.
pub fn bias_store(architecture: &Architecture) -> Arc<Module> {
    let (columns, lanes) = (architecture.columns() as usize, architecture.lanes() as usize);
    let address_ty = u(address_width(architecture));
    module("bias_store", |m| {
        m.doc("Bias memory: one 32-bit bias per column in a word, written a memory beat at a time.");
        let read = m.input("read_i", u(1));
        let address = m.input("address_i", address_ty);
        let write_valid = m.input("write_valid_i", u(1));
        let write_address = m.input("write_address_i", address_ty);
        let write_part = m.input("write_part_i", u(PART_WIDTH));
        let write = bundle::inputs(m, "write", lanes, u(8));

        let values: Vec<Signal> =
            (write.chunks(4)).map(|bytes| concat(&[bytes[3], bytes[2], bytes[1], bytes[0]]).cast(s(32))).collect();
        let per_beat = lanes / 4;
        let data: Vec<Signal> = (0..columns).map(|column| values[column % per_beat]).collect();
        let enables: Vec<Signal> = (0..columns).map(|column| write_part.eq((column / per_beat) as i64)).collect();
        let words = m
            .memory("words", architecture.bias_words() as usize, columns, s(32))
            .style(MemoryStyle::Block)
            .collisions_are_unused();
        words.write_lanes(write_address, write_valid, &enables, &data);
        bundle::outputs(m, "bias", &words.read(address, read));
    })
}
