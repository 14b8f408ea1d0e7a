//! Power fails while the firmware on the RTL writes its flash: what it finds afterwards is whole or not there.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::time::Duration;

use common::{OPTIONS, ecp5};
use myelin_board::SimulatedLine;
use myelin_driver::{Link, StickLink, StickOptions};
use myelin_isa::Precision;
use myelin_isa::framing::{ObjectEntry, Reply, Request};
use myelin_rtl::board::serial;
use sha2::{Digest, Sha256};

mod common;

/// A memory image that is kept in flash: five sectors.
const BYTES: usize = 18_000;

#[test]
fn an_object_is_whole_or_not_there_after_a_power_cut() {
    let (_, stick) = ecp5(Precision::Int8, serial::Link::Uart, 1 << 15);
    let options = StickOptions { keep_images: true, ..OPTIONS };
    let mut link = StickLink::new(SimulatedLine::new(stick), "simulated", options).unwrap();
    let long = Duration::from_secs(600);
    let (mut cut, mut whole) = (0, 0);
    // In an erasure, in the middle of the contents, and past all.
    for (seed, operation) in [2_u32, 60, 300].into_iter().enumerate() {
        let image: Vec<u8> = (0..BYTES).map(|index| ((index * (2 * seed + 3)) >> 2) as u8).collect();
        link.wire_mut().stick().flash().fail_power_at(operation);
        let written = link.write_at(0, &image, long);
        let was_cut = link.wire_mut().stick().flash().has_lost_power();
        assert_eq!(written.is_err(), was_cut, "operation {operation}: {written:?}");
        cut += usize::from(was_cut);
        // Pulled and plugged in again, whatever has happened.
        link.reset().unwrap();
        let names = link.ask("list objects", &Request::ObjectList { first: 0 }, long, |reply| match *reply {
            Reply::Objects { entries, .. } => {
                Some(ObjectEntry::all(entries).map(|entry| entry.name).collect::<Vec<_>>())
            }
            _ => None,
        });
        let name: [u8; 32] = Sha256::digest(&image).into();
        let is_there = names.unwrap().contains(&name);
        whole += usize::from(is_there);
        assert!(is_there || was_cut, "operation {operation}: an object that was committed is gone");
        if is_there {
            let length = BYTES as u32;
            let copy = Request::ObjectCopy { name, offset: 0, address: 0, length };
            link.ask("copy", &copy, long, |reply| matches!(reply, Reply::Done).then_some(())).unwrap();
        } else {
            // There is room for it, and it is kept now.
            link.write_at(0, &image, long).unwrap();
        }
        let mut found = vec![0; BYTES];
        link.read_at(0, &mut found, long).unwrap();
        assert!(found == image, "operation {operation}");
    }
    assert!(cut >= 2 && whole >= 1, "{cut} cuts, {whole} objects there");
}
