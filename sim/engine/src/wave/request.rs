//! What a trace shows: format, scopes, cycles.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::ops::Range;
use std::path::Path;

use super::format::Format;
use super::fst::{Fst, Sink};
use super::growing::GrowingFile;
use super::vcd::Vcd;

/// A wave format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaveFormat {
    /// Value change dump: text, read by everything, large.
    Vcd,
    /// GTKWave's fast signal trace: compressed, for GTKWave and Surfer.
    Fst,
}

impl WaveFormat {
    /// VCD for a file that ends in `.vcd`, FST for every other.
    pub fn of(path: &Path) -> WaveFormat {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("vcd") => WaveFormat::Vcd,
            _ => WaveFormat::Fst,
        }
    }
}

/// Which values of an instance are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Show {
    /// Ports, registers and named values.
    Everything,
    Registers,
}

enum Target {
    Vcd(Box<dyn Write + Send>),
    Fst(Box<dyn Sink>),
}

/// A trace to be begun with [`crate::Simulator::trace`]: where to, and which scopes and cycles.
///
/// Ports, registers and named values stand under the names of the Rust source. Four or more sibling
/// instances that are numbered alike (`lane_0` to `lane_7`) get a level of their own with the common
/// name (`lane`, of kind *generate* in FST and *begin* in VCD), and the rows of a grid one each, so
/// that a viewer folds them: `array.pe.pe_3.pe_3_4.weight_q` is the register `array.pe_3_4.weight_q`.
/// Names of one value share its changes.
///
/// ```no_run
/// # use myelin_sim::{Simulator, Waves};
/// # fn f(sim: &mut Simulator) -> Result<(), Box<dyn std::error::Error>> {
/// let file = std::io::BufWriter::new(std::fs::File::create("waves.fst")?);
/// sim.trace(Waves::fst(file).scopes(&["tensor_cell.sequencer"]).window(1000..1200))?;
/// # Ok(())
/// # }
/// ```
pub struct Waves {
    target: Target,
    pub(crate) scopes: Vec<String>,
    pub(crate) window: Range<u64>,
    pub(super) show: Show,
}

impl Waves {
    /// As VCD, of everything, from now to the end.
    pub fn vcd(sink: impl Write + Send + 'static) -> Waves {
        Waves::new(Target::Vcd(Box::new(sink)))
    }

    /// As FST, of everything, from now to the end.
    pub fn fst(sink: impl Write + Seek + Send + 'static) -> Waves {
        Waves::new(Target::Fst(Box::new(sink)))
    }

    /// Into a new file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(path: &Path, format: WaveFormat) -> io::Result<Waves> {
        let file = GrowingFile::new(File::create(path)?);
        Ok(match format {
            WaveFormat::Vcd => Waves::vcd(BufWriter::new(file)),
            WaveFormat::Fst => Waves::fst(file),
        })
    }

    fn new(target: Target) -> Waves {
        Waves { target, scopes: Vec::new(), window: 0..u64::MAX, show: Show::Everything }
    }

    /// Only the instances at these paths and all below them; none given: everything.
    pub fn scopes(mut self, paths: &[impl AsRef<str>]) -> Waves {
        self.scopes = paths.iter().map(|path| path.as_ref().to_owned()).collect();
        self
    }

    /// Only these cycles. Outside them the simulation runs as fast as without a trace.
    pub fn window(mut self, cycles: Range<u64>) -> Waves {
        self.window = cycles;
        self
    }

    /// Only registers: neither ports nor other named values.
    pub fn registers_only(mut self) -> Waves {
        self.show = Show::Registers;
        self
    }

    pub(super) fn format(self) -> io::Result<Box<dyn Format>> {
        Ok(match self.target {
            Target::Vcd(sink) => Box::new(Vcd::new(sink)?),
            Target::Fst(sink) => Box::new(Fst::new(sink)?),
        })
    }
}
