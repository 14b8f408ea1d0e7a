//! The specification hash: one number that a design, its programs and its driver must agree on.
//!
//! It covers every opcode, field position, register address and descriptor index, and all
//! parameters of the cell. What it cannot see is meaning: [`VERSION`] stands for that.

use core::fmt::{self, Write};

use sha2::{Digest, Sha256};

use crate::instruction::{Unit, WeightTarget, encoding, opcode};
use crate::registers::{array_descriptor, post_descriptor, register, transfer_descriptor};
use crate::{Architecture, Precision};

/// Raised by one whenever an instruction or a register comes to mean something else while all its
/// numbers stay.
pub const VERSION: u32 = 3;

/// Declares a module of named constants of one type, and a table of them for the specification.
macro_rules! constants {
    (
        $(#[$module_doc:meta])*
        pub mod $module:ident: $ty:ty {
            $($(#[$doc:meta])* $name:ident = $value:expr;)*
        }
    ) => {
        $(#[$module_doc])*
        pub mod $module {
            $($(#[$doc])* pub const $name: $ty = $value;)*
            /// All of them, with their names.
            pub(crate) const ALL: &[(&str, $ty)] = &[$((stringify!($name), $name)),*];
        }
    };
}
pub(crate) use constants;

/// The first 64 bits, big-endian, of SHA-256 over the text that [`write`] writes.
pub(crate) fn hash(architecture: &Architecture) -> u64 {
    let mut sink = Hasher(Sha256::new());
    write(&mut sink, architecture).expect("invariant: hashing cannot fail");
    let digest = sink.0.finalize();
    digest.iter().take(8).fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

/// The specification as text, a line for each number.
fn write(out: &mut dyn Write, architecture: &Architecture) -> fmt::Result {
    writeln!(out, "version {VERSION}")?;
    table(out, "opcode", opcode::ALL)?;
    table(out, "encoding", encoding::ALL)?;
    table(out, "unit", &Unit::ALL.map(|unit| (unit, unit as u32)))?;
    table(out, "target", &WeightTarget::ALL.map(|target| (target, target as u32)))?;
    table(out, "register", register::ALL)?;
    table(out, "array", array_descriptor::ALL)?;
    table(out, "post", post_descriptor::ALL)?;
    table(out, "transfer", transfer_descriptor::ALL)?;
    table(out, "queue", &[("depth", Architecture::QUEUE_DEPTH), ("stamps", Architecture::STAMP_DEPTH)])?;
    // Debug names every field, so that a new parameter cannot be forgotten.
    let planes = [Precision::Int6, Precision::Int8].map(|precision| (precision, precision.planes()));
    table(out, "planes", &planes)?;
    writeln!(out, "{architecture:?}")
}

fn table(out: &mut dyn Write, kind: &str, entries: &[(impl fmt::Debug, impl fmt::Debug)]) -> fmt::Result {
    entries.iter().try_for_each(|(name, value)| writeln!(out, "{kind} {name:?} {value:?}"))
}

/// The specification of an edge-trimming core as text.
pub(crate) fn write_core(out: &mut dyn Write, registers: &[(&str, u32)], core: &impl fmt::Debug) -> fmt::Result {
    writeln!(out, "cuckoo version {VERSION}")?;
    table(out, "register", registers)?;
    writeln!(out, "{core:?}")
}

pub(crate) struct Hasher(pub(crate) Sha256);

impl Write for Hasher {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;
    use std::string::String;

    use super::*;
    use crate::MultiplierStyle;

    fn text(architecture: &Architecture) -> String {
        let mut text = String::new();
        write(&mut text, architecture).unwrap();
        text
    }

    #[test]
    fn the_text_names_every_kind_of_number_once() {
        let text = text(&Architecture::new(8, 8, Precision::Int8).unwrap());
        for line in [
            "opcode \"CONV\" 3",
            "encoding \"WAIT\" (4, 4)",
            "unit Post 2",
            "register \"START\" 16",
            "array \"X_LIMIT\" 8",
            "post \"REQUANTISE\" 13",
        ] {
            assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line}");
        }
        let lines: BTreeSet<&str> = text.lines().collect();
        assert_eq!(lines.len(), text.lines().count());
    }

    #[test]
    fn every_parameter_of_the_cell_changes_the_hash() {
        let cell = Architecture::new(8, 8, Precision::Int8).unwrap();
        let others = [
            Architecture::new(8, 12, Precision::Int8),
            Architecture::new(12, 8, Precision::Int8),
            Architecture::new(8, 8, Precision::Int6),
            cell.with_activation_lanes(1 << 16),
            cell.with_weight_words(64),
            cell.with_bias_words(64),
            cell.with_accumulator_depth(64),
            cell.with_instruction_depth(64),
            cell.with_cells(4),
            cell.with_lanes(16),
            Ok(cell.with_multiplier(MultiplierStyle::Dsp48e2)),
        ];
        let hashes: BTreeSet<u64> =
            others.into_iter().map(|other| other.unwrap().specification()).chain([cell.specification()]).collect();
        assert_eq!(hashes.len(), 12);
    }
}
