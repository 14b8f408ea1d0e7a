//! A stick as a link: over a wire that is sound, that loses things, and that is pulled.

#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;
#[path = "common/stick_double.rs"]
mod stick_double;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use myelin_compile::{Program, compile};
use myelin_driver::{
    Device, DriverError, Inference, Link, LinkError, MemoryAfter, Session, StickError, StickLink, StickOptions,
};
use myelin_graph::{Conv2d, Graph, GraphBuilder, Postprocess, Tensor, export};
use myelin_isa::{Architecture, Precision};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use stick_double::{Control, StickDouble};

const OPTIONS: StickOptions = StickOptions {
    retransmit: Duration::from_millis(3),
    deadline: Duration::from_secs(60),
    flash_deadline: Duration::from_secs(60),
    keep_images: true,
};
const LONG: Duration = Duration::from_secs(60);

fn architecture() -> Architecture {
    Architecture::new(8, 8, Precision::Int8).unwrap()
}

fn stick_with(seed: u64, options: StickOptions) -> (StickLink<StickDouble>, Arc<Mutex<Control>>) {
    let (wire, control) = StickDouble::new(architecture(), seed);
    (StickLink::new(wire, "double", options).unwrap(), control)
}

fn stick(seed: u64) -> (StickLink<StickDouble>, Arc<Mutex<Control>>) {
    stick_with(seed, OPTIONS)
}

/// A network whose weights are large enough to be kept in flash.
fn network() -> Graph {
    let mut b = GraphBuilder::new();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut param = |b: &mut GraphBuilder, name: &str, shape: &[usize]| {
        let values = (0..shape.iter().product()).map(|_| rng.random_range(-127..=127)).collect();
        b.param(name, Tensor::from_i8(shape, values).unwrap(), 8).unwrap()
    };
    let x = b.input(&[1, 4, 8, 8], 8).unwrap();
    let weight = param(&mut b, "conv_weight", &[16, 4, 3, 3]);
    let x = b.conv2d("conv", x, weight, None, Conv2d::square(16, 3)).unwrap();
    let x = b.cvm_right_shift("shift", x, 8, 9).unwrap();
    let x = b.flatten("flatten", x).unwrap();
    let weight = param(&mut b, "dense_weight", &[40, 576]);
    let x = b.dense("dense", x, weight, None).unwrap();
    b.finish(vec![x], Postprocess::None).unwrap()
}

fn program() -> Program {
    compile(&network(), &architecture()).unwrap()
}

fn golden(input: &[i32]) -> Vec<i32> {
    let (symbol, params) = export::cvm(&network());
    let answer = myelin_golden::Model::parse(&symbol, &params).unwrap().run_i32(input).unwrap();
    answer.heads()[0].data.clone()
}

fn input(seed: u64) -> Vec<i32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..256).map(|_| rng.random_range(-127..=127)).collect()
}

fn is_right(inference: &Inference, seed: u64) -> bool {
    inference.outputs[0].values == golden(&input(seed))
}

fn count(control: &Mutex<Control>, request: &str) -> usize {
    control.lock().unwrap().requests.iter().filter(|&&name| name == request).count()
}

#[test]
fn a_session_runs_on_a_stick_as_on_any_device() {
    let (link, _) = stick(1);
    let mut session = Session::load(link, program()).unwrap();
    for seed in 0..5 {
        assert!(is_right(&session.run(&input(seed)).unwrap(), seed), "{seed}");
    }
}

#[test]
fn an_inference_asks_the_stick_few_times() {
    let (link, control) = stick(1);
    let mut session = Session::load(link, program()).unwrap();
    control.lock().unwrap().requests.clear();
    assert!(is_right(&session.run(&input(1)).unwrap(), 1));
    // Each waits for the bridge, a millisecond or more.
    let requests = control.lock().unwrap().requests.clone();
    assert!(requests.len() <= 9, "{requests:?}");
    session.set_reports(false);
    control.lock().unwrap().requests.clear();
    let inference = session.run(&input(2)).unwrap();
    assert!(is_right(&inference, 2) && inference.report.is_none());
    let requests = control.lock().unwrap().requests.clone();
    assert!(requests.len() <= 6, "{requests:?}");
}

#[test]
fn weights_come_from_flash_when_they_are_there_already() {
    let (link, control) = stick(2);
    let program = Arc::new(program());
    assert!(program.image.len() > 16 << 10);
    let mut session = Session::load(link, program).unwrap();
    assert_eq!((count(&control, "begin"), count(&control, "copy")), (1, 1));
    control.lock().unwrap().restarts = true;
    let before = control.lock().unwrap().bytes_in;
    // The first run notices that the stick has been restarted; the session loads it again.
    let error = session.run(&input(1)).unwrap_err();
    assert!(matches!(error, DriverError::Link { .. }), "{error}");
    session.recover().unwrap();
    assert!(is_right(&session.run(&input(1)).unwrap(), 1));
    assert_eq!((count(&control, "begin"), count(&control, "copy")), (1, 2), "copied, not sent again");
    let bytes = control.lock().unwrap().bytes_in - before;
    assert!(bytes < session.program().image.len(), "{bytes} bytes over the wire");
}

