//! What a stick does, whatever it is made of: `no_std`, without allocation, without panics on any bytes.
//!
//! [`Stick`] takes frames from a [`Wire`], carries out commands ([`myelin_isa::framing::Request`]) on a [`Core`], a [`Flash`] and a
//! [`System`], and answers. The same code runs on the soft core (`firmware/image`) and, with other implementations of the four, in
//! tests and virtual sticks.
//!
//! | module | what |
//! |---|---|
//! | [`core`] | what executes programs; [`functional`] in software, [`register_core`] a cell in hardware |
//! | [`flash`] | what a flash can do; with the feature `std`, one in memory that loses power when told |
//! | [`store`] | objects in flash, safe against loss of power |
//! | [`image`] | firmware images in two slots, with fallback |
//! | [`jobs`] | runs that follow each other without the host |
//! | [`faults`] | the fault log |
//! | [`self_test`] | memory, flash, core |
#![no_std]

#[cfg(feature = "std")]
extern crate std;

pub mod core;
pub mod faults;
pub mod flash;
pub mod functional;
pub mod image;
pub mod jobs;
pub mod register_core;
pub mod self_test;
pub mod stick;
pub mod store;

pub use crate::core::Core;
pub use flash::Flash;
pub use functional::{FunctionalCore, HardwareArray, MacArray, Memories, MemorySizes, SoftwareArray};
pub use register_core::{Bus, RegisterCore};
pub use stick::{Board, Stick, System, Wire};
