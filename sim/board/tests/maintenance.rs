//! Firmware updates, faults and what is kept, over the line to a virtual stick.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::path::PathBuf;
use std::time::Duration;

use myelin_board::{FastStick, FaultScript, StickModel, VirtualStick};
use myelin_driver::{Link, Port, StickLink, StickOptions, Updated};
use myelin_isa::framing::{Checksum, JobState, Reboot, Reply, Request, SoftwareChecksum, fault};
use myelin_isa::{Architecture, Precision, register};

/// Slot of firmware that did not come from the flash.
const NO_SLOT: u8 = 255;

struct Bench {
    stick: VirtualStick,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(script: &str, prepare: impl FnOnce(&mut FastStick)) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let mut model = FastStick::new(Architecture::new(4, 4, Precision::Int8).unwrap(), 1 << 16);
        prepare(&mut model);
        let script: FaultScript = script.parse().unwrap();
        Bench {
            stick: VirtualStick::start(Box::new(model), &folder.path().join("stick"), script).unwrap(),
            _folder: folder,
        }
    }

    /// However often it is pulled meanwhile.
    fn open(&self) -> StickLink {
        let options = StickOptions {
            retransmit: Duration::from_millis(20),
            deadline: Duration::from_secs(30),
            flash_deadline: Duration::from_secs(60),
            keep_images: true,
        };
        loop {
            match StickLink::open(&Port::Path(PathBuf::from(self.stick.path())), options) {
                Ok(link) => return link,
                Err(error) => assert!(self.stick.is_alive(), "{error}"),
            }
        }
    }
}

fn image(seed: u8) -> Vec<u8> {
    (0..30_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect()
}

#[test]
fn firmware_goes_into_the_slot_that_does_not_run() {
    let bench = Bench::new("drop=5,corrupt=5,duplicate=5,seed=2", |_| {});
    let mut link = bench.open();
    assert_eq!((link.board().image_slot, link.board().firmware), (NO_SLOT, 0));
    for (seed, slot) in [(1, 0), (2, 1), (3, 0)] {
        let (image, boots) = (image(seed), link.boots());
        let mut written = Vec::new();
        assert_eq!(link.update_firmware(&image, &mut |bytes| written.push(bytes)).unwrap(), Updated::Runs);
        assert!(written.is_sorted() && written.last() == Some(&image.len()), "{written:?}");
        let board = link.board();
        assert_eq!((board.image_slot, board.image_counter), (slot, u32::from(seed)));
        assert_eq!(board.firmware, SoftwareChecksum.checksum(&[&image]));
        assert!(link.boots() > boots);
    }
    // The link goes on as before.
    assert_eq!(link.read32(register::ID).unwrap(), register::ID_VALUE);
    assert_eq!(link.faults().unwrap(), []);
}

#[test]
fn a_cut_anywhere_in_an_update_leaves_firmware_that_boots() {
    let image = image(1);
    let sum = SoftwareChecksum.checksum(&[&image]);
    let (mut kept, mut taken) = (0, 0);
    for cut in (1..130).step_by(9).chain(128..142) {
        let bench = Bench::new("seed=0", |model| model.fail_power_at(cut));
        let mut link = bench.open();
        // The stick is gone in the middle of it, or it was over before.
        let updated = link.update_firmware(&image, &mut |_| {});
        drop(link);
        let found = bench.open().board().firmware;
        assert!(found == 0 || found == sum, "cut {cut}: {found:08x}, {updated:?}");
        *if found == 0 { &mut kept } else { &mut taken } += 1;
        if let Ok(updated) = updated {
            assert_eq!(updated == Updated::Runs, found == sum, "cut {cut}");
        }
    }
    assert!(kept > 3 && taken > 3, "{kept} old, {taken} new");
}

#[test]
fn what_is_kept_is_listed_and_forgotten() {
    let bench = Bench::new("drop=3,seed=4", |_| {});
    let mut link = bench.open();
    for (seed, length) in [(1, 20_000), (2, 20_001), (3, 20_002)] {
        link.write_at(0, &image(seed)[..length], Duration::from_secs(30)).unwrap();
    }
    let kept = link.objects().unwrap();
    let mut lengths: Vec<u32> = kept.iter().map(|entry| entry.length).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [20_000, 20_001, 20_002]);
    let gone = kept[0];
    link.forget(gone.name).unwrap();
    link.reboot(Reboot::Firmware).unwrap();
    let left = link.objects().unwrap();
    assert!(left.len() == 2 && !left.contains(&gone), "{left:?}");
    assert!(link.forget(gone.name).is_err(), "it is gone");
}

#[test]
fn faults_are_told_the_newest_first() {
    let bench = Bench::new("seed=0", |_| {});
    let mut link = bench.open();
    // A job that traps: its first instruction is none.
    for _ in 0..3 {
        link.restart().unwrap();
        for word in 0..4 {
            link.write32(register::INSTRUCTIONS + 4 * word, u32::MAX).unwrap();
        }
        let job = Request::JobSubmit {
            entry: 0,
            input_address: 0,
            output_address: 0,
            output_length: 4,
            limit_ms: 0,
            input: &[1, 2, 3, 4],
        };
        let patience = Duration::from_secs(30);
        let id = link.ask("submit", &job, patience, |reply| match *reply {
            Reply::JobQueued { id } => Some(id),
            _ => None,
        });
        let take = Request::JobTake { id: id.unwrap(), milliseconds: 5000 };
        let state = link.ask("take", &take, patience, |reply| match *reply {
            Reply::Job { state, .. } => Some(state),
            _ => None,
        });
        assert_eq!(state.unwrap(), JobState::Failed);
    }
    link.reboot(Reboot::Firmware).unwrap();
    let faults = link.faults().unwrap();
    let kinds: Vec<u16> = faults.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [fault::PROGRAM; 3], "{faults:?}");
    assert!(faults.is_sorted_by(|a, b| (a.boot, a.uptime_ms) >= (b.boot, b.uptime_ms)), "{faults:?}");
}
