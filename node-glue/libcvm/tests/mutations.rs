//! Seeded mutations through the C entry points: no crash, codes as documented, handles sound. More
//! rounds with `MYELIN_MUTATIONS=100000 cargo test --release -p myelin-cvm-runtime --test mutations`.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::ffi::{c_char, c_int, c_ulonglong, c_void};
use std::path::Path;
use std::ptr;

use cvm_runtime::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Mutants beyond these cost time and show nothing new.
const STORAGE_MAX: u64 = 1 << 24;
const OPERATIONS_MAX: u64 = 1 << 24;

fn models() -> Vec<(Vec<u8>, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../verification/vectors/cvm.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let unhex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let model =
        |case: &Value| (serde_json::to_vec(&case["symbol"]).unwrap(), unhex(case["params_hex"].as_str().unwrap()));
    cases.iter().map(model).collect()
}

fn mutate(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] = rng.next_u32() as u8,
            1 => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => drop(bytes.remove(at)),
            3 => bytes.truncate(at),
            4 => bytes.insert(at, b"{}[]\",:0-9\\\0"[rng.random_range(0..12)]),
            // A field of eight bytes that lies.
            5 => {
                let lie = [0, 1, u64::MAX, 1 << 63, 1 << 31, u64::from(u32::MAX)][rng.random_range(0..6)];
                let end = bytes.len().min(at + 8);
                bytes[at..end].copy_from_slice(&lie.to_le_bytes()[..end - at]);
            }
            // A number that lies.
            _ => {
                let digits: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()).collect();
                if let Some(&at) = digits.get(rng.random_range(0..digits.len().max(1))) {
                    let lie = ["0", "-1", "16777217", "2147483648", "99999999999999999999"][rng.random_range(0..5)];
                    bytes.splice(at..=at, lie.bytes());
                }
            }
        }
    }
}

fn number(get: unsafe extern "C" fn(*mut c_void, *mut c_ulonglong) -> c_int, net: *mut c_void) -> u64 {
    let mut value = 0;
    // SAFETY: the place is a number's.
    assert_eq!(unsafe { get(net, &mut value) }, 0);
    value
}

/// Drives the functions; whether the mutant loads, and whether it runs.
fn drive(symbol: &[u8], params: &[u8], device: c_int) -> (bool, bool) {
    let text = [symbol, &[0]].concat();
    let (mut operations, mut net) = (0, ptr::null_mut());
    let (symbol_length, params_length) = (symbol.len() as c_int, params.len() as c_int);
    // SAFETY: pointers have the stated lengths, and the text ends with a zero byte.
    let (priced, loaded) = unsafe {
        let priced = CVMAPIGetGasFromGraphFile(text.as_ptr().cast(), &mut operations);
        let (symbol, params) = (symbol.as_ptr().cast(), params.as_ptr().cast());
        (priced, CVMAPILoadModel(symbol, symbol_length, params, params_length, &mut net, device, 0))
    };
    assert!((0..=2).contains(&priced) && (0..=2).contains(&loaded));
    assert_eq!(loaded == 0, !net.is_null());
    if loaded != 0 {
        return (false, false);
    }
    // A zero byte in the text ends it for the one and not for the other.
    assert!(priced == 0 || symbol.contains(&0));
    let mut ran = false;
    if number(CVMAPIGetStorageSize, net) <= STORAGE_MAX && number(CVMAPIGetGasFromModel, net) <= OPERATIONS_MAX {
        let length = number(CVMAPIGetInputLength, net) as usize;
        let output_length = number(CVMAPIGetOutputLength, net) as usize;
        let mut input: Vec<c_char> = (0..length).map(|i| (i * 97) as c_char).collect();
        // Bytes behind the output that must stay.
        let mut output: Vec<c_char> = vec![0x5a; output_length + 64];
        // SAFETY: both buffers have the lengths the library stated.
        let code = unsafe { CVMAPIInference(net, input.as_mut_ptr(), length as c_int, output.as_mut_ptr()) };
        assert!((0..=2).contains(&code));
        assert!(output[output_length..].iter().all(|&byte| byte == 0x5a));
        ran = code == 0;
    }
    assert_eq!(CVMAPIFreeModel(net), 0);
    assert_eq!(CVMAPIFreeModel(net), 2);
    (true, ran)
}

#[test]
fn mutated_models_never_harm_whoever_loads_them() {
    let rounds = std::env::var("MYELIN_MUTATIONS").map_or(3000, |text| text.parse().unwrap());
    let models = models();
    let (mut loaded, mut ran) = (0, 0);
    for seed in 0..rounds {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut symbol, mut params) = models[rng.random_range(0..models.len())].clone();
        if rng.random() {
            mutate(&mut rng, &mut symbol);
        } else {
            mutate(&mut rng, &mut params);
        }
        let (did_load, did_run) = drive(&symbol, &params, rng.random_range(-1..4));
        loaded += usize::from(did_load);
        ran += usize::from(did_run);
    }
    println!("{rounds} mutants, {loaded} loaded, {ran} ran");
    // Otherwise the mutations would be too coarse to reach anything.
    assert!(loaded > 0 && ran > 0 && loaded < rounds as usize);
}
