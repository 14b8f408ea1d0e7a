//! Objects, images and faults in a flash that loses power in the middle of every program and erase, one after another.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use common::flash::FakeFlash;
use myelin_firmware::faults::FaultLog;
use myelin_firmware::flash::SECTOR_BYTES;
use myelin_firmware::image::{self, ATTEMPTS_MAX, Image, Slot, Update};
use myelin_firmware::store::{Progress, SECTOR_DATA, Store};
use myelin_isa::framing::{FaultEntry, ObjectName, Reason, Refusal, SoftwareChecksum, fault};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

mod common;

const CRC: SoftwareChecksum = SoftwareChecksum;
const SECTORS: u32 = 16;
type Objects = BTreeMap<ObjectName, Vec<u8>>;

fn contents(seed: u64, length: usize) -> (ObjectName, Vec<u8>) {
    let mut bytes = vec![0; length];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    (Sha256::digest(&bytes).into(), bytes)
}

fn settle<const N: usize>(store: &mut Store<N>, flash: &mut FakeFlash) -> Result<(), Refusal> {
    for _ in 0..100_000 {
        match store.step(flash, &mut { CRC }) {
            Progress::Done(done) => return done,
            Progress::Working if flash.is_dead => return Err(Refusal { reason: Reason::FlashFault, detail: 0 }),
            Progress::Working => {}
        }
    }
    panic!("no end");
}

fn put<const N: usize>(
    store: &mut Store<N>,
    flash: &mut FakeFlash,
    name: ObjectName,
    bytes: &[u8],
) -> Result<(), Refusal> {
    store.begin(name, bytes.len() as u32)?;
    settle(store, flash)?;
    for (index, piece) in bytes.chunks(1000).enumerate() {
        store.write(flash, &mut { CRC }, 1000 * index as u32, piece)?;
    }
    store.commit()?;
    settle(store, flash)
}

fn all<const N: usize>(store: &Store<N>, flash: &mut FakeFlash) -> Objects {
    let mut objects = Objects::new();
    for index in 0..store.len() {
        let entry = store.get(flash, index).unwrap();
        let mut bytes = vec![0; entry.length as usize];
        assert!(store.read(flash, index, 0, &mut bytes));
        assert!(!store.read(flash, index, 1, &mut bytes), "beyond the end");
        assert_eq!(store.find(flash, &entry.name), Some((index, entry.length)));
        objects.insert(entry.name, bytes);
    }
    objects
}

/// What a scenario did until the power failed: objects that must be there, and one that may.
struct Done {
    certain: Objects,
    maybe: Option<(ObjectName, Vec<u8>)>,
}

/// Puts and deletes until the power fails or it is over.
fn scenario(flash: &mut FakeFlash) -> Done {
    let mut store = Store::<4>::mount(flash, &mut { CRC }, 0);
    let mut done = Done { certain: Objects::new(), maybe: None };
    let sizes = [10, 5000, 3 * SECTOR_DATA as usize, 0, 9000, 4032];
    for (seed, &size) in (0..).zip(sizes.iter().cycle().take(10)) {
        let (name, bytes) = contents(seed, size);
        if store.len() == 3 {
            // The oldest goes.
            let oldest = store.get(flash, 0).unwrap();
            let lost = done.certain.remove_entry(&oldest.name).unwrap();
            if store.delete(flash, 0).is_err() {
                done.maybe = Some(lost);
                return done;
            }
        }
        if done.certain.contains_key(&name) {
            continue;
        }
        if put(&mut store, flash, name, &bytes).is_err() {
            assert!(flash.is_dead, "only loss of power ends a scenario");
            done.maybe = Some((name, bytes));
            return done;
        }
        done.certain.insert(name, bytes);
    }
    done
}

