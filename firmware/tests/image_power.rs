//! Firmware images and the fault log in a flash that loses power in the middle of every program and erase.
#![allow(clippy::unwrap_used)]

use common::objects::{CRC, contents};
use myelin_firmware::Flash;
use myelin_firmware::faults::FaultLog;
use myelin_firmware::flash::MemoryFlash;
use myelin_firmware::image::{self, ATTEMPTS_MAX, Image, Slot, Update};
use myelin_firmware::store::Progress;
use myelin_isa::framing::{Checksum, FaultEntry, Reason, Refusal, fault};
use myelin_isa::stick::{flash_layout, image_header};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

mod common;

/// All but objects.
const FLASH_BYTES: u32 = flash_layout::OBJECTS;
const MAP: u32 = 1;
const FAMILY: u32 = 0;

fn spec(slot: Slot, counter: u32, bytes: &[u8]) -> Image {
    let checksum = { CRC }.checksum(&[bytes]);
    Image {
        slot,
        counter,
        length: bytes.len() as u32,
        checksum,
        load_address: 0x1000,
        map_version: MAP,
        family: FAMILY,
    }
}

/// An update, from erasing to the header.
fn write_image(flash: &mut MemoryFlash, slot: Slot, counter: u32, bytes: &[u8]) -> Result<(), Refusal> {
    let mut update = Update::begin(spec(slot, counter, bytes))?;
    while update.step(flash) == Progress::Working && !flash.is_without_power() {}
    for (index, piece) in bytes.chunks(700).enumerate() {
        update.write(flash, 700 * index as u32, piece)?;
    }
    update.commit(flash, &mut { CRC })
}

fn chosen(flash: &mut MemoryFlash) -> Option<Image> {
    image::choose(flash, &mut { CRC }, MAP, FAMILY).0
}

/// A boot as the boot code does it: what was chosen is read, then the attempt is noted. Its counter and contents.
fn boot(flash: &mut MemoryFlash) -> Option<(Image, Vec<u8>)> {
    let image = chosen(flash)?;
    let mut bytes = vec![0; image.length as usize];
    flash.read(image.slot.address() + image_header::BYTES, &mut bytes);
    image::note_attempt(flash, image.slot);
    Some((image, bytes))
}

fn body(counter: u32) -> Vec<u8> {
    contents(u64::from(counter), 2500).1
}

/// A flash whose slot A runs, with an older image or none in B, confirmed or after some attempts.
fn running(attempts: Option<u32>, older: bool) -> MemoryFlash {
    let mut flash = MemoryFlash::new(FLASH_BYTES, 5);
    if older {
        write_image(&mut flash, Slot::B, 1, &body(1)).unwrap();
        image::confirm(&mut flash, &mut { CRC }, Slot::B);
    }
    write_image(&mut flash, Slot::A, 2, &body(2)).unwrap();
    for _ in 0..attempts.unwrap_or(1) {
        image::note_attempt(&mut flash, Slot::A);
    }
    if attempts.is_none() {
        image::confirm(&mut flash, &mut { CRC }, Slot::A);
    }
    flash
}

#[test]
fn an_update_that_is_cut_anywhere_leaves_an_image_that_boots() {
    for (attempts, older) in [(None, false), (None, true), (Some(1), false), (Some(3), false), (Some(2), true)] {
        let before = running(attempts, older);
        let mut whole = before.clone();
        write_image(&mut whole, Slot::B, 3, &body(3)).unwrap();
        let operations = whole.operations() - before.operations();
        assert_eq!(chosen(&mut whole).unwrap().counter, 3);
        for cut in 1..=operations {
            for seed in 0..4 {
                let what = format!("attempts {attempts:?}, older {older}, cut {cut}, seed {seed}");
                let mut flash = before.clone();
                flash.reseed(seed);
                flash.cut_power_at(cut);
                write_image(&mut flash, Slot::B, 3, &body(3)).unwrap_err();
                // Bits may read differently each time: every boot must come up with something whole.
                for _ in 0..5 {
                    flash.power_cycle();
                    let (image, bytes) = boot(&mut flash).expect(&what);
                    let may_be_new = image.counter == 3 && cut == operations;
                    let may_be_older = image.counter == 1 && cut <= 2;
                    assert!(image.counter == 2 || may_be_new || may_be_older, "{what}: {image:?}");
                    assert_eq!(bytes, body(image.counter), "{what}");
                }
                // And the update is done again.
                write_image(&mut flash, Slot::B, 3, &body(3)).unwrap();
                assert_eq!(boot(&mut flash).unwrap().0.counter, 3, "{what}");
            }
        }
    }
}

