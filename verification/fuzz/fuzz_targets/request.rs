//! The body of a request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use myelin_infer::service::Request;
use myelin_infer::{from_hex, to_hex};

fuzz_target!(|body: &[u8]| {
    if let Ok(Request::InferContent { input, .. }) = Request::read(body) {
        assert_eq!(from_hex(&to_hex(&input)), Some(input));
    }
});
