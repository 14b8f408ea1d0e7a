//! The C entry points: two lengths and a device type that may lie, two files, an input.
#![no_main]

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use cvm_runtime::*;
use libfuzzer_sys::fuzz_target;

/// Models beyond these sizes cost the fuzzer time and memory and show nothing new.
const STORAGE_MAX: u64 = 1 << 24;
const OPERATIONS_MAX: u64 = 1 << 24;

fuzz_target!(|data: &[u8]| {
    let [device, cut, low, high, files @ ..] = data else { return };
    let split = usize::from(u16::from_le_bytes([*low, *high])).min(files.len());
    let (symbol, params) = files.split_at(split);
    // A zero byte after the text, as C strings have: the scanner must stop there at the latest.
    let text = [symbol, &[0]].concat();
    let (mut operations, mut net) = (0, ptr::null_mut::<c_void>());
    // A length may be shorter than the memory, or negative; longer is the caller's crime.
    let length = c_int::try_from(symbol.len()).unwrap_or(0) - c_int::from(*cut % 4);
    let device = c_int::from(*device as i8) % 4;
    // SAFETY: every pointer has at least the stated length.
    unsafe {
        CVMAPIGetGasFromGraphFile(text.as_ptr().cast(), &mut operations);
        let params_length = c_int::try_from(params.len()).unwrap_or(0);
        let (symbol, params) = (symbol.as_ptr().cast(), params.as_ptr().cast());
        if CVMAPILoadModel(symbol, length, params, params_length, &mut net, device, 0) != 0 {
            assert!(net.is_null());
            return;
        }
        let (mut input_length, mut output_length, mut storage, mut operations) = (0, 0, 0, 0);
        assert_eq!(CVMAPIGetInputLength(net, &mut input_length), 0);
        assert_eq!(CVMAPIGetOutputLength(net, &mut output_length), 0);
        assert_eq!(CVMAPIGetStorageSize(net, &mut storage), 0);
        assert_eq!(CVMAPIGetGasFromModel(net, &mut operations), 0);
        if storage <= STORAGE_MAX && operations <= OPERATIONS_MAX {
            let mut input: Vec<c_char> = (0..input_length).map(|i| data[i as usize % data.len()] as c_char).collect();
            let mut output: Vec<c_char> = vec![0; output_length as usize];
            let code = CVMAPIInference(net, input.as_mut_ptr(), input_length as c_int, output.as_mut_ptr());
            assert!((0..=2).contains(&code));
            let wrong = input_length as c_int - 1;
            assert_eq!(CVMAPIInference(net, input.as_mut_ptr(), wrong, output.as_mut_ptr()), 1);
        }
        assert_eq!(CVMAPIFreeModel(net), 0);
        assert_eq!(CVMAPIFreeModel(net), 2);
    }
});
