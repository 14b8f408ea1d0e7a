//! Instruction encodings and the register map: the only place a bit position or address is stated.
//!
//! Compiler, timing model, RTL, simulator boards and drivers all share these types.
//!
//! **Machine.** A cell is a weight-stationary array of `rows` x `columns` PEs between an
//! activation scratchpad and accumulators, run by four units with a queue each
//! ([`Unit`]): load, array, post and store. A sequencer hands each unit its instructions in
//! program order; units overlap, and order among them is kept by dependency tokens only.
//!
//! **Addresses** into the activation scratchpad count lanes (one lane holds one activation), and
//! may be unaligned. Maps lie as `[row][column][channel]`, channels innermost, tightly packed or
//! with a larger pitch per pixel.

#![no_std]

mod architecture;
pub mod cuckoo;
mod descriptor;
pub mod framing;
mod instruction;
mod multiplier;
mod registers;
mod specification;
pub mod stick;

pub use architecture::{Architecture, ArchitectureError, Precision};
pub use descriptor::{ArrayDescriptor, PostDescriptor};
pub use instruction::{DecodeError, Header, Instruction, PostOperands, Unit, UnitSet, WeightTarget, encoding, opcode};
pub use multiplier::{MultiplierStyle, UnknownMultiplier};
pub use registers::{array_descriptor, post_descriptor, register, transfer_descriptor};
pub use specification::VERSION as SPECIFICATION_VERSION;