#[test]
fn what_does_not_fit_the_flash_displaces_what_is_there_or_goes_over_the_wire() {
    let (mut link, control) = stick(3);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (length, commits) in [(40 << 10, 1), (40 << 10, 2), (100 << 10, 2)] {
        let mut image = vec![0; length];
        rng.fill_bytes(&mut image);
        link.write_at(64, &image, LONG).unwrap();
        let mut found = vec![0; length];
        link.read_at(64, &mut found, LONG).unwrap();
        assert!(found == image, "{length}");
        assert_eq!(count(&control, "commit"), commits, "{length}");
    }
}

#[test]
fn a_line_that_loses_changes_and_repeats_things_never_changes_an_answer() {
    for seed in 0..6 {
        let (link, control) = stick(100 + seed);
        control.lock().unwrap().faults_per_thousand = [5, 20, 60][seed as usize % 3];
        let mut session = Session::load(link, program()).unwrap();
        for run in 0..4 {
            assert!(is_right(&session.run(&input(run)).unwrap(), run), "replay with seed {seed}, run {run}");
        }
    }
}

#[test]
fn register_writes_go_out_together_and_before_anything_else() {
    let (mut link, control) = stick(5);
    control.lock().unwrap().requests.clear();
    for index in 0..500 {
        link.write32(myelin_isa::register::INSTRUCTIONS + 4 * index, index).unwrap();
    }
    assert_eq!(control.lock().unwrap().requests, [""; 0]);
    link.read32(myelin_isa::register::ID).unwrap();
    let requests = control.lock().unwrap().requests.clone();
    assert_eq!(requests.last(), Some(&"read registers"));
    assert!(requests.len() < 12 && requests[..requests.len() - 1].iter().all(|&name| name == "write registers"));
}

#[test]
fn a_stick_that_is_pulled_is_gone_and_comes_back_without_its_memory() {
    let (link, control) = stick(6);
    let mut session = Session::load(link, program()).unwrap();
    control.lock().unwrap().is_unplugged = true;
    let error = session.run(&input(1)).unwrap_err();
    assert!(error.is_gone(), "{error}");
    assert!(session.recover().unwrap_err().is_gone());
    control.lock().unwrap().is_unplugged = false;
    session.recover().unwrap();
    assert!(is_right(&session.run(&input(1)).unwrap(), 1));
    assert_eq!(session.link_mut().restart().unwrap(), MemoryAfter::Kept, "nothing has happened since");
}

#[test]
fn a_silent_stick_is_a_timeout_and_usable_when_it_speaks_again() {
    let (mut link, control) = stick_with(8, StickOptions { deadline: Duration::from_millis(30), ..OPTIONS });
    control.lock().unwrap().is_silent = true;
    let error = link.read32(0).unwrap_err();
    assert!(matches!(error, LinkError::Timeout { .. }), "{error}");
    let error = link.write_at(0, &[1, 2, 3], Duration::from_millis(20)).unwrap_err();
    assert!(matches!(error, LinkError::Timeout { .. }), "{error}");
    control.lock().unwrap().is_silent = false;
    // The machine may be busy: what counts is that it answers at all.
    while link.reset().is_err() {}
    while link.read32(0).is_err() {}
}

#[test]
fn nothing_is_opened_where_nothing_answers() {
    let (wire, control) = StickDouble::new(architecture(), 9);
    control.lock().unwrap().is_silent = true;
    let options = StickOptions { deadline: Duration::from_millis(20), ..OPTIONS };
    let error = StickLink::new(wire, "tty:/dev/modem", options).err().unwrap();
    assert!(matches!(error, StickError::NoStick { .. }), "{error}");
    assert!(error.to_string().contains("tty:/dev/modem"), "{error}");
}

#[test]
fn accesses_outside_the_memory_are_refused_before_they_reach_the_stick() {
    let (mut link, control) = stick(10);
    let before = control.lock().unwrap().requests.len();
    for (address, bytes) in [(1 << 20, 1), (u64::MAX, 1), ((1 << 20) - 4, 5), (1 << 40, 0)] {
        let error = link.read_at(address, &mut vec![0; bytes], LONG).unwrap_err();
        assert!(matches!(error, LinkError::Invalid { .. }), "{error}");
        let error = link.write_at(address, &vec![0; bytes], LONG).unwrap_err();
        assert!(matches!(error, LinkError::Invalid { .. }), "{error}");
    }
    assert_eq!(control.lock().unwrap().requests.len(), before);
}
