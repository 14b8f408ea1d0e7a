//! What Yosys makes of each shape of memory: cells counted after synthesis for three families.
//!
//! The table in `MemoryHandle`'s documentation says what is seen here.

use std::sync::Arc;

use myelin_conformance::lint::synthesise;
use myelin_conformance::tools::{Tool, available};
use myelin_hdl::{Design, MemoryStyle, Module, ModuleBuilder, Signal, SinglePort, module, u};

const LANES: usize = 4;

fn word(m: &ModuleBuilder) -> Vec<Signal> {
    (0..LANES).map(|lane| m.input(&format!("data_{lane}_i"), u(8))).collect()
}

fn show(m: &ModuleBuilder, name: &str, word: &[Signal]) {
    word.iter().zip(0..).for_each(|(&value, lane)| m.output(&format!("{name}_{lane}_o"), value));
}

/// One port, bytes enabled one by one.
fn single_port(name: &str, address_width: u32, style: MemoryStyle) -> Arc<Module> {
    module(name, |m| {
        let (address, data) = (m.input("address_i", u(address_width)), word(m));
        let (enable, write) = (m.input("enable_i", u(1)), m.input("write_i", u(1)));
        let lane_enables: Vec<Signal> = (0..LANES).map(|lane| m.input(&format!("lane_{lane}_i"), u(1))).collect();
        let memory = m.memory("words", 1 << address_width, LANES, u(8)).style(style);
        let port = SinglePort { address, enable, write, lane_enables: Some(&lane_enables), data: &data };
        show(m, "read", &memory.single_port(port));
    })
}

/// `reads` read ports and a write port, bytes enabled one by one or not.
fn read_and_write(name: &str, reads: usize, has_lane_enables: bool) -> Arc<Module> {
    module(name, |m| {
        let memory = m.memory("words", 512, LANES, u(8)).style(MemoryStyle::Block);
        for read in 0..reads {
            let (address, enable) =
                (m.input(&format!("read_address_{read}_i"), u(9)), m.input(&format!("read_{read}_i"), u(1)));
            show(m, &format!("read_{read}"), &memory.read(address, enable));
        }
        let (address, enable, data) = (m.input("write_address_i", u(9)), m.input("write_i", u(1)), word(m));
        if has_lane_enables {
            let enables: Vec<Signal> = (0..LANES).map(|lane| m.input(&format!("lane_{lane}_i"), u(1))).collect();
            memory.write_lanes(address, enable, &enables, &data);
        } else {
            memory.write(address, enable, &data);
        }
    })
}

fn constants() -> Arc<Module> {
    module("constants", |m| {
        let contents: Vec<i64> = (0..512 * LANES as i64).map(|index| index * index * 37 % 251).collect();
        let memory = m.memory("words", 512, LANES, u(8)).style(MemoryStyle::Block).init(&contents);
        let (address, enable) = (m.input("address_i", u(9)), m.input("enable_i", u(1)));
        show(m, "read", &memory.read(address, enable));
    })
}

fn read_at_once() -> Arc<Module> {
    module("read_at_once", |m| {
        let memory = m.memory("words", 32, LANES, u(8)).style(MemoryStyle::Distributed);
        show(m, "read", &memory.read_asynchronous(m.input("read_address_i", u(5))));
        memory.write(m.input("write_address_i", u(5)), m.input("write_i", u(1)), &word(m));
    })
}

/// Cells of a kind (its name begins so) in Yosys' report.
fn cells(report: &str, kind: &str) -> u32 {
    let last = report.rsplit("Number of cells").next().unwrap_or(report);
    let counts = last.lines().filter(|line| line.trim_start().starts_with(kind));
    counts.filter_map(|line| line.split_whitespace().find_map(|word| word.parse::<u32>().ok())).sum()
}

/// Synthesises each shape and demands at least, or no, cells of each kind.
fn infers(script: &str, shapes: &[(Arc<Module>, &str, u32)], flip_flop: &str, storage_bits: u32) {
    if !available(&format!("inference of memories by {script}"), &[Tool::Yosys]) {
        return;
    }
    for (shape, kind, count) in shapes {
        let design = Design::new(shape.clone()).expect("good names");
        let report = synthesise(&design, script).expect("Yosys synthesises");
        assert_eq!(cells(&report, kind), *count, "{kind} of {}\n{report}", shape.name);
        let registers = cells(&report, flip_flop);
        assert!(registers < storage_bits, "{} is made of {registers} registers\n{report}", shape.name);
    }
}

#[test]
fn xilinx_block_ram_and_look_up_table_ram_are_inferred() {
    let shapes = [
        (single_port("one_port", 10, MemoryStyle::Block), "RAMB36E1", 1),
        (read_and_write("whole_words", 1, false), "RAMB18E1", 1),
        (read_and_write("byte_enables", 1, true), "RAMB18E1", 1),
        (read_and_write("two_readers", 2, true), "RAMB", 2),
        (constants(), "RAMB18E1", 1),
        (read_at_once(), "RAM32M", 6),
    ];
    // Block RAM itself reads the old word: not one register beside it.
    infers("synth_xilinx", &shapes, "FD", 1);
}

#[test]
fn ecp5_block_ram_and_look_up_table_ram_are_inferred() {
    let shapes = [
        (single_port("one_port", 10, MemoryStyle::Block), "DP16KD", 2),
        (read_and_write("whole_words", 1, false), "DP16KD", 1),
        (read_and_write("byte_enables", 1, true), "DP16KD", 1),
        (read_and_write("two_readers", 2, true), "DP16KD", 2),
        (constants(), "DP16KD", 1),
        (read_at_once(), "TRELLIS_DPR16X4", 16),
    ];
    infers("synth_ecp5", &shapes, "TRELLIS_FF", 300);
}

#[test]
fn ice40_block_ram_is_inferred() {
    let shapes = [
        (single_port("one_port", 10, MemoryStyle::Block), "SB_RAM40_4K", 8),
        (read_and_write("whole_words", 1, false), "SB_RAM40_4K", 4),
        (read_and_write("byte_enables", 1, true), "SB_RAM40_4K", 4),
        (read_and_write("two_readers", 2, true), "SB_RAM40_4K", 8),
        (constants(), "SB_RAM40_4K", 4),
    ];
    infers("synth_ice40", &shapes, "SB_DFF", 300);
}

#[test]
fn a_large_single_port_memory_becomes_ice40_single_port_sram() {
    let shapes = [(single_port("one_large_port", 14, MemoryStyle::Ultra), "SB_SPRAM256KA", 2)];
    // The output of the SRAM is the word read: no register at all.
    infers("synth_ice40", &shapes, "SB_DFF", 1);
}
