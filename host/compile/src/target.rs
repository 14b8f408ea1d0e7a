//! Boards that programs are compiled and timed for: architecture, clock and memory under one name.
//!
//! ```text
//! card-u50 | card-a10 | stick-ecp5 | stick-up5k | custom  [,<parameter>=<value>]...
//! ```
//! The parameters change what the name stands for; `custom` alone is one 16x16 cell with ideal memory.
//!
//! | parameter | meaning |
//! |---|---|
//! | `cells` | cells, a power of two |
//! | `rows`, `columns` | sides of each cell's array |
//! | `precision` | `int6` or `int8` |
//! | `lanes` | bytes of a beat and lanes of a scratchpad word |
//! | `activations` | lanes of the activation scratchpad |
//! | `weights`, `biases` | words of the weight scratchpad and of the bias memory |
//! | `accumulators` | pixels in each half of the accumulators |
//! | `instructions` | instructions that instruction memory holds |
//! | `clock` | MHz |
//! | `pack` | the multiplier that the PEs are packed for, as `dsp48e2`; `plain` unless stated ([`MultiplierStyle`]) |
//! | `memory` | a [`MemoryModel`]: `hbm`, `ddr4`, `2000/3:120:60` ... |
//!
//! ```
//! use myelin_compile::Target;
//!
//! let target: Target = "card-u50,cells=8".parse()?;
//! assert_eq!(target.architecture.cells(), 8);
//! assert_eq!("card-u50".parse::<Target>()?.to_string(), "card-u50");
//! assert_eq!(target.to_string().parse::<Target>()?, target);
//! # Ok::<(), myelin_compile::TargetError>(())
//! ```

use crate::memory::{MemoryModel, ParseMemoryError};
use core::fmt;
use core::str::FromStr;
use myelin_isa::{Architecture, ArchitectureError, MultiplierStyle, Precision, UnknownMultiplier};
use thiserror::Error;

/// What a program is compiled and timed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The cells.
    pub architecture: Architecture,
    /// Their clock.
    pub clock_mhz: u32,
    /// What they share.
    pub memory: MemoryModel,
}

