//! A netlist beside its source under Icarus, with one stimulus.
//!
//! Cell models: Yosys' own where there are any; for DSP48E2 and MULT18X18D, which Yosys has as
//! black boxes, ours (`models/`), written from the manuals' rules and answering x to any use of the
//! block that they do not model. A source's output that is still unknown (registers without reset
//! before they are filled) is not compared; a netlist's unknown bit where the source's is known is a
//! difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use myelin_hdl::{Design, Ty};
use myelin_programs::run;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::family::Family;
use crate::resources::{Resources, STATISTICS, counted};
use crate::subject::Subject;
use crate::yosys::{SynthesisError, Yosys, folder, read, write};

/// What was compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Outputs compared, cycle by cycle.
    pub compared: u64,
    /// Outputs that differed.
    pub different: u64,
    /// The first difference: cycle, output, bits of the source and of the netlist.
    pub first: Option<String>,
    /// What the netlist takes.
    pub resources: Resources,
    /// Where source, netlist, stimulus and bench are, if there was a difference.
    pub kept: Option<PathBuf>,
}

/// Synthesises a block and runs netlist and source for `cycles` cycles; inputs are random, often extremes.
///
/// # Errors
/// If a tool is missing, fails or answers something unexpected.
pub fn check_netlist(
    yosys: &Yosys,
    family: Family,
    subject: &Subject,
    cycles: u32,
    seed: u64,
) -> Result<Comparison, SynthesisError> {
    let folder = folder()?;
    let design = &subject.design;
    let top = design.emitted_name(design.top());
    let begun = Instant::now();
    let netlist = format!("{STATISTICS}; rename {top} {NETLIST}; write_verilog -noattr {NETLIST}.v");
    yosys.synthesise(design, family, &netlist, folder.path())?;
    let resources = counted(yosys, family, subject, folder.path(), begun.elapsed().as_secs_f64())?;
    let said = simulate(yosys, family, design, folder.path(), cycles, seed)?;
    let answer = |reason: &str| SynthesisError::Answer {
        program: "vvp",
        subject: subject.describe(),
        reason: format!("{reason}: {said}"),
    };
    let line = said.lines().find_map(|line| line.strip_prefix("compared ")).ok_or_else(|| answer("no result"))?;
    let mut counts = line.split_whitespace().map(str::parse);
    let (Some(Ok(compared)), Some(Ok(different))) = (counts.next(), counts.next()) else {
        return Err(answer("no counts"));
    };
    let first = said.lines().find_map(|line| line.strip_prefix("different ")).map(str::to_owned);
    // What differs stays, to be looked at.
    let kept = (different > 0).then(|| folder.keep());
    Ok(Comparison { compared, different, first, resources, kept })
}

const NETLIST: &str = "synthesised_netlist";
const BENCH: &str = "netlist_bench";

fn simulate(
    yosys: &Yosys,
    family: Family,
    design: &Design,
    folder: &Path,
    cycles: u32,
    seed: u64,
) -> Result<String, SynthesisError> {
    write(&folder.join("stimulus.txt"), &stimulus(design, cycles, seed))?;
    write(&folder.join("bench.v"), &bench(design, cycles))?;
    let (yosys_models, own) = family.models();
    let mut iverilog = Command::new("iverilog");
    iverilog.current_dir(folder).args([
        "-g2012",
        "-DNO_ICE40_DEFAULT_ASSIGNMENTS",
        "-s",
        BENCH,
        "-o",
        "bench.vvp",
        "bench.v",
    ]);
    iverilog.arg(format!("{NETLIST}.v"));
    for module in design.modules() {
        iverilog.arg(format!("{}.v", design.emitted_name(module)));
    }
    for model in yosys_models {
        // Models include files of their own folder.
        if let Some(of_family) = yosys.model(model).parent() {
            iverilog.arg("-I").arg(of_family);
        }
        // The models' timing is for place and route; Icarus knows not all of its syntax.
        let text = without_timing(&read(&yosys.model(model))?);
        let name = model.replace('/', "_");
        write(&folder.join(&name), &text)?;
        iverilog.arg(name);
    }
    if let Some((name, text)) = own {
        write(&folder.join(name), text)?;
        iverilog.arg(name);
    }
    run(&mut iverilog)?;
    Ok(run(Command::new("vvp").current_dir(folder).args(["-n", "bench.vvp"]))?)
}

