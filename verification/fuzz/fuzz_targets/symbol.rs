//! A model's symbol: read, priced, and loaded with no params. Whatever loads has a price.
#![no_main]

use libfuzzer_sys::fuzz_target;
use myelin_graph::import::{self, Limits};

const EMPTY_PARAMS: [u8; 32] = {
    let mut bytes = [0; 32];
    let magic = 0xF7E5_8D4F_0504_9CB7u64.to_le_bytes();
    let mut i = 0;
    while i < 8 {
        bytes[i] = magic[i];
        i += 1;
    }
    bytes
};

fuzz_target!(|symbol: &[u8]| {
    let limits = Limits { storage_id: 1 << 16, ..Limits::default() };
    let price = import::operation_count(symbol, &limits);
    if let Ok(graph) = import::cvm(symbol, &EMPTY_PARAMS, &limits) {
        assert_eq!(price, Ok(graph.operation_count()));
    }
});
