//! What the firmware keeps in flash: any contents, headers with right checksums and wrong fields, power that fails. What is
//! mounted can be read; what is put is there; what was put stays through cuts.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use myelin_firmware::faults::FaultLog;
use myelin_firmware::flash::{MemoryFlash, SECTOR_BYTES};
use myelin_firmware::image::{self, Image, Slot, Update};
use myelin_firmware::store::{Progress, Store};
use myelin_isa::framing::{Checksum, FaultEntry, ObjectName, SoftwareChecksum};
use myelin_isa::stick::flash_layout;
use sha2::{Digest, Sha256};

const CRC: SoftwareChecksum = SoftwareChecksum;
const SECTORS: u32 = 20;
const FLASH_BYTES: u32 = flash_layout::OBJECTS + SECTORS * SECTOR_BYTES;
type Objects = Store<4>;

fn mount(flash: &mut MemoryFlash) -> Objects {
    Objects::mount(flash, &mut { CRC }, flash_layout::OBJECTS)
}

fn settle(store: &mut Objects, flash: &mut MemoryFlash) -> bool {
    for _ in 0..10_000 {
        match store.step(flash, &mut { CRC }) {
            Progress::Done(done) => return done.is_ok(),
            Progress::Working if flash.is_without_power() => return false,
            Progress::Working => {}
        }
    }
    panic!("no end");
}

fn put(store: &mut Objects, flash: &mut MemoryFlash, name: ObjectName, bytes: &[u8]) -> bool {
    store.begin(name, bytes.len() as u32).is_ok()
        && settle(store, flash)
        && store.write(flash, &mut { CRC }, 0, bytes).is_ok()
        && store.commit().is_ok()
        && settle(store, flash)
}

/// Any bytes of a header's fields, its checksums right.
fn header(fields: &[u8]) -> Vec<u8> {
    let mut fixed = b"MYOB".to_vec();
    fixed.extend(fields.iter().copied().chain(std::iter::repeat(0)).take(44));
    let sum = [7, 0, 0, 0];
    let seal = { CRC }.checksum(&[&fixed, &sum]).to_le_bytes();
    let checksum = { CRC }.checksum(&[&fixed]).to_le_bytes();
    [&sum[..], &seal, &[0xff; 4], &fixed, &checksum].concat()
}

fn update(flash: &mut MemoryFlash, slot: Slot, bytes: &[u8]) {
    let checksum = { CRC }.checksum(&[bytes]);
    let length = bytes.len() as u32;
    let image = Image { slot, counter: length, length, checksum, load_address: 0, map_version: 1, family: 0 };
    let Ok(mut update) = Update::begin(image) else { return };
    while update.step(flash) == Progress::Working && !flash.is_without_power() {}
    let done = update.write(flash, 0, bytes).and_then(|()| update.commit(flash, &mut { CRC }));
    assert!(done.is_ok() || flash.is_without_power(), "{done:?}");
    if done.is_ok() {
        assert!(Image::header(flash, &mut { CRC }, slot) == Some(image));
    }
}

/// All that was certainly put is there; all that is there can be read.
fn check(store: &Objects, flash: &mut MemoryFlash, certain: &BTreeMap<ObjectName, Vec<u8>>) {
    for index in 0..store.len() {
        let entry = store.get(flash, index).expect("below the count");
        let mut byte = [0];
        assert_eq!(store.read(flash, index, entry.length.wrapping_sub(1), &mut byte), entry.length > 0);
    }
    for (name, bytes) in certain {
        let (index, length) = store.find(flash, name).expect("what was put is there");
        let mut found = vec![0; length as usize];
        assert!(store.read(flash, index, 0, &mut found) && found == *bytes, "other contents");
    }
}

fuzz_target!(|script: &[u8]| {
    let mut script = script;
    let mut flash = MemoryFlash::new(FLASH_BYTES, script.len() as u64);
    let mut store = mount(&mut flash);
    let mut certain = BTreeMap::new();
    while let [operation, place, length, rest @ ..] = script {
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        script = rest;
        let slot = Slot::ALL[usize::from(place % 2)];
        match operation % 8 {
            // What somebody else left there. Nothing is certain then.
            0 | 1 => {
                let from = flash_layout::SLOT_A + u32::from(*operation >> 3) * SECTOR_BYTES + 16 * u32::from(*place);
                let header = header(bytes);
                let (from, bytes) = match operation % 8 {
                    0 => (from, bytes),
                    _ => (flash_layout::OBJECTS + u32::from(*place) % SECTORS * SECTOR_BYTES, header.as_slice()),
                };
                let cells = flash.contents_mut().iter_mut().skip(from as usize);
                cells.zip(bytes).for_each(|(cell, byte)| *cell = *byte);
                certain.clear();
                store = mount(&mut flash);
            }
            2 => {
                let repeated = bytes.repeat(usize::from(*place));
                let name = Sha256::digest(&repeated).into();
                if put(&mut store, &mut flash, name, &repeated) {
                    certain.insert(name, repeated);
                }
            }
            3 => {
                if let Some(entry) = store.get(&mut flash, usize::from(*place)) {
                    certain.remove(&entry.name);
                    let deleted = store.delete(&mut flash, usize::from(*place));
                    assert!(deleted.is_ok() || flash.is_without_power());
                }
            }
            4 => flash.cut_power_at(u64::from(*place)),
            5 => {
                let mut log = FaultLog::open(&mut flash, &mut { CRC });
                for _ in 0..*place {
                    let fault = FaultEntry { boot: 0, uptime_ms: 1, kind: 2, code: 3, detail: 4 };
                    log.record(&mut flash, &mut { CRC }, fault);
                }
                assert!(log.list(&mut flash, &mut { CRC }, 0, &mut [0; 64]) <= 64);
            }
            6 => update(&mut flash, slot, bytes),
            _ => {
                let (image, _) = image::choose(&mut flash, &mut { CRC }, 1, 0);
                if let Some(image) = image {
                    image::note_attempt(&mut flash, image.slot);
                }
                image::confirm(&mut flash, &mut { CRC }, slot);
            }
        }
        if flash.is_without_power() {
            flash.power_cycle();
            store = mount(&mut flash);
        }
        check(&store, &mut flash, &certain);
    }
    flash.power_cycle();
    check(&mount(&mut flash), &mut flash, &certain);
});
