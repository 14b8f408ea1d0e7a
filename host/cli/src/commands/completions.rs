//! `myelin completions`: a shell's completion script.

use std::io::Write;

use clap::CommandFactory;

use crate::arguments::{Arguments, CompletionsArguments};
use crate::context::Context;
use crate::failure::{Failure, Verdict};

/// Prints the script.
pub fn run(arguments: &CompletionsArguments, context: &mut Context) -> Result<Verdict, Failure> {
    // Into memory first: the generator panics where a pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "myelin", &mut script);
    context.write_all(&script)?;
    Ok(Verdict::Yes)
}
