//! The stick's system on chip as its soft core sees it: address map, registers, flash layout.
//!
//! **Machine.** A 32-bit RISC-V core ([`crate::stick::memory`]) with RAM, a serial port (UART or FT245 FIFO),
//! an SPI flash, a system block, the tensor cell or the MAC array, and device memory. All registers are 32
//! bits, at word-aligned byte addresses relative to their block's base; a read of what is not listed
//! is 0, a write to it has no effect. Registers are accessed as whole words; only RAM and device memory
//! know bytes and halves. All registers are 0 after any reset unless stated.
//!
//! **Stream of a boot.** The core starts at [`memory::RESET`], in [`memory::RAM`], where the bitstream has put the
//! boot code. It copies the image of a flash slot ([`flash_layout`]) to RAM and jumps there.

mod blocks;
mod layout;
mod map;
mod ports;

pub use blocks::{board, mac, system};
pub use layout::{flash_command, flash_layout, image_header};
pub use map::{MAP_VERSION, memory};
pub use ports::{flash, serial};

/// Names and values of one module of numbers.
pub type Table = &'static [(&'static str, u32)];

/// Every number of this module by table and name, in the order of their definition.
pub const TABLES: [(&str, Table); 9] = [
    ("memory", memory::ALL),
    ("serial", serial::ALL),
    ("flash", flash::ALL),
    ("system", system::ALL),
    ("mac", mac::ALL),
    ("board", board::ALL),
    ("flash_command", flash_command::ALL),
    ("flash_layout", flash_layout::ALL),
    ("image_header", image_header::ALL),
];

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::BTreeMap;
    use std::format;
    use std::string::String;

    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn a_changed_number_changes_the_version_of_the_map() {
        let mut text = format!("version {MAP_VERSION}\n");
        for (table, entries) in TABLES {
            for (name, value) in entries {
                text += &format!("{table} {name} {value:#x}\n");
            }
        }
        let digest = Sha256::digest(text.as_bytes());
        let found: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, PINNED, "raise MAP_VERSION and pin the new hash: gateware and firmware must agree");
    }

    /// Of version [`MAP_VERSION`].
    const PINNED: &str = "1847d37ea5723000";

    /// Registers with named values.
    const VALUED: [&str; 13] = [
        "START",
        "ID",
        "STATUS",
        "KIND",
        "INTERRUPT",
        "CONTROL",
        "WATCHDOG",
        "RESET",
        "REBOOT",
        "PENDING",
        "TENSOR_RESET",
        "CRC",
        "ACCUMULATOR",
    ];
    /// Registers all the same.
    const REGISTERS_LIKE_VALUES: [&str; 4] = ["WATCHDOG_PERIOD", "RESET_CAUSE", "CRC_BYTE", "CRC_WORD"];

    #[test]
    fn no_two_registers_of_a_block_share_an_address() {
        // A constant whose name begins with a register's name and an underscore is a value of it.
        for (table, entries) in
            [("serial", serial::ALL), ("flash", flash::ALL), ("system", system::ALL), ("mac", mac::ALL)]
        {
            let is_value = |name: &str| {
                let of = |register: &str| name.strip_prefix(register).is_some_and(|rest| rest.starts_with('_'));
                VALUED.iter().any(|&register| of(register)) && !REGISTERS_LIKE_VALUES.contains(&name)
            };
            let mut seen = BTreeMap::new();
            for &(name, address) in entries.iter().filter(|(name, _)| !is_value(name)) {
                assert!(address % 4 == 0 && address <= memory::BLOCK_BYTES, "{table} {name}");
                assert_eq!(seen.insert(address, name), None, "{table} {name}");
            }
            assert!(seen.len() >= 6, "{table}");
        }
    }
}