/// Text that is no target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TargetError {
    /// The first word is not the name of a target.
    #[error("no target is called {found:?}, expected card-u50, card-a10, stick-ecp5, stick-up5k or custom")]
    Name {
        /// What stands there.
        found: String,
    },
    /// Not a parameter with a value.
    #[error(
        "target parameter {found:?}, expected cells, rows, columns, precision, lanes, activations, weights, biases, \
         accumulators, instructions, pack, clock or memory, each as in cells=4"
    )]
    Parameter {
        /// What stands there.
        found: String,
    },
    /// A value that is none.
    #[error("target parameter {parameter}: {found:?}, expected {expected}")]
    Value {
        /// Of which parameter.
        parameter: String,
        /// What stands there.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// A memory that is none.
    #[error(transparent)]
    Memory(#[from] ParseMemoryError),
    /// Parameters that no architecture has.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
}

/// Everything a target says, before it is checked.
#[derive(Clone, Copy)]
struct Parameters {
    cells: u32,
    rows: u32,
    columns: u32,
    precision: Precision,
    lanes: Option<u32>,
    activations: u32,
    weights: Option<u32>,
    biases: u32,
    accumulators: u32,
    instructions: u32,
    multiplier: MultiplierStyle,
    clock: u32,
    memory: MemoryModel,
}

/// A card for a data centre: 16 cells and high-bandwidth memory.
const CARD_U50: Parameters = Parameters {
    cells: 16,
    rows: 16,
    columns: 16,
    precision: Precision::Int8,
    lanes: Some(32),
    activations: 512 << 10,
    weights: Some(2048),
    biases: 1024,
    accumulators: 512,
    instructions: 1024,
    multiplier: MultiplierStyle::Plain,
    clock: 300,
    memory: MemoryModel::HBM,
};

/// A card with two channels of DDR4 and a third of the memory on chip.
const CARD_A10: Parameters = Parameters {
    lanes: Some(16),
    activations: 256 << 10,
    weights: Some(1024),
    biases: 256,
    accumulators: 256,
    instructions: 512,
    clock: 250,
    memory: MemoryModel::DDR4,
    ..CARD_U50
};

/// A stick with one cell and a DDR3 chip.
const STICK_ECP5: Parameters = Parameters {
    cells: 1,
    activations: 128 << 10,
    weights: Some(2048),
    clock: 80,
    memory: MemoryModel::DDR3,
    ..CARD_A10
};

/// A stick with the smallest cell and nothing but flash behind it.
const STICK_UP5K: Parameters = Parameters {
    rows: 4,
    columns: 4,
    lanes: Some(4),
    activations: 64 << 10,
    weights: Some(8192),
    biases: 128,
    accumulators: 128,
    instructions: 256,
    clock: 24,
    memory: MemoryModel::SPI,
    ..STICK_ECP5
};

/// A cell alone, its memories as [`Architecture::new`] makes them.
const CUSTOM: Parameters = Parameters {
    cells: 1,
    lanes: None,
    activations: 32 << 10,
    weights: None,
    biases: 256,
    accumulators: 256,
    instructions: 1024,
    clock: 100,
    memory: MemoryModel::IDEAL,
    ..CARD_U50
};

const NAMED: [(&str, Parameters); 4] =
    [("card-u50", CARD_U50), ("card-a10", CARD_A10), ("stick-ecp5", STICK_ECP5), ("stick-up5k", STICK_UP5K)];

impl Target {
    /// The names there are, besides `custom`.
    pub const NAMES: [&str; 4] = ["card-u50", "card-a10", "stick-ecp5", "stick-up5k"];

    /// The targets with a name, in the order of [`Target::NAMES`].
    pub fn named() -> [Target; 4] {
        NAMED.map(|(_, parameters)| parameters.build().expect("invariant: the named targets are legal"))
    }

    /// Cells of which no more is known: the first named target that has them, else those of `custom`.
    pub fn of(architecture: Architecture) -> Target {
        let named = Target::named().into_iter().find(|target| target.architecture == architecture);
        named.unwrap_or(Target { architecture, clock_mhz: CUSTOM.clock, memory: CUSTOM.memory })
    }

    /// Milliseconds of so many cycles.
    pub fn milliseconds(&self, cycles: u64) -> f64 {
        cycles as f64 / (f64::from(self.clock_mhz) * 1e3)
    }
}

impl Parameters {
    fn build(self) -> Result<Target, ArchitectureError> {
        let mut architecture = Architecture::new(self.rows, self.columns, self.precision)?.with_cells(self.cells)?;
        if let Some(lanes) = self.lanes {
            architecture = architecture.with_lanes(lanes)?;
        }
        if let Some(weights) = self.weights {
            architecture = architecture.with_weight_words(weights)?;
        }
        let architecture = architecture
            .with_activation_lanes(self.activations)?
            .with_bias_words(self.biases)?
            .with_accumulator_depth(self.accumulators)?
            .with_instruction_depth(self.instructions)?
            .with_multiplier(self.multiplier);
        Ok(Target { architecture, clock_mhz: self.clock, memory: self.memory })
    }

    fn set(&mut self, parameter: &str, value: &str) -> Result<(), TargetError> {
        let bad = |expected| {
            let (parameter, found) = (parameter.to_owned(), value.to_owned());
            TargetError::Value { parameter, found, expected }
        };
        let number = || value.parse::<u32>().ok().filter(|&n| n > 0).ok_or_else(|| bad("a positive number"));
        match parameter {
            "cells" => self.cells = number()?,
            "rows" => self.rows = number()?,
            "columns" => self.columns = number()?,
            "lanes" => self.lanes = Some(number()?),
            "activations" => self.activations = number()?,
            "weights" => self.weights = Some(number()?),
            "biases" => self.biases = number()?,
            "accumulators" => self.accumulators = number()?,
            "instructions" => self.instructions = number()?,
            "clock" => self.clock = number()?,
            "pack" => self.multiplier = value.parse().map_err(|_| bad(UnknownMultiplier::EXPECTED))?,
            "memory" => self.memory = value.parse()?,
            "precision" => {
                let named = [Precision::Int6, Precision::Int8].into_iter().find(|named| named.to_string() == value);
                self.precision = named.ok_or_else(|| bad("int6 or int8"))?;
            }
            _ => return Err(TargetError::Parameter { found: format!("{parameter}={value}") }),
        }
        Ok(())
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let mut words = text.split(',');
        let name = words.next().unwrap_or_default();
        let known = NAMED.iter().find(|(known, _)| *known == name).map(|&(_, parameters)| parameters);
        let mut parameters = match known {
            Some(parameters) => parameters,
            None if name == "custom" => CUSTOM,
            None => return Err(TargetError::Name { found: name.to_owned() }),
        };
        for word in words {
            let (parameter, value) =
                word.split_once('=').ok_or_else(|| TargetError::Parameter { found: word.to_owned() })?;
            parameters.set(parameter, value)?;
        }
        Ok(parameters.build()?)
    }
}

impl fmt::Display for Target {
    /// Its name if it has one, else `custom` with every parameter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = Target::named().iter().position(|named| named == self) {
            return f.write_str(Target::NAMES[index]);
        }
        let a = &self.architecture;
        write!(f, "custom,cells={},rows={},columns={},precision={}", a.cells(), a.rows(), a.columns(), a.precision())?;
        write!(f, ",lanes={},activations={},weights={}", a.lanes(), a.activation_lanes(), a.weight_words())?;
        write!(f, ",biases={},accumulators={}", a.bias_words(), a.accumulator_depth())?;
        write!(f, ",instructions={}", a.instruction_depth())?;
        if a.multiplier() != MultiplierStyle::Plain {
            write!(f, ",pack={}", a.multiplier())?;
        }
        write!(f, ",clock={},memory={}", self.clock_mhz, self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_targets_are_printed_as_they_are_read() {
        for (name, target) in Target::NAMES.into_iter().zip(Target::named()) {
            assert_eq!(name.parse(), Ok(target));
            assert_eq!(target.to_string(), name);
        }
        let macs = Target::named().map(|target| target.architecture.macs());
        assert_eq!(macs, [4096, 4096, 256, 16]);
    }

    #[test]
    fn any_target_is_printed_as_it_is_read() {
        for text in [
            "custom",
            "custom,rows=8,columns=32,precision=int6,lanes=64,clock=7",
            "card-u50,pack=dsp48e2",
            "card-u50,cells=4,memory=1/3:9:8,accumulators=64",
            "stick-up5k,activations=128,weights=16,biases=2,instructions=16",
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string().parse(), Ok(target), "{text}");
        }
        assert_eq!(
            "stick-ecp5,cells=2".parse::<Target>().unwrap().to_string(),
            "custom,cells=2,rows=16,columns=16,precision=int8,lanes=16,activations=131072,weights=2048,biases=256,\
             accumulators=256,instructions=512,clock=80,memory=ddr3"
        );
    }

    #[test]
    fn what_is_no_target_is_named() {
        let error = |text: &str| text.parse::<Target>().unwrap_err().to_string();
        for (text, part) in [
            ("card-u51", "no target is called \"card-u51\""),
            ("custom,cells", "target parameter \"cells\""),
            ("custom,sells=1", "target parameter \"sells=1\""),
            ("custom,cells=0", "cells: \"0\", expected a positive number"),
            ("custom,precision=int7", "precision: \"int7\", expected int6 or int8"),
            ("custom,pack=dsp58", "pack: \"dsp58\", expected plain, dsp48e2"),
            ("custom,memory=tape", "memory \"tape\""),
            ("custom,cells=3", "cells"),
            ("card-u50,rows=4,columns=4", "lanes"),
        ] {
            assert!(error(text).contains(part), "{text}: {}", error(text));
        }
    }

    #[test]
    fn cycles_become_milliseconds_by_the_clock() {
        assert_eq!(Target::named()[0].milliseconds(600_000), 2.0);
    }
}
