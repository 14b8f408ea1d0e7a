//! A design's Verilog, and the program made of it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use myelin_conformance::cosim::CxxOptimisation;
use myelin_hdl::{Design, verilog};
use myelin_programs::run;
use sha2::{Digest, Sha256};

use super::program::Program;
use super::tool::Verilator;
use crate::clock;
use crate::error::BenchError;
use crate::subject::{Drive, Recording, digest_in_cxx};

/// What every model is made with: the options that Verilator's manual recommends for speed, and
/// neither assertions nor waves.
const FLAGS: &[&str] = &[
    "--cc",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--no-assert",
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-style",
    "--prefix",
    "Vdut",
    "--Mdir",
    ".",
];
/// What C++ is compiled with, to be measured.
const CXX_FAST: &[&str] = &["-O3", "-march=native", "-DNDEBUG", "-w"];
/// The same, to be compared only.
const CXX_QUICK: &[&str] = &["-O0", "-DNDEBUG", "-w"];

/// Verilog text and the name of its top module.
#[derive(Clone, Debug)]
pub struct Text {
    /// All modules.
    pub verilog: String,
    /// The outermost one.
    pub top: String,
    /// Parameters of the top.
    pub parameters: Vec<(&'static str, usize)>,
    /// How outputs are reached.
    pub ports: Ports,
}

/// How the C++ around a model reaches the outputs.
#[derive(Clone, Debug)]
pub enum Ports {
    /// One port each.
    Named(Vec<String>),
    /// All of 32 bits, lowest first in one port.
    Packed {
        /// Its name.
        name: &'static str,
        /// How many.
        count: usize,
    },
}

/// A way to have Verilator translate a text.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// For the table.
    pub name: &'static str,
    /// Options beside those that every model has.
    pub flags: &'static [&'static str],
}

impl Style {
    /// Verilator decides which modules it inlines; those here all.
    pub const HIERARCHICAL: Style = Style { name: "hierarchical", flags: &[] };
    /// Everything becomes one module first.
    pub const FLAT: Style = Style { name: "flattened", flags: &["--flatten"] };
    /// One function serves all instances of a module that says so under this macro.
    pub const KEPT: Style = Style { name: "not inlined", flags: &["+define+KEEP_MODULES"] };
}

impl Text {
    /// What our emitter makes of a design.
    pub fn emitted(design: &Design) -> Text {
        let top = design.top();
        Text {
            verilog: verilog::emit_single(design, verilog::Options::default()),
            top: design.emitted_name(top).to_owned(),
            parameters: Vec::new(),
            ports: Ports::Named(top.outputs.iter().map(|port| port.name.clone()).collect()),
        }
    }
}

/// A model to be built.
pub struct Model<'a> {
    /// What it is called in the table.
    pub name: String,
    /// The Verilog.
    pub text: &'a Text,
    /// How it is translated.
    pub style: Style,
    /// What drives it.
    pub drive: &'a Drive,
    /// Names of the inputs, where the drive is recorded.
    pub inputs: Vec<String>,
}

