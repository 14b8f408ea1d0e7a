//! What the images share: entry, traps, and drivers of the registers that `myelin_isa::stick` describes.
#![no_std]

pub mod flash;
pub mod mmio;
pub mod start;
pub mod system;
pub mod wire;
