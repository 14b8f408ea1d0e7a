//! Images on their way to a board, by openFPGALoader.

use std::path::{Path, PathBuf};
use std::process::Command;

use myelin_isa::stick::flash_layout;
use myelin_programs::{ProgramError, find, run};

use crate::error::BitstreamError;
use crate::manifest::Manifest;
use crate::project::{Project, sha256};

/// openFPGALoader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loader {
    program: PathBuf,
}

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Programmed {
    /// Bytes.
    pub bytes: u64,
    /// The part that was found; `None` if it cannot be asked.
    pub jtag_id: Option<u32>,
}

impl Loader {
    /// The one on `PATH`.
    ///
    /// # Errors
    /// [`ProgramError::Missing`].
    pub fn find() -> Result<Loader, ProgramError> {
        let name = "openFPGALoader";
        let missing = || ProgramError::Missing { program: name.to_owned(), install: "apt-get install openfpgaloader" };
        Ok(Loader { program: find(name).ok_or_else(missing)? })
    }

    /// This program in its place, for tests and unusual installations.
    pub fn at(program: &Path) -> Loader {
        Loader { program: program.to_owned() }
    }

    /// Writes the image beside the manifest at `path` to the flash of the board that `project` describes, or with `volatile` only into its
    /// configuration memory. Nothing is written unless board, specification, image and the part that is found are those of the manifest.
    ///
    /// # Errors
    /// [`BitstreamError::Mismatch`] before anything is written; else as the tool fails.
    pub fn write(&self, project: &Project, path: &Path, volatile: bool) -> Result<Programmed, BitstreamError> {
        let manifest = Manifest::read(path)?;
        manifest.check_board(project)?;
        let image = manifest.read_image(path)?;
        let found = match manifest.jtag_id {
            None => None,
            Some(expected) => {
                let found = self.detect(project)?;
                if !is_part(found, expected) {
                    let (found, expected) = (format!("{found:#010x}"), format!("{expected:#010x}, {}", manifest.part));
                    return Err(BitstreamError::Mismatch { subject: "the board's part", found, expected });
                }
                Some(found)
            }
        };
        let how: &[&str] = if volatile { &[] } else { &["--write-flash", "--verify"] };
        let file = path.with_file_name(&manifest.image);
        let loader = || {
            let mut command = Command::new(&self.program);
            command.args(["--board", project.loader_board]);
            command
        };
        // The firmware first: a board that comes up with the bitstream finds it.
        if let Some(slot) = project.slot.as_deref().filter(|_| !volatile) {
            let file = path.with_extension("slot");
            std::fs::write(&file, slot).map_err(BitstreamError::file("write", &file))?;
            let offset = flash_layout::SLOT_A.to_string();
            run(loader().args(["--write-flash", "--verify", "--file-type", "raw", "--offset", &offset]).arg(&file))?;
        }
        run(loader().args(how).arg(&file))?;
        Ok(Programmed { bytes: image.len() as u64, jtag_id: found })
    }

    /// JTAG identity of the board's part.
    fn detect(&self, project: &Project) -> Result<u32, BitstreamError> {
        let said = run(Command::new(&self.program).args(["--board", project.loader_board, "--detect"]))?;
        let id = said.lines().find_map(|line| {
            let (_, id) = line.split_once("idcode")?;
            u32::from_str_radix(id.trim().trim_start_matches("0x"), 16).ok()
        });
        let reason = "it names no idcode".to_owned();
        id.ok_or(BitstreamError::Answer { program: "openFPGALoader --detect", reason })
    }
}

/// The highest four bits of an identity are the part's revision.
fn is_part(found: u32, expected: u32) -> bool {
    (found ^ expected) & 0x0fff_ffff == 0
}

impl Manifest {
    /// Checks that this is of the board and the design of `project`.
    ///
    /// # Errors
    /// [`BitstreamError::Mismatch`].
    pub fn check_board(&self, project: &Project) -> Result<(), BitstreamError> {
        let specification = format!("{:016x}", project.specification);
        let pairs = [
            ("the board", project.board, &self.board),
            ("the part", project.part, &self.part),
            ("the specification hash", &specification, &self.specification),
        ];
        let sums = [
            ("SHA-256 of the firmware", Some(sha256(&project.firmware)), Some(self.firmware_sha256.clone())),
            ("SHA-256 of the slot", project.slot.as_deref().map(sha256), self.slot_sha256.clone()),
        ];
        for (subject, found, expected) in sums {
            if found != expected {
                let text = |sum: Option<String>| sum.unwrap_or("nothing".to_owned());
                return Err(BitstreamError::Mismatch { subject, found: text(found), expected: text(expected) });
            }
        }
        for (subject, found, expected) in pairs {
            if found != expected {
                let (found, expected) = (found.to_owned(), expected.clone());
                return Err(BitstreamError::Mismatch { subject, found, expected });
            }
        }
        Ok(())
    }
}
