//! The card: cells that share a host port, a barrier, and (outside) memory.
//!
//! ```text
//!              +---------+     +--------+ <-> memory port 0
//!  host port ->| control |---->| cell 0 |
//!              |         |     +--------+
//!  interrupt <-| barrier |<--->| cell 1 | <-> memory port 1
//!              +---------+     +--------+ ...
//! ```
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `host_write_valid_i`, `host_write_address_i`, `host_write_data_i` | 1, [`address_width`], 32 | write a register |
//! | `host_read_valid_i`, `host_read_address_i`, `host_read_data_o` | 1, [`address_width`], 32 | read one; data in the next cycle |
//! | `interrupt_o` | 1 | a cell trapped, or all halted |
//! | `cell_<k>_request_*`, `cell_<k>_response_*`, `cell_<k>_store_*` | | memory port of cell k, as in [`super::cell`] |
//!
//! **Registers.** A window of [`register::END`] bytes for each cell, cell 0 first, and one more: a write
//! there goes to all cells in the same cycle, a read is 0. A write to START there clears the barrier.
//!
//! **Timing.** The card adds no cycle between host port and cells; an arrival of the last cell lets all
//! pass [`barrier::LATENCY`] cycles later.

use std::sync::Arc;

use myelin_hdl::{Module, Signal, choose, module, tree_reduce, u};
use myelin_isa::{Architecture, register};

use super::{barrier, cell, host_port};
use crate::prim::bundle;

/// Name of the top module.
pub const NAME: &str = "tensor_card";

/// The module that is the whole device: the card, or the plain cell where there is one.
pub fn top(architecture: &Architecture) -> Arc<Module> {
    if architecture.cells() == 1 { cell::cell(architecture) } else { card(architecture) }
}

/// Bits of a byte address: all windows.
pub fn address_width(architecture: &Architecture) -> u32 {
    let windows = if architecture.cells() == 1 { 1 } else { architecture.cells() + 1 };
    host_port::ADDRESS_WIDTH + windows.next_power_of_two().trailing_zeros()
}

/// Builds what all cells share: which window an access is for, the barrier, and the interrupt.
///
/// | port | width | meaning |
/// |---|---|---|
/// | `host_*_i`, `host_read_data_o`, `interrupt_o` | | as of the card |
/// | `write_valid_<k>_o`, `read_valid_<k>_o` | 1 | the access is for cell k |
/// | `read_data_<k>_i` | 32 | what cell k answers in the next cycle |
/// | `stopped_<k>_i`, `trapped_<k>_i` | 1 | cell k has halted or trapped; has trapped |
/// | `arrive_<k>_i`, `barrier_o` | 1 | barrier |
pub fn control(architecture: &Architecture) -> Arc<Module> {
    let cells = architecture.cells();
    let width = address_width(architecture);
    module("card_control", |m| {
        m.doc("What the cells of a card share: host port, barrier, interrupt.");
        let write_valid = m.input("host_write_valid_i", u(1));
        let write_address = m.input("host_write_address_i", u(width));
        let read_valid = m.input("host_read_valid_i", u(1));
        let read_address = m.input("host_read_address_i", u(width));
        let read_data = bundle::inputs(m, "read_data", cells as usize, u(32));
        let stopped = bundle::inputs(m, "stopped", cells as usize, u(1));
        let trapped = bundle::inputs(m, "trapped", cells as usize, u(1));
        let arrive = bundle::inputs(m, "arrive", cells as usize, u(1));

        let window = |address: Signal| address.slice(host_port::ADDRESS_WIDTH, width - host_port::ADDRESS_WIDTH);
        let (write_window, read_window) = (window(write_address), window(read_address));
        let to_all = write_window.eq(i64::from(cells)).named("to_all");
        let mut data = choose(m.constant(u(32), 0));
        for (cell, &value) in read_data.iter().enumerate() {
            let (number, name) = (cell as i64, format!("from_{cell}_q"));
            m.output(&format!("write_valid_{cell}_o"), write_valid & (to_all | write_window.eq(number)));
            let read = (read_valid & read_window.eq(number)).named(&format!("read_{cell}"));
            m.output(&format!("read_valid_{cell}_o"), read);
            let from = m.register(&name, u(1)).reset(0);
            from.next_when(read_valid, read);
            data = data.when(from.q, value);
        }
        let barrier = m.instance("barrier", &barrier::barrier(cells));
        bundle::connect(&barrier, "arrive", &arrive);
        let register = write_address.slice(0, host_port::ADDRESS_WIDTH);
        barrier.input("clear_i", write_valid & to_all & register.eq(i64::from(register::START)));

        m.output("host_read_data_o", data.end());
        m.output("barrier_o", barrier.output("barrier_o"));
        let any_trapped = tree_reduce(&trapped, |a, b| a | b);
        m.output("interrupt_o", any_trapped | tree_reduce(&stopped, |a, b| a & b));
    })
}

/// Builds the card.
///
/// # Panics
/// If there is one cell only: that is [`cell::cell`].
pub fn card(architecture: &Architecture) -> Arc<Module> {
    assert!(architecture.cells() > 1, "a card has several cells");
    let cell = cell::cell(architecture);
    let width = address_width(architecture);
    module(NAME, |m| {
        m.doc(&format!("Myelin tensor card, {architecture}."));
        let write_valid = m.input("host_write_valid_i", u(1));
        let write_address = m.input("host_write_address_i", u(width));
        let write_data = m.input("host_write_data_i", u(32));
        let read_valid = m.input("host_read_valid_i", u(1));
        let read_address = m.input("host_read_address_i", u(width));
        let control = m.instance("control", &control(architecture));
        control
            .input("host_write_valid_i", write_valid)
            .input("host_write_address_i", write_address)
            .input("host_read_valid_i", read_valid)
            .input("host_read_address_i", read_address);
        let to_register = |address: Signal| address.slice(0, host_port::ADDRESS_WIDTH);
        for number in 0..architecture.cells() {
            let name = format!("cell_{number}");
            let child = m.instance(&name, &cell);
            for port in &cell.inputs {
                let driver = match port.name.as_str() {
                    "host_write_valid_i" => control.output(&format!("write_valid_{number}_o")),
                    "host_write_address_i" => to_register(write_address),
                    "host_write_data_i" => write_data,
                    "host_read_valid_i" => control.output(&format!("read_valid_{number}_o")),
                    "host_read_address_i" => to_register(read_address),
                    "barrier_i" => control.output("barrier_o"),
                    memory => m.input(&format!("{name}_{memory}"), port.ty),
                };
                child.input(&port.name, driver);
            }
            for port in &cell.outputs {
                let value = child.output(&port.name);
                let shared = match port.name.as_str() {
                    "host_read_data_o" => "read_data",
                    "interrupt_o" => "stopped",
                    "trapped_o" => "trapped",
                    "arrive_o" => "arrive",
                    memory => {
                        m.output(&format!("{name}_{memory}"), value);
                        continue;
                    }
                };
                control.input(&format!("{shared}_{number}_i"), value);
            }
        }
        m.output("host_read_data_o", control.output("host_read_data_o"));
        m.output("interrupt_o", control.output("interrupt_o"));
    })
}
