//! Cells counted by Yosys, and multipliers held against the packing's promise.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::family::{Family, Kind};
use crate::subject::Subject;
use crate::yosys::{SynthesisError, Yosys, folder, read};

/// Version of the JSON's layout.
const SCHEMA_VERSION: u32 = 1;

/// Whether a block has as many multipliers as its packing promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// Exactly as many.
    Kept,
    /// Fewer or more.
    Broken,
}

/// What one block takes in one family.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Resources {
    /// The Yosys that counted.
    pub yosys: String,
    /// The family.
    pub family: String,
    /// The block.
    pub block: String,
    /// The cell or core it is a part of.
    pub of: String,
    /// The multiplier it is written for.
    pub multiplier: String,
    /// Multiply-accumulates per cycle.
    pub macs: u32,
    /// Multipliers promised.
    pub multipliers_promised: u32,
    /// Multipliers counted: cells, whatever share of a block each is.
    pub multipliers: u64,
    /// Whether those agree.
    pub promise: Promise,
    /// Look-up tables.
    pub luts: u64,
    /// Carry and arithmetic cells.
    pub carries: u64,
    /// Flip-flops.
    pub flip_flops: u64,
    /// Block memories.
    pub block_memories: u64,
    /// Memories and shift registers made of look-up tables.
    pub lut_memories: u64,
    /// Every cell by its own name.
    pub cells: BTreeMap<String, u64>,
    /// Wall-clock seconds of synthesis.
    pub seconds: f64,
}

impl Resources {
    /// Whether these are the counts of a block in a family, by this Yosys.
    pub fn is_of(&self, yosys: &Yosys, family: Family, subject: &Subject) -> bool {
        let block = (&*self.yosys, &*self.family, &*self.block, &*self.of, &*self.multiplier);
        block == (&*yosys.version, family.name(), subject.block, &*subject.of, subject.multiplier)
    }

    /// Multipliers per multiply-accumulate; `None` where there are none.
    pub fn multipliers_per_mac(&self) -> Option<f64> {
        (self.macs > 0).then(|| self.multipliers as f64 / f64::from(self.macs))
    }
}

/// Synthesises a block and counts its cells.
///
/// # Errors
/// If Yosys refuses it or answers something unexpected.
pub fn resources(yosys: &Yosys, family: Family, subject: &Subject) -> Result<Resources, SynthesisError> {
    let begun = Instant::now();
    let folder = folder()?;
    yosys.synthesise(&subject.design, family, STATISTICS, folder.path())?;
    counted(yosys, family, subject, folder.path(), begun.elapsed().as_secs_f64())
}

/// The passes that leave what [`counted`] reads.
pub(crate) const STATISTICS: &str = "tee -q -o stat.json stat -json";

/// Counts the cells of a block that has been synthesised in a folder.
pub(crate) fn counted(
    yosys: &Yosys,
    family: Family,
    subject: &Subject,
    folder: &Path,
    seconds: f64,
) -> Result<Resources, SynthesisError> {
    let text = read(&folder.join("stat.json"))?;
    let answer = |reason: String| SynthesisError::Answer { program: "yosys", subject: subject.describe(), reason };
    let cells = cells(&text).map_err(answer)?;
    let count = |kind: Kind| {
        let of_kind = cells.iter().filter(|(cell, _)| family.kind(cell) == kind);
        of_kind.map(|(_, count)| count).sum::<u64>()
    };
    let multipliers = count(Kind::Multiplier);
    let kept = multipliers == u64::from(subject.promised);
    Ok(Resources {
        yosys: yosys.version.clone(),
        family: family.name().to_owned(),
        block: subject.block.to_owned(),
        of: subject.of.clone(),
        multiplier: subject.multiplier.to_owned(),
        macs: subject.macs,
        multipliers_promised: subject.promised,
        multipliers,
        promise: if kept { Promise::Kept } else { Promise::Broken },
        luts: count(Kind::Lut),
        carries: count(Kind::Carry),
        flip_flops: count(Kind::FlipFlop),
        block_memories: count(Kind::BlockMemory),
        lut_memories: count(Kind::LutMemory),
        cells,
        seconds,
    })
}

