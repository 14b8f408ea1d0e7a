//! The ECP5's stick in simulated time: how fast its line is, and its other port.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::time::Duration;

use common::{Digits, ecp5, ecp5_as_built, open};
use myelin_driver::Link;
use myelin_isa::Precision;
use myelin_rtl::board::serial;

mod common;

/// Bytes that go both ways, a little more than 64 KiB.
const BYTES: usize = 68_000;
/// Bytes a second that a line of 3 Mbaud carries, ten bits each.
const LINE_BYTES: f64 = 300_000.0;

#[test]
fn long_transfers_use_nine_tenths_of_the_line() {
    let (config, stick) = ecp5(Precision::Int8, serial::Link::Uart, 1 << 17);
    let mut link = open(stick);
    let long = Duration::from_secs(600);
    let data: Vec<u8> = (0..BYTES as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut rates = Vec::new();
    let mut found = vec![0; BYTES];
    for writes in [true, false] {
        let begun = link.wire_mut().stick().cycle();
        if writes {
            link.write_at(0, &data, long).unwrap();
        } else {
            link.read_at(0, &mut found, long).unwrap();
        }
        let cycles = link.wire_mut().stick().cycle() - begun;
        let seconds = cycles as f64 / f64::from(config.serial.clock_hz);
        rates.push(BYTES as f64 / seconds / LINE_BYTES);
    }
    println!("of the line rate: written {:.3}, read {:.3}", rates[0], rates[1]);
    assert!(found == data);
    assert!(rates.iter().all(|&rate| rate >= 0.9), "{rates:?}");
}

#[test]
fn a_picture_is_recognised_on_the_board_as_it_is_built() {
    let (config, stick) = ecp5_as_built();
    Digits::read(Precision::Int8).check(open(stick), &config.architecture, 0..1);
}

#[test]
fn a_picture_is_recognised_over_a_fifo() {
    let (config, stick) = ecp5(Precision::Int8, serial::Link::Ft245, 1 << 17);
    Digits::read(Precision::Int8).check(open(stick), &config.architecture, 0..1);
}
