//! The `myelin` command: infer, simulate and emit hardware for exact integer networks.

// The comments on arguments are the help that a terminal shows.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]

mod arguments;
mod bench;
mod commands;
mod context;
mod cuckoo_arguments;
mod device;
mod digits;
mod drawing;
mod failure;
mod files;
mod input;
mod mine_arguments;
mod model;
mod plan_arguments;
mod report;
mod terminal;
mod trimmer;
mod waves;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use context::Context;
use failure::{Exit, Failure};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(message) => {
            // Help and version go to standard output and are no failure; a closed pipe there is none either.
            let _ = message.print();
            return if message.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let mut context = Context::new(&arguments.terminal);
    let done = commands::run(&arguments.command, &mut context);
    let done = done.and_then(|verdict| context.finish().map(|()| verdict));
    match done {
        Ok(verdict) => verdict.into(),
        // Whoever read our output has seen enough.
        Err(failure) if failure.is_closed_pipe() => Exit::Done.into(),
        Err(failure) => report(&failure),
    }
}

/// Writes what went wrong to standard error: one line of message, one of advice.
fn report(failure: &Failure) -> ExitCode {
    let mut text = format!("error[{}]: {failure}", failure.code());
    let mut cause = std::error::Error::source(failure);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    if let Some(hint) = failure.hint() {
        text += &format!("\nhint: {hint}");
    }
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
    failure.exit().into()
}