#[test]
fn an_image_whose_header_was_cut_is_kept_once_it_has_come_up() {
    let before = running(None, false);
    let mut whole = before.clone();
    write_image(&mut whole, Slot::B, 3, &body(3)).unwrap();
    let operations = whole.operations() - before.operations();
    let mut came_up = 0;
    for seed in 0..2000 {
        let mut flash = before.clone();
        flash.reseed(seed);
        flash.cut_power_at(operations);
        write_image(&mut flash, Slot::B, 3, &body(3)).unwrap_err();
        flash.power_cycle();
        let (image, _) = boot(&mut flash).unwrap();
        image::confirm(&mut flash, &mut { CRC }, image.slot);
        for _ in 0..5 {
            let counter = boot(&mut flash).unwrap().0.counter;
            assert!(counter >= image.counter, "seed {seed}: from {} back to {counter}", image.counter);
        }
        came_up += u32::from(image.counter == 3);
    }
    assert!(came_up > 5, "some headers were nearly done: {came_up}");
}

#[test]
fn an_image_that_does_not_come_up_is_passed_over_until_nothing_else_is_left() {
    let mut flash = MemoryFlash::new(FLASH_BYTES, 5);
    write_image(&mut flash, Slot::A, u32::MAX, &body(1)).unwrap();
    write_image(&mut flash, Slot::B, 0, &body(2)).unwrap();
    let boots = |flash: &mut MemoryFlash, count: u32| {
        let counters = (0..count).map(|_| boot(flash).map(|(image, _)| image.counter));
        counters.collect::<Option<Vec<u32>>>().unwrap()
    };
    // Counters wrap: 0 is newer. Three times each, then the newer for ever: it may come up yet.
    assert_eq!(boots(&mut flash, ATTEMPTS_MAX), [0; 3]);
    assert_eq!(image::choose(&mut flash, &mut { CRC }, MAP, FAMILY).1, Some(Slot::B), "who was passed over");
    assert_eq!(boots(&mut flash, ATTEMPTS_MAX), [u32::MAX; 3]);
    assert_eq!(image::choose(&mut flash, &mut { CRC }, MAP, FAMILY).1, None);
    assert_eq!(boots(&mut flash, 200), [0; 200]);
    // What has come up is trusted, however often it is powered without a host; and nothing is written for it.
    image::confirm(&mut flash, &mut { CRC }, Slot::B);
    assert_eq!(image::failed_attempts(&mut flash, Slot::B), 0);
    let operations = flash.operations();
    assert_eq!(boots(&mut flash, 200), [0; 200]);
    image::confirm(&mut flash, &mut { CRC }, Slot::B);
    assert_eq!(flash.operations(), operations);
    // Damaged it is none, and the other is booted though it never came up.
    flash.contents_mut()[(Slot::B.address() + 60) as usize] ^= 1;
    assert_eq!(boots(&mut flash, 5), [u32::MAX; 5]);
    assert_eq!(image::choose(&mut flash, &mut { CRC }, MAP, FAMILY).1, Some(Slot::B));
    flash.contents_mut()[(Slot::A.address() + 60) as usize] ^= 1;
    assert_eq!(image::choose(&mut flash, &mut { CRC }, MAP, FAMILY), (None, Some(Slot::B)));
    assert_eq!(image::choose(&mut flash, &mut { CRC }, MAP + 1, FAMILY), (None, None), "another map");
    assert_eq!(image::choose(&mut flash, &mut { CRC }, MAP, FAMILY + 1), (None, None), "another board");
}

