//! Yosys: which, where, and one run of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use myelin_bitstream::Tools;
use myelin_hdl::Design;
use myelin_hdl::verilog::{Options, SourceComments, emit_with};
use myelin_programs::{ProgramError, find, run};
use myelin_rtl::tensor::packed_pe::MULTIPLIER_PAIR_ICE40;

use crate::family::Family;

/// [`MULTIPLIER_PAIR_ICE40`] in a folder.
const PAIR: &str = "multiplier_pair_ice40.v";

/// A Yosys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Yosys {
    program: PathBuf,
    /// Its cell models and maps.
    share: PathBuf,
    /// What it says of itself, such as `Yosys 0.70`.
    pub version: String,
}

/// Why something could not be synthesised or simulated.
#[derive(Debug, thiserror::Error)]
pub enum SynthesisError {
    /// A program is not there, could not be started, or failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A file could not be written or read.
    #[error("{action} {file}")]
    File {
        /// What was attempted.
        action: &'static str,
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program's answer is not what it should be.
    #[error("{program} answered for {subject}: {reason}")]
    Answer {
        /// Which program.
        program: &'static str,
        /// About what.
        subject: String,
        /// What is wrong.
        reason: String,
    },
}

impl Yosys {
    /// The pinned one that makes bitstreams.
    ///
    /// # Errors
    /// [`ProgramError::Missing`] before `myelin bitstream setup`.
    pub fn pinned() -> Result<Yosys, ProgramError> {
        let tools = Tools::find()?;
        Yosys::at(tools.program("yosys"), tools.yosys_share().to_owned())
    }

    /// The system's.
    ///
    /// # Errors
    /// [`ProgramError::Missing`] where there is none.
    pub fn system() -> Result<Yosys, ProgramError> {
        let missing = || ProgramError::Missing { program: "yosys".to_owned(), install: "apt-get install yosys" };
        let program = find("yosys").ok_or_else(missing)?;
        let share = program.parent().and_then(Path::parent).map(|prefix| prefix.join("share/yosys"));
        Yosys::at(program.clone(), share.filter(|share| share.is_dir()).ok_or_else(missing)?)
    }

    fn at(program: PathBuf, share: PathBuf) -> Result<Yosys, ProgramError> {
        let said = run(Command::new(&program).arg("-V"))?;
        let version = said.split_whitespace().take(2).collect::<Vec<&str>>().join(" ");
        Ok(Yosys { program, share, version })
    }

    /// A file of its cell models.
    pub(crate) fn model(&self, file: &str) -> PathBuf {
        self.share.join(file)
    }

    /// Runs a script in a folder; files by relative paths, as this Yosys may see nothing else.
    pub(crate) fn script(&self, folder: &Path, script: &str) -> Result<String, ProgramError> {
        run(Command::new(&self.program).current_dir(folder).args(["-q", "-p", script]))
    }

    /// Synthesises a design in a folder, where its files are then too, and runs `passes` on the result.
    pub(crate) fn synthesise(
        &self,
        design: &Design,
        family: Family,
        passes: &str,
        folder: &Path,
    ) -> Result<(), SynthesisError> {
        let options = Options { source_comments: SourceComments::Omit, ..Options::default() };
        let (mut files, mut pair) = (Vec::new(), None);
        for file in emit_with(design, options) {
            write(&folder.join(&file.name), &file.text)?;
            // The one module that Yosys is given as a block: it does not find it by itself.
            if family == Family::Ice40 && file.name == "multiplier_pair.v" {
                write(&folder.join(PAIR), MULTIPLIER_PAIR_ICE40)?;
                pair = Some(file.name);
            } else {
                files.push(file.name);
            }
        }
        let (files, before, script) = (files.join(" "), family.before(), family.script());
        let top = design.emitted_name(design.top());
        // It comes in when all is done: the pass that packs DSP blocks spoils those that are there.
        let (stub, body) = match pair {
            Some(name) => (
                format!("read_verilog -lib {name}; "),
                format!("read_verilog -overwrite {PAIR}; hierarchy -top {top}; proc; "),
            ),
            None => (String::new(), String::new()),
        };
        let script = format!(
            "{stub}read_verilog -sv {files}; hierarchy -top {top}; {before}{script} -top {top}; {body}flatten; \
             opt_clean; {passes}"
        );
        self.script(folder, &script)?;
        Ok(())
    }
}

/// Writes a file.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), SynthesisError> {
    let failed = |source| SynthesisError::File { action: "write", file: file.display().to_string(), source };
    fs::write(file, text).map_err(failed)
}

/// Reads a file.
pub(crate) fn read(file: &Path) -> Result<String, SynthesisError> {
    let failed = |source| SynthesisError::File { action: "read", file: file.display().to_string(), source };
    fs::read_to_string(file).map_err(failed)
}

/// A folder that goes away.
pub(crate) fn folder() -> Result<tempfile::TempDir, SynthesisError> {
    let base = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/synthesis"));
    let failed = |source| SynthesisError::File { action: "make folder in", file: base.display().to_string(), source };
    // Not the system's temporary folder: the pinned Yosys does not see that.
    fs::create_dir_all(base).map_err(failed)?;
    tempfile::tempdir_in(base).map_err(failed)
}
