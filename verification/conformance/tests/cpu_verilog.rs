//! The soft core as emitted Verilog: lint-clean, and cycle for cycle what our simulator computes.

#![allow(clippy::unwrap_used)]

use myelin_conformance::cosim::{Engine, Trace, cosimulate};
use myelin_conformance::lint::lint;
use myelin_conformance::tools::{Tool, available};
use myelin_hdl::Design;
use myelin_rtl::cpu::{CpuParameters, Multiply, cpu};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn cores() -> [CpuParameters; 3] {
    let small = CpuParameters::small(0x1_0000).unwrap();
    [small, small.with_multiply(Multiply::Serial).with_counters(), CpuParameters::fast(0).unwrap()]
}

/// A word that is mostly an instruction: an opcode of RV32I, the rest arbitrary; or MRET, or a CSR's.
fn instruction(random: &mut ChaCha8Rng) -> u64 {
    const OPCODES: [u64; 11] = [0x03, 0x0f, 0x13, 0x17, 0x23, 0x33, 0x37, 0x63, 0x67, 0x6f, 0x73];
    const CSRS: [u64; 8] = [0x300, 0x304, 0x305, 0x340, 0x341, 0x342, 0x343, 0x344];
    let word = random.random::<u64>() & 0xffff_ff80;
    match random.random_range(0..10) {
        0 => CSRS[random.random_range(0..8)] << 20 | word & 0xf_ff80 | 0x73,
        1 => 0x3020_0073,
        // Register and register with funct7 as it should be: 0, SUB's or M's.
        2..=4 => word & 0x01ff_ff80 | [0, 0x20, 1][random.random_range(0..3)] << 25 | 0x33,
        _ => word | OPCODES[random.random_range(0..OPCODES.len())],
    }
}

/// A bus that answers every request, at any time, with an instruction.
fn stimulus(design: &Design, cycles: usize, seed: u64) -> Trace {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut trace = Trace::in_reset(design, 2);
    let names = ["bus_ready_i", "bus_error_i", "bus_read_data_i", "timer_interrupt_i", "external_interrupt_i"];
    let positions = names.map(|name| design.top().input_index(name).unwrap());
    for _ in 0..cycles {
        let mut levels = vec![0; design.top().inputs.len()];
        let values = [
            u64::from(random.random_range(0..3) != 0),
            u64::from(random.random_range(0..20) == 0),
            instruction(&mut random),
            u64::from(random.random_range(0..50) == 0),
            u64::from(random.random_range(0..50) == 0),
        ];
        for (position, value) in positions.into_iter().zip(values) {
            levels[position] = value;
        }
        trace.push(levels);
    }
    trace
}

fn same_in_every_cycle(engine: Engine, cycles: usize) {
    if !available("co-simulation of the soft core", engine.tools()) {
        return;
    }
    for (seed, core) in (1..).zip(cores()) {
        let design = Design::new(cpu(&core)).unwrap();
        let trace = stimulus(&design, cycles, seed);
        cosimulate(&design, &trace, &[Engine::Compiled, engine]).unwrap_or_else(|error| panic!("{core:?}: {error}"));
    }
}

#[test]
fn the_core_is_lint_clean() {
    for core in cores() {
        let design = Design::new(cpu(&core)).unwrap();
        for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
            if available("lint of the soft core", &[tool]) {
                lint(&design, tool).unwrap_or_else(|error| panic!("{core:?}: {error}"));
            }
        }
    }
}

#[test]
fn icarus_executes_as_our_simulator_does() {
    same_in_every_cycle(Engine::Icarus, 10_000);
}

#[test]
fn verilator_executes_as_our_simulator_does() {
    same_in_every_cycle(Engine::Verilator, 40_000);
}
