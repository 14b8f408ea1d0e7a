//! Every block alone, against plain Rust.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod accumulator;
mod array;
mod barrier;
mod bench;
mod cuckoo;
mod cuckoo_parts;
mod host_port;
mod lanes;
mod load_unit;
mod loop_nest;
mod memories;
mod packed_pe;
mod pe;
mod post_lane;
mod sequencer;
mod store_unit;
mod streams;
mod tokens;
