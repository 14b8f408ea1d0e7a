//! Register file: 32 general registers and, behind them, the CSRs that are words.
//!
//! ```text
//!                     +---------------+
//!  read             ->|               |
//!  first_address    ->|               |-> first
//!  second_address   ->| register_file |-> second
//!  write            ->|               |
//!  write_address    ->|               |
//!  write_data       ->|               |
//!                     +---------------+
//! ```
//!
//! **Timing.** Data one cycle after the read, held until the next. In a cycle with a write nothing is
//! read, so that block RAM need not answer what it then would read.
//!
//! **Numbers.** All words are 0 at power-up. Register 0 stays so because nobody writes it.

use std::sync::Arc;

use myelin_hdl::{MemoryStyle, Module, concat, module, u};

use super::parameters::{Decision, RegisterFile};

/// Width of an address.
pub(super) const ADDRESS_WIDTH: u32 = 6;

/// Builds the register file. With `watched` there are ports for a proof: the words at `watch_0_i` and
/// `watch_1_i`, in the same cycle.
pub(super) fn register_file(style: RegisterFile, decision: Decision, watched: Watched) -> Arc<Module> {
    module("register_file", |m| {
        m.doc("General registers and the CSRs that are words.");
        let read = m.input("read_i", u(1));
        let first_address = m.input("first_address_i", u(ADDRESS_WIDTH));
        let second_address = m.input("second_address_i", u(5));
        let write = m.input("write_i", u(1));
        let write_address = m.input("write_address_i", u(ADDRESS_WIDTH));
        let write_data = m.input("write_data_i", u(32));
        let style = match style {
            RegisterFile::Block => MemoryStyle::Block,
            RegisterFile::Distributed => MemoryStyle::Distributed,
        };
        let words = m.memory("words", 1 << ADDRESS_WIDTH, 1, u(32)).style(style).init(&[0; 1 << ADDRESS_WIDTH]);
        words.write(write_address, write, &[write_data]);
        let reads = match decision {
            Decision::Executing => read & !write,
            // Whether it writes an instruction says late, and when it reads never.
            Decision::Ahead => {
                m.assert("nothing_is_read_while_a_word_is_written", !(read & write));
                read
            }
        };
        let reads = reads.named("reads");
        m.output("first_o", words.read(first_address, reads)[0]);
        m.output("second_o", words.read(concat(&[m.constant(u(1), 0), second_address]), reads)[0]);
        if watched == Watched::Yes {
            for index in 0..2 {
                let address = m.input(&format!("watch_{index}_i"), u(ADDRESS_WIDTH));
                m.output(&format!("watch_{index}_o"), words.read_asynchronous(address)[0]);
            }
            let zero = words.read_asynchronous(m.constant(u(ADDRESS_WIDTH), 0))[0];
            m.output("zero_o", zero);
        }
        m.assert("register_0_is_never_written", !(write & write_address.eq(0)));
    })
}

/// Whether a proof looks into the register file and the multiplier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watched {
    /// By more ports.
    Yes,
    /// Not at all.
    No,
}