#[test]
fn an_update_is_refused_what_is_not_an_image() {
    let mut flash = MemoryFlash::new(FLASH_BYTES, 5);
    let reason = |result: Result<(), Refusal>| result.unwrap_err().reason;
    let too_long = Image { length: image::IMAGE_MAX + 1, ..spec(Slot::A, 1, &[1]) };
    assert_eq!(Update::begin(too_long).unwrap_err().detail, image::IMAGE_MAX);
    assert_eq!(reason(Update::begin(spec(Slot::A, 1, &[])).map(|_| ())), Reason::NoSpace);
    let mut update = Update::begin(spec(Slot::A, 1, &body(1))).unwrap();
    assert_eq!(reason(update.write(&mut flash, 0, &[1])), Reason::OutOfOrder, "not erased yet");
    while update.step(&mut flash) == Progress::Working {}
    assert_eq!(reason(update.write(&mut flash, 1, &[1])), Reason::OutOfOrder);
    assert_eq!(reason(update.write(&mut flash, 0, &[0; 2501])), Reason::OutOfRange);
    assert_eq!(reason(update.commit(&mut flash, &mut { CRC })), Reason::OutOfOrder);
    update.write(&mut flash, 0, &[7; 2500]).unwrap();
    assert_eq!(reason(update.commit(&mut flash, &mut { CRC })), Reason::Mismatch);
    assert_eq!(chosen(&mut flash), None);
    let longest = contents(3, image::IMAGE_MAX as usize).1;
    write_image(&mut flash, Slot::A, 1, &longest).unwrap();
    assert_eq!(boot(&mut flash).unwrap().1, longest);
}

#[test]
fn a_stick_that_is_updated_and_cut_at_random_always_boots_and_good_images_prevail() {
    for seed in 0..20 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut flash = MemoryFlash::new(FLASH_BYTES, seed);
        write_image(&mut flash, Slot::A, 1, &body(1)).unwrap();
        // Whether an image comes up is decided by its counter: those divisible by 4 do not.
        let comes_up = |image: &Image| !image.counter.is_multiple_of(4);
        let mut newest_good = 1;
        for _ in 0..60 {
            flash.power_cycle();
            if random.random_ratio(1, 2) {
                flash.cut_power_at(random.random_range(1..30));
            }
            let Some((image, bytes)) = boot(&mut flash) else {
                panic!("seed {seed}: nothing boots");
            };
            assert_eq!(bytes, body(image.counter), "seed {seed}");
            if !comes_up(&image) {
                continue;
            }
            assert!(image.counter >= newest_good, "seed {seed}: {} after {newest_good} was good", image.counter);
            image::confirm(&mut flash, &mut { CRC }, image.slot);
            if flash.is_without_power() {
                continue;
            }
            newest_good = image.counter;
            let counter = image.counter + random.random_range(1..4);
            let done = write_image(&mut flash, image.slot.other(), counter, &body(counter));
            assert!(done.is_ok() || flash.is_without_power());
        }
        // Left alone it comes up with something good.
        flash.power_cycle();
        let good = (0..2 * ATTEMPTS_MAX).find_map(|_| boot(&mut flash).filter(|(image, _)| comes_up(image)));
        assert!(good.unwrap().0.counter >= newest_good, "seed {seed}");
    }
}

fn entry(detail: u32) -> FaultEntry {
    FaultEntry { boot: 0, uptime_ms: 1, kind: fault::FLASH, code: 2, detail }
}

fn listed(log: &FaultLog, flash: &mut MemoryFlash) -> Vec<u32> {
    let mut bytes = vec![0; 300 * 16];
    let length = log.list(flash, &mut { CRC }, 0, &mut bytes);
    FaultEntry::all(&bytes[..length]).map(|fault| fault.detail).collect()
}

