//! The params of a fixed model. Whatever loads has its values in range.
#![no_main]

use libfuzzer_sys::fuzz_target;
use myelin_graph::import::{self, Limits};

const SYMBOL: &[u8] = include_bytes!("../../../models/digits_int8/symbol");

fuzz_target!(|params: &[u8]| {
    if let Ok(graph) = import::cvm(SYMBOL, params, &Limits::default()) {
        assert!(graph.params().all(|(_, tensor)| tensor.elements() > 0));
    }
});
