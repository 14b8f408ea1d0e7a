//! A model behind a pseudo terminal: every byte passes, and what a script says goes wrong does.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use myelin_board::{FaultScript, StickModel, VirtualStick};
use myelin_driver::{Port, SerialWire, Wire, WireError};

/// Sends back what it gets, each byte with one added, and forgets what it has when it is pulled.
#[derive(Default)]
struct Echo {
    held: Vec<u8>,
}

impl StickModel for Echo {
    fn receive(&mut self, bytes: &[u8]) -> usize {
        // Not all at once.
        let taken = bytes.len().min(100);
        self.held.extend_from_slice(&bytes[..taken]);
        taken
    }

    fn advance(&mut self, _: u64, sent: &mut Vec<u8>) -> std::io::Result<bool> {
        if self.held.contains(&255) {
            return Err(std::io::Error::other("it cannot count further"));
        }
        sent.extend(self.held.drain(..).map(|byte| byte + 1));
        Ok(true)
    }

    fn power_cycle(&mut self) {
        self.held.clear();
    }

    fn fail_power_at(&mut self, _: u32) {}

    fn has_lost_power(&self) -> bool {
        false
    }
}

fn start(folder: &tempfile::TempDir, script: &str) -> VirtualStick {
    let path = folder.path().join("stick");
    VirtualStick::start(Box::<Echo>::default(), &path, script.parse().unwrap()).unwrap()
}

fn open(stick: &VirtualStick) -> SerialWire {
    SerialWire::open(Port::Path(PathBuf::from(stick.path()))).unwrap()
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn send(wire: &mut SerialWire, bytes: &[u8]) -> Result<(), WireError> {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += wire.send(&bytes[sent..], later())?;
    }
    Ok(())
}

#[test]
fn without_faults_every_byte_passes_and_hosts_may_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let stick = start(&folder, "seed=1");
    for _ in 0..3 {
        let mut wire = open(&stick);
        let bytes: Vec<u8> = (0..50_000u32).map(|index| (index % 255) as u8).collect();
        let mut found = Vec::new();
        for piece in bytes.chunks(1000) {
            send(&mut wire, piece).unwrap();
            let mut buffer = [0; 500];
            let end = found.len() + piece.len();
            while found.len() < end {
                let count = wire.receive(&mut buffer, later()).unwrap();
                found.extend_from_slice(&buffer[..count]);
            }
        }
        assert!(found.iter().zip(&bytes).all(|(found, sent)| *found == sent + 1));
    }
    assert_eq!((stick.faults(), stick.unplugs()), (0, 0));
    let path = stick.path().to_owned();
    stick.stop().unwrap();
    assert!(!path.exists());
}

#[test]
fn an_unplugged_stick_hangs_up_and_comes_back_under_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let stick = start(&folder, "unplug=500,seed=3");
    let mut wire = open(&stick);
    while stick.unplugs() < 5 {
        // Either may meet the end of the line.
        let gone = send(&mut wire, &[1, 2, 3]).is_err()
            || wire.receive(&mut [0; 10], Instant::now() + Duration::from_millis(5)).is_err();
        while gone && wire.reopen().is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    assert!(stick.faults() >= 5 && stick.is_alive());
}

#[test]
fn a_simulation_that_fails_ends_the_stick_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let stick = start(&folder, "seed=1");
    let mut wire = open(&stick);
    send(&mut wire, &[255]).unwrap();
    assert!(matches!(wire.receive(&mut [0; 1], later()), Err(WireError::Gone)));
    while stick.is_alive() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(stick.stop().unwrap_err().to_string(), "it cannot count further");
}

#[test]
fn a_path_that_is_taken_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stick");
    std::fs::write(&path, "mine").unwrap();
    assert!(VirtualStick::start(Box::<Echo>::default(), &path, FaultScript::default()).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}
