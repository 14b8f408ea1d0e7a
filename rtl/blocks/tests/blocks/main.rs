//! Every block alone, against plain Rust.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bench;
mod lanes;
mod loop_nest;
mod streams;
