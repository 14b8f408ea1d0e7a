//! A node on a stick that is pulled, loses power and has a bad line: every answer right and in time, nothing left behind.
//!
//!     MYELIN_STICK_INFERENCES=20000 cargo test -p myelin-infer --release --test stick    # as long as it takes
#![allow(clippy::unwrap_used)] // Clippy sees tests only in functions marked so.

mod common;

use std::time::{Duration, Instant};

use common::repository_path;
use myelin_board::{FastStick, FaultScript, VirtualStick};
use myelin_driver::{Deadlines, Port, StickLink, StickOptions};
use myelin_graph::import::Limits;
use myelin_infer::{CpuEngine, DeviceConfig, DeviceEngine, Model, ProbeIntervals};
use myelin_isa::{Architecture, Precision};

/// Open files of this process.
fn handles() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn engine(stick: &VirtualStick) -> DeviceEngine {
    let options = StickOptions { retransmit: Duration::from_millis(20), ..StickOptions::default() };
    let port = Port::Path(stick.path().to_owned());
    let link = loop {
        match StickLink::open(&port, options) {
            Ok(link) => break link,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let config = DeviceConfig {
        deadlines: Deadlines { transfer: Duration::from_secs(2), run: Duration::from_secs(2) },
        patience: Duration::from_millis(500),
        probes: ProbeIntervals { first: Duration::from_millis(2), longest: Duration::from_millis(50) },
        ..DeviceConfig::default()
    };
    DeviceEngine::new(Box::new(link), CpuEngine::default(), config)
}

#[test]
fn no_answer_is_wrong_or_late_and_nothing_leaks_whatever_happens_to_the_stick() {
    let inferences = std::env::var("MYELIN_STICK_INFERENCES").map_or(400, |text| text.parse().unwrap());
    let architecture = Architecture::new(8, 8, Precision::Int8).unwrap();
    let file = |name: &str| std::fs::read(repository_path("models/digits_int8").join(name)).unwrap();
    let rows = |bytes: Vec<u8>, row: usize| -> Vec<Vec<u8>> {
        bytes[bytes.len() - 899 * row..].chunks(row).map(<[u8]>::to_vec).collect()
    };
    let (pictures, official) = (rows(file("input.npy"), 64), rows(file("official_logits.npy"), 40));
    let folder = tempfile::tempdir().unwrap();
    let (begun, before) = (Instant::now(), handles());
    let happened;
    {
        let script = FaultScript { seed: 11, ..FaultScript::ALL };
        let model = Box::new(FastStick::new(architecture, 1 << 18));
        let stick = VirtualStick::start(model, &folder.path().join("stick"), script).unwrap();
        let engine = engine(&stick);
        let health = engine.devices()[0].clone();
        let model = Model::load(&file("symbol"), &file("params"), &Limits::default(), &engine).unwrap();
        let (mut open, mut index) = (0, 0);
        // While it is away the processor is quick: go on until enough has happened.
        while index < inferences || stick.unplugs() < 3 || health.quarantines() < 2 {
            // An error here would be an answer that came too late: the node's caller has gone by then.
            let deadline = Instant::now() + Duration::from_secs(60);
            let answer = model.run_until(&pictures[index % 899], deadline).unwrap();
            assert_eq!(answer, official[index % 899], "inference {index}");
            open = open.max(handles());
            index += 1;
        }
        assert!(open < before + 16, "{open} handles open, {before} before");
        assert!(stick.faults() >= stick.unplugs() && stick.is_alive());
        let (faults, unplugs, quarantines) = (stick.faults(), stick.unplugs(), health.quarantines());
        happened =
            format!("{faults} faults, {unplugs} times unplugged, {quarantines} quarantines; {open} handles at most");
        drop(model);
        drop(engine);
        stick.stop().unwrap();
    }
    // The engine's thread ends by itself.
    while handles() > before {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (seconds, after) = (begun.elapsed().as_secs_f64(), handles());
    println!("{seconds:.0} s: no answer wrong or late; {happened}, {before} before, {after} after");
}
