//! The stick computes a small layer: the simulator's answer, and that of the synthesised netlist, bit by bit.
//!
//! Without the pinned Yosys or Icarus the netlist is skipped, visibly; with `MYELIN_REQUIRE_TOOLS=1` that fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::env;
use std::io::Write as _;

use myelin_board::{RtlStick, StickModel, StickOptions};
use myelin_isa::stick::{memory, system};
use myelin_isa::{Architecture, Precision, register};
use myelin_rtl::board::stick::Compute;
use myelin_rtl::bus::Cut;
use myelin_synthesis::{Layer, Yosys, accesses, program, smallest_stick, stick_netlist, stick_simulated};

const CYCLES_MAX: u64 = 60_000;

fn layer() -> Layer {
    // Values of both signs, none -128; three channels make runs that are no whole chunks.
    Layer::new([3, 4], 3, |index| (((index * 89 + 17) % 255) as i16 as i8).max(-127))
}

fn expected(layer: &Layer) -> Vec<u8> {
    layer.sums().iter().flat_map(|sum| sum.to_le_bytes()).collect()
}

#[test]
fn the_simulated_stick_answers_a_layer_by_itself() {
    let layer = layer();
    let expected = expected(&layer);
    let stick = smallest_stick(program(&layer, 4 << 8));
    let answer = stick_simulated(&stick, expected.len(), CYCLES_MAX).unwrap();
    assert_eq!(answer.bytes, expected);
}

#[test]
fn a_stick_with_a_cell_reaches_its_registers_and_its_memory() {
    let cell = Architecture::new(8, 8, Precision::Int8).unwrap();
    let cell = cell.with_activation_lanes(1024).unwrap().with_weight_words(16).unwrap();
    let writes = [(memory::DEVICE + 0x20, 0x1234_5678), (memory::TENSOR + register::CYCLE_LIMIT, 99)];
    let reads = [
        (memory::TENSOR + register::ID, register::ID_VALUE),
        (memory::TENSOR + register::SPECIFICATION_LOW, cell.specification() as u32),
        (memory::TENSOR + register::CYCLE_LIMIT, 99),
        (memory::DEVICE + 0x20, 0x1234_5678),
        (memory::SYSTEM + system::DEVICE_BYTES, 4096),
        (0x3000_0000, 0),
    ];
    let boot = accesses(&writes, &reads.map(|(address, _)| address), 4 << 8);
    let mut stick = smallest_stick(boot);
    (stick.compute, stick.architecture, stick.cut) = (Compute::Cell { device_bytes: 4096 }, cell, Cut::Both);
    let expected: Vec<u8> = reads.iter().flat_map(|(_, word)| word.to_le_bytes()).collect();
    assert_eq!(stick_simulated(&stick, expected.len(), CYCLES_MAX).unwrap().bytes, expected);
}

#[test]
fn a_stick_plugged_in_again_begins_again() {
    let layer = layer();
    let expected = expected(&layer);
    let config = smallest_stick(program(&layer, 8 << 8));
    let mut stick = RtlStick::new(&config, StickOptions::default()).unwrap();
    stick.flash().contents_mut()[7] = 42;
    for _ in 0..3 {
        let mut sent = Vec::new();
        // Each call goes on for some milliseconds: a bound, far more than it takes.
        for _ in 0..2000 {
            stick.advance(0, &mut sent).unwrap();
            if sent.len() >= expected.len() {
                break;
            }
        }
        assert_eq!(sent, expected);
        stick.power_cycle();
        assert_eq!(stick.flash().contents()[7], 42, "the flash keeps what it holds");
    }
}

#[test]
fn the_netlist_for_ice40_answers_a_layer_as_the_simulator_does() {
    let icarus = env::split_paths(&env::var_os("PATH").unwrap()).any(|folder| folder.join("iverilog").is_file());
    let (Ok(yosys), true) = (Yosys::pinned(), icarus) else {
        let line = "SKIPPED: the stick's netlist (install: cargo run -- bitstream setup; apt-get install iverilog)";
        let required = env::var("MYELIN_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
        assert!(!required, "{line}, and MYELIN_REQUIRE_TOOLS=1 forbids to skip it");
        _ = writeln!(std::io::stderr(), "{line}");
        return;
    };
    let layer = layer();
    let expected = expected(&layer);
    let stick = smallest_stick(program(&layer, 4 << 8));
    let simulated = stick_simulated(&stick, expected.len(), CYCLES_MAX).unwrap();
    let netlist = stick_netlist(&yosys, &stick, expected.len(), CYCLES_MAX).unwrap();
    assert_eq!(simulated.bytes, expected);
    assert_eq!(netlist.bytes, expected);
    // Reset apart, cycle by cycle the same: the byte's end is looked for every 20 cycles.
    assert!(netlist.cycles.abs_diff(simulated.cycles) < 60, "{} {}", netlist.cycles, simulated.cycles);
}
