//! From a design to files.

use std::fs;
use std::io;
use std::path::Path;

use crate::design::Design;

use super::body::Body;

/// One emitted file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerilogFile {
    /// File name: the module's emitted name and `.v`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// What the text contains besides the design.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Whether checks also run in simulators.
    pub simulation_checks: SimulationChecks,
    /// Whether lines end in the place of the Rust source that made them.
    pub source_comments: SourceComments,
}

/// Whether assertions and assumptions are run-time errors (`$error`) in simulators too.
///
/// They are left out again where `SYNTHESIS` is defined, as synthesis tools do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SimulationChecks {
    /// Checks are for formal tools only.
    #[default]
    Omit,
    /// Checks report an error in the cycle in which they fail.
    Emit,
}

/// Whether lines end in `// pe.rs:42`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SourceComments {
    /// With the place in the Rust source.
    #[default]
    Emit,
    /// Without, so that moving Rust code does not change the text.
    Omit,
}

/// One file for each distinct body, children before parents, the top last; default [`Options`].
pub fn emit(design: &Design) -> Vec<VerilogFile> {
    emit_with(design, Options::default())
}

/// One file for each distinct body, children before parents, the top last.
pub fn emit_with(design: &Design, options: Options) -> Vec<VerilogFile> {
    let modules = design.modules().iter();
    modules
        .map(|module| VerilogFile {
            name: format!("{}.v", design.emitted_name(module)),
            text: Body::new(design, module, options).text(),
        })
        .collect()
}

/// All modules in one text.
///
/// It carries the one linter directive that a file with several modules needs.
pub fn emit_single(design: &Design, options: Options) -> String {
    let modules = emit_with(design, options).into_iter().map(|file| file.text);
    std::iter::once("/* verilator lint_off DECLFILENAME */\n\n".to_owned()).chain(modules).collect()
}

/// Writes the files into a folder, which is created where it is missing.
///
/// # Errors
/// If the folder or a file cannot be written.
pub fn write_files(folder: &Path, files: &[VerilogFile]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    files.iter().try_for_each(|file| fs::write(folder.join(&file.name), &file.text))
}
