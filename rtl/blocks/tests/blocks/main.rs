//! Every block alone, against plain Rust.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod accumulator;
mod array;
mod bench;
mod lanes;
mod loop_nest;
mod memories;
mod pe;
mod post_lane;
mod sequencer;
mod streams;
mod tokens;
