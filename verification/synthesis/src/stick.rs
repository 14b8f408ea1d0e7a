//! The stick's netlist beside the simulator: both run one program, and what they send is compared.

use std::process::Command;

use myelin_board::{RtlStick, StickOptions};
use myelin_hdl::Design;
use myelin_hdl::verilog::{Options, SourceComments, emit_with};
use myelin_isa::stick::{board, memory};
use myelin_isa::{Architecture, Precision};
use myelin_programs::run;
use myelin_rtl::board::serial::{self, Link};
use myelin_rtl::board::stick::{Compute, Config, NAME, stick_system};
use myelin_rtl::bus::Cut;
use myelin_rtl::cpu::CpuParameters;
use myelin_rtl::tensor::packed_pe::MULTIPLIER_PAIR_ICE40;

use crate::netlist::without_timing;
use crate::yosys::{SynthesisError, Yosys, folder, read, write};

/// Clock of the smallest stick; only its ratio to the line rate shows.
const CLOCK_HZ: u32 = 24_000_000;
/// Clocks of a bit: few, so that sending takes little time.
const BIT_CLOCKS: u32 = 4;

/// What a stick has sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StickAnswer {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Cycles until the last of them was there.
    pub cycles: u64,
}

/// The UP5K stick with this boot RAM.
///
/// # Panics
/// Never: its parameters are legal.
pub fn smallest_stick(boot: Vec<u8>) -> Config {
    Config {
        board: board::ICEBREAKER,
        core: CpuParameters::small(memory::RESET).expect("invariant: the reset vector is a word's"),
        cut: Cut::Requests,
        serial: serial::Config {
            link: Link::Uart,
            clock_hz: CLOCK_HZ,
            baud: 115_200,
            fifo_bytes: 512,
            offset_bits: 17,
        },
        compute: Compute::MacArray,
        architecture: Architecture::new(4, 4, Precision::Int8).expect("invariant: 4x4 is the smallest cell"),
        ram_bytes: memory::BOOT_BYTES,
        ram_contents: boot,
        build: 0,
    }
}

fn failed(reason: String) -> SynthesisError {
    SynthesisError::Answer { program: "simulator", subject: "stick".to_owned(), reason }
}

/// What our simulator says that the stick sends, until so many bytes are there.
///
/// # Errors
/// If it does not within `cycles_max`.
pub fn stick_simulated(config: &Config, bytes: usize, cycles_max: u64) -> Result<StickAnswer, SynthesisError> {
    let options = StickOptions { baud: CLOCK_HZ / BIT_CLOCKS, ..StickOptions::default() };
    let mut stick = RtlStick::new(config, options).map_err(|error| failed(error.to_string()))?;
    let mut sent = Vec::new();
    while sent.len() < bytes {
        if stick.cycle() >= cycles_max {
            return Err(failed(format!("{} of {bytes} bytes in {cycles_max} cycles", sent.len())));
        }
        stick.run(20).map_err(|failure| failed(failure.to_string()))?;
        sent.append(&mut stick.take_sent());
    }
    Ok(StickAnswer { bytes: sent, cycles: stick.cycle() })
}

/// What the netlist of synthesis for iCE40 sends, under Icarus with the vendor cells' models.
///
/// # Errors
/// If a tool is missing or fails, or it does not send as many bytes within `cycles_max`.
pub fn stick_netlist(
    yosys: &Yosys,
    config: &Config,
    bytes: usize,
    cycles_max: u64,
) -> Result<StickAnswer, SynthesisError> {
    let folder = folder()?;
    let path = folder.path();
    let design = Design::new(stick_system(config)).expect("invariant: names of our blocks are identifiers");
    let options = Options { source_comments: SourceComments::Omit, ..Options::default() };
    let mut files = Vec::new();
    for file in emit_with(&design, options) {
        // The vendor's block in place of the multipliers: it is a cell already, so nothing packs DSP blocks.
        let text = if file.name == "multiplier_pair.v" { MULTIPLIER_PAIR_ICE40 } else { &file.text };
        write(&path.join(&file.name), text)?;
        files.push(file.name);
    }
    let script = format!(
        "read_verilog -sv {}; synth_ice40 -device u -abc9 -top {NAME}; write_verilog -noattr netlist.v",
        files.join(" ")
    );
    yosys.script(path, &script)?;
    write(&path.join("bench.v"), &bench(bytes, cycles_max))?;
    write(&path.join("cells.v"), &without_timing(&read(&yosys.model("ice40/cells_sim.v"))?))?;
    let mut iverilog = Command::new("iverilog");
    iverilog.current_dir(path).args(["-g2012", "-DNO_ICE40_DEFAULT_ASSIGNMENTS", "-s", "bench", "-o", "bench.vvp"]);
    iverilog.args(["bench.v", "netlist.v", "cells.v"]);
    run(&mut iverilog)?;
    let said = run(Command::new("vvp").current_dir(path).args(["-n", "bench.vvp"]))?;
    answer(&said).map_err(failed)
}

/// Bytes and cycles from what the bench says.
fn answer(said: &str) -> Result<StickAnswer, String> {
    let mut bytes = Vec::new();
    for line in said.lines() {
        if let Some(byte) = line.strip_prefix("byte ") {
            bytes.push(u8::from_str_radix(byte, 16).map_err(|_| format!("not a byte: {byte}"))?);
        }
        if let Some(cycles) = line.strip_prefix("done ") {
            let cycles = cycles.trim().parse().map_err(|_| format!("not a number: {cycles}"))?;
            return Ok(StickAnswer { bytes, cycles });
        }
    }
    Err(format!("only {} bytes came", bytes.len()))
}

/// A bench that resets the netlist and prints the bytes on its line.
fn bench(bytes: usize, cycles_max: u64) -> String {
    format!(
        "`timescale 1ns/1ps
module bench;
  reg clk = 0, rst_n = 0, power_on = 1;
  wire tx;
  integer cycle = 0, bits = 0, wait_left = 0, count = 0;
  reg [7:0] byte_q = 0;
  {NAME} stick (
    .clk_i(clk), .rst_ni(rst_n), .power_on_i(power_on), .serial_rx_i(1'b1), .flash_data_i(1'b1), .serial_tx_o(tx)
  );
  always #10 clk = ~clk;
  always @(negedge clk) begin
    cycle <= cycle + 1;
    if (cycle == 8) rst_n <= 1;
    if (cycle == 9) power_on <= 0;
    if (rst_n && bits == 0 && tx === 1'b0) begin
      bits <= 9;
      wait_left <= {half};
    end else if (bits > 0) begin
      if (wait_left > 0) wait_left <= wait_left - 1;
      else begin
        bits <= bits - 1;
        wait_left <= {bit};
        if (bits > 1) byte_q <= {{tx, byte_q[7:1]}};
        else begin
          $display(\"byte %02x\", byte_q);
          count = count + 1;
          if (count == {bytes}) begin
            $display(\"done %0d\", cycle);
            $finish;
          end
        end
      end
    end
    if (cycle == {cycles_max}) $finish;
  end
endmodule
",
        half = BIT_CLOCKS + BIT_CLOCKS / 2 - 1,
        bit = BIT_CLOCKS - 1,
    )
}
