//! NumPy's array files, against the ones NumPy wrote.

mod common;

use myelin_graph::npy::{self, Data, NpyError};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn model_file(name: &str) -> std::path::PathBuf {
    common::root().join("models/digits_int8").join(name)
}

#[test]
fn reads_the_digits_files() {
    let input = npy::read(model_file("input.npy"), 1 << 20).unwrap();
    assert_eq!(input.shape, [899, 1, 8, 8]);
    assert_eq!(input.as_i8().unwrap().len(), 899 * 64);
    let labels = npy::read(model_file("labels.npy"), 1 << 20).unwrap();
    assert!(matches!(labels.data, Data::U8(_)));
    assert!(labels.to_i64().iter().all(|x| (0..10).contains(x)));
    let logits = npy::read(model_file("official_logits.npy"), 1 << 20).unwrap();
    assert_eq!((logits.shape.as_slice(), logits.as_i32().unwrap().len()), (&[899, 10][..], 8990));
}

#[test]
fn writes_what_numpy_wrote() {
    let (path, bytes) = (model_file("input.npy"), std::fs::read(model_file("input.npy")).unwrap());
    let array = npy::read(path, 1 << 20).unwrap();
    assert_eq!(npy::write_i8(&array.shape, array.as_i8().unwrap()).unwrap(), bytes);
    let bytes = std::fs::read(model_file("official_logits.npy")).unwrap();
    let array = npy::parse(&bytes).unwrap();
    assert_eq!(npy::write_i32(&array.shape, array.as_i32().unwrap()).unwrap(), bytes);
}

/// A file with this header text and data.
fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY".to_vec();
    out.extend([version, 0]);
    match version {
        1 => out.extend((header.len() as u16).to_le_bytes()),
        _ => out.extend((header.len() as u32).to_le_bytes()),
    }
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

#[test]
fn reads_both_versions_and_every_element_type() {
    let header = |descr| format!("{{'shape': (2,), 'descr': '{descr}', 'fortran_order': False}}\n");
    let minus_two = (-2i64).to_le_bytes();
    let cases: [(&str, &[u8], [i64; 2]); 5] = [
        ("|i1", &[1, 0xfe], [1, -2]),
        ("|u1", &[1, 0xfe], [1, 254]),
        ("<i4", &[1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff], [1, -2]),
        (">i4", &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe], [1, -2]),
        ("<i8", &[[1, 0, 0, 0, 0, 0, 0, 0], minus_two].concat(), [1, -2]),
    ];
    for (descr, data, values) in cases {
        for version in [1, 2] {
            let array = npy::parse(&file(version, &header(descr), data)).unwrap();
            assert_eq!((array.shape.as_slice(), array.to_i64()), (&[2][..], values.to_vec()));
        }
    }
}

#[test]
fn writes_and_reads_scalars_and_empty_arrays() {
    for (shape, count) in [(vec![], 1), (vec![0], 0), (vec![3], 3), (vec![2, 0, 4], 0)] {
        let data: Vec<i32> = (0..count).collect();
        let array = npy::parse(&npy::write_i32(&shape, &data).unwrap()).unwrap();
        assert_eq!((array.shape, array.data), (shape, Data::I32(data)));
    }
    assert!(matches!(npy::write_i8(&[2, 2], &[0; 3]), Err(NpyError::DataLength { .. })));
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let header = "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 2), }";
    let parse = |header: &str, data: &[u8]| npy::parse(&file(1, header, data)).unwrap_err();
    assert_eq!(npy::parse(b"PK\x03\x04"), Err(NpyError::Magic));
    let short = NpyError::DataLength { shape: vec![2, 2], needed: 4, found: 3 };
    assert_eq!(parse(header, &[0; 3]), short);
    assert_eq!(short.to_string(), "shape [2, 2] needs 4 bytes of data, found 3");
    let fortran = header.replace("False", "True");
    assert_eq!(parse(&fortran, &[0; 4]), NpyError::FortranOrder);
    let float = header.replace("|i1", "<f4");
    assert_eq!(parse(&float, &[0; 4]), NpyError::ElementType { found: "<f4".into() });
    let huge = header.replace("(2, 2)", "(4294967296, 4294967296)");
    assert!(matches!(parse(&huge, &[]), NpyError::DataLength { needed: u64::MAX, .. }));
    for broken in ["", "{", "{'descr': '|i1'}", "{'shape': (1", "{'a': 1}", "{'shape': (-1,)}"] {
        assert!(matches!(parse(broken, &[]), NpyError::Header { .. }), "{broken:?}");
    }
    assert_eq!(npy::parse(&file(3, header, &[0; 4])), Err(NpyError::Version { major: 3, minor: 0 }));
    assert!(matches!(npy::read(model_file("input.npy"), 1000), Err(NpyError::TooLarge { found: 57664, max: 1000 })));
    assert!(matches!(npy::read(model_file("absent"), 1), Err(NpyError::Io { .. })));
}

#[test]
fn survives_mutated_files() {
    let seed = 0x6e70_7931;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let original = npy::write_i32(&[3, 4], &[7; 12]).unwrap();
    for _ in 0..20_000 {
        let mut bytes = original.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        bytes.truncate(rng.random_range(0..=bytes.len()));
        if let Ok(array) = npy::parse(&bytes) {
            assert_eq!(array.shape.iter().product::<usize>(), array.to_i64().len());
        }
    }
}
