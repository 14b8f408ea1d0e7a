//! Icarus: a bench that reads the stimulus as text and writes the response as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use myelin_hdl::verilog::memory_read_names;
use myelin_hdl::{Design, Module, ReadKind, Ty};

use super::engine::Engine;
use super::error::CosimError;
use super::registers::registers;
use super::trace::{Reset, Response, Trace};
use super::work::Work;

/// The bench's module; a design has no such name, because names in it come from blocks.
const BENCH: &str = "myelin_cosimulation_bench";

pub(super) fn response(design: &Design, trace: &Trace) -> Result<Response, CosimError> {
    let work = Work::new("icarus")?;
    let files = work.write_verilog(design)?;
    simulate(&work, &files, design, trace)
}

/// Runs files that lie in the folder already.
fn simulate(work: &Work, files: &[String], design: &Design, trace: &Trace) -> Result<Response, CosimError> {
    work.write("bench.v", bench(design))?;
    work.write("stimulus.txt", stimulus(trace))?;
    // Verilog-2005: what the text promises to be.
    let mut arguments = vec!["-g2005", "-s", BENCH, "-o", "bench.vvp", "bench.v"];
    arguments.extend(files.iter().map(String::as_str));
    work.run("iverilog", &arguments)?;
    let said = work.run("vvp", &["-n", "bench.vvp"])?;
    let text = work.read("response.txt")?;
    let bad = |reason| CosimError::BadResponse { engine: Engine::Icarus, reason: format!("{reason}\n{said}") };
    let outputs = parse(&String::from_utf8_lossy(&text), design, trace.cycles.len()).map_err(bad)?;
    let text = work.read("registers.txt")?;
    let held = parse_registers(&String::from_utf8_lossy(&text), design).map_err(bad)?;
    Ok(Response { registers: held, ..Response::new(&Engine::Icarus.to_string(), outputs) })
}

/// One line per cycle: reset and inputs in hexadecimal.
fn stimulus(trace: &Trace) -> String {
    let mut text = String::new();
    for cycle in &trace.cycles {
        text.push(if cycle.reset == Reset::Active { '0' } else { '1' });
        for bits in &cycle.inputs {
            _ = write!(text, " {bits:x}");
        }
        text.push('\n');
    }
    text
}

fn parse(text: &str, design: &Design, cycles: usize) -> Result<Vec<Vec<Option<u64>>>, String> {
    let outputs = &design.top().outputs;
    let mut lines = text.lines();
    let mut response = Vec::with_capacity(cycles);
    for cycle in 0..cycles {
        let line = lines.next().ok_or(format!("it ends before cycle {cycle}"))?;
        // Unknown digits are letters beyond the hexadecimal ones.
        let values: Vec<Option<u64>> = line.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok()).collect();
        if values.len() != outputs.len() {
            return Err(format!("{} values for {} outputs in cycle {cycle}", values.len(), outputs.len()));
        }
        response.push(values);
    }
    Ok(response)
}

/// One line for each register.
fn parse_registers(text: &str, design: &Design) -> Result<BTreeMap<String, Option<u64>>, String> {
    let (paths, lines) = (registers(design), text.lines().count());
    if lines != paths.len() {
        return Err(format!("{lines} values for {} registers", paths.len()));
    }
    let values = text.lines().map(|line| u64::from_str_radix(line.trim(), 16).ok());
    Ok(paths.into_iter().map(|register| register.path).zip(values).collect())
}

