//! Cover points and toggles of register bits, and their report.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::simulator::Cover;
use crate::wave::stem;

/// What has happened to the bits of a register.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RegisterToggles {
    /// Path of the instance, then the register's name.
    pub path: String,
    /// Bits it has.
    pub width: u32,
    /// Mask of the bits that never went from 0 to 1; in JSON the list of their positions.
    #[serde(serialize_with = "positions")]
    pub never_rose: u64,
    /// Mask of the bits that never went from 1 to 0; in JSON the list of their positions.
    #[serde(serialize_with = "positions")]
    pub never_fell: u64,
}

impl RegisterToggles {
    /// Bits that did both.
    pub fn toggled_bits(&self) -> u32 {
        self.width - (self.never_rose | self.never_fell).count_ones()
    }
}

/// What a run has met. As text a table of what it has not; as JSON (through [`Serialize`]) everything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Coverage {
    /// Edges looked at for toggles; those in reset do not count.
    pub cycles: u64,
    /// All cover points.
    pub covers: Vec<Cover>,
    /// The registers asked for, in the order of the hierarchy; none if toggles are not covered.
    pub registers: Vec<RegisterToggles>,
}

impl Coverage {
    /// Cover points met at least once.
    pub fn covers_met(&self) -> usize {
        self.covers.iter().filter(|cover| cover.hits > 0).count()
    }

    /// Bits of the registers asked for.
    pub fn bits(&self) -> u64 {
        self.registers.iter().map(|register| u64::from(register.width)).sum()
    }

    /// Bits that rose and fell.
    pub fn toggled_bits(&self) -> u64 {
        self.registers.iter().map(|register| u64::from(register.toggled_bits())).sum()
    }
}

/// Paths that differ in the numbers of their instances only, as one: `array.pe_*.weight_q`.
fn family(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('.').collect();
    let name = parts.pop().unwrap_or_default();
    let mut family = String::new();
    for part in parts {
        let stem = stem(part);
        family += stem;
        family += if stem.len() < part.len() { "_*." } else { "." };
    }
    family + name
}

/// Positions of bits, neighbours as ranges: `7:4,0`.
fn ranges(mask: u64) -> String {
    let mut texts = Vec::new();
    let mut left = mask;
    while left != 0 {
        let high = 63 - left.leading_zeros();
        let mut low = high;
        while low > 0 && left >> (low - 1) & 1 == 1 {
            low -= 1;
        }
        texts.push(if high == low { high.to_string() } else { format!("{high}:{low}") });
        left &= (1 << low) - 1;
    }
    if texts.is_empty() { "-".to_owned() } else { texts.join(",") }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cover points met: {} of {}", self.covers_met(), self.covers.len())?;
        let mut covers: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for cover in &self.covers {
            let (instances, hits) = covers.entry(family(&cover.path)).or_default();
            *instances += 1;
            *hits += cover.hits;
        }
        let width = covers.keys().map(String::len).max().unwrap_or(0).max("cover point".len());
        if !covers.is_empty() {
            writeln!(f, "\n{:<width$}  {:>9}  {:>12}", "cover point", "instances", "hits")?;
        }
        for (path, (instances, hits)) in &covers {
            writeln!(f, "{path:<width$}  {instances:>9}  {hits:>12}")?;
        }
        if self.registers.is_empty() {
            return Ok(());
        }
        let (toggled, bits) = (self.toggled_bits(), self.bits());
        writeln!(f, "\nregister bits that rose and fell: {toggled} of {bits} in {} cycles", self.cycles)?;
        let mut missing: BTreeMap<(String, u64, u64), usize> = BTreeMap::new();
        for register in self.registers.iter().filter(|register| register.toggled_bits() < register.width) {
            *missing.entry((family(&register.path), register.never_rose, register.never_fell)).or_default() += 1;
        }
        if missing.is_empty() {
            return Ok(());
        }
        let rows: Vec<[String; 4]> = missing
            .into_iter()
            .map(|((path, rose, fell), count)| [path, count.to_string(), ranges(rose), ranges(fell)])
            .collect();
        let header = ["register", "instances", "never rose, bits", "never fell, bits"];
        let widest = |column: usize| rows.iter().map(|row| row[column].len()).chain([header[column].len()]).max();
        let widths = [0, 1, 2].map(|column| widest(column).unwrap_or(0));
        writeln!(f)?;
        for row in std::iter::once(header).chain(rows.iter().map(|row| row.each_ref().map(String::as_str))) {
            let [path, count, rose, fell] = row;
            let [first, second, third] = widths;
            writeln!(f, "{path:<first$}  {count:>second$}  {rose:<third$}  {fell}")?;
        }
        Ok(())
    }
}

fn positions<S: Serializer>(mask: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq((0..64).filter(|bit| mask >> bit & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::{family, ranges};

    #[test]
    fn bits_are_listed_as_ranges_from_the_top() {
        assert_eq!([0, 1, 0b1111_0001, u64::MAX, 1 << 63].map(ranges), ["-", "0", "7:4,0", "63:0", "63"]);
    }

    #[test]
    fn instances_of_an_array_are_one_family() {
        assert_eq!(family("cell.array_0.pe_3_12.weight_q"), "cell.array_*.pe_*.weight_q");
        assert_eq!(family("cell.lane_0_q"), "cell.lane_0_q");
    }
}
