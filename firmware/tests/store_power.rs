//! Objects in a flash that loses power in the middle of every program and erase, one after another, with bits that read at
//! random ever after; and in flash full of anything.
//!
//! Before each step of a seeded script the flash is copied, and power fails in the copy at the first, second, ... last operation
//! of the step. What is there then is compared with a plain map, now and after more mounts, steps and cuts.
#![allow(clippy::unwrap_used)]

use common::objects::{CRC, Objects, all, contents, put, settle};
use myelin_firmware::Flash;
use myelin_firmware::flash::{MemoryFlash, SECTOR_BYTES};
use myelin_firmware::store::{SECTOR_DATA, Store};
use myelin_isa::framing::{Checksum, ObjectName, Reason};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

mod common;

const SECTORS: u32 = 40;
type SmallStore = Store<5>;

/// What must be in the flash.
#[derive(Clone, Default)]
struct Model {
    certain: Objects,
    /// Whose deletion was cut: they may be there, whole, until they are seen to be gone.
    fading: Objects,
    /// What was being done when the power failed.
    doubt: Option<Doubt>,
}

#[derive(Clone)]
enum Doubt {
    Put(ObjectName, Vec<u8>),
    Delete(ObjectName, Vec<u8>),
}

impl Model {
    /// Compares with what a mount finds; what was in doubt is not any more.
    fn check(&mut self, flash: &mut MemoryFlash, what: &str) {
        let store = SmallStore::mount(flash, &mut { CRC }, 0);
        let mut found = all(&store, flash);
        match self.doubt.take() {
            Some(Doubt::Put(name, bytes)) if found.contains_key(&name) => {
                self.certain.insert(name, bytes);
            }
            Some(Doubt::Delete(name, bytes)) => {
                self.fading.insert(name, bytes);
            }
            _ => {}
        }
        self.fading.retain(|name, bytes| found.remove(name).is_some_and(|there| there == *bytes));
        assert!(found.keys().eq(self.certain.keys()), "{what}: other objects than committed");
        assert!(found == self.certain, "{what}: other contents");
    }
}

fn length(random: &mut ChaCha8Rng) -> usize {
    match random.random_range(0..10) {
        0 => 0,
        1..=6 => random.random_range(1..2 * SECTOR_DATA as usize),
        7 | 8 => random.random_range(1..5 * SECTOR_DATA as usize),
        // A block is erased at once.
        _ => 18 * SECTOR_DATA as usize,
    }
}

/// Mounts, and puts, deletes or gives up an object; until the power fails.
fn step(flash: &mut MemoryFlash, model: &mut Model, random: &mut ChaCha8Rng) {
    let mut store = SmallStore::mount(flash, &mut { CRC }, 0);
    let known: Vec<ObjectName> = model.certain.keys().chain(model.fading.keys()).copied().collect();
    let (mut name, mut bytes) = contents(random.random(), length(random));
    if let Some(certain) = model.certain.iter().next().filter(|_| random.random_ratio(1, 6)) {
        // Once more what is there.
        (name, bytes) = (*certain.0, certain.1.clone());
    }
    if model.fading.contains_key(&name) {
        return;
    }
    let gives_up = random.random_ratio(1, 8);
    let mut deletes = !known.is_empty() && (known.len() >= 4 || random.random_ratio(1, 3));
    if !deletes && gives_up && store.begin(name, bytes.len() as u32).is_ok() {
        let _ = settle(&mut store, flash);
        let _ = store.write(flash, &mut { CRC }, 0, &bytes[..bytes.len() / 2]);
        store.abandon();
    } else if !deletes {
        match put(&mut store, flash, name, &bytes) {
            Ok(()) => {
                model.certain.insert(name, bytes);
            }
            Err(refusal) if refusal.reason == Reason::NoSpace => deletes = !known.is_empty(),
            Err(refusal) => {
                assert!(flash.is_without_power(), "{refusal:?} though there is power");
                model.doubt = (!model.certain.contains_key(&name)).then_some(Doubt::Put(name, bytes));
            }
        }
    }
    if deletes {
        let name = known[random.random_range(0..known.len())];
        let bytes = model.certain.remove(&name).or_else(|| model.fading.remove(&name)).unwrap();
        let deleted = store.find(flash, &name).map(|(index, _)| store.delete(flash, index));
        if flash.is_without_power() {
            model.doubt = Some(Doubt::Delete(name, bytes));
        } else {
            assert!(deleted.unwrap().is_ok(), "it was there");
        }
    }
}

