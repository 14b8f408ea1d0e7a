//! Serial ports as wires, on pseudo terminals.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use myelin_driver::{OpenError, Port, SerialWire, Wire, WireError};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The stick's end of a pseudo terminal, and the path of the other.
fn pty() -> (OwnedFd, PathBuf) {
    let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&end).unwrap();
    unlockpt(&end).unwrap();
    let path = ptsname(&end, Vec::new()).unwrap();
    (end, PathBuf::from(path.into_string().unwrap()))
}

fn open(path: &Path) -> Result<SerialWire, OpenError> {
    SerialWire::open(Port::Path(path.to_owned()))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(20)
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn every_byte_passes_unchanged_both_ways() {
    let (end, path) = pty();
    let mut wire = open(&path).unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(wire.send(&bytes, later()).unwrap(), 256);
    let mut found = vec![0; 256];
    let mut count = 0;
    while count < 256 {
        count += rustix::io::read(&end, &mut found[count..]).unwrap();
    }
    assert_eq!(found, bytes);
    rustix::io::write(&end, &bytes).unwrap();
    let (mut found, mut buffer) = (Vec::new(), [0; 100]);
    while found.len() < 256 {
        let count = wire.receive(&mut buffer, later()).unwrap();
        found.extend_from_slice(&buffer[..count]);
    }
    assert_eq!(found, bytes);
}

#[test]
fn neither_a_silent_nor_a_full_line_holds_beyond_the_deadline() {
    let (_end, path) = pty();
    let mut wire = open(&path).unwrap();
    assert_eq!(wire.receive(&mut [0; 10], soon()).unwrap(), 0);
    // Nobody reads: after what the line holds, nothing goes.
    let block = [0x55; 4096];
    let mut sent = 0;
    loop {
        match wire.send(&block, soon()).unwrap() {
            0 => break,
            count => sent += count,
        }
        assert!(sent < 1 << 24, "a line that holds everything");
    }
    assert!(sent > 0);
}

#[test]
fn an_unplugged_stick_is_gone_and_comes_back_when_opened_again() {
    let (end, path) = pty();
    let link = tempfile::tempdir().unwrap();
    let name = link.path().join("stick");
    std::os::unix::fs::symlink(&path, &name).unwrap();
    let mut wire = open(&name).unwrap();
    drop(end);
    assert!(matches!(wire.receive(&mut [0; 10], later()), Err(WireError::Gone)));
    assert!(matches!(wire.send(&[1], later()), Err(WireError::Gone)), "and stays so");
    assert!(wire.reopen().is_err());
    let (end, path) = pty();
    std::fs::remove_file(&name).unwrap();
    std::os::unix::fs::symlink(&path, &name).unwrap();
    wire.reopen().unwrap();
    rustix::io::write(&end, &[7]).unwrap();
    let mut buffer = [0; 10];
    assert_eq!((wire.receive(&mut buffer, later()).unwrap(), buffer[0]), (1, 7));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let (_end, path) = pty();
    let first = open(&path).unwrap();
    let second = open(&path).err().unwrap();
    assert!(matches!(second, OpenError::Busy { .. }), "{second}");
    drop(first);
    open(&path).unwrap();
    let error = open(Path::new("/dev/ttyNowhere7")).err().unwrap();
    assert!(matches!(error, OpenError::NotFound { .. }), "{error}");
    let usb = SerialWire::open(Port::Usb("dead:beef".parse().unwrap())).err().unwrap();
    assert_eq!(usb.to_string(), "no stick with USB identity dead:beef is plugged in");
    let error = open(Path::new("/dev/null")).err().unwrap();
    assert!(matches!(error, OpenError::System { .. }), "{error}");
}
