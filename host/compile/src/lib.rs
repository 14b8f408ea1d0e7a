//! Graph to tiles, static memory plan, program and packed weights.
//!
//! ```text
//! Graph --lower--> stages --fuse--> stages --plan, tile, pack, emit--> Program
//! ```
//! [`compile`] proves on the way that no accumulator can overflow and refuses, naming the layer,
//! what does not fit or has no means on a cell. [`emulate`] runs programs without a clock.

mod compile;
mod disassemble;
mod emit;
pub mod emulate;
mod error;
mod fuse;
mod lower;
mod network;
mod pack;
mod plan;
mod program;
mod reduction;
mod requantise;
mod tile;
pub mod timing;

pub use compile::{compile, required_precision};
pub use error::{CompileError, Place, Refusal};
pub use program::{Input, Layer, LayerKind, LengthError, Output, OutputEncoding, Program, Region};
pub use requantise::{INT32, Interval, Requantise};