/// Life after a cut: mounts, steps, another cut.
fn aftermath(flash: &mut MemoryFlash, model: &mut Model, seed: u64, what: &str) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    flash.power_cycle();
    for _ in 0..2 {
        model.check(flash, what);
    }
    for _ in 0..3 {
        if random.random() {
            flash.cut_power_at(random.random_range(1..40));
        }
        step(flash, model, &mut random);
        flash.power_cycle();
        model.check(flash, what);
    }
}

/// A script of so many steps; every one is cut everywhere. Answers how many cuts there were.
fn script(seed: u64, steps: u32) -> u64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut flash = MemoryFlash::new(SECTORS * SECTOR_BYTES, seed);
    let mut model = Model::default();
    let mut futures = ChaCha8Rng::seed_from_u64(!seed);
    let mut cuts = 0;
    for number in 0..steps {
        let (mut whole, mut whole_model, mut whole_random) = (flash.clone(), model.clone(), random.clone());
        step(&mut whole, &mut whole_model, &mut whole_random);
        let operations = whole.operations() - flash.operations();
        for cut in 1..=operations {
            let what = format!("script {seed}, step {number}, cut {cut}");
            let (mut flash, mut model) = (flash.clone(), model.clone());
            flash.cut_power_at(cut);
            // The mount before the step must find what it found above; so the seed is that of the copy.
            step(&mut flash, &mut model, &mut random.clone());
            assert!(flash.is_without_power(), "{what}: the same operations each time");
            flash.reseed(futures.random());
            aftermath(&mut flash, &mut model, futures.random(), &what);
        }
        cuts += operations;
        if operations > 0 && futures.random_ratio(1, 2) {
            // The script goes on with what a cut has left.
            flash.cut_power_at(futures.random_range(1..=operations));
            step(&mut flash, &mut model, &mut random);
            aftermath(&mut flash, &mut model, futures.random(), "history");
        } else {
            (flash, model, random) = (whole, whole_model, whole_random);
            model.check(&mut flash, "history");
        }
    }
    cuts
}

#[test]
fn after_loss_of_power_at_any_operation_what_was_committed_is_there_and_nothing_else() {
    let cuts: u64 = (0..4).map(|seed| script(seed, 16)).sum();
    assert!(cuts > 1000, "{cuts} cuts");
}

#[test]
fn cuts_in_the_first_mount_after_a_cut_change_nothing() {
    let (name, bytes) = contents(1, 3 * SECTOR_DATA as usize);
    let (other, more) = contents(2, 100);
    let mut flash = MemoryFlash::new(SECTORS * SECTOR_BYTES, 3);
    let mut store = SmallStore::mount(&mut flash, &mut { CRC }, 0);
    put(&mut store, &mut flash, other, &more).unwrap();
    let before = flash.clone();
    put(&mut store, &mut flash, name, &bytes).unwrap();
    let operations = flash.operations() - before.operations();
    let mut mount_cuts = 0;
    // The last two operations are the commit.
    for cut in [operations - 1, operations] {
        for seed in 0..400 {
            let mut flash = before.clone();
            flash.reseed(seed);
            flash.cut_power_at(cut);
            let mut store = SmallStore::mount(&mut flash, &mut { CRC }, 0);
            put(&mut store, &mut flash, name, &bytes).unwrap_err();
            for _ in 0..3 {
                flash.power_cycle();
                flash.cut_power_at(1 + seed % 2);
                SmallStore::mount(&mut flash, &mut { CRC }, 0);
                mount_cuts += u32::from(flash.is_without_power());
            }
            let mut model = Model { certain: [(other, more.clone())].into(), ..Model::default() };
            model.doubt = Some(Doubt::Put(name, bytes.clone()));
            aftermath(&mut flash, &mut model, seed, &format!("cut {cut}, seed {seed}"));
        }
    }
    assert!(mount_cuts > 400, "mounts had something to settle: {mount_cuts}");
}

#[test]
fn a_flash_of_anything_is_mounted_and_holds_objects() {
    for seed in 0..30 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut flash = MemoryFlash::new(SECTORS * SECTOR_BYTES, seed);
        match seed {
            0 => flash.contents_mut().fill(0),
            1 => {}
            _ => random.fill_bytes(flash.contents_mut()),
        }
        let mut store = SmallStore::mount(&mut flash, &mut { CRC }, 0);
        assert!(store.is_empty());
        let (name, bytes) = contents(seed, 20 * SECTOR_DATA as usize);
        put(&mut store, &mut flash, name, &bytes).unwrap();
        let mut model = Model { certain: [(name, bytes)].into(), ..Model::default() };
        aftermath(&mut flash, &mut model, seed, &format!("seed {seed}"));
    }
}

