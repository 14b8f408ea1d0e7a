//! The edge-trimming core: its parameters and its register map.
//!
//! **Machine.** `lanes` hash pipelines make edges and send each to the bank that counts the ends in one
//! of its nodes; banks send what stays on to the bank of the other node. A round is one pass over the
//! edges alive where both sides' counters fit the chip, else two for each partition of the nodes.
//! Survivors go to memory, four bytes each.

mod core;
mod registers;

pub use self::core::{Core, CoreError, Sip, Variant};
pub use self::registers::register;
