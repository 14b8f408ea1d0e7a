//! The firmware on this machine, behind a pseudo terminal, as a device: every picture of the digits networks right, whatever
//! happens on the line.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::Digits;
use myelin_board::{FastStick, FaultScript, VirtualStick};
use myelin_compile::compile;
use myelin_driver::{Device, Link, Port, Session, StickLink, StickOptions};
use myelin_isa::{Architecture, Precision};

const PICTURES: usize = 899;

const OPTIONS: StickOptions = StickOptions {
    retransmit: Duration::from_millis(20),
    deadline: Duration::from_secs(60),
    flash_deadline: Duration::from_secs(120),
    keep_images: true,
};

fn architecture(precision: Precision) -> Architecture {
    Architecture::new(8, 8, precision).unwrap()
}

fn start(precision: Precision, script: FaultScript) -> (VirtualStick, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let stick = FastStick::new(architecture(precision), 1 << 18);
    (VirtualStick::start(Box::new(stick), &folder.path().join("stick"), script).unwrap(), folder)
}

/// Opens the stick, however often it is pulled meanwhile.
fn open(stick: &VirtualStick) -> StickLink {
    loop {
        match StickLink::open(&Port::Path(PathBuf::from(stick.path())), OPTIONS) {
            Ok(link) => return link,
            Err(error) => assert!(stick.is_alive() && stick.faults() > 0, "{error}"),
        }
    }
}

#[test]
fn all_pictures_of_both_networks_are_right_over_the_line() {
    for precision in [Precision::Int8, Precision::Int6] {
        let digits = Digits::read(precision);
        let (stick, _folder) = start(precision, FaultScript::default());
        let program = compile(&digits.graph, &architecture(precision)).unwrap();
        let mut session = Session::load(open(&stick), program).unwrap();
        for index in 0..PICTURES {
            let answer = session.run(digits.picture(index)).unwrap();
            assert!(digits.answer(index) == answer.outputs[0].values, "{precision}, picture {index}");
        }
        assert_eq!(stick.faults(), 0);
        stick.stop().unwrap();
    }
}

/// Runs pictures until `count` are right; whatever fails is loaded again. Never is an answer wrong.
fn run_through(script: &str, count: usize) -> (u64, u64) {
    let digits = Digits::read(Precision::Int8);
    let (stick, _folder) = start(Precision::Int8, script.parse().unwrap());
    let program = compile(&digits.graph, &architecture(Precision::Int8)).unwrap();
    let mut session = Session::attach(open(&stick), program, myelin_driver::Deadlines::default());
    let mut index = 0;
    while index < count {
        if !session.is_ready() && session.recover().is_err() {
            assert!(stick.is_alive());
            continue;
        }
        if let Ok(answer) = session.run(digits.picture(index)) {
            assert!(digits.answer(index) == answer.outputs[0].values, "script {script}, picture {index}");
            index += 1;
        }
    }
    let counts = (stick.faults(), stick.unplugs());
    stick.stop().unwrap();
    counts
}

#[test]
fn no_fault_of_the_line_changes_an_answer() {
    for script in ["drop=20,seed=1", "corrupt=20,seed=2", "duplicate=30,seed=3", "truncate=20,seed=4", "stall=5,seed=5"]
    {
        let (faults, unplugs) = run_through(script, 30);
        assert!(faults > 0 && unplugs == 0, "{script}: {faults} faults");
    }
}

#[test]
fn a_stick_that_is_pulled_and_loses_power_never_answers_wrongly() {
    for seed in 1..=3 {
        let (faults, unplugs) = run_through(&format!("drop=3,corrupt=3,unplug=2,power=2,seed={seed}"), 40);
        assert!(faults > unplugs && unplugs > 0, "seed {seed}: {faults} faults, {unplugs} times unplugged");
    }
}

#[test]
fn the_model_is_in_flash_after_the_first_time() {
    let digits = Digits::read(Precision::Int8);
    let (stick, _folder) = start(Precision::Int8, FaultScript::default());
    let program = compile(&digits.graph, &architecture(Precision::Int8)).unwrap();
    let mut image = program.image.clone();
    image.resize(image.len().max(20_000), 1);
    let mut link = open(&stick);
    let long = Duration::from_secs(60);
    for _ in 0..3 {
        link.write_at(0, &image, long).unwrap();
        link.reset().unwrap();
    }
    link.write_at(0, &image, long).unwrap();
    let mut found = vec![0; image.len()];
    link.read_at(0, &mut found, long).unwrap();
    assert!(found == image);
    assert!(link.board().object_bytes_free > 0);
}
