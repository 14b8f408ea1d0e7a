//! What every command is given: where to write, and how.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use crate::arguments::{ColourChoice, TerminalArguments};
use crate::failure::Failure;
use crate::terminal::{Colour, Progress, ProgressMode};

/// Standard output with the choices of the command line. Data goes through [`Write`]; everything
/// else goes to [`Context::progress`].
pub struct Context {
    out: BufWriter<Stdout>,
    colour: Colour,
    progress: Progress,
}

impl Context {
    /// As the command line asks; `auto` looks at the streams and at `NO_COLOR`.
    pub fn new(arguments: &TerminalArguments) -> Context {
        let out = io::stdout();
        let colour = match arguments.color {
            ColourChoice::Always => Colour::On,
            ColourChoice::Never => Colour::Off,
            ColourChoice::Auto => {
                // https://no-color.org: set and not empty.
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
                if out.is_terminal() && !refused && !dumb { Colour::On } else { Colour::Off }
            }
        };
        let progress = Progress::new(ProgressMode::choose(arguments.progress, io::stderr().is_terminal()));
        Context { out: BufWriter::new(out), colour, progress }
    }

    /// How to mark text on standard output.
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// Where to say what is going on.
    pub fn progress(&mut self) -> &mut Progress {
        &mut self.progress
    }

    /// Writes a value as one JSON document.
    pub fn write_json(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        serde_json::to_writer_pretty(&mut self.out, value).map_err(io::Error::from)?;
        writeln!(self.out)?;
        Ok(())
    }

    /// Ends progress and writes out what is buffered.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.progress.clear();
        Ok(self.out.flush()?)
    }
}

impl Write for Context {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
