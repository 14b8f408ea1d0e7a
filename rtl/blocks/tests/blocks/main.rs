//! Every block alone, against plain Rust.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod accumulator;
mod array;
mod barrier;
mod bench;
mod bus;
mod cuckoo;
mod cuckoo_parts;
mod host_port;
mod instruction_queue;
mod lanes;
mod load_unit;
mod loop_nest;
mod mac_array;
mod memories;
mod multiply;
mod packed_pe;
mod pe;
mod peripherals;
mod post_lane;
mod sequencer;
mod serial;
mod store_unit;
mod streams;
mod tokens;
