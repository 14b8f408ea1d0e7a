//! Objects in flash while there is power; `store_power.rs` is about when there is not.
#![allow(clippy::unwrap_used)]

use common::objects::{CRC, all, contents, put, settle};
use myelin_firmware::flash::{MemoryFlash, SECTOR_BYTES};
use myelin_firmware::store::{SECTOR_DATA, Store};
use myelin_isa::framing::{Reason, Refusal};
use sha2::{Digest, Sha256};

mod common;

const SECTORS: u32 = 16;

#[test]
fn wear_is_spread_over_all_sectors() {
    let mut flash = MemoryFlash::new(SECTORS * SECTOR_BYTES, 0);
    for round in 0..160 {
        // A mount in between forgets nothing of it.
        let mut store = Store::<4>::mount(&mut flash, &mut { CRC }, 0);
        let (name, bytes) = contents(round, 100);
        put(&mut store, &mut flash, name, &bytes).unwrap();
        store.delete(&mut flash, 0).unwrap();
    }
    let (least, most) = (*flash.wear().iter().min().unwrap(), *flash.wear().iter().max().unwrap());
    assert!(least >= 9 && most <= 11, "{:?}", flash.wear());
}

#[test]
fn what_does_not_fit_or_is_not_what_it_says_is_refused() {
    let mut flash = MemoryFlash::new(SECTORS * SECTOR_BYTES, 0);
    let mut store = Store::<2>::mount(&mut flash, &mut { CRC }, 0);
    assert_eq!(store.bytes_free(), SECTORS * SECTOR_DATA);
    let reason = |result: Result<(), Refusal>| result.unwrap_err().reason;
    assert_eq!(reason(store.begin([1; 32], SECTORS * SECTOR_DATA + 1)), Reason::NoSpace);
    assert_eq!(reason(store.begin([1; 32], u32::MAX)), Reason::NoSpace);
    assert_eq!(reason(store.commit()), Reason::OutOfOrder);
    let (name, bytes) = contents(1, 5000);
    assert_eq!(reason(put(&mut store, &mut flash, [0; 32], &bytes)), Reason::Mismatch);
    store.begin(name, 5000).unwrap();
    assert_eq!(reason(store.write(&mut flash, &mut { CRC }, 0, &bytes)), Reason::OutOfOrder, "not erased yet");
    settle(&mut store, &mut flash).unwrap();
    store.write(&mut flash, &mut { CRC }, 0, &bytes[..10]).unwrap();
    let gap = store.write(&mut flash, &mut { CRC }, 11, &bytes[11..]).unwrap_err();
    assert_eq!((gap.reason, gap.detail), (Reason::OutOfOrder, 10));
    assert_eq!(reason(store.write(&mut flash, &mut { CRC }, 10, &bytes)), Reason::OutOfRange);
    assert_eq!(reason(store.commit()), Reason::OutOfOrder, "bytes are missing");
    // Twice the same is one.
    put(&mut store, &mut flash, name, &bytes).unwrap();
    put(&mut store, &mut flash, name, &bytes).unwrap();
    assert_eq!(store.len(), 1);
    let (other, more) = contents(2, SECTORS as usize * 4032 / 2);
    put(&mut store, &mut flash, other, &more).unwrap();
    assert_eq!(store.bytes_free(), 0, "two objects are all that it knows");
    assert_eq!(all(&store, &mut flash).len(), 2);
}

#[test]
fn contents_that_look_like_headers_are_contents() {
    let mut flash = MemoryFlash::new(SECTORS * SECTOR_BYTES, 0);
    let mut store = Store::<4>::mount(&mut flash, &mut { CRC }, 0);
    let (name, bytes) = contents(1, 3 * SECTOR_DATA as usize);
    put(&mut store, &mut flash, name, &bytes).unwrap();
    // The flash itself as an object, twice.
    for _ in 0..2 {
        let image = flash.contents()[..2 * SECTOR_BYTES as usize].to_vec();
        let name = Sha256::digest(&image).into();
        put(&mut store, &mut flash, name, &image).unwrap();
        let (index, _) = store.find(&mut flash, &name).unwrap();
        store.delete(&mut flash, index).unwrap();
        let store = Store::<4>::mount(&mut flash, &mut { CRC }, 0);
        assert_eq!(store.len(), 1);
    }
}
