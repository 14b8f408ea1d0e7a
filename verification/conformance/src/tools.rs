//! Outside programs: which are there, and what happens where one is missing.
//!
//! A test that needs a tool asks [`available`] first. Where the tool is missing the test passes
//! after a visible line `SKIPPED: ... (install: apt-get install ...)`; with `MYELIN_REQUIRE_TOOLS=1`
//! in the environment, as in continuous integration, a missing tool is a failure instead.

use std::env;
use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Command;

/// An outside program that tests use.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tool {
    /// Icarus Verilog: compiler `iverilog` and runtime `vvp`.
    Icarus,
    /// Verilator.
    Verilator,
    /// A C++ compiler and make, with which Verilator builds simulators.
    Cxx,
    /// Yosys.
    Yosys,
}

impl Tool {
    /// All of them.
    pub const ALL: [Tool; 4] = [Tool::Icarus, Tool::Verilator, Tool::Cxx, Tool::Yosys];

    /// The programs that must be on the `PATH`; the first one tells the version.
    pub fn programs(self) -> &'static [&'static str] {
        match self {
            Tool::Icarus => &["iverilog", "vvp"],
            Tool::Verilator => &["verilator"],
            Tool::Cxx => &["g++", "make"],
            Tool::Yosys => &["yosys"],
        }
    }

    /// The Debian packages that bring it.
    pub fn packages(self) -> &'static str {
        match self {
            Tool::Icarus => "iverilog",
            Tool::Verilator => "verilator",
            Tool::Cxx => "g++ make",
            Tool::Yosys => "yosys",
        }
    }

    /// Whether all its programs are on the `PATH`.
    pub fn is_present(self) -> bool {
        self.programs().iter().all(|program| find(program).is_some())
    }

    /// The first line it prints about itself, where it is present.
    pub fn version(self) -> Option<String> {
        let argument = match self {
            Tool::Icarus | Tool::Yosys => "-V",
            Tool::Verilator | Tool::Cxx => "--version",
        };
        let output = Command::new(self.programs()[0]).arg(argument).output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tool::Icarus => "Icarus Verilog",
            Tool::Verilator => "Verilator",
            Tool::Cxx => "a C++ compiler and make",
            Tool::Yosys => "Yosys",
        })
    }
}

/// Whether the tools are all there to do `what`; says on standard error what is skipped if not.
///
/// # Panics
/// If one is missing and `MYELIN_REQUIRE_TOOLS=1`.
pub fn available(what: &str, tools: &[Tool]) -> bool {
    let missing: Vec<Tool> = tools.iter().copied().filter(|tool| !tool.is_present()).collect();
    let required = env::var("MYELIN_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
    match skipped(what, &missing) {
        None => true,
        Some(line) if required => panic!("{line}, and MYELIN_REQUIRE_TOOLS=1 forbids to skip it"),
        Some(line) => {
            // Not `eprintln!`: the test harness would keep that to itself when the test passes.
            _ = writeln!(io::stderr(), "{line}");
            false
        }
    }
}

/// The line that says what is skipped, where something is missing.
fn skipped(what: &str, missing: &[Tool]) -> Option<String> {
    let packages: Vec<&str> = missing.iter().map(|tool| tool.packages()).collect();
    (!missing.is_empty()).then(|| format!("SKIPPED: {what} (install: apt-get install {})", packages.join(" ")))
}

/// Whether `tools` are all on the `PATH`, without a word.
pub fn are_present(tools: &[Tool]) -> bool {
    tools.iter().all(|tool| tool.is_present())
}

fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_said_with_the_remedy() {
        assert_eq!(skipped("something", &[]), None);
        let line = skipped("lint of cells", &[Tool::Icarus, Tool::Cxx]);
        assert_eq!(line.as_deref(), Some("SKIPPED: lint of cells (install: apt-get install iverilog g++ make)"));
    }

    #[test]
    fn a_program_that_is_nowhere_is_not_found() {
        assert!(find("cargo-or-anything-of-this-name-that-is-nowhere").is_none());
    }
}
