//! A design's Verilog shown to every tool that is there.

use myelin_hdl::Design;
use myelin_hdl::verilog::Options;

use crate::cosim::CosimError;
use crate::cosim::work::Work;
use crate::tools::Tool;

/// Shows the emitted files, unchanged, to a tool with all its warnings on.
///
/// - Verilator: `--lint-only -Wall`, with and without the formal checks.
/// - Icarus: `-Wall`, as Verilog-2005 and as SystemVerilog-2012.
/// - Yosys: `hierarchy -check; proc; check -assert; memory`, and all but the last with the formal checks.
///
/// # Errors
/// [`CosimError::Tool`] if it fails or says anything at all.
pub fn lint(design: &Design, tool: Tool) -> Result<(), CosimError> {
    lint_with(design, tool, Options::default())
}

/// As [`lint`], of files emitted with other options.
///
/// # Errors
/// As [`lint`].
pub fn lint_with(design: &Design, tool: Tool, options: Options) -> Result<(), CosimError> {
    let work = Work::new("lint")?;
    let files = work.write_verilog_with(design, options)?;
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let top = design.emitted_name(design.top());
    let silent = |program: &str, arguments: &[&str]| {
        let output = work.run(program, arguments)?;
        if output.trim().is_empty() {
            return Ok(());
        }
        let status = "complaints".to_owned();
        Err(CosimError::Tool { program: format!("{program} {}", arguments.join(" ")), status, output })
    };
    // Without checks there is nothing else to see with `FORMAL` defined.
    let checked = design.modules().iter().any(|module| !module.checks.is_empty());
    match tool {
        Tool::Verilator => {
            let arguments = [&["--lint-only", "-Wall", "--top-module", top], &names[..]].concat();
            silent("verilator", &arguments)?;
            if checked { silent("verilator", &[&["-DFORMAL"], &arguments[..]].concat()) } else { Ok(()) }
        }
        Tool::Icarus => ["-g2005", "-g2012"].into_iter().try_for_each(|standard| {
            silent("iverilog", &[&[standard, "-Wall", "-s", top, "-o", "lint.vvp"], &names[..]].concat())
        }),
        Tool::Yosys => {
            let read = |option: &str, more: &str| {
                let list = names.join(" ");
                let passes = format!("hierarchy -check -top {top}; proc; check -assert{more}");
                silent("yosys", &["-q", "-p", &format!("read_verilog -sv {option} {list}; {passes}")])
            };
            read("", "; memory -nomap")?;
            if checked { read("-formal", "") } else { Ok(()) }
        }
        Tool::Cxx => Ok(()),
    }
}

/// What Yosys counts after a synthesis script such as `synth_ecp5`, as its `stat` prints it.
///
/// # Errors
/// If Yosys is missing or refuses the design.
pub fn synthesise(design: &Design, script: &str) -> Result<String, CosimError> {
    let work = Work::new("synthesis")?;
    let files = work.write_verilog(design)?;
    let top = design.emitted_name(design.top());
    let passes = format!("read_verilog -sv {}; {script} -top {top}; stat", files.join(" "));
    work.run("yosys", &["-p", &passes])
}

#[cfg(test)]
mod tests {
    use myelin_hdl::verilog::{SimulationChecks, SourceComments};
    use myelin_hdl::{Signal, module, mux, u};

    use super::*;
    use crate::tools::available;

    /// A child and a parent with properties of all kinds, one of which fails when `level_i` is 9.
    fn checked() -> Design {
        let child = module("child", |m| {
            let level = m.input("level_i", u(4));
            m.assume("level_stays_below_nine", level.lt(9));
            m.cover("level_reaches_eight", level.eq(8));
        });
        let top = module("checked", |m| {
            let level = m.input("level_i", u(4));
            m.instance("child_0", &child).input("level_i", level);
            let held = m.register("held_q", u(4)).reset(0);
            held.next(level);
            m.assert("held_stays_below_nine", held.q.lt(9));
        });
        Design::new(top).expect("good names")
    }

    #[test]
    fn checks_for_simulators_are_lint_clean_too() {
        let options = Options { simulation_checks: SimulationChecks::Emit, source_comments: SourceComments::Omit };
        for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
            if available(&format!("lint of checks by {tool}"), &[tool]) {
                lint_with(&checked(), tool, options).expect("no complaints");
            }
        }
    }

    /// Verilator knows that a value exclusive-ored with itself is 0, and follows that through wires
    /// into comparisons.
    #[test]
    fn what_equal_operations_decide_is_lint_clean() {
        let top = module("decided", |m| {
            let bit = m.input("bit_i", u(1));
            let zero = bit.extend(u(8)) ^ bit.extend(u(8));
            let high = mux(zero.parity(), bit.extend(u(19)), Signal::constant(u(19), 0x7_ffff));
            m.output("at_least_half_o", high.ge(0x4_0000));
        });
        let design = Design::new(top).expect("good names");
        for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
            if available(&format!("lint of what is decided by {tool}"), &[tool]) {
                lint(&design, tool).expect("no complaints");
            }
        }
    }

    /// Yosys takes a register that nothing writes for a wire without a driver.
    #[test]
    fn state_that_is_never_enabled_is_lint_clean() {
        let top = module("held", |m| {
            let (address, data) = (m.input("address_i", u(3)), m.input("data_i", u(8)));
            let never = data.ne(data);
            let held = m.register("held_q", u(8));
            held.next_when(never, data);
            let kept = m.register("kept_q", u(8)).reset(3);
            kept.next_when(never, data);
            let memory = m.memory("words", 8, 1, u(8));
            memory.write(address, never, &[data]);
            m.output("word_o", memory.read(address, never)[0]);
            m.output("sum_o", held.q + kept.q);
        });
        let design = Design::new(top).expect("good names");
        for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
            if available(&format!("lint of held state by {tool}"), &[tool]) {
                lint(&design, tool).expect("no complaints");
            }
        }
    }

    #[test]
    fn a_check_that_fails_in_a_simulator_says_its_name_and_place() {
        if !available("failing checks under Icarus", &[Tool::Icarus]) {
            return;
        }
        let work = Work::new("checks").expect("a folder");
        let options = Options { simulation_checks: SimulationChecks::Emit, source_comments: SourceComments::Omit };
        let files = work.write_verilog_with(&checked(), options).expect("written");
        let bench = "module bench;
  reg clk = 0, rst_n = 0;
  reg [3:0] level = 4'd9;
  checked dut (.clk_i(clk), .rst_ni(rst_n), .level_i(level));
  initial begin
    #1 clk = 1; #1 clk = 0;
    $display(\"out of reset\");
    rst_n = 1; #1 clk = 1; #1 clk = 0;
    $display(\"second edge\");
    level = 4'd1; #1 clk = 1;
    #1 $finish;
  end
endmodule
";
        work.write("bench.v", bench).expect("written");
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        work.run("iverilog", &[&["-g2012", "-s", "bench", "-o", "bench.vvp", "bench.v"], &names[..]].concat())
            .expect("accepted");
        let said = work.run("vvp", &["-n", "bench.vvp"]).expect("it runs");
        let (in_reset, rest) = said.split_once("out of reset").expect("the first edge is over");
        let (first, second) = rest.split_once("second edge").expect("the second edge is over");
        assert!(!in_reset.contains("does not hold"), "checks wait for the end of reset: {said}");
        assert!(first.contains("bench.dut.child_0: level_stays_below_nine does not hold"), "{said}");
        assert!(!first.contains("held_stays_below_nine"), "{said}");
        assert!(second.contains("bench.dut: held_stays_below_nine does not hold"), "{said}");
    }
}