/// The cells in what `stat -json` prints; newer versions have an object for each count.
fn cells(text: &str) -> Result<BTreeMap<String, u64>, String> {
    let begin = text.find('{').ok_or("no JSON")?;
    let value: serde_json::Value = serde_json::from_str(&text[begin..]).map_err(|error| error.to_string())?;
    let counted = &value["design"]["num_cells_by_type"];
    let counted = counted.as_object().ok_or("no design.num_cells_by_type")?;
    let count = |value: &serde_json::Value| value.as_u64().or_else(|| value["count"].as_u64());
    counted
        .iter()
        .map(|(cell, value)| Ok((cell.clone(), count(value).ok_or_else(|| format!("no count of {cell}"))?)))
        .collect()
}

/// The counts as a table for people and for Markdown.
pub fn table(all: &[Resources]) -> String {
    let mut rows: Vec<[String; 12]> = vec![
        [
            "family",
            "block",
            "of",
            "multiplier",
            "MACs",
            "multipliers",
            "promised",
            "per MAC",
            "LUT",
            "carry",
            "FF",
            "memories",
        ]
        .map(str::to_owned),
    ];
    for counted in all {
        let per_mac = counted.multipliers_per_mac().map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        let broken = if counted.promise == Promise::Kept { "" } else { " (!)" };
        rows.push([
            counted.family.clone(),
            counted.block.clone(),
            counted.of.clone(),
            counted.multiplier.clone(),
            counted.macs.to_string(),
            format!("{}{broken}", counted.multipliers),
            counted.multipliers_promised.to_string(),
            per_mac,
            counted.luts.to_string(),
            counted.carries.to_string(),
            counted.flip_flops.to_string(),
            format!("{}+{}", counted.block_memories, counted.lut_memories),
        ]);
    }
    let widths: Vec<usize> =
        (0..12).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let aligned = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0..4 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        _ = writeln!(text, "| {} |", aligned.collect::<Vec<String>>().join(" | "));
        if index == 0 {
            let rules = widths.iter().enumerate().map(|(column, &width)| match column {
                0..4 => "-".repeat(width),
                _ => format!("{}:", "-".repeat(width - 1)),
            });
            _ = writeln!(text, "| {} |", rules.collect::<Vec<String>>().join(" | "));
        }
    }
    text
}

#[derive(Serialize, Deserialize)]
struct Report {
    schema_version: u32,
    resources: Vec<Resources>,
}

/// The counts as JSON.
pub fn json(all: &[Resources]) -> String {
    let report = Report { schema_version: SCHEMA_VERSION, resources: all.to_vec() };
    serde_json::to_string_pretty(&report).expect("invariant: the report's keys are strings")
}

/// What [`json`] wrote.
///
/// # Errors
/// If it is not a report of this version.
pub fn from_json(text: &str) -> Result<Vec<Resources>, SynthesisError> {
    let answer = |reason: String| SynthesisError::Answer {
        program: "resources",
        subject: "an earlier report".to_owned(),
        reason,
    };
    let report: Report = serde_json::from_str(text).map_err(|error| answer(error.to_string()))?;
    match report.schema_version {
        SCHEMA_VERSION => Ok(report.resources),
        other => Err(answer(format!("version {other}, expected {SCHEMA_VERSION}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_both_layouts_of_the_statistics() {
        let old = r#"noise { "design": { "num_cells_by_type": { "DSP48E2": 3, "LUT2": 5 } } }"#;
        let new = r#"{ "design": { "num_cells_by_type": { "DSP48E2": { "count": 3 }, "LUT2": { "count": 5 } } } }"#;
        let expected = BTreeMap::from([("DSP48E2".to_owned(), 3), ("LUT2".to_owned(), 5)]);
        assert_eq!(cells(&old["noise ".len()..]), Ok(expected.clone()));
        assert_eq!(cells(old), Ok(expected.clone()));
        assert_eq!(cells(new), Ok(expected));
        assert!(cells("{}").is_err());
    }
    #[test]
    fn a_report_is_read_as_it_was_written() {
        let counted = Resources {
            yosys: "Yosys 0.70".to_owned(),
            family: "ecp5".to_owned(),
            block: "pe".to_owned(),
            of: "8x8 int8".to_owned(),
            multiplier: "plain".to_owned(),
            macs: 1,
            multipliers_promised: 1,
            multipliers: 1,
            promise: Promise::Kept,
            luts: 8,
            carries: 10,
            flip_flops: 69,
            block_memories: 0,
            lut_memories: 0,
            cells: BTreeMap::from([("LUT4".to_owned(), 8)]),
            seconds: 1.5,
        };
        let text = json(std::slice::from_ref(&counted));
        assert_eq!(from_json(&text).unwrap(), [counted]);
        assert!(from_json(&text.replace("\"schema_version\": 1", "\"schema_version\": 2")).is_err());
    }
}
