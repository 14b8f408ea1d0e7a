//! RAM on the bus, with contents at power-up.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `bus_*` | | subordinate end; addresses count bytes and wrap at the size |
//!
//! **Timing.** Ready in the cycle after valid, reads and writes; two later, with registers before and behind the blocks, where the bus'
//! paths are cut both ways: they are spread over the part.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, Signal, SinglePort, concat, module, u};

use super::{Answer, Cut, Request};

/// Address bits of a RAM of so many bytes.
pub fn address_bits(bytes: u32) -> u32 {
    bytes.trailing_zeros()
}

/// Builds a RAM of `bytes` bytes, a power of two of 8 or more, that begins with `contents` and goes on with zeros, on a bus whose
/// paths are cut so.
///
/// # Panics
/// If the size is not such a number or the contents are longer.
pub fn ram(name: &str, bytes: u32, contents: &[u8], cut: Cut) -> Arc<Module> {
    assert!(bytes.is_power_of_two() && bytes >= 8, "RAM of {bytes} bytes: expected a power of two from 8");
    assert!(contents.len() <= bytes as usize, "{} bytes do not fit a RAM of {bytes}", contents.len());
    module(name, |m| {
        m.doc("RAM on the bus, byte by byte.");
        let request = Request::input(m, "bus", address_bits(bytes));
        let answered = m.register("answered_q", u(1)).reset(0);
        let access = match cut {
            Cut::Requests => {
                let access = (request.valid & !answered.q).named("access");
                answered.next(access);
                access
            }
            Cut::Both => {
                let under_way = ["accessing_0_q", "accessing_1_q"].map(|name| m.register(name, u(1)).reset(0));
                let [first, second] = under_way.map(|register| register.q);
                let access = (request.valid & !first & !second & !answered.q).named("access");
                for (register, before) in under_way.into_iter().chain([answered]).zip([access, first, second]) {
                    register.next(before);
                }
                first
            }
        };
        let words = m.memory("words", bytes as usize / 4, 4, u(8)).style(MemoryStyle::Block);
        if !contents.is_empty() {
            let byte = |index: usize| i64::from(contents.get(index).copied().unwrap_or(0));
            words.init(&(0..bytes as usize).map(byte).collect::<Vec<i64>>());
        }
        // Where the paths are cut, an access reaches the blocks a cycle later.
        let late = |name: &str, value: Signal| match cut {
            Cut::Requests => value,
            Cut::Both => m.delay(name, value),
        };
        let address = late("address_q", request.address);
        let enables: Vec<_> = late("enables_q", request.enables).bits();
        let written = late("data_q", request.data);
        let data: Vec<_> = (0..4).map(|byte| written.slice(8 * byte, 8)).collect();
        let read = words.single_port(SinglePort {
            address: address.slice(2, address_bits(bytes) - 2),
            enable: access,
            write: late("write_q", request.write),
            lane_enables: Some(&enables),
            data: &data,
        });
        let read = concat(&[read[3], read[2], read[1], read[0]]);
        let data = match cut {
            Cut::Requests => read,
            Cut::Both => m.delay("read_q", read),
        };
        Answer { ready: answered.q, data }.output(m, "bus");
    })
}