/// A header as the module documents it, its commit right or wrong.
fn header(serial: u32, index: u32, length: u32, name: ObjectName) -> Vec<u8> {
    let mut fixed = b"MYOB".to_vec();
    [serial, index, length].iter().for_each(|word| fixed.extend(word.to_le_bytes()));
    fixed.extend(name);
    let sum = 7_u32.to_le_bytes();
    let seal = { CRC }.checksum(&[&fixed, &sum]).to_le_bytes();
    let settled = [0, 0, 0xff, 0xff];
    let checksum = { CRC }.checksum(&[&fixed]).to_le_bytes();
    [&sum[..], &seal, &settled, &fixed, &checksum].concat()
}

#[test]
fn headers_that_lie_about_lengths_and_places_are_mounted_without_harm() {
    let lengths = [0, 1, SECTOR_DATA, 5 * SECTOR_DATA, SECTORS * SECTOR_DATA, 65_535 * SECTOR_DATA, u32::MAX];
    for seed in 0..200 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut flash = MemoryFlash::new(SECTORS * SECTOR_BYTES, seed);
        for sector in 0..SECTORS {
            let serial = [0, 1, 2, u32::MAX - 1, u32::MAX][random.random_range(0..if seed % 2 == 0 { 3 } else { 5 })];
            let length = lengths[random.random_range(0..lengths.len())];
            let bytes = header(serial, random.random_range(0..4), length, [random.random_range(0..3); 32]);
            flash.contents_mut()[(sector * SECTOR_BYTES) as usize..][..64].copy_from_slice(&bytes);
        }
        let mut store = SmallStore::mount(&mut flash, &mut { CRC }, 0);
        for index in 0..store.len() {
            let entry = store.get(&mut flash, index).unwrap();
            let mut last = [0; 1];
            assert_eq!(entry.length > 0, store.read(&mut flash, index, entry.length.saturating_sub(1), &mut last));
        }
        let free = store.bytes_free();
        let (name, bytes) = contents(seed, free.min(30_000) as usize);
        if free > 0 {
            put(&mut store, &mut flash, name, &bytes).unwrap();
            assert!(store.find(&mut flash, &name).is_some());
        }
        while !store.is_empty() {
            store.delete(&mut flash, 0).unwrap();
        }
        assert!(SmallStore::mount(&mut flash, &mut { CRC }, 0).is_empty(), "seed {seed}");
    }
}

#[test]
fn objects_beyond_those_that_a_store_can_know_are_forgotten_and_not_half_overwritten() {
    let mut flash = MemoryFlash::new(SECTORS * SECTOR_BYTES, 1);
    let mut large = Store::<8>::mount(&mut flash, &mut { CRC }, 0);
    for seed in 0..8 {
        let (name, bytes) = contents(seed, 3 * SECTOR_DATA as usize);
        put(&mut large, &mut flash, name, &bytes).unwrap();
    }
    let store = SmallStore::mount(&mut flash, &mut { CRC }, 0);
    assert_eq!(store.len(), 5);
    let large = Store::<8>::mount(&mut flash, &mut { CRC }, 0);
    assert_eq!(all(&large, &mut flash).len(), 5);
}

#[test]
fn wear_is_spread_with_large_and_small_objects_and_power_cuts() {
    let mut flash = MemoryFlash::new(SECTORS * SECTOR_BYTES, 2);
    let (mut model, mut random) = (Model::default(), ChaCha8Rng::seed_from_u64(2));
    for round in 0..600 {
        if round % 5 == 0 {
            flash.cut_power_at(random.random_range(1..100));
        }
        step(&mut flash, &mut model, &mut random);
        flash.power_cycle();
        model.check(&mut flash, "wear");
    }
    let mean = flash.wear().iter().sum::<u32>() / SECTORS;
    let most = *flash.wear().iter().max().unwrap();
    assert!(mean > 20 && 2 * most < 3 * mean, "{:?}", flash.wear());
    assert_eq!(flash.bytes(), SECTORS * SECTOR_BYTES);
}
