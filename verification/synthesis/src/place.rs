//! A block placed and routed for ECP5 by the pinned nextpnr: the clock it reaches.

use std::process::Command;
use std::time::Instant;

use myelin_bitstream::Tools;
use myelin_programs::run;
use serde::Serialize;

use crate::family::Family;
use crate::subject::Subject;
use crate::yosys::{SynthesisError, Yosys, folder, read};

/// The device: the largest of the slowest grade, in a package with pins for every port.
const DEVICE: [&str; 5] = ["--85k", "--package", "CABGA756", "--speed", "6"];

/// What came out of placing and routing.
#[derive(Clone, Debug, Serialize)]
pub struct Placed {
    /// The block.
    pub block: &'static str,
    /// The cell or core it is a part of.
    pub of: String,
    /// The device.
    pub device: &'static str,
    /// MHz that the clock reaches, by nextpnr's timing after routing.
    pub clock_mhz: f64,
    /// Where the slowest path from clock to clock begins and ends: cells, named for their signals.
    pub slowest: Option<[String; 2]>,
    /// MHz that were asked for.
    pub target_mhz: u32,
    /// Seed of the placer.
    pub seed: u32,
    /// Wall-clock seconds, synthesis included.
    pub seconds: f64,
}

/// Synthesises a block for ECP5, places and routes it.
///
/// # Errors
/// If a tool is missing, fails or answers something unexpected.
pub fn place(yosys: &Yosys, subject: &Subject, target_mhz: u32, seed: u32) -> Result<Placed, SynthesisError> {
    let begun = Instant::now();
    let folder = folder()?;
    yosys.synthesise(&subject.design, Family::Ecp5, "write_json netlist.json", folder.path())?;
    let mut command = Command::new(Tools::find()?.program("nextpnr-ecp5"));
    command.current_dir(folder.path()).args(["--quiet", "--json", "netlist.json", "--report", "report.json"]);
    command.args(DEVICE).args(["--freq", &target_mhz.to_string(), "--seed", &seed.to_string(), "--timing-allow-fail"]);
    run(&mut command)?;
    let report = read(&folder.path().join("report.json"))?;
    let clock_mhz = achieved(&report).map_err(|reason| SynthesisError::Answer {
        program: "nextpnr-ecp5",
        subject: subject.describe(),
        reason,
    })?;
    let (block, of, device) = (subject.block, subject.of.clone(), "LFE5U-85F-6");
    let slowest = slowest(&report);
    Ok(Placed { block, of, device, clock_mhz, slowest, target_mhz, seed, seconds: begun.elapsed().as_secs_f64() })
}

/// The slowest clock's frequency in nextpnr's report.
fn achieved(report: &str) -> Result<f64, String> {
    let value: serde_json::Value = serde_json::from_str(report).map_err(|error| error.to_string())?;
    let clocks = value["fmax"].as_object().ok_or("no fmax")?;
    let achieved = clocks.values().map(|clock| clock["achieved"].as_f64().ok_or("a clock without frequency"));
    let achieved: Vec<f64> = achieved.collect::<Result<_, _>>()?;
    achieved.into_iter().reduce(f64::min).ok_or_else(|| "no clock".to_owned())
}

/// The ends of the first path in nextpnr's report that goes from clock to clock.
fn slowest(report: &str) -> Option<[String; 2]> {
    let value: serde_json::Value = serde_json::from_str(report).ok()?;
    let is_clock = |path: &serde_json::Value, end: &str| path[end].as_str().is_some_and(|name| name != "<async>");
    let paths = value["critical_paths"].as_array()?;
    let path = paths.iter().find(|path| is_clock(path, "from") && is_clock(path, "to"))?["path"].as_array()?;
    let cell = |step: &serde_json::Value, end: &str| step[end]["cell"].as_str().map(str::to_owned);
    Some([cell(path.first()?, "from")?, cell(path.last()?, "to")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_clock_of_a_report_counts() {
        let report = r#"{"fmax": {"a": {"achieved": 150.5, "constraint": 140}, "b": {"achieved": 141.0}}}"#;
        assert_eq!(achieved(report), Ok(141.0));
        assert!(achieved("{}").is_err());
        assert!(achieved(r#"{"fmax": {}}"#).is_err());
    }
    #[test]
    fn the_slowest_path_from_clock_to_clock_is_named_by_its_ends() {
        let path = |from: &str, cell: &str| {
            format!(
                r#"{{"from": "{from}", "to": "posedge clk", "path": [
                    {{"from": {{"cell": "{cell}"}}, "to": {{"cell": "b"}}}}, {{"from": {{"cell": "b"}}, "to": {{"cell": "c"}}}}]}}"#
            )
        };
        let paths = [path("<async>", "pin"), path("posedge clk", "a")].join(",");
        let report = format!(r#"{{"critical_paths": [{paths}]}}"#);
        assert_eq!(slowest(&report), Some(["a".to_owned(), "c".to_owned()]));
        assert_eq!(slowest("{}"), None);
    }
}
