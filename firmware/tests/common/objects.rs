//! Objects of a seed, put into a store and read from it.

use std::collections::BTreeMap;

use myelin_firmware::flash::MemoryFlash;
use myelin_firmware::store::{Progress, Store};
use myelin_isa::framing::{ObjectName, Reason, Refusal, SoftwareChecksum};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

pub const CRC: SoftwareChecksum = SoftwareChecksum;
pub type Objects = BTreeMap<ObjectName, Vec<u8>>;

/// Name and contents.
pub fn contents(seed: u64, length: usize) -> (ObjectName, Vec<u8>) {
    let mut bytes = vec![0; length];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    (Sha256::digest(&bytes).into(), bytes)
}

/// Steps until it is over, or there is no power.
pub fn settle<const N: usize>(store: &mut Store<N>, flash: &mut MemoryFlash) -> Result<(), Refusal> {
    for _ in 0..100_000 {
        match store.step(flash, &mut { CRC }) {
            Progress::Done(done) => return done,
            Progress::Working if flash.is_without_power() => {
                return Err(Refusal { reason: Reason::FlashFault, detail: 0 });
            }
            Progress::Working => {}
        }
    }
    panic!("no end");
}

/// Begins, writes in pieces of a size that is no page's, commits.
pub fn put<const N: usize>(
    store: &mut Store<N>,
    flash: &mut MemoryFlash,
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

/// Everything that is there, each found by its name and with the contents of it.
pub fn all<const N: usize>(store: &Store<N>, flash: &mut MemoryFlash) -> Objects {
    let mut objects = Objects::new();
    for index in 0..store.len() {
        let entry = store.get(flash, index).unwrap();
        let mut bytes = vec![0; entry.length as usize];
        assert!(store.read(flash, index, 0, &mut bytes));
        assert!(!store.read(flash, index, 1, &mut bytes), "beyond the end");
        assert_eq!(store.find(flash, &entry.name), Some((index, entry.length)));
        assert_eq!(<[u8; 32]>::from(Sha256::digest(&bytes)), entry.name, "half an object was found");
        objects.insert(entry.name, bytes);
    }
    objects
}