/// A Verilog text without its `specify` blocks.
pub(crate) fn without_timing(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        let word = line.trim();
        if word == "specify" {
            inside = true;
        }
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
        if word == "endspecify" {
            inside = false;
        }
    }
    kept
}

/// A line per cycle with all inputs side by side, the first input highest.
fn stimulus(design: &Design, cycles: u32, seed: u64) -> String {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let inputs = &design.top().inputs;
    let mut text = String::new();
    for _ in 0..cycles {
        let mut bits = String::new();
        for port in inputs {
            _ = write!(bits, "{:0width$b}", value(&mut random, port.ty), width = port.ty.width() as usize);
        }
        text.push_str(&bits);
        text.push('\n');
    }
    text
}

/// A random value; often zero, the least, the greatest or the least but one: the symmetric extreme.
fn value(random: &mut ChaCha8Rng, ty: Ty) -> u64 {
    let (least, greatest) = (ty.mask() ^ (ty.mask() >> 1), ty.mask() >> 1);
    let any = random.random::<u64>() & ty.mask();
    match random.random_range(0..10) {
        _ if ty.width() == 1 => any,
        0 => 0,
        1 => least,
        2 | 3 => greatest,
        4 | 5 => least + 1,
        _ => any,
    }
}

fn bench(design: &Design, cycles: u32) -> String {
    let top = design.top();
    let name = design.emitted_name(top);
    let width: u32 = top.inputs.iter().map(|port| port.ty.width()).sum();
    let mut common = Vec::new();
    if top.has_clock {
        common.push(".clk_i(clk)".to_owned());
    }
    if top.has_reset {
        common.push(".rst_ni(rst_n)".to_owned());
    }
    let mut high = width;
    for port in &top.inputs {
        high -= port.ty.width();
        common.push(format!(".{}(inputs[{high} +: {}])", port.name, port.ty.width()));
    }
    let (mut wires, mut compares) = (String::new(), String::new());
    let (mut source, mut netlist) = (common.clone(), common);
    for (index, port) in top.outputs.iter().enumerate() {
        _ = writeln!(wires, "  wire [{}:0] source_{index}, netlist_{index};", port.ty.width() - 1);
        source.push(format!(".{}(source_{index})", port.name));
        netlist.push(format!(".{}(netlist_{index})", port.name));
        _ = writeln!(
            compares,
            "      if ((^source_{index}) !== 1'bx) begin
        compared = compared + 1;
        if (source_{index} !== netlist_{index}) begin
          if (different == 0) $display(\"different cycle %0d {}: %b expected, %b found\", cycle, source_{index}, netlist_{index});
          different = different + 1;
        end
      end",
            port.name
        );
    }
    format!(
        "`timescale 1ns/1ps
module {BENCH};
  reg clk = 0, rst_n = 0;
  reg [{high}:0] stimulus [0:{last}];
  reg [{high}:0] inputs;
{wires}  {name} source ({source});
  {NETLIST} netlist ({netlist});
  integer cycle, compared, different;
  initial begin
    $readmemb(\"stimulus.txt\", stimulus);
    compared = 0;
    different = 0;
    for (cycle = 0; cycle < {cycles}; cycle = cycle + 1) begin
      inputs = stimulus[cycle];
      rst_n = cycle > 1;
      #200;
{compares}      clk = 1;
      #100 clk = 0;
      #100;
    end
    $display(\"compared %0d %0d\", compared, different);
    $finish;
  end
endmodule
",
        high = width - 1,
        last = cycles - 1,
        source = source.join(", "),
        netlist = netlist.join(", "),
    )
}
