//! A design's Verilog shown to every tool that is there.

use myelin_hdl::Design;

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
    let work = Work::new("lint")?;
    let files = work.write_verilog(design)?;
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
