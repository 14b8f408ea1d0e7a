//! The golden model: plain, slow integer reference of every operator. The law.
//!
//! Everything else in this repository is held against this crate, so it shares no code with what it
//! judges and depends on nothing of ours. It is written to be read: plain loops over `i32`, one
//! operator at a time, no threads, no SIMD, no `unsafe`, no floating point.
//!
//! **What the law is.** The numbers the chain's nodes compute: the official runtime (cvm-runtime
//! b5a2518) on its CPU device, including the places where that device differs from its own
//! documentation. Where the device reads memory it never wrote, no number is lawful and this crate
//! answers [`Error::Undefined`] instead of inventing one.
//!
//! **Two ways in.** [`ops`] has every operator as a free function over a [`Tensor`].
//! [`Model::parse`] reads a model in the chain's own format (symbol and params), with the official
//! checks and error classes, and [`Model::run`] runs it.
//!
//! **Proof of work.** [`cuckoo`] has the graphs, trimming, cycles and verdicts of the Cuckoo Cycle
//! family, with the Cortex chain's and Grin's rules of difficulty.
//!
//! # Example
//! ```
//! use myelin_golden::{Precision, ShiftBits, ops::requantise};
//!
//! // 1000 / 2^3 = 125; 1100 / 2^3 is 137.5, above the largest 8-bit value.
//! let (shift, precision) = (ShiftBits::new(3)?, Precision::new(8)?);
//! assert_eq!(requantise(1000, shift, precision), 125);
//! assert_eq!(requantise(1100, shift, precision), 127);
//! # Ok::<(), myelin_golden::Error>(())
//! ```

mod bits;
pub mod cuckoo;
mod error;
mod model;
pub mod npy;
pub mod ops;
mod tensor;

pub use bits::{Precision, ShiftBits};
pub use error::{Class, Error};
pub use model::{Model, Output, operation_count};
pub use tensor::{DIMENSION_MAX, ELEMENT_COUNT_MAX, RANK_MAX, Tensor, checked_element_count};
