//! The model: one RV32IM hart in machine mode.

mod csrs;
mod execute;
mod hart;
mod integer;
mod trap;

pub use csrs::Csrs;
pub use hart::{Access, Extensions, Lines, Machine, Retired};
pub use trap::{Cause, Interrupt, Trap};