#[test]
fn after_loss_of_power_at_any_program_or_erase_what_was_committed_is_there() {
    let mut flash = FakeFlash::new(SECTORS * SECTOR_BYTES, 0);
    scenario(&mut flash);
    let operations = flash.operations;
    assert!(operations > 100);
    for cut in 0..operations {
        for seed in 0..3 {
            let mut flash = FakeFlash::new(SECTORS * SECTOR_BYTES, seed << 32 | u64::from(cut)).powered(Some(cut));
            let done = scenario(&mut flash);
            assert!(flash.is_dead);
            let mut flash = flash.powered(None);
            let mut store = Store::<4>::mount(&mut flash, &mut { CRC }, 0);
            let what = format!("cut {cut}, seed {seed}");
            let mut found = all(&store, &mut flash);
            if let Some((name, bytes)) = &done.maybe
                && let Some(there) = found.remove(name)
            {
                assert!(there == *bytes, "{what}: the newest is whole or absent");
            }
            assert!(found == done.certain, "{what}: what was committed is there, and nothing else");
            // And it goes on.
            let (name, bytes) = contents(99, 2 * SECTOR_DATA as usize);
            if store.len() == 4 {
                store.delete(&mut flash, 0).unwrap();
            }
            put(&mut store, &mut flash, name, &bytes).unwrap();
            let before = all(&store, &mut flash);
            let store = Store::<4>::mount(&mut flash, &mut { CRC }, 0);
            assert!(all(&store, &mut flash) == before, "{what}");
            assert_eq!(before[&name], bytes);
        }
    }
}

#[test]
fn wear_is_spread_over_all_sectors() {
    let mut flash = FakeFlash::new(SECTORS * SECTOR_BYTES, 0);
    for round in 0..160 {
        // A mount in between forgets nothing of it.
        let mut store = Store::<4>::mount(&mut flash, &mut { CRC }, 0);
        let (name, bytes) = contents(round, 100);
        put(&mut store, &mut flash, name, &bytes).unwrap();
        store.delete(&mut flash, 0).unwrap();
    }
    let (least, most) = (*flash.erases.iter().min().unwrap(), *flash.erases.iter().max().unwrap());
    assert!(least >= 9 && most <= 11, "{:?}", flash.erases);
}

#[test]
fn what_does_not_fit_or_is_not_what_it_says_is_refused() {
    let mut flash = FakeFlash::new(SECTORS * SECTOR_BYTES, 0);
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
    let mut flash = FakeFlash::new(SECTORS * SECTOR_BYTES, 0);
    let mut store = Store::<4>::mount(&mut flash, &mut { CRC }, 0);
    let (name, bytes) = contents(1, 3 * SECTOR_DATA as usize);
    put(&mut store, &mut flash, name, &bytes).unwrap();
    // The flash itself as an object, twice.
    for _ in 0..2 {
        let image = flash.data[..2 * SECTOR_BYTES as usize].to_vec();
        let name = Sha256::digest(&image).into();
        put(&mut store, &mut flash, name, &image).unwrap();
        let (index, _) = store.find(&mut flash, &name).unwrap();
        store.delete(&mut flash, index).unwrap();
        let store = Store::<4>::mount(&mut flash, &mut { CRC }, 0);
        assert_eq!(store.len(), 1);
    }
}

const FLASH_BYTES: u32 = 4 << 20;

fn write_image(flash: &mut FakeFlash, slot: Slot, counter: u32, bytes: &[u8]) -> Result<(), Refusal> {
    use myelin_isa::framing::Checksum;
    let checksum = { CRC }.checksum(&[bytes]);
    let (length, load_address) = (bytes.len() as u32, 0x1000);
    let mut update = Update::begin(Image { slot, counter, length, checksum, load_address, map_version: 1, family: 0 })?;
    while update.step(flash) == Progress::Working && !flash.is_dead {}
    for (index, piece) in bytes.chunks(700).enumerate() {
        update.write(flash, 700 * index as u32, piece)?;
    }
    update.commit(flash, &mut { CRC })
}

fn chosen(flash: &mut FakeFlash) -> Option<u32> {
    image::choose(flash, &mut { CRC }, 1, 0).0.map(|image| image.counter)
}