/// What the log must say.
#[derive(Clone, Default)]
struct Faults {
    boots: u32,
    next: u32,
    certain: Vec<u32>,
}

impl Faults {
    /// Boots and records so many faults, until the power fails.
    fn session(&mut self, flash: &mut MemoryFlash, count: u32, what: &str) {
        let mut log = FaultLog::open(flash, &mut { CRC });
        if flash.is_without_power() {
            return;
        }
        assert!(log.boots() > self.boots, "{what}: boots only grow");
        self.boots = log.boots();
        for _ in 0..count {
            self.next += 1;
            log.record(flash, &mut { CRC }, entry(self.next));
            if flash.is_without_power() {
                return;
            }
            self.certain.push(self.next);
        }
        let found = listed(&log, flash);
        assert!(found.is_sorted_by(|a, b| a > b), "{what}: the newest first: {found:?}");
        let newest: Vec<u32> = self.certain.iter().rev().take(60).copied().collect();
        let known: Vec<u32> = found.iter().filter(|number| newest.contains(number)).copied().collect();
        assert_eq!(known, newest, "{what}");
    }
}

#[test]
fn the_fault_log_keeps_the_newest_faults_and_the_boots_whatever_is_cut() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut flash = MemoryFlash::new(FLASH_BYTES, 6);
    let mut faults = Faults::default();
    for number in 0..100 {
        let mut whole = flash.clone();
        let mut whole_faults = faults.clone();
        whole_faults.session(&mut whole, 6, "whole");
        for cut in 1..=whole.operations() - flash.operations() {
            for seed in 0..3 {
                let what = format!("session {number}, cut {cut}, seed {seed}");
                let (mut flash, mut faults) = (flash.clone(), faults.clone());
                flash.reseed(random.random());
                flash.cut_power_at(cut);
                faults.session(&mut flash, 6, &what);
                for _ in 0..3 {
                    flash.power_cycle();
                    faults.session(&mut flash, 2, &what);
                }
            }
        }
        if number % 4 == 0 {
            flash.cut_power_at(random.random_range(1..7));
            faults.session(&mut flash, 6, "history");
            flash.power_cycle();
        } else {
            (flash, faults) = (whole, whole_faults);
        }
    }
    assert!(faults.certain.len() > 400, "several turns of the sectors");
}

#[test]
fn the_fault_log_counts_what_it_lists() {
    let mut flash = MemoryFlash::new(FLASH_BYTES, 6);
    for boot in 1..=40 {
        let mut log = FaultLog::open(&mut flash, &mut { CRC });
        assert_eq!(log.boots(), boot);
        for detail in 0..13 {
            log.record(&mut flash, &mut { CRC }, entry(boot * 13 + detail));
            assert_eq!(listed(&log, &mut flash).len(), usize::from(log.count()), "boot {boot}, {detail}");
        }
    }
    assert!((100..256).contains(&FaultLog::open(&mut flash, &mut { CRC }).count()));
}

#[test]
fn slots_and_logs_full_of_anything_do_no_harm() {
    for seed in 0..20 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut flash = MemoryFlash::new(FLASH_BYTES, seed);
        let from = flash_layout::SLOT_A as usize;
        match seed {
            0 => flash.contents_mut()[from..].fill(0),
            1 => {}
            _ => random.fill_bytes(&mut flash.contents_mut()[from..]),
        }
        assert!(boot(&mut flash).is_none());
        Faults::default().session(&mut flash, 10, &format!("seed {seed}"));
        image::note_attempt(&mut flash, Slot::A);
        image::confirm(&mut flash, &mut { CRC }, Slot::A);
        write_image(&mut flash, Slot::B, 7, &body(7)).unwrap();
        assert_eq!(boot(&mut flash).unwrap().0.counter, 7);
        image::confirm(&mut flash, &mut { CRC }, Slot::B);
        assert_eq!(image::failed_attempts(&mut flash, Slot::B), 0);
    }
}
