//! What was measured, as a table for people and as JSON for programs.

use std::fmt;

use serde::Serialize;

/// Version of the JSON's shape.
pub const SCHEMA: u32 = 1;

/// One run of the benchmark.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Verilator and C++ compiler.
    pub verilator: String,
    /// The machine's processor.
    pub processor: String,
    /// Processes that wanted to run, at the beginning and at the end (averages of a minute).
    pub load: [f64; 2],
    /// Everything measured.
    pub sections: Vec<Section>,
    /// What was wanted, and whether it was reached.
    pub targets: Vec<Target>,
}

/// Measurements that belong together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Section {
    /// What was measured.
    pub title: String,
    /// Head of each column; units included.
    pub head: Vec<String>,
    /// Cells, as many a line as there are heads.
    pub lines: Vec<Vec<Cell>>,
    /// What holds for all lines.
    pub notes: Vec<String>,
}

/// One cell of a table.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A count, grouped by thousands.
    Count(f64),
    /// A number with so many digits behind the point.
    Number(f64, usize),
    /// Nothing to say.
    Empty,
}

/// Which side of the wanted number is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// At least so much.
    AtLeast,
    /// Less than so much.
    Below,
}

/// A number that was wanted.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// Of what.
    pub what: String,
    /// Which side is good.
    pub side: Side,
    /// The number.
    pub wanted: f64,
    /// What was measured.
    pub found: f64,
    /// Behind the numbers: `x`, `s`.
    pub unit: &'static str,
    /// Whether it is on the good side.
    pub met: bool,
}

impl Target {
    /// Judges a measurement.
    pub fn new(what: impl Into<String>, side: Side, wanted: f64, found: f64, unit: &'static str) -> Target {
        let met = match side {
            Side::AtLeast => found >= wanted,
            Side::Below => found < wanted,
        };
        Target { what: what.into(), side, wanted, found, unit, met }
    }
}

impl Section {
    /// An empty table.
    pub fn new(title: impl Into<String>, head: &[&str]) -> Section {
        Section { title: title.into(), head: head.iter().map(|&head| head.to_owned()).collect(), ..Section::default() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl Cell {
    fn is_number(&self) -> bool {
        matches!(self, Cell::Count(_) | Cell::Number(..))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Text(text) => f.write_str(text),
            Cell::Count(value) => f.write_str(&grouped(*value)),
            Cell::Number(value, digits) => write!(f, "{value:.digits$}"),
            Cell::Empty => Ok(()),
        }
    }
}

/// `1234567.8` as `1,234,568`.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with three significant digits: `34.9`, `0.0123`, `1,230`.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    // Scientific notation rounds to significant digits, and so knows the place of the first one.
    let scientific = format!("{value:.2e}");
    let (_, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    let place: i32 = exponent.parse().expect("the exponent is a number");
    let rounded: f64 = scientific.parse().expect("what was just formatted is a number");
    match usize::try_from(2 - place) {
        Ok(decimals) => format!("{rounded:.decimals$}"),
        Err(_) => grouped(rounded),
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let lines: Vec<Vec<String>> =
            self.lines.iter().map(|line| line.iter().map(Cell::to_string).collect()).collect();
        let widths: Vec<usize> = (self.head.iter().enumerate())
            .map(|(column, head)| {
                let cells = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count());
                cells.chain([head.chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let right: Vec<bool> = (0..self.head.len())
            .map(|column| self.lines.iter().any(|line| line.get(column).is_some_and(Cell::is_number)))
            .collect();
        let print = |f: &mut fmt::Formatter<'_>, cells: &[String]| {
            let mut line = String::new();
            for ((cell, &width), &right) in cells.iter().zip(&widths).zip(&right) {
                let cell = if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
                line = line + "  " + &cell;
            }
            writeln!(f, "{}", line.trim_end())
        };
        print(f, &self.head)?;
        lines.iter().try_for_each(|line| print(f, line))?;
        self.notes.iter().try_for_each(|note| writeln!(f, "  ({note})"))
    }
}

/// The targets as a table.
pub fn targets(targets: &[Target]) -> Section {
    let mut section = Section::new("Targets", &["target", "wanted", "found", "met"]);
    for target in targets {
        let side = match target.side {
            Side::AtLeast => ">=",
            Side::Below => "<",
        };
        section.lines.push(vec![
            target.what.as_str().into(),
            format!("{side} {} {}", target.wanted, target.unit).into(),
            format!("{} {}", short(target.found), target.unit).into(),
            if target.met { "yes" } else { "NO" }.into(),
        ]);
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_numbers_stand_right() {
        let mut section = Section::new("speed", &["who", "cycles/s"]);
        section.lines.push(vec!["a".into(), Cell::Count(1_234_567.0)]);
        section.lines.push(vec!["longer".into(), Cell::Count(12.0)]);
        let expected = "speed\n  who      cycles/s\n  a       1,234,567\n  longer         12\n";
        assert_eq!(section.to_string(), expected);
    }

    #[test]
    fn found_numbers_have_three_significant_digits() {
        for (value, text) in [
            (34.946, "34.9"),
            (9.996, "10.0"),
            (2.572, "2.57"),
            (0.004_567, "0.00457"),
            (123.4, "123"),
            (1_234.0, "1,230"),
            (0.0, "0"),
        ] {
            assert_eq!(short(value), text);
        }
        let listed = targets(&[Target::new("speed", Side::AtLeast, 25.0, 19.449, "x")]).to_string();
        assert!(listed.contains("19.4 x") && listed.contains(">= 25 x"), "{listed}");
    }

    #[test]
    fn a_target_is_met_on_its_good_side_only() {
        assert!(Target::new("speed", Side::AtLeast, 10.0, 10.0, "x").met);
        assert!(!Target::new("speed", Side::AtLeast, 10.0, 9.9, "x").met);
        assert!(!Target::new("time", Side::Below, 0.3, 0.3, "s").met);
    }
}
