//! `myelin verilog`: a tensor cell as Verilog files.

use std::collections::HashMap;
use std::io::Write;

use myelin_hdl::{Design, Digest, Module, verilog};
use myelin_isa::Architecture;
use myelin_rtl::tensor::{cell, packed_pe};
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::VerilogArguments;
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::files;
use crate::terminal::{Align, Mark, Table, grouped};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    cell: String,
    multiplier: &'static str,
    folder: String,
    top: String,
    modules: Vec<ModuleReport>,
    register_bits: u64,
    memory_bits: u64,
}

#[derive(Serialize)]
struct ModuleReport {
    module: String,
    file: String,
    lines: u64,
    instances: u64,
    /// Of one instance, those below it not counted.
    register_bits: u64,
    /// Of one instance, those below it not counted.
    memory_bits: u64,
}

/// Writes the files and prints what they hold.
pub fn run(arguments: &VerilogArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let (rows, columns) = arguments.cell;
    let architecture = Architecture::new(rows, columns, arguments.precision)
        .expect("invariant: the command line takes legal sizes only")
        .with_multiplier(arguments.pack);
    context.progress().step(&format!("build cell {architecture}"));
    let design = Design::new(cell::cell(&architecture)).expect("invariant: the cell's names are identifiers");
    let emitted = verilog::emit(&design);
    context.progress().clear();

    files::make_folder(&arguments.output)?;
    for file in &emitted {
        files::write(&arguments.output.join(&file.name), file.text.as_bytes())?;
    }

    // The one module that synthesis for iCE40 is given as a block.
    if emitted.iter().any(|file| file.name == "multiplier_pair.v") {
        let folder = arguments.output.join("ice40");
        files::make_folder(&folder)?;
        files::write(&folder.join("multiplier_pair.v"), packed_pe::MULTIPLIER_PAIR_ICE40.as_bytes())?;
    }

    let instances = count_instances(&design);
    // Emitted in the order of the modules: children first, the top last.
    let modules = design.modules().iter().zip(&emitted).map(|(module, file)| ModuleReport {
        module: design.emitted_name(module).to_owned(),
        file: file.name.clone(),
        lines: file.text.lines().count() as u64,
        instances: instances[&module.digest],
        register_bits: register_bits(module),
        memory_bits: memory_bits(module),
    });
    let modules: Vec<ModuleReport> = modules.collect();
    let report = Report {
        schema_version: JSON_SCHEMA_VERSION,
        cell: architecture.to_string(),
        multiplier: arguments.pack.name(),
        folder: arguments.output.display().to_string(),
        top: design.emitted_name(design.top()).to_owned(),
        register_bits: modules.iter().map(|module| module.instances * module.register_bits).sum(),
        memory_bits: modules.iter().map(|module| module.instances * module.memory_bits).sum(),
        modules,
    };
    if arguments.json {
        context.write_json(&report)?;
    } else {
        print(&report, context)?;
    }
    Ok(Verdict::Yes)
}

/// How often each body stands in the whole design.
fn count_instances(design: &Design) -> HashMap<Digest, u64> {
    let mut counts = HashMap::from([(design.top().digest, 1)]);
    // Parents first, so that a parent's count is complete when its children are counted.
    for module in design.modules().iter().rev() {
        let count = counts[&module.digest];
        for instance in &module.instances {
            *counts.entry(instance.module.digest).or_default() += count;
        }
    }
    counts
}

fn register_bits(module: &Module) -> u64 {
    module.registers.iter().map(|register| u64::from(register.ty.width())).sum()
}

fn memory_bits(module: &Module) -> u64 {
    let bits = |memory: &myelin_hdl::Memory| (memory.depth * memory.lanes) as u64 * u64::from(memory.lane_ty.width());
    module.memories.iter().map(bits).sum()
}

fn print(report: &Report, context: &mut Context) -> Result<(), Failure> {
    let mut table = Table::new(&[
        ("module", Align::Left),
        ("instances", Align::Right),
        ("registers, bit each", Align::Right),
        ("memory, bit each", Align::Right),
        ("lines", Align::Right),
    ]);
    for module in &report.modules {
        table.row([
            module.module.clone(),
            grouped(module.instances),
            grouped(module.register_bits),
            grouped(module.memory_bits),
            grouped(module.lines),
        ]);
    }
    let colour = context.colour();
    let title = format!("cell {}, {} files in {}", report.cell, report.modules.len(), report.folder);
    writeln!(context, "{}\n", colour.paint(Mark::Strong, &title))?;
    table.write(context)?;
    let (registers, memory) = (grouped(report.register_bits), grouped(report.memory_bits));
    writeln!(context, "\ntop module {}, {registers} bits of registers, {memory} bits of memory", report.top)?;
    Ok(())
}
