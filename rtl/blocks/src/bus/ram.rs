//! RAM on the bus, with contents at power-up.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `bus_*` | | subordinate end; addresses count bytes and wrap at the size |
//!
//! **Timing.** Ready in the cycle after valid, reads and writes.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, SinglePort, concat, module, u};

use super::{Answer, Request};

/// Address bits of a RAM of so many bytes.
pub fn address_bits(bytes: u32) -> u32 {
    bytes.trailing_zeros()
}

/// Builds a RAM of `bytes` bytes, a power of two of 8 or more, that begins with `contents` and goes on with zeros.
///
/// # Panics
/// If the size is not such a number or the contents are longer.
pub fn ram(name: &str, bytes: u32, contents: &[u8]) -> Arc<Module> {
    assert!(bytes.is_power_of_two() && bytes >= 8, "RAM of {bytes} bytes: expected a power of two from 8");
    assert!(contents.len() <= bytes as usize, "{} bytes do not fit a RAM of {bytes}", contents.len());
    module(name, |m| {
        m.doc("RAM on the bus, byte by byte.");
        let request = Request::input(m, "bus", address_bits(bytes));
        let answered = m.register("answered_q", u(1)).reset(0);
        let access = (request.valid & !answered.q).named("access");
        answered.next(access);
        let words = m.memory("words", bytes as usize / 4, 4, u(8)).style(MemoryStyle::Block);
        if !contents.is_empty() {
            let byte = |index: usize| i64::from(contents.get(index).copied().unwrap_or(0));
            words.init(&(0..bytes as usize).map(byte).collect::<Vec<i64>>());
        }
        let enables: Vec<_> = request.enables.bits();
        let data: Vec<_> = (0..4).map(|byte| request.data.slice(8 * byte, 8)).collect();
        let read = words.single_port(SinglePort {
            address: request.address.slice(2, address_bits(bytes) - 2),
            enable: access,
            write: request.write,
            lane_enables: Some(&enables),
            data: &data,
        });
        Answer { ready: answered.q, data: concat(&[read[3], read[2], read[1], read[0]]) }.output(m, "bus");
    })
}
