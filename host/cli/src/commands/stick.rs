//! `myelin stick`: a stick that is not there, behind a pseudo terminal.

use std::io::Write;
use std::time::{Duration, Instant};

use myelin_board::{FastStick, VirtualStick};
use myelin_compile::Target;
use serde::Serialize;

use super::JSON_SCHEMA_VERSION;
use crate::arguments::StickArguments;
use crate::context::Context;
use crate::failure::{Failure, Verdict};

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    selector: String,
    cell: String,
    memory_bytes: u32,
    faults: String,
}

/// Is a stick until its time is up.
pub fn run(arguments: &StickArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let Target { architecture, .. } = arguments.target;
    if architecture.cells() != 1 {
        return Err(Failure::SeveralCells { target: arguments.target.to_string(), cells: architecture.cells() });
    }
    let memory_bytes = arguments.memory << 10;
    let model = Box::new(FastStick::new(architecture, memory_bytes));
    let start = Instant::now();
    let stick = VirtualStick::start(model, &arguments.path, arguments.faults)
        .map_err(|source| Failure::WriteFile { path: arguments.path.clone(), source })?;
    let selector = format!("tty:{}", arguments.path.display());
    if arguments.json {
        let (cell, faults) = (architecture.to_string(), arguments.faults.to_string());
        context.write_json(&Report { schema_version: JSON_SCHEMA_VERSION, selector, cell, memory_bytes, faults })?;
    } else {
        writeln!(context, "{:<10} {selector}", "selector")?;
        writeln!(context, "{:<10} {architecture}, {} KiB of memory", "cell", arguments.memory)?;
        writeln!(context, "{:<10} {}", "faults", arguments.faults)?;
    }
    context.flush()?;
    let is_over = || arguments.duration.is_some_and(|duration| start.elapsed() >= duration);
    while stick.is_alive() && !is_over() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (faults, unplugs) = (stick.faults(), stick.unplugs());
    stick.stop().map_err(|source| Failure::WriteFile { path: arguments.path.clone(), source })?;
    context.progress().step(&format!("{faults} faults, {unplugs} times unplugged"));
    Ok(Verdict::Yes)
}
