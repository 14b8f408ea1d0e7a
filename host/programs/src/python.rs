//! Programs that come from PyPI, each set into a Python environment of its own.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::ProgramError;
use crate::run::run;

/// A package on PyPI at the version that was tried: others may answer otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// The one version that will do.
    pub version: &'static str,
}

/// A folder with Python and packages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PythonEnvironment {
    folder: PathBuf,
    packages: &'static [Package],
}

impl PythonEnvironment {
    /// The environment of these packages in `target/NAME-venv` of this repository, or in the folder that `MYELIN_NAME_VENV` names.
    pub fn new(name: &str, packages: &'static [Package]) -> PythonEnvironment {
        let folder = match env::var_os(format!("MYELIN_{}_VENV", name.to_uppercase())) {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")).join(format!("{name}-venv")),
        };
        PythonEnvironment::at(folder, packages)
    }

    /// The environment of these packages in this folder.
    pub fn at(folder: impl Into<PathBuf>, packages: &'static [Package]) -> PythonEnvironment {
        PythonEnvironment { folder: folder.into(), packages }
    }

    /// Makes it and installs the packages, unless all are there.
    ///
    /// # Errors
    /// If Python, its `venv` or the network is missing.
    pub fn install(&self) -> Result<(), ProgramError> {
        if self.missing().is_none() {
            return Ok(());
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(&self.folder))?;
        let packages = self.packages.iter().map(|package| format!("{}=={}", package.name, package.version));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(self.program("python")).args(pip).args(packages)).map(drop)
    }

    /// The first package that is not there at its version.
    pub fn missing(&self) -> Option<Package> {
        let there = |package: &&Package| {
            // The installer leaves a folder with the version in its name.
            let information = format!("{}-{}.dist-info", package.name.replace('-', "_"), package.version);
            self.library(&information).is_some()
        };
        self.packages.iter().find(|package| !there(package)).copied()
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of its programs.
    pub fn programs(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// One of its programs, which may not be there.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs().join(name)
    }

    /// A folder among its libraries.
    pub fn library(&self, name: &str) -> Option<PathBuf> {
        let pythons = std::fs::read_dir(self.folder.join("lib")).into_iter().flatten().flatten();
        let mut folders = pythons.map(|python| python.path().join("site-packages").join(name));
        folders.find(|folder| folder.is_dir())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGES: &[Package] =
        &[Package { name: "some-tool", version: "1.2" }, Package { name: "more", version: "3" }];

    #[test]
    fn a_package_counts_only_at_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let environment = PythonEnvironment::at(folder.path(), PACKAGES);
        let install = |information: &str| {
            std::fs::create_dir_all(folder.path().join("lib/python3.11/site-packages").join(information)).unwrap();
        };
        assert_eq!(environment.missing(), Some(PACKAGES[0]));
        install("some_tool-1.3.dist-info");
        assert_eq!(environment.missing(), Some(PACKAGES[0]));
        install("some_tool-1.2.dist-info");
        assert_eq!(environment.missing(), Some(PACKAGES[1]));
        install("more-3.dist-info");
        assert_eq!(environment.missing(), None);
        environment.install().unwrap();
        assert!(!environment.programs().exists(), "nothing was to do");
    }
}
