//! An address of a pool or node.
#![no_main]

use libfuzzer_sys::fuzz_target;
use myelin_pow::Endpoint;

fuzz_target!(|text: &str| {
    if let Ok(endpoint) = text.parse::<Endpoint>() {
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }
});
