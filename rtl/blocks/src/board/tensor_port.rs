//! The bus end of the tensor cell's registers.
//!
//! | port | width | meaning |
//! |---|---|---|
//! | `bus_*` | | subordinate end: [`myelin_isa::register`], byte addresses of 17 bits |
//! | `host_*` | | the cell's host port ([`crate::tensor::host_port`]) |
//!
//! **Timing.** The cell sees an access in the cycle after the request, from registers; the answer comes two cycles later. So no path leads from
//! bus to cell or back within one cycle.

use std::sync::Arc;

use myelin_hdl::{Module, module, u};

use crate::bus::{Answer, Request};
use crate::tensor::host_port::ADDRESS_WIDTH;

/// Builds the port.
pub fn tensor_port() -> Arc<Module> {
    module("tensor_port", |m| {
        m.doc("The bus end of the tensor cell's registers, in registers both ways.");
        let request = Request::input(m, "bus", ADDRESS_WIDTH);
        let read_data = m.input("host_read_data_i", u(32));
        // One bit for each step of an access.
        let bit = |name: &str| m.register(name, u(1)).reset(0);
        let [write, read, sampled, answered] =
            [bit("write_valid_q"), bit("read_valid_q"), bit("sampled_q"), bit("answered_q")];
        let under_way = write.q | read.q | sampled.q | answered.q;
        let access = (request.valid & !under_way).named("access");
        write.next(access & request.write);
        read.next(access & !request.write);
        sampled.next(write.q | read.q);
        answered.next(sampled.q);
        let address = m.delay("address_q", request.address);
        m.output("host_write_valid_o", write.q);
        m.output("host_write_address_o", address);
        m.output("host_write_data_o", m.delay("write_data_q", request.data));
        m.output("host_read_valid_o", read.q);
        m.output("host_read_address_o", address);
        Answer { ready: answered.q, data: m.delay("read_data_q", read_data) }.output(m, "bus");
    })
}
