//! The hardware blocks: primitives, the tensor core and the tops.
//!
//! Each block is a *generator*: a function that takes its parameters and returns the finished
//! [`myelin_hdl::Module`]. Its file reads as its datasheet.

pub mod board;
pub mod bus;
pub mod cpu;
pub mod cuckoo;
pub mod prim;
pub mod tensor;
