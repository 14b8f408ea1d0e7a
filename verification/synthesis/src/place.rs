//! A block placed and routed for ECP5 by the pinned nextpnr: the clock it reaches.

use std::path::Path;
use std::process::Command;

use myelin_bitstream::Tools;
use myelin_programs::run;
use serde::{Deserialize, Serialize};

use crate::family::Family;
use crate::subject::Subject;
use crate::yosys::{SynthesisError, Yosys, folder, read};

/// The device: the largest of the slowest grade, in a package with pins for every port.
const DEVICE: [&str; 5] = ["--85k", "--package", "CABGA756", "--speed", "6"];

/// What came out of placing and routing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Placed {
    /// The block.
    pub block: String,
    /// The cell or core it is a part of.
    pub of: String,
    /// The device.
    pub device: String,
    /// MHz that the clock reaches, by nextpnr's timing after routing.
    pub clock_mhz: f64,
    /// Where the slowest path from clock to clock begins and ends: cells, named for their signals.
    pub slowest: Option<[String; 2]>,
    /// MHz that were asked for.
    pub target_mhz: u32,
    /// Seed of the placer.
    pub seed: u32,
}

/// Synthesises a block for ECP5, then places and routes it once for each seed.
///
/// # Errors
/// If a tool is missing, fails or answers something unexpected.
pub fn place(yosys: &Yosys, subject: &Subject, target_mhz: u32, seeds: &[u32]) -> Result<Vec<Placed>, SynthesisError> {
    let folder = folder()?;
    yosys.synthesise(&subject.design, Family::Ecp5, "write_json netlist.json", folder.path())?;
    seeds.iter().map(|&seed| route(folder.path(), subject, target_mhz, seed)).collect()
}

/// Places and routes the netlist in a folder.
fn route(folder: &Path, subject: &Subject, target_mhz: u32, seed: u32) -> Result<Placed, SynthesisError> {
    let mut command = Command::new(Tools::find()?.program("nextpnr-ecp5"));
    command.current_dir(folder).args(["--quiet", "--json", "netlist.json", "--report", "report.json"]);
    command.args(DEVICE).args(["--freq", &target_mhz.to_string(), "--seed", &seed.to_string(), "--timing-allow-fail"]);
    run(&mut command)?;
    let report = read(&folder.join("report.json"))?;
    let clock_mhz = achieved(&report).map_err(|reason| SynthesisError::Answer {
        program: "nextpnr-ecp5",
        subject: subject.describe(),
        reason,
    })?;
    let (block, of, device) = (subject.block.to_owned(), subject.of.clone(), "LFE5U-85F-6".to_owned());
    Ok(Placed { block, of, device, clock_mhz, slowest: slowest(&report), target_mhz, seed })
}

/// The runs of an earlier report with new ones, which take the places of those of the same block, clock and seed.
pub fn merged(earlier: Vec<Placed>, new: Vec<Placed>) -> Vec<Placed> {
    let key = |run: &Placed| (run.block.clone(), run.of.clone(), run.device.clone(), run.target_mhz, run.seed);
    let mut all = earlier;
    all.retain(|old| new.iter().all(|run| key(run) != key(old)));
    all.extend(new);
    all.sort_by_key(key);
    all
}

/// The runs as a table.
pub fn placed_table(all: &[Placed]) -> String {
    let mut text =
        "Placed and routed by nextpnr: paths from clock to clock, not those to and from ports\n\n".to_owned();
    text += "| block | of | device | asked for, MHz | seed | reached, MHz |\n|---|---|---|---:|---:|---:|\n";
    for Placed { block, of, device, target_mhz, seed, clock_mhz, .. } in all {
        text += &format!("| {block} | {of} | {device} | {target_mhz} | {seed} | {clock_mhz:.1} |\n");
    }
    text
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
    fn a_run_made_again_takes_the_place_of_the_earlier_one() {
        let run = |block: &str, seed: u32, clock_mhz: f64| Placed {
            block: block.to_owned(),
            of: "SipHash-2-4".to_owned(),
            device: "LFE5U-85F-6".to_owned(),
            clock_mhz,
            slowest: None,
            target_mhz: 140,
            seed,
        };
        let all = merged(vec![run("b", 1, 100.0), run("b", 2, 101.0)], vec![run("b", 1, 141.0), run("a", 3, 142.0)]);
        let found: Vec<(&str, u32, f64)> =
            all.iter().map(|run| (run.block.as_str(), run.seed, run.clock_mhz)).collect();
        assert_eq!(found, [("a", 3, 142.0), ("b", 1, 141.0), ("b", 2, 101.0)]);
        assert!(placed_table(&all).ends_with("| b | SipHash-2-4 | LFE5U-85F-6 | 140 | 2 | 101.0 |\n"));
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