impl Model<'_> {
    /// Builds the program in `target/bench`, unless one of the same C++, options and compiler is there
    /// (Verilator makes the same of many texts), and starts it.
    ///
    /// # Errors
    /// If Verilator or the compiler fails, or files cannot be written.
    pub fn start(&self, verilator: &Verilator) -> Result<Program, BenchError> {
        let cache = crate::target_folder().join("bench");
        fs::create_dir_all(&cache).map_err(BenchError::file("make folder", &cache))?;
        let folder = tempfile::tempdir_in(&cache).map_err(BenchError::file("make folder in", &cache))?;
        self.translate(verilator, folder.path())?;
        let kept = cache.join(key(verilator, folder.path())?);
        if !kept.join("model").is_file() {
            eprintln!("compiling {} in {}", self.name, kept.display());
            compile(verilator, folder.path())?;
            // What an interrupted run left there.
            _ = fs::remove_dir_all(&kept);
            fs::rename(folder.keep(), &kept).map_err(BenchError::file("rename to", &kept))?;
        }
        let mut arguments = Vec::new();
        if let Drive::Recorded(recording) = self.drive {
            let file = kept.join("stimulus.bin");
            fs::write(&file, bytes(recording)).map_err(BenchError::file("write", &file))?;
            arguments.push(file);
        }
        Program::start(&self.name, &kept.join("model"), &arguments)
    }

    /// Builds the program in a folder of its own; the processor time that took.
    ///
    /// # Errors
    /// As [`Model::start`].
    pub fn build(&self, verilator: &Verilator, folder: &Path) -> Result<Duration, BenchError> {
        let begun = clock::of_children();
        self.translate(verilator, folder)?;
        compile(verilator, folder)?;
        Ok(clock::of_children().saturating_sub(begun))
    }

    /// Writes the C++.
    fn translate(&self, verilator: &Verilator, folder: &Path) -> Result<(), BenchError> {
        let write = |name: &str, contents: &str| {
            let path = folder.join(name);
            fs::write(&path, contents).map_err(BenchError::file("write", &path))
        };
        write("dut.v", &self.text.verilog)?;
        let mut command = verilator.command();
        command.current_dir(folder).args(FLAGS).args(self.style.flags).args(["--top-module", &self.text.top]);
        command.args(self.text.parameters.iter().map(|(name, value)| format!("-G{name}={value}")));
        run(command.arg("dut.v"))?;
        // All of it in one translation unit, main included: the compiler may inline everything.
        let mut all = String::new();
        for name in generated(folder)?.iter().filter(|name| name.ends_with(".cpp")) {
            _ = writeln!(all, "#include \"{name}\"");
        }
        write("all.cc", &(all + &self.main()))
    }

    /// The C++ around the model: reads numbers of cycles, answers nanoseconds and a digest.
    fn main(&self) -> String {
        // Verilator's own spelling of names with two underscores in a row.
        let member = |name: &str| name.replace("__", "___05F");
        let (outputs, count) = match &self.text.ports {
            Ports::Named(names) => (names.iter().map(|name| member(name)).collect::<Vec<_>>(), names.len()),
            Ports::Packed { name, count } => {
                ((0..*count).map(|index| format!("{name}[{index}]")).collect::<Vec<_>>(), *count)
            }
        };
        let note = |indent: &str| -> String {
            let lines = outputs.iter().enumerate().map(|(index, name)| format!("{indent}out[{index}] = dut.{name};\n"));
            lines.chain([digest_in_cxx(indent, count)]).collect()
        };
        let applied: String = (self.inputs.iter().enumerate())
            .map(|(index, name)| format!("      dut.{} = in[{index}];\n", member(name)))
            .collect();
        let (setup, cycle, end) = match self.drive {
            Drive::Itself { reset_cycles } => (
                format!("  for (int cycle = 0; cycle < {reset_cycles}; ++cycle) edge(dut);\n  dut.rst_ni = 1;\n"),
                "      edge(dut);\n".to_owned(),
                format!("    digest = 0;\n{}", note("    ")),
            ),
            Drive::Recorded(recording) => (
                replay_setup(recording, self.inputs.len(), &applied),
                format!(
                    "      if (position == total) position = {};\n      in = &data[position++ * {}];\n{applied}      \
                     dut.clk_i = 0;\n      dut.eval();\n{}      dut.clk_i = 1;\n      dut.eval();\n",
                    recording.loop_from,
                    self.inputs.len(),
                    note("      ")
                ),
                String::new(),
            ),
        };
        format!(
            "#include <cstdint>
#include <cstdio>
#include <ctime>
#include <vector>
#include \"Vdut.h\"
#include \"verilated.h\"

static inline std::uint64_t now() {{
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::uint64_t(time.tv_sec) * 1000000000 + time.tv_nsec;
}}

static inline void edge(Vdut &dut) {{
  dut.clk_i = 0;
  dut.eval();
  dut.clk_i = 1;
  dut.eval();
}}

int main(int, char **arguments) {{
  VerilatedContext context;
  Vdut dut{{&context}};
  std::uint64_t digest = 0, cycles = 0, out[{count}];
  dut.rst_ni = 0;
{setup}  while (std::scanf(\"%lu\", &cycles) == 1) {{
    std::uint64_t begun = now();
    for (std::uint64_t cycle = 0; cycle < cycles; ++cycle) {{
{cycle}    }}
    std::uint64_t took = now() - begun;
{end}    std::printf(\"%lu %016lx\\n\", took, digest);
    std::fflush(stdout);
  }}
  return 0;
}}
"
        )
    }
}

/// C++ that reads the recording and goes through reset with its first cycle's inputs.
fn replay_setup(recording: &Recording, inputs: usize, applied: &str) -> String {
    format!(
        "  std::FILE *file = std::fopen(arguments[1], \"rb\");
  if (!file) return 1;
  const std::size_t total = {total};
  std::size_t position = 0;
  std::vector<std::uint64_t> data(total * {inputs});
  if (std::fread(data.data(), 8, data.size(), file) != data.size()) return 1;
  std::fclose(file);
  const std::uint64_t *in = data.data();
{applied}  for (int cycle = 0; cycle < {reset}; ++cycle) edge(dut);
  dut.rst_ni = 1;
",
        total = recording.cycles.len(),
        reset = recording.reset_cycles,
    )
}

/// Names of what Verilator wrote for the compiler, sorted.
fn generated(folder: &Path) -> Result<Vec<String>, BenchError> {
    let files = fs::read_dir(folder).map_err(BenchError::file("list", folder))?;
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    let wanted = |name: &String| name.starts_with("Vdut") && (name.ends_with(".cpp") || name.ends_with(".h"));
    let mut names: Vec<String> = names.filter(wanted).collect();
    names.sort();
    Ok(names)
}

/// Names the program that the compiler will make.
fn key(verilator: &Verilator, folder: &Path) -> Result<String, BenchError> {
    let mut hash = Sha256::new();
    hash.update(format!("{} {:?}", verilator.version, cxx_flags(verilator)));
    for name in generated(folder)?.into_iter().chain(["all.cc".to_owned()]) {
        let path = folder.join(&name);
        hash.update(name);
        hash.update(fs::read(&path).map_err(BenchError::file("read", &path))?);
    }
    Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// Makes the program `model` of the C++ in a folder.
fn compile(verilator: &Verilator, folder: &Path) -> Result<(), BenchError> {
    let mut command = verilator.compiler();
    command.current_dir(folder).args(cxx_flags(verilator)).args(["-I.", "all.cc"]);
    for name in ["verilated.cpp", "verilated_threads.cpp"] {
        command.arg(verilator.library(name));
    }
    run(command.args(["-pthread", "-latomic", "-o", "model"]))?;
    Ok(())
}

fn cxx_flags(verilator: &Verilator) -> &'static [&'static str] {
    match verilator.optimisation {
        CxxOptimisation::Fast => CXX_FAST,
        CxxOptimisation::Quick => CXX_QUICK,
    }
}

fn bytes(recording: &Recording) -> Vec<u8> {
    recording.cycles.iter().flatten().flat_map(|bits| bits.to_ne_bytes()).collect()
}