#[test]
fn an_update_that_is_cut_anywhere_leaves_an_image_that_boots() {
    let bytes = contents(7, 3000).1;
    let prepare = || {
        let mut flash = FakeFlash::new(FLASH_BYTES, 5);
        write_image(&mut flash, Slot::A, 1, &bytes).unwrap();
        write_image(&mut flash, Slot::B, 2, &bytes).unwrap();
        flash
    };
    let mut flash = prepare();
    let before = flash.operations;
    write_image(&mut flash, Slot::A, 3, &bytes).unwrap();
    let operations = flash.operations - before;
    assert_eq!(chosen(&mut flash), Some(3));
    for cut in 0..operations {
        let mut flash = prepare().powered(Some(cut));
        write_image(&mut flash, Slot::A, 3, &bytes).unwrap_err();
        let mut flash = flash.powered(None);
        let found = chosen(&mut flash);
        assert!(found == Some(2) || (cut + 1 == operations && found == Some(3)), "cut {cut}: {found:?}");
    }
}

#[test]
fn an_image_that_does_not_come_up_is_passed_over_and_one_that_does_is_kept() {
    let mut flash = FakeFlash::new(FLASH_BYTES, 5);
    write_image(&mut flash, Slot::A, u32::MAX, &contents(1, 100).1).unwrap();
    write_image(&mut flash, Slot::B, 0, &contents(2, 100).1).unwrap();
    assert_eq!(chosen(&mut flash), Some(0), "counters wrap");
    // Thousands of good boots wear nothing out but the words of a sector, which is erased.
    for _ in 0..3000 {
        image::note_attempt(&mut flash, Slot::B);
        image::confirm(&mut flash, Slot::B);
    }
    assert_eq!(chosen(&mut flash), Some(0));
    for _ in 0..ATTEMPTS_MAX {
        assert_eq!(chosen(&mut flash), Some(0));
        image::note_attempt(&mut flash, Slot::B);
    }
    let (image, passed) = image::choose(&mut flash, &mut { CRC }, 1, 0);
    assert_eq!((image.unwrap().counter, passed), (u32::MAX, Some(Slot::B)));
    for _ in 0..ATTEMPTS_MAX {
        image::note_attempt(&mut flash, Slot::A);
    }
    assert_eq!(chosen(&mut flash), None);
    assert_eq!(image::choose(&mut flash, &mut { CRC }, 2, 0).0, None, "another map");
    // A damaged image is none.
    image::confirm(&mut flash, Slot::A);
    assert_eq!(chosen(&mut flash), Some(u32::MAX));
    flash.data[Slot::A.address() as usize + 60] ^= 1;
    assert_eq!(chosen(&mut flash), None);
}

#[test]
fn the_fault_log_keeps_the_newest_whatever_is_cut() {
    let entry = |detail| FaultEntry { boot: 0, uptime_ms: 1, kind: fault::FLASH, code: 2, detail };
    let list = |log: &FaultLog, flash: &mut FakeFlash| {
        let mut bytes = vec![0; 300 * 16];
        let length = log.list(flash, &mut { CRC }, 0, &mut bytes);
        FaultEntry::all(&bytes[..length]).map(|fault| fault.detail).collect::<Vec<_>>()
    };
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut flash = FakeFlash::new(FLASH_BYTES, 6);
    let (mut number, mut boots, mut certain) = (0, 0, Vec::new());
    for _ in 0..300 {
        flash = flash.powered(Some(random.random_range(0..6)));
        let mut log = FaultLog::open(&mut flash, &mut { CRC });
        if !flash.is_dead {
            assert!(log.boots() > boots, "boots only grow");
            boots = log.boots();
        }
        while !flash.is_dead {
            number += 1;
            log.record(&mut flash, &mut { CRC }, entry(number));
            if !flash.is_dead {
                certain.push(number);
            }
        }
        flash = flash.powered(None);
        let log = FaultLog::open(&mut flash.clone_for_reading(), &mut { CRC });
        let found = list(&log, &mut flash);
        assert!(found.is_sorted_by(|a, b| a > b), "the newest first: {found:?}");
        let newest: Vec<u32> = certain.iter().rev().take(50).copied().collect();
        let known: Vec<u32> = found.iter().filter(|number| newest.contains(number)).copied().collect();
        assert_eq!(known, newest);
    }
}
