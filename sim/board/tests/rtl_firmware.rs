//! The firmware on the stick's own RTL, behind a pseudo terminal: the host cannot tell it from hardware.
//!
//! `MYELIN_STICK_PICTURES=<n>`: so many pictures of each network, 1 unless stated.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use std::time::Duration;

use common::{Digits, OPTIONS, ecp5, pictures};
use myelin_board::{FaultScript, VirtualStick};
use myelin_driver::{Port, StickLink, StickOptions};
use myelin_isa::Precision;
use myelin_rtl::board::serial;

mod common;

#[test]
fn the_firmware_boots_on_the_rtl_and_answers_digits_over_a_terminal() {
    for precision in [Precision::Int8, Precision::Int6] {
        let (config, rtl) = ecp5(precision, serial::Link::Uart, 1 << 18);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stick");
        let virtual_stick = VirtualStick::start(Box::new(rtl), &path, FaultScript::default()).unwrap();
        // A terminal's line may be lost on the way to it: what the simulated one never needs.
        let options = StickOptions { retransmit: Duration::from_secs(5), ..OPTIONS };
        let link = StickLink::open(&Port::Path(virtual_stick.path().to_owned()), options).unwrap();
        Digits::read(precision).check(link, &config.architecture, 0..pictures());
        virtual_stick.stop().unwrap();
    }
}
