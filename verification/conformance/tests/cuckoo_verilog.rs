//! The edge-trimming core as emitted Verilog: lint-clean, and cycle for cycle what our simulator computes.

#![allow(clippy::unwrap_used)]

use myelin_conformance::cosim::{Engine, Trace, cosimulate};
use myelin_conformance::lint::lint;
use myelin_conformance::tools::{Tool, available};
use myelin_hdl::Design;
use myelin_isa::cuckoo::{Core, Sip, Variant, register};
use myelin_rtl::cuckoo::core::core;

fn cores() -> [Core; 4] {
    let core = |variant, sip, edge_bits, lanes| Core::new(variant, sip, edge_bits, lanes).unwrap();
    [
        core(Variant::Cuckaroo, Sip::FourEight, 10, 2),
        core(Variant::Cuckatoo, Sip::TwoFour, 10, 1),
        core(Variant::Cuckarood, Sip::TwoFour, 11, 2).with_partitions(2).unwrap(),
        core(Variant::Cuckoo, Sip::TwoFour, 12, 4).with_banks(4).unwrap(),
    ]
}

/// A graph of six rounds; the memory hesitates.
fn stimulus(design: &Design, cycles: usize) -> Trace {
    let top = design.top();
    let position = |name: &str| top.input_index(name).unwrap();
    let mut trace = Trace::in_reset(design, 2);
    let idle = vec![0; top.inputs.len()];
    let mut write = |address: u32, value: u64| {
        let mut levels = idle.clone();
        levels[position("host_write_valid_i")] = 1;
        levels[position("host_write_address_i")] = u64::from(address);
        levels[position("host_write_data_i")] = value;
        trace.push(levels);
    };
    (0..8).for_each(|word| write(register::KEYS + 4 * word, 0x9e37_79b9 ^ u64::from(word)));
    write(register::START, 6);
    for cycle in 0..cycles {
        let mut levels = idle.clone();
        levels[position("store_ready_i")] = u64::from(cycle % 3 != 0);
        levels[position("host_read_valid_i")] = 1;
        levels[position("host_read_address_i")] = 4 * (cycle as u64 % 64);
        trace.push(levels);
    }
    trace
}

#[test]
fn the_core_is_lint_clean() {
    for (index, core_parameters) in cores().into_iter().enumerate() {
        let design = Design::new(core(&core_parameters)).unwrap();
        for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
            // Yosys takes long; the first two have all there is between them but partitions.
            if (tool != Tool::Yosys || index < 2) && available("lint of the edge-trimming core", &[tool]) {
                lint(&design, tool).unwrap();
            }
        }
    }
}

#[test]
fn the_core_s_verilog_does_what_our_simulator_does() {
    if !available("co-simulation of the edge-trimming core", &[Tool::Verilator]) {
        return;
    }
    // One of each kind of lane; the second with partitions.
    for core_parameters in [cores()[1], cores()[2]] {
        let design = Design::new(core(&core_parameters)).unwrap();
        let trace = stimulus(&design, 8_000);
        cosimulate(&design, &trace, &[Engine::Compiled, Engine::Verilator]).unwrap();
    }
}
