//! From sources to an image: Yosys, nextpnr, a packer.

use std::path::Path;

use serde::Deserialize;
use std::collections::BTreeMap;

use crate::error::BitstreamError;
use crate::manifest::{MANIFEST_VERSION, Manifest, Resource};
use crate::project::{Family, Project, sha256};
use crate::tools::Tools;

/// An image and what it is.
#[derive(Clone, PartialEq, Debug)]
pub struct Built {
    /// The bytes for the board.
    pub image: Vec<u8>,
    /// What they are.
    pub manifest: Manifest,
}

/// What is being done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Yosys.
    Synthesise,
    /// nextpnr.
    Place,
    /// ecppack or icepack.
    Pack,
}

/// nextpnr's report.
#[derive(Deserialize)]
struct Report {
    fmax: BTreeMap<String, Clock>,
    utilization: BTreeMap<String, Used>,
}

#[derive(Deserialize)]
struct Clock {
    achieved: f64,
    constraint: f64,
}

#[derive(Deserialize)]
struct Used {
    used: u64,
    available: u64,
}

impl Project {
    /// Builds in `folder`, which is made if it is missing and keeps what the tools write. `told` hears of each step.
    ///
    /// # Errors
    /// [`BitstreamError`]; [`BitstreamError::Timing`] if a clock is missed.
    pub fn build(&self, tools: &Tools, folder: &Path, told: &mut dyn FnMut(Step)) -> Result<Built, BitstreamError> {
        std::fs::create_dir_all(folder).map_err(BitstreamError::file("make", folder))?;
        let pins = match self.family {
            Family::Ecp5 => "pins.lpf",
            Family::Ice40 => "pins.pcf",
        };
        let texts = self.sources.iter().map(|source| (source.name.as_str(), source.text.as_str()));
        for (name, text) in texts.chain([(pins, self.pins)]) {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(BitstreamError::file("write", &path))?;
        }
        told(Step::Synthesise);
        let names: Vec<&str> = self.sources.iter().map(|source| source.name.as_str()).collect();
        let script =
            format!("read_verilog -sv {}; {} -top {} -json netlist.json", names.join(" "), self.synthesis, self.top);
        tools.run("yosys", folder, &["-q", "-p", &script])?;
        told(Step::Place);
        self.place(tools, folder, pins)?;
        told(Step::Pack);
        match self.family {
            Family::Ecp5 => tools.run("ecppack", folder, &["--compress", "placed.config", "image.bit"])?,
            Family::Ice40 => tools.run("icepack", folder, &["placed.asc", "image.bit"])?,
        };
        let path = folder.join("image.bit");
        let image = std::fs::read(&path).map_err(BitstreamError::file("read", &path))?;
        let manifest = self.manifest(&image, &read_report(&folder.join("report.json"))?)?;
        Ok(Built { image, manifest })
    }

    fn place(&self, tools: &Tools, folder: &Path, pins: &str) -> Result<String, BitstreamError> {
        let (seed, clock) = (self.seed.to_string(), self.aim_mhz.to_string());
        let (program, pin_option, output) = match self.family {
            Family::Ecp5 => ("nextpnr-ecp5", "--lpf", ["--textcfg", "placed.config"]),
            Family::Ice40 => ("nextpnr-ice40", "--pcf", ["--asc", "placed.asc"]),
        };
        let common = ["--json", "netlist.json", "--report", "report.json", "--seed", &seed, "--freq", &clock];
        // What is missed is told below, with its numbers.
        let rest = [pin_option, pins, "--timing-allow-fail", "--quiet"];
        Ok(tools.run(program, folder, &[&common[..], &rest, &output, self.place].concat())?)
    }

    fn manifest(&self, image: &[u8], report: &Report) -> Result<Manifest, BitstreamError> {
        let expected = |clock: &Clock| clock.constraint.min(self.clock_mhz);
        let slack = |clock: &Clock| 1e3 / expected(clock) - 1e3 / clock.achieved;
        let worst = report.fmax.values().min_by(|a, b| slack(a).total_cmp(&slack(b)));
        let worst = worst
            .ok_or(BitstreamError::Answer { program: "nextpnr", reason: "its report names no clock".to_owned() })?;
        if slack(worst) < 0.0 {
            let (board, found, expected) = (self.board.to_owned(), worst.achieved, expected(worst));
            return Err(BitstreamError::Timing { board, found, expected });
        }
        let used = report.utilization.iter().filter(|(_, used)| used.used > 0);
        let resource = |(name, used): (&String, &Used)| Resource {
            name: name.clone(),
            used: used.used,
            available: used.available,
        };
        Ok(Manifest {
            manifest_version: MANIFEST_VERSION,
            board: self.board.to_owned(),
            part: self.part.to_owned(),
            jtag_id: self.jtag_id,
            parameters: self.parameters.clone(),
            source_revision: self.revision(),
            tools: Tools::versions(),
            specification: format!("{:016x}", self.specification),
            image: format!("{}.bit", self.board),
            image_bytes: image.len() as u64,
            image_sha256: sha256(image),
            firmware_sha256: sha256(&self.firmware),
            slot_sha256: self.slot.as_deref().map(sha256),
            clock_mhz: self.clock_mhz,
            reached_mhz: hundredths(worst.achieved),
            worst_slack_ns: hundredths(slack(worst)),
            resources: used.map(resource).collect(),
        })
    }
}

/// What nextpnr says is exact to less than that.
fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn read_report(path: &Path) -> Result<Report, BitstreamError> {
    let text = std::fs::read_to_string(path).map_err(BitstreamError::file("read", path))?;
    serde_json::from_str(&text)
        .map_err(|error| BitstreamError::Answer { program: "nextpnr", reason: format!("its report: {error}") })
}
