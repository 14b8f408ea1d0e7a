//! An input file, as a node reads it and as people's tools do. What both read, both read alike.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let content = myelin_infer::npy::content(file);
    assert!(content.as_ref().map_or(0, Vec::len) <= file.len());
    if let (Ok(content), Ok(array)) = (content, myelin_graph::npy::parse(file)) {
        if let Some(values) = array.as_i8() {
            assert!(values.iter().map(|value| value.cast_unsigned()).eq(content));
        } else if let Some(values) = array.as_i32() {
            assert!(values.iter().flat_map(|value| value.to_le_bytes()).eq(content));
        }
    }
});
