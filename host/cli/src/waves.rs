//! Wave files as the command line asks for them.

use std::path::Path;

use myelin_sim::{SimError, Simulator, WaveFormat, Waves};

use crate::arguments::WaveArguments;
use crate::failure::Failure;

impl WaveArguments {
    /// The file and its format, if one is asked for.
    pub fn file(&self) -> Option<(&Path, WaveFormat)> {
        let vcd = self.vcd.as_deref().map(|path| (path, WaveFormat::Vcd));
        vcd.or(self.fst.as_deref().map(|path| (path, WaveFormat::Fst)))
    }
}

/// Begins the trace; nothing if none is asked for. `what` is simulated.
pub fn begin(sim: &mut Simulator, arguments: &WaveArguments, scopes: &[String], what: &str) -> Result<(), Failure> {
    let Some((path, format)) = arguments.file() else { return Ok(()) };
    let waves = Waves::create(path, format).map_err(|source| Failure::WriteFile { path: path.to_owned(), source })?;
    let first = sim.cycle();
    let window = arguments.window.clone().unwrap_or(0..u64::MAX);
    let window = first.saturating_add(window.start)..first.saturating_add(window.end);
    let waves = waves.scopes(scopes).window(window);
    sim.trace(waves).map_err(|source| failed(path, what, source))
}

/// Ends the trace; nothing if there is none.
pub fn end(sim: &mut Simulator, arguments: &WaveArguments, what: &str) -> Result<(), Failure> {
    let Some((path, _)) = arguments.file() else { return Ok(()) };
    sim.stop_trace().map_err(|source| failed(path, what, source))
}

fn failed(path: &Path, what: &str, source: SimError) -> Failure {
    match source {
        SimError::Wave(source) => Failure::WriteFile { path: path.to_owned(), source },
        source => Failure::Simulation { selector: what.to_owned(), source: Box::new(source) },
    }
}
