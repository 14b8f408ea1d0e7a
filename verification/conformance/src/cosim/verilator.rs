//! Verilator: a program that reads the stimulus and writes the response as 64-bit words.

use std::fmt::Write as _;

use myelin_hdl::Design;

use super::engine::Engine;
use super::error::CosimError;
use super::trace::{Reset, Response, Trace};
use super::work::Work;

/// How hard the C++ compiler tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CxxOptimisation {
    /// `-O0`: soon built; for short runs.
    Quick,
    /// `-O3`: for long runs.
    Fast,
}

/// A built simulator, which answers any number of stimuli, each from power-up.
pub struct Verilated {
    work: Work,
    inputs: usize,
    masks: Vec<u64>,
}

impl Verilated {
    /// Emits the Verilog and builds a simulator of it (some seconds).
    ///
    /// # Errors
    /// If Verilator or the C++ compiler is missing, fails or complains: warnings are errors.
    pub fn build(design: &Design, optimisation: CxxOptimisation) -> Result<Verilated, CosimError> {
        let work = Work::new("verilator")?;
        let files = work.write_verilog(design)?;
        work.write("main.cpp", main(design))?;
        let level = match optimisation {
            CxxOptimisation::Quick => "OPT_FAST=-O0 OPT_GLOBAL=-O0",
            CxxOptimisation::Fast => "OPT_FAST=-O3",
        };
        let top = design.emitted_name(design.top());
        let mut arguments = vec!["--cc", "--exe", "--build", "-Wall", "-O3", "-j", "2", "--x-initial", "0"];
        arguments.extend(["-MAKEFLAGS", level, "--prefix", "Vdut", "--top-module", top, "-Mdir", "build"]);
        arguments.push("main.cpp");
        arguments.extend(files.iter().map(String::as_str));
        work.run("verilator", &arguments)?;
        let masks = design.top().outputs.iter().map(|port| port.ty.mask()).collect();
        Ok(Verilated { work, inputs: design.top().inputs.len(), masks })
    }

    /// What it answers to a stimulus that fits the design.
    ///
    /// # Errors
    /// If files cannot be written or read, or the program fails.
    pub fn response(&self, trace: &Trace) -> Result<Response, CosimError> {
        let mut stimulus = Vec::with_capacity(trace.cycles.len() * (1 + self.inputs) * 8);
        for cycle in &trace.cycles {
            stimulus.extend_from_slice(&u64::from(cycle.reset == Reset::Inactive).to_ne_bytes());
            cycle.inputs.iter().for_each(|bits| stimulus.extend_from_slice(&bits.to_ne_bytes()));
        }
        self.work.write("stimulus.bin", stimulus)?;
        let program = self.work.path("build/Vdut");
        let said = self.work.run(&program.to_string_lossy(), &["stimulus.bin", "response.bin"])?;
        let bytes = self.work.read("response.bin")?;
        let mut words = bytes.chunks_exact(8).map(|word| {
            let word = word.try_into().expect("a chunk of eight bytes");
            u64::from_ne_bytes(word)
        });
        if bytes.len() != trace.cycles.len() * self.masks.len() * 8 {
            let reason = format!("{} bytes for {} cycles\n{said}", bytes.len(), trace.cycles.len());
            return Err(CosimError::BadResponse { engine: Engine::Verilator, reason });
        }
        let mut outputs = Vec::with_capacity(trace.cycles.len());
        for _ in &trace.cycles {
            let row = self.masks.iter().map(|mask| words.next().map(|word| word & mask)).collect();
            outputs.push(row);
        }
        Ok(Response::new(&Engine::Verilator.to_string(), outputs))
    }
}

/// The C++ around the model: words in, words out, one rising edge per cycle.
fn main(design: &Design) -> String {
    let top = design.top();
    // Verilator's own spelling of names with two underscores in a row.
    let member = |name: &str| name.replace("__", "___05F");
    let mut apply = String::new();
    if top.has_reset {
        apply.push_str("    dut.rst_ni = in[0];\n");
    }
    for (index, port) in top.inputs.iter().enumerate() {
        _ = writeln!(apply, "    dut.{} = in[{}];", member(&port.name), index + 1);
    }
    let mut note = String::new();
    for (index, port) in top.outputs.iter().enumerate() {
        _ = writeln!(note, "    out[{index}] = dut.{};", member(&port.name));
    }
    let clock = |level: u32| if top.has_clock { format!("    dut.clk_i = {level};\n") } else { String::new() };
    format!(
        "#include <cstdint>
#include <cstdio>
#include \"Vdut.h\"
#include \"verilated.h\"

int main(int, char **arguments) {{
  std::FILE *stimulus = std::fopen(arguments[1], \"rb\");
  std::FILE *response = std::fopen(arguments[2], \"wb\");
  if (!stimulus || !response) return 1;
  VerilatedContext context;
  Vdut dut{{&context}};
  std::uint64_t in[{inputs}];
  std::uint64_t out[{outputs} + 1] = {{}};
  while (std::fread(in, 8, {inputs}, stimulus) == {inputs}) {{
{apply}{low}    dut.eval();
{note}    if (std::fwrite(out, 8, {outputs}, response) != {outputs}) return 1;
{high}    dut.eval();
  }}
  return std::fclose(response);
}}
",
        inputs = top.inputs.len() + 1,
        outputs = top.outputs.len(),
        low = clock(0),
        high = clock(1),
    )
}
