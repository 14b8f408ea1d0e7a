//! Activation scratchpad: two interleaved banks, so that any stretch of lanes is one access.
//!
//! ```text
//!  array_address -->+-----------------+--> array_k      (rows lanes)
//!  port_address  -->| bank 0 | bank 1 |--> port_k       (all lanes)
//!  write_*       -->+-----------------+
//! ```
//!
//! Lane address `a` lies in word `a / lanes`; even words are in bank 0, odd words in bank 1. A
//! stretch of up to `lanes` lanes from any `a` touches two neighbouring words, one in each bank.
//! Addresses wrap at the end of the scratchpad.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `array_read_i`, `array_address_i` | 1, address | the array unit's read port |
//! | `array_<k>_o` | `bits` | lane `address + k`, k < `rows` |
//! | `port_read_i`, `port_address_i` | 1, address | the read port shared by post and store unit |
//! | `port_<k>_o` | `bits` | lane `address + k`, k < `lanes` |
//! | `write_valid_i`, `write_address_i`, `write_count_i` | 1, address, log2 lanes + 1 | write `count` lanes from `address` on |
//! | `write_<k>_i` | `bits` | lane `address + k`, k < `lanes` |
//!
//! **Timing.** Reads: data [`READ_LATENCY`] cycles after the address, one access per cycle and port.
//! Writes: visible to reads that start [`WRITE_LATENCY`] cycles later or more.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, module, u};
use myelin_isa::Architecture;

use super::pe::operand_ty;
use crate::prim::{bundle, lanes as rotate};

/// Cycles from an address to its data.
pub const READ_LATENCY: usize = 3;
/// Cycles from a write to the first read that sees it.
pub const WRITE_LATENCY: usize = 3;

/// Bits of a lane address.
pub fn address_width(architecture: &Architecture) -> u32 {
    architecture.activation_lanes().trailing_zeros()
}

/// Builds the scratchpad.
pub fn scratchpad(architecture: &Architecture) -> Arc<Module> {
    let lanes = architecture.lanes() as usize;
    let lane_bits = architecture.lanes().trailing_zeros();
    let address_ty = u(address_width(architecture));
    let operand = operand_ty(architecture);
    let bank_depth = architecture.activation_lanes() as usize / (2 * lanes);
    module("scratchpad", |m| {
        m.doc("Activation scratchpad: any stretch of lanes in one access, from two interleaved banks.");
        let array_read = m.input("array_read_i", u(1));
        let array_address = m.input("array_address_i", address_ty);
        let port_read = m.input("port_read_i", u(1));
        let port_address = m.input("port_address_i", address_ty);
        let write_valid = m.input("write_valid_i", u(1));
        let write_address = m.input("write_address_i", address_ty);
        let write_count = m.input("write_count_i", u(lane_bits + 1));
        let write = bundle::inputs(m, "write", lanes, operand);

        let banks = [0, 1].map(|bank| {
            m.memory(&format!("bank_{bank}"), bank_depth, lanes, operand)
                .style(MemoryStyle::Block)
                .collisions_are_unused()
        });
        // Word w and w + 1: the even one of them is in bank 0.
        let bank_addresses = |address: Signal| {
            let pair = address.slice(lane_bits + 1, address.width() - lane_bits - 1);
            [pair.wrapping_add(address.bit(lane_bits)), pair]
        };
        let read = |name: &str, enable: Signal, address: Signal, wanted: usize| {
            let [even, odd] = bank_addresses(address);
            let words = [banks[0].read(even, enable), banks[1].read(odd, enable)].concat();
            // A register behind block RAM, which takes half of a cycle of an ECP5.
            let words: Vec<Signal> =
                words.iter().enumerate().map(|(k, &lane)| m.delay(&format!("{name}_word_{k}_q"), lane)).collect();
            let position = m.delay_by(&format!("{name}_position"), address.slice(0, lane_bits + 1), 2);
            let aligned = rotate::take_from(&words, position, wanted);
            let held: Vec<Signal> =
                aligned.iter().enumerate().map(|(k, &lane)| m.delay(&format!("{name}_{k}_q"), lane)).collect();
            bundle::outputs(m, name, &held);
        };
        read("array", array_read, array_address, architecture.rows() as usize);
        read("port", port_read, port_address, lanes);

        // The lanes come from a multiplexer behind block RAM: a register before they are moved to their place.
        let accepted = m.register("accepted_q", u(1)).reset(0);
        accepted.next(write_valid);
        let valid = m.register("write_valid_q", u(1)).reset(0);
        valid.next(accepted.q);
        let write: Vec<Signal> =
            write.iter().enumerate().map(|(k, &lane)| m.delay(&format!("accepted_{k}_q"), lane)).collect();
        let write_address = m.delay("accepted_address_q", write_address);
        let write_count = m.delay("accepted_count_q", write_count);
        let position = write_address.slice(0, lane_bits + 1);
        let placed = rotate::place_at(&write, position);
        let [even, odd] = bank_addresses(write_address).map(|address| address.named("write_bank_address"));
        for (bank, address) in [(0, even), (1, odd)] {
            let mut data = Vec::new();
            let mut enables = Vec::new();
            for lane in 0..lanes {
                let at = bank * lanes + lane;
                data.push(m.delay(&format!("write_{at}_q"), placed[at]));
                // Distance of this position from the first lane written, modulo both words.
                let distance = m.constant(u(lane_bits + 1), at as i64).wrapping_sub(position);
                enables.push(m.delay(&format!("write_enable_{at}_q"), distance.lt(write_count)));
            }
            let address = m.delay(&format!("write_address_{bank}_q"), address);
            banks[bank].write_lanes(address, valid.q, &enables, &data);
        }
    })
}
