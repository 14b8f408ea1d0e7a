//! A plain model of an RV32IM machine, and the soft core (`rtl/blocks/src/cpu`) held against it.
//!
//! [`machine`] is the judge: the ISA as it reads, one instruction at a time, no faster than it has to
//! be, and with no line in common with the core. [`lockstep`] runs the core in our simulator beside it
//! and compares every retirement; [`stimulus`] draws instructions as the core fetches them, hesitates on
//! the bus and raises interrupts. [`encode`] writes instructions for tests; the model does not use it.

pub mod encode;
pub mod lockstep;
pub mod machine;
pub mod memory;
pub mod stimulus;
