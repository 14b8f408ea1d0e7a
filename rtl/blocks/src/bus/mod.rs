//! The soft core's bus: one request at a time, from several managers to several subordinates.
//!
//! ```text
//!  manager 0 ->+---------+   +-------+   +-------+--> subordinate 0
//!  manager 1 ->| arbiter |-->| stage |-->| route |--> subordinate 1
//!  manager 2 ->+---------+   +-------+   +-------+--> nowhere: reads 0, writes are lost
//! ```
//!
//! **Interface.** A bundle `<name>` has `<name>_valid`, `_write`, `_address` (byte address), `_data` (32 bits, byte
//! `k` of the word in `[8k+7:8k]`) and `_enables` (a bit for each byte of a write; of no meaning in reads)
//! from the manager, and `<name>_ready`, `<name>_data` back.
//!
//! **Timing.** A request is carried out in the cycle in which valid and ready are both high; data of a read is
//! there in that cycle. A manager holds its request until then once it is on the bus. The subordinates of this crate answer in
//! the cycle after valid at the earliest; ready is low again in the cycle after that.

mod arbiter;
mod port;
mod ram;
mod route;
mod stage;

pub use arbiter::{Inside, arbiter, declare as declare_arbiter};
pub use port::{Decode, Port};
pub use ram::ram;
pub use route::{Target, route};
pub use stage::{Cut, stage};

use myelin_hdl::{InstanceHandle, ModuleBuilder, Signal, u};

/// What a manager says.
#[derive(Clone, Copy)]
pub struct Request {
    /// One bit: there is one.
    pub valid: Signal,
    /// One bit: it is a write.
    pub write: Signal,
    /// Byte address.
    pub address: Signal,
    /// Data to write, 32 bits.
    pub data: Signal,
    /// Which bytes are written, 4 bits.
    pub enables: Signal,
}

/// What a subordinate says.
#[derive(Clone, Copy)]
pub struct Answer {
    /// One bit: the request is carried out in this cycle.
    pub ready: Signal,
    /// Data of a read, 32 bits, valid with `ready`.
    pub data: Signal,
}

impl Request {
    /// Input ports `<name>_..._i`, with so many address bits.
    #[track_caller]
    pub fn input(m: &ModuleBuilder, name: &str, address_bits: u32) -> Request {
        Request {
            valid: m.input(&format!("{name}_valid_i"), u(1)),
            write: m.input(&format!("{name}_write_i"), u(1)),
            address: m.input(&format!("{name}_address_i"), u(address_bits)),
            data: m.input(&format!("{name}_data_i"), u(32)),
            enables: m.input(&format!("{name}_enables_i"), u(4)),
        }
    }

    /// Output ports `<name>_..._o`.
    #[track_caller]
    pub fn output(&self, m: &ModuleBuilder, name: &str) {
        m.output(&format!("{name}_valid_o"), self.valid);
        m.output(&format!("{name}_write_o"), self.write);
        m.output(&format!("{name}_address_o"), self.address);
        m.output(&format!("{name}_data_o"), self.data);
        m.output(&format!("{name}_enables_o"), self.enables);
    }

    /// A child's outputs.
    #[track_caller]
    pub fn of(child: &InstanceHandle, name: &str) -> Request {
        let output = |part: &str| child.output(&format!("{name}_{part}_o"));
        Request {
            valid: output("valid"),
            write: output("write"),
            address: output("address"),
            data: output("data"),
            enables: output("enables"),
        }
    }

    /// Connects a child's inputs; of the address its low bits.
    #[track_caller]
    pub fn connect(&self, child: &InstanceHandle, name: &str, address_bits: u32) {
        child
            .input(&format!("{name}_valid_i"), self.valid)
            .input(&format!("{name}_write_i"), self.write)
            .input(&format!("{name}_address_i"), self.address.truncate(address_bits))
            .input(&format!("{name}_data_i"), self.data)
            .input(&format!("{name}_enables_i"), self.enables);
    }
}

impl Answer {
    /// Output ports `<name>_ready_o` and `<name>_data_o`.
    #[track_caller]
    pub fn output(&self, m: &ModuleBuilder, name: &str) {
        m.output(&format!("{name}_ready_o"), self.ready);
        m.output(&format!("{name}_data_o"), self.data);
    }

    /// A child's outputs.
    #[track_caller]
    pub fn of(child: &InstanceHandle, name: &str) -> Answer {
        let output = |part: &str| child.output(&format!("{name}_{part}_o"));
        Answer { ready: output("ready"), data: output("data") }
    }
}
