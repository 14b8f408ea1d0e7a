//! The designs by name.

use std::fmt;
use std::str::FromStr;

use myelin_driver::Selector;
use myelin_isa::{Architecture, Precision};

/// Depth of a queue unless stated.
const DEPTH_DEFAULT: usize = 16;
/// The deepest queue.
const DEPTH_MAX: usize = 1 << 16;

/// A design that has a bench. Parsing and [`fmt::Display`] are inverses up to defaults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BenchDesign {
    /// The tensor cell, running the digits network of its precision.
    Cell(Architecture),
    /// The queue of this depth.
    Fifo(usize),
    /// The stream register.
    SkidBuffer,
    /// A queue without a guard against a full one: its assertion fails.
    Overflow,
}

impl FromStr for BenchDesign {
    type Err = String;

    fn from_str(text: &str) -> Result<BenchDesign, String> {
        let (kind, parameter) = match text.split_once(':') {
            Some((kind, parameter)) => (kind, Some(parameter)),
            None => (text, None),
        };
        match (kind, parameter) {
            ("cell", Some(parameter)) => match format!("sim:{parameter}").parse() {
                Ok(Selector::Simulated(target)) if target.architecture.cells() == 1 => {
                    Ok(BenchDesign::Cell(target.architecture))
                }
                Ok(Selector::Simulated(_)) => Err("a bench is of one cell".to_owned()),
                Ok(Selector::Cpu(_) | Selector::Golden | Selector::Stick(_)) => {
                    Err("a cell has rows and columns".to_owned())
                }
                Err(error) => Err(error.to_string()),
            },
            ("cell", None) => Err("expected cell:<rows>x<columns>[:int6] as in cell:16x16".to_owned()),
            ("fifo", None) => Ok(BenchDesign::Fifo(DEPTH_DEFAULT)),
            ("fifo", Some(depth)) => match depth.parse::<usize>() {
                Ok(depth) if depth.is_power_of_two() && (2..=DEPTH_MAX).contains(&depth) => {
                    Ok(BenchDesign::Fifo(depth))
                }
                _ => Err(format!("depth is {depth}, expected a power of two from 2 to {DEPTH_MAX}")),
            },
            ("skid_buffer", None) => Ok(BenchDesign::SkidBuffer),
            ("overflow", None) => Ok(BenchDesign::Overflow),
            ("skid_buffer" | "overflow", Some(_)) => Err(format!("{kind} takes no parameter")),
            _ => Err("expected cell:<rows>x<columns>[:int6], fifo[:<depth>], skid_buffer or overflow".to_owned()),
        }
    }
}

impl fmt::Display for BenchDesign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BenchDesign::Cell(cell) => {
                write!(f, "cell:{}x{}", cell.rows(), cell.columns())?;
                match cell.precision() {
                    Precision::Int8 => Ok(()),
                    other => write!(f, ":{other}"),
                }
            }
            BenchDesign::Fifo(depth) => write!(f, "fifo:{depth}"),
            BenchDesign::SkidBuffer => f.write_str("skid_buffer"),
            BenchDesign::Overflow => f.write_str("overflow"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn designs_parse_to_themselves() {
        for text in ["cell:8x8", "cell:12x10:int6", "fifo:16", "skid_buffer", "overflow"] {
            assert_eq!(text.parse::<BenchDesign>().unwrap().to_string(), text);
        }
        assert_eq!("fifo".parse(), Ok(BenchDesign::Fifo(16)));
    }

    #[test]
    fn wrong_designs_are_refused_with_what_is_right() {
        for (text, expected) in [
            ("cell", "cell:<rows>x<columns>"),
            ("cell:3x8", "expected 4 to 32"),
            ("fifo:5", "power of two"),
            ("skid_buffer:2", "no parameter"),
            ("uart", "skid_buffer"),
            ("", "fifo[:<depth>]"),
        ] {
            let message = text.parse::<BenchDesign>().unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