fn bench(design: &Design) -> String {
    let top = design.top();
    let range = |ty: Ty| if ty.width() == 1 { String::new() } else { format!("[{}:0] ", ty.width() - 1) };
    let mut text = format!("module {BENCH};\n  reg clk = 0;\n  reg rst_n;\n");
    let mut connections = Vec::new();
    if top.has_clock {
        connections.push(".clk_i(clk)".to_owned());
    }
    if top.has_reset {
        connections.push(".rst_ni(rst_n)".to_owned());
    }
    let mut format = "%h".to_owned();
    let mut inputs = vec!["rst_n".to_owned()];
    for (index, port) in top.inputs.iter().enumerate() {
        _ = writeln!(text, "  reg {}in_{index};", range(port.ty));
        connections.push(format!(".{}(in_{index})", port.name));
        inputs.push(format!("in_{index}"));
        format.push_str(" %h");
    }
    let mut writes = String::new();
    for (index, port) in top.outputs.iter().enumerate() {
        _ = writeln!(text, "  wire {}out_{index};", range(port.ty));
        connections.push(format!(".{}(out_{index})", port.name));
        _ = writeln!(writes, "      $fwrite(response, \"%h \", out_{index});");
    }
    _ = writeln!(text, "  {} dut ({});", design.emitted_name(top), connections.join(", "));
    text.push_str("  integer stimulus, response, word;\n  initial begin\n");
    deposit(top, "dut", &mut text);
    let mut held = String::new();
    for register in registers(design) {
        _ = writeln!(held, "    $fwrite(response, \"%h\\n\", dut{});", &register.path[top.name.len()..]);
    }
    _ = write!(
        text,
        "    stimulus = $fopen(\"stimulus.txt\", \"r\");
    response = $fopen(\"response.txt\", \"w\");
    while ($fscanf(stimulus, \"{format}\\n\", {inputs}) == {count}) begin
      #1;
{writes}      $fwrite(response, \"\\n\");
      clk = 1;
      #1 clk = 0;
      #1;
    end
    $fclose(response);
    response = $fopen(\"registers.txt\", \"w\");
{held}    $fclose(response);
    $finish;
  end
endmodule
",
        inputs = inputs.join(", "),
        count = inputs.len(),
    );
    text
}

/// Sets all state of an instance and below to 0, except stated contents.
fn deposit(module: &Module, path: &str, text: &mut String) {
    for register in &module.registers {
        _ = writeln!(text, "    {path}.{} = 0;", register.name);
    }
    for (memory, answers) in module.memories.iter().zip(memory_read_names(module)) {
        if memory.init.is_none() {
            let (depth, name) = (memory.depth, &memory.name);
            _ = writeln!(text, "    for (word = 0; word < {depth}; word = word + 1) {path}.{name}[word] = 0;");
        }
        for (read, answer) in memory.reads.iter().zip(answers) {
            if read.kind == ReadKind::Synchronous {
                _ = writeln!(text, "    {path}.{answer} = 0;");
            }
        }
    }
    for instance in &module.instances {
        deposit(&instance.module, &format!("{path}.{}", instance.name), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosim::{Disagreement, compare};
    use crate::tools::{Tool, available};
    use myelin_hdl::{module, s, u};

    /// A design whose Verilog is then changed behind the harness's back.
    fn accumulator() -> Design {
        let top = module("accumulator", |m| {
            let (enable, data) = (m.input("enable_i", u(1)), m.input("data_i", s(8)));
            let sum = m.register("sum_q", s(20)).reset(0);
            let scratch = m.register("scratch_q", s(8));
            scratch.next_when(enable, data);
            sum.next_when(enable, sum.q.wrapping_add(scratch.q));
            m.output("sum_o", sum.q);
        });
        Design::new(top).expect("good names")
    }

    fn run(change: impl Fn(String) -> String) -> Option<Result<(), Disagreement>> {
        if !available("a planted defect under Icarus", &[Tool::Icarus]) {
            return None;
        }
        let design = accumulator();
        let mut trace = Trace::in_reset(&design, 1);
        (1..9).for_each(|data| trace.push(vec![u64::from(data != 4), data]));
        let expected = crate::cosim::response(Engine::Interpreted, &design, &trace).expect("the interpreter runs");
        let work = Work::new("planted").expect("a folder");
        let files = work.write_verilog(&design).expect("written");
        let text = String::from_utf8(work.read("accumulator.v").expect("written")).expect("text");
        let changed = change(text.clone());
        work.write("accumulator.v", changed).expect("written");
        let found = simulate(&work, &files, &design, &trace).expect("Icarus runs");
        Some(compare(&design, &expected, &found))
    }

    #[test]
    fn unchanged_verilog_agrees() {
        if let Some(outcome) = run(|text| text) {
            assert_eq!(outcome, Ok(()));
        }
    }

    #[test]
    fn a_planted_defect_is_found_in_the_first_cycle_that_shows_it() {
        let change = |text: String| {
            assert!(text.contains(" + "), "{text}");
            text.replace(" + ", " - ")
        };
        if let Some(outcome) = run(change) {
            // Cycle 1 loads 1, cycle 2 adds it, cycle 3 shows it.
            let Err(Disagreement::Value { cycle: 3, port, expected: Some(1), found: Some(0xf_ffff), .. }) = outcome
            else {
                panic!("{outcome:?}")
            };
            assert_eq!(port, "sum_o");
        }
    }

    #[test]
    fn an_unknown_bit_is_a_disagreement() {
        let change = |text: String| text.replace("sum_q <= 20'sd0", "sum_q <= 20'bx");
        if let Some(outcome) = run(change) {
            assert!(matches!(outcome, Err(Disagreement::Value { cycle: 1, found: None, .. })), "{outcome:?}");
        }
    }
}
