//! The UP5K's stick: boot code, firmware and MAC array, in simulated time.
//!
//! `MYELIN_STICK_PICTURES=<n>`: so many pictures of each network, 1 unless stated.
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

use common::{DEADLINES, Digits, open, pictures, up5k};
use myelin_compile::compile;
use myelin_driver::{Device, Session};
use myelin_isa::Precision;
use myelin_isa::framing::CoreKind;

mod common;

fn recognises_digits(precision: Precision) {
    let digits = Digits::read(precision);
    let (config, stick) = up5k(precision);
    let mut link = open(stick);
    assert_eq!((link.board().core, link.board().architecture), (CoreKind::Array, config.architecture));
    let booted = link.wire_mut().stick().cycle();
    let mut session = Session::attach(link, compile(&digits.graph, &config.architecture).unwrap(), DEADLINES);
    session.recover().unwrap();
    let loaded = session.link_mut().wire_mut().stick().cycle();
    for index in 0..pictures() {
        let before = session.link_mut().wire_mut().stick().cycle();
        let answer = session.run(digits.picture(index)).unwrap();
        assert_eq!(answer.outputs[0].values, digits.answer(index), "{precision}, picture {index}");
        let cycles = session.link_mut().wire_mut().stick().cycle() - before;
        println!(
            "{precision}, picture {index}: {cycles} clocks ({booted} to the first session, {loaded} with the network)"
        );
    }
}

#[test]
fn int8_digits_are_recognised_on_the_mac_array() {
    recognises_digits(Precision::Int8);
}

#[test]
fn int6_digits_are_recognised_on_the_mac_array() {
    recognises_digits(Precision::Int6);
}
