//! `myelin man`: manual pages.

use std::io::Write;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::arguments::{Arguments, ManArguments};
use crate::context::Context;
use crate::failure::{Failure, Verdict};
use crate::files;

/// Prints the first page, or writes all.
pub fn run(arguments: &ManArguments, context: &mut Context) -> Result<Verdict, Failure> {
    let command = Arguments::command();
    let Some(folder) = &arguments.output else {
        Man::new(command).render(context)?;
        return Ok(Verdict::Yes);
    };
    files::make_folder(folder)?;
    let parts: Vec<String> = command.get_subcommands().map(|part| format!("myelin-{}.1", part.get_name())).collect();
    clap_mangen::generate_to(command.disable_help_subcommand(true), folder)
        .map_err(|source| Failure::WriteFile { path: folder.clone(), source })?;
    for name in std::iter::once("myelin.1".to_owned()).chain(parts) {
        writeln!(context, "{}", folder.join(&name).display())?;
    }
    Ok(Verdict::Yes)
}
